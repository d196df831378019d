package podcache

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/facts"
)

// held says which pods are on which node, in order.
func held(s *store) map[string]string {
	got := map[string]string{}
	for node, pods := range s.nodes {
		var names []string
		for _, p := range pods {
			names = append(names, p.Name)
		}
		got[node] = strings.Join(names, " ")
	}
	return got
}

func TestStoreFollowsTheWatch(t *testing.T) {
	on := func(name, node string) *corev1.Pod { return buildPod(name, node).pod() }
	finished := buildPod("b", "n1").phase(corev1.PodSucceeded).pod()
	heartbeat := on("b", "n1")
	heartbeat.ResourceVersion, heartbeat.Status.PodIP = "99", "10.0.0.9"
	heartbeat.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastProbeTime: metav1.Now()}}
	heartbeat.Annotations = map[string]string{"seen": "now"}
	terminating := on("b", "n1")
	terminating.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	relabelled := on("b", "n1")
	relabelled.Labels["killorder.io/critical"] = "true"
	tests := map[string]struct {
		do       func(s *store) error
		want     map[string]string
		wantTold []string
	}{
		"pod added":                {func(s *store) error { return s.Add(on("a", "n1")) }, map[string]string{"n1": "a b c", "n2": "x"}, []string{"n1"}},
		"pod added on a new node":  {func(s *store) error { return s.Add(on("a", "n3")) }, map[string]string{"n1": "b c", "n2": "x", "n3": "a"}, []string{"n3"}},
		"unbound pod added":        {func(s *store) error { return s.Add(on("a", "")) }, map[string]string{"n1": "b c", "n2": "x"}, nil},
		"finished pod added":       {func(s *store) error { return s.Add(buildPod("a", "n1").phase(corev1.PodFailed).pod()) }, map[string]string{"n1": "b c", "n2": "x"}, nil},
		"heartbeat":                {func(s *store) error { return s.Update(heartbeat) }, map[string]string{"n1": "b c", "n2": "x"}, nil},
		"deletion begins":          {func(s *store) error { return s.Update(terminating) }, map[string]string{"n1": "b c", "n2": "x"}, []string{"n1"}},
		"new label":                {func(s *store) error { return s.Update(relabelled) }, map[string]string{"n1": "b c", "n2": "x"}, []string{"n1"}},
		"pod finished":             {func(s *store) error { return s.Update(finished) }, map[string]string{"n1": "c", "n2": "x"}, []string{"n1"}},
		"pod deleted":              {func(s *store) error { return s.Delete(on("x", "n2")) }, map[string]string{"n1": "b c"}, []string{"n2"}},
		"unknown pod deleted":      {func(s *store) error { return s.Delete(on("y", "n2")) }, map[string]string{"n1": "b c", "n2": "x"}, nil},
		"pod on another node":      {func(s *store) error { return s.Update(on("b", "n2")) }, map[string]string{"n1": "c", "n2": "b x"}, []string{"n1", "n2"}},
		"list, nothing new":        {func(s *store) error { return s.Replace([]any{on("c", "n1"), heartbeat, on("x", "n2")}, "") }, map[string]string{"n1": "b c", "n2": "x"}, nil},
		"list, one changed":        {func(s *store) error { return s.Replace([]any{on("x", "n2"), relabelled, on("c", "n1")}, "") }, map[string]string{"n1": "b c", "n2": "x"}, []string{"n1"}},
		"list, one gone, one came": {func(s *store) error { return s.Replace([]any{on("b", "n1"), on("c", "n1"), on("y", "n3")}, "") }, map[string]string{"n1": "b c", "n3": "y"}, []string{"n2", "n3"}},
		"list, one moved":          {func(s *store) error { return s.Replace([]any{on("b", "n2"), on("c", "n1"), on("x", "n2")}, "") }, map[string]string{"n1": "c", "n2": "b x"}, []string{"n1", "n2"}},
		"list, one told twice": {func(s *store) error {
			return s.Replace([]any{on("b", "n1"), on("b", "n1"), on("c", "n1"), on("x", "n2")}, "")
		}, map[string]string{"n1": "b c", "n2": "x"}, nil},
		"list, one finished":    {func(s *store) error { return s.Replace([]any{finished, on("c", "n1"), on("x", "n2")}, "") }, map[string]string{"n1": "c", "n2": "x"}, []string{"n1"}},
		"list, read pod by pod": {readList(finished, on("c", "n1"), on("w", "n2")), map[string]string{"n1": "c", "n2": "w"}, []string{"n1", "n2"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			if err := s.Replace([]any{on("c", "n1"), on("b", "n1"), on("x", "n2"), on("pending", "")}, "1"); err != nil {
				t.Fatal(err)
			}
			shared, told := slices.Clone(s.nodes["n1"]), []string(nil)
			readers := s.nodes["n1"]
			s.onChange(func(node string) { told = append(told, node) })
			if err := tc.do(s); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, held(s)); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantTold, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if !slices.Equal(shared, readers) {
				t.Error("a slice that readers hold has changed")
			}
			if len(s.pods) != count(s.nodes) {
				t.Errorf("%d pods by name, %d by node", len(s.pods), count(s.nodes))
			}
		})
	}
}

func count(nodes map[string][]*facts.Pod) (pods int) {
	for _, list := range nodes {
		pods += len(list)
	}
	return pods
}

func TestStoreRefusesWhatIsNoPod(t *testing.T) {
	s := newStore()
	for name, err := range map[string]error{
		"add": s.Add(&corev1.Node{}), "update": s.Update(&corev1.Node{}), "delete": s.Delete("x"), "replace": s.Replace([]any{&corev1.Node{}}, ""),
	} {
		if err == nil {
			t.Errorf("%s takes it", name)
		}
	}
}

// TestSharedStrings: equal strings of different pods are one, however they came, and so are equal labels; the pool forgets those of
// pods that are gone.
func TestSharedStrings(t *testing.T) {
	s := newStore()
	labelled := func(name string) *corev1.Pod {
		p := buildPod(name, "node").container("app", 1, 1).pod()
		p.Labels = map[string]string{"app": "web", "tier": "front"}
		return p
	}
	_ = s.Replace([]any{labelled("a")}, "")
	runtime.GC()
	runtime.GC() // unique has forgotten the first pod's strings
	_ = s.Add(labelled("b"))
	a, b := s.nodes["node"][0], s.nodes["node"][1]
	if &a.Labels[0] != &b.Labels[0] {
		t.Error("equal labels are held twice")
	}
	if unsafe.StringData(a.Node) != unsafe.StringData(b.Node) || unsafe.StringData(a.Containers[0].Name) != unsafe.StringData(b.Containers[0].Name) {
		t.Error("equal strings are held twice")
	}
	for i := range 5 * minPool {
		p := buildPod(fmt.Sprint("pod", i), "node").pod()
		p.Labels = map[string]string{"of": p.Name}
		_ = s.Add(p)
		_ = s.Delete(p)
	}
	if strings, labels := len(s.pool.strings), len(s.pool.labels); strings+labels > minPool {
		t.Errorf("the pool holds %d strings and %d lists of labels for %d pods", strings, labels, len(s.pods))
	}
}
