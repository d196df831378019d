package extract_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// readings is a source of usage made of what it says.
type readings struct {
	nodes map[string]facts.NodeReading
	pods  map[string]facts.PodReading
}

func (r *readings) Pod(namespace, name string) (facts.PodReading, bool) {
	reading, ok := r.pods[namespace+"/"+name]
	return reading, ok
}

func (r *readings) Node(name string) (facts.NodeReading, bool) {
	reading, ok := r.nodes[name]
	return reading, ok
}

// ago is some seconds before Now.
func ago(seconds int) time.Time { return Now.Add(-time.Duration(seconds) * time.Second) }

// web is a running pod of one container, started 30 minutes ago.
func web() *facts.Pod {
	return &facts.Pod{Namespace: "shop", Name: "web", UID: "web", Containers: []facts.Container{
		{Name: "app", Running: true, Started: started.UnixNano()},
	}}
}

func usage(workingSet, rss, swap int64) facts.ContainerUsage {
	return facts.ContainerUsage{WorkingSet: workingSet, RSS: rss, Swap: swap}
}

// read is a reading of web, 10 seconds old: 1 GiB of working set, 900 MiB of RSS.
func read(change func(*facts.PodReading)) facts.PodReading {
	r := facts.PodReading{
		Source: facts.SourceMetricsAPI, ObservedAt: ago(10), WorkingSet: GiB,
		Containers: []facts.ContainerReading{{Name: "app", ContainerUsage: usage(GiB, 900*MiB, 0)}},
	}
	change(&r)
	return r
}

func noLabels(string) labels.Labels { return facts.Labels(nil) }

// attach attaches web, and the readings of it and of the node, to a node of 16 GiB.
func attach(p *facts.Pod, n *facts.Node, node facts.NodeReading, reading facts.PodReading) (absurd int) {
	if node.Source == facts.SourceNone {
		node.Source = facts.SourceMetricsAPI
	}
	return extract.Attach(n, []*facts.Pod{p}, &readings{
		nodes: map[string]facts.NodeReading{"worker-1": node}, pods: map[string]facts.PodReading{"shop/web": reading},
	}, extract.DefaultPolicy(), noLabels)
}

func emptyNode() *facts.Node {
	return &facts.Node{Name: "worker-1", Linux: true, Capacity: 16 * GiB, Usage: facts.NodeUsage{
		WorkingSet: facts.Unknown, Available: facts.Unknown, PodsWorkingSet: facts.Unknown,
	}}
}

