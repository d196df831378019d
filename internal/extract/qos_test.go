package extract_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// The resources of TestComputePodQOS (pkg/apis/core/v1/helper/qos/qos_test.go, v1.37.2).
var (
	storage = corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("10Gi")}

	guaranteedResources = requirements(list("100m", "100Mi"), list("100m", "100Mi"))
	bestEffortResources = []corev1.ResourceRequirements{
		{},
		requirements(list("0", "0"), nil),
		requirements(list("0", "0"), list("0", "0")),
		requirements(storage, nil), // neither CPU nor memory
		requirements(storage, storage),
	}
	burstableResources = []corev1.ResourceRequirements{
		requirements(list("100m", "100Mi"), list("200m", "200Mi")),
		requirements(list("100m", "100Mi"), list("100m", "200Mi")),
		requirements(list("100m", "100Mi"), list("200m", "100Mi")),
		requirements(list("100m", "100Mi"), nil),
		requirements(list("100m", "100Mi"), list("100m", "")),
		requirements(nil, list("", "10G")), // policy_test.go: memory-limit-cpu-request
		requirements(nil, list("10", "")),  // policy_test.go: cpu-limit
		requirements(list("100m", ""), list("100m", "")),
		requirements(list("", "100Mi"), list("", "100Mi")),
	}
)

func with(r corev1.ResourceRequirements) corev1.Container { return corev1.Container{Resources: r} }

func TestFact13ClassOfOneContainer(t *testing.T) {
	check := func(name string, r corev1.ResourceRequirements, want facts.QOS) {
		t.Run(name, func(t *testing.T) {
			if got := extract.Pod(&pod("p").containers(with(r)).Pod).QOS; got != want {
				t.Errorf("class %s; want %s", got, want)
			}
			if got := extract.Pod(&pod("p").podLevel(r).containers(with(r)).Pod).QOS; got != want {
				t.Errorf("class by the pod's own resources %s; want %s", got, want)
			}
		})
	}
	check("guaranteed", guaranteedResources, facts.Guaranteed)
	for i, r := range bestEffortResources {
		check(fmt.Sprintf("best-effort-%d", i), r, facts.BestEffort)
	}
	for i, r := range burstableResources {
		check(fmt.Sprintf("burstable-%d", i), r, facts.Burstable)
	}
}

func TestFact13ClassOfAPod(t *testing.T) {
	g, be, bu := with(guaranteedResources), with(bestEffortResources[0]), with(burstableResources[0])
	cases := map[string]struct {
		pod  *podBuilder
		want facts.QOS
	}{
		"no container":                   {pod("p"), facts.BestEffort},
		"2c-guaranteed":                  {pod("p").containers(g, g), facts.Guaranteed},
		"2c-best-effort":                 {pod("p").containers(be, with(bestEffortResources[1])), facts.BestEffort},
		"2c-burstable":                   {pod("p").containers(bu, bu), facts.Burstable},
		"2c-mixed guaranteed, none":      {pod("p").containers(g, be), facts.Burstable},
		"2c-mixed none, guaranteed":      {pod("p").containers(be, g), facts.Burstable},
		"2c-mixed guaranteed, burstable": {pod("p").containers(g, bu), facts.Burstable},
		"2c-mixed none, burstable":       {pod("p").containers(be, bu), facts.Burstable},
		"init containers count":          {pod("p").inits(be).containers(g), facts.Burstable},
		"init and container alike":       {pod("p").inits(g).containers(g), facts.Guaranteed},
		"ephemeral containers do not": {
			pod("p").containers(g).edit(func(p *corev1.Pod) { p.Spec.EphemeralContainers = make([]corev1.EphemeralContainer, 1) }), facts.Guaranteed,
		},
		"pod-level resources alone decide":    {pod("p").podLevel(guaranteedResources).containers(be), facts.Guaranteed},
		"pod-level resources of 0 decide too": {pod("p").podLevel(requirements(list("0", "0"), list("0", "0"))).containers(g), facts.BestEffort},
		"empty pod-level resources do not":    {pod("p").podLevel(corev1.ResourceRequirements{}).containers(g), facts.Guaranteed},
		"pod-level storage does not":          {pod("p").podLevel(requirements(storage, nil)).containers(g), facts.Guaranteed},
		"the status wins":                     {pod("p").containers(g).edit(class(corev1.PodQOSBestEffort)), facts.BestEffort},
		"the status wins over nothing":        {pod("p").containers(be).edit(class(corev1.PodQOSGuaranteed)), facts.Guaranteed},
		"the status wins, Burstable":          {pod("p").containers(be).edit(class(corev1.PodQOSBurstable)), facts.Burstable},
		"a class that is none is computed":    {pod("p").containers(bu).edit(class("Gold")), facts.Burstable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := extract.Pod(&tc.pod.Pod).QOS; got != tc.want {
				t.Errorf("class %s; want %s", got, tc.want)
			}
		})
	}
}

func class(c corev1.PodQOSClass) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.QOSClass = c }
}

// TestFact55QOSByVersion: what the pod's own resources decide depends on the version of the API server.
func TestFact55QOSByVersion(t *testing.T) {
	guaranteed := corev1.ResourceRequirements{Requests: list("1", "1Gi"), Limits: list("1", "1Gi")}
	burstable := corev1.ResourceRequirements{Requests: list("", "1Gi")}
	for name, tc := range map[string]struct {
		own  *corev1.ResourceRequirements
		want map[int]facts.QOS
	}{
		"none of its own": {nil, map[int]facts.QOS{0: facts.Burstable, 33: facts.Burstable, 34: facts.Burstable, 37: facts.Burstable}},
		"empty":           {&corev1.ResourceRequirements{}, map[int]facts.QOS{0: facts.Burstable, 33: facts.Burstable, 34: facts.BestEffort, 36: facts.BestEffort, 37: facts.Burstable}},
		"equal":           {&guaranteed, map[int]facts.QOS{0: facts.Guaranteed, 33: facts.Burstable, 34: facts.Guaranteed, 37: facts.Guaranteed}},
	} {
		for minor, want := range tc.want {
			p := pod("web").containers(corev1.Container{Name: "c", Resources: burstable})
			p.Spec.Resources = tc.own
			if got := extract.QOS(&p.Pod, minor); got != want {
				t.Errorf("%s, 1.%d: %s; want %s", name, minor, got, want)
			}
		}
	}
}
