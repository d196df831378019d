package metricsapi_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/rest"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/pipetest"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi"
)

var observed = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func podMetrics(name string, memory ...string) metrics.PodMetrics {
	p := metrics.PodMetrics{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, CreationTimestamp: metav1.NewTime(observed), Labels: map[string]string{"app": name, "tier": "web"},
		},
		Timestamp: metav1.NewTime(observed),
		Window:    metav1.Duration{Duration: 15 * time.Second},
	}
	for i, m := range memory {
		c := metrics.ContainerMetrics{Name: fmt.Sprintf("c%d", i), Usage: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("12m")}}
		if m != "" {
			c.Usage[corev1.ResourceMemory] = resource.MustParse(m)
		}
		p.Containers = append(p.Containers, c)
	}
	return p
}

func nodeMetrics(name, memory string) metrics.NodeMetrics {
	return metrics.NodeMetrics{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Timestamp:  metav1.NewTime(observed),
		Usage:      corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourceCPU: resource.MustParse("3")},
	}
}

// encode as the API server does: in one piece, or item by item as it does from 1.33 on.
func encode(tb testing.TB, list runtime.Object, streaming bool) []byte {
	tb.Helper()
	scheme := runtime.NewScheme()
	if err := metrics.AddToScheme(scheme); err != nil {
		tb.Fatal(err)
	}
	gvks, _, err := scheme.ObjectKinds(list)
	if err != nil {
		tb.Fatal(err)
	}
	list.GetObjectKind().SetGroupVersionKind(gvks[0])
	var b bytes.Buffer
	s := protobuf.NewSerializerWithOptions(scheme, scheme, protobuf.SerializerOptions{StreamingCollectionsEncoding: streaming})
	if err := s.Encode(list, &b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func encodedPods(tb testing.TB, items ...metrics.PodMetrics) []byte {
	tb.Helper()
	return encode(tb, &metrics.PodMetricsList{Items: items}, true)
}

func encodedNodes(tb testing.TB, items ...metrics.NodeMetrics) []byte {
	tb.Helper()
	return encode(tb, &metrics.NodeMetricsList{Items: items}, true)
}

// answer sends a body as the API does.
func answer(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		_, _ = w.Write(body)
	}
}

// refuse sends an error, as a Status or as the aggregation layer's plain text.
func refuse(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// hang sends a part of a body and then nothing until the client leaves.
func hang(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		_, _ = w.Write(body)
		if len(body) > 0 {
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}
}

// serve returns a source over a server with these answers. Both talk over pipes, so that a test of answers that never end can
// run in a bubble.
func serve(tb testing.TB, pods, nodes http.HandlerFunc, timeout time.Duration) *metricsapi.Source {
	tb.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/metrics.k8s.io/v1beta1/pods", pods)
	mux.HandleFunc("GET /apis/metrics.k8s.io/v1beta1/nodes", nodes)
	server, pipes := pipetest.Serve(mux)
	tb.Cleanup(server.Close)
	source, err := metricsapi.New(&rest.Config{Host: server.URL, Dial: pipes.Dial}, timeout)
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

// collector notes what it is given.
type collector struct {
	Pods    []string
	Nodes   map[string]int64
	Dropped map[usage.DropCause]int
}

func newCollector() *collector {
	return &collector{Nodes: map[string]int64{}, Dropped: map[usage.DropCause]int{}}
}

func (c *collector) Pod(p *usage.Pod) {
	said := fmt.Appendf(nil, "%s/%s %s", p.Namespace, p.Name, p.ObservedAt.UTC().Format(time.TimeOnly))
	for _, container := range p.Containers {
		said = fmt.Appendf(said, " %s=%d", container.Name, container.WorkingSet)
		if container.RSS != facts.Unknown || container.Swap != facts.Unknown || p.WorkingSet != facts.Unknown ||
			p.Source != facts.SourceMetricsAPI {
			said = append(said, " makes something up"...)
		}
	}
	c.Pods = append(c.Pods, string(said))
}

func (c *collector) Node(name string, r facts.NodeReading) {
	if r.Source != facts.SourceMetricsAPI || r.PodsWorkingSet != facts.Unknown || r.Available != facts.Unknown || !r.ObservedAt.Equal(observed) {
		name += " makes something up"
	}
	c.Nodes[name] = r.WorkingSet
}

func (c *collector) Drop(cause usage.DropCause) { c.Dropped[cause]++ }

func TestRead(t *testing.T) {
	late := podMetrics("late", "1")
	late.Timestamp = metav1.Time{}
	pods := &metrics.PodMetricsList{Items: []metrics.PodMetrics{
		podMetrics("a", "100Mi", "1234567"), podMetrics("quantities", "1e3", "1500m", "2G", "0", "9999999999E"),
		podMetrics("unknown", ""), podMetrics("negative", "-5Ki"), podMetrics("bare"), late,
	}}
	nodes := &metrics.NodeMetricsList{Items: []metrics.NodeMetrics{nodeMetrics("n1", "3Gi"), nodeMetrics("n2", "-1")}}
	want := &collector{
		Pods: []string{
			"shop/a 06:00:00 c0=104857600 c1=1234567",
			fmt.Sprintf("shop/quantities 06:00:00 c0=1000 c1=2 c2=2000000000 c3=0 c4=%d", facts.MaxBytes),
			"shop/unknown 06:00:00 c0=-1", "shop/bare 06:00:00", "shop/late 00:00:00 c0=1",
		},
		Nodes:   map[string]int64{"n1": 3 << 30},
		Dropped: map[usage.DropCause]int{usage.DropNegative: 2},
	}
	for name, streaming := range map[string]bool{"in one piece": false, "item by item": true} {
		t.Run(name, func(t *testing.T) {
			source := serve(t, answer(encode(t, pods, streaming)), answer(encode(t, nodes, streaming)), time.Minute)
			got := newCollector()
			if failures := source.Read(t.Context(), got); failures != nil {
				t.Fatalf("failures: %v", failures)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("readings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	const statusJSON = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"no"}`
	status := func(code int, reason metav1.StatusReason) http.HandlerFunc {
		return refuse(code, "application/json", fmt.Sprintf(statusJSON, reason, code))
	}
	text := func(code int) http.HandlerFunc {
		return refuse(code, "text/plain; charset=utf-8", "404 page not found\n")
	}
	pods, nodes := encodedPods(t, podMetrics("a", "1"), podMetrics("b", "2")), encodedNodes(t, nodeMetrics("n", "1"))
	tests := map[string]struct {
		pods, nodes http.HandlerFunc
		want        []usage.FailureCause // pods, nodes, partial
		wantError   string               // in the first
		wantPods    int
	}{
		"no APIService":            {text(404), text(404), []usage.FailureCause{"APIAbsent", "APIAbsent"}, "", 0},
		"API unavailable":          {status(503, "ServiceUnavailable"), text(503), []usage.FailureCause{"APIAbsent", "APIAbsent"}, "", 0},
		"forbidden":                {status(403, "Forbidden"), status(401, "Unauthorized"), []usage.FailureCause{"Forbidden", "Forbidden"}, "no", 0},
		"nodes only forbidden":     {answer(pods), status(403, "Forbidden"), []usage.FailureCause{"Forbidden", "Partial"}, "no", 2},
		"pods only hang":           {hang(nil), answer(nodes), []usage.FailureCause{"Timeout", "Partial"}, "no complete answer within 200ms", 0},
		"pods hang halfway":        {hang(pods[:len(pods)-5]), answer(nodes), []usage.FailureCause{"Timeout", "Partial"}, "no complete answer within 200ms", 1},
		"gateway times out":        {status(504, "Timeout"), answer(nodes), []usage.FailureCause{"Timeout", "Partial"}, "", 0},
		"internal error":           {status(500, "InternalError"), text(500), []usage.FailureCause{"Other", "Other"}, "no", 0},
		"no protobuf served":       {status(406, "NotAcceptable"), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, "", 0},
		"JSON in place of it":      {refuse(200, "application/json", `{"kind":"PodMetricsList","items":[]}`), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, `it is not Kubernetes protobuf, but begins "{\"kind\":\"PodMetricsList\"`, 0},
		"a login page":             {refuse(200, "text/html", `<html>`), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, `begins "<html>"`, 0},
		"nothing at all":           {answer(nil), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, `begins ""`, 0},
		"magic only":               {answer(pods[:4]), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, "ends early, after 4 bytes", 0},
		"cut short in an item":     {answer(pods[:len(pods)-9]), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, "ends early", 1},
		"the other list":           {answer(nodes), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, `it is a "NodeMetricsList", not a PodMetricsList`, 0},
		"noise after the magic":    {answer(append([]byte("k8s\x00"), bytes.Repeat([]byte{0xff}, 64)...)), answer(nodes), []usage.FailureCause{"Garbage", "Partial"}, "number without end", 0},
		"both halves fail":         {hang(nil), text(404), []usage.FailureCause{"Timeout", "APIAbsent"}, "", 0},
		"empty lists are no fault": {answer(encodedPods(t)), answer(encodedNodes(t)), nil, "", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := newCollector()
			var failures []usage.Failure
			synctest.Test(t, func(t *testing.T) {
				failures = serve(t, tc.pods, tc.nodes, 200*time.Millisecond).Read(t.Context(), got)
			})
			var causes []usage.FailureCause
			for _, f := range failures {
				causes = append(causes, f.Cause)
			}
			if diff := cmp.Diff(tc.want, causes); diff != "" {
				t.Errorf("causes (-want +got):\n%s\n%v", diff, failures)
			}
			if tc.wantError != "" && !strings.Contains(failures[0].Error(), tc.wantError) {
				t.Errorf("error %q does not say %q", failures[0], tc.wantError)
			}
			if len(got.Pods) != tc.wantPods {
				t.Errorf("got pods %v, want %d", got.Pods, tc.wantPods)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	source, err := metricsapi.New(&rest.Config{Host: server.URL}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	failures := source.Read(t.Context(), newCollector())
	if len(failures) != 2 || failures[0].Cause != usage.FailedOther {
		t.Errorf("got %v", failures)
	}
}

func TestReadStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := serve(t, hang(nil), hang(nil), time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if failures := source.Read(ctx, newCollector()); len(failures) != 2 {
			t.Errorf("got %v", failures)
		}
	})
}