func TestAttachPodReadings(t *testing.T) {
	none := facts.PodState{WorkingSet: facts.Unknown}
	state := func(ws int64, u ...facts.ContainerUsage) facts.PodState {
		return facts.PodState{WorkingSet: ws, Usage: u}
	}
	whole := state(GiB, usage(GiB, 900*MiB, 0))
	freshNode := facts.NodeReading{ObservedAt: ago(10), WorkingSet: 2 * GiB, Available: facts.Unknown, PodsWorkingSet: facts.Unknown}
	cases := map[string]struct {
		pod        func(*facts.Pod)
		reading    func(*facts.PodReading)
		want       facts.PodState
		wantAbsurd int
	}{
		"read":                     {want: whole},
		"not read":                 {reading: func(r *facts.PodReading) { *r = facts.PodReading{} }, want: none},
		"no time stamp":            {reading: func(r *facts.PodReading) { r.ObservedAt = time.Time{} }, want: none},
		"as much as the node has":  {reading: func(r *facts.PodReading) { r.WorkingSet = 16 * GiB }, want: state(16*GiB, usage(GiB, 900*MiB, 0))},
		"more than the node has":   {reading: func(r *facts.PodReading) { r.WorkingSet = 16*GiB + 1 }, want: none, wantAbsurd: 1},
		"negative":                 {reading: func(r *facts.PodReading) { r.WorkingSet = -2 }, want: none, wantAbsurd: 1},
		"unknown is not absurd":    {reading: func(r *facts.PodReading) { r.WorkingSet = facts.Unknown }, want: none},
		"nothing used":             {reading: func(r *facts.PodReading) { r.WorkingSet = 0 }, want: state(0, usage(GiB, 900*MiB, 0))},
		"maxAge behind the newest": {reading: func(r *facts.PodReading) { r.ObservedAt = ago(190) }, want: whole},
		"further behind":           {reading: func(r *facts.PodReading) { r.ObservedAt = ago(191) }, want: none},
		"as old as its container":  {pod: func(p *facts.Pod) { p.Containers[0].Started = ago(10).UnixNano() }, want: whole},
		"older than its container": {pod: func(p *facts.Pod) { p.Containers[0].Started = ago(9).UnixNano() }, want: none},
		"a container of unknown age": {
			pod: func(p *facts.Pod) { p.Containers[0].Started = 0 }, want: whole,
		},
		"nothing runs": {pod: func(p *facts.Pod) { p.Containers[0] = facts.Container{Name: "app"} }, want: none},
		"a container that was not read": {
			pod: func(p *facts.Pod) {
				p.Containers = append(p.Containers, facts.Container{Name: "log", Running: true, Started: started.UnixNano()})
			},
			want: state(GiB, usage(GiB, 900*MiB, 0), facts.NoContainerUsage),
		},
		"only containers of another pod were read": {
			pod: func(p *facts.Pod) { p.Containers[0].Name = "log" }, want: none,
		},
		"a container started again after the reading, beside one that was not": {
			pod: func(p *facts.Pod) {
				p.Containers = append(p.Containers, facts.Container{Name: "log", Running: true, Started: ago(5).UnixNano()})
			},
			reading: func(r *facts.PodReading) {
				r.Containers = append(r.Containers, facts.ContainerReading{Name: "log", ContainerUsage: usage(GiB, GiB, 0)})
			},
			want: state(GiB, usage(GiB, 900*MiB, 0), facts.NoContainerUsage),
		},
		"absurd figures of a container": {
			reading: func(r *facts.PodReading) { r.Containers[0].ContainerUsage = usage(16*GiB+1, -7, 1<<60) },
			want:    state(GiB, facts.NoContainerUsage), wantAbsurd: 3,
		},
		"figures of a container that are not known": {
			reading: func(r *facts.PodReading) { r.Containers[0].ContainerUsage = usage(GiB, facts.Unknown, facts.Unknown) },
			want:    state(GiB, usage(GiB, facts.Unknown, facts.Unknown)),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, n := web(), emptyNode()
			if tc.pod != nil {
				tc.pod(p)
			}
			absurd := attach(p, n, freshNode, read(func(r *facts.PodReading) {
				if tc.reading != nil {
					tc.reading(r)
				}
			}))
			tc.want.Pod, tc.want.Production, tc.want.Peak = p, true, max(tc.want.WorkingSet, 0)
			if diff := cmp.Diff([]facts.PodState{tc.want}, n.Pods); diff != "" || absurd != tc.wantAbsurd {
				t.Errorf("%d absurd; want %d. Pods (-want +got):\n%s", absurd, tc.wantAbsurd, diff)
			}
		})
	}
}

func TestFact3AttachReadsASandboxOfCRIO(t *testing.T) {
	for name, tc := range map[string]struct {
		sandboxStats bool
		want         int64
	}{"cri-o": {true, GiB}, "containerd": {false, facts.Unknown}} {
		t.Run(name, func(t *testing.T) {
			p, n := web(), emptyNode()
			p.SandboxReady, p.Containers[0] = true, facts.Container{Name: "app"}
			n.SandboxStats = tc.sandboxStats
			attach(p, n, facts.NodeReading{}, read(func(*facts.PodReading) {}))
			if got := n.Pods[0].WorkingSet; got != tc.want {
				t.Errorf("working set %d; want %d", got, tc.want)
			}
		})
	}
}

