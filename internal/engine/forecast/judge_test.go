package forecast

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

var (
	worlds    = flag.Int("worlds", 100, "random nodes that the forecast is judged by")
	worldSeed = flag.Uint64("seed", 20261128, "of the random nodes")
)

// life is what a pod really uses, second by second: a base, a swing around it, and growth of some kind.
type life struct {
	base, swing, period, phase float64
	// slope in bytes a second from start on.
	slope, start float64
	// ends is when growth ends by itself; sawtooth drops what has grown each so many seconds. 0: it does neither.
	ends, sawtooth float64
	// starts is when the pod's containers start again, and up to `ramp` seconds from then on it comes to what it uses. 0: never.
	starts, ramp float64
}

func (l *life) at(second float64) int64 {
	grown := 0.0
	if t := second - l.start; t > 0 {
		grown = t
		if l.ends > 0 {
			grown = min(grown, l.ends)
		}
		if l.sawtooth > 0 {
			grown -= float64(int(t/l.sawtooth)) * l.sawtooth
		}
	}
	wave := 2*abs(2*frac(second/l.period+l.phase)-1) - 1
	used := l.base + l.swing*wave + l.slope*grown
	if t := second - l.starts; l.starts > 0 && t >= 0 && t < l.ramp {
		used *= t / l.ramp
	}
	return max(int64(used), 4<<20)
}

func abs(f float64) float64  { return max(f, -f) }
func frac(f float64) float64 { return f - float64(int(f)) }

// world is a node whose pods really live, and its readings.
type world struct {
	pods      []*factstest.PodBuilder
	lives     []life
	limits    []int64
	histories [][]facts.Sample
	outside   int64
	noise     *rand.Rand
}

// drawWorld draws pods of every class and several priorities, of which one to four grow: steadily, for a while, or in
// sawtooth.
func drawWorld(r *rand.Rand) *world {
	w := &world{noise: rand.New(rand.NewPCG(r.Uint64(), 3)), outside: giB}
	count := 8 + r.IntN(20)
	for i := range count {
		base := float64((50 + r.Int64N(900)) * miB)
		l := life{base: base, swing: base * 0.03 * r.Float64(), period: 60 + 600*r.Float64(), phase: r.Float64()}
		request := int64(0)
		if r.IntN(3) > 0 {
			request = int64(base * (0.3 + 1.4*r.Float64()))
		}
		b := factstest.Pod(fmt.Sprintf("pod-%02d", i)).Running(request, int64(base)).Priority([]int32{0, 0, 0, 0, 1000, -10}[r.IntN(6)])
		if i < 1+r.IntN(4) {
			l.slope, l.start = float64(16*giB)*0.3/(600+6000*r.Float64()), 300*r.Float64()
			switch r.IntN(6) {
			case 0:
				l.ends = 300 + 1500*r.Float64()
			case 1:
				l.sawtooth = 200 + 600*r.Float64()
			}
		}
		if l.slope == 0 && r.IntN(4) == 0 {
			l.starts, l.ramp = 3600*r.Float64(), 5+115*r.Float64()
		}
		limit := int64(0)
		if r.IntN(4) == 0 {
			limit = int64(base*1.5) + r.Int64N(4*giB)
			if l.slope == 0 && r.IntN(2) == 0 {
				limit = int64(base * (1.1 + 0.4*r.Float64()))
			}
			b.Edit(func(p *facts.Pod) { p.Containers[0].Limit = limit })
		}
		w.pods, w.lives, w.limits = append(w.pods, b), append(w.lives, l), append(w.limits, limit)
	}
	w.histories = make([][]facts.Sample, count)
	return w
}

// node is the node with what the pods use at a second. As a reading, which has noise, it goes into the histories.
func (w *world) node(second float64, reading bool) *facts.Node {
	sum := int64(0)
	for i, b := range w.pods {
		ws := w.lives[i].at(second)
		if reading {
			ws += int64(float64(ws) * 0.01 * (2*w.noise.Float64() - 1))
		}
		b.WorkingSet(ws).Reading(facts.ContainerUsage{WorkingSet: ws, RSS: ws, Swap: facts.Unknown})
		sum += ws
	}
	n := factstest.Node(16*giB, w.pods...)
	n.Usage.WorkingSet = sum + w.outside
	n.Allocatable -= 500 * miB
	n.Config = &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Bytes: 500 * miB}}
	if !reading {
		return n
	}
	at := factstest.Now.Add(time.Duration(second) * time.Second)
	n.Usage.ObservedAt, n.Usage.MeasuredAt = at, at
	for i := range n.Pods {
		if l := &w.lives[i]; l.starts > 0 && second >= l.starts && second < l.starts+30 {
			w.histories[i] = nil // a history begins with the first container
		}
		w.remember(i, facts.Sample{At: at.Unix(), WorkingSet: n.Pods[i].WorkingSet})
		h := w.histories[i]
		n.Pods[i].History, n.Pods[i].GrowthKnown = h, len(h) > 1
		n.Pods[i].Growth = h[len(h)-1].WorkingSet - h[0].WorkingSet
	}
	return n
}

