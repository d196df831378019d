package forensics

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// scene is one capture of testdata/scenes, taken on real nodes with Kubernetes v1.37.2 and trimmed to what a death
// is judged by: the objects after the deaths, and the watch that led there.
type scene struct {
	Node       corev1.Node
	Pods       []corev1.Pod
	Events     []corev1.Event
	NodeEvents []corev1.Event
	Kernel     []string
	Watch      []watched
}

// watched is one line of a watch: what changed of a pod, without its spec.
type watched struct {
	Seen                       time.Time
	Type, Name                 string
	UID                        string
	ResourceVersion            string
	DeletionTimestamp          *time.Time
	DeletionGracePeriodSeconds *int64
	Status                     corev1.PodStatus
}

func loadScene(t testing.TB, name string) *scene {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "scenes", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{}
	if err := json.Unmarshal(data, s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func (s *scene) podEvents() []Event  { return coreEvents(s.Events) }
func (s *scene) nodeEvents() []Event { return coreEvents(s.NodeEvents) }

func coreEvents(list []corev1.Event) (out []Event) {
	for i := range list {
		out = append(out, CoreEvent(&list[i]))
	}
	return out
}

// surroundings are what a snapshot of the scene tells: its objects and Events, no readings, no kernel log.
func (s *scene) surroundings() Surroundings {
	out := Surroundings{
		Node: NodeOf(&s.Node, s.nodeEvents(), nil), PodEvents: s.podEvents(), NodeEvents: s.nodeEvents(),
		EventsSince: EventsSince(append(s.podEvents(), s.nodeEvents()...)),
	}
	for i := range s.Pods {
		deaths, _ := Deaths(&s.Pods[i], s.gone(&s.Pods[i]))
		out.Neighbours = append(out.Neighbours, deaths...)
	}
	return out
}

// gone reports whether the watch saw the pod go.
func (s *scene) gone(p *corev1.Pod) bool {
	for i := range s.Watch {
		if w := &s.Watch[i]; w.UID == string(p.UID) && w.Type == "DELETED" {
			return true
		}
	}
	return false
}

func sceneNames(t testing.TB) (names []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/scenes/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenes: %v", err)
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	return names
}
