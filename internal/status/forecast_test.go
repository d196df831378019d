package status

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

func TestTimeBound(t *testing.T) {
	for name, tc := range map[string]struct {
		before   v1alpha1.TimeBound
		estimate time.Duration
		want     v1alpha1.TimeBound
	}{
		"no estimate":                      {},
		"an estimate that is gone":         {before: "<1h"},
		"a moment":                         {estimate: time.Second, want: "<5m"},
		"just within five minutes":         {estimate: 5*time.Minute - 1, want: "<5m"},
		"five minutes":                     {estimate: 5 * time.Minute, want: "<15m"},
		"a quarter of an hour":             {estimate: 15 * time.Minute, want: "<1h"},
		"an hour":                          {estimate: time.Hour, want: "<6h"},
		"six hours":                        {estimate: 6 * time.Hour},
		"six hours, shown before":          {before: "<6h", estimate: 6 * time.Hour, want: "<6h"},
		"clearly more than six hours":      {before: "<6h", estimate: 7*time.Hour + 30*time.Minute},
		"a little above the bound shown":   {before: "<15m", estimate: 18 * time.Minute, want: "<15m"},
		"clearly above the bound shown":    {before: "<15m", estimate: 19 * time.Minute, want: "<1h"},
		"a little below the next bound":    {before: "<15m", estimate: 4 * time.Minute, want: "<15m"},
		"clearly below the next bound":     {before: "<15m", estimate: 3 * time.Minute, want: "<5m"},
		"the soonest bound has none below": {before: "<5m", estimate: time.Second, want: "<5m"},
		"far from what was shown":          {before: "<6h", estimate: time.Minute, want: "<5m"},
		"a bound of another version":       {before: "<2d", estimate: time.Minute, want: "<5m"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := timeBound(tc.before, tc.estimate); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// watch is one node from reading to reading, as the operator judges and publishes it.
type watch struct {
	history   History
	published *v1alpha1.NodeKillOrderStatus
	summary   *NodeSummary
}

func (w *watch) read(n *facts.Node, at time.Time) {
	n.Usage.ObservedAt = at
	w.history.SetPublished(w.published)
	v, s := Judge(n, &testPolicy, &w.history, testPolicy.TopN, 1, at)
	w.published, w.summary = &s, Summarize(&v, &s)
}

// times shown of the node and, by pod, of limits.
func (w *watch) times() string {
	shown := []string{string(w.published.Memory.TimeToThreshold)}
	for _, l := range w.published.LimitOrder {
		shown = append(shown, l.Pod+string(l.TimeToLimit))
	}
	slices.Sort(shown)
	return strings.Join(shown, " ")
}

// under is a pod of one container under a limit.
func under(name string, limit, usage int64) *factstest.PodBuilder {
	return factstest.Pod(name).Running(0, usage).Edit(func(p *facts.Pod) { p.Containers[0].Limit = limit })
}

// onNode is a node of 16Gi with the kubelet's default threshold, 100Mi.
func onNode(workingSet int64, pods ...*factstest.PodBuilder) *facts.Node {
	n := factstest.Node(16*giB, pods...)
	n.Allocatable -= 100 * miB
	n.Usage.WorkingSet = workingSet
	return n
}

// Readings that vary within noise show no time, and write the same text each time.
func TestNoiseShowsNoTime(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	noise := func(width int64) int64 { return r.Int64N(width) - width/2 }
	w := &watch{}
	first := ""
	for tick := range 1000 {
		w.read(onNode(14*giB+noise(16*giB/100),
			under("a", 1000*miB, 900*miB+noise(facts.Band(1000*miB)*4/5)), under("b", 4*giB, 3*giB+noise(facts.Band(3*giB)*4/5)),
		), factstest.Now.Add(time.Duration(tick)*30*time.Second))
		if first == "" {
			first = w.times()
		}
		if got := w.times(); got != first || strings.Contains(got, "<") {
			t.Fatalf("tick %d: %s after %s", tick, got, first)
		}
	}
}

// Memory that grows with noise passes each bound once, however often the estimate crosses its edge.
func TestGrowthPassesEachBoundOnce(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 9))
		w := &watch{}
		var node, limit []string
		follow := func(shown []string, now v1alpha1.TimeBound) []string {
			if len(shown) == 0 || shown[len(shown)-1] != string(now) {
				return append(shown, string(now))
			}
			return shown
		}
		for tick := range 740 {
			steps := int64(tick) // of half a minute
			w.read(onNode(9000*miB+steps*10*miB+r.Int64N(24*miB), under("a", giB, min(650*miB+steps*7*miB/2+r.Int64N(6*miB), giB))),
				factstest.Now.Add(time.Duration(tick)*30*time.Second))
			node = follow(node, w.published.Memory.TimeToThreshold)
			limit = follow(limit, w.published.LimitOrder[0].TimeToLimit)
		}
		want := []string{"", "<6h", "<1h", "<15m", "<5m", ""}
		if d := cmp.Diff(want, node); d != "" {
			t.Errorf("seed %d, threshold (-want +got):\n%s", seed, d)
		}
		want = slices.Delete(want, 1, 2) // 5% of the limit in ten minutes is half of it in less than two hours
		if d := cmp.Diff(want, limit); d != "" {
			t.Errorf("seed %d, limit (-want +got):\n%s", seed, d)
		}
	}
}