// remember keeps samples as the store of readings does: 75 seconds apart, for ten minutes, the present one last.
func (w *world) remember(i int, s facts.Sample) {
	h := slices.Clone(w.histories[i])
	if k := len(h); k > 1 && h[k-1].At-h[k-2].At < 75 {
		h = h[:k-1]
	}
	for len(h) > 0 && h[0].At < s.At-600 {
		h = h[1:]
	}
	w.histories[i] = append(h, s)
}

// end is the first kill that really comes: at a limit, by the kubelet, which looks each ten seconds, or by the kernel.
func (w *world) end(second float64) (pod string, killed bool) {
	available := 16*giB - w.outside
	for i := range w.lives {
		ws := w.lives[i].at(second)
		if w.limits[i] > 0 && ws >= w.limits[i] {
			return fmt.Sprintf("pod-%02d", i), true
		}
		available -= ws
	}
	switch {
	case available < 500*miB && int(second)%10 == 0:
		order, _ := evict.Order(w.node(second, false))
		return order[0].Name, true
	case available <= 0:
		n := w.node(second, false)
		order, _ := oom.Order(n, n.Capacity)
		return order[0].Name, true
	}
	return "", false
}

// named is whom a reading names: by the next kill alone, by the kubelet's present order alone, and with the forecast of two
// readings that agree, where there is one that differs.
type named struct {
	at                    float64
	next, order, forecast string
}

// shown is the forecast where it differs, "" where there is none.
func (p *named) shown() string {
	if p.forecast == p.next {
		return ""
	}
	return p.forecast
}

// live plays a world to its first kill, with a reading each half minute that is known 15 seconds later.
func (w *world) live() (victim string, at float64, all []named) {
	m, before := &History{}, ""
	for second := 0.0; second < 3*3600; second++ {
		if int(second)%30 == 0 {
			now := factstest.Now.Add(time.Duration(second+15) * time.Second)
			v := engine.Evaluate(w.node(second, true), factstest.Policy(), now)
			Predict(&v, m, now)
			next, forecast := v.Outlook.Next.Victim, ""
			if v.Forecast.Killer != engine.None && !v.Forecast.MayBe(next.Pod) {
				forecast = v.Forecast.Victim.Name
			}
			p := named{at: second + 15, next: next.Name, order: v.Eviction[0].Name, forecast: next.Name}
			if forecast != "" && forecast == before {
				p.forecast = forecast
			}
			all, before = append(all, p), forecast
		}
		if pod, killed := w.end(second); killed {
			return pod, second, all
		}
	}
	return "", 0, nil
}

// foresight counts kills whose victim was named so many seconds before: by the next kill alone, by the kubelet's present order
// alone, with the forecast, and by the next kill or the forecast and not by the other one.
type foresight struct {
	before                                           float64
	kills, next, order, forecast, onlyNext, onlyThen int
}

func (f *foresight) count(victim string, at float64, all []named) {
	last := -1
	for i := range all {
		if all[i].at+f.before <= at {
			last = i
		}
	}
	if last < 0 {
		return // the kill came sooner than that
	}
	f.kills++
	next, forecast := all[last].next == victim, all[last].forecast == victim
	for count, yes := range map[*int]bool{
		&f.next: next, &f.order: all[last].order == victim, &f.forecast: forecast,
		&f.onlyNext: next && !forecast, &f.onlyThen: forecast && !next,
	} {
		if yes {
			*count++
		}
	}
}

// TestJudgeForecast lets random nodes live to their first kill. With the forecast no fewer victims have to be named in time than
// by the present order alone, and clearly more a minute and more before.
func TestJudgeForecast(t *testing.T) {
	r := rand.New(rand.NewPCG(*worldSeed, 16))
	counts := []foresight{{before: 0}, {before: 60}, {before: 300}, {before: 900}}
	changes, readings := 0, 0
	for range *worlds {
		victim, at, all := drawWorld(r).live()
		readings += len(all)
		for i := 1; i < len(all); i++ {
			if all[i].shown() != all[i-1].shown() {
				changes++
			}
		}
		for i := range counts {
			if victim != "" {
				counts[i].count(victim, at, all)
			}
		}
	}
	t.Logf("the forecast changed %d times in %d readings", changes, readings)
	if 20*changes > readings {
		t.Error("that is too often: each change is a write")
	}
	for i := range counts {
		f := &counts[i]
		t.Logf("%3.0f s before: first victim named by next in %d of %d, by evictionOrder in %d, with forecast in %d "+
			"(by next alone %d, by forecast alone %d)", f.before, f.next, f.kills, f.order, f.forecast, f.onlyNext, f.onlyThen)
		if f.forecast < f.next || f.forecast < f.order || (f.before > 0 && f.onlyThen <= 2*f.onlyNext) {
			t.Errorf("%.0f s before, the forecast is no gain", f.before)
		}
	}
}