func TestAttachNodeReading(t *testing.T) {
	unknown := facts.NodeUsage{
		Source: facts.SourceMetricsAPI, WorkingSet: facts.Unknown, Available: facts.Unknown, PodsWorkingSet: facts.Unknown, ObservedAt: ago(10),
	}
	cases := map[string]struct {
		reading    facts.NodeReading
		want       func(*facts.NodeUsage)
		wantAbsurd int
	}{
		"not read": {facts.NodeReading{}, func(*facts.NodeUsage) {}, 0},
		"read": {
			facts.NodeReading{ObservedAt: ago(20), WorkingSet: 10 * GiB, PodsWorkingSet: 8 * GiB, Available: 6 * GiB, SwapCapacity: GiB},
			func(u *facts.NodeUsage) {
				u.ObservedAt, u.MeasuredAt = ago(20), ago(20)
				u.WorkingSet, u.PodsWorkingSet, u.Available, u.SwapCapacity = 10*GiB, 8*GiB, 6*GiB, GiB
			}, 0,
		},
		"newer than the pods'": {
			facts.NodeReading{ObservedAt: ago(5), WorkingSet: GiB, PodsWorkingSet: facts.Unknown, Available: facts.Unknown},
			func(u *facts.NodeUsage) { u.MeasuredAt, u.WorkingSet = ago(5), GiB }, 0,
		},
		"far older than the pods'": {
			facts.NodeReading{ObservedAt: ago(191), WorkingSet: GiB, PodsWorkingSet: GiB, Available: GiB, SwapCapacity: GiB},
			func(*facts.NodeUsage) {}, 0,
		},
		"absurd": {
			facts.NodeReading{ObservedAt: ago(10), WorkingSet: 16*GiB + 1, PodsWorkingSet: -5, Available: 1 << 60, SwapCapacity: 1 << 60},
			func(u *facts.NodeUsage) { u.MeasuredAt, u.SwapCapacity = ago(10), facts.MaxBytes }, 3,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n, want := emptyNode(), unknown
			tc.want(&want)
			absurd := attach(web(), n, tc.reading, read(func(*facts.PodReading) {}))
			if diff := cmp.Diff(want, n.Usage); diff != "" || absurd != tc.wantAbsurd {
				t.Errorf("%d absurd; want %d. Usage (-want +got):\n%s", absurd, tc.wantAbsurd, diff)
			}
		})
	}
}

func TestAttachWithoutCapacityBelievesUpToTheMost(t *testing.T) {
	n := emptyNode()
	n.Capacity = 0
	absurd := attach(web(), n, facts.NodeReading{}, read(func(r *facts.PodReading) { r.WorkingSet = facts.MaxBytes }))
	if n.Pods[0].WorkingSet != facts.MaxBytes || absurd != 0 {
		t.Errorf("working set %d, %d absurd; want it believed", n.Pods[0].WorkingSet, absurd)
	}
}

func TestAttachWindowsMayCommitMoreThanItHas(t *testing.T) {
	n := emptyNode()
	n.Linux = false
	reading := facts.NodeReading{ObservedAt: ago(10), WorkingSet: GiB, PodsWorkingSet: facts.Unknown, Available: 20 * GiB}
	if absurd := attach(web(), n, reading, read(func(*facts.PodReading) {})); absurd != 0 || n.Usage.Available != 20*GiB {
		t.Errorf("%d absurd, %d available; want 20 GiB believed", absurd, n.Usage.Available)
	}
}

func TestAttachSwapAgainstSwapCapacity(t *testing.T) {
	n := emptyNode()
	n.Usage.SwapCapacity = GiB // by the Node; more by the reading below
	reading := read(func(r *facts.PodReading) { r.Containers[0].Swap = 20 * GiB })
	if absurd := attach(web(), n, facts.NodeReading{ObservedAt: ago(10), SwapCapacity: 32 * GiB}, reading); absurd != 0 || n.Pods[0].Usage[0].Swap != 20*GiB {
		t.Errorf("%d absurd, swap %d; want the 20 GiB of 32 believed", absurd, n.Pods[0].Usage[0].Swap)
	}
}

