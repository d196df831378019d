// Package clustertest is an API server for tests of what reads clusters.
package clustertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// Server is an API server that answers what the plugin asks for: in JSON, as a server may that does not serve protobuf, but
// for usage, whose reader takes protobuf only, and for pods if that is wanted.
type Server struct {
	Nodes []string
	// Pods, none of which is of another namespace than shop unless a test says so.
	Pods    []*corev1.Pod
	Metrics bool
	Policy  *v1alpha1.KillOrderPolicy
	// Kubelets by node; asking them is forbidden if there are none.
	Kubelets map[string]Kubelet
	// Forbidden paths.
	Forbidden map[string]bool
	// Orders are what the operator has published, by node.
	Orders map[string]*v1alpha1.NodeKillOrder
	// Classes are the PriorityClasses. DefaultRequest is the memory that LimitRanges of all namespaces give to containers which
	// request none.
	Classes        []schedulingv1.PriorityClass
	DefaultRequest string
	// Unread is the name of a pod that metrics.k8s.io has no reading of. Renamed: its readings are of other pods and nodes.
	Unread  string
	Renamed bool
	// Deployments are the names of those in each namespace.
	Deployments []string
	// Used is what nodes use of their 16Gi by metrics.k8s.io, where that is not 15Gi.
	Used map[string]string
	// Events of all namespaces; asking for them is refused if there are none.
	Events []corev1.Event
	// Expire the first list's continuation once.
	Expire bool
	// Version of the nodes' kubelets, if they tell it. Protobuf: pods are answered in it. CutShort: a list of all pods that has
	// no limit ends before its last pod.
	Version            string
	Protobuf, CutShort bool

	mu   sync.Mutex
	asks []string
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asks = append(s.asks, r.URL.String())
	s.mu.Unlock()
	path, query := r.URL.Path, r.URL.Query()
	switch {
	case s.Forbidden[path]:
		s.fail(w, http.StatusForbidden, metav1.StatusReasonForbidden, "")
	case path == "/api/v1/nodes":
		list := &corev1.NodeList{}
		for _, name := range s.Nodes {
			list.Items = append(list.Items, *Node(name))
			list.Items[len(list.Items)-1].Status.NodeInfo.KubeletVersion = s.Version
		}
		s.answer(w, "v1", "NodeList", list)
	case strings.Contains(path, "/proxy/"):
		s.proxy(w, r)
	case strings.HasPrefix(path, "/api/v1/nodes/"):
		for _, name := range s.Nodes {
			if path == "/api/v1/nodes/"+name {
				s.answer(w, "v1", "Node", Node(name))
				return
			}
		}
		s.fail(w, http.StatusNotFound, metav1.StatusReasonNotFound, "")
	case strings.HasPrefix(path, "/api/v1/namespaces/"):
		s.namespaced(w, strings.Split(strings.TrimPrefix(path, "/api/v1/namespaces/"), "/"), query.Get("fieldSelector"))
	case path == "/api/v1/pods":
		s.pods(w, query)
	case path == "/api/v1/events" && s.Events != nil:
		s.answer(w, "v1", "EventList", &corev1.EventList{Items: s.Events})
	case path == "/api/v1/namespaces":
		s.answer(w, "meta.k8s.io/v1", "PartialObjectMetadataList", &metav1.PartialObjectMetadataList{})
	default:
		s.groups(w, r)
	}
}

// groups answers for all but the core group.
func (s *Server) groups(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case path == "/apis/scheduling.k8s.io/v1/priorityclasses":
		s.answer(w, "scheduling.k8s.io/v1", "PriorityClassList", &schedulingv1.PriorityClassList{Items: s.Classes})
	case strings.HasPrefix(path, "/apis/scheduling.k8s.io/v1/priorityclasses/"):
		s.class(w, path)
	case path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		s.review(w, r)
	case strings.HasPrefix(path, metricsAPI) && s.Metrics:
		s.metrics(w, r)
	case strings.HasPrefix(path, "/apis/apps/v1/namespaces/") && strings.HasSuffix(path, "/deployments"):
		list := &metav1.PartialObjectMetadataList{}
		for _, name := range s.Deployments {
			list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		s.answer(w, "meta.k8s.io/v1", "PartialObjectMetadataList", list)
	case strings.HasPrefix(path, "/apis/killorder.io/"):
		s.own(w, r)
	default:
		http.NotFound(w, r)
	}
}

