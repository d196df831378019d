package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// apiServer answers what rank asks for: JSON, as a server may that does not serve protobuf, but for usage, whose
// reader takes protobuf only.
type apiServer struct {
	nodes   []string
	pods    []*corev1.Pod
	metrics bool
	policy  *v1alpha1.KillOrderPolicy
	// kubelets by node; asking them is forbidden if there are none.
	kubelets map[string]fakeKubelet
	// forbidden paths.
	forbidden map[string]bool
	// expire the first list's continuation once.
	expire bool

	mu   sync.Mutex
	asks []string
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asks = append(s.asks, r.URL.String())
	s.mu.Unlock()
	path, query := r.URL.Path, r.URL.Query()
	switch {
	case s.forbidden[path]:
		s.fail(w, http.StatusForbidden, metav1.StatusReasonForbidden, "")
	case path == "/api/v1/nodes":
		list := &corev1.NodeList{}
		for _, name := range s.nodes {
			list.Items = append(list.Items, *nodeNamed(name))
		}
		s.answer(w, "v1", "NodeList", list)
	case path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		s.review(w, r)
	case strings.Contains(path, "/proxy/"):
		s.proxy(w, r)
	case strings.HasPrefix(path, "/api/v1/nodes/"):
		for _, name := range s.nodes {
			if path == "/api/v1/nodes/"+name {
				s.answer(w, "v1", "Node", nodeNamed(name))
				return
			}
		}
		s.fail(w, http.StatusNotFound, metav1.StatusReasonNotFound, "")
	case path == "/api/v1/pods":
		s.page(w, query.Get("fieldSelector"), query.Get("continue"))
	case path == "/api/v1/namespaces":
		s.answer(w, "meta.k8s.io/v1", "PartialObjectMetadataList", &metav1.PartialObjectMetadataList{})
	case path == "/apis/metrics.k8s.io/v1beta1/pods" && s.metrics:
		s.usage(w, "PodMetricsList", s.podMetrics())
	case path == "/apis/metrics.k8s.io/v1beta1/nodes" && s.metrics:
		s.usage(w, "NodeMetricsList", s.nodeMetrics())
	case path == "/apis/killorder.io/v1alpha1/killorderpolicies/default" && s.policy != nil:
		s.answer(w, "killorder.io/v1alpha1", "KillOrderPolicy", s.policy)
	default:
		http.NotFound(w, r)
	}
}

// page answers with the one pod that the continuation names.
func (s *apiServer) page(w http.ResponseWriter, selector, from string) {
	i := 0
	if from != "" {
		_, _ = fmt.Sscan(from, &i)
	}
	if i == 1 && s.expire {
		s.expire = false
		s.fail(w, http.StatusGone, metav1.StatusReasonExpired, "1")
		return
	}
	list := &corev1.PodList{Items: []corev1.Pod{*s.pods[i]}}
	if node := strings.TrimPrefix(selector, "spec.nodeName="); selector != "" && list.Items[0].Spec.NodeName != node {
		list.Items = nil
	}
	if i+1 < len(s.pods) {
		list.Continue = fmt.Sprint(i + 1)
	}
	s.answer(w, "v1", "PodList", list)
}

func (s *apiServer) answer(w http.ResponseWriter, apiVersion, kind string, o runtime.Object) {
	w.Header().Set("Content-Type", "application/json")
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `{"apiVersion":%q,"kind":%q,%s`, apiVersion, kind, text[1:])
}

func (s *apiServer) usage(w http.ResponseWriter, kind string, o runtime.Object) {
	o.GetObjectKind().SetGroupVersionKind(metrics.SchemeGroupVersion.WithKind(kind))
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
	if err := protobuf.NewSerializer(nil, nil).Encode(o, w); err != nil {
		panic(err)
	}
}

func (s *apiServer) fail(w http.ResponseWriter, code int, reason metav1.StatusReason, next string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(&metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, ListMeta: metav1.ListMeta{Continue: next},
		Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: "not here",
	})
}

func (s *apiServer) podMetrics() *metrics.PodMetricsList {
	list := &metrics.PodMetricsList{}
	for _, p := range s.pods {
		list.Items = append(list.Items, metrics.PodMetrics{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}, Timestamp: metav1.Now(),
			Containers: []metrics.ContainerMetrics{{Name: "app", Usage: memory("200Mi")}},
		})
	}
	return list
}

func (s *apiServer) nodeMetrics() *metrics.NodeMetricsList {
	list := &metrics.NodeMetricsList{}
	for _, name := range s.nodes {
		list.Items = append(list.Items, metrics.NodeMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Timestamp: metav1.Now(), Usage: memory("15Gi"),
		})
	}
	return list
}

func memory(q string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(q)}
}

func nodeNamed(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Capacity: memory("16Gi"), Allocatable: memory("16284Mi")},
	}
}

