package kills

import (
	"context"
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/forensics"
)

// eventsAPI answers for /api/v1/events: a list in pages of one Event, then a watch that plays Events.
type eventsAPI struct {
	t       *testing.T
	listed  map[string][]corev1.Event // by kind
	watched chan corev1.Event

	mu        sync.Mutex
	selectors map[string]bool
}

func (f *eventsAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	selector := q.Get("fieldSelector")
	f.mu.Lock()
	f.selectors[selector] = true
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	kind := "Pod"
	if strings.Contains(selector, "involvedObject.kind=Node") {
		kind = "Node"
	}
	switch {
	case q.Get("sendInitialEvents") == "true": // Events have no watch cache
		w.WriteHeader(http.StatusUnprocessableEntity)
		f.send(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: "Invalid", Code: 422})
	case q.Get("watch") == "true":
		f.watch(w, r, kind)
	default:
		f.page(w, kind, q.Get("continue"))
	}
}

func (f *eventsAPI) page(w http.ResponseWriter, kind, from string) {
	list := corev1.EventList{TypeMeta: metav1.TypeMeta{Kind: "EventList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	i := len(from)
	if i < len(f.listed[kind]) {
		list.Items = f.listed[kind][i : i+1]
	}
	if i+1 < len(f.listed[kind]) {
		list.Continue = from + "x"
	}
	f.send(w, list)
}

func (f *eventsAPI) watch(w http.ResponseWriter, r *http.Request, kind string) {
	_ = http.NewResponseController(w).Flush()
	if kind == "Node" {
		<-r.Context().Done()
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-f.watched:
			f.send(w, map[string]any{"type": "ADDED", "object": e})
		}
	}
}

func (f *eventsAPI) send(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		f.t.Log(err)
	}
	_ = http.NewResponseController(w).Flush()
}

func eventOf(kind, name, reason string) corev1.Event {
	return corev1.Event{
		TypeMeta:       metav1.TypeMeta{Kind: "Event", APIVersion: "v1"},
		ObjectMeta:     metav1.ObjectMeta{Namespace: "shop", Name: name + reason, ResourceVersion: "11"},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name, UID: "uid"}, Reason: reason, Message: "why",
	}
}

func TestEventsHandsOverWhatTellsOfDeaths(t *testing.T) {
	api := &eventsAPI{t: t, watched: make(chan corev1.Event), selectors: map[string]bool{}, listed: map[string][]corev1.Event{
		"Pod":  {eventOf("Pod", "a", "Evicted"), eventOf("Pod", "a", "SomethingElse"), eventOf("Pod", "b", "Preempted")},
		"Node": {eventOf("Node", "n", "SystemOOM"), eventOf("Node", "n", "NodeReady")},
	}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	heard := make(chan string, 100)
	events, err := NewEvents(&rest.Config{Host: server.URL}, func(e forensics.Event) { heard <- e.Kind + " " + e.Name + " " + e.Reason })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- events.Start(ctx) }()
	for _, e := range []corev1.Event{eventOf("Pod", "c", "Tainted"), eventOf("Pod", "c", "ContainerOOMKilled")} { // a reason to come
		api.watched <- e
	}
	want := map[string]bool{"Pod a Evicted": true, "Pod b Preempted": true, "Node n SystemOOM": true, "Pod c ContainerOOMKilled": true}
	got := map[string]bool{}
	for len(got) < len(want) {
		select {
		case s := <-heard:
			got[s] = true
		case <-time.After(time.Minute):
			t.Fatalf("heard only %v", got)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
	cancel()
	if err := <-ended; err != nil || len(heard) > 0 {
		t.Errorf("ended with %v, and %d more were heard", err, len(heard))
	}
	checkSelectors(t, api.selectors)
}

// checkSelectors asks that the API server is told which Events not to send, and sends all others of pods and nodes.
func checkSelectors(t *testing.T, selectors map[string]bool) {
	t.Helper()
	if len(selectors) != 2 {
		t.Fatalf("asked with %v", selectors)
	}
	for s := range selectors {
		selector, err := fields.ParseSelector(s)
		if err != nil {
			t.Fatal(err)
		}
		matches := func(kind, reason string) bool {
			return selector.Matches(fields.Set{"involvedObject.kind": kind, "reason": reason})
		}
		switch {
		case matches("Pod", "Evicted"):
			if matches("Pod", "Pulled") || matches("Pod", "BackOff") || !matches("Pod", "ANewReason") || matches("Node", "SystemOOM") {
				t.Errorf("asks for Pods' Events with %s", s)
			}
		case matches("Node", "SystemOOM"):
			if matches("Node", "NodeHasSufficientMemory") || matches("Job", "Completed") {
				t.Errorf("asks for Nodes' Events with %s", s)
			}
		default:
			t.Errorf("asks for nothing useful with %s", s)
		}
	}
}

// TestReasonsOfForensicsComeIn: a reason that the ledger looks for must neither be held back by the API server nor here.
func TestReasonsOfForensicsComeIn(t *testing.T) {
	for _, reason := range []string{
		"Evicted", "Preempting", "Preempted", "Killing", "SandboxChanged", "TaintManagerEviction", "DeviceTaintManagerEviction",
		"OutOfmemory", "SystemOOM", "OOMKilling", "Rebooted", "EvictionThresholdMet", "NodeHasInsufficientMemory", "CgroupV1",
	} {
		if !telling(reason) {
			t.Errorf("%s is left out", reason)
		}
		for kind, reasons := range noise {
			for _, r := range reasons {
				if r == reason {
					t.Errorf("the API server is told not to send %s of a %s", reason, kind)
				}
			}
		}
	}
}

func TestReceiverTakesNothingElse(t *testing.T) {
	n := 0
	r := receiver(func(forensics.Event) { n++ })
	for _, object := range []any{"x", &corev1.Pod{}, nil, fmt.Errorf("no")} {
		if err := r.Add(object); err != nil {
			t.Error(err)
		}
	}
	if err := r.Replace([]any{new(eventOf("Pod", "a", "Evicted")), new(eventOf("Pod", "a", "Pulled"))}, ""); err != nil || n != 1 {
		t.Errorf("took %d, %v; want 1", n, err)
	}
}
