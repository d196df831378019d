package kubelet

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

const (
	// configAge is when a configuration is read again. It changes with a restart of the kubelet only, and most of
	// those are noticed.
	configAge = time.Hour
	// configRetry is when one that could not be read is tried again.
	configRetry = 5 * time.Minute
	// maxBackoff between two requests to a kubelet that fails.
	maxBackoff = 5 * time.Minute
	// tolerated is how many passes in a row a kubelet may fail before its node's readings come from elsewhere.
	tolerated = 1
	// maxConfigz bounds an answer of /configz, in bytes; one has some 6 kB.
	maxConfigz = 1 << 20
)

// kubelet is what is known of one.
type kubelet struct {
	Node
	// askedAt is when it was last asked; answered, whether it ever was read.
	askedAt  time.Time
	answered bool
	// failures in a row, and until when it is left alone for them.
	failures  int
	notBefore time.Time
	problem   *Problem
	err       error
	// resumed: it knew the TLS session of the time before.
	resumed       bool
	config        *facts.KubeletConfig
	configDue     time.Time
	configProblem *Problem
}

// asked is a kubelet as it was when it was decided to ask it.
type asked struct {
	Node
	askedAt     time.Time
	configIsDue bool
	resumed     bool
}

// outcome is what came of asking.
type outcome struct {
	problem *Problem
	err     error
	resumed bool
	// config, or why there is none; neither if it was not read.
	config    *facts.KubeletConfig
	configErr error
}

// wantsConfig: it is due, or the kubelet has forgotten its TLS sessions, as it does when it starts. Where no connection
// was made there is none for it either.
func (n *asked) wantsConfig(o outcome) bool {
	connected := o.problem == nil || o.problem.Cause == usage.FailedForbidden
	return connected && (n.configIsDue || (n.resumed && !o.resumed))
}

// due brings the known kubelets up to date with the nodes and returns whom to ask now: those that were not asked for
// the longest first. Suspects failed the last time.
func (s *Source) due(nodes []Node) (trusted, suspects []asked) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[string]*kubelet, len(nodes))
	for i := range nodes {
		k := s.kubelets[nodes[i].Name].update(&nodes[i], now)
		known[k.Name] = k
		if now.Before(k.notBefore) {
			continue
		}
		a := asked{Node: k.Node, askedAt: k.askedAt, configIsDue: !now.Before(k.configDue), resumed: k.resumed}
		if k.failures > 0 {
			suspects = append(suspects, a)
		} else {
			trusted = append(trusted, a)
		}
	}
	s.kubelets = known
	for _, list := range [][]asked{trusted, suspects} {
		slices.SortFunc(list, func(a, b asked) int {
			return cmp.Or(a.askedAt.Compare(b.askedAt), cmp.Compare(a.Name, b.Name))
		})
	}
	return trusted, suspects
}

// update returns the kubelet as the Node now describes it: another one if it is another node. A changed address is
// tried at once, and after a boot or an update the configuration may be another.
func (k *kubelet) update(n *Node, now time.Time) *kubelet {
	if k == nil || k.UID != n.UID {
		return &kubelet{Node: *n}
	}
	if k.Host != n.Host || k.Port != n.Port {
		k.notBefore = now
	}
	if k.BootID != n.BootID || k.Version != n.Version {
		k.configDue = now
	}
	k.Node = *n
	return k
}

// keep takes over what came of asking a kubelet, unless its node is gone by now.
func (s *Source) keep(n *asked, o outcome) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kubelets[n.Name]
	if k == nil || k.UID != n.UID {
		return
	}
	k.askedAt, k.problem, k.err = now, o.problem, o.err
	if o.problem != nil {
		k.failures++
		k.notBefore = now.Add(backoff(s.Interval, k.failures))
	} else {
		k.answered, k.failures, k.notBefore, k.resumed = true, 0, time.Time{}, o.resumed
	}
	switch {
	case o.configErr != nil:
		k.configProblem, k.configDue = problemOf(o.configErr, resourceConfigz), now.Add(jittered(configRetry))
	case o.config != nil:
		k.config, k.configProblem, k.configDue = o.config, nil, now.Add(jittered(configAge))
	}
}

// backoff is how long a kubelet that failed that often in a row is left alone: to begin with it is asked in each pass.
func backoff(interval time.Duration, failures int) time.Duration {
	wait := interval / 2
	for range failures - 1 {
		wait = min(2*wait, maxBackoff)
	}
	return jittered(wait)
}

// jittered is up to a tenth less, so that what happened together does not come back together.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/10+1) }

// Unread reports whether a node's readings should come from elsewhere: its kubelet was never read, or not for more
// than one pass.
func (s *Source) Unread(node string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.kubelets[node]
	return k == nil || !k.answered || k.failures > tolerated
}

// AnyUnread reports whether that holds for any node.
func (s *Source) AnyUnread() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.kubelets {
		if !k.answered || k.failures > tolerated {
			return true
		}
	}
	return false
}

// Config returns the configuration of a node's kubelet as last read, nil if it never was.
func (s *Source) Config(node string) *facts.KubeletConfig {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if k := s.kubelets[node]; k != nil {
		return k.config
	}
	return nil
}

// Problem says why a node's kubelet could not be read, or else why its configuration could not; "" if both could, or
// neither was tried.
func (s *Source) Problem(node string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch k := s.kubelets[node]; {
	case k == nil:
	case k.problem != nil && (k.failures > tolerated || !k.answered):
		return k.problem.Text
	case k.configProblem != nil:
		return k.configProblem.Text
	}
	return ""
}

// Forget drops everything: kubelets are not asked any more.
func (s *Source) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.kubelets)
}
