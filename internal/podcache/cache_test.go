package podcache_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/pipetest"
	"github.com/killorder/killorder/internal/podcache"
)

// fakeAPI answers for /api/v1/pods: lists, and a watch that plays events.
type fakeAPI struct {
	t      *testing.T
	events chan event
	// json: lists come in JSON, as from a proxy that does not speak protobuf.
	json bool

	mu       sync.Mutex
	pods     []*corev1.Pod
	requests []string
	// cut so many lists short.
	cut int
}

type event struct {
	Type   string `json:"type"`
	Object any    `json:"object"`
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.mu.Lock()
	pods := slices.Clone(f.pods)
	kind := "list"
	if q.Get("watch") == "true" {
		kind = "watch"
	}
	if q.Get("sendInitialEvents") == "true" {
		kind = "watchlist"
	}
	f.requests = append(f.requests, kind)
	cut := f.cut > 0 && kind == "list"
	if cut {
		f.cut--
	}
	f.mu.Unlock()
	if got, want := q.Get("fieldSelector"), "spec.nodeName!="; got != want {
		f.t.Errorf("selects %q, want %q", got, want)
	}
	if accept := r.Header.Get("Accept"); !strings.HasPrefix(accept, "application/vnd.kubernetes.protobuf") {
		f.t.Errorf("accepts %q", accept)
	}
	if kind == "list" {
		f.list(w, pods, cut)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	f.watch(w, r)
}

func (f *fakeAPI) list(w http.ResponseWriter, pods []*corev1.Pod, cut bool) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	for _, p := range pods {
		list.Items = append(list.Items, *p)
	}
	if f.json {
		f.send(w, list)
		return
	}
	var answer bytes.Buffer
	if err := protobuf.NewSerializer(nil, nil).Encode(&list, &answer); err != nil {
		f.t.Error(err)
	}
	if cut {
		answer.Truncate(answer.Len() - 20)
	}
	_, _ = w.Write(answer.Bytes())
}

func (f *fakeAPI) watch(w http.ResponseWriter, r *http.Request) {
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-f.events:
			f.send(w, e)
			if e.Type == "ERROR" {
				return
			}
		}
	}
}

func (f *fakeAPI) send(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		f.t.Log(err)
	}
	_ = http.NewResponseController(w).Flush()
}

func (f *fakeAPI) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *fakeAPI) setPods(pods ...*corev1.Pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pods = pods
}

func apiPod(name, node, version string, mib int64) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), ResourceVersion: version},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{
			Name: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(mib<<20, resource.BinarySI)}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Unix(100, 0))}},
		}}},
	}
}

// start returns a synced cache over the API, and a channel of the nodes that it tells of. It is called in a bubble: the cache
// waits for a second or so where a watch has failed, and the clock of a bubble jumps over that.
func start(t *testing.T, api *fakeAPI) (*podcache.Cache, <-chan string) {
	t.Helper()
	server, pipes := pipetest.Serve(api)
	t.Cleanup(server.Close)
	c, err := podcache.New(&rest.Config{Host: server.URL, Dial: pipes.Dial})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	c.OnChange(func(node string) { told <- node })
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Start(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	synced, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	if err := c.WaitForSync(synced); err != nil {
		t.Fatalf("%v, after requests %v", err, api.asked())
	}
	return c, told
}

func expect(t *testing.T, told <-chan string, nodes ...string) {
	t.Helper()
	for _, want := range nodes {
		select {
		case got := <-told:
			if got != want {
				t.Fatalf("told of %q, want %q", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("not told of %q", want)
		}
	}
}

func TestCacheFollowsTheAPI(t *testing.T) {
	// The handlers slow errors down by the time of the last one, which is not of the bubble's clock.
	handlers := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil
	t.Cleanup(func() { utilruntime.ErrorHandlers = handlers })
	for name, tc := range map[string]struct {
		api  *fakeAPI
		want []string // requests
	}{
		"lists in protobuf": {&fakeAPI{}, []string{"list", "watch", "list", "watch"}},
		"lists in JSON":     {&fakeAPI{json: true}, []string{"list", "watch", "list", "watch"}},
		"a list cut short":  {&fakeAPI{cut: 1}, []string{"list", "list", "watch", "list", "watch"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.api.t, tc.api.events = t, make(chan event)
				followTheAPI(t, tc.api, tc.want)
			})
		})
	}
}

func followTheAPI(t *testing.T, api *fakeAPI, want []string) {
	finished := apiPod("done", "n1", "3", 1)
	finished.Status.Phase = corev1.PodSucceeded
	api.setPods(apiPod("b", "n1", "1", 64), apiPod("a", "n1", "2", 64), finished, apiPod("x", "n2", "4", 64))
	c, told := start(t, api)
	expect(t, told, "n1", "n2")
	if diff := cmp.Diff([]string{"n1", "n2"}, c.Nodes()); diff != "" || len(c.Node("n2")) != 1 {
		t.Errorf("%d pods on n2; nodes (-want +got):\n%s", len(c.Node("n2")), diff)
	}
	if pods := c.Node("n1"); len(pods) != 2 || pods[0].Name != "a" || pods[1].Containers[0].Request != 64<<20 {
		t.Errorf("n1 has %v", pods)
	}

	api.events <- event{"MODIFIED", apiPod("a", "n1", "11", 64)} // a heartbeat
	api.events <- event{"DELETED", apiPod("x", "n2", "12", 64)}
	expect(t, told, "n2")
	api.events <- event{"MODIFIED", apiPod("a", "n1", "13", 128)} // a resize
	expect(t, told, "n1")
	checkAtStart(t, c, 128, 64)

	api.setPods(apiPod("b", "n1", "1", 64), apiPod("a", "n1", "14", 256), apiPod("y", "n3", "15", 64))
	api.events <- event{"ERROR", metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: "Expired", Code: 410}}
	expect(t, told, "n1", "n3")
	checkAtStart(t, c, 256, 64)
	api.events <- event{"DELETED", apiPod("y", "n3", "16", 64)} // the watch goes on
	expect(t, told, "n3")
	if diff := cmp.Diff(want, api.asked()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func checkAtStart(t *testing.T, c *podcache.Cache, mib, mibAtStart int64) {
	t.Helper()
	app := &c.Node("n1")[0].Containers[0]
	if app.Request != mib<<20 || app.AtStart == nil || app.AtStart.Containers[0].Request != mibAtStart<<20 {
		t.Errorf("got %+v, want a request of %d MiB, %d at start", app, mib, mibAtStart)
	}
}

func TestWaitForSyncGivesUpWithItsContext(t *testing.T) {
	c, err := podcache.New(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.WaitForSync(ctx); err == nil {
		t.Error("an empty cache says that it is in sync")
	}
}
