package podcache

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// TestAtStart plays versions of one pod, as the watch or a new list tells of them, and looks at what each
// container is then known to have started with: its request in MiB and the pod-level share, or nothing.
func TestAtStart(t *testing.T) {
	type then struct{ Request, Share int64 }
	one := func(mib int, started int64) *corev1.Pod {
		return buildPod("api", "n").container("app", mib, started).pod()
	}
	two := func(app int, appStarted int64, web int, webStarted int64) *corev1.Pod {
		return buildPod("api", "n").container("app", app, appStarted).container("web", web, webStarted).pod()
	}
	withSidecar := func(proxy, app int) *corev1.Pod {
		return buildPod("api", "n").sidecar("proxy", proxy, 100).container("app", app, 100).pod()
	}
	tests := map[string]struct {
		versions []*corev1.Pod
		want     map[string]then
	}{
		"never resized":                   {[]*corev1.Pod{one(64, 100), one(64, 100)}, nil},
		"resized":                         {[]*corev1.Pod{one(64, 100), one(128, 100)}, map[string]then{"app": {64, 0}}},
		"resized again and again":         {[]*corev1.Pod{one(64, 100), one(128, 100), one(256, 100), one(512, 100)}, map[string]then{"app": {64, 0}}},
		"resized, then nothing":           {[]*corev1.Pod{one(64, 100), one(128, 100), one(128, 100)}, map[string]then{"app": {64, 0}}},
		"resized and back":                {[]*corev1.Pod{one(64, 100), one(128, 100), one(64, 100)}, nil},
		"restarted after it":              {[]*corev1.Pod{one(64, 100), one(128, 100), one(128, 200)}, nil},
		"restarted, resized":              {[]*corev1.Pod{one(64, 100), one(128, 100), one(128, 200), one(32, 200)}, map[string]then{"app": {128, 0}}},
		"resized, not started yet":        {[]*corev1.Pod{one(64, 0), one(128, 0)}, nil},
		"resized before it started":       {[]*corev1.Pod{one(64, 0), one(128, 0), one(128, 100)}, nil},
		"stopped after it":                {[]*corev1.Pod{one(64, 100), one(128, 100), one(128, 0)}, nil},
		"only the other container":        {[]*corev1.Pod{two(64, 100, 64, 100), two(64, 100, 128, 100)}, map[string]then{"web": {64, 0}}},
		"one restarted between":           {[]*corev1.Pod{two(64, 100, 64, 100), two(65, 100, 65, 100), two(65, 100, 65, 200), two(66, 100, 66, 200)}, map[string]then{"app": {64, 0}, "web": {65, 0}}},
		"another pod of the name":         {[]*corev1.Pod{one(64, 100), buildPod("api", "n").uid("new").container("app", 128, 100).pod()}, nil},
		"sidecar's own":                   {[]*corev1.Pod{withSidecar(16, 64), withSidecar(32, 64)}, map[string]then{"proxy": {16, 0}}},
		"sidecar's regular one":           {[]*corev1.Pod{withSidecar(16, 64), withSidecar(16, 128)}, map[string]then{"proxy": {16, 0}, "app": {64, 0}}},
		"ephemeral one added":             {[]*corev1.Pod{one(64, 100), buildPod("api", "n").container("app", 64, 100).ephemeral("debug", 150).pod()}, nil},
		"pod-level request":               {[]*corev1.Pod{buildPod("api", "n").podLevel(100).container("app", 64, 100).pod(), buildPod("api", "n").podLevel(164).container("app", 64, 100).pod()}, map[string]then{"app": {64, 36 << 20}}},
		"unfinished again after a glitch": {[]*corev1.Pod{one(64, 100), buildPod("api", "n").phase(corev1.PodFailed).pod(), one(128, 100)}, nil},
	}
	deliver := map[string]func(s *store, p *corev1.Pod) error{
		"watched":        func(s *store, p *corev1.Pod) error { return s.Update(p) },
		"listed again":   func(s *store, p *corev1.Pod) error { return s.Replace([]any{p}, "") },
		"list read anew": func(s *store, p *corev1.Pod) error { return readList(p)(s) },
	}
	for name, tc := range tests {
		for how, to := range deliver {
			t.Run(name+", "+how, func(t *testing.T) {
				s := newStore()
				for _, p := range tc.versions {
					if err := to(s, p); err != nil {
						t.Fatal(err)
					}
				}
				pods := s.nodes["n"]
				if len(pods) != 1 {
					t.Fatalf("got %d pods", len(pods))
				}
				got := map[string]then{}
				for i, c := range pods[0].Containers {
					if c.AtStart == nil {
						continue
					}
					got[c.Name] = then{c.AtStart.Containers[i].Request >> 20, c.AtStart.AdjShare}
					if c.AtStart.Containers[i].Name != c.Name {
						t.Errorf("%s started as %s", c.Name, c.AtStart.Containers[i].Name)
					}
					for _, earlier := range c.AtStart.Containers {
						if earlier.AtStart != nil {
							t.Errorf("what %s started with remembers what was before it", c.Name)
						}
					}
				}
				want := tc.want
				if want == nil {
					want = map[string]then{}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("at start (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestAtStartOfSharedFactsIsLeftAlone: facts that readers hold do not change when newer ones come.
func TestAtStartOfSharedFactsIsLeftAlone(t *testing.T) {
	s := newStore()
	_ = s.Add(buildPod("api", "n").container("app", 64, 100).pod())
	held := s.nodes["n"]
	before := *held[0]
	before.Containers = append([]facts.Container(nil), held[0].Containers...)
	_ = s.Update(buildPod("api", "n").container("app", 128, 100).pod())
	_ = s.Update(buildPod("api", "n").container("app", 256, 100).pod())
	if diff := cmp.Diff(&before, held[0]); diff != "" {
		t.Errorf("held facts changed (-before +after):\n%s", diff)
	}
}
