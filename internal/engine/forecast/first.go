package forecast

import (
	"math"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// growing is a pod whose working set grows steadily.
type growing struct {
	pod int
	// container that the growth is ascribed to: of those that run, the one that uses most. engine.PodLevel if no container has a
	// reading.
	container int
	// slope of the working set, in bytes a second, and the share of the growth that the kernel cannot reclaim, 0 to 1.
	slope, resident float64
}

// course is where the growing pods of a node are going.
type course struct {
	v       *engine.Verdict
	growing []growing
	// restless pods grow too, on the average by that slope, but not steadily.
	restless []growing
	// node and pods are the slopes of the node's working set and of kubepods', in bytes a second.
	node, pods float64
}

// first returns the killer that acts first if each pod goes on growing by its own slope, and whom it takes then. age is that
// of the readings. Where no pod grows steadily, where a killer is due already, and where it takes longer than the Horizon,
// there is no forecast: the present order is all that is known. Neither is there one where a pod that grows unsteadily may
// be at its limit before.
func (m *History) first(v *engine.Verdict, age time.Duration) engine.Forecast {
	c := courseOf(v)
	if len(c.growing) == 0 {
		return engine.Forecast{TooEarly: tooEarly(v.Node)}
	}
	if due(v) {
		return engine.Forecast{}
	}
	for _, g := range c.growing {
		c.pods += g.slope
	}
	c.node, c.pods = m.node.slope(c.pods, v.Node), m.pods.slope(c.pods, v.Node)
	f, scale, in := c.nearest()
	if in > Horizon.Seconds() || c.mayEndBefore(in) {
		return engine.Forecast{}
	}
	c.rank(&f, scale, in)
	f.In = max(time.Duration(in)*time.Second-max(age, 0), time.Second)
	return f
}

// tooEarly reports whether no pod of the node has readings over a time that is long enough for a line.
func tooEarly(n *facts.Node) bool {
	return !slices.ContainsFunc(n.Pods, func(p facts.PodState) bool {
		h := p.History[max(len(p.History)-maxSamples, 0):]
		return len(h) >= minSamples && h[len(h)-1].At-h[0].At >= minSpan
	})
}

// due reports whether a killer of the whole node is to act now.
func due(v *engine.Verdict) bool {
	m := &v.Memory
	return (m.HeadroomKnown && m.Headroom <= 0) || (m.OOMHeadroomKnown && m.OOMHeadroom <= 0)
}

// slope is that of the series, if the series grows steadily; else the sum of the pods' slopes.
func (s *series) slope(sum float64, n *facts.Node) float64 {
	if t := s.trend(); t.steady(float64(max(minNoise, n.Capacity/100)), false) {
		return t.slope
	}
	return sum
}

func courseOf(v *engine.Verdict) course {
	c := course{v: v}
	for i := range v.Node.Pods {
		p := &v.Node.Pods[i]
		if p.WorkingSet == facts.Unknown || p.Growth <= facts.Band(p.WorkingSet)/2 || len(p.History) < 2 {
			continue // most pods do not grow: no line is drawn for them
		}
		g := growing{pod: i}
		g.container, g.resident = ascribed(p)
		if t := trendOfPod(p); t.steady(float64(facts.Band(p.WorkingSet)), false) {
			g.slope = t.slope
			c.growing = append(c.growing, g)
		} else if g.slope = climb(p); g.slope > 0 {
			c.restless = append(c.restless, g)
		}
	}
	return c
}

// climb is by how much the peak of the newer half of a pod's readings is above that of the older half, in bytes a second between the
// halves; 0 if the difference is within noise. What a pod takes while it starts, and what it takes once and keeps, is growth that
// ends: an older half that has it shows that.
func climb(p *facts.PodState) float64 {
	last := len(p.History) - 1
	half := (p.History[0].At + p.History[last].At) / 2
	var older, newer int64
	for _, s := range p.History {
		if s.At <= half {
			older = max(older, s.WorkingSet)
		} else {
			newer = max(newer, s.WorkingSet)
		}
	}
	if span := p.History[last].At - p.History[0].At; span > 0 && newer-older > facts.Band(p.WorkingSet)/2 {
		return 2 * float64(newer-older) / float64(span)
	}
	return 0
}

// trendOfPod is the line through the last samples of a pod.
func trendOfPod(p *facts.PodState) trend {
	var room [maxSamples]sample
	samples := room[:0]
	for _, s := range p.History[max(len(p.History)-maxSamples, 0):] {
		if s.At <= 0 || s.At > math.MaxUint32 || (len(samples) > 0 && uint32(s.At) <= samples[len(samples)-1].at) {
			continue
		}
		samples = append(samples, sample{uint32(s.At), uint32(min(s.WorkingSet/sampleUnit, math.MaxUint32))})
	}
	return trendOf(samples)
}

// ascribed returns the container that uses most of those that run, and the resident share of what it uses: the rest is page
// cache, which the kernel reclaims before it kills.
func ascribed(p *facts.PodState) (container int, resident float64) {
	container, most := engine.PodLevel, int64(0)
	for c := range p.Usage {
		if ws := p.Usage[c].WorkingSet; p.Containers[c].Running && ws > most {
			container, most = c, ws
		}
	}
	if container == engine.PodLevel {
		return container, 1
	}
	l := engine.AtLimit{PodState: p, Container: container, Usage: most}
	return container, float64(l.Resident()) / float64(most)
}

// nearest returns the killer that is there first, the scale on which the kernel weighs where the killer is OOM, and in how many
// seconds from the readings the killer is there.
func (c *course) nearest() (f engine.Forecast, scale int64, in float64) {
	in = math.Inf(1)
	offer := func(g engine.Forecast, at float64) {
		if at < in {
			f, in = g, at
		}
	}
	m := &c.v.Memory
	if len(c.v.Eviction) > 0 {
		offer(engine.Forecast{Threat: engine.Threat{Killer: engine.Eviction, Headroom: m.Headroom}}, c.eviction())
	}
	if scope, at := c.oom(); len(c.v.OOM) > 0 {
		scale = scope.Limit
		offer(engine.Forecast{Threat: engine.Threat{Killer: engine.OOM, Headroom: scope.Left}}, at)
	}
	for i := range c.v.Limits {
		l := &c.v.Limits[i]
		full := engine.Threat{Killer: engine.Limit, Victim: l.PodState, Headroom: l.Headroom()}
		offer(engine.Forecast{Threat: full}, c.limit(l, c.growing))
	}
	return f, scale, in
}

// mayEndBefore reports whether a pod that grows unsteadily is at its limit by then, in seconds, if it grows on by its average.
func (c *course) mayEndBefore(in float64) bool {
	if len(c.restless) == 0 {
		return false
	}
	for i := range c.v.Limits {
		if c.limit(&c.v.Limits[i], c.restless) <= in {
			return true
		}
	}
	return false
}

// eviction is when the kubelet evicts: when the first hard threshold of either signal is crossed, or the soft one has been
// crossed for its grace period.
func (c *course) eviction() float64 {
	v, at := c.v, math.Inf(1)
	m := &v.Memory
	if m.HeadroomKnown && m.Threshold > 0 {
		at = after(m.Available-m.Threshold, c.node)
	}
	if m.HeadroomKnown && m.SoftThreshold > 0 {
		grace := 0.0
		if v.Node.Config != nil {
			grace = v.Node.Config.SoftGrace.Seconds()
		}
		at = min(at, after(m.Available-m.SoftThreshold, c.node)+grace)
	}
	if pods, ok := m.PodsSignal(v.Node); ok && m.HardHeadroomKnown {
		at = min(at, after(pods.Limit-pods.Used-pods.Threshold, c.pods))
	}
	return at
}

// oom is the scope of which nothing is left first, the node or kubepods, and when that is. Each grows by its own slope: the one
// with less left now need not be the first.
func (c *course) oom() (first engine.OOMScope, at float64) {
	at = math.Inf(1)
	for _, scope := range c.v.Memory.OOMScopes(c.v.Node) {
		slope := c.node
		if scope.OfPods {
			slope = c.pods
		}
		if full := after(scope.Left, slope); full < at {
			first, at = scope, full
		}
	}
	return first, at
}

// limit is when one of the pods fills a limit of its own with memory that cannot be reclaimed; never if the limit is of none
// of them. Growth of a pod counts under the limit of the container that the growth is ascribed to, and under the pod's own.
func (c *course) limit(l *engine.AtLimit, pods []growing) float64 {
	for _, g := range pods {
		if &c.v.Node.Pods[g.pod] == l.PodState && (l.Container == g.container || l.Container == engine.PodLevel) {
			return after(l.Limit-l.Resident(), g.slope*g.resident)
		}
	}
	return math.Inf(1)
}

// after is when so many bytes are used up by a slope in bytes a second, in seconds.
func after(bytes int64, slope float64) float64 {
	if slope <= 0 {
		return math.Inf(1)
	}
	return float64(max(bytes, 0)) / slope
}

// rank completes the forecast of a killer of the whole node with the order of that moment. scale is that of the kernel.
func (c *course) rank(f *engine.Forecast, scale int64, in float64) {
	if f.Killer != engine.Eviction && f.Killer != engine.OOM {
		return
	}
	n := c.at(in)
	var first *facts.Pod
	if f.Killer == engine.Eviction {
		f.Eviction, _ = evict.Order(n)
		first = f.Eviction[0].Pod
	} else {
		order, err := oom.Order(n, scale)
		if err != nil { // as little as for the present order, which is there
			*f = engine.Forecast{}
			return
		}
		f.OOM, first = order, order[0].Pod
	}
	for i := range c.v.Node.Pods {
		if c.v.Node.Pods[i].Pod == first {
			f.Victim = &c.v.Node.Pods[i]
		}
	}
}

// at is the node after so many seconds: each growing pod has moved on by its slope, as far as its limit.
func (c *course) at(in float64) *facts.Node {
	n := *c.v.Node
	n.Pods = slices.Clone(n.Pods)
	for _, g := range c.growing {
		p := &n.Pods[g.pod]
		more := min(int64(min(g.slope*in, float64(facts.MaxBytes))), room(p, g.container))
		p.WorkingSet += more
		if g.container == engine.PodLevel {
			continue
		}
		p.Usage = slices.Clone(p.Usage)
		u := &p.Usage[g.container]
		u.WorkingSet += more
		if u.RSS != facts.Unknown {
			u.RSS += int64(float64(more) * g.resident)
		}
	}
	return &n
}

// room is how many bytes a pod can grow by in that container until a limit holds the pod.
func room(p *facts.PodState, container int) int64 {
	left := facts.MaxBytes
	if p.Limit > 0 {
		left = p.Limit - p.WorkingSet
	}
	if container != engine.PodLevel && p.Containers[container].Limit > 0 {
		left = min(left, p.Containers[container].Limit-p.Usage[container].WorkingSet)
	}
	return max(left, 0)
}
