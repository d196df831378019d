package forensics

import (
	"cmp"
	"slices"
	"time"
)

// RepeatedKill is a container that reached a memory limit at least twice.
type RepeatedKill struct {
	Namespace, Workload string
	// Pod is the last one that died so; a workload may have lost several.
	Pod, Container string
	Cause          Cause
	Times          int
	// Limit that was reached last, in bytes.
	Limit int64
	// Tmpfs names memory-backed volumes: their files survive the restart and still count against the limit, so
	// restarts do not help; only deleting the files or the pod does.
	Tmpfs []string
}

// Repeated finds containers that a limit of their own or of their pod killed at least twice, most often killed first.
// Containers of one workload with the same name are one, in whichever of its pods they died.
func Repeated(kills []Record) []RepeatedKill {
	type owner struct{ namespace, workload, pod, container string }
	found := map[owner]*RepeatedKill{}
	for _, r := range once(kills) {
		if r.Cause != CauseContainerLimit && r.Cause != CausePodLimit {
			continue
		}
		o := owner{r.Namespace, r.Workload, "", r.Container}
		if r.Cause == CausePodLimit {
			o.container = "" // whichever container the kernel took, the pod's limit was reached
		}
		if r.Workload == "" {
			o.pod = r.UID
		}
		k := found[o]
		if k == nil {
			k = &RepeatedKill{Namespace: r.Namespace, Workload: r.Workload, Container: o.container}
			found[o] = k
		}
		k.Times++
		k.Pod, k.Cause, k.Tmpfs = r.Pod, r.Cause, r.Tmpfs
		if r.Limit > 0 { // a record from before a restart has none
			k.Limit = r.Limit
		}
	}
	var out []RepeatedKill
	for _, k := range found {
		if k.Times >= 2 {
			out = append(out, *k)
		}
	}
	slices.SortFunc(out, func(a, b RepeatedKill) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload, b.Workload),
			cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Container, b.Container))
	})
	return out
}

// once returns kills oldest first, each death once.
func once(records []Record) []Record {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, compareRecords)
	seen := map[Key]bool{}
	return slices.DeleteFunc(sorted, func(r Record) bool {
		dup := seen[r.Key] || !r.Killed()
		seen[r.Key] = true
		return dup
	})
}

// SameKiller is a workload whose pods one kind of killer takes on several nodes: the workload is in its way
// everywhere, so no node is to blame.
type SameKiller struct {
	Namespace, Workload string
	Cause               Cause
	Nodes               []string
	Kills               int
}

// TakenEverywhere finds workloads whose pods the same killer took on at least two nodes, most nodes first.
func TakenEverywhere(kills []Record) []SameKiller {
	type owner struct {
		namespace, workload string
		cause               Cause
	}
	found := map[owner]*SameKiller{}
	for _, r := range once(kills) {
		if r.Workload == "" || r.Node == "" || r.Cause == CauseUnknown {
			continue
		}
		o := owner{r.Namespace, r.Workload, r.Cause}
		k := found[o]
		if k == nil {
			k = &SameKiller{Namespace: r.Namespace, Workload: r.Workload, Cause: r.Cause}
			found[o] = k
		}
		k.Kills++
		if at, has := slices.BinarySearch(k.Nodes, r.Node); !has {
			k.Nodes = slices.Insert(k.Nodes, at, r.Node)
		}
	}
	var out []SameKiller
	for _, k := range found {
		if len(k.Nodes) >= 2 {
			out = append(out, *k)
		}
	}
	slices.SortFunc(out, func(a, b SameKiller) int {
		return cmp.Or(cmp.Compare(len(b.Nodes), len(a.Nodes)), cmp.Compare(b.Kills, a.Kills), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Cause, b.Cause))
	})
	return out
}

// AdvisedLimit is a memory limit that a fix of ours advised and that was set since.
type AdvisedLimit struct {
	Namespace, Workload string
	// Container is empty for the pod's limit.
	Container string
	Limit     int64 // bytes
	Since     time.Time
}

// FixThatKilled is an advised limit that was then reached.
type FixThatKilled struct {
	AdvisedLimit
	Kill  Record // the first
	Kills int
}

// FixesThatKilled finds advised limits that killed: the limit that was reached is the advised one, and the kill came
// after it was set. The oldest advice comes first.
func FixesThatKilled(kills []Record, advised []AdvisedLimit) []FixThatKilled {
	var out []FixThatKilled
	kills = once(kills)
	for _, a := range advised {
		f := FixThatKilled{AdvisedLimit: a}
		for i := range kills {
			if !a.killed(&kills[i]) {
				continue
			}
			if f.Kills++; f.Kills == 1 {
				f.Kill = kills[i]
			}
		}
		if f.Kills > 0 {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b FixThatKilled) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload, b.Workload),
			cmp.Compare(a.Container, b.Container))
	})
	return out
}

func (a *AdvisedLimit) killed(r *Record) bool {
	pods := a.Container == "" && r.Cause == CausePodLimit
	own := a.Container == r.Container && r.Cause == CauseContainerLimit
	return (pods || own) && a.Namespace == r.Namespace && a.Workload == r.Workload && a.Limit == r.Limit && r.Time.After(a.Since)
}
