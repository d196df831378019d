package podcache

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// store is what the reflector fills. The reflector is its only writer; readers hold mu.
type store struct {
	mu    sync.RWMutex
	pods  map[facts.PodKey]*facts.Pod
	nodes map[string][]*facts.Pod // each slice is replaced, never changed

	pool     pool                   // of the writer alone
	observer Observer               // may be nil
	whole    func(*corev1.Pod) bool // may be nil
	synced   chan struct{}
	syncOnce sync.Once

	lately lately

	listenersMu sync.Mutex
	listeners   []func(node string)
}

var _ cache.ReflectorStore = (*store)(nil)

func keyOf(p *facts.Pod) facts.PodKey { return facts.PodKey{Namespace: p.Namespace, Name: p.Name} }

func newStore() *store {
	return &store{
		pods: map[facts.PodKey]*facts.Pod{}, nodes: map[string][]*facts.Pod{}, pool: newPool(), synced: make(chan struct{}),
	}
}

// compactShared is compact for a Pod of a list. The reflector collects all Pods of a list before Replace takes them: until then, too, they
// share their strings.
func (s *store) compactShared(p *corev1.Pod) any {
	compacted := s.compactPod(p)
	if f, candidate := compacted.(*facts.Pod); candidate {
		s.pool.share(f)
	}
	return compacted
}

// compact returns what compactPod makes of a Pod, or has made of a Pod of a list.
func (s *store) compact(obj any) (any, error) {
	switch p := obj.(type) {
	case listed:
		return p.compacted, nil
	case *corev1.Pod:
		return s.compactPod(p), nil
	}
	return nil, fmt.Errorf("%T is not a Pod", obj)
}

// compactPod shows a Pod to the observer and returns the facts of the Pod, or ended if the Pod is no candidate for any killer.
func (s *store) compactPod(p *corev1.Pod) any {
	s.see(p, false)
	if !extract.Candidate(p) {
		return ended{facts.PodKey{Namespace: p.Namespace, Name: p.Name}, string(p.UID)}
	}
	return extract.Pod(p)
}

// Add takes a Pod that the watch has not told of before.
func (s *store) Add(obj any) error { return s.Update(obj) }

// Update takes a Pod as it is now.
func (s *store) Update(obj any) error {
	compacted, err := s.compact(obj)
	if err != nil {
		return err
	}
	p, candidate := compacted.(*facts.Pod)
	if !candidate {
		return s.forget(obj)
	}
	old := s.pods[keyOf(p)]
	if p = s.kept(p); p == old {
		return nil
	}
	s.replace(old, p)
	if s.pool.full() {
		s.pool = poolOf(s.pods)
	}
	return nil
}

// Delete takes a Pod that is gone from the API server.
func (s *store) Delete(obj any) error {
	if p, ok := obj.(*corev1.Pod); ok {
		s.see(p, true)
	}
	return s.forget(obj)
}

// forget no longer holds the Pod of that name.
func (s *store) forget(obj any) error {
	m, err := meta.Accessor(obj)
	if err != nil {
		return fmt.Errorf("deleting from the pod cache: %w", err)
	}
	if old := s.pods[facts.PodKey{Namespace: m.GetNamespace(), Name: m.GetName()}]; old != nil {
		s.replace(old, nil)
	}
	return nil
}

// replace takes one version of a pod for another, either of which may be nil, and tells the listeners.
func (s *store) replace(old, p *facts.Pod) {
	s.mu.Lock()
	if old != nil && (p == nil || old.Node != p.Node) {
		delete(s.pods, keyOf(old))
		s.setNode(old.Node, without(s.nodes[old.Node], old))
	}
	if p != nil {
		s.pods[keyOf(p)] = p
		s.setNode(p.Node, with(s.nodes[p.Node], p))
	}
	s.mu.Unlock()
	if old != nil {
		s.lately.note(old.Node)
		s.tell(old.Node)
	}
	if p != nil && (old == nil || old.Node != p.Node) {
		s.lately.note(p.Node)
		s.tell(p.Node)
	}
}

