package extract_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// unchanged asks that extract has left its input alone.
func unchanged(t *testing.T, before, after any) {
	t.Helper()
	if reflect.DeepEqual(before, after) {
		return // a hundred times as fast
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("extract changed its input, or says something else the second time (-before +after):\n%s", diff)
	}
}

func TestFact6Candidates(t *testing.T) {
	phase := func(p corev1.PodPhase) func(*corev1.Pod) { return func(pod *corev1.Pod) { pod.Status.Phase = p } }
	cases := map[string]struct {
		pod  *podBuilder
		want bool
	}{
		"pending":                {pod("p").edit(phase(corev1.PodPending)), true},
		"running":                {pod("p").edit(phase(corev1.PodRunning)), true},
		"unknown":                {pod("p").edit(phase(corev1.PodUnknown)), true},
		"no phase yet":           {pod("p"), true},
		"succeeded":              {pod("p").edit(phase(corev1.PodSucceeded)), false},
		"failed":                 {pod("p").edit(phase(corev1.PodFailed)), false},
		"running, being deleted": {pod("p").edit(phase(corev1.PodRunning)).edit(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: Now} }), true},
		"not bound":              {pod("p").edit(func(p *corev1.Pod) { p.Spec.NodeName = "" }), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := extract.Candidate(&tc.pod.Pod); got != tc.want {
				t.Errorf("Candidate = %t; want %t", got, tc.want)
			}
		})
	}
}

// TestFact5Exempt has the cases of the kubelet's TestIsCriticalPod and TestIsNodeCriticalPod
// (kubelet/types/pod_update_test.go, v1.37.2) as the API server shows them: it has a static pod's mirror only.
func TestFact5Exempt(t *testing.T) {
	const systemCritical = 2000000000
	class := func(name string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.PriorityClassName = name } }
	cases := map[string]struct {
		pod              *podBuilder
		wantExempt       bool
		wantNodeCritical bool
	}{
		"no priority":                        {pod: pod("p")},
		"mirror annotation":                  {pod: pod("p").annotated("kubernetes.io/config.mirror", "12ab"), wantExempt: true},
		"mirror annotation, empty":           {pod: pod("p").annotated("kubernetes.io/config.mirror", ""), wantExempt: true},
		"system priority":                    {pod: pod("p").priority(systemCritical), wantExempt: true},
		"above system priority":              {pod: pod("p").priority(systemCritical + 1000), wantExempt: true},
		"the highest that a user can define": {pod: pod("p").priority(1000000000)},
		"one below system priority":          {pod: pod("p").priority(systemCritical - 1)},
		"API server source":                  {pod: pod("p").annotated("kubernetes.io/config.source", "api")},
		"a source written by its user":       {pod: pod("p").annotated("kubernetes.io/config.source", "file")},
		"system-node-critical": {
			pod: pod("p").priority(systemCritical + 1000).edit(class("system-node-critical")), wantExempt: true, wantNodeCritical: true,
		},
		"system-node-critical mirror": {
			pod: pod("p").annotated("kubernetes.io/config.mirror", "12ab").edit(class("system-node-critical")), wantExempt: true, wantNodeCritical: true,
		},
		"system-node-critical by name only": {pod: pod("p").edit(class("system-node-critical"))},
		"system-cluster-critical":           {pod: pod("p").priority(systemCritical).edit(class("system-cluster-critical")), wantExempt: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := extract.Pod(&tc.pod.Pod); got.Exempt != tc.wantExempt || got.NodeCritical != tc.wantNodeCritical {
				t.Errorf("exempt %t, node-critical %t; want %t, %t", got.Exempt, got.NodeCritical, tc.wantExempt, tc.wantNodeCritical)
			}
		})
	}
}

