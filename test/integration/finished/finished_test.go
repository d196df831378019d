// Package finished measures, against a real API server, what it costs that the operator's watch of pods brings in
// finished pods too: bytes on the wire, and CPU time of the reading process.
package finished

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/podcache"
	"github.com/killorder/killorder/test/integration/harness"
)

var (
	finishedPods = flag.Int("finished", 200, "finished pods in the cluster (docs/scale.md has 10,000)")
	runningPods  = flag.Int("running", 50, "running pods in the cluster")
	endingPods   = flag.Int("ending", 50, "running pods that end while the cache watches")
)

func TestFinished(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(time.Minute)
	RunSpecs(t, "What finished pods cost")
}

// cost is what the reading process takes: what it receives, its CPU time, and its heap afterwards and at most.
type cost struct {
	bytes      int64
	cpu        time.Duration
	heap, peak uint64
}

func (c cost) String() string {
	return fmt.Sprintf("%d kB received, %v CPU, %d kB of heap, %d kB at most", c.bytes>>10, c.cpu.Round(time.Millisecond), c.heap>>10, c.peak>>10)
}

// peakHeap samples the heap until the returned function is called, which returns the highest sample in bytes.
func peakHeap() (stop func() uint64) {
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var highest uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapAlloc)
			select {
			case <-done:
				peak <- highest
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(done); return <-peak }
}

// meter counts the bytes that a client receives.
type meter struct {
	net.Conn
	bytes *atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.bytes.Add(int64(n))
	return n, err
}

func metered(config *rest.Config, bytes *atomic.Int64) *rest.Config {
	c := rest.CopyConfig(config)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			GinkgoWriter.Println("asks for", r.URL.RawQuery)
			return next.RoundTrip(r)
		})
	})
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &meter{conn, bytes}, err
	}
	return c
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func cpuTime() time.Duration {
	var u syscall.Rusage
	Expect(syscall.Getrusage(syscall.RUSAGE_SELF, &u)).To(Succeed())
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// jobPod is a pod as the Job controller makes them, about 6 kB as JSON once it has finished.
func jobPod(i int) *corev1.Pod {
	env := make([]corev1.EnvVar, 25)
	for e := range env {
		env[e] = corev1.EnvVar{Name: fmt.Sprintf("SETTING_NUMBER_%02d", e), Value: digits(i, e)[:40]}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: fmt.Sprintf("nightly-report-29372%06d-x7k2p", i),
			Labels:     map[string]string{batchv1.JobNameLabel: fmt.Sprint("nightly-report-", i), batchv1.ControllerUidLabel: fmt.Sprint("6f0c1a2b-", i)},
			Finalizers: []string{batchv1.JobTrackingFinalizer},
		},
		Spec: corev1.PodSpec{
			NodeName: fmt.Sprint("worker-", i%100), RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: new(false),
			Containers: []corev1.Container{{
				Name: "report", Image: "registry.example.com/reports/nightly:1.2.3", Env: env,
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}},
			}},
		},
	}
}

// digits are 64 hexadecimal digits that differ from pod to pod, since an API server compresses lists.
func digits(of ...int) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(of)))) }

// ended is the status that a kubelet leaves on pod i.
func ended(i int, phase corev1.PodPhase) corev1.PodStatus {
	now, state := metav1.Now(), corev1.ContainerState{}
	if phase == corev1.PodRunning {
		state.Running = &corev1.ContainerStateRunning{StartedAt: now}
	} else {
		state.Terminated = &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now, ContainerID: "containerd://" + digits(i)}
	}
	s := corev1.PodStatus{
		Phase: phase, QOSClass: corev1.PodQOSBurstable, HostIP: "10.0.0.1", PodIP: "10.1.0.1", StartTime: &now,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "report", State: state, Image: "registry.example.com/reports/nightly:1.2.3",
			ImageID: "registry.example.com/reports/nightly@sha256:" + strings.Repeat("b2", 32), ContainerID: "containerd://" + digits(i),
		}},
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		s.Conditions = append(s.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: "PodCompleted", LastTransitionTime: now})
	}
	return s
}