func podOn(node, name, request string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-of-a-pod"},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name:  "app",
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Now().Add(-time.Hour))}},
		}}},
	}
	if request != "" {
		p.Spec.Containers[0].Resources.Requests = memory(request)
	}
	return p
}

func TestLive(t *testing.T) {
	pods := []*corev1.Pod{podOn("worker-1", "web", "1Gi"), podOn("worker-1", "best-effort", ""), podOn("worker-2", "other", "1Gi")}
	finished := podOn("worker-1", "done", "")
	finished.Status.Phase = corev1.PodSucceeded
	noKubelets := "note: kubelets are read only for those who may get nodes/proxy: ranking by metrics.k8s.io, thresholds are inferred\n"
	absent := noKubelets + "note: no metrics API (metrics.k8s.io, as of metrics-server) answers here: ranking with usage unknown\n"
	for name, tc := range map[string]struct {
		server     *apiServer
		args       []string
		wantOrders []string
		wantErr    string
		wantStatus int
	}{
		"with usage": {
			server:     &apiServer{nodes: []string{"worker-2", "worker-1"}, pods: append(pods, finished), metrics: true},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web", "worker-2 MetricsAPI other"},
			wantErr:    noKubelets,
		},
		"without the metrics API": {
			server:     &apiServer{nodes: []string{"worker-1"}, pods: pods},
			wantOrders: []string{"worker-1 None best-effort web"},
			wantErr:    absent,
		},
		"one node": {
			server:     &apiServer{nodes: []string{"worker-1", "worker-2"}, pods: pods, metrics: true},
			args:       []string{"worker-2"},
			wantOrders: []string{"worker-2 MetricsAPI other"},
			wantErr:    noKubelets,
		},
		"an unknown node": {
			server:  &apiServer{nodes: []string{"worker-1"}, pods: pods},
			args:    []string{"worker-9"},
			wantErr: "error: node \"worker-9\" not found in the cluster\n", wantStatus: exitUnreadable,
		},
		"a list that expires": {
			server:     &apiServer{nodes: []string{"worker-1"}, pods: pods, metrics: true, expire: true},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web"},
			wantErr:    noKubelets,
		},
		"pods forbidden": {
			server:  &apiServer{nodes: []string{"worker-1"}, forbidden: map[string]bool{"/api/v1/pods": true}, metrics: true},
			wantErr: "error: pods: not here\n", wantStatus: exitUnreadable,
		},
		"namespaces and policy forbidden": {
			server: &apiServer{
				nodes: []string{"worker-1"}, pods: pods, metrics: true, forbidden: map[string]bool{
					"/api/v1/namespaces": true, "/apis/killorder.io/v1alpha1/killorderpolicies/default": true,
				},
			},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web"},
			wantErr: "note: the KillOrderPolicy may not be read: the defaults apply (not here)\n" +
				"note: namespaces' labels could not be read: namespace selectors may not match (not here)\n" + noKubelets,
		},
		"a policy": {
			server: &apiServer{
				nodes: []string{"worker-1"}, pods: pods, metrics: true, policy: &v1alpha1.KillOrderPolicy{
					Spec: v1alpha1.KillOrderPolicySpec{Critical: v1alpha1.CriticalPolicy{PodSelector: &metav1.LabelSelector{}}},
				},
			},
			wantOrders: []string{"worker-1 MetricsAPI !best-effort !web"},
			wantErr:    noKubelets,
		},
		"no node": {
			server:  &apiServer{metrics: true},
			wantErr: "error: nodes: the cluster has none\n", wantStatus: exitUnreadable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			server := httptest.NewServer(tc.server)
			defer server.Close()
			got := run(t, "", append([]string{"rank", "-o", "json", "--server", server.URL}, tc.args...)...)
			if got.status != tc.wantStatus {
				t.Errorf("exit status %d, want %d", got.status, tc.wantStatus)
			}
			if diff := cmp.Diff(tc.wantErr, got.err); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantOrders, evictionOrders(t, got.out)); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
		})
	}
}

// evictionOrders lists node, source of usage and pods, critical ones with a mark.
func evictionOrders(t *testing.T, out string) (orders []string) {
	t.Helper()
	items := itemsOf(t, out)
	for i := range items {
		o := &items[i]
		words := []string{o.Name, string(o.Status.Usage.Source)}
		for _, v := range o.Status.EvictionOrder {
			mark := ""
			if v.Critical {
				mark = markCritical
			}
			words = append(words, mark+v.Pod)
		}
		orders = append(orders, strings.Join(words, " "))
	}
	return orders
}

// itemsOf a List, none where nothing was printed.
func itemsOf(t *testing.T, out string) []v1alpha1.NodeKillOrder {
	t.Helper()
	if out == "" {
		return nil
	}
	var l list
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	return l.Items
}
