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
	// convincing is how many passes in a row it must then be read in, before they come from it again.
	convincing = 3
	// configDoubt is how long a configuration is believed that may no longer be the running kubelet's. Of kubelets that
	// resume no TLS session none is known to be for longer than configAge.
	configDoubt = 2 * configAge
	// maxConfigz bounds an answer of /configz, in bytes; one has some 6 kB.
	maxConfigz = 1 << 20
)

// kubelet is what is known of one.
type kubelet struct {
	Node
	// asking: a request is under way. askedAt is when the last one ended; answered, whether it ever was read.
	asking   bool
	askedAt  time.Time
	answered bool
	// failures in a row, and until when it is left alone for them.
	failures  int
	notBefore time.Time
	problem   *Problem
	err       error
	// fallen: it failed too often, until it was read often enough again; successes in a row since then.
	fallen    bool
	successes int
	// resumed: it knew the TLS session of the time before.
	resumed   bool
	config    *facts.KubeletConfig
	configDue time.Time
	// configIsOf the kubelet that runs: its TLS session, the boot and the version are those of when it was read. sureAt is
	// when that was last known.
	configIsOf    bool
	sureAt        time.Time
	configProblem *Problem
}

// asked is a kubelet as it was when it was decided to ask it.
type asked struct {
	Node
	askedAt     time.Time
	answered    bool
	configIsDue bool
	resumed     bool
}

// tryAgain: a kubelet that was never read, after a start of the operator for instance, has no reading that could bridge
// a single failure. One that hangs would take too long, and other answers are final.
func (n *asked) tryAgain(err error) bool {
	p := problemOf(err, resourceStats)
	return p != nil && !n.answered && (p.Cause == usage.FailedUnreachable || p.Cause == usage.FailedOther || p.Cause == usage.FailedGarbage)
}

// wantsConfig: it is due, or the kubelet has forgotten its TLS sessions, as it does when it starts. Where no connection
// was made there is none for it either.
func (n *asked) wantsConfig(problem *Problem, resumed bool) bool {
	connected := problem == nil || problem.Cause == usage.FailedForbidden
	return connected && (n.configIsDue || (n.resumed && !resumed))
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
		if now.Before(k.notBefore) || k.asking {
			continue
		}
		k.asking = true
		a := asked{
			Node: k.Node, askedAt: k.askedAt, answered: k.answered, configIsDue: !now.Before(k.configDue), resumed: k.resumed,
		}
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
		k.configDue, k.configIsOf = now, false
	}
	k.Node = *n
	return k
}

// release marks kubelets as no longer being asked.
func (s *Source) release(nodes []asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range nodes {
		if k := s.known(&nodes[i]); k != nil {
			k.asking = false
		}
	}
}

// known returns the kubelet that was asked, nil if its node is gone by now.
func (s *Source) known(n *asked) *kubelet {
	if k := s.kubelets[n.Name]; k != nil && k.UID == n.UID {
		return k
	}
	return nil
}

// keep takes over what came of asking a kubelet for its Summary.
func (s *Source) keep(n *asked, problem *Problem, err error, resumed bool) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known(n)
	if k == nil {
		return
	}
	if problem != nil && (k.problem == nil || k.problem.Text != problem.Text) && s.logged.Allow() {
		s.Log.Info("a kubelet is not read", "node", k.Name, "cause", problem.Cause, "error", err.Error())
	}
	k.askedAt, k.problem, k.err = now, problem, err
	if problem != nil {
		k.failures++
		k.notBefore = now.Add(backoff(s.Interval, k.failures))
		k.fallen, k.successes = k.fallen || k.failures > tolerated, 0
		return
	}
	k.answered, k.failures, k.notBefore, k.resumed = true, 0, time.Time{}, resumed
	if k.configIsOf = k.configIsOf && resumed; k.configIsOf {
		k.sureAt = now
	}
	k.successes++
	if k.successes >= convincing {
		k.fallen = false
	}
}

// keepConfig takes over what came of asking a kubelet for its configuration.
func (s *Source) keepConfig(n *asked, config *facts.KubeletConfig, err error) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known(n)
	switch {
	case k == nil:
	case err != nil:
		problem := problemOf(err, resourceConfigz)
		if (k.configProblem == nil || k.configProblem.Text != problem.Text) && s.logged.Allow() {
			s.Log.Info("a kubelet's configuration is not read", "node", k.Name, "cause", problem.Cause, "error", err.Error())
		}
		k.configProblem, k.configDue = problem, now.Add(jittered(configRetry))
	default:
		k.config, k.configProblem, k.configDue = config, nil, now.Add(jittered(configAge))
		k.configIsOf, k.sureAt = true, now
	}
}

func (s *Source) addLate(a lateAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kubelets[a.node] != nil {
		s.late = append(s.late, a)
	}
}

// takeLate returns the late answers of nodes that are still there.
func (s *Source) takeLate() []lateAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := slices.DeleteFunc(s.late, func(a lateAnswer) bool { return s.kubelets[a.node] == nil })
	s.late = nil
	return late
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

// Unread reports whether a node's readings should come from elsewhere: its kubelet was never read, or failed in more
// than one pass, until it has been read in some again. Readings of two kinds differ, so they should not alternate.
func (s *Source) Unread(node string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.kubelets[node]
	return k == nil || !k.answered || k.fallen
}

// AnyUnread reports whether that holds for any node.
func (s *Source) AnyUnread() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.kubelets {
		if !k.answered || k.fallen {
			return true
		}
	}
	return false
}

// Config returns the configuration of a node's kubelet as last read; nil if it never was, or if for two hours it has
// not been known to be that of the kubelet that runs.
func (s *Source) Config(node string) *facts.KubeletConfig {
	now := s.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if k := s.kubelets[node]; k != nil && now.Sub(k.sureAt) <= configDoubt {
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
	case k.problem != nil && (k.fallen || !k.answered):
		return k.problem.Text
	case k.fallen:
		return "The kubelet answers again, after it did not."
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
	s.late = nil
}