// load makes n pods in that phase, from the given number on.
func load(ctx context.Context, k8s client.Client, from, n int, phase corev1.PodPhase) {
	GinkgoHelper()
	var workers sync.WaitGroup
	next := atomic.Int64{}
	for range 8 {
		workers.Go(func() {
			defer GinkgoRecover()
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				pod := jobPod(from + int(i))
				Expect(k8s.Create(ctx, pod)).To(Succeed())
				pod.Status = ended(from+int(i), phase)
				Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
			}
		})
	}
	workers.Wait()
}

// sightings counts what an observer is shown.
type sightings struct{ seen, finished, held atomic.Int64 }

func (s *sightings) observe(seen podcache.Sighting) {
	s.seen.Add(1)
	if p := seen.Pod; p != nil && p.Status.Phase == corev1.PodSucceeded && !seen.Deleted {
		s.finished.Add(1)
	}
	if seen.Before != nil {
		s.held.Add(1)
	}
}

// follow runs a cache until the test ends and returns it once it is in sync, with what that took.
func follow(ctx context.Context, config *rest.Config, bytes *atomic.Int64, s *sightings) (*podcache.Cache, cost) {
	GinkgoHelper()
	started := factstest.Heap()
	before, peak := cost{bytes: bytes.Load(), cpu: cpuTime(), heap: started}, peakHeap()
	pods, err := podcache.New(metered(config, bytes))
	Expect(err).NotTo(HaveOccurred())
	pods.Observe(s.observe, nil)
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = pods.Start(running) }()
	DeferCleanup(func() { stop(); <-done })
	Expect(pods.WaitForSync(ctx)).To(Succeed())
	took := cost{bytes: bytes.Load() - before.bytes, cpu: cpuTime() - before.cpu, peak: peak() - before.heap}
	took.heap = factstest.Heap() - before.heap
	return pods, took
}

// held counts the pods that a cache holds.
func held(pods *podcache.Cache) func() int {
	return func() (n int) {
		for _, node := range pods.Nodes() {
			n += len(pods.Node(node))
		}
		return n
	}
}

var _ = Describe("The watch of pods", func() {
	It("brings finished pods in, shows each to the observer, and holds none", func(ctx SpecContext) {
		env := harness.ControlPlane()
		env.Config.QPS = -1
		k8s := harness.Client(env.Config)
		load(ctx, k8s, 0, *runningPods, corev1.PodRunning)

		without := &sightings{}
		_, few := follow(ctx, env.Config, &atomic.Int64{}, without)
		Expect(without.seen.Load()).To(BeEquivalentTo(*runningPods))

		load(ctx, k8s, *runningPods, *finishedPods, corev1.PodSucceeded)
		with, bytes := &sightings{}, &atomic.Int64{}
		pods, many := follow(ctx, env.Config, bytes, with)
		Expect(with.finished.Load()).To(BeEquivalentTo(*finishedPods), "each finished pod is shown")
		Expect(held(pods)()).To(Equal(*runningPods), "no finished pod is held")
		AddReportEntry("list", fmt.Sprintf("%d running pods: %v; with %d finished ones: %v", *runningPods, few, *finishedPods, many))

		load(ctx, k8s, *runningPods+*finishedPods, *endingPods, corev1.PodRunning)
		Eventually(held(pods)).Should(Equal(*runningPods + *endingPods))
		received, seen, cpu := bytes.Load(), with.finished.Load(), cpuTime()
		for i := range *endingPods {
			pod := jobPod(*runningPods + *finishedPods + i)
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
			pod.Status = ended(i, corev1.PodSucceeded)
			Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
			pod.Finalizers = nil
			Expect(k8s.Update(ctx, pod)).To(Succeed())
			Expect(k8s.Delete(ctx, pod)).To(Succeed())
		}
		Eventually(held(pods)).Should(Equal(*runningPods))
		Eventually(with.finished.Load).Should(BeNumerically(">=", seen+int64(*endingPods)), "each end is shown")
		AddReportEntry("watch", fmt.Sprintf("%d pods finish, lose their finalizer and are deleted: %d bytes a pod; CPU of this process, which makes the changes too: %v a pod",
			*endingPods, (bytes.Load()-received)/int64(*endingPods), ((cpuTime()-cpu)/time.Duration(*endingPods)).Round(time.Microsecond)))
	}, SpecTimeout(20*time.Minute))
})
