package extract_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// TestFact2EffectiveRequest has the kubelet's own figures (pkg/api/v1/resource/helpers_test.go TestGetResourceRequest,
// v1.37.2), and those of the aggregation that it calls (component-helpers resource PodRequests).
func TestFact2EffectiveRequest(t *testing.T) {
	app := func(request string) corev1.Container { return container("app", request, "") }
	podLevel := func(cpu, memory string) corev1.ResourceRequirements { return requirements(list(cpu, memory), nil) }
	cases := map[string]struct {
		pod  *podBuilder
		want int64
	}{
		"nothing requested":              {pod("p").containers(app("")), 0},
		"90Mi":                           {pod("p").containers(app("90Mi")), 94371840},
		"just overhead for memory":       {pod("p").containers(app("")).overhead("5"), 0},
		"mem overhead and req":           {pod("p").containers(app("1024")).overhead("5"), 1029},
		"a request of 0 is no request":   {pod("p").containers(app("0")).overhead("5"), 0},
		"containers add up":              {pod("p").containers(app("1Gi"), container("log", "64Mi", "")), GiB + 64*MiB},
		"a limit is no request":          {pod("p").containers(container("app", "", "1Gi")), 0},
		"millibytes are rounded up":      {pod("p").containers(app("128m")), 1},
		"a larger init container counts": {pod("p").containers(app("1Gi")).inits(container("init", "2Gi", "")), 2 * GiB},
		"a smaller init container does not": {
			pod("p").containers(app("1Gi")).inits(container("init", "512Mi", "")), GiB,
		},
		"a sidecar adds up": {pod("p").containers(app("1Gi")).inits(sidecar("side", "64Mi", "")), GiB + 64*MiB},
		"init containers run beside the sidecars before them": {
			pod("p").containers(app("1Gi")).inits(sidecar("side", "1Gi", ""), container("init", "2Gi", "")), 3 * GiB,
		},
		"and not beside those after them": {
			pod("p").containers(app("1Gi")).inits(container("init", "2Gi", ""), sidecar("side", "512Mi", "")), 2 * GiB,
		},
		"pod level resources mem req, container mem req": {
			pod("p").containers(app("80Mi")).podLevel(podLevel("", "100Mi")), 104857600,
		},
		"pod level resources mem req, container no req": {
			pod("p").containers(app("")).podLevel(podLevel("", "100Mi")), 104857600,
		},
		"pod level resources cpu req switches container memory off": {
			pod("p").containers(app("50Mi")).podLevel(podLevel("5", "")), 0,
		},
		"pod level limit alone switches container memory off": {
			pod("p").containers(app("50Mi")).podLevel(requirements(nil, list("", "1Gi"))), 0,
		},
		"pod level hugepages switch container memory off": {
			pod("p").containers(app("50Mi")).podLevel(requirements(corev1.ResourceList{"hugepages-2Mi": resource.MustParse("4Mi")}, nil)), 0,
		},
		"empty pod level resources are none": {
			pod("p").containers(app("50Mi")).podLevel(corev1.ResourceRequirements{}), 50 * MiB,
		},
		"pod level resources that are not supported are none": {
			pod("p").containers(app("50Mi")).
				podLevel(requirements(corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("1Gi")}, nil)), 50 * MiB,
		},
		"pod level request of 0, and overhead": {
			pod("p").containers(app("50Mi")).podLevel(podLevel("", "0")).overhead("5Mi"), 0,
		},
		"pod level request and overhead": {
			pod("p").containers(app("50Mi")).podLevel(podLevel("", "100Mi")).overhead("5Mi"), 105 * MiB,
		},
		"no containers":                           {pod("p"), 0},
		"a pod level request without containers":  {pod("p").podLevel(podLevel("", "1Gi")), GiB},
		"two requests that overflow an int64":     {pod("p").containers(app("8E"), container("log", "8E", "")), facts.MaxBytes},
		"overhead that overflows":                 {pod("p").containers(app("8E")).overhead("8E"), facts.MaxBytes},
		"a negative request, which no API allows": {pod("p").containers(app("-1Gi")), 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := extract.Pod(&tc.pod.Pod).Request; got != tc.want {
				t.Errorf("request %d; want %d", got, tc.want)
			}
		})
	}
}

