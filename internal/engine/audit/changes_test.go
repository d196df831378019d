package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

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
		change   change
		request  int64   // of the pod
		requests []int64 // of its containers
		limits   []int64
		share    int64
		qos      facts.QOS
	}{
		"one container": {
			pod: burst(64*miB, container("app", facts.Regular, 64*miB, giB)), change: requesting("app", 512*miB),
			request: 512 * miB, requests: []int64{512 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
		"a limit in the way": {
			pod: burst(64*miB, container("app", facts.Regular, 64*miB, 100*miB)), change: requesting("app", 512*miB),
			request: 512 * miB, requests: []int64{512 * miB}, limits: []int64{512 * miB}, qos: facts.Burstable,
		},
		"up to the limit, cpu equal": {
			pod: burst(64*miB, cpu), change: requesting("app", giB),
			request: giB, requests: []int64{giB}, limits: []int64{giB}, qos: facts.Guaranteed,
		},
		"nothing requested": {
			pod: facts.Pod{Containers: []facts.Container{container("app", facts.Regular, 0, 0)}}, change: requesting("app", 64*miB),
			request: 64 * miB, requests: []int64{64 * miB}, limits: []int64{0}, qos: facts.Burstable,
		},
		"less than its init container": {
			pod: burst(256*miB, init, container("app", facts.Regular, 64*miB, giB)), change: requesting("app", 200*miB),
			request: 256 * miB, requests: []int64{256 * miB, 200 * miB}, limits: []int64{0, giB}, qos: facts.Burstable,
		},
		"more than its init container": {
			pod: burst(256*miB, init, container("app", facts.Regular, 64*miB, giB)), change: requesting("app", 300*miB),
			request: 300 * miB, requests: []int64{256 * miB, 300 * miB}, limits: []int64{0, giB}, qos: facts.Burstable,
		},
		"an init container on top of a sidecar": {
			pod:    burst(320*miB, container("proxy", facts.Sidecar, 64*miB, giB), init, container("app", facts.Regular, 64*miB, giB)),
			change: requesting("app", 300*miB), request: 364 * miB,
			requests: []int64{64 * miB, 256 * miB, 300 * miB}, limits: []int64{giB, 0, giB}, qos: facts.Burstable,
		},
		"overhead stays": {
			pod: burst(164*miB, container("app", facts.Regular, 64*miB, giB)), change: requesting("app", 512*miB),
			request: 612 * miB, requests: []int64{512 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
		"resources of the pod's own, shared out": {
			pod: facts.Pod{QOS: facts.Burstable, Request: 256 * miB, AdjShare: 64 * miB, Containers: []facts.Container{
				container("app", facts.Regular, 64*miB, 0), container("log", facts.Regular, 64*miB, 0),
			}},
			change: requestingInAll(512 * miB), request: 512 * miB, share: 192 * miB,
			requests: []int64{64 * miB, 64 * miB}, limits: []int64{0, 0}, qos: facts.Burstable,
		},
		"a container of another version": {
			pod: burst(64*miB, container("web", facts.Regular, 64*miB, giB)), change: requesting("app", 512*miB),
			request: 64 * miB, requests: []int64{64 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
		"resized since it started": {
			pod: burst(64*miB, resized), change: prioritized(7),
			request: 64 * miB, requests: []int64{64 * miB}, limits: []int64{giB}, qos: facts.Burstable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &facts.PodState{Pod: &tc.pod}
			before := *p.Pod
			got := changedLike(p, p, tc.change)
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

// With the fix, the pod requests what it should in all, wherever that has to be written.
func TestRequestFor(t *testing.T) {
	for name, tc := range map[string]struct {
		pod       *factstest.PodBuilder
		container int
		want      int64 // that container's request
	}{
		"one container": {limited("a", 64*miB, giB, 400*miB), 0, 512 * miB},
		"the second lacks it": {factstest.Pod("a").
			Container(container("log", facts.Regular, 64*miB, giB), 20*miB).
			Container(container("app", facts.Regular, 64*miB, giB), 500*miB).
			Edit(func(p *facts.Pod) { p.Request = 128 * miB }), 1, 448 * miB},
		"the first lacks it": {factstest.Pod("a").
			Container(container("app", facts.Regular, 64*miB, giB), 500*miB).
			Container(container("log", facts.Regular, 64*miB, giB), 20*miB).
			Edit(func(p *facts.Pod) { p.Request = 128 * miB }), 0, 448 * miB},
		"nobody knows who": {factstest.Pod("a").
			Container(container("proxy", facts.Sidecar, 64*miB, giB), facts.Unknown).
			Container(container("app", facts.Regular, 64*miB, giB), facts.Unknown).
			Edit(func(p *facts.Pod) { p.Request = 128 * miB }), 1, 448 * miB},
		"after a large init container": {factstest.Pod("a").
			Container(facts.Container{Name: "setup", Kind: facts.Init, Request: 256 * miB}, facts.Unknown).
			Container(container("app", facts.Regular, 64*miB, giB), 400*miB).
			Edit(func(p *facts.Pod) { p.Request = 256 * miB }), 1, 512 * miB},
		"with overhead": {limited("a", 64*miB, giB, 400*miB).Edit(func(p *facts.Pod) { p.Request = 192 * miB }), 0, 384 * miB},
	} {
		t.Run(name, func(t *testing.T) {
			p := tc.pod.State()
			_, ch := requestFor(&p, 512*miB)
			got := changedLike(&p, &p, ch)
			if got.Request != 512*miB || got.Containers[tc.container].Request != tc.want {
				t.Errorf("the pod requests %dMi, its container %dMi; want 512Mi and %dMi",
					got.Request/miB, got.Containers[tc.container].Request/miB, tc.want/miB)
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
			if got := changedLike(&tc.p, &tc.q, prioritized(7)).Priority == 7; got != tc.want {
				t.Errorf("changed is %t", got)
			}
		})
	}
}
