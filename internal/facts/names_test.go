package facts

import "testing"

func TestSameWorkload(t *testing.T) {
	web := Workload{Kind: "Deployment", Name: "web"}
	pod := func(namespace, name, uid string, w Workload) *Pod {
		return &Pod{Namespace: namespace, Name: name, UID: uid, Workload: w}
	}
	for name, tc := range map[string]struct {
		a, b         *Pod
		want, wantIs bool
	}{
		"replicas":                       {pod("shop", "web-1", "1", web), pod("shop", "web-2", "2", web), true, false},
		"of two namespaces":              {pod("shop", "web-1", "1", web), pod("data", "web-1", "2", web), false, false},
		"of two kinds":                   {pod("shop", "web-1", "1", web), pod("shop", "web-2", "2", Workload{Kind: "StatefulSet", Name: "web"}), false, false},
		"a bare pod, itself":             {pod("shop", "a", "1", Workload{}), pod("shop", "a", "1", Workload{}), true, true},
		"two bare pods":                  {pod("shop", "a", "1", Workload{}), pod("shop", "b", "2", Workload{}), false, false},
		"two bare pods without UIDs":     {pod("shop", "a", "", Workload{}), pod("shop", "b", "", Workload{}), false, false},
		"a bare pod that was made anew":  {pod("shop", "a", "1", Workload{}), pod("shop", "a", "2", Workload{}), false, false},
		"a bare pod named as a workload": {pod("shop", "web", "1", Workload{}), pod("shop", "web-1", "2", web), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SameWorkload(tc.a, tc.b); got != tc.want {
				t.Errorf("SameWorkload %t; want %t", got, tc.want)
			}
			if got := SamePod(tc.a, tc.b); got != tc.wantIs {
				t.Errorf("SamePod %t; want %t", got, tc.wantIs)
			}
		})
	}
	if k := pod("shop", "a", "1", Workload{}).Key(); k != (WorkloadKey{"shop", Workload{"Pod", "a"}}) {
		t.Errorf("a bare pod's key is %+v", k)
	}
}

func TestAmount(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0", 1: "0", -1023: "0", KiB: "1Ki", MiB - 1: "1023Ki", MiB: "1Mi", -MiB: "-1Mi", GiB - 1: "1023Mi", GiB: "1Gi", -2 * GiB: "-2Gi",
		GiB + 1: "1024Mi", 1536 * MiB: "1536Mi", MaxBytes: "8388608Gi",
	} {
		if got := Amount(bytes); got != want {
			t.Errorf("Amount(%d) = %s; want %s", bytes, got, want)
		}
	}
}

func TestFollows(t *testing.T) {
	for minor, want := range map[int]bool{0: true, 27: false, 28: false, 31: false, 32: true, 37: true} {
		n := Node{Minor: minor}
		if got := n.Follows(SidecarScores); got != want {
			t.Errorf("a kubelet 1.%d has the sidecar rule: %t; want %t", minor, got, want)
		}
		if old := n.Old(); old != (minor > 0 && minor < OldestJudged) {
			t.Errorf("a kubelet 1.%d is old: %t", minor, old)
		}
	}
}

// TestEvictionRequest: kubelets before 1.34 count a sidecar as any init container (GetResourceRequestQuantity, v1.33.5).
func TestEvictionRequest(t *testing.T) {
	large := []Container{{Kind: Sidecar, Request: 200}, {Kind: Regular, Request: 10}}
	sidecar := []Container{{Kind: Sidecar, Request: 40}, {Kind: Regular, Request: 50}, {Kind: Regular, Request: 60}}
	for name, c := range map[string]struct {
		pod             Pod
		want33, newWant int64
	}{
		"a sidecar":              {Pod{Request: 150, Containers: sidecar}, 110, 150},
		"with overhead":          {Pod{Request: 157, Containers: sidecar}, 117, 157},
		"a large sidecar":        {Pod{Request: 210, Containers: large}, 200, 210},
		"before an init one":     {Pod{Request: 90, Containers: []Container{{Kind: Sidecar, Request: 40}, {Kind: Init, Request: 50}}}, 50, 90},
		"no sidecar":             {Pod{Request: 50, Containers: []Container{{Kind: Init, Request: 50}, {Kind: Regular, Request: 10}}}, 50, 50},
		"pod-level request":      {Pod{Request: 500, AdjShare: 1, Containers: sidecar}, 500, 500},
		"nothing requested":      {Pod{Containers: []Container{{Kind: Sidecar}, {Kind: Regular}}}, 0, 0},
		"pod-level cpu, request": {Pod{Request: 0, Containers: sidecar}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for minor, want := range map[int]int64{28: c.want33, 33: c.want33, 34: c.newWant, 0: c.newWant} {
				n := Node{Minor: minor}
				if got := n.EvictionRequest(&c.pod); got != want {
					t.Errorf("kubelet 1.%d: got %d, want %d", minor, got, want)
				}
			}
		})
	}
}

// TestRequests are the sums of the scheduler, by hand.
func TestRequests(t *testing.T) {
	p := Pod{Containers: []Container{
		{Kind: Init, Request: 100},
		{Kind: Sidecar, Request: 10},
		{Kind: Init, Request: 300},
		{Kind: Regular, Request: 50},
		{Kind: Regular, Request: 60},
		{Kind: Ephemeral, Request: 1000},
	}}
	if p.RequestedTogether() != 120 || p.InitPeak() != 310 || p.ContainerRequests() != 310 || p.CountLasting() != 3 {
		t.Errorf("together %d, peak %d, request %d, lasting %d; want 120, 310, 310, 3",
			p.RequestedTogether(), p.InitPeak(), p.ContainerRequests(), p.CountLasting())
	}
	if p.LimitInAll() != MaxBytes {
		t.Errorf("limit in all %d; want none", p.LimitInAll())
	}
	p.Limit = 7
	if !p.PodLevel() || p.LimitInAll() != 7 {
		t.Errorf("pod level %t, limit in all %d; want true, 7", p.PodLevel(), p.LimitInAll())
	}
}
