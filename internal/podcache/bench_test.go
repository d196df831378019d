package podcache

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/internal/facts/factstest"
)

// benchPod is a pod of a Deployment of 30 replicas: a name of 37 characters, five labels, two containers.
func benchPod(i int) *corev1.Pod {
	deployment := i / 30
	app := fmt.Sprintf("payments-api-w%05d", deployment%20000)
	hash := fmt.Sprintf("%010d", deployment)
	controller := true
	container := func(name, memory string) corev1.Container {
		list := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourceCPU: resource.MustParse("100m")}
		return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: list, Limits: list}}
	}
	status := func(name string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{
			Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Unix(int64(1_700_000_000+i), 0))},
		}}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: fmt.Sprintf("team-%03d", deployment%200),
			Name:      fmt.Sprintf("%s-%s-%06d", app, hash, i),
			UID:       types.UID(fmt.Sprintf("6f0c1a2b-3c4d-5e6f-7a8b-%012d", i)),
			Labels: map[string]string{
				"app.kubernetes.io/name": app, "app.kubernetes.io/instance": app + "-prod",
				"app.kubernetes.io/version": "v1.37.2", "pod-template-hash": hash, "team": fmt.Sprintf("team-%03d", deployment%200),
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app + "-" + hash, Controller: &controller}},
		},
		Spec: corev1.PodSpec{
			NodeName:   fmt.Sprintf("ip-10-0-%d-%d.eu-west-1.compute.internal", i%5000/250, i%250),
			Priority:   new(int32),
			Containers: []corev1.Container{container("app", "512Mi"), container("istio-proxy", "128Mi")},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, QOSClass: corev1.PodQOSGuaranteed,
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{status("app"), status("istio-proxy")},
		},
	}
}

// BenchmarkPodMemory reports what a pod takes in the cache, indexes included: after the first list, after every
// pod was replaced by another one, a few between two garbage collections, and, for comparison, as a typed Pod
// with nothing in it but what the facts are made from.
func BenchmarkPodMemory(b *testing.B) {
	const pods = 30_000
	measure := func(fill func() any) func(*testing.B) {
		return func(b *testing.B) {
			b.Helper()
			for b.Loop() {
				before := factstest.Heap()
				held := fill()
				b.ReportMetric(float64(factstest.Heap()-before)/pods, "bytes/pod")
				runtime.KeepAlive(held)
			}
		}
	}
	if n := len(benchPod(0).Name); n != 37 {
		b.Fatalf("a name of %d characters", n)
	}
	list := func() *store {
		s := newStore()
		items := make([]any, pods)
		for i := range items {
			items[i] = listed{s.compactShared(benchPod(i))}
		}
		_ = s.Replace(items, "1")
		return s
	}
	b.Run("Listed", measure(func() any { return list() }))
	b.Run("Replaced", measure(func() any {
		s := list()
		for i := range pods {
			scattered := i * 7919 % pods // no two of a Deployment near each other
			_ = s.Delete(benchPod(scattered))
			_ = s.Add(benchPod(scattered + pods))
			if i%300 == 0 {
				runtime.GC()
			}
		}
		return s
	}))
	b.Run("Typed", measure(func() any {
		m := map[string]*corev1.Pod{}
		for i := range pods {
			p := benchPod(i)
			m[p.Namespace+"/"+p.Name] = p
		}
		return m
	}))
}

// BenchmarkHeartbeat is an update that changes nothing that matters, as most are.
func BenchmarkHeartbeat(b *testing.B) {
	s, p := newStore(), benchPod(1)
	_ = s.Add(p)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Update(p)
	}
}
