package podcache

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
)

// lately is the nodes whose pods have changed: each for one to three minutes. A replica that begins to lead asks the kubelets of these
// nodes first: the previous leader may have ended before it published the change.
type lately struct {
	mu         sync.Mutex
	since      time.Time // when now began
	now, older sets.Set[string]
}

// latelySpan is how long one of the two sets collects nodes.
const latelySpan = time.Minute

func (l *lately) note(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	l.now.Insert(node)
}

func (l *lately) has(node string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	return l.now.Has(node) || l.older.Has(node)
}

// turn forgets what is too old.
func (l *lately) turn() {
	switch age := time.Since(l.since); {
	case age < latelySpan:
		return
	case age < 2*latelySpan:
		l.older = l.now
	default:
		l.older = nil
	}
	l.since, l.now = time.Now(), sets.New[string]()
}
