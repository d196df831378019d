package metricsapi_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	runtimemetrics "runtime/metrics"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi"
)

const benchPods = 150_000

// largeCluster answers with many pods of two containers and five labels, named with 37 characters. It makes them
// up as it writes, from one template, so that the server adds next to nothing to the memory measured.
type largeCluster struct {
	template []byte
	number   int // where the pod's number stands in it
	begin    []byte
}

func newLargeCluster(b *testing.B) *largeCluster {
	b.Helper()
	p := podMetrics("payments-api-worker-5d8f9c7b6d-000000", "123456Ki", "34567Ki")
	p.Timestamp = metav1.Now()
	p.Labels = map[string]string{
		"app.kubernetes.io/name": "payments-api", "app.kubernetes.io/instance": "payments-api-prod",
		"app.kubernetes.io/version": "v1.37.2", "pod-template-hash": "5d8f9c7b6d", "team": "payments",
	}
	one := encodedPods(b, p)
	item, err := p.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	c := &largeCluster{template: protowire.AppendBytes([]byte{0x12}, item)}
	c.number = bytes.Index(c.template, []byte("000000"))
	listMeta := []byte("\x0a\x06\x0a\x00\x12\x00\x1a\x00")
	begin, _, _ := bytes.Cut(one, listMeta)
	c.begin = bytes.TrimSuffix(begin, protowire.AppendVarint(nil, uint64(len(listMeta)+len(c.template))))
	c.begin = protowire.AppendVarint(c.begin, uint64(len(listMeta)+benchPods*len(c.template)))
	c.begin = append(c.begin, listMeta...)
	return c
}

func (c *largeCluster) pods(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
	_, _ = w.Write(c.begin)
	buffer := make([]byte, 0, 64<<10)
	for i := range benchPods {
		if len(buffer)+len(c.template) > cap(buffer) {
			_, _ = w.Write(buffer)
			buffer = buffer[:0]
		}
		at := len(buffer) + c.number
		buffer = append(buffer, c.template...)
		for digit := 5; digit >= 0; digit-- {
			buffer[at+digit] = byte('0' + i%10)
			i /= 10
		}
	}
	_, _ = w.Write(buffer)
}

// BenchmarkPass150k makes whole passes into a store that already holds as many pods. peak-bytes is the largest growth of the
// heap during a pass. Typed does the same with the generated client, for comparison.
func BenchmarkPass150k(b *testing.B) {
	cluster := newLargeCluster(b)
	nodes := answer(encodedNodes(b))
	mux := http.NewServeMux()
	mux.HandleFunc("/apis/metrics.k8s.io/v1beta1/pods", cluster.pods)
	mux.HandleFunc("/apis/metrics.k8s.io/v1beta1/nodes", nodes)
	server := httptest.NewServer(mux)
	defer server.Close()
	config := &rest.Config{Host: server.URL, QPS: -1}
	source, err := metricsapi.New(config, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ByItem", func(b *testing.B) {
		benchmarkPass(b, func(ctx context.Context, into usage.Sink) error {
			if failures := source.Read(ctx, into); failures != nil {
				return failures[0]
			}
			return nil
		})
	})
	config.ContentType, config.AcceptContentTypes = "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf"
	client, err := versioned.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Typed", func(b *testing.B) {
		benchmarkPass(b, func(ctx context.Context, into usage.Sink) error {
			list, err := client.MetricsV1beta1().PodMetricses("").List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			typedPods(list, into)
			return nil
		})
	})
}

func typedPods(list *metrics.PodMetricsList, into usage.Sink) {
	for i := range list.Items {
		m := &list.Items[i]
		p := usage.Pod{Namespace: []byte(m.Namespace), Name: []byte(m.Name), ObservedAt: m.Timestamp.Time, WorkingSet: facts.Unknown}
		for j := range m.Containers {
			u := facts.NoContainerUsage
			u.WorkingSet = m.Containers[j].Usage.Memory().Value()
			p.Containers = append(p.Containers, usage.Container{Name: []byte(m.Containers[j].Name), ContainerUsage: u})
		}
		into.Pod(&p)
	}
}

func benchmarkPass(b *testing.B, read func(context.Context, usage.Sink) error) {
	b.Helper()
	store := usage.NewStore(10*time.Minute, time.Now)
	pass := func() {
		p := store.Begin()
		if err := read(b.Context(), p); err != nil {
			b.Fatal(err)
		}
		if r := p.Commit(); r.Pods != benchPods || r.Dropped != nil {
			b.Fatalf("read %d pods, dropped %v", r.Pods, r.Dropped)
		}
	}
	pass()
	var highest uint64
	b.ReportAllocs()
	for b.Loop() {
		highest = max(highest, peak(pass))
	}
	b.ReportMetric(float64(highest), "peak-bytes")
	runtime.KeepAlive(store)
}

// peak returns by how many bytes the heap's objects, dead ones not yet collected included, grow while f runs.
func peak(f func()) (highest uint64) {
	runtime.GC()
	runtime.GC()
	sample := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	runtimemetrics.Read(sample)
	before := sample[0].Value.Uint64()
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for {
			runtimemetrics.Read(sample)
			highest = max(highest, sample[0].Value.Uint64())
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	f()
	close(done)
	watcher.Wait()
	return highest - before
}