// A time to a limit is that of a pod and container, whatever their rank.
func TestATimeGoesWithItsContainer(t *testing.T) {
	w := &watch{}
	for minute, wantFirst := range []string{"calm", "calm", "calm", "calm", "calm", "calm", "grower"} {
		w.read(onNode(8*giB, under("calm", giB, 800*miB), under("grower", giB, int64(690+30*minute)*miB)),
			factstest.Now.Add(time.Duration(minute)*time.Minute))
		if got := w.published.LimitOrder[0].Pod; got != wantFirst {
			t.Fatalf("minute %d: %s is first, want %s", minute, got, wantFirst)
		}
		want := " calm grower"
		if minute >= 3 { // (1024 - 780) / 30 minutes at first
			want = " calm grower<15m"
		}
		if got := w.times(); got != want {
			t.Errorf("minute %d: %q, want %q", minute, got, want)
		}
	}
}

// The gauge that the collector shows is the estimate itself, not the bound that the order shows.
func TestSummaryHasTheEstimate(t *testing.T) {
	w := &watch{}
	for minute := range 10 {
		w.read(onNode(int64(12000+100*minute)*miB), factstest.Now.Add(time.Duration(minute)*time.Minute))
		if minute == 2 && w.summary.TimeToThreshold != 0 {
			t.Errorf("of three readings: %s", w.summary.TimeToThreshold)
		}
	}
	if want := 3384 * 60 / 100 * time.Second; w.summary.TimeToThreshold.Truncate(time.Second) != want {
		t.Errorf("%s, want %s", w.summary.TimeToThreshold, want)
	}
}

// judgedPods makes a verdict whose next victim is the first of the named pods, and whose forecast names the pod at that place
// of the kubelet's order, -1 for none, -2 where it is too early for one.
func judgedPods(pass time.Duration, forecast int, names ...string) *engine.Verdict {
	var pods []*factstest.PodBuilder
	for i, name := range names {
		pods = append(pods, factstest.Pod(name).Running(0, int64(len(names)-i)*giB))
	}
	n := factstest.Node(16*giB, pods...)
	n.Allocatable = 15 * giB
	n.Usage.ObservedAt = factstest.Now.Add(pass)
	v := evaluate(n, factstest.Now.Add(pass))
	v.Forecast.TooEarly = forecast == -2
	if forecast >= 0 {
		order := append([]evict.Victim{v.Eviction[forecast]}, v.Eviction...)
		order[0].Usage += 8 * giB
		v.Forecast = engine.Forecast{
			Threat: engine.Threat{Killer: engine.Eviction, Victim: v.Eviction[forecast].PodState}, In: 10 * time.Minute, Eviction: order,
		}
	}
	return v
}

