package kubelet

import (
	"cmp"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// kubelet is what is known of a node's kubelet.
type kubelet struct {
	Node
	// asking: a request is under way.
	asking bool
	// resting: the latest pass does not ask the kubelet, because its node is quiet.
	resting bool
	// changed: since the last request began, the Node has come to describe the kubelet differently, or an answer came late.
	changed bool
	health  health
	config  config
}

// asked is a kubelet as it was when it was decided to ask it.
type asked struct {
	Node
	askedAt time.Time
	isNew   bool
	// ahead of others that were never asked.
	ahead bool
	// configDue: the configuration will be read too, as far as is known before the answer.
	configDue bool
}

// tryAgain reports whether the request should be repeated at once. A kubelet that was never read, for instance after the
// operator started, has no earlier reading that could bridge a single failure. A request to a kubelet that hangs is not
// repeated, since it takes too long; after any other error, a second request would fail in the same way.
func (n *asked) tryAgain(err error) bool {
	p := problemOf(err, resourceStats)
	return p != nil && n.isNew && (p.Cause == usage.FailedUnreachable || p.Cause == usage.FailedOther || p.Cause == usage.FailedGarbage)
}

// due brings the known kubelets up to date with the nodes and returns the kubelets to ask now: all that may be asked and do not
// rest. The kubelet whose last request is the longest ago comes first; of the kubelets that were never asked, those of nodes whose pods
// have changed lately come first. Suspects are the kubelets that failed the last time they were asked.
func (s *Source) due(nodes []Node) (trusted, suspects []asked) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	known, mayAsk := make(map[string]*kubelet, len(nodes)), make([]*kubelet, 0, len(nodes))
	for i := range nodes {
		k := s.kubelets[nodes[i].Name].update(&nodes[i], now)
		known[k.Name], k.resting = k, false
		if !k.asking && k.health.mayAsk(now) {
			mayAsk = append(mayAsk, k)
		}
	}
	for _, k := range s.rest(mayAsk, now) {
		k.asking, k.changed = true, false
		a := asked{Node: k.Node, askedAt: k.health.askedAt, isNew: k.health.phase == phaseNew, configDue: k.config.isDue(now)}
		a.ahead = a.askedAt.IsZero() && s.ChangedLately != nil && s.ChangedLately(a.Name)
		if k.health.suspect {
			suspects = append(suspects, a)
		} else {
			trusted = append(trusted, a)
		}
	}
	s.kubelets = known
	for _, list := range [][]asked{trusted, suspects} {
		slices.SortFunc(list, func(a, b asked) int {
			return cmp.Or(a.askedAt.Compare(b.askedAt), place(a.ahead)-place(b.ahead), cmp.Compare(a.Name, b.Name))
		})
	}
	return trusted, suspects
}

// place is 0 for kubelets that are asked ahead of others, and 1 for the others.
func place(ahead bool) int {
	if ahead {
		return 0
	}
	return 1
}

// update returns the kubelet as the Node now describes it, or a new kubelet if the Node is another object. A changed address
// is tried at once. After a boot or an update, the kubelet may have another configuration.
func (k *kubelet) update(n *Node, now time.Time) *kubelet {
	if k == nil || k.UID != n.UID {
		return &kubelet{Node: *n, config: config{resumes: unresumedFirst}}
	}
	if k.Host != n.Host || k.Port != n.Port {
		k.health.notBefore, k.changed = now, true
	}
	if k.BootID != n.BootID || k.Version != n.Version {
		k.config.restarted(now)
		k.changed = true
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

// keep takes over the result of asking a kubelet for its Summary, and reports whether the configuration should be read too.
// If the kubelet refuses only the Summary, the configuration may still be readable; after any other failure, the request for
// the configuration would fail too. A session that is not resumed means a restart, even if the answer is an error. A session
// that is resumed renews the belief in the configuration only if the answer is no error.
func (s *Source) keep(n *asked, problem *Problem, err error, told session) (wantsConfig bool) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known(n)
	if k == nil {
		return false
	}
	if problem == nil {
		k.health.succeed(now)
	} else {
		s.logChange("a kubelet is not read", k.Name, k.health.problem, problem, err)
		k.health.fail(problem, err, s.Interval, now)
	}
	answers := problem == nil || problem.Cause == usage.FailedForbidden
	if answers || told == sessionNew {
		k.config.connected(told == sessionResumed, now)
	}
	return answers && k.config.isDue(now)
}

// keepConfig takes over the result of asking a kubelet for its configuration.
func (s *Source) keepConfig(n *asked, value *facts.KubeletConfig, err error) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known(n)
	switch {
	case k == nil:
	case err != nil:
		problem := problemOf(err, resourceConfigz)
		s.logChange("a kubelet's configuration is not read", k.Name, k.config.problem, problem, err)
		k.config.fail(problem, now)
	default:
		k.config.read(value, now)
	}
}

