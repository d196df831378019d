package podcache

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// store is the side of the cache that the reflector writes to.
type store struct {
	*Cache
}

var _ toolscache.TransformingStore = store{}

// item is a pod on its way into the cache: what the reflector holds of each while it reads them all. pod is nil
// for one that is no candidate.
type item struct {
	namespace, name string
	pod             *facts.Pod
}

// GetObjectMeta lets client-go name the item.
func (i *item) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: i.namespace, Name: i.name}
}

// Transformer makes the reflector keep items, not Pods, while it reads them all.
func (s store) Transformer() toolscache.TransformFunc {
	return func(object any) (any, error) { return itemOf(object) }
}

func itemOf(object any) (*item, error) {
	switch o := object.(type) {
	case *item:
		return o, nil
	case *corev1.Pod:
		i := &item{namespace: o.Namespace, name: o.Name}
		if extract.Candidate(o) {
			i.pod = extract.Pod(o)
			i.namespace, i.name = i.pod.Namespace, i.pod.Name // let go of the Pod's strings
		}
		return i, nil
	}
	return nil, fmt.Errorf("a %T where a Pod was expected", object)
}

// Add takes a new pod.
func (s store) Add(object any) error { return s.Update(object) }

// Update takes a pod as it is now. The node of a pod never changes.
func (s store) Update(object any) error {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("a %T where a Pod was expected", object)
	}
	if !extract.Candidate(pod) {
		return s.Delete(object)
	}
	now := extract.Pod(pod)
	s.mu.Lock()
	pods := s.byNode[now.Node]
	i, found := find(pods, now)
	if found {
		carryStart(pods[i], now)
		if reflect.DeepEqual(pods[i], now) {
			s.mu.Unlock()
			return nil
		}
		pods = slices.Clone(pods)
		pods[i] = now
	} else {
		pods = slices.Insert(slices.Clip(pods), i, now)
	}
	s.byNode[now.Node] = pods
	s.mu.Unlock()
	s.changed(now.Node)
	return nil
}

// Delete takes a pod that is gone, or finished.
func (s store) Delete(object any) error {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("a %T where a Pod was expected", object)
	}
	s.mu.Lock()
	pods := s.byNode[pod.Spec.NodeName]
	i, found := find(pods, &facts.Pod{Namespace: pod.Namespace, Name: pod.Name})
	if found {
		pods = slices.Delete(slices.Clone(pods), i, i+1)
		if s.byNode[pod.Spec.NodeName] = pods; len(pods) == 0 {
			delete(s.byNode, pod.Spec.NodeName)
		}
	}
	s.mu.Unlock()
	if found {
		s.changed(pod.Spec.NodeName)
	}
	return nil
}

// Replace takes all the pods there are.
func (s store) Replace(objects []any, _ string) error {
	now := map[string][]*facts.Pod{}
	for _, o := range objects {
		i, err := itemOf(o)
		if err != nil {
			return err
		}
		if i.pod != nil {
			now[i.pod.Node] = append(now[i.pod.Node], i.pod)
		}
	}
	s.mu.Lock()
	before := s.byNode
	for node, pods := range now {
		slices.SortFunc(pods, byName)
		for _, pod := range pods {
			if i, found := find(before[node], pod); found {
				carryStart(before[node][i], pod)
			}
		}
		now[node] = slices.Clip(pods)
	}
	s.byNode = now
	s.mu.Unlock()
	s.changed(differing(before, now)...)
	select {
	case <-s.synced:
	default:
		close(s.synced)
	}
	return nil
}

// Resync has nothing to do: nothing is derived from the store.
func (s store) Resync() error { return nil }

func differing(before, now map[string][]*facts.Pod) (nodes []string) {
	for node, pods := range now {
		if !reflect.DeepEqual(before[node], pods) {
			nodes = append(nodes, node)
		}
	}
	for node := range before {
		if _, still := now[node]; !still {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

func find(pods []*facts.Pod, pod *facts.Pod) (int, bool) {
	return slices.BinarySearchFunc(pods, pod, byName)
}

func byName(a, b *facts.Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
