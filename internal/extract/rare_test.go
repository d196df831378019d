package extract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

func resizing(kind corev1.PodConditionType, reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: kind, Reason: reason, Status: corev1.ConditionTrue})
	}
}

// TestResize: what the spec asks for, while the kubelet has allocated less.
func TestResize(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*corev1.Pod)
		want   facts.Resize
	}{
		"none":       {func(*corev1.Pod) {}, facts.Resize{}},
		"deferred":   {resizing(corev1.PodResizePending, "Deferred"), facts.Resize{State: facts.ResizeDeferred, Request: 8 * GiB, Limit: facts.MaxBytes}},
		"infeasible": {resizing(corev1.PodResizePending, "Infeasible"), facts.Resize{State: facts.ResizeInfeasible, Request: 8 * GiB, Limit: facts.MaxBytes}},
		"in progress": {
			resizing(corev1.PodResizeInProgress, ""), facts.Resize{State: facts.ResizeInProgress, Request: 8 * GiB, Limit: facts.MaxBytes},
		},
		"pending after one in progress": {
			func(p *corev1.Pod) {
				resizing(corev1.PodResizeInProgress, "")(p)
				resizing(corev1.PodResizePending, "Deferred")(p)
			},
			facts.Resize{State: facts.ResizeDeferred, Request: 8 * GiB, Limit: facts.MaxBytes},
		},
		"no longer": {
			func(p *corev1.Pod) {
				resizing(corev1.PodResizePending, "Deferred")(p)
				p.Status.Conditions[0].Status = corev1.ConditionFalse
			},
			facts.Resize{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := pod("web").containers(corev1.Container{Name: "c", Resources: corev1.ResourceRequirements{Requests: list("", "8Gi")}})
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", AllocatedResources: list("", "512Mi")}}
			tc.change(&p.Pod)
			f := extract.Pod(&p.Pod)
			got := facts.Resize{}
			if f.Rare != nil {
				got = f.Rare.Resize
			}
			if got != tc.want || f.Request != 512*MiB {
				t.Errorf("%+v, request %d; want %+v, and the request as allocated", got, f.Request, tc.want)
			}
		})
	}
}

// TestOddQuantities: amounts under a kibibyte have a wrong unit.
func TestOddQuantities(t *testing.T) {
	for value, want := range map[string]string{
		"512m": "512Mi", "128000m": "128Mi", "1": "1Mi", "512": "512Mi", "1023": "1023Mi", "0": "", "1Ki": "", "64k": "", "512Mi": "", "1G": "",
		"0.5": "500Mi",
	} {
		q := resource.MustParse(value)
		p := pod("web").containers(corev1.Container{Name: "c", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceMemory: q},
		}})
		got := ""
		if f := extract.Pod(&p.Pod); f.Rare != nil {
			o := f.Rare.Odd[0]
			if got = o.Meant; o.Container != "c" || o.Field != "requests.memory" {
				t.Errorf("%s: %+v", value, o)
			}
		}
		if got != want {
			t.Errorf("%s: %q was meant; want %q", value, got, want)
		}
	}
}

// TestTmpfs: memory-backed volumes that a container can write.
func TestTmpfs(t *testing.T) {
	volume := func(name string, medium corev1.StorageMedium, limit string) corev1.Volume {
		e := &corev1.EmptyDirVolumeSource{Medium: medium}
		if limit != "" {
			e.SizeLimit = new(resource.MustParse(limit))
		}
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: e}}
	}
	for name, tc := range map[string]struct {
		volume corev1.Volume
		mount  corev1.VolumeMount
		want   int64
	}{
		"no limit":                {volume("a", "Memory", ""), corev1.VolumeMount{Name: "a"}, facts.MaxBytes},
		"a limit":                 {volume("a", "Memory", "64Mi"), corev1.VolumeMount{Name: "a"}, 64 * MiB},
		"a limit of 0 is none":    {volume("a", "Memory", "0"), corev1.VolumeMount{Name: "a"}, facts.MaxBytes},
		"read only":               {volume("a", "Memory", ""), corev1.VolumeMount{Name: "a", ReadOnly: true}, 0},
		"on disk":                 {volume("a", "", ""), corev1.VolumeMount{Name: "a"}, 0},
		"another container's":     {volume("a", "Memory", ""), corev1.VolumeMount{Name: "b"}, 0},
		"huge pages are not RAM'": {volume("a", "HugePages-2Mi", ""), corev1.VolumeMount{Name: "a"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := pod("web").containers(corev1.Container{Name: "c", VolumeMounts: []corev1.VolumeMount{tc.mount}})
			p.Spec.Volumes = []corev1.Volume{tc.volume}
			if got := extract.Pod(&p.Pod).Containers[0].Tmpfs; got != tc.want {
				t.Errorf("%d; want %d", got, tc.want)
			}
		})
	}
}