func (s *store) setNode(name string, pods []*facts.Pod) {
	if len(pods) == 0 {
		delete(s.nodes, name)
		return
	}
	s.nodes[name] = pods
}

// Replace takes all Pods anew, at the start and when the watch was interrupted for too long. What has not changed stays the same
// pointer.
func (s *store) Replace(items []any, _ string) error {
	pods, uids := make(map[facts.PodKey]*facts.Pod, len(items)), make(map[facts.PodKey]string, len(items))
	for _, item := range items {
		compacted, err := s.compact(item)
		if err != nil {
			return err
		}
		switch p := compacted.(type) {
		case ended:
			uids[p.PodKey] = p.uid
		case *facts.Pod:
			uids[keyOf(p)] = p.UID
			pods[keyOf(p)] = s.kept(p)
		}
	}
	s.seeTombstones(uids)
	changed := s.changedBy(pods)
	first := !s.hasSynced()
	s.swap(pods, byNode(pods))
	for _, name := range changed {
		if !first { // the first list says nothing of when pods changed
			s.lately.note(name)
		}
		s.tell(name)
	}
	return nil
}

// kept returns the pod as it will be held: the old pointer if nothing has changed.
func (s *store) kept(p *facts.Pod) *facts.Pod {
	old := s.pods[keyOf(p)]
	carryAtStart(old, p)
	if reflect.DeepEqual(old, p) {
		return old
	}
	s.pool.share(p)
	return p
}

// changedBy returns the sorted names of the nodes that differ once these pods are the ones held.
func (s *store) changedBy(pods map[facts.PodKey]*facts.Pod) []string {
	changed := map[string]bool{}
	for k, p := range pods {
		if s.pods[k] != p {
			changed[p.Node] = true
		}
	}
	for k, old := range s.pods {
		if p := pods[k]; p == nil || p.Node != old.Node {
			changed[old.Node] = true
		}
	}
	return sortedKeys(changed)
}

func byNode(pods map[facts.PodKey]*facts.Pod) map[string][]*facts.Pod {
	nodes := map[string][]*facts.Pod{}
	for _, p := range pods {
		nodes[p.Node] = append(nodes[p.Node], p)
	}
	for name, list := range nodes {
		slices.SortFunc(list, compare)
		nodes[name] = slices.Clone(list) // to size
	}
	return nodes
}

func (s *store) swap(pods map[facts.PodKey]*facts.Pod, nodes map[string][]*facts.Pod) {
	s.mu.Lock()
	s.pods, s.nodes = pods, nodes
	s.mu.Unlock()
	s.pool = poolOf(pods)
	s.syncOnce.Do(func() { close(s.synced) })
}

func (s *store) hasSynced() bool {
	select {
	case <-s.synced:
		return true
	default:
		return false
	}
}

// Resync has nothing to do: facts do not age.
func (*store) Resync() error { return nil }

func (s *store) onChange(f func(string)) {
	s.listenersMu.Lock()
	defer s.listenersMu.Unlock()
	s.listeners = append(slices.Clip(s.listeners), f)
}

func (s *store) tell(node string) {
	s.listenersMu.Lock()
	listeners := s.listeners
	s.listenersMu.Unlock()
	for _, f := range listeners {
		f(node)
	}
}

func compare(a, b *facts.Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// with returns a new list with the pod in its place.
func with(list []*facts.Pod, p *facts.Pod) []*facts.Pod {
	i, found := slices.BinarySearchFunc(list, p, compare)
	rest := list[i:]
	if found {
		rest = rest[1:]
	}
	return slices.Concat(list[:i], []*facts.Pod{p}, rest)
}

// without returns a new list without the pod.
func without(list []*facts.Pod, p *facts.Pod) []*facts.Pod {
	i, found := slices.BinarySearchFunc(list, p, compare)
	if !found {
		return list
	}
	return slices.Concat(list[:i], list[i+1:])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
