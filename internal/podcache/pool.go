package podcache

import "github.com/killorder/killorder/internal/facts"

// pool holds one copy of every string that pods may share, for as long as any pod does. The unique package would
// forget a string at each garbage collection, since facts hold strings, not its handles: once every pod has been
// replaced, each would take a sixth more.
type pool struct {
	strings map[string]string
	limit   int
}

// minPool is the number of strings below which a pool is not cleaned up.
const minPool = 1024

func newPool() pool { return pool{strings: map[string]string{}, limit: minPool} }

// poolOf returns a pool of nothing but these pods' strings. It only reads them: others may be reading too.
func poolOf(pods map[facts.PodKey]*facts.Pod) pool {
	p := newPool()
	for _, pod := range pods {
		shareable(pod, func(s *string) {
			if _, ok := p.strings[*s]; !ok {
				p.strings[*s] = *s
			}
		})
	}
	p.limit = max(2*len(p.strings), minPool)
	return p
}

// full reports whether more than half of the strings may be those of pods long gone.
func (p *pool) full() bool { return len(p.strings) > p.limit }

// share replaces the strings of a new pod by equal ones of the pool.
func (p *pool) share(pod *facts.Pod) {
	shareable(pod, func(s *string) {
		if shared, ok := p.strings[*s]; ok {
			*s = shared
			return
		}
		p.strings[*s] = *s
	})
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