// TestFact14AdjShare: what a pod-level request leaves over is shared out over containers and init containers
// (kubelet/qos/helpers.go remainingPodMemReqPerContainer), with the figures of kubelet/qos/policy_test.go.
func TestFact14AdjShare(t *testing.T) {
	request := requirements(list("5m", "2000000000"), nil)
	none, gb := container("a", "", ""), container("a", "1000000000", "")
	cases := map[string]struct {
		pod  *podBuilder
		want int64
	}{
		"no pod-level resources":     {pod("p").containers(gb), 0},
		"no-container-resources":     {pod("p").podLevel(request).containers(none, none), 1000000000},
		"equal-container-requests":   {pod("p").podLevel(request).containers(gb, gb), 0},
		"unequal-container-requests": {pod("p").podLevel(request).containers(gb, none), 500000000},
		"with-sidecar":               {pod("p").podLevel(request).containers(none).inits(sidecar("side", "", "")), 1000000000},
		"unequal with-sidecar": {
			pod("p").podLevel(request).containers(gb, container("b", "500000000", "")).inits(sidecar("side", "200000000", "")), 100000000,
		},
		"init containers share too":          {pod("p").podLevel(request).containers(none).inits(container("i", "", "")), 1000000000},
		"containers ask for more than is":    {pod("p").podLevel(request).containers(gb, gb, gb), 0},
		"a pod-level limit is no request":    {pod("p").podLevel(requirements(nil, list("", "1Gi"))).containers(none), 0},
		"a pod-level CPU request alone":      {pod("p").podLevel(requirements(list("1", ""), nil)).containers(none), 0},
		"the share is rounded down":          {pod("p").podLevel(requirements(list("", "10"), nil)).containers(none, none, none), 3},
		"nobody to share with, as in a file": {pod("p").podLevel(request), 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := extract.Pod(&tc.pod.Pod).AdjShare; got != tc.want {
				t.Errorf("share %d; want %d", got, tc.want)
			}
		})
	}
}

// allocated is the status of a running container to which the kubelet has allocated that much memory.
func allocated(name, memory string) corev1.ContainerStatus {
	s := runningStatus(name)
	s.AllocatedResources = list("", memory)
	s.Resources = &corev1.ResourceRequirements{Requests: list("", memory)}
	return s
}

// TestFact11AllocatedResources: the kubelet ranks by what it has allocated (kubelet/kubelet_pods.go getAllocatedPods),
// and reports that as allocatedResources; those of the pod have the overhead in them.
func TestFact11AllocatedResources(t *testing.T) {
	resized := func(spec string, statuses ...corev1.ContainerStatus) *podBuilder {
		return pod("p").containers(container("app", spec, "")).edit(func(p *corev1.Pod) { p.Status.ContainerStatuses = statuses })
	}
	podAllocated := func(memory string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.AllocatedResources = list("", memory) }
	}
	cases := map[string]struct {
		pod           *podBuilder
		want          int64
		wantContainer int64
	}{
		"a larger request not yet granted":  {resized("2Gi", allocated("app", "1Gi")), GiB, GiB},
		"a smaller request not yet granted": {resized("1Gi", allocated("app", "2Gi")), 2 * GiB, 2 * GiB},
		"granted":                           {resized("2Gi", allocated("app", "2Gi")), 2 * GiB, 2 * GiB},
		"a request where none was":          {resized("2Gi", allocated("app", "")), 0, 0},
		"the kubelet says nothing of it":    {resized("2Gi", runningStatus("app")), 2 * GiB, 2 * GiB},
		"not created yet":                   {resized("2Gi"), 2 * GiB, 2 * GiB},
		"another container's status":        {resized("2Gi", allocated("log", "1Gi")), 2 * GiB, 2 * GiB},
		"after containers that are not created yet, and as asked for": {
			resized("2Gi", allocated("log", "64Mi"), allocated("proxy", "128Mi")).
				containers(container("log", "64Mi", ""), container("proxy", "256Mi", "")), 2*GiB + 192*MiB, 128 * MiB,
		},
		"overhead comes on top": {resized("2Gi", allocated("app", "1Gi")).overhead("5Mi"), GiB + 5*MiB, GiB},
		"the pod's sum has the overhead in it": {
			resized("2Gi", allocated("app", "1Gi")).overhead("5Mi").edit(podAllocated("1029Mi")), GiB + 5*MiB, GiB,
		},
		"the pod's sum is just overhead": {resized("", allocated("app", "")).overhead("5Mi").edit(podAllocated("5Mi")), 0, 0},
		"a sidecar's is in initContainerStatuses": {
			resized("1Gi", allocated("app", "1Gi")).inits(sidecar("side", "2Gi", "")).
				edit(func(p *corev1.Pod) {
					p.Status.InitContainerStatuses = []corev1.ContainerStatus{allocated("side", "512Mi")}
				}),
			GiB + 512*MiB, GiB,
		},
		"a pod-level request not yet granted": {
			resized("1Gi", allocated("app", "1Gi")).podLevel(requirements(list("", "4Gi"), nil)).edit(podAllocated("3Gi")), 3 * GiB, GiB,
		},
		"a pod-level request granted": {
			resized("1Gi", allocated("app", "1Gi")).podLevel(requirements(list("", "4Gi"), nil)).edit(podAllocated("4Gi")), 4 * GiB, GiB,
		},
		"a pod-level request of 0 not yet granted": {
			resized("0", allocated("app", "1Gi")).podLevel(requirements(list("", "0"), nil)).edit(podAllocated("3Gi")), 3 * GiB, GiB,
		},
		"a pod-level request of 0 in place of the containers' sum": {
			resized("0", allocated("app", "1Gi")).podLevel(requirements(list("1", "0"), nil)).
				overhead("5Mi").edit(podAllocated("1029Mi")), GiB + 5*MiB, GiB,
		},
		"a pod-level request of 0 granted": {
			resized("0", allocated("app", "0")).podLevel(requirements(list("", "0"), nil)).overhead("5Mi").edit(podAllocated("5Mi")), 0, 0,
		},
		"a pod-level request, overhead taken off once": {
			resized("1Gi", allocated("app", "1Gi")).podLevel(requirements(list("", "4Gi"), nil)).
				overhead("5Mi").edit(podAllocated("3077Mi")), 3*GiB + 5*MiB, GiB,
		},
		"pod-level CPU alone: container memory stays off": {
			resized("1Gi", allocated("app", "1Gi")).podLevel(requirements(list("1", ""), nil)).edit(podAllocated("1Gi")), 0, GiB,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := tc.pod.DeepCopy()
			got := extract.Pod(&tc.pod.Pod)
			if got.Request != tc.want || got.Containers[len(got.Containers)-1].Request != tc.wantContainer {
				t.Errorf("requests %d, its container %d; want %d, %d",
					got.Request, got.Containers[len(got.Containers)-1].Request, tc.want, tc.wantContainer)
			}
			unchanged(t, before, &tc.pod.Pod)
		})
	}
}