// TestAttachSwapThatIsGone: the Node names swap until the object is deleted; a kubelet's reading tells that it is gone.
func TestAttachSwapThatIsGone(t *testing.T) {
	for name, tc := range map[string]struct {
		source    facts.Source
		byReading int64
		wantSwap  int64
	}{
		"the kubelet reads none":     {facts.SourceKubelet, 0, 0},
		"the kubelet reads less":     {facts.SourceKubelet, GiB, GiB},
		"metrics.k8s.io has no swap": {facts.SourceMetricsAPI, 0, 4 * GiB},
		"the kubelet reads more":     {facts.SourceKubelet, 8 * GiB, 8 * GiB},
		"the kubelet reads nonsense": {facts.SourceKubelet, -5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := emptyNode()
			n.Usage.SwapCapacity = 4 * GiB
			attach(web(), n, facts.NodeReading{Source: tc.source, ObservedAt: ago(10), SwapCapacity: tc.byReading}, read(func(*facts.PodReading) {}))
			if n.Usage.SwapCapacity != tc.wantSwap {
				t.Errorf("swap of %d bytes, want %d", n.Usage.SwapCapacity, tc.wantSwap)
			}
		})
	}
}

func TestAttachObservedAtIsTheOldestUsed(t *testing.T) {
	n := emptyNode()
	old, older := web(), web()
	old.Name, older.Name = "old", "older"
	at := func(seconds int) facts.PodReading {
		return read(func(r *facts.PodReading) { r.ObservedAt = ago(seconds) })
	}
	extract.Attach(n, []*facts.Pod{web(), old, older}, &readings{pods: map[string]facts.PodReading{
		"shop/web": at(10), "shop/old": at(100), "shop/older": at(600),
	}}, extract.DefaultPolicy(), noLabels)
	if !n.Usage.ObservedAt.Equal(ago(100)) || n.Pods[2].WorkingSet != facts.Unknown {
		t.Errorf("observed at %s; want %s, the one of 600 s not being used", n.Usage.ObservedAt, ago(100))
	}
}

func TestAttachGrowth(t *testing.T) {
	samples := func(s ...facts.Sample) func(*facts.PodReading) { return func(r *facts.PodReading) { r.History = s } }
	at := func(seconds int, workingSet int64) facts.Sample {
		return facts.Sample{At: ago(seconds).Unix(), WorkingSet: workingSet}
	}
	cases := map[string]struct {
		startedAgo int
		reading    func(*facts.PodReading)
		want       int64
		wantKnown  bool
		wantPeak   int64
		wantKept   int
	}{
		"no history":                        {1800, samples(), 0, false, GiB, 0},
		"one reading":                       {1800, samples(at(10, GiB)), 0, false, GiB, 1},
		"since the first kept":              {1800, samples(at(600, 100*MiB), at(300, 4*GiB), at(10, GiB)), 924 * MiB, true, 4 * GiB, 3},
		"shrunk":                            {1800, samples(at(600, 3*GiB), at(10, GiB)), -2 * GiB, true, 3 * GiB, 2},
		"as before":                         {1800, samples(at(600, GiB), at(10, GiB)), 0, true, GiB, 2},
		"a restart begins anew":             {120, samples(at(600, 8*GiB), at(60, 512*MiB), at(10, GiB)), 512 * MiB, true, GiB, 2},
		"the moment of the start counts":    {60, samples(at(600, 8*GiB), at(60, 512*MiB), at(10, GiB)), 512 * MiB, true, GiB, 2},
		"all of it from before the restart": {20, samples(at(600, 8*GiB), at(60, 8*GiB)), 0, false, GiB, 0},
		"more than the node has is no peak": {1800, samples(at(600, 17*GiB), at(10, GiB)), -16 * GiB, true, GiB, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, n := web(), emptyNode()
			p.Containers[0].Started = ago(tc.startedAgo).UnixNano()
			attach(p, n, facts.NodeReading{}, read(tc.reading))
			if p := n.Pods[0]; p.Growth != tc.want || p.GrowthKnown != tc.wantKnown || p.Peak != tc.wantPeak || len(p.History) != tc.wantKept {
				t.Errorf("growth %d, known %t, peak %d, %d readings; want %d, %t, %d, %d", p.Growth, p.GrowthKnown, p.Peak, len(p.History),
					tc.want, tc.wantKnown, tc.wantPeak, tc.wantKept)
			}
		})
	}
}

