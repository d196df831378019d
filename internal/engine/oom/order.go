package oom

import (
	"cmp"
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// PageSize in bytes. The kernel counts in pages; nodes with larger ones differ in the rounding only.
const PageSize = 4096

// maxScore is the largest oom_score: a process with all of memory and an oom_score_adj of 1000.
const maxScore = 2000

// Victim is one running container in the kernel's order.
type Victim struct {
	*facts.PodState
	// Container is its index in Containers.
	Container int
	Adj       int32
	// Usage is RSS where known, else the working set; 0 if neither is. Swap is what it has swapped out.
	Usage, Swap int64
	UsageKnown  bool
	// Badness in bytes, in the scope of the order; it may be negative.
	Badness int64
}

// ContainerName of the victim.
func (v *Victim) ContainerName() string { return v.Containers[v.Container].Name }

// ContainerKey names the container.
func (v *Victim) ContainerKey() facts.ContainerKey {
	return facts.ContainerKey{Namespace: v.Namespace, Pod: v.Name, Container: v.ContainerName()}
}

// Order returns whom the kernel would kill, first to last, when the scope's limit (bytes; RAM + swap of the
// node, or the limit of a cgroup) is exhausted: every running container, exempt pods too. Ties are broken by
// namespace, pod and container.
func Order(n *facts.Node, limit int64) ([]Victim, error) {
	if n.Capacity <= 0 {
		return nil, ErrNoCapacity
	}
	order := make([]Victim, 0, 2*len(n.Pods))
	for i := range n.Pods {
		p := &n.Pods[i]
		for c := range p.Containers {
			if !p.Containers[c].Running {
				continue
			}
			v, err := Of(p, c, n, limit)
			if err != nil {
				return nil, err
			}
			order = append(order, v)
		}
	}
	return sorted(order), nil
}

// sorted returns the victims in their order. It sorts their badness, and moves each victim once: twice as fast as
// sorting the victims themselves, which are large.
func sorted(vs []Victim) []Victim {
	type key struct {
		badness int64
		victim  int
	}
	keys := make([]key, len(vs))
	for i := range vs {
		keys[i] = key{vs[i].Badness, i}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.badness != b.badness {
			return cmp.Compare(b.badness, a.badness)
		}
		return Compare(&vs[a.victim], &vs[b.victim])
	})
	order := make([]Victim, len(vs))
	for i, k := range keys {
		order[i] = vs[k.victim]
	}
	return order
}

// Compare orders by larger badness first, then by namespace, pod and container.
func Compare(a, b *Victim) int {
	if c := cmp.Compare(b.Badness, a.Badness); c != 0 {
		return c
	}
	if c := facts.CompareNames(a.Pod, b.Pod); c != 0 {
		return c
	}
	return cmp.Compare(a.Container, b.Container)
}

// Clearly reports whether a goes before b by more than the band of the usage, which, other than badness, is a noisy reading.
// The band is facts.Band or a wider one.
func Clearly(a, b *Victim, band func(int64) int64) bool {
	return a.Badness-b.Badness > band(max(a.Usage, b.Usage))
}

// Of is container i of the pod as a victim on that node, in a scope of that limit in bytes.
func Of(p *facts.PodState, i int, n *facts.Node, limit int64) (Victim, error) {
	adj, err := AdjOn(n, p.Pod, i)
	if err != nil {
		return Victim{}, err
	}
	v := Victim{PodState: p, Container: i, Adj: adj}
	if p.Usage != nil {
		u := p.Usage[i]
		v.Usage, v.UsageKnown = rss(u)
		v.Swap = max(u.Swap, 0)
	}
	v.Badness = Badness(v.Usage+v.Swap, adj, limit)
	return v, nil
}

// rss is the resident memory that the kernel weighs; the working set stands in where it is not known.
func rss(u facts.ContainerUsage) (bytes int64, known bool) {
	if u.RSS != facts.Unknown {
		return u.RSS, true
	}
	return max(u.WorkingSet, 0), u.WorkingSet != facts.Unknown
}

// Badness in bytes of a process with that much memory (RSS, swap and page tables): memory plus
// oom_score_adj thousandths of the limit, in whole pages and dividing first, as the kernel does.
func Badness(memory int64, adj int32, limit int64) int64 {
	return badnessPages(memory, adj, limit) * PageSize
}

func badnessPages(memory int64, adj int32, limit int64) int64 {
	return memory/PageSize + int64(adj)*(limit/PageSize/1000)
}

// Score is /proc/PID/oom_score, 0..2000, of a process with that much memory on a node with that much RAM and
// swap, in bytes.
func Score(memory int64, adj int32, total int64) int32 {
	pages := total / PageSize
	if pages <= 0 {
		return 0
	}
	score := (1000 + badnessPages(memory, adj, total)*1000/pages) * 2 / 3
	return int32(min(max(score, 0), maxScore)) // readings may say more than there is
}