// logChange logs a problem that differs from the one before, unless too many problems were logged just now.
func (s *Source) logChange(message, node string, before, problem *Problem, err error) {
	if (before == nil || before.Text != problem.Text) && s.logged.Allow() {
		s.Log.Info(message, "node", node, "cause", problem.Cause, "error", err.Error())
	}
}

// addLate keeps an answer for the next pass. Its kubelet does not rest in that pass: the node is judged with what the answer says.
func (s *Source) addLate(a lateAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOf(a) {
		s.late = append(s.late, a)
		s.kubelets[a.node].changed = true
	}
}

// askNext has the kubelet asked in the next pass, even if its node is quiet.
func (s *Source) askNext(n *asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known(n); k != nil {
		k.changed = true
	}
}

// isOf reports whether the node of a late answer still exists, and is not a new node of the same name.
func (s *Source) isOf(a lateAnswer) bool {
	k := s.kubelets[a.node]
	return k != nil && k.UID == a.uid
}

// takeLate returns the late answers of nodes that are still there.
func (s *Source) takeLate() []lateAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := slices.DeleteFunc(s.late, func(a lateAnswer) bool { return !s.isOf(a) })
	s.late = nil
	return late
}

// NeedsOther reports whether a node's readings have to come from another source. That is so if its kubelet was never read,
// and from the second failed request in a row until several requests in a row have been answered again.
func (s *Source) NeedsOther(node string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.kubelets[node]
	return k == nil || k.health.phase != phaseRead
}

// AnyNeedsOther reports whether NeedsOther holds for any node.
func (s *Source) AnyNeedsOther() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.kubelets {
		if k.health.phase != phaseRead {
			return true
		}
	}
	return false
}

// Config returns the configuration of a node's kubelet as last read. It returns nil if the configuration was never read, or
// has not been known for two hours to be the running kubelet's.
func (s *Source) Config(node string) *facts.KubeletConfig {
	now := s.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if k := s.kubelets[node]; k != nil {
		return k.config.believed(now)
	}
	return nil
}

// Problem says why a node's kubelet could not be read, or else why its configuration could not be read; "" if both were
// read, or neither was asked for.
func (s *Source) Problem(node string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.kubelets[node]
	if k == nil {
		return ""
	}
	if text := k.health.text(); text != "" || k.config.problem == nil {
		return text
	}
	return k.config.problem.Text
}

// Results counts the kubelets by the result of the last request for their usage, Answered or a FailureCause, and those
// whose configuration is known.
func (s *Source) Results() (results map[string]int, configs int) {
	results = map[string]int{}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.kubelets {
		switch {
		case k.health.failing():
			results[string(k.health.problem.Cause)]++
		case !k.health.askedAt.IsZero():
			results[resultAnswered]++
		}
		if k.config.value != nil {
			configs++
		}
	}
	return results, configs
}

// Forget drops everything: kubelets are not asked any more.
func (s *Source) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.kubelets)
	s.late = nil
}