// TestIgnores: the wish, its end, and what a tenant may not write.
func TestIgnores(t *testing.T) {
	end := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).Unix()
	for name, tc := range map[string]struct {
		key, value string
		want       []facts.Ignore
	}{
		"for ever":             {"BestEffortPod", "a batch job", []facts.Ignore{{Rule: "BestEffortPod", Reason: "a batch job"}}},
		"until a day":          {"BestEffortPod", "until 2027-01-31: migration", []facts.Ignore{{Rule: "BestEffortPod", Until: end, Reason: "migration"}}},
		"until, no reason":     {"BestEffortPod", "until 2027-01-31", []facts.Ignore{{Rule: "BestEffortPod", Until: end}}},
		"until is no date":     {"BestEffortPod", "until further notice", []facts.Ignore{{Rule: "BestEffortPod", Reason: "until further notice"}}},
		"no rule":              {"", "all", nil},
		"a rule of any length": {strings.Repeat("A", 64), "x", nil},
		"terminal escapes":     {"BestEffortPod", "\x1b[31mred", []facts.Ignore{{Rule: "BestEffortPod", Reason: "[31mred"}}},
		"a long reason": {
			"BestEffortPod", strings.Repeat("é", 200), []facts.Ignore{{Rule: "BestEffortPod", Reason: strings.Repeat("é", 60)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := pod("web").annotated("ignore.killorder.io/"+tc.key, tc.value)
			var got []facts.Ignore
			if f := extract.Pod(&p.Pod); f.Rare != nil {
				got = f.Rare.Ignores
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	p := pod("web").edit(func(p *corev1.Pod) { p.Annotations = map[string]string{} })
	for i := range 1000 {
		p.Annotations[fmt.Sprintf("ignore.killorder.io/Rule%04d", i)] = ""
	}
	if got := extract.Pod(&p.Pod).Rare.Ignores; len(got) != 32 || got[31].Rule != "Rule0031" {
		t.Errorf("%d wishes of one pod, the last %+v; want the first 32", len(got), got[len(got)-1])
	}
}

// TestFact56Claims: memory of resource claims counts as requested in oom_score_adj, as the kubelet's own test has it
// (TestGetContainerOOMScoreAdjustDRA in pkg/kubelet/qos/policy_test.go of v1.37.2), and not for eviction.
func TestFact56Claims(t *testing.T) {
	memory := func(q string) *resource.Quantity { return new(resource.MustParse(q)) }
	mapped := func(q string, containers ...string) corev1.NodeAllocatableResourceClaimStatus {
		return corev1.NodeAllocatableResourceClaimStatus{
			Containers: containers, Mapping: []corev1.NodeAllocatableMappedResources{
				{Name: corev1.ResourceMemory, Quantity: memory(q)}, {Name: corev1.ResourceCPU, Quantity: memory("7")},
			},
		}
	}
	overhead := corev1.NodeAllocatableResourceClaimStatus{
		Containers: []string{"app", "log"},
		Overhead:   []corev1.NodeAllocatableOverheadResources{{Name: corev1.ResourceMemory, PerPod: memory("200Mi"), PerContainer: memory("50Mi")}},
	}
	for name, tc := range map[string]struct {
		claims      []corev1.NodeAllocatableResourceClaimStatus
		want        []facts.Claim
		wantRequest int64
	}{
		"none":               {wantRequest: 192 * MiB},
		"of one container":   {[]corev1.NodeAllocatableResourceClaimStatus{mapped("1Gi", "app")}, []facts.Claim{{Container: 1, Bytes: GiB}}, 192 * MiB},
		"shared":             {[]corev1.NodeAllocatableResourceClaimStatus{mapped("1Gi", "app", "log")}, []facts.Claim{{Container: 1, Bytes: GiB / 2}, {Container: 2, Bytes: GiB / 2}}, 192 * MiB},
		"overhead":           {[]corev1.NodeAllocatableResourceClaimStatus{overhead}, []facts.Claim{{Container: 1, Bytes: 150 * MiB}, {Container: 2, Bytes: 150 * MiB}}, 192 * MiB},
		"two claims":         {[]corev1.NodeAllocatableResourceClaimStatus{mapped("1Gi", "app"), mapped("2Gi", "setup", "app")}, []facts.Claim{{Container: 0, Bytes: GiB}, {Container: 1, Bytes: 2 * GiB}}, 192 * MiB},
		"of nobody":          {[]corev1.NodeAllocatableResourceClaimStatus{mapped("1Gi")}, nil, 192 * MiB},
		"more than there is": {[]corev1.NodeAllocatableResourceClaimStatus{mapped("8E", "app"), mapped("8E", "app")}, []facts.Claim{{Container: 1, Bytes: facts.MaxBytes}}, 192 * MiB},
	} {
		for _, allocated := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, allocated %t", name, allocated), func(t *testing.T) {
				p := pod("web").inits(container("setup", "16Mi", "")).containers(container("app", "128Mi", ""), container("log", "64Mi", "")).running("app", "log")
				p.Status.NodeAllocatableResourceClaimStatuses = tc.claims
				if allocated && name != "more than there is" {
					sum := resource.NewQuantity(192*MiB, resource.BinarySI)
					for _, c := range tc.claims {
						for _, m := range c.Mapping[:min(len(c.Mapping), 1)] {
							sum.Add(*m.Quantity)
						}
						for _, o := range c.Overhead {
							sum.Add(*o.PerPod)
							sum.Add(*o.PerContainer)
							sum.Add(*o.PerContainer)
						}
					}
					p.Status.AllocatedResources = corev1.ResourceList{corev1.ResourceMemory: *sum}
				}
				f := extract.Pod(&p.Pod)
				var got []facts.Claim
				if f.Rare != nil {
					got = f.Rare.Claims
				}
				if diff := cmp.Diff(tc.want, got); diff != "" || f.Request != tc.wantRequest {
					t.Errorf("request %d, want %d; claims (-want +got):\n%s", f.Request, tc.wantRequest, diff)
				}
			})
		}
	}
}
