package forensics

import (
	"cmp"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// How much a trace weighs for or against a scope (whose memory ran out).
const (
	hasLimit      = 3  // the container, or only the pod, has a limit that can be reached
	reachedLast   = 4  // the last reading was at 95% of it or more
	nearLast      = 1  // the last reading was at 80% of it or more
	farLast       = -2 // the last reading, at most two minutes old, was under 60% of it
	systemOOM     = 4  // the kubelet told of a system OOM in the same seconds
	diedAlike     = 3  // something died in the same seconds that this scope explains, and a narrower one does not
	diedBeside    = 1  // something else died in the same seconds
	always        = 1  // all pods together can always run out, where their limit is below the node's memory
	diedAgain     = 1  // the same container died before of the same
	adjOfKernel   = 4  // a kernel's message of the same seconds has the container's own oom_score_adj
	clearMargin   = 2  // so much ahead of the next scope makes the judgement Medium
	certainMargin = 3  // and with a reading at the limit, High
)

// freshReading is how old a reading may be and still speak against a limit.
const freshReading = 2 * time.Minute

// scope is one of the memory bounds that an OOM kill may come from.
type scope struct {
	cause    Cause
	possible bool
	weight   int
	// reached: the last reading was at the bound.
	reached bool
	limit   int64
	text    string
	// evidence for and against it.
	evidence []Evidence
}

func (s *scope) weigh(weight int, source, text string) {
	s.weight += weight
	s.evidence = append(s.evidence, Evidence{Source: source, Text: text, Against: weight < 0})
}

// byScope judges an OOM kill by whose memory ran out: by the kernel's own words, else by weighing what is known.
func (c *inquest) byScope() bool {
	if c.kernel != nil {
		return c.byKernel()
	}
	scopes := c.scopes()
	if len(scopes) > 0 {
		c.evidence = append(c.evidence, scopes[0].evidence...)
	}
	if e := c.oomEventOfContainer(); e != nil {
		c.told(e)
	}
	// An old reading far from the bound of the only possible scope speaks for fast growth, not against the scope.
	if len(scopes) == 0 || (scopes[0].weight <= 0 && len(scopes) > 1) {
		return c.kill(CauseUnknown, Low, "OOM-killed, but nothing tells whose memory ran out")
	}
	best, rivals := &scopes[0], scopes[1:]
	c.reachedLimit(best.cause, best.limit)
	c.weighRivals(best, rivals)
	if !best.reached && c.s.Readings == nil {
		c.speaksAgainst(SourceReadings, "there is no reading from before the death")
	}
	switch how := confidence(best, rivals, known(c.s.EventsSince, c.d.Time)); how {
	case High:
		return c.kill(best.cause, how, "%s", best.text)
	case Medium:
		return c.kill(best.cause, how, "OOM-killed, most likely because %s", best.text)
	default:
		return c.kill(best.cause, how, "OOM-killed, perhaps because %s (a guess)", best.text)
	}
}

// scopes weighs all four and returns the possible ones, the likeliest first; of equals the narrowest.
func (c *inquest) scopes() []scope {
	scopes := []scope{c.containerScope(), c.podScope(), c.nodeScope(), c.podsScope()}
	scopes = slices.DeleteFunc(scopes, func(s scope) bool { return !s.possible })
	slices.SortStableFunc(scopes, func(a, b scope) int { return cmp.Compare(b.weight, a.weight) })
	return scopes
}

// strongScope reports whether a scope has more than its mere existence for it.
func (c *inquest) strongScope() bool {
	scopes := c.scopes()
	if len(scopes) == 0 || scopes[0].weight < systemOOM {
		return false
	}
	return scopes[0].reached || scopes[0].cause == CauseNodeOOM || scopes[0].cause == CausePodsOOM
}

// confidence: High needs a reading at the bound and no rival. Medium needs a clear lead, or that nothing else is
// possible and no Event that would make it so is missing.
func confidence(best *scope, rivals []scope, eventsKnown bool) Confidence {
	lead := best.weight
	if len(rivals) > 0 { // they are sorted
		lead -= max(rivals[0].weight, 0)
	}
	switch {
	case best.reached && lead >= certainMargin:
		return High
	case lead >= clearMargin, len(rivals) == 0 && eventsKnown:
		return Medium
	}
	return Low
}

// weighRivals adds what speaks for other scopes: it speaks against the one chosen.
func (c *inquest) weighRivals(best *scope, rivals []scope) {
	for i := range rivals {
		if r := &rivals[i]; r.weight > 0 && r.weight >= best.weight-clearMargin {
			c.speaksAgainst(SourceSpec, "possible too: %s", r.text)
		}
	}
}

func (c *inquest) reachedLimit(cause Cause, limit int64) {
	if cause != CauseContainerLimit && cause != CausePodLimit {
		return
	}
	c.record.Limit = limit
	if len(c.v.Tmpfs) > 0 {
		c.record.Tmpfs = c.v.Tmpfs
		c.found(SourceSpec, "files in memory-backed volume %s count against the limit and survive a restart", c.v.Tmpfs[0])
	}
}

// measure weighs the last reading of what a scope bounds.
func (c *inquest) measure(s *scope, usage, limit int64, what string) {
	r := c.s.Readings
	if r == nil || usage < 0 || limit <= 0 || !c.before(r.At) {
		return
	}
	text := what + " used " + mib(usage) + " of " + mib(limit) + " at " + clock(r.At)
	switch {
	case usage >= limit-limit/20:
		s.reached = true
		s.weigh(reachedLast, SourceReadings, text)
	case usage >= limit/5*4:
		s.weigh(nearLast, SourceReadings, text)
	case usage < limit/5*3 && c.d.Time.Sub(r.At) <= freshReading:
		s.weigh(farLast, SourceReadings, text)
	}
}

// before reports whether a reading was taken before the death. Readings have our clock or the kubelet's.
func (c *inquest) before(at time.Time) bool {
	return !at.IsZero() && (c.d.Time.IsZero() || !at.After(c.d.Time.Add(slack)))
}

func (c *inquest) containerScope() scope {
	d, v := &c.d, c.v
	s := scope{cause: CauseContainerLimit, limit: d.Limit}
	if d.Limit <= 0 || (v.LimitSet && v.Containers > 1 && v.Limit <= d.Limit) {
		return s
	}
	s.possible = true
	s.text = "the container reached its own memory limit of " + mib(d.Limit)
	s.weigh(hasLimit, SourceSpec, d.Container+" has a memory limit of "+mib(d.Limit))
	if r := c.s.Readings; r != nil {
		usage := r.Container
		if r.RSS >= 0 && len(c.v.Tmpfs) == 0 && r.RSS < d.Limit/5*3 {
			usage = min(usage, d.Limit/5*3) // page cache, which the kernel drops before it kills
		}
		c.measure(&s, usage, d.Limit, "the container")
	}
	if n := c.deathsBefore(); n > 0 {
		s.weigh(diedAgain, SourceNeighbours, d.Container+" was OOM-killed before too")
	}
	return s
}

func (c *inquest) podScope() scope {
	d, v := &c.d, c.v
	s := scope{cause: CausePodLimit, limit: v.Limit}
	switch {
	case v.Limit <= 0:
		return s
	case v.Containers == 1 && d.Kind != facts.Ephemeral && d.Limit > 0 && d.Limit <= v.Limit:
		return s // the pod's cgroup has the limit of its one container: that is the container's limit
	}
	s.possible = true
	s.text = "the pod reached its memory limit of " + mib(v.Limit)
	switch {
	case d.Limit == 0, v.LimitSet && v.Limit <= d.Limit:
		s.weigh(hasLimit, SourceSpec, d.Container+" has no lower limit of its own than its pod's "+mib(v.Limit))
	case v.LimitSet:
		s.weigh(hasLimit-1, SourceSpec, "the pod has a memory limit of "+mib(v.Limit))
	}
	if r := c.s.Readings; r != nil {
		c.measure(&s, r.Pod, v.Limit, "the pod")
	}
	alike, _ := c.together(func(n *Death) bool { return n.UID == d.UID && n.Container != d.Container && n.Limit == 0 })
	if alike != nil {
		s.weigh(diedAlike, SourceNeighbours,
			alike.Container+" of the same pod, without a limit of its own, was OOM-killed at "+clock(alike.Time))
	}
	return s
}

func (c *inquest) podsScope() scope {
	n := &c.s.Node
	limit, limited, sure := n.podsLimit()
	s := scope{cause: CausePodsOOM, possible: limited || !sure, limit: limit}
	if !s.possible {
		return s
	}
	s.weight = always
	s.text = "all pods together reached the limit of kubepods"
	if limited {
		s.text += " (about " + mib(limit) + ")"
	}
	if r := c.s.Readings; r != nil && limited {
		c.measure(&s, r.Pods, limit, "all pods")
	}
	beside := func(n *Death) bool { return n.UID != c.d.UID || (n.Container != c.d.Container && c.v.Limit == 0) }
	d, count := c.together(beside)
	if count < len(c.systemOOMs()) {
		return s
	}
	u, _ := c.together(func(n *Death) bool { return beside(n) && n.Limit == 0 && n.Victim.Limit == 0 })
	switch {
	case u != nil:
		s.weigh(diedAlike, SourceNeighbours, u.Victim.Name+"/"+u.Container+", which has no limit, was OOM-killed at "+clock(u.Time))
	case d != nil:
		s.weigh(diedBeside, SourceNeighbours, d.Victim.Name+"/"+d.Container+" was OOM-killed at "+clock(d.Time))
	}
	return s
}

// nodeScope needs a SystemOOM, which a kubelet writes for every OOM kill outside memory cgroups' limits. That does
// not prove a full node: for an OOM inside a cpuset or a memory policy, the kubelet writes the same.
func (c *inquest) nodeScope() scope {
	s := scope{cause: CauseNodeOOM}
	told := c.systemOOMs()
	_, limited, sure := c.s.Node.podsLimit()
	s.possible = len(told) > 0 || !known(c.s.EventsSince, c.d.Time)
	if c.lone != nil {
		s.possible = c.lone.Global
	}
	if !s.possible {
		return s
	}
	s.text = "the kernel killed for the node as a whole"
	switch {
	case c.lone != nil && c.lone.Global:
		s.weigh(adjOfKernel, SourceKernel, "global OOM kill of "+c.lone.Process+" with this container's oom_score_adj")
	case len(told) > 0:
		s.text += ": SystemOOM in the same seconds"
		s.weigh(systemOOM, SourceNodeEvent, told[0].Reason+" at "+clock(lastBefore(told[0], c.d.Time))+": "+told[0].Message)
	case sure && !limited:
		s.weight = always
	}
	if r := c.s.Readings; r != nil {
		c.measure(&s, r.Node, c.s.Node.Capacity, "the node")
		if s.weight > 0 && len(told) > 0 && r.Available > c.s.Node.Capacity/5 && r.Available > 0 {
			s.evidence = append(s.evidence, Evidence{
				Source: SourceReadings, Against: true,
				Text: mib(r.Available) + " were free: a cpuset or a memory policy may have run out, not the node",
			})
		}
	}
	return s
}

// systemOOMs are the node's SystemOOM Events of the same seconds.
func (c *inquest) systemOOMs() (out []*Event) {
	for i := range c.nodeEvents {
		if e := &c.nodeEvents[i]; e.Reason == "SystemOOM" && e.near(c.d.Time, Together) {
			out = append(out, e)
		}
	}
	return out
}

// neighbours gives all other OOM kills on the node, oldest first, each once.
func (c *inquest) neighbours(yield func(*Death) bool) {
	for _, n := range c.others {
		switch {
		case n.Key == c.d.Key, c.v.Node != "" && n.Victim.Node != c.v.Node:
		case !yield(n):
			return
		}
	}
}

// arrangedKills returns the OOM kills among deaths, oldest first, each once.
func arrangedKills(deaths []*Death) []*Death {
	out := slices.DeleteFunc(deaths, func(n *Death) bool {
		return n.Victim == nil || n.Container == "" || !killedBySignal(n) || !isOOM(n)
	})
	slices.SortFunc(out, func(a, b *Death) int { return cmp.Or(a.Time.Compare(b.Time), compareKeys(a.Key, b.Key)) })
	return slices.CompactFunc(out, func(a, b *Death) bool { return a.Key == b.Key })
}

// together returns the first OOM kill in the same seconds that is wanted, nil if there is none, and how many there are.
func (c *inquest) together(wanted func(*Death) bool) (first *Death, count int) {
	for n := range c.neighbours {
		if !within(n.Time, c.d.Time, Together) || !wanted(n) {
			continue
		}
		if count++; count == 1 {
			first = n
		}
	}
	return first, count
}

// deathsBefore counts earlier OOM kills of the same container.
func (c *inquest) deathsBefore() (n int) {
	for o := range c.neighbours {
		if o.UID == c.d.UID && o.Container == c.d.Container && o.Time.Before(c.d.Time) {
			n++
		}
	}
	return n
}
