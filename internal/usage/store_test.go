package usage_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

const (
	mib  = int64(1) << 20
	keep = 10 * time.Minute
)

var start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// fakeClock is a clock that stands still until it is set.
type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }

// reading is a pod of namespace shop with the given working sets for its containers c0, c1...
func reading(name string, at time.Time, workingSets ...int64) *usage.Pod {
	p := &usage.Pod{Source: facts.SourceMetricsAPI, Namespace: []byte("shop"), Name: []byte(name), ObservedAt: at, WorkingSet: facts.Unknown}
	for i, ws := range workingSets {
		c := usage.Container{Name: fmt.Appendf(nil, "c%d", i), ContainerUsage: facts.NoContainerUsage}
		c.WorkingSet = ws
		p.Containers = append(p.Containers, c)
	}
	return p
}

func nodeReading(at time.Time, workingSet int64) facts.NodeReading {
	return facts.NodeReading{
		ObservedAt: at, WorkingSet: workingSet, PodsWorkingSet: facts.Unknown, Available: facts.Unknown,
	}
}

// passes plays passes over a store, one an interval, and returns the store after the last one.
func passes(t *testing.T, interval time.Duration, each ...[]*usage.Pod) (*usage.Store, usage.Result) {
	t.Helper()
	clock := &fakeClock{now: start}
	store := usage.NewStore(keep, clock.Now)
	var result usage.Result
	for i, pods := range each {
		clock.now = start.Add(time.Duration(i) * interval)
		pass := store.Begin()
		for _, p := range pods {
			pass.Pod(p)
		}
		result = pass.Commit()
	}
	return store, result
}

