package podcache

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
)

// lately is the nodes whose pods have changed within the last minute or two. A replica that stands by and then leads looks at
// them first: the leader before may have ended before it told of the change.
type lately struct {
	mu         sync.Mutex
	since      time.Time // when now began
	now, older sets.Set[string]
}

// latelySpan of each of the two sets.
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
