package poll

import (
	"sync"
	"time"

	"github.com/killorder/killorder/internal/usage"
)

// firstPortion is how long a pass in portions collects readings before it lets readers see them. Each further portion takes twice as long
// as the one before: each costs a copy of all readings so far.
const firstPortion = time.Second

// portions is the sink of the first pass, and of a pass after one that could read nothing. Such a pass over thousands of kubelets takes
// a while, and the orders of a new leader wait for it: so readers see what was read after a second, and after three, seven and so on.
type portions struct {
	*usage.Pass
	runner *Runner
	// until is when this portion ends, takes how long it is.
	until time.Time
	takes time.Duration
	// nodes that are complete in this portion.
	nodes []string
	// before is what became of the portions before.
	before usage.Result
}

var _ usage.Completer = (*portions)(nil)

func newPortions(r *Runner) *portions {
	return &portions{Pass: r.Store.Begin(), runner: r, until: time.Now().Add(firstPortion), takes: firstPortion}
}

// Complete takes note of a node, and ends the portion if its time is over.
func (p *portions) Complete(node string) {
	p.nodes = append(p.nodes, node)
	if time.Now().Before(p.until) {
		return
	}
	p.before = p.Commit()
	p.Pass = p.runner.Store.Begin()
	p.takes *= 2
	p.until = time.Now().Add(p.takes)
	p.runner.seen.add(p.nodes)
	if p.runner.OnPortion != nil {
		p.runner.OnPortion(p.nodes)
	}
	p.nodes = nil
}

// Commit lets readers see the last portion, and returns what became of all.
func (p *portions) Commit() usage.Result {
	all := p.Pass.Commit()
	all.Pods, all.Nodes = all.Pods+p.before.Pods, all.Nodes+p.before.Nodes
	for cause, count := range p.before.Dropped {
		if all.Dropped == nil {
			all.Dropped = map[usage.DropCause]int{}
		}
		all.Dropped[cause] += count
	}
	return all
}

// seen is the nodes that readers have seen before the end of a pass in portions; none from then on.
type seen struct {
	mu    sync.Mutex
	nodes map[string]bool
}

func (s *seen) add(nodes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes == nil {
		s.nodes = map[string]bool{}
	}
	for _, node := range nodes {
		s.nodes[node] = true
	}
}

func (s *seen) has(node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[node]
}

func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes = nil
}
