package forecast

import (
	"cmp"
	"fmt"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

const (
	miB = factstest.MiB
	giB = factstest.GiB
)

func at(d time.Duration) time.Time { return factstest.Now.Add(d) }

// grown is a node of 16Gi with the kubelet's default threshold, 100Mi, and a working set in Mi that was read then.
func grown(read time.Time, mi int64, pods ...*factstest.PodBuilder) *facts.Node {
	n := factstest.Node(16*giB, pods...)
	n.Allocatable -= 100 * miB
	n.Usage.ObservedAt, n.Usage.WorkingSet = read, mi*miB
	return n
}

// judged is a verdict on such a node, when it is read.
func judged(m *History, now time.Time, workingSet int64, pods ...*factstest.PodBuilder) *engine.Verdict {
	return predicted(m, grown(now, workingSet/miB, pods...), now)
}

func predicted(m *History, n *facts.Node, now time.Time) *engine.Verdict {
	v := engine.Evaluate(n, factstest.Policy(), now)
	Predict(&v, m, now)
	return &v
}

// limited is a pod of one container with that limit and usage.
func limited(name string, limit, usage int64) *factstest.PodBuilder {
	return factstest.Pod(name).WorkingSet(usage).Container(facts.Container{
		Name: "app", Running: true, Limit: limit, Started: factstest.Now.Add(-time.Hour).UnixNano(),
	}, usage)
}

// steps are amounts in Mi from one on, each after another by the step.
func steps(from, step int64, count int) []int64 {
	all := make([]int64, count)
	for i := range all {
		all[i] = from + int64(i)*step
	}
	return all
}

// What a node's working sets, in Mi, foretell. Its threshold is crossed at 16284Mi.
func TestTimeToThreshold(t *testing.T) {
	line := steps(12000, 100, 10) // 12900 at last: 3384 to go
	with := func(i int, mi int64) []int64 {
		changed := append([]int64(nil), line...)
		changed[i] = mi
		return changed
	}
	for name, tc := range map[string]struct {
		every    time.Duration // a minute if not set
		readings []int64
		age      time.Duration // of the last when it is judged
		edit     func(*facts.Node)
		want     time.Duration
	}{
		"growth":                              {readings: line, want: 3384 * time.Minute / 100},
		"less time from an older reading":     {readings: line, age: 2 * time.Minute, want: 3384*time.Minute/100 - 2*time.Minute},
		"four readings in three minutes":      {readings: steps(12000, 100, 4), want: 3984 * time.Minute / 100},
		"three readings":                      {readings: steps(12000, 200, 3), every: 2 * time.Minute},
		"readings in less than three minutes": {readings: steps(12000, 100, 12), every: 15 * time.Second},
		"a reading each 15 seconds":           {readings: steps(12000, 25, 60), every: 15 * time.Second, want: 2809 * time.Minute / 100},
		"a reading each two minutes":          {readings: steps(12000, 200, 10), every: 2 * time.Minute, want: 2484 * time.Minute / 100},
		"readings of which none are recent":   {readings: steps(12000, 400, 10), every: 4 * time.Minute},
		"nothing grows":                       {readings: steps(12000, 0, 10)},
		"memory is given back":                {readings: steps(14000, -100, 10)},
		"growth within 1% of the node":        {readings: steps(14000, 18, 10)},
		"growth beyond 1% of the node":        {readings: steps(14000, 19, 10), want: (2284 - 9*19) * time.Minute / 19},
		"a threshold that is a day away":      {readings: steps(100, 25, 10)},
		"a threshold that is crossed":         {readings: steps(15500, 100, 10)},
		"the threshold itself":                {readings: steps(16284-900, 100, 10)},
		"one reading far too high":            {readings: with(4, 16000), want: 3384 * time.Minute / 100},
		"one reading far too low":             {readings: with(4, 0), want: 3384 * time.Minute / 100},
		"a last reading far too high":         {readings: with(9, 16000), want: 3384 * time.Minute / 100},
		"a last reading far too low":          {readings: with(9, 0), want: 3384 * time.Minute / 100},
		"a step, flat on both sides":          {readings: append(steps(12000, 0, 5), steps(13000, 0, 5)...)},
		"up and down":                         {readings: []int64{12000, 13000, 12100, 13100, 12200, 13200, 12300, 13300, 12400, 13400}},
		"growth that cannot be told from its scatter": {
			readings: []int64{12000, 12250, 12100, 12450, 12300, 12600, 12400, 12850, 12600, 12900},
		},
		"stale readings": {readings: line, age: 3*time.Minute + time.Second},
		"nobody evicts":  {readings: line, edit: func(n *facts.Node) { n.Config = &facts.KubeletConfig{} }},
		"the pods' limit is nearer": {
			readings: line, want: 284 * time.Minute / 100,
			edit: func(n *facts.Node) {
				n.Config = &facts.KubeletConfig{
					EvictionHard: facts.Threshold{Set: true, Bytes: 100 * miB}, SystemReserved: 3 * giB, PodsEnforced: true,
				}
				n.Usage.PodsWorkingSet = n.Usage.WorkingSet + 28*miB // 13212Mi is where it is crossed
			},
		},
		"the pods' limit is nearer, but they do not grow": {
			readings: line, want: 3384 * time.Minute / 100,
			edit: func(n *facts.Node) {
				n.Config = &facts.KubeletConfig{
					EvictionHard: facts.Threshold{Set: true, Bytes: 100 * miB}, SystemReserved: 3 * giB, PodsEnforced: true,
				}
				n.Usage.PodsWorkingSet = 13200 * miB
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, got := &History{}, time.Duration(0)
			for i, mi := range tc.readings {
				now := at(time.Duration(i) * cmp.Or(tc.every, time.Minute))
				n := grown(now, mi)
				if tc.edit != nil {
					tc.edit(n)
				}
				if i == len(tc.readings)-1 {
					now = now.Add(tc.age)
				}
				got = predicted(m, n, now).Memory.TimeToThreshold
			}
			if d := got - tc.want; d < -2*time.Second || d > 2*time.Second || (got == 0) != (tc.want == 0) {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// What the readings of a container with a limit of 1Gi foretell.
func TestTimeToLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		readings []int64
		edit     func(i int, p *facts.Pod)
		want     time.Duration
	}{
		"growth":                        {readings: steps(600, 20, 10), want: 244 * time.Minute / 20},
		"growth within 5% of the limit": {readings: steps(900, 5, 10)},
		"less than half in use":         {readings: steps(300, 20, 10)},
		"half in use in time":           {readings: steps(452, 20, 10), want: 392 * time.Minute / 20},
		"half in use a moment ago":      {readings: steps(400, 20, 8)},
		"at its limit":                  {readings: steps(844, 20, 10)},
		"a limit that is raised": {
			readings: steps(600, 20, 10), want: (244 + 256) * time.Minute / 20,
			edit: func(i int, p *facts.Pod) {
				if i >= 8 {
					p.Containers[0].Limit = 1280 * miB
				}
			},
		},
		"a restart three minutes ago": {
			readings: steps(600, 20, 10),
			edit: func(i int, p *facts.Pod) {
				if i >= 7 {
					p.Containers[0].Started = at(6 * time.Minute).UnixNano()
				}
			},
		},
		"another pod of the name": {
			readings: steps(600, 20, 10),
			edit: func(i int, p *facts.Pod) {
				if i >= 7 {
					p.UID = "another"
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, got := &History{}, time.Duration(0)
			for i, mi := range tc.readings {
				pod := limited("grower", giB, mi*miB)
				if tc.edit != nil {
					pod.Edit(func(p *facts.Pod) { tc.edit(i, p) })
				}
				v := judged(m, at(time.Duration(i)*time.Minute), 8*giB, limited("calm", giB, 700*miB), pod)
				for _, l := range v.Limits {
					switch l.Name {
					case "calm":
						if l.TimeToLimit != 0 {
							t.Errorf("calm: %s", l.TimeToLimit)
						}
					default:
						got = l.TimeToLimit
					}
				}
			}
			if d := got - tc.want; d < -2*time.Second || d > 2*time.Second || (got == 0) != (tc.want == 0) {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// A pod-level limit is another than those of its containers, and begins anew when any of these does.
func TestTimeToThePodsOwnLimit(t *testing.T) {
	m := &History{}
	judge := func(minute int, started time.Duration) (pod, container time.Duration) {
		usage := int64(600+20*minute) * miB
		p := limited("grower", 2*giB, usage+512*miB).
			Container(facts.Container{Name: "b", Running: true, Started: at(started).UnixNano()}, miB).
			WorkingSet(usage).Edit(func(p *facts.Pod) { p.Limit = giB })
		for _, l := range judged(m, at(time.Duration(minute)*time.Minute), 8*giB, p).Limits {
			if l.Container == engine.PodLevel {
				pod = l.TimeToLimit
			} else {
				container = l.TimeToLimit
			}
		}
		return pod, container
	}
	var pod, container time.Duration
	for minute := range 10 {
		pod, container = judge(minute, -time.Hour)
	}
	if pod != 244*time.Minute/20 || container != (2048-512-780)*time.Minute/20 {
		t.Errorf("the pod's limit in %s, the container's in %s", pod, container)
	}
	if pod, container = judge(10, 9*time.Minute); pod != 0 || container == 0 {
		t.Errorf("after a restart of the other container: the pod's limit in %s, the container's in %s", pod, container)
	}
}

// Passes come more often than readings: they change nothing but the time that is left.
func TestTheSameReadingTwiceAddsNothing(t *testing.T) {
	m, want := &History{}, History{}
	for i := range 40 {
		read := at(time.Duration(i/4) * time.Minute)
		v := engine.Evaluate(grown(read, int64(12000+100*(i/4))), factstest.Policy(), read)
		Predict(&v, m, read.Add(time.Duration(i%4)*10*time.Second))
		if i%4 == 0 {
			want = *m
		}
		if d := gocmp.Diff(want, *m, gocmp.AllowUnexported(History{}, series{}, sample{}, watched{})); d != "" {
			t.Fatalf("pass %d:\n%s", i, d)
		}
	}
	if m.node.count != 10 {
		t.Errorf("%d samples of ten readings", m.node.count)
	}
}

// A pod whose reading lags does not keep the node's own from being taken.
func TestTheNodesOwnTimeCounts(t *testing.T) {
	m := &History{}
	var got time.Duration
	for minute := range 10 {
		now := at(time.Duration(minute) * time.Minute)
		n := grown(factstest.Now, int64(12000+100*minute))
		n.Usage.ObservedAt, n.Usage.MeasuredAt = now.Add(-2*time.Minute), now
		if minute < 2 {
			n.Usage.ObservedAt = at(-time.Minute)
		}
		got = predicted(m, n, now).Memory.TimeToThreshold
	}
	if want := 3384 * time.Minute / 100; got < want-2*time.Second || got > want+2*time.Second {
		t.Errorf("%s, want %s: the time of the node's own readings", got, want)
	}
}

// An estimate outlasts one reading without, not two in a row, nor the crossing itself.
func TestAnEstimateDoesNotFlicker(t *testing.T) {
	const far = int64(1) << 50
	var s series
	minute := uint32(0)
	read := func(level int64) time.Duration {
		minute++
		now := 1_000_000 + 60*minute
		return s.estimate(times{now, now}, int64(minute)*100*miB, level, 64*miB)
	}
	for range 10 {
		read(4000 * miB)
	}
	for i, tc := range []struct {
		level int64
		want  time.Duration
	}{
		{4000 * miB, 29 * time.Minute},
		{far, 28 * time.Minute}, // held
		{4000 * miB, 27 * time.Minute},
		{far, 26 * time.Minute}, // held
		{far, 0},
		{4000 * miB, 24 * time.Minute},
		{1000 * miB, 0}, // crossed
		{far, 0},
		{4000 * miB, 21 * time.Minute},
		{1900 * miB, 0},
		{2164 * miB, 0},                // below it again, within noise
		{2265 * miB, 39 * time.Second}, // beyond noise
	} {
		if got := read(tc.level); got < tc.want-2*time.Second || got > tc.want+2*time.Second || (got == 0) != (tc.want == 0) {
			t.Errorf("reading %d: %s, want %s", i, got, tc.want)
		}
	}
}

// A growth just beyond noise is not lost when it slows down a little: another estimate takes half the growth.
func TestAnotherEstimateTakesLessGrowth(t *testing.T) {
	read := func(s *series, minute int, mi int64) time.Duration {
		now := uint32(1_000_000 + 60*minute)
		return s.estimate(times{now, now}, mi*miB, 400*miB, 64*miB)
	}
	var slowed, slow series
	for minute := range 10 {
		read(&slowed, minute, int64(8*minute))
	}
	for minute := 10; minute < 30; minute++ {
		if read(&slowed, minute, int64(80+5*(minute-10))) == 0 {
			t.Errorf("minute %d: no other estimate from growth within noise, but half of it", minute)
		}
	}
	for minute := range 30 {
		if got := read(&slow, minute, int64(5*minute)); got != 0 {
			t.Errorf("minute %d: a first estimate, %s, from growth within noise", minute, got)
		}
	}
}

// Clocks that are set back, or readings from far off, begin the series anew or are left out.
func TestClocks(t *testing.T) {
	for name, tc := range map[string]struct {
		read, now time.Duration // of the eleventh reading
		wantCount uint8
	}{
		"the next reading":                {10 * time.Minute, 10 * time.Minute, 10},
		"a reading of a fast node":        {10*time.Minute + 50*time.Second, 10 * time.Minute, 10},
		"a reading from the future":       {15 * time.Minute, 10 * time.Minute, 10},
		"an older reading":                {8 * time.Minute, 10 * time.Minute, 10},
		"set back by half a minute":       {8*time.Minute + 30*time.Second, 8*time.Minute + 30*time.Second, 10},
		"set back by an hour":             {-time.Hour, -time.Hour, 1},
		"set ahead by five minutes":       {15 * time.Minute, 15 * time.Minute, 6},
		"set ahead by an hour":            {time.Hour, time.Hour, 1},
		"set back to 1970 and before":     {-time.Duration(factstest.Now.Unix()+10) * time.Second, -time.Duration(factstest.Now.Unix()+10) * time.Second, 0},
		"read in 2200, by a broken clock": {174 * 365 * 24 * time.Hour, 10 * time.Minute, 10},
	} {
		t.Run(name, func(t *testing.T) {
			m := &History{}
			for i := range 10 {
				judged(m, at(time.Duration(i)*time.Minute), int64(12000+100*i)*miB)
			}
			n := grown(at(tc.read), 13000)
			v := engine.Evaluate(n, factstest.Policy(), at(tc.now))
			v.Freshness = engine.Fresh
			Predict(&v, m, at(tc.now))
			if m.node.count != tc.wantCount {
				t.Errorf("%d samples, want %d", m.node.count, tc.wantCount)
			}
			if got := v.Memory.TimeToThreshold; got < 0 || got > Horizon || (tc.wantCount < minSamples && got != 0) {
				t.Errorf("in %s, from %d samples", got, m.node.count)
			}
		})
	}
}

// What is remembered of a node is bounded, whatever comes and goes.
func TestMemoryIsBounded(t *testing.T) {
	if size := unsafe.Sizeof(History{}) + maxLimits*unsafe.Sizeof(watched{}); size > 2<<10 {
		t.Errorf("%d bytes a node", size)
	}
	m := &History{}
	for i := range 200 {
		var pods []*factstest.PodBuilder
		for p := range 30 {
			pods = append(pods, limited(fmt.Sprintf("pod-%d", p+i%7), giB, int64(600+(p*i)%400)*miB))
		}
		judged(m, at(time.Duration(i)*10*time.Second), 8*giB, pods...)
		if len(m.limits) != maxLimits || cap(m.limits) > 2*maxLimits || m.node.count > maxSamples {
			t.Fatalf("%d limits (room for %d), %d samples", len(m.limits), cap(m.limits), m.node.count)
		}
	}
	judged(m, at(time.Hour), 8*giB, limited("small", giB, 100*miB))
	if len(m.limits) != 0 {
		t.Errorf("%d limits of pods that are gone", len(m.limits))
	}
}

func TestLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		due, now uint32
		want     time.Duration
	}{
		"no estimate":                    {0, 1000, 0},
		"some time":                      {1100, 1000, 100 * time.Second},
		"any moment":                     {1000, 1000, time.Second},
		"a moment ago, it was estimated": {900, 1000, time.Second},
		"the clock was set back":         {100_000, 1000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&series{due: tc.due}).left(tc.now); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{7: {7}, 2: {9, 1, 2}, 2.5: {4, 1, 3, 2}, -1: {-3, 1}} {
		if got := median(values); got != want {
			t.Errorf("median of %v: %v, want %v", values, got, want)
		}
	}
}
