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

// fakeAPI answers for /api/v1/pods: lists, whole or in two pages, and a watch that plays events.
type fakeAPI struct {
	t      *testing.T
	events chan event
	// json: lists come in JSON, as from a proxy that does not speak protobuf.
	json bool

	mu       sync.Mutex
	pods     []*corev1.Pod
	requests []string
	// broken and refused say what becomes of the first answer to a request: it breaks off, or says that the version is too old.
	broken, refused string
}

type event struct {
	Type   string `json:"type"`
	Object any    `json:"object"`
}

var expired = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: "Expired", Code: 410}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	request := "list"
	switch {
	case q.Get("watch") == "true":
		request = "watch"
	case q.Get("limit") != "":
		request = strings.TrimSpace("page " + q.Get("continue"))
	}
	if version := q.Get("resourceVersion"); version != "" {
		request += " from " + version
	}
	if got, want := q.Get("fieldSelector"), "spec.nodeName!="; got != want {
		f.t.Errorf("selects %q, want %q", got, want)
	}
	if accept := r.Header.Get("Accept"); !strings.HasPrefix(accept, "application/vnd.kubernetes.protobuf") {
		f.t.Errorf("accepts %q", accept)
	}
	pods, broken, refused := f.next(request)
	switch {
	case refused:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusGone)
		f.send(w, expired)
	case strings.HasPrefix(request, "watch"):
		w.Header().Set("Content-Type", "application/json")
		f.watch(w, r)
	default:
		f.list(w, request, pods, broken)
	}
}

// next notes a request, and returns what to answer with.
func (f *fakeAPI) next(request string) (pods []*corev1.Pod, broken, refused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, request)
	once := func(of *string) bool {
		is := *of == request
		if is {
			*of = ""
		}
		return is
	}
	return slices.Clone(f.pods), once(&f.broken), once(&f.refused)
}

func (f *fakeAPI) list(w http.ResponseWriter, request string, pods []*corev1.Pod, broken bool) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	switch request {
	case "page":
		pods, list.Continue = pods[:2], "two"
	case "page two":
		pods = pods[2:]
	}
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
	if broken {
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
func start(t *testing.T, api *fakeAPI, observe func(*podcache.Cache)) (*podcache.Cache, <-chan string) {
	t.Helper()
	server, pipes := pipetest.Serve(api)
	t.Cleanup(server.Close)
	c, err := podcache.New(&rest.Config{Host: server.URL, Dial: pipes.Dial})
	if err != nil {
		t.Fatal(err)
	}
	if observe != nil {
		observe(c)
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
	// The handlers sleep until some time after the last error, by the clock: the time of that error may not be of the bubble's clock.
	handlers := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil
	t.Cleanup(func() { utilruntime.ErrorHandlers = handlers })
	for name, tc := range map[string]struct {
		api  *fakeAPI
		want string // requests
	}{
		"lists in protobuf":    {&fakeAPI{}, "list, watch from 10, list from 13, watch from 10"},
		"lists in JSON":        {&fakeAPI{json: true}, "list, page, page two, watch from 10, list from 13, page, page two, watch from 10"},
		"a list breaks off":    {&fakeAPI{broken: "list"}, "list, page, page two, watch from 10, list from 13, watch from 10"},
		"a list is refused":    {&fakeAPI{refused: "list"}, "list, list, watch from 10, list from 13, watch from 10"},
		"the pages' time ends": {&fakeAPI{broken: "list", refused: "page two"}, "list, page, page two, list, watch from 10, list from 13, watch from 10"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.api.t, tc.api.events = t, make(chan event)
				followTheAPI(t, tc.api, tc.want)
			})
		})
	}
}

func followTheAPI(t *testing.T, api *fakeAPI, want string) {
	finished := apiPod("done", "n1", "3", 1)
	finished.Status.Phase = corev1.PodSucceeded
	api.setPods(apiPod("b", "n1", "1", 64), apiPod("a", "n1", "2", 64), finished, apiPod("x", "n2", "4", 64))
	c, told := start(t, api, nil)
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
	api.events <- event{"ERROR", expired}
	expect(t, told, "n1", "n3")
	checkAtStart(t, c, 256, 64)
	api.events <- event{"DELETED", apiPod("y", "n3", "16", 64)} // the watch goes on
	expect(t, told, "n3")
	if got := strings.Join(api.asked(), ", "); got != want {
		t.Errorf("requests %s, want %s", got, want)
	}
}

// TestAListIsDecodedAsFarAsNeeded: of a Pod of a list the observer is shown the wanted part, or all of the Pod if the observer asks for all.
func TestAListIsDecodedAsFarAsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		healthy, evicted := apiPod("a", "n1", "1", 64), apiPod("b", "n1", "2", 64)
		healthy.Status.Message, evicted.Status.Message = "well", "The node was low on resource: memory."
		evicted.Status.Reason = "Evicted"
		api := &fakeAPI{t: t, events: make(chan event)}
		api.setPods(healthy, evicted)
		shown := map[string]string{}
		start(t, api, func(c *podcache.Cache) {
			c.Observe(
				func(s podcache.Sighting) { shown[s.Pod.Name] = s.Pod.Status.Message },
				func(p *corev1.Pod) bool { return p.Status.Reason != "" },
			)
		})
		if diff := cmp.Diff(map[string]string{"a": "", "b": evicted.Status.Message}, shown); diff != "" {
			t.Errorf("messages shown (-want +got):\n%s", diff)
		}
	})
}

func TestAClusterWithoutPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &fakeAPI{t: t, events: make(chan event)}
		c, told := start(t, api, nil)
		api.events <- event{"ADDED", apiPod("a", "n1", "11", 64)}
		expect(t, told, "n1")
		if c.Len() != 1 {
			t.Errorf("%d pods, want the one that came", c.Len())
		}
	})
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
