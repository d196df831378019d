package bundle

// owned describes the two kinds for consoles.
func owned() []any {
	return []any{
		object{
			"name": "killorderpolicies.killorder.io", "version": "v1alpha1", "kind": "KillOrderPolicy",
			"displayName": "Kill order policy",
			"description": "What counts as critical, and how orders are published; its status is the roll-up of the cluster. " +
				"There is one, named default: the operator creates it, and never changes its spec.",
			"specDescriptors": []any{
				describe("critical", "Critical pods", "Which pods are critical workloads, and when one is at risk.", ""),
				describe("topN", "Ranks shown", "How much of each order the NodeKillOrders show.", "number"),
				describe("usage.source", "Source of readings", "Auto, MetricsAPI or Kubelet.", "text"),
				describe("disabledFindings", "Disabled findings", "Rules that are not reported.", ""),
			},
			"statusDescriptors": []any{
				describe("nodes", "Nodes", "Nodes that the operator has judged.", "text"),
				describe("criticalAtRisk", "Critical pods at risk", "Critical pods among the first to die, with little left.", "text"),
				describe("lastPassAt", "Last pass", "When the operator last judged all nodes.", "text"),
				describe("conditions", "Conditions", "What the operator says of the policy.", "io.kubernetes.conditions"),
			},
			"resources": []any{object{"kind": "NodeKillOrder", "name": "", "version": "v1alpha1"}},
		},
		object{
			"name": "nodekillorders.killorder.io", "version": "v1alpha1", "kind": "NodeKillOrder", "displayName": "Node kill order",
			"description": "Who dies first if this node runs out of memory: by the kubelet's eviction manager, by the kernel's OOM " +
				"killer, and at a container's own limit. The operator keeps one for each Node.",
			"statusDescriptors": []any{
				describe("memory.headroom", "Headroom", "What is left before the kubelet evicts or reports memory pressure.", "text"),
				describe("summary.firstEvicted", "First evicted", "The workload that the kubelet would evict first.", "text"),
				describe("summary.firstOOMKilled", "First OOM-killed", "The workload that the kernel would kill first.", "text"),
				describe("summary.culprit", "Culprit", "The workload whose memory brings the node down.", "text"),
				describe("conditions", "Conditions", "Ready, CriticalAtRisk, WrongVictim, MemoryPressure.", "io.kubernetes.conditions"),
			},
			"resources": []any{object{"kind": "Node", "name": "", "version": "v1"}},
		},
	}
}

func describe(path, name, description, descriptor string) object {
	d := object{"path": path, "displayName": name, "description": description}
	switch descriptor {
	case "":
	case "io.kubernetes.conditions":
		d["x-descriptors"] = []any{"urn:alm:descriptor:" + descriptor}
	default:
		d["x-descriptors"] = []any{"urn:alm:descriptor:com.tectonic.ui:" + descriptor}
	}
	return d
}