const metricsAPI = "/apis/metrics.k8s.io/v1beta1/"

// metrics answers for metrics.k8s.io.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, metricsAPI+"namespaces/"):
		s.podUsage(w, path)
	case strings.HasPrefix(path, metricsAPI+"nodes/"):
		s.usage(w, "NodeMetrics", s.nodeUsage(path))
	case path == metricsAPI+"pods":
		s.usage(w, "PodMetricsList", s.podMetrics())
	case path == metricsAPI+"nodes":
		s.usage(w, "NodeMetricsList", s.nodeMetrics())
	default:
		http.NotFound(w, r)
	}
}

// own answers for what the operator has published.
func (s *Server) own(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case path == "/apis/killorder.io/v1alpha1/killorderpolicies/default" && s.Policy != nil:
		s.answer(w, "killorder.io/v1alpha1", "KillOrderPolicy", s.Policy)
	case path == "/apis/killorder.io/v1alpha1/nodekillorders" && s.Orders != nil:
		list := &v1alpha1.NodeKillOrderList{}
		for _, name := range slices.Sorted(maps.Keys(s.Orders)) {
			list.Items = append(list.Items, *s.Orders[name])
		}
		s.answer(w, "killorder.io/v1alpha1", "NodeKillOrderList", list)
	case strings.HasPrefix(path, "/apis/killorder.io/v1alpha1/nodekillorders/") && s.Orders[path[strings.LastIndex(path, "/")+1:]] != nil:
		s.answer(w, "killorder.io/v1alpha1", "NodeKillOrder", s.Orders[path[strings.LastIndex(path, "/")+1:]])
	default:
		http.NotFound(w, r)
	}
}

// namespaced answers for the pods of a namespace, and for one of them.
func (s *Server) namespaced(w http.ResponseWriter, path []string, selector string) {
	if len(path) == 2 && path[1] == "limitranges" {
		s.answer(w, "v1", "LimitRangeList", s.limitRanges())
		return
	}
	if len(path) < 2 || path[1] != "pods" {
		s.fail(w, http.StatusNotFound, metav1.StatusReasonNotFound, "")
		return
	}
	list := &corev1.PodList{}
	for _, p := range s.Pods {
		switch {
		case p.Namespace != path[0], selector != "" && selector != "spec.nodeName="+p.Spec.NodeName:
		case len(path) == 2:
			list.Items = append(list.Items, *p)
		case path[2] == p.Name:
			s.answer(w, "v1", "Pod", p)
			return
		}
	}
	if len(path) > 2 {
		s.missing(w, "pods", path[2])
		return
	}
	s.answer(w, "v1", "PodList", list)
}

// class answers for the PriorityClass of a path.
func (s *Server) class(w http.ResponseWriter, path string) {
	for i := range s.Classes {
		if strings.HasSuffix(path, "/"+s.Classes[i].Name) {
			s.answer(w, "scheduling.k8s.io/v1", "PriorityClass", &s.Classes[i])
			return
		}
	}
	s.missing(w, "priorityclasses", path[strings.LastIndex(path, "/")+1:])
}

func (s *Server) limitRanges() *corev1.LimitRangeList {
	list := &corev1.LimitRangeList{}
	if s.DefaultRequest != "" {
		list.Items = []corev1.LimitRange{{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{
			{Type: corev1.LimitTypeContainer, DefaultRequest: Memory(s.DefaultRequest)},
		}}}}
	}
	return list
}

// missing answers that an object is not there.
func (s *Server) missing(w http.ResponseWriter, kind, name string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(&metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: http.StatusNotFound,
		Reason: metav1.StatusReasonNotFound, Message: kind + " " + name + " not found",
		Details: &metav1.StatusDetails{Name: name, Kind: kind},
	})
}

func (s *Server) podUsage(w http.ResponseWriter, path string) {
	list := s.podMetrics()
	for i := range list.Items {
		m := &list.Items[i]
		if strings.HasSuffix(path, "/"+m.Namespace+"/pods/"+m.Name) {
			s.usage(w, "PodMetrics", m)
			return
		}
	}
	s.missing(w, "pods", path[strings.LastIndex(path, "/")+1:])
}

func (s *Server) nodeUsage(path string) *metrics.NodeMetrics {
	list := s.nodeMetrics()
	for i := range list.Items {
		if strings.HasSuffix(path, "/"+list.Items[i].Name) {
			return &list.Items[i]
		}
	}
	return &metrics.NodeMetrics{}
}

