package forecast

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// random calls a property with random numbers of its own, as often as it takes.
func random(t *testing.T, times int, property func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	for seed := range uint64(times) {
		property(t, rand.New(rand.NewPCG(seed, 5)))
		if t.Failed() {
			t.Fatalf("the seed is %d", seed)
		}
	}
}

// A steady line is followed, whatever its slope and however often it is read.
func TestPropertyASteadyLineGivesItsSlope(t *testing.T) {
	random(t, 2000, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		var s series
		every, step := 10+r.Uint32N(60), float64(miB)*(0.2+r.Float64()*10) // bytes a second
		base, now, used := r.Int64N(64*giB), uint32(1_700_000_000), int64(0)
		level := base + int64(step*(1800+7000*r.Float64()))
		var got time.Duration
		for elapsed := uint32(0); elapsed <= 900; elapsed += every {
			used = base + int64(step*float64(elapsed))
			got = s.estimate(times{now + elapsed, now + elapsed}, used, level, 64*miB)
		}
		want := float64(level-used) / step
		if math.Abs(got.Seconds()-want) > 2+want/100 {
			t.Errorf("%s, want %.0fs, at %.1fMi a second, read each %ds", got, want, step/float64(miB), every)
		}
	})
}

// One wild reading of ten changes an estimate by less than the quarter for which what is published stays.
func TestPropertyOneWildReadingDoesNotMatter(t *testing.T) {
	random(t, 2000, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		step, level := 20+r.Int64N(100), 4000+r.Int64N(4000)
		readings, wild := make([]int64, maxSamples), r.IntN(maxSamples)
		for i := range readings {
			readings[i] = 1000 + step*int64(i) + r.Int64N(step/5) - step/10
		}
		estimate := func() (d time.Duration) {
			var s series
			for i, mi := range readings {
				now := uint32(1_700_000_000 + 60*i)
				d = s.estimate(times{now, now}, mi*miB, level*miB, 64*miB)
			}
			return d
		}
		calm := estimate()
		readings[wild] = r.Int64N(level)
		if d := estimate(); calm == 0 || d == 0 || d < calm*4/5 || d > calm*5/4 {
			t.Errorf("%s, and %s with %dMi as reading %d: %v", calm, d, readings[wild], wild, readings)
		}
	})
}

// Readings that vary by no more than counts as noise foretell nothing, wherever they begin.
func TestPropertyNoiseForetellsNothing(t *testing.T) {
	random(t, 150, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		m, every := &History{}, time.Duration(10+r.IntN(80))*time.Second
		mean, usage := 8*giB+r.Int64N(7*giB), 600*miB+r.Int64N(350*miB)
		noise := func(width int64) int64 { return r.Int64N(width) - width/2 }
		for i := range 60 {
			v := judged(m, at(time.Duration(i)*every), mean+noise(16*giB/100),
				limited("a", giB, usage+noise(facts.Band(giB))), limited("b", 40*miB, 30*miB+noise(16*miB)))
			if v.Memory.TimeToThreshold != 0 {
				t.Errorf("reading %d: the threshold in %s", i, v.Memory.TimeToThreshold)
			}
			for _, l := range v.Limits {
				if l.TimeToLimit != 0 {
					t.Errorf("reading %d: the limit of %s in %s", i, l.Name, l.TimeToLimit)
				}
			}
		}
	})
}

// Whatever nodes and clocks do, times are within bounds, and nothing else of the verdict changes.
func TestPropertyAnythingGoes(t *testing.T) {
	foreseen := 0
	random(t, 300, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		m, now := &History{}, factstest.Now
		n := factstest.Random(r.Uint64N(250))
		for range 30 {
			now = now.Add(time.Duration(r.Int64N(120)) * time.Second)
			read := now.Add(-time.Duration(r.Int64N(20)) * time.Second)
			switch r.IntN(20) {
			case 0:
				now = now.Add(time.Duration(r.Int64N(1<<62)) * [2]time.Duration{-1, 1}[r.IntN(2)])
			case 1:
				n = factstest.Random(r.Uint64N(250))
			case 2:
				read = time.Unix(r.Int64(), 0)
			}
			n.Usage.ObservedAt, n.Usage.Source = read, facts.SourceKubelet
			n.Usage.WorkingSet = min(max(n.Usage.WorkingSet, 0)+r.Int64N(giB), facts.MaxBytes)
			for i := range n.Pods {
				n.Pods[i].WorkingSet = min(max(n.Pods[i].WorkingSet, 0)+r.Int64N(100*miB), facts.MaxBytes)
			}
			v := engine.Evaluate(n, factstest.Policy(), now)
			Predict(&v, m, now)
			foreseen += wellFormed(t, &v, m)
		}
	})
	if foreseen < 100 {
		t.Errorf("only %d estimates were made: too few to tell", foreseen)
	}
}

func wellFormed(t *testing.T, v *engine.Verdict, m *History) (foreseen int) {
	t.Helper()
	within := func(d time.Duration, what string) {
		if d < 0 || d > Horizon || (d > 0 && d < time.Second) {
			t.Errorf("%s in %s", what, d)
		}
		if d > 0 {
			foreseen++
		}
	}
	within(v.Memory.TimeToThreshold, "threshold")
	if v.Memory.TimeToThreshold > 0 && !v.Memory.HeadroomKnown {
		t.Error("a time to a threshold that is not known")
	}
	for i := range v.Limits {
		within(v.Limits[i].TimeToLimit, "limit")
		if v.Limits[i].TimeToLimit > 0 && v.Limits[i].Headroom() == 0 {
			t.Error("a time to a limit that is reached")
		}
	}
	if len(m.limits) > maxLimits || m.node.count > maxSamples || m.pods.count > maxSamples {
		t.Errorf("%d limits, %d and %d samples", len(m.limits), m.node.count, m.pods.count)
	}
	for i := uint8(1); i < m.node.count; i++ {
		if m.node.samples[i].at <= m.node.samples[i-1].at {
			t.Errorf("samples out of order: %v", m.node.samples)
		}
	}
	return foreseen
}
