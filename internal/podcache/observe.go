package podcache

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// Sighting is a Pod as the API server sent it, or a part of the Pod (Observe), before the cache makes facts of the Pod.
type Sighting struct {
	// Pod may be read by the observer and must not be changed. Pod is nil for a tombstone: a list no longer has a pod
	// that the cache holds, and nobody saw how the pod ended.
	Pod *corev1.Pod
	// Before is what the cache holds of the same pod (the same UID); nil if the cache holds nothing of that pod.
	Before *facts.Pod
	// Deleted says that the object is gone from the API server. Pod is then the object's last state.
	Deleted bool
}

// Observer is told of each Pod that is bound to a node, finished Pods included: of all of them whenever the API
// server lists them (at the start, and when the watch was interrupted for too long), and then of every change. One
// state of a Pod may therefore come more than once. The observer runs before the cache takes the change, in the one
// goroutine that reads the list or the watch, so the observer has to be quick.
type Observer func(Sighting)

// Observe registers the cache's observer. Call Observe before Start. A Pod of a list is decoded only as far as podlist.Wanted says, unless
// whole returns true for that part; whole may be nil. Lists in JSON are always decoded whole.
func (c *Cache) Observe(o Observer, whole func(*corev1.Pod) bool) {
	c.store.observer, c.store.whole = o, whole
}

// ended stands for a finished Pod of a list: the Pod is not held, and is no tombstone either.
type ended struct {
	facts.PodKey
	uid string
}

// see tells the observer of a Pod.
func (s *store) see(p *corev1.Pod, deleted bool) {
	if s.observer == nil {
		return
	}
	before := s.pods[facts.PodKey{Namespace: p.Namespace, Name: p.Name}]
	if before != nil && before.UID != string(p.UID) {
		before = nil
	}
	s.observer(Sighting{Pod: p, Before: before, Deleted: deleted})
}

// seeTombstones tells the observer of the pods held that a list no longer has. Each of the list's pods is the UID of a
// name, whether the pod is finished or not.
func (s *store) seeTombstones(uids map[facts.PodKey]string) {
	if s.observer == nil {
		return
	}
	for k, before := range s.pods {
		if uid, ok := uids[k]; !ok || uid != before.UID {
			s.observer(Sighting{Before: before, Deleted: true})
		}
	}
}