// TestSettleForecast goes from pass to pass: what is published is written at once.
func TestSettleForecast(t *testing.T) {
	type pass struct {
		forecast int
		pods     string
		same     bool // the readings are those of the pass before
		want     string
	}
	for name, passes := range map[string][]pass{
		"two passes that agree":      {{1, "abc", false, ""}, {1, "abc", false, "b"}, {1, "abc", false, "b"}},
		"one pass, judged twice":     {{1, "abc", false, ""}, {1, "abc", true, ""}, {1, "abc", false, "b"}},
		"passes that do not agree":   {{1, "abc", false, ""}, {2, "abc", false, ""}, {1, "abc", false, ""}, {2, "abc", false, ""}},
		"one pass without it":        {{1, "abc", false, ""}, {1, "abc", false, "b"}, {-1, "abc", false, "b"}, {1, "abc", false, "b"}},
		"two passes without it":      {{1, "abc", false, ""}, {1, "abc", false, "b"}, {-1, "abc", false, "b"}, {-1, "abc", false, ""}},
		"another one once":           {{1, "abc", false, ""}, {1, "abc", false, "b"}, {2, "abc", false, "b"}, {1, "abc", false, "b"}, {2, "abc", false, "b"}},
		"another one twice":          {{1, "abc", false, ""}, {1, "abc", false, "b"}, {2, "abc", false, "b"}, {2, "abc", false, "c"}},
		"it is the next to die":      {{1, "abc", false, ""}, {1, "abc", false, "b"}, {0, "bac", false, ""}},
		"its pod is gone":            {{1, "abc", false, ""}, {1, "abc", false, "b"}, {-1, "acd", false, ""}},
		"the next to die is no news": {{0, "abc", false, ""}, {0, "abc", false, ""}},
		"too early, with a forecast before": {
			{1, "abc", false, ""},
			{1, "abc", false, "b"},
			{-2, "abc", false, "b"},
			{-2, "abc", false, "b"},
			{-2, "abc", false, "b"},
			{-1, "abc", false, "b"},
			{-1, "abc", false, ""},
		},
		"too early, its pod gone":        {{1, "abc", false, ""}, {1, "abc", false, "b"}, {-2, "acd", false, ""}},
		"too early, with none before":    {{-2, "abc", false, ""}, {-2, "abc", false, ""}, {1, "abc", false, ""}, {1, "abc", false, "b"}},
		"no forecast, and none after it": {{-1, "abc", false, ""}, {-1, "abc", false, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			var prev *v1alpha1.ForecastKill
			var f newForecast
			now := time.Duration(0)
			for i, p := range passes {
				if !p.same {
					now += 30 * time.Second
				}
				v := judgedPods(now, p.forecast, strings.Split(p.pods, "")...)
				v.Forecast, f = settleForecast(v, prev, f)
				got := ""
				if prev = forecastKill(&v.Forecast, prev); prev != nil {
					got = prev.Pod
					if prev.In != v1alpha1.Within15Minutes || prev.Killer != v1alpha1.KillerEviction {
						t.Errorf("pass %d: %+v", i, prev)
					}
				}
				if got != p.want {
					t.Errorf("pass %d: %q; want %q", i, got, p.want)
				}
			}
		})
	}
}

// The further away a forecast is, the longer it has to hold before it is published, or withdrawn.
func TestPatienceWithForecasts(t *testing.T) {
	for name, tc := range map[string]struct {
		in             time.Duration
		published      v1alpha1.TimeBound
		want, wantGone time.Duration
	}{
		"at once":          {in: time.Minute, published: v1alpha1.Within5Minutes, want: 30 * time.Second, wantGone: 30 * time.Second},
		"minutes":          {in: 14 * time.Minute, published: v1alpha1.Within15Minutes, want: 30 * time.Second, wantGone: 30 * time.Second},
		"most of an hour":  {in: 45 * time.Minute, published: v1alpha1.WithinAnHour, want: 90 * time.Second, wantGone: 2 * time.Minute},
		"hours":            {in: 5 * time.Hour, published: v1alpha1.Within6Hours, want: 5 * time.Minute, wantGone: 5 * time.Minute},
		"sooner than told": {in: time.Minute, published: v1alpha1.Within6Hours, want: 30 * time.Second, wantGone: 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if got := held(t, tc.in, nil); got != tc.want {
				t.Errorf("published after %s, want %s", got, tc.want)
			}
			published := &v1alpha1.ForecastKill{Killer: v1alpha1.KillerEviction, Namespace: "shop", Pod: "c", UID: "c", In: tc.published}
			if got := held(t, 0, published); got != tc.wantGone {
				t.Errorf("withdrawn after %s, want %s", got, tc.wantGone)
			}
		})
	}
}