func TestAttachAsksThePolicy(t *testing.T) {
	n := emptyNode()
	p := policy(t, v1alpha1.KillOrderPolicySpec{
		Critical:   v1alpha1.CriticalPolicy{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"critical": "yes"}}},
		Production: v1alpha1.ProductionPolicy{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}},
	})
	namespaces := map[string]labels.Labels{"pay": facts.Labels{"critical", "yes"}, "shop": facts.Labels{"env", "prod"}}
	pods := []*facts.Pod{{Namespace: "pay"}, {Namespace: "shop"}, {Namespace: "unheard-of"}}
	extract.Attach(n, pods, &readings{}, p, func(name string) labels.Labels { return namespaces[name] })
	want := []facts.PodState{
		{Pod: pods[0], Critical: true, WorkingSet: facts.Unknown},
		{Pod: pods[1], Production: true, WorkingSet: facts.Unknown},
		{Pod: pods[2], WorkingSet: facts.Unknown},
	}
	if diff := cmp.Diff(want, n.Pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
}

// TestPropertyAttachedReadingsCanBeTrue: whatever a source says, what is attached is within what the node has, and
// usage is known just where there are containers' figures beside it.
func TestPropertyAttachedReadingsCanBeTrue(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		amount := func() int64 {
			return []int64{0, 1, facts.Unknown, -r.Int64(), r.Int64(), r.Int64N(16 * GiB), r.Int64N(16 * GiB), 16 * GiB, 16*GiB + 1}[r.IntN(9)]
		}
		n, source := emptyNode(), &readings{pods: map[string]facts.PodReading{}}
		n.Usage.SwapCapacity = r.Int64N(2) * 4 * GiB
		source.nodes = map[string]facts.NodeReading{"worker-1": {
			ObservedAt: ago(r.IntN(400)), WorkingSet: amount(), PodsWorkingSet: amount(), Available: amount(), SwapCapacity: amount(),
		}}
		var pods []*facts.Pod
		for _, state := range Random(seed).Pods {
			pods = append(pods, state.Pod)
			reading := facts.PodReading{ObservedAt: ago(r.IntN(4000)), WorkingSet: amount(), History: []facts.Sample{{At: r.Int64(), WorkingSet: amount()}}}
			for _, c := range state.Containers {
				reading.Containers = append(reading.Containers, facts.ContainerReading{Name: c.Name, ContainerUsage: usage(amount(), amount(), amount())})
			}
			source.pods[state.Namespace+"/"+state.Name] = reading
		}
		extract.Attach(n, pods, source, extract.DefaultPolicy(), noLabels)
		believable(t, n)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func believable(t *testing.T, n *facts.Node) {
	t.Helper()
	within := func(what string, bytes, most int64) {
		if bytes != facts.Unknown && (bytes < 0 || bytes > most) {
			t.Errorf("%s: %d of %d", what, bytes, most)
		}
	}
	u, swap := n.Usage, n.Usage.SwapCapacity
	if swap == 0 {
		swap = facts.MaxBytes
	}
	within("node", u.WorkingSet, n.Capacity)
	within("kubepods", u.PodsWorkingSet, n.Capacity)
	within("available", u.Available, n.Capacity)
	within("swap capacity", u.SwapCapacity, facts.MaxBytes)
	for _, p := range n.Pods {
		within(p.Name, p.WorkingSet, n.Capacity)
		if (p.WorkingSet == facts.Unknown) != (p.Usage == nil) || (p.Usage != nil && len(p.Usage) != len(p.Containers)) {
			t.Errorf("%s: working set %d beside %d of %d containers", p.Name, p.WorkingSet, len(p.Usage), len(p.Containers))
		}
		for _, c := range p.Usage {
			within(p.Name+" container", c.WorkingSet, n.Capacity)
			within(p.Name+" RSS", c.RSS, n.Capacity)
			within(p.Name+" swap", c.Swap, swap)
		}
	}
}
