package podcache

import (
	"hash/maphash"
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// pool holds one copy of every string that pods may share, for as long as any pod does, and of every list of labels: replicas of a
// workload have the same ones. The unique package would forget a string at each garbage collection, since facts hold strings, not its
// handles: once every pod has been replaced, each would take a sixth more.
type pool struct {
	strings map[string]string
	// labels by their hash. Of two lists with the same hash, one is shared.
	labels map[uint64]facts.Labels
	seed   maphash.Seed
	limit  int
}

// minPool is the number of strings and labels below which a pool is not cleaned up.
const minPool = 1024

func newPool() pool {
	return pool{strings: map[string]string{}, labels: map[uint64]facts.Labels{}, seed: maphash.MakeSeed(), limit: minPool}
}

// poolOf returns a pool of nothing but these pods' strings and labels. It only reads them: others may be reading too.
func poolOf(pods map[facts.PodKey]*facts.Pod) pool {
	p := newPool()
	for _, pod := range pods {
		shareable(pod, func(s *string) {
			if _, ok := p.strings[*s]; !ok {
				p.strings[*s] = *s
			}
		})
		p.like(pod.Labels)
	}
	p.limit = max(2*(len(p.strings)+len(p.labels)), minPool)
	return p
}

// full reports whether more than half of what the pool holds may belong to pods that are gone.
func (p *pool) full() bool { return len(p.strings)+len(p.labels) > p.limit }

// share replaces the strings and labels of a new pod by equal ones of the pool.
func (p *pool) share(pod *facts.Pod) {
	shareable(pod, func(s *string) {
		if shared, ok := p.strings[*s]; ok {
			*s = shared
			return
		}
		p.strings[*s] = *s
	})
	pod.Labels = p.like(pod.Labels)
}

// like returns equal labels of the pool, or these, which the pool then holds.
func (p *pool) like(labels facts.Labels) facts.Labels {
	if len(labels) == 0 {
		return nil
	}
	var h maphash.Hash
	h.SetSeed(p.seed)
	for _, s := range labels {
		maphash.WriteComparable(&h, s)
	}
	held, ok := p.labels[h.Sum64()]
	switch {
	case !ok:
		p.labels[h.Sum64()] = labels
	case slices.Equal(held, labels):
		return held
	}
	return labels
}

// shareable visits all strings of a pod but those that are its own, name and UID.
func shareable(pod *facts.Pod, visit func(*string)) {
	visit(&pod.Namespace)
	visit(&pod.Node)
	visit(&pod.Workload.Kind)
	visit(&pod.Workload.Name)
	for i := range pod.Labels {
		visit(&pod.Labels[i])
	}
	for i := range pod.Containers {
		visit(&pod.Containers[i].Name)
	}
}
