package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	machinery "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/controllers/kills"
	"github.com/killorder/killorder/controllers/nodekillorder"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/publish"
)

// cluster is an API server and the caches of a replica that leads: nodes, the pods of each, their readings and orders.
type cluster struct {
	client.Client
	clock  *testclock.FakePassiveClock
	random *rand.Rand
	pods   map[string][]*facts.Pod
	usage  map[string]int64
	cached map[string]*metav1.PartialObjectMetadata
	writes int
}

func newCluster(nodes int) *cluster {
	c := &cluster{
		clock: testclock.NewFakePassiveClock(factstest.Now), random: rand.New(rand.NewPCG(1, 1)),
		pods: map[string][]*facts.Pod{}, usage: map[string]int64{},
		cached: map[string]*metav1.PartialObjectMetadata{},
	}
	for i := range nodes {
		name := fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", i/250, i%250)
		crowd := factstest.Crowded(30)
		for j := range crowd.Pods {
			p := *crowd.Pods[j].Pod
			p.UID = fmt.Sprintf("5f0c6a1e-3b7d-4c5e-9a51-%06d%06d", i, j)
			p.Name = fmt.Sprintf("%s-%d", p.Name, i)
			c.usage[p.Namespace+"/"+p.Name] = max(crowd.Pods[j].WorkingSet, 0)
			c.pods[name] = append(c.pods[name], &p)
		}
	}
	return c
}

func (c *cluster) Node(name string) []*facts.Pod    { return c.pods[name] }
func (*cluster) Config(string) *facts.KubeletConfig { return nil }
func (*cluster) Problem(string) string              { return "" }
func (c *cluster) Status() client.SubResourceWriter { return statusOf{c} }

func (c *cluster) Get(_ context.Context, key types.NamespacedName, into client.Object, _ ...client.GetOption) error {
	switch into := into.(type) {
	case *corev1.Node:
		memory := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Gi")}
		*into = corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: key.Name, UID: types.UID("node-" + key.Name)},
			Status: corev1.NodeStatus{
				Capacity: memory, Allocatable: memory,
				NodeInfo: corev1.NodeSystemInfo{OperatingSystem: "linux", KubeletVersion: "v1.37.2"},
			},
		}
		return nil
	case *metav1.PartialObjectMetadata:
		if o := c.cached[key.Name]; o != nil {
			into.ObjectMeta = o.ObjectMeta
			return nil
		}
	}
	return apierrors.NewNotFound(corev1.Resource("nodes"), key.Name)
}

func (*cluster) Create(context.Context, client.Object, ...client.CreateOption) error { return nil }

func (c *cluster) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
	return c.store(o)
}

// store keeps the metadata of what was applied, as the API server and the watch do, and answers with it.
func (c *cluster) store(o client.Object) error {
	c.writes++
	order, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return fmt.Errorf("%T is no metadata", o)
	}
	order.ResourceVersion, order.UID = strconv.Itoa(c.writes), types.UID("order-"+order.Name)
	order.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: order.Name, UID: types.UID("node-" + order.Name)}}
	c.cached[order.Name] = order.DeepCopy()
	return nil
}

type statusOf struct{ *cluster }

func (s statusOf) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	return s.store(o)
}

func (statusOf) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	panic("not used")
}

func (statusOf) Update(context.Context, client.Object, ...client.SubResourceUpdateOption) error {
	panic("not used")
}

func (statusOf) Apply(context.Context, machinery.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	panic("not used")
}

type readings struct{ *cluster }

func (r readings) Node(node string) (facts.NodeReading, bool) {
	var sum int64
	for _, p := range r.pods[node] {
		sum += r.usage[p.Namespace+"/"+p.Name]
	}
	return facts.NodeReading{
		Source: facts.SourceKubelet, ObservedAt: r.clock.Now(), WorkingSet: sum, PodsWorkingSet: sum, Available: facts.Unknown,
	}, true
}

func (r readings) Pod(namespace, name string) (facts.PodReading, bool) {
	usage := r.usage[namespace+"/"+name]
	return facts.PodReading{
		Source: facts.SourceKubelet, ObservedAt: r.clock.Now(), WorkingSet: usage,
		Containers: []facts.ContainerReading{
			{Name: "app", ContainerUsage: facts.ContainerUsage{WorkingSet: usage / 2, RSS: usage / 2, Swap: facts.Unknown}},
			{Name: "proxy", ContainerUsage: facts.ContainerUsage{WorkingSet: usage / 2, RSS: usage / 2, Swap: facts.Unknown}},
		},
	}, true
}

// nodeMemory returns what the operator keeps of a node of 30 pods, in bytes, once the node's order was written five times: the
// order in the cache, and what judging the node and its kills remembers. Pods and readings, which the cluster here owns, do
// not count.
func nodeMemory(tb testing.TB, nodes int) (bytes float64) {
	tb.Helper()
	ctrl.SetLogger(logr.Discard()) // or loggers wait for one, and are counted
	c := newCluster(nodes)
	before := heap()
	gate := publish.NewGate(1e6, func(string) {})
	book := &kills.Book{Changed: func(string) {}, Metrics: kills.NewMetrics(prometheus.NewRegistry()), Clock: c.clock}
	r := &nodekillorder.Reconciler{
		Client: c, Live: c, Pods: c, Usage: readings{c}, Kubelets: c, Kills: book, Policy: extract.DefaultPolicy,
		Passed: func(string) bool { return true }, Writer: &publish.Writer{Client: c}, Gate: gate,
		Metrics: publish.NewMetrics(prometheus.NewRegistry(), gate), EventBudget: &publish.EventBudget{}, Instance: "test",
		Clock: c.clock,
	}
	for range 6 {
		for name := range c.pods {
			if _, err := r.Reconcile(tb.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Name: name}}); err != nil {
				tb.Fatal(err)
			}
		}
		c.clock.SetTime(c.clock.Now().Add(time.Minute))
		for pod := range c.usage {
			c.usage[pod] += c.random.Int64N(64 << 20)
		}
	}
	bytes = float64(heap()-before) / float64(nodes)
	if c.writes < 6*nodes {
		tb.Errorf("%d writes for %d nodes: not the full case", c.writes, nodes)
	}
	runtime.KeepAlive(r)
	runtime.KeepAlive(book)
	runtime.KeepAlive(c)
	return bytes
}

// BenchmarkNodeMemory is for docs/scale.md.
func BenchmarkNodeMemory(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(nodeMemory(b, 300), "B/node")
	}
}

// TestNodeMemory: what is kept of a node does not grow back. 38 kB as measured, half of it findings; 117 kB while orders were
// cached decoded.
func TestNodeMemory(t *testing.T) {
	if kept := nodeMemory(t, 50); kept > 60e3 {
		t.Errorf("%.0f bytes are kept of a node", kept)
	}
}

// heap returns the bytes of living objects.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
