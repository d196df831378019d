package forecast

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// quietWith is the quiet of a node of 16Gi whose working sets, in Mi, were read each 75 seconds, the last one now. The last argument
// changes the last reading.
func quietWith(workingSets []int64, edit func(*facts.Node, *facts.Policy), pods ...*factstest.PodBuilder) time.Duration {
	m, p := &History{}, factstest.Policy()
	var v engine.Verdict
	for i, mi := range workingSets {
		now := at(75 * time.Second * time.Duration(i-len(workingSets)+1))
		n := grown(now, mi, pods...)
		for j := range n.Pods {
			n.Pods[j].History = []facts.Sample{
				{At: now.Add(-75 * time.Second).Unix(), WorkingSet: n.Pods[j].WorkingSet - n.Pods[j].Growth},
				{At: now.Unix(), WorkingSet: n.Pods[j].WorkingSet},
			}
		}
		if edit != nil && i == len(workingSets)-1 {
			edit(n, p)
		}
		v = engine.Evaluate(n, p, now)
		Predict(&v, m, now)
	}
	return m.Quiet(&v, p)
}

// How long nothing can come near a node that is read each 75 seconds. The node has 16Gi, and its threshold is crossed at 16284Mi. With
// 15% of 16Gi left, which are 2457Mi, the headroom counts as little.
func TestQuiet(t *testing.T) {
	const long = facts.UnavailableAfter
	flat := steps(6000, 0, 9)
	young := func(n *facts.Node, _ *facts.Policy) {
		n.Pods[0].Containers[0].Started = at(-9 * time.Minute).UnixNano()
	}
	// read gives the pod samples in percent of 1Gi, one each 75 seconds, the last one now.
	read := func(percent ...int64) func(*facts.Node, *facts.Policy) {
		return func(n *facts.Node, _ *facts.Policy) {
			pod := &n.Pods[0]
			pod.History = nil
			for i, used := range percent {
				when := at(75 * time.Second * time.Duration(i-len(percent)+1))
				pod.History = append(pod.History, facts.Sample{At: when.Unix(), WorkingSet: giB / 100 * used})
			}
		}
	}
	cache := func(percent int64) []*factstest.PodBuilder {
		return []*factstest.PodBuilder{limited("cache", giB, giB/100*percent)}
	}
	// The pod has a sidecar at 39% of the sidecar's limit, which the pod as a whole exceeds.
	meshed := []*factstest.PodBuilder{limited("meshed", 256*miB, 100*miB).WorkingSet(700*miB).
		Container(facts.Container{Name: "main", Running: true, Started: factstest.Now.Add(-time.Hour).UnixNano()}, 600*miB)}
	for name, tc := range map[string]struct {
		workingSets []int64
		edit        func(*facts.Node, *facts.Policy)
		pods        []*factstest.PodBuilder
		want        time.Duration
	}{
		"nothing grows":                                                 {workingSets: flat, want: long},
		"memory is given back":                                          {workingSets: steps(9000, -300, 9), want: long},
		"three readings":                                                {workingSets: steps(6000, 0, 3)},
		"a jump between two readings":                                   {workingSets: append(steps(4000, 0, 7), 8000, 8000), want: 5827 * 75 * time.Second / 4000},
		"less than a quarter left, flat":                                {workingSets: steps(9800, 0, 9)},
		"a quarter left, flat":                                          {workingSets: steps(9700, 0, 9), want: long},
		"the policy wants more headroom":                                {workingSets: steps(9700, 0, 9), edit: func(_ *facts.Node, p *facts.Policy) { p.RiskHeadroomPercent = 20 }},
		"steady growth, an hour away":                                   {workingSets: steps(4000, 200, 9), want: long},
		"steady growth, half an hour away":                              {workingSets: steps(4000, 600, 9)},
		"the kubelet reports pressure":                                  {workingSets: flat, edit: func(n *facts.Node, _ *facts.Policy) { n.MemoryPressure = facts.StateTrue }},
		"stale readings":                                                {workingSets: flat, edit: func(n *facts.Node, _ *facts.Policy) { n.Usage.ObservedAt = at(-4 * time.Minute) }},
		"the node's own reading is missing":                             {workingSets: flat, edit: func(n *facts.Node, _ *facts.Policy) { n.Usage.WorkingSet = facts.Unknown }},
		"a pod without a reading":                                       {workingSets: flat, pods: []*factstest.PodBuilder{factstest.Pod("new").Unread(0)}},
		"a pod whose containers do not run":                             {workingSets: flat, pods: []*factstest.PodBuilder{factstest.Pod("waits").Waiting(0)}, want: long},
		"a pod of nine minutes":                                         {workingSets: flat, pods: []*factstest.PodBuilder{limited("young", giB, 100*miB)}, edit: young},
		"a pod of an hour":                                              {workingSets: flat, pods: []*factstest.PodBuilder{limited("old", giB, 100*miB)}, want: long},
		"a container near its limit, flat":                              {workingSets: flat, pods: []*factstest.PodBuilder{limited("full", giB, 830*miB)}},
		"a container at three quarters, flat":                           {workingSets: flat, pods: []*factstest.PodBuilder{limited("cache", giB, 768*miB)}, want: long},
		"a container at three quarters, growing":                        {workingSets: flat, pods: []*factstest.PodBuilder{limited("cache", 1000*miB, 750*miB).Growth(50 * miB)}, want: 75 * time.Second},
		"a container at a third, growing":                               {workingSets: flat, pods: []*factstest.PodBuilder{limited("small", giB, 340*miB).Growth(50 * miB)}, want: long},
		"noise about three quarters":                                    {workingSets: flat, pods: cache(77), edit: read(76, 73, 78, 72, 75, 77, 73, 77), want: long},
		"noise of a tenth about seventy percent":                        {workingSets: flat, pods: cache(73), edit: read(76, 79, 71, 72, 75, 77, 73, 73), want: long},
		"noise that came near the limit":                                {workingSets: flat, pods: cache(73), edit: read(76, 81, 68, 72, 75, 77, 73, 73)},
		"noise of a pod beside the small limit of one container":        {workingSets: flat, pods: meshed, edit: read(66, 70, 67, 70, 69, 67, 66, 69), want: long},
		"a pod that swings by what is left under one container's limit": {workingSets: flat, pods: meshed, edit: read(66, 80, 67, 70, 69, 67, 66, 68)},
		"a container that may have taken what another one gave back":    {workingSets: flat, pods: meshed, edit: read(66, 62, 62, 62, 66), want: 117600 * 375 * time.Second / 409600},
		"memory is taken and given back":                                {workingSets: flat, pods: cache(60), edit: read(50, 60, 70, 50, 60, 70, 50, 60), want: long},
		"growth that was not given back":                                {workingSets: flat, pods: cache(75), edit: read(45, 55, 65, 75, 75, 75, 75, 75), want: 75 * time.Second},
		"growth below what was used before":                             {workingSets: flat, pods: cache(50), edit: read(70, 30, 30, 30, 50), want: 15 * 375 * time.Second / 200},
		"growth just above what was used before":                        {workingSets: flat, pods: cache(72), edit: read(70, 30, 30, 30, 72), want: 13 * 375 * time.Second / 420},
		"growth after a jump as large that was given back":              {workingSets: flat, pods: cache(50), edit: read(30, 55, 30, 30, 30, 50), want: long},
		"noise, then more than ever":                                    {workingSets: flat, pods: cache(62), edit: read(50, 45, 48, 52, 47, 51, 46, 62), want: 23 * 375 * time.Second / 90},
		"growth that noise hides half the time":                         {workingSets: flat, pods: cache(60), edit: read(30, 45, 40, 55, 50, 65, 60), want: 20 * 75 * time.Second / 15},
		"a near limit counts from half of it": {
			workingSets: flat, pods: []*factstest.PodBuilder{limited("cache", giB, 768*miB)},
			edit: func(_ *facts.Node, p *facts.Policy) { p.NearLimitPercent = 50 },
		},
		"kubepods are nearer": {
			workingSets: flat,
			edit: func(n *facts.Node, _ *facts.Policy) {
				n.Config = &facts.KubeletConfig{SystemReserved: 8 * giB, PodsEnforced: true, EvictionHard: facts.Threshold{Set: true, Bytes: 100 * miB}}
				n.Usage.PodsWorkingSet = 6000 * miB
			},
		},
		"neither threshold nor usage is known": {
			workingSets: flat,
			edit:        func(n *facts.Node, _ *facts.Policy) { n.Capacity, n.Allocatable = 0, 0 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := quietWith(tc.workingSets, tc.edit, tc.pods...)
			if d := got - tc.want; d < -2*time.Second || d > 2*time.Second || (got == 0) != (tc.want == 0) {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// kept is what is kept of samples for the next reading: those of the last ten minutes, at least 75 seconds apart.
func kept(samples []facts.Sample) (history []facts.Sample) {
	for _, s := range samples {
		if samples[len(samples)-1].At-s.At < 600 && (len(history) == 0 || s.At-history[len(history)-1].At >= 75) {
			history = append(history, s)
		}
	}
	return history
}

// A node that is read in each fourth pass while it is quiet for five is never in danger unseen: neither where up to 8% of its memory
// comes or goes in each pass, nor where a container grows to its limit, by up to a sixth of the limit in each pass, while its readings
// vary by up to 4% of the limit, whatever the container took while it started. In the pass in which little is left, the node is read.
func TestPropertyNoDangerWhileQuiet(t *testing.T) {
	const capacity, pass = 64 * giB, 30 * time.Second
	rested := 0
	random(t, 400, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		m, p, asked := &History{}, factstest.Policy(), 0
		limit := giB + r.Int64N(8*giB)
		speed, calm := int64(r.Float64()*float64(limit)/6), 20+r.IntN(20) // bytes a pass, after so many passes
		used, inLimit, swing := capacity/10+r.Int64N(capacity*6/10), limit/10, 1+r.Int64N(limit/25)
		peak := limit / 100 * r.Int64N(85) // what a program takes while it starts
		var history []facts.Sample
		var quiet time.Duration
		for i := range 80 {
			now := at(time.Duration(i) * pass)
			if i > calm {
				used = max(used+r.Int64N(capacity*16/100)-capacity*8/100-speed, capacity/20)
				inLimit = min(inLimit+speed, limit)
			}
			reading := min(inLimit+r.Int64N(swing), limit)
			if i < calm-5 {
				reading = max(reading, peak)
			}
			n := factstest.Node(capacity, limited("grower", limit, reading))
			n.Usage.ObservedAt, n.Usage.WorkingSet = now, min(used+inLimit, capacity)
			if quiet >= 5*pass && i-asked < 4 {
				rested++
				v := engine.Evaluate(n, p, now)
				if v.Outlook.NearerIsLow || v.Limits[0].Percent() >= p.NearLimitPercent {
					t.Fatalf("pass %d: %dMi of the node, %d%% of the limit unseen", i, n.Usage.WorkingSet/miB, v.Limits[0].Percent())
				}
				continue
			}
			asked = i
			n.Pods[0].History = append(slices.Clone(history), facts.Sample{At: now.Unix(), WorkingSet: reading})
			history = kept(n.Pods[0].History)
			v := engine.Evaluate(n, p, now)
			Predict(&v, m, now)
			quiet = m.Quiet(&v, p)
		}
	})
	if rested < 5000 {
		t.Errorf("the node was quiet in %d of 32,000 passes: not the case that this test is about", rested)
	}
}

// Everyday noise leaves a node quiet: thirty pods, among them ten with a noisy container beside one of a small limit, and some at three
// quarters of their limit. From the moment on at which readings tell a trend, hardly any pass but each fourth asks.
func TestNoisyNodesRest(t *testing.T) {
	type container struct {
		usesMi, limitMi int64
		noise           float64
	}
	var pods [][]container
	for range 10 {
		pods = append(pods, []container{{550, 1024, 0.05}, {90, 256, 0.05}}, []container{{1024, 4096, 0.03}})
	}
	for range 5 {
		pods = append(pods, []container{{3072, 4096, 0.02}}, []container{{300, 0, 0.1}})
	}
	asked, passes := 0, 0
	random(t, 40, func(_ *testing.T, r *rand.Rand) {
		m, p, lastAsked := &History{}, factstest.Policy(), -9
		histories := make([][]facts.Sample, len(pods))
		var quiet time.Duration
		for pass := range 60 {
			counts := pass >= 20
			if counts {
				passes++
			}
			if quiet >= 5*30*time.Second && pass-lastAsked < 4 {
				continue
			}
			lastAsked = pass
			if counts {
				asked++
			}
			now, sum := at(time.Duration(pass)*30*time.Second), int64(0)
			n := factstest.Node(64 * giB)
			for i, containers := range pods {
				b, workingSet := factstest.Pod(fmt.Sprint("pod-", i)), int64(0)
				for j, c := range containers {
					used := int64(float64(c.usesMi*miB) * (1 + c.noise*(2*r.Float64()-1)))
					workingSet += used
					b.Container(facts.Container{
						Name: fmt.Sprint(j), Running: true, Limit: c.limitMi * miB, Started: at(-time.Hour).UnixNano(),
					}, used)
				}
				pod := b.WorkingSet(workingSet).State()
				pod.History = append(slices.Clone(histories[i]), facts.Sample{At: now.Unix(), WorkingSet: workingSet})
				histories[i] = kept(pod.History)
				n.Pods = append(n.Pods, pod)
				sum += workingSet
			}
			n.Usage.ObservedAt, n.Usage.WorkingSet = now, sum+giB
			v := engine.Evaluate(n, p, now)
			Predict(&v, m, now)
			quiet = m.Quiet(&v, p)
		}
	})
	if share := float64(asked) / float64(passes); share > 0.26 {
		t.Errorf("%.2f of passes ask a noisy node, want about a quarter", share)
	}
}