func TestPodReading(t *testing.T) {
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	rss := reading("a", at(0), 5*mib, 6*mib, 7*mib)
	rss.WorkingSet = 20 * mib
	rss.Containers[1].RSS, rss.Containers[1].Swap = 4*mib, 3*mib
	const most = (1<<32 - 2) * 4096 // what a container can be kept with: 16 TiB
	tests := map[string]struct {
		each        [][]*usage.Pod
		wantSet     int64
		wantAt      time.Time
		wantHistory []int64 // in MiB
		wantUsage   []facts.ContainerUsage
	}{
		"sum of the containers": {
			each: [][]*usage.Pod{{reading("a", at(0), 5*mib, 6*mib+1)}}, wantSet: 11*mib + 1, wantAt: at(0),
			wantHistory: []int64{11},
			wantUsage:   []facts.ContainerUsage{{WorkingSet: 5 * mib, RSS: -1, Swap: -1}, {WorkingSet: 6 * mib, RSS: -1, Swap: -1}},
		},
		"pod's own figure, and RSS where known": {
			each: [][]*usage.Pod{{reading("b", at(0), mib), rss, reading("c", at(0), mib)}}, wantSet: 20 * mib, wantAt: at(0),
			wantHistory: []int64{20},
			wantUsage: []facts.ContainerUsage{
				{WorkingSet: 5 * mib, RSS: -1, Swap: -1},
				{WorkingSet: 6 * mib, RSS: 4 * mib, Swap: 3 * mib},
				{WorkingSet: 7 * mib, RSS: -1, Swap: -1},
			},
		},
		"replaced by a newer one": {
			each:    [][]*usage.Pod{{reading("a", at(0), 5*mib)}, {reading("a", at(30), 9*mib)}},
			wantSet: 9 * mib, wantAt: at(30), wantHistory: []int64{5, 9},
		},
		"kept where the next one is older": {
			each:    [][]*usage.Pod{{reading("a", at(0), 5*mib)}, {reading("a", at(-15), 9*mib)}},
			wantSet: 5 * mib, wantAt: at(0), wantHistory: []int64{5},
		},
		"kept where the next pass has none": {
			each:    [][]*usage.Pod{{reading("a", at(0), 5*mib)}, {reading("b", at(30), 9*mib)}},
			wantSet: 5 * mib, wantAt: at(0), wantHistory: []int64{5},
		},
		"told twice, newest first": {
			each:    [][]*usage.Pod{{reading("a", at(0), 5*mib), reading("b", at(0), mib), reading("a", at(-9), 9*mib)}},
			wantSet: 5 * mib, wantAt: at(0), wantHistory: []int64{5},
		},
		"told twice, newest last": {
			each: [][]*usage.Pod{
				{reading("a", at(0), 5*mib)},
				{reading("a", at(10), 6*mib, mib), reading("b", at(10), mib), reading("a", at(20), 9*mib)},
				{},
			},
			wantSet: 9 * mib, wantAt: at(20), wantHistory: []int64{5, 9},
		},
		"told twice, last of the same age": {
			each:    [][]*usage.Pod{{reading("a", at(0), 5*mib), reading("a", at(0), 9*mib)}},
			wantSet: 9 * mib, wantAt: at(0), wantHistory: []int64{9},
		},
		"told twice, older and newer than the one kept": {
			each:    [][]*usage.Pod{{reading("a", at(0), 5*mib)}, {reading("a", at(-9), 6*mib), reading("a", at(9), 7*mib)}},
			wantSet: 7 * mib, wantAt: at(9), wantHistory: []int64{5, 7},
		},
		"the same reading again": {
			each:    [][]*usage.Pod{{reading("a", at(0), 5*mib)}, {reading("a", at(0), 5*mib)}, {reading("a", at(0), 5*mib)}},
			wantSet: 5 * mib, wantAt: at(0), wantHistory: []int64{5},
		},
		"more than there is memory": {
			each:    [][]*usage.Pod{{reading("a", at(0), math.MaxInt64, math.MaxInt64)}},
			wantSet: facts.MaxBytes, wantAt: at(0), wantHistory: []int64{facts.MaxBytes / mib},
			wantUsage: []facts.ContainerUsage{{WorkingSet: most, RSS: -1, Swap: -1}, {WorkingSet: most, RSS: -1, Swap: -1}},
		},
		"a little ahead of our clock": {
			each: [][]*usage.Pod{{reading("a", at(60), 5*mib)}}, wantSet: 5 * mib, wantAt: at(60), wantHistory: []int64{5},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			store, _ := passes(t, 30*time.Second, tc.each...)
			got, ok := store.Pod("shop", "a")
			if !ok || got.WorkingSet != tc.wantSet || !got.ObservedAt.Equal(tc.wantAt) {
				t.Errorf("got %v %d at %s, want %d at %s", ok, got.WorkingSet, got.ObservedAt, tc.wantSet, tc.wantAt)
			}
			var history []int64
			for _, s := range got.History {
				history = append(history, s.WorkingSet/mib)
			}
			if diff := cmp.Diff(tc.wantHistory, history); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			if tc.wantUsage == nil {
				return
			}
			var containers []facts.ContainerReading
			for i, u := range tc.wantUsage {
				containers = append(containers, facts.ContainerReading{Name: fmt.Sprintf("c%d", i), ContainerUsage: u})
			}
			if diff := cmp.Diff(containers, got.Containers); diff != "" {
				t.Errorf("containers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUnnamedContainer: an adapter's unnamed container is the pod's total, so it is not added to the others.
func TestUnnamedContainer(t *testing.T) {
	beside := reading("beside", start, 27*mib, 21*mib, 2*mib)
	beside.Containers[0].Name = nil
	alone := reading("alone", start, 27*mib)
	alone.Containers[0].Name = nil
	store, _ := passes(t, time.Second, []*usage.Pod{beside, alone})
	for name, want := range map[string]int64{"beside": 23 * mib, "alone": 27 * mib} {
		if got, _ := store.Pod("shop", name); got.WorkingSet != want {
			t.Errorf("%s: %d bytes, want %d", name, got.WorkingSet, want)
		}
	}
}

func TestDropped(t *testing.T) {
	unnamed := reading("", start, mib)
	ownNegative := reading("a", start, mib)
	ownNegative.WorkingSet = -2
	negativeRSS := reading("a", start, mib)
	negativeRSS.Containers[0].RSS = math.MinInt64
	tests := map[string]struct {
		pod  *usage.Pod
		want usage.DropCause
	}{
		"negative container":       {reading("a", start, mib, -5), usage.DropNegative},
		"negative pod":             {ownNegative, usage.DropNegative},
		"negative RSS":             {negativeRSS, usage.DropNegative},
		"no time":                  {reading("a", time.Time{}, mib), usage.DropNoTimestamp},
		"the epoch":                {reading("a", time.Unix(0, 0), mib), usage.DropNoTimestamp},
		"from the future":          {reading("a", start.Add(61*time.Second), mib), usage.DropFuture},
		"from the very far future": {reading("a", time.Unix(math.MaxInt64/2, 0), mib), usage.DropFuture},
		"older than kept":          {reading("a", start.Add(-keep-time.Second), mib), usage.DropExpired},
		"no container":             {reading("a", start), usage.DropNoMemory},
		"a container unknown":      {reading("a", start, mib, facts.Unknown), usage.DropNoMemory},
		"no name":                  {unnamed, usage.DropMalformed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			store, result := passes(t, time.Second, []*usage.Pod{tc.pod, reading("other", start, mib)})
			want := usage.Result{Pods: 1, Dropped: map[usage.DropCause]int{tc.want: 1}}
			if diff := cmp.Diff(want, result); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if _, ok := store.Pod("shop", "a"); ok {
				t.Error("the reading was kept")
			}
		})
	}
}

func TestNodeReading(t *testing.T) {
	negativeAvailable := nodeReading(start, mib)
	negativeAvailable.Available = -2
	huge := nodeReading(start, math.MaxInt64)
	tests := map[string]struct {
		name        string
		readings    []facts.NodeReading
		want        *facts.NodeReading
		wantDropped usage.DropCause
	}{
		"plain":            {"n", []facts.NodeReading{nodeReading(start, mib)}, new(nodeReading(start, mib)), ""},
		"newest of two":    {"n", []facts.NodeReading{nodeReading(start, mib), nodeReading(start.Add(-1), 2*mib)}, new(nodeReading(start, mib)), ""},
		"absurd, capped":   {"n", []facts.NodeReading{huge}, new(nodeReading(start, facts.MaxBytes)), ""},
		"negative":         {"n", []facts.NodeReading{nodeReading(start, -2)}, nil, usage.DropNegative},
		"negative figure":  {"n", []facts.NodeReading{negativeAvailable}, nil, usage.DropNegative},
		"without a figure": {"n", []facts.NodeReading{nodeReading(start, facts.Unknown)}, nil, usage.DropNoMemory},
		"no time":          {"n", []facts.NodeReading{nodeReading(time.Time{}, mib)}, nil, usage.DropNoTimestamp},
		"from the future":  {"n", []facts.NodeReading{nodeReading(start.Add(time.Hour), mib)}, nil, usage.DropFuture},
		"older than kept":  {"n", []facts.NodeReading{nodeReading(start.Add(-time.Hour), mib)}, nil, usage.DropExpired},
		"no name":          {"", []facts.NodeReading{nodeReading(start, mib)}, nil, usage.DropMalformed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			store := usage.NewStore(keep, (&fakeClock{now: start}).Now)
			pass := store.Begin()
			for _, r := range tc.readings {
				pass.Node(tc.name, r)
			}
			result := pass.Commit()
			if tc.wantDropped != "" {
				if got := result.Dropped[tc.wantDropped]; got != 1 || len(result.Dropped) != 1 {
					t.Errorf("dropped %v, want one %s", result.Dropped, tc.wantDropped)
				}
				return
			}
			if got, ok := store.Node(tc.name); !ok || cmp.Diff(*tc.want, got) != "" {
				t.Errorf("got %v %v, want %v", got, ok, *tc.want)
			}
		})
	}
}

// TestKeptUntilTooOld: a pod or node without a new reading keeps its last one for ten minutes, and is then forgotten.
func TestKeptUntilTooOld(t *testing.T) {
	clock := &fakeClock{now: start}
	store := usage.NewStore(keep, clock.Now)
	pass := store.Begin()
	pass.Pod(reading("a", start, 5*mib, 7*mib))
	pass.Node("n", nodeReading(start, 9*mib))
	pass.Commit()
	for _, age := range []time.Duration{time.Minute, keep} {
		clock.now = start.Add(age)
		if got := store.Begin().Commit(); got.Pods != 0 || got.Nodes != 0 {
			t.Errorf("an empty pass read %+v", got)
		}
		got, _ := store.Pod("shop", "a")
		if _, ok := store.Node("n"); !ok || got.WorkingSet != 12*mib || len(got.Containers) != 2 {
			t.Errorf("after %s the readings are gone: %+v", age, got)
		}
	}
	clock.now = start.Add(keep + time.Second)
	store.Begin().Commit()
	if pods, nodes := store.Len(); pods != 0 || nodes != 0 {
		t.Errorf("%d pods and %d nodes are kept for too long", pods, nodes)
	}
}

// TestHistory: samples are spaced out, ordered, bounded in number and age, and end with the reading itself.
func TestHistory(t *testing.T) {
	for _, scrape := range []time.Duration{time.Second, 15 * time.Second, 60 * time.Second, 74 * time.Second, 75 * time.Second, 4 * time.Minute} {
		t.Run(scrape.String(), func(t *testing.T) {
			clock := &fakeClock{now: start}
			store := usage.NewStore(keep, clock.Now)
			for i := range int(25*time.Minute/scrape) + 1 {
				clock.now = start.Add(time.Duration(i) * scrape)
				pass := store.Begin()
				pass.Pod(reading("a", clock.now, clock.now.Unix()*4096))
				pass.Pod(reading("z", clock.now, mib))
				pass.Commit()
				got, _ := store.Pod("shop", "a")
				checkHistory(t, got.History, clock.now.Unix())
			}
			got, _ := store.Pod("shop", "a")
			if covered := time.Duration(clock.now.Unix()-got.History[0].At) * time.Second; covered < keep-2*max(scrape, 75*time.Second) {
				t.Errorf("the history covers only %s", covered)
			}
		})
	}
}

func checkHistory(t *testing.T, history []facts.Sample, now int64) {
	t.Helper()
	if len(history) > 10 {
		t.Fatalf("%d samples", len(history))
	}
	for i, s := range history {
		if s.WorkingSet != s.At*4096 || now-s.At > 600 {
			t.Fatalf("at %d: sample %d is %+v", now, i, s)
		}
		if i > 0 && i < len(history)-1 && s.At-history[i-1].At < 75 {
			t.Fatalf("samples %+v and %+v are too close", history[i-1], s)
		}
	}
	if last := history[len(history)-1]; last.At != now {
		t.Fatalf("the last sample, %+v, is not the reading of %d", last, now)
	}
}
