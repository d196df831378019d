package podcache_test

import (
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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/pipetest"
	"github.com/killorder/killorder/internal/podcache"
)

// fakeAPI answers for /api/v1/pods: lists, WatchLists where it knows them, and a watch that plays events.
type fakeAPI struct {
	t         *testing.T
	watchList bool
	events    chan event

	mu       sync.Mutex
	pods     []*corev1.Pod
	requests []string
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
	f.mu.Unlock()
	if got, want := q.Get("fieldSelector"), "spec.nodeName!="; got != want {
		f.t.Errorf("selects %q, want %q", got, want)
	}
	if accept := r.Header.Get("Accept"); !strings.HasPrefix(accept, "application/vnd.kubernetes.protobuf") {
		f.t.Errorf("accepts %q", accept)
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case kind == "list":
		f.list(w, pods)
	case kind == "watchlist" && !f.watchList:
		w.WriteHeader(http.StatusUnprocessableEntity)
		f.send(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: "Invalid", Code: 422})
	case kind == "watchlist":
		for _, p := range pods {
			f.send(w, event{"ADDED", p})
		}
		end := corev1.Pod{TypeMeta: pods[0].TypeMeta}
		end.ResourceVersion, end.Annotations = "10", map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		f.send(w, event{"BOOKMARK", &end})
		f.watch(w, r)
	default:
		f.watch(w, r)
	}
}

func (f *fakeAPI) list(w http.ResponseWriter, pods []*corev1.Pod) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	for _, p := range pods {
		list.Items = append(list.Items, *p)
	}
	f.send(w, list)
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
		t.Fatal(err)
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
	tests := map[string]struct {
		watchList bool
		want      []string // requests
	}{
		"with WatchList":    {true, []string{"watchlist", "watchlist"}},
		"without WatchList": {false, []string{"watchlist", "list", "watch", "watchlist", "list", "watch"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { followTheAPI(t, tc.watchList, tc.want) })
		})
	}
}

func followTheAPI(t *testing.T, watchList bool, want []string) {
	api := &fakeAPI{t: t, watchList: watchList, events: make(chan event)}
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
