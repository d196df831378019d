package facts

// Killed is what memory killers did to the pods of one workload within the last day, as far as the operator saw it.
type Killed struct {
	// Limits are the workload's containers that reached a memory limit, most often killed first.
	Limits []LimitKills
	// Everywhere is the killer that took pods of the workload on most nodes; nil if none did on two nodes.
	Everywhere *KillerOnNodes
}

// LimitKills are the kills of one container at a memory limit.
type LimitKills struct {
	// Container is empty for a kill at the pod's limit that names no container.
	Container string
	Times     int
	// Limit that was reached last, in bytes; 0 if unknown.
	Limit int64
	// Tmpfs is a memory-backed volume of the pod, "" if there is none: its files survive the restart of the container.
	Tmpfs string
	// Advised is the rule whose fix had advised the limit that was reached, "" if none had.
	Advised string
}

// KillerOnNodes is one killer, by the cause that the API names, on several nodes.
type KillerOnNodes struct {
	Cause        string
	Nodes, Kills int
}