func TestLimits(t *testing.T) {
	actuated := func(memory string) corev1.ContainerStatus {
		s := runningStatus("app")
		s.Resources = &corev1.ResourceRequirements{Limits: list("", memory)}
		return s
	}
	statuses := func(s corev1.ContainerStatus) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.ContainerStatuses = []corev1.ContainerStatus{s} }
	}
	podStatus := func(memory string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Resources = &corev1.ResourceRequirements{Limits: list("", memory)} }
	}
	app := container("app", "", "1Gi")
	cases := map[string]struct {
		pod                    *podBuilder
		wantPod, wantContainer int64
	}{
		"none":                             {pod("p").containers(container("app", "1Gi", "")), 0, 0},
		"the container's":                  {pod("p").containers(app), 0, GiB},
		"as actuated":                      {pod("p").containers(app).edit(statuses(actuated("2Gi"))), 0, 2 * GiB},
		"nothing actuated":                 {pod("p").containers(app).edit(statuses(runningStatus("app"))), 0, GiB},
		"the pod's":                        {pod("p").containers(app).podLevel(requirements(nil, list("", "4Gi"))), 4 * GiB, GiB},
		"the pod's as actuated":            {pod("p").containers(app).podLevel(requirements(nil, list("", "4Gi"))).edit(podStatus("5Gi")), 5 * GiB, GiB},
		"the pod's, nothing actuated":      {pod("p").containers(app).podLevel(requirements(nil, list("", "4Gi"))).edit(podStatus("")), 4 * GiB, GiB},
		"a sum in the status is no limit":  {pod("p").containers(app).edit(podStatus("1Gi")), 0, GiB},
		"pod-level CPU is no memory limit": {pod("p").containers(app).podLevel(requirements(nil, list("1", ""))), 0, GiB},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := extract.Pod(&tc.pod.Pod); got.Limit != tc.wantPod || got.Containers[0].Limit != tc.wantContainer {
				t.Errorf("limit of the pod %d, of its container %d; want %d, %d", got.Limit, got.Containers[0].Limit, tc.wantPod, tc.wantContainer)
			}
		})
	}
}

func TestBytes(t *testing.T) {
	sum := resource.MustParse("8E")
	sum.Add(resource.MustParse("8E"))
	cases := map[string]struct {
		quantity resource.Quantity
		want     int64
	}{
		"nothing":                 {resource.Quantity{}, 0},
		"binary":                  {resource.MustParse("1Gi"), GiB},
		"decimal":                 {resource.MustParse("1G"), 1000000000},
		"rounded up":              {resource.MustParse("1.5"), 2},
		"negative":                {resource.MustParse("-1Gi"), 0},
		"8Pi, the most":           {resource.MustParse("8Pi"), facts.MaxBytes},
		"a byte less":             {*resource.NewQuantity(facts.MaxBytes-1, resource.BinarySI), facts.MaxBytes - 1},
		"more than the most":      {resource.MustParse("9Pi"), facts.MaxBytes},
		"more than an int64":      {sum, facts.MaxBytes},
		"more than can be parsed": {resource.MustParse("1e30"), facts.MaxBytes},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := extract.Bytes(tc.quantity); got != tc.want {
				t.Errorf("Bytes(%s) = %d; want %d", tc.quantity.String(), got, tc.want)
			}
		})
	}
}