// held is how long passes, 30 s apart, give another forecast than the published one, or none (0), before that is published.
func held(t *testing.T, in time.Duration, published *v1alpha1.ForecastKill) time.Duration {
	t.Helper()
	var f newForecast
	for after := time.Duration(0); after <= time.Hour; after += 30 * time.Second {
		v := judgedPods(after, 1, "a", "b", "c")
		v.Forecast.In = in
		if in == 0 {
			v.Forecast = engine.Forecast{}
		}
		settled, next := settleForecast(v, published, f)
		f = next
		if k := forecastKill(&settled, published); (k == nil) != (published == nil) {
			return after
		}
	}
	t.Fatal("never")
	return 0
}

// TestForecastWithoutReadings: stale readings change no forecast, and without readings there is none.
func TestForecastWithoutReadings(t *testing.T) {
	prev := &v1alpha1.ForecastKill{Killer: v1alpha1.KillerEviction, Namespace: "shop", Pod: "b", UID: "b", In: v1alpha1.WithinAnHour}
	for freshness, want := range map[engine.Freshness]*v1alpha1.ForecastKill{
		engine.Fresh: prev, engine.Stale: prev, engine.Unavailable: nil,
	} {
		v := judgedPods(0, -1, "a", "b")
		v.Freshness = freshness
		f, _ := settleForecast(v, prev, newForecast{})
		if diff := cmp.Diff(want, forecastKill(&f, prev)); diff != "" {
			t.Errorf("freshness %d (-want +got):\n%s", freshness, diff)
		}
	}
}

// TestForecastIsTold: the condition names a critical pod that will be first, and the Event about the pod says so too.
func TestForecastIsTold(t *testing.T) {
	v := judgedPods(0, 1, "a", "b")
	v.Forecast.Victim.Critical = true
	const sentence = " If memory goes on growing as it does, "
	if got := criticalAtRisk(v, &testPolicy).Message; !strings.Contains(got, sentence+"the critical pod shop/b is the first to die (Eviction).") {
		t.Errorf("condition: %s", got)
	}
	order := &v1alpha1.NodeKillOrder{}
	for pod, want := range map[string]bool{"a": false, "b": true} {
		_, note := riskNote(order, v, &v1alpha1.AtRiskPod{UID: types.UID(pod), Killer: v1alpha1.KillerEviction, Rank: 1})
		if strings.Contains(note, sentence+"this pod is the first to die (Eviction).") != want {
			t.Errorf("Event about %s: %s", pod, note)
		}
	}
}

// TestForecastFromReadingToReading: a pod that grows from minute to minute is foreseen as the first to die from the second pass
// on that sees it grow steadily, and no longer once the pod is the next to die.
func TestForecastFromReadingToReading(t *testing.T) {
	for name, tc := range map[string]struct {
		newLeader int // minute of a pass that begins anew; 0 is none
		wantFrom  int // the first minute with a forecast
	}{
		"one leader": {wantFrom: 4},
		"a new leader before there is a forecast": {newLeader: 3, wantFrom: 7},
		"a new leader while there is one":         {newLeader: 6, wantFrom: 4},
	} {
		t.Run(name, func(t *testing.T) { fromReadingToReading(t, tc.newLeader, tc.wantFrom) })
	}
}

func fromReadingToReading(t *testing.T, newLeader, wantFrom int) {
	t.Helper()
	w := &watch{}
	var history []facts.Sample
	var shown []string
	for minute := range 13 {
		at := factstest.Now.Add(time.Duration(minute) * time.Minute)
		grown := int64(1+minute) * 300 * miB
		history = append(history, facts.Sample{At: at.Unix(), WorkingSet: grown})
		if minute == newLeader {
			w.history = History{} // and the readings kept are gone too
			history = history[len(history)-1:]
		}
		n := onNode(12*giB+grown, factstest.Pod("large").Running(0, 3*giB), factstest.Pod("leak").Running(0, grown))
		p := &n.Pods[1]
		p.History, p.Growth = history[max(len(history)-10, 0):], grown-history[max(len(history)-10, 0)].WorkingSet
		w.read(n, at)
		if f := w.published.Summary.Forecast; f != nil {
			shown = append(shown, strings.Join([]string{string(f.Killer), f.Pod, string(f.In), "next " + w.published.Summary.Next.Pod}, " "))
		} else {
			shown = append(shown, "")
		}
	}
	want := make([]string, 13)
	for minute := wantFrom; minute < 9; minute++ {
		want[minute] = "Eviction leak <15m next large"
	}
	want[9] = "Eviction leak <5m next large"
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("forecasts (-want +got):\n%s", diff)
	}
}
