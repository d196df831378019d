package kubelet

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// TestSwitching: of two pods that clients cannot tell apart, the one that is rarer is left out, and killorder is right
// about the other.
func TestSwitching(t *testing.T) {
	filledIn, bare := request("1Gi"), &corev1.ResourceRequirements{Requests: cpu()}
	tests := map[string]struct {
		created, resized *corev1.ResourceRequirements
		request          int64 // the kubelet's, until it has granted the resize
		leftOut          bool
	}{
		"from the containers' sum to nothing":     {created: filledIn, resized: request("0"), request: gi},
		"from no memory request to one of 0":      {created: bare, resized: request("0"), leftOut: true},
		"from the containers' sum to more":        {created: filledIn, resized: request("2Gi"), request: gi},
		"from no memory request to one":           {created: bare, resized: request("2Gi"), leftOut: true},
		"from more than the containers' to 0":     {created: request("3Gi"), resized: request("0"), request: 3 * gi},
		"from no pod-level resources to 0":        {resized: request("0"), request: gi},
		"from no pod-level resources to CPU only": {resized: bare, request: gi, leftOut: true},
		"CPU only, before and after":              {created: bare, resized: bare},
	}
	objects := map[string]*corev1.Pod{}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := &Pod{Phase: corev1.PodRunning, Sandbox: true, Containers: map[string]State{"c0": Running}}
			a := &wire.Admitted[corev1.Pod]{Created: allocatedAs(test.created, "1Gi")}
			resized := allocatedAs(test.resized, "0")
			a.Resized = &resized
			if got := unknowable(p, a); got != test.leftOut {
				t.Errorf("left out: %t, want %t", got, test.leftOut)
			}
			objects[name] = apiObject(p, a)
			if got := extract.Pod(objects[name]).Request; !test.leftOut && got != test.request {
				t.Errorf("killorder takes %d bytes for allocated, want %d", got, test.request)
			}
		})
	}
	for one, other := range map[string]string{
		"from the containers' sum to nothing": "from no memory request to one of 0",
		"from the containers' sum to more":    "from no memory request to one",
	} {
		if !equality.Semantic.DeepEqual(objects[one], objects[other]) {
			t.Errorf("%s and %s can be told apart:\n%v\n%v", one, other, objects[one], objects[other])
		}
	}
}

func cpu() corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
}

// request for CPU and that much memory.
func request(memory string) *corev1.ResourceRequirements {
	list := cpu()
	list[corev1.ResourceMemory] = resource.MustParse(memory)
	return &corev1.ResourceRequirements{Requests: list}
}

// allocatedAs is a pod of one container with that memory request, as the judge's stored has it.
func allocatedAs(podLevel *corev1.ResourceRequirements, memory string) wire.Stored[corev1.Pod] {
	list := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
	s := wire.Stored[corev1.Pod]{AllocatedResources: map[string]string{}, Pod: corev1.Pod{Spec: corev1.PodSpec{
		Resources:  podLevel,
		Containers: []corev1.Container{{Name: "c0", Image: "image", Resources: corev1.ResourceRequirements{Requests: list}}},
	}}}
	for name, q := range resourcehelper.PodRequests(&s.Pod, resourcehelper.PodResourcesOptions{}) {
		s.AllocatedResources[string(name)] = q.String()
	}
	return s
}
