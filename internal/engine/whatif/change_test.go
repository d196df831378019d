package whatif_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

const (
	miB = facts.MiB
	giB = facts.GiB
)

func container(name string, kind facts.ContainerKind, request, limit int64) facts.Container {
	return facts.Container{Name: name, Kind: kind, Running: true, Request: request, Limit: limit}
}

// What becomes of a pod, in figures that were added up by hand.
func TestChanges(t *testing.T) {
	init := facts.Container{Name: "setup", Kind: facts.Init, Request: 256 * miB}
	old := facts.Pod{Request: 64 * miB, Containers: []facts.Container{container("app", facts.Regular, 32*miB, giB)}}
	resized := container("app", facts.Regular, 64*miB, giB)
	resized.AtStart = &old
	burst := func(request int64, cs ...facts.Container) facts.Pod {
		return facts.Pod{QOS: facts.Burstable, Request: request, Containers: cs}
	}
	cpu := container("app", facts.Regular, 64*miB, giB)
	cpu.CPURequest, cpu.CPULimit = 100, 100
	for name, tc := range map[string]struct {
		pod      facts.Pod
		change   whatif.Change
		request  int64   // of the pod
		requests []int64 // of its containers
		limits   []int64
		share    int64
		qos      facts.QOS
	}{
		"one container": {
			pod: burst(64*miB, container("app", facts.Regular, 64*miB, giB)), change: whatif.Request("app", 512*miB),
			request: 512 * miB, requests: []int64{512 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
		"a limit in the way": {
			pod: burst(64*miB, container("app", facts.Regular, 64*miB, 100*miB)), change: whatif.Request("app", 512*miB),
			request: 512 * miB, requests: []int64{512 * miB}, limits: []int64{512 * miB}, qos: facts.Burstable,
		},
		"up to the limit, cpu equal": {
			pod: burst(64*miB, cpu), change: whatif.Request("app", giB),
			request: giB, requests: []int64{giB}, limits: []int64{giB}, qos: facts.Guaranteed,
		},
		"nothing requested": {
			pod: facts.Pod{Containers: []facts.Container{container("app", facts.Regular, 0, 0)}}, change: whatif.Request("app", 64*miB),
			request: 64 * miB, requests: []int64{64 * miB}, limits: []int64{0}, qos: facts.Burstable,
		},
		"less than its init container": {
			pod: burst(256*miB, init, container("app", facts.Regular, 64*miB, giB)), change: whatif.Request("app", 200*miB),
			request: 256 * miB, requests: []int64{256 * miB, 200 * miB}, limits: []int64{0, giB}, qos: facts.Burstable,
		},
		"more than its init container": {
			pod: burst(256*miB, init, container("app", facts.Regular, 64*miB, giB)), change: whatif.Request("app", 300*miB),
			request: 300 * miB, requests: []int64{256 * miB, 300 * miB}, limits: []int64{0, giB}, qos: facts.Burstable,
		},
		"an init container on top of a sidecar": {
			pod:    burst(320*miB, container("proxy", facts.Sidecar, 64*miB, giB), init, container("app", facts.Regular, 64*miB, giB)),
			change: whatif.Request("app", 300*miB), request: 364 * miB,
			requests: []int64{64 * miB, 256 * miB, 300 * miB}, limits: []int64{giB, 0, giB}, qos: facts.Burstable,
		},
		"overhead stays": {
			pod: burst(164*miB, container("app", facts.Regular, 64*miB, giB)), change: whatif.Request("app", 512*miB),
			request: 612 * miB, requests: []int64{512 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
		"resources of the pod's own, shared out": {
			pod: facts.Pod{QOS: facts.Burstable, Request: 256 * miB, AdjShare: 64 * miB, Containers: []facts.Container{
				container("app", facts.Regular, 64*miB, 0), container("log", facts.Regular, 64*miB, 0),
			}},
			change: whatif.RequestInAll(512 * miB), request: 512 * miB, share: 192 * miB,
			requests: []int64{64 * miB, 64 * miB}, limits: []int64{0, 0}, qos: facts.Burstable,
		},
		"a container of a pod with a request of its own": {
			pod: facts.Pod{QOS: facts.Burstable, Request: 256 * miB, AdjShare: 64 * miB, Containers: []facts.Container{
				container("app", facts.Regular, 64*miB, 0), container("log", facts.Regular, 64*miB, 0),
			}},
			change: whatif.Request("app", 128*miB), request: 256 * miB, share: 32 * miB,
			requests: []int64{128 * miB, 64 * miB}, limits: []int64{0, 0}, qos: facts.Burstable,
		},
		"a container that takes less of the pod's own request": {
			pod:    facts.Pod{QOS: facts.Guaranteed, Request: 256 * miB, Limit: 256 * miB, Containers: []facts.Container{container("app", facts.Regular, 256*miB, 0)}},
			change: whatif.Request("app", 64*miB), request: 256 * miB, share: 192 * miB,
			requests: []int64{64 * miB}, limits: []int64{0}, qos: facts.Guaranteed,
		},
		"a limit of a container of a pod of CPU alone": {
			pod:    facts.Pod{QOS: facts.Burstable, Containers: []facts.Container{container("app", facts.Regular, 64*miB, 0)}},
			change: whatif.Limit("app", 128*miB), request: 0,
			requests: []int64{64 * miB}, limits: []int64{128 * miB}, qos: facts.Burstable,
		},
		"a container of another version": {
			pod: burst(64*miB, container("web", facts.Regular, 64*miB, giB)), change: whatif.Request("app", 512*miB),
			request: 64 * miB, requests: []int64{64 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
		"resized since it started": {
			pod: burst(64*miB, resized), change: whatif.Priority(7),
			request: 64 * miB, requests: []int64{64 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &facts.PodState{Pod: &tc.pod}
			before := *p.Pod
			got := whatif.Changed(p, p, tc.change)
			var requests, limits []int64
			for _, k := range got.Containers {
				requests, limits = append(requests, k.Request), append(limits, k.Limit)
				if k.AtStart != nil {
					t.Error("a new pod started with what the old one did")
				}
			}
			if got.Request != tc.request || got.AdjShare != tc.share || got.QOS != tc.qos {
				t.Errorf("request %dMi, share %dMi, %s", got.Request/miB, got.AdjShare/miB, got.QOS)
			}
			if d := cmp.Diff([][]int64{tc.requests, tc.limits}, [][]int64{requests, limits}); d != "" {
				t.Errorf("requests and limits (-want +got):\n%s", d)
			}
			if d := cmp.Diff(before, *p.Pod); d != "" {
				t.Errorf("the pod itself has changed:\n%s", d)
			}
		})
	}
}

// All replicas get the fix; what merely looks alike does not.
func TestAChangeIsOneOfTheWorkload(t *testing.T) {
	web := facts.Workload{Kind: "Deployment", Name: "web"}
	pod := func(namespace, name string, w facts.Workload) facts.PodState {
		return factstest.Pod(name).Namespace(namespace).Running(64*miB, 0).Edit(func(p *facts.Pod) { p.Workload = w }).State()
	}
	p, bare := pod("shop", "web-1", web), pod("shop", "bare-1", facts.Workload{})
	for name, tc := range map[string]struct {
		p, q facts.PodState
		want bool
	}{
		"itself":                  {p, p, true},
		"a replica":               {p, pod("shop", "web-2", web), true},
		"of another namespace":    {p, pod("data", "web-2", web), false},
		"of another kind":         {p, pod("shop", "web-2", facts.Workload{Kind: "StatefulSet", Name: "web"}), false},
		"a bare pod, itself":      {bare, bare, true},
		"a bare pod, and another": {bare, pod("shop", "bare-2", facts.Workload{}), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := whatif.Changed(&tc.p, &tc.q, whatif.Priority(7)).Priority == 7; got != tc.want {
				t.Errorf("changed is %t", got)
			}
		})
	}
}

// What a pod becomes that is created anew from another template.
func TestLike(t *testing.T) {
	template := facts.Pod{
		Namespace: "x", Name: "x", Priority: 7, QOS: facts.Burstable, Request: 96 * miB,
		Containers: []facts.Container{{Name: "app", Request: 64 * miB}, {Name: "cache", Request: 32 * miB}, {Name: "setup", Kind: facts.Init}},
	}
	start := &facts.Pod{Name: "as it started"}
	app := container("app", facts.Regular, 16*miB, 0)
	app.Started, app.AtStart = 42, start
	pod := facts.PodState{
		Pod: &facts.Pod{
			Namespace: "shop", Name: "web-1", UID: "u", Node: "n", Exempt: true, Workload: facts.Workload{Kind: "Deployment", Name: "web"},
			Containers: []facts.Container{container("proxy", facts.Regular, 0, 0), app},
			Rare:       &facts.Rare{Claims: []facts.Claim{{Container: 0, Bytes: 1}, {Container: 1, Bytes: 2}}},
		},
		WorkingSet: 100 * miB, Usage: []facts.ContainerUsage{{WorkingSet: 30 * miB, RSS: 20 * miB}, {WorkingSet: 60 * miB, RSS: 50 * miB}},
	}
	got := whatif.Changed(&pod, &pod, whatif.Like(&template))
	want := facts.PodState{
		Pod: &facts.Pod{
			Namespace: "shop", Name: "web-1", UID: "u", Node: "n", Workload: facts.Workload{Kind: "Deployment", Name: "web"},
			Priority: 7, QOS: facts.Burstable, Request: 96 * miB, Exempt: true, // a static pod: its priority does not exempt it
			Containers: []facts.Container{
				{Name: "app", Request: 64 * miB, Running: true, Started: 42},
				{Name: "cache", Request: 32 * miB, Running: true},
				{Name: "setup", Kind: facts.Init},
			},
			Rare: &facts.Rare{Claims: []facts.Claim{{Container: 0, Bytes: 2}}},
		},
		WorkingSet: 70 * miB, // without what proxy used
		Usage:      []facts.ContainerUsage{{WorkingSet: 60 * miB, RSS: 50 * miB}, {}, {}},
	}
	if d := cmp.Diff(&want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	same := whatif.Changed(&pod, &pod, whatif.Like(pod.Pod))
	if d := cmp.Diff(&pod, same); d != "" {
		t.Errorf("like itself (-want +got):\n%s", d)
	}
}