func TestPod(t *testing.T) {
	p := pod("web-7d9c8b6f5-x2x4z").priority(1000).
		inits(container("init", "1Gi", ""), sidecar("proxy", "64Mi", "128Mi")).
		containers(container("app", "256Mi", "512Mi"), container("crashed", "", "")).running("app").
		edit(func(p *corev1.Pod) {
			p.Labels = map[string]string{"pod-template-hash": "7d9c8b6f5", "app": "web"}
			p.OwnerReferences = []metav1.OwnerReference{controller("ReplicaSet", "web-7d9c8b6f5")}
			p.DeletionTimestamp = &metav1.Time{Time: Now}
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{
				{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}},
			}
			p.Status.QOSClass = corev1.PodQOSBurstable
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{
				{Name: "init", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}, runningStatus("proxy"),
			}
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses,
				corev1.ContainerStatus{Name: "crashed", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}})
			p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{
				{Name: "debug", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			}
			p.Status.Conditions = []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionFalse}, {Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue},
			}
		})
	want := &facts.Pod{
		Namespace: "shop", Name: "web-7d9c8b6f5-x2x4z", UID: "uid-web-7d9c8b6f5-x2x4z", Node: "worker-1",
		Workload: facts.Workload{Kind: "Deployment", Name: "web"},
		Labels:   facts.Labels{"app", "web", "pod-template-hash", "7d9c8b6f5"},
		Priority: 1000, QOS: facts.Burstable, Terminating: true, SandboxReady: true, Request: GiB,
		Containers: []facts.Container{
			{Name: "init", Kind: facts.Init, Request: GiB},
			{Name: "proxy", Kind: facts.Sidecar, Running: true, Request: 64 * MiB, Limit: 128 * MiB, Started: started.UnixNano()},
			{Name: "app", Running: true, Request: 256 * MiB, Limit: 512 * MiB, Started: started.UnixNano()},
			{Name: "crashed"},
			{Name: "debug", Kind: facts.Ephemeral, Running: true}, // no start time: not known, not the year 1754
		},
	}
	before := p.DeepCopy()
	if diff := cmp.Diff(want, extract.Pod(&p.Pod)); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	unchanged(t, before, &p.Pod)
}

func TestPodOfNothing(t *testing.T) {
	if diff := cmp.Diff(&facts.Pod{Containers: []facts.Container{}}, extract.Pod(&corev1.Pod{})); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestSandboxReady(t *testing.T) {
	for status, want := range map[corev1.ConditionStatus]bool{corev1.ConditionTrue: true, corev1.ConditionFalse: false, corev1.ConditionUnknown: false} {
		p := pod("p").edit(func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: status}}
		})
		if got := extract.Pod(&p.Pod).SandboxReady; got != want {
			t.Errorf("PodReadyToStartContainers %s: sandbox ready %t; want %t", status, got, want)
		}
	}
}

func controller(kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{Kind: kind, Name: name, Controller: &yes}
}

func TestWorkload(t *testing.T) {
	hash := map[string]string{"pod-template-hash": "7d9c8b6f5"}
	cases := map[string]struct {
		owners []metav1.OwnerReference
		labels map[string]string
		want   facts.Workload
	}{
		"a bare pod":               {},
		"an owner, no controller":  {owners: []metav1.OwnerReference{{Kind: "Node", Name: "worker-1"}}},
		"a Deployment's":           {[]metav1.OwnerReference{controller("ReplicaSet", "web-7d9c8b6f5")}, hash, facts.Workload{Kind: "Deployment", Name: "web"}},
		"a ReplicaSet of its own":  {[]metav1.OwnerReference{controller("ReplicaSet", "web")}, hash, facts.Workload{Kind: "ReplicaSet", Name: "web"}},
		"a ReplicaSet, no hash":    {[]metav1.OwnerReference{controller("ReplicaSet", "web-")}, nil, facts.Workload{Kind: "ReplicaSet", Name: "web-"}},
		"a StatefulSet's":          {[]metav1.OwnerReference{controller("StatefulSet", "db")}, nil, facts.Workload{Kind: "StatefulSet", Name: "db"}},
		"the controller of owners": {[]metav1.OwnerReference{{Kind: "X", Name: "x"}, controller("Job", "j")}, nil, facts.Workload{Kind: "Job", Name: "j"}},
		"another kind with a hash": {[]metav1.OwnerReference{controller("Rollout", "web-7d9c8b6f5")}, hash, facts.Workload{Kind: "Rollout", Name: "web-7d9c8b6f5"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := pod("p").edit(func(p *corev1.Pod) { p.OwnerReferences, p.Labels = tc.owners, tc.labels })
			if diff := cmp.Diff(tc.want, extract.Pod(&p.Pod).Workload); diff != "" {
				t.Errorf("workload (-want +got):\n%s", diff)
			}
		})
	}
}
