package forecast

import (
	"slices"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

const (
	// quietNode is what is left at least, in percent of the limit of each killer of a quiet node, until the killer's headroom counts
	// as little; quietLimit is the same for a limit of a pod's or a container's own, until that limit counts as near.
	quietNode, quietLimit = 25, 5
	// quietRoom is how far, in percent of a limit, usage must be below nearLimitPercent for the limit not to count. To come near such a
	// limit unseen, a container would have to take half of it between two requests to the kubelet.
	quietRoom = 50
	// usualSpacing is the time between two readings of a node that is not quiet, in seconds.
	usualSpacing = 30
	// nearFuture is the time within which an estimated kill ends the quiet.
	nearFuture = time.Hour
)

// Quiet returns for how long after a verdict's readings no killer comes near the node if everything goes on as the readings of the last
// ten minutes show: for that time, which is at most as long as readings are kept, each headroom stays above riskHeadroomPercent at the
// fastest growth between any two readings of the node, and each limit stays below nearLimitPercent at the swing and the growth of the
// pod's readings. Quiet is 0 where this cannot be told or where less is left than a quiet node has: usage of a pod is not known, or a pod
// started less than ten minutes ago; the kubelet reports MemoryPressure; a killer is near, or is expected within an hour. The verdict is
// one that Predict has seen, with exact readings.
func (m *History) Quiet(v *engine.Verdict, p *facts.Policy) time.Duration {
	switch {
	case v.Freshness != engine.Fresh, v.Missing > 0, v.Node.MemoryPressure == facts.StateTrue, expected(v):
		return 0
	case slices.ContainsFunc(v.Node.Pods, func(p facts.PodState) bool { return !engine.Settled(&p, v.At) }):
		return 0
	}
	return min(m.nodeQuiet(v, p), limitsQuiet(v, p))
}

// expected reports whether an estimate names a kill in the near future.
func expected(v *engine.Verdict) bool {
	near := func(t time.Duration) bool { return t > 0 && t < nearFuture }
	return near(v.Memory.TimeToThreshold) || near(v.Forecast.In) ||
		slices.ContainsFunc(v.Limits, func(l engine.AtLimit) bool { return near(l.TimeToLimit) })
}

// nodeQuiet is the quiet before the killers of the whole node, 0 where none of them is known.
func (m *History) nodeQuiet(v *engine.Verdict, p *facts.Policy) time.Duration {
	quiet, known := facts.UnavailableAfter, false
	killer := func(grows *series, left, limit int64) {
		if limit <= 0 {
			return
		}
		known = true
		left -= limit / 100 * int64(p.RiskHeadroomPercent)
		if !grows.tells() || left < limit/100*quietNode {
			quiet = 0
		}
		quiet = min(quiet, lasts(left, grows.fastest()))
	}
	node, pods := v.Memory.Signals(v.Node)
	killer(&m.node, node.Limit-node.Used-node.Threshold, node.Limit)
	killer(&m.pods, pods.Limit-pods.Used-pods.Threshold, pods.Limit)
	for _, scope := range v.Memory.OOMScopes(v.Node) {
		grows := &m.node
		if scope.OfPods {
			grows = &m.pods
		}
		killer(grows, scope.Left, scope.Limit)
	}
	if !known {
		return 0
	}
	return quiet
}

// limitsQuiet is the quiet before the limits of containers and pods, of those whose usage is less than quietRoom below
// nearLimitPercent. What swings and grows in a pod may be any of its containers.
func limitsQuiet(v *engine.Verdict, p *facts.Policy) time.Duration {
	quiet := facts.UnavailableAfter
	for i := range v.Limits {
		l := &v.Limits[i]
		if l.Percent() < p.NearLimitPercent-quietRoom {
			break // the order begins with the fullest
		}
		if len(l.History) < 2 {
			return 0
		}
		left := l.Limit/100*int64(p.NearLimitPercent) - l.Usage - swing(l.History)
		if left < l.Limit/100*quietLimit {
			return 0
		}
		quiet = min(quiet, lasts(left, growthOf(l.History)))
	}
	return quiet
}

// lasts is how long so many bytes last at a growth in bytes a second, as far as readings tell.
func lasts(bytes int64, growth float64) time.Duration {
	return time.Duration(min(after(bytes, growth), facts.UnavailableAfter.Seconds()) * float64(time.Second))
}

// tells reports whether the samples of the series are as many as a trend takes.
func (s *series) tells() bool {
	return s.count >= minSamples && s.last().at-s.samples[0].at >= minSpan
}

// fastest is the fastest growth between two samples that follow each other, in bytes a second; 0 if nothing grew.
func (s *series) fastest() (growth float64) {
	for i := 1; i < int(s.count); i++ {
		a, b := s.samples[i-1], s.samples[i] // their times rise
		growth = max(growth, (float64(b.units)-float64(a.units))*sampleUnit/float64(b.at-a.at))
	}
	return growth
}