// pods answers with the one pod that the continuation names, with all pods of a node, or, without a limit, with all.
func (s *Server) pods(w http.ResponseWriter, query url.Values) {
	list := &corev1.PodList{}
	selector, from := query.Get("fieldSelector"), query.Get("continue")
	i := 0
	_, _ = fmt.Sscan(from, &i)
	switch node, ofNode := strings.CutPrefix(selector, "spec.nodeName="); {
	case ofNode:
		for _, p := range s.Pods {
			if p.Spec.NodeName == node {
				list.Items = append(list.Items, *p)
			}
		}
	case !query.Has("limit"):
		for _, p := range s.Pods {
			list.Items = append(list.Items, *p)
		}
		if s.CutShort {
			s.cutShort(w, list)
			return
		}
	case i == 1 && s.Expire:
		s.Expire = false
		s.fail(w, http.StatusGone, metav1.StatusReasonExpired, "1")
		return
	default:
		list.Items = []corev1.Pod{*s.Pods[i]}
		if i+1 < len(s.Pods) {
			list.Continue = fmt.Sprint(i + 1)
		}
	}
	if s.Protobuf {
		inProtobuf(w, corev1.SchemeGroupVersion.WithKind("PodList"), list)
		return
	}
	s.answer(w, "v1", "PodList", list)
}

// cutShort answers as a server does whose connection is lost within the last pod.
func (s *Server) cutShort(w http.ResponseWriter, list *corev1.PodList) {
	whole := httptest.NewRecorder()
	inProtobuf(whole, corev1.SchemeGroupVersion.WithKind("PodList"), list)
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()-10])
}

func (s *Server) answer(w http.ResponseWriter, apiVersion, kind string, o runtime.Object) {
	w.Header().Set("Content-Type", "application/json")
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `{"apiVersion":%q,"kind":%q,%s`, apiVersion, kind, text[1:])
}

func (s *Server) usage(w http.ResponseWriter, kind string, o runtime.Object) {
	inProtobuf(w, metrics.SchemeGroupVersion.WithKind(kind), o)
}

func inProtobuf(w http.ResponseWriter, kind schema.GroupVersionKind, o runtime.Object) {
	o.GetObjectKind().SetGroupVersionKind(kind)
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
	if err := protobuf.NewSerializer(nil, nil).Encode(o, w); err != nil {
		panic(err)
	}
}

func (s *Server) fail(w http.ResponseWriter, code int, reason metav1.StatusReason, next string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(&metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, ListMeta: metav1.ListMeta{Continue: next},
		Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: "not here",
	})
}

func (s *Server) podMetrics() *metrics.PodMetricsList {
	list := &metrics.PodMetricsList{}
	for _, p := range s.Pods {
		if p.Name == s.Unread {
			continue
		}
		list.Items = append(list.Items, metrics.PodMetrics{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: s.measured(p.Name)}, Timestamp: metav1.Now(),
			Containers: []metrics.ContainerMetrics{{Name: "app", Usage: Memory("200Mi")}},
		})
	}
	return list
}

func (s *Server) nodeMetrics() *metrics.NodeMetricsList {
	list := &metrics.NodeMetricsList{}
	for _, name := range s.Nodes {
		list.Items = append(list.Items, metrics.NodeMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: s.measured(name)}, Timestamp: metav1.Now(), Usage: Memory(cmp.Or(s.Used[name], "15Gi")),
		})
	}
	return list
}

// measured is the name that a pod or node has in metrics.k8s.io.
func (s *Server) measured(name string) string {
	if s.Renamed {
		return name + "-elsewhere"
	}
	return name
}

// Memory is an amount of memory as a resource list.
func Memory(q string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(q)}
}

// Node of 16Gi.
func Node(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Capacity: Memory("16Gi"), Allocatable: Memory("16284Mi")},
	}
}

// PodOn is a running pod of namespace shop on a node.
func PodOn(node, name, request string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-of-a-pod"},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name:  "app",
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Now().Add(-time.Hour))}},
		}}},
	}
	if request != "" {
		p.Spec.Containers[0].Resources.Requests = Memory(request)
	}
	return p
}

// OwnedBy is the controller of a pod.
func OwnedBy(kind, name string) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: "uid-of-an-owner", Controller: new(true)}}
}

// Asks are the requests so far.
func (s *Server) Asks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asks)
}
