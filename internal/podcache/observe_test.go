package podcache

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// words says what an observer saw: the Pod's UID and phase, "tombstone" without a Pod, "gone" for a deleted one, "knew"
// where the facts from before came with it.
func words(s Sighting) string {
	text := "tombstone"
	if s.Pod != nil {
		text = fmt.Sprintf("%s %s", s.Pod.UID, s.Pod.Status.Phase)
	}
	if s.Deleted {
		text += " gone"
	}
	if s.Before != nil {
		text += " knew " + s.Before.UID
	}
	return text
}

func TestObserverSeesEachStateOfAPod(t *testing.T) {
	running := buildPod("a", "n1").pod()
	failed := buildPod("a", "n1").phase(corev1.PodFailed).pod()
	failed.Status.Reason = "Evicted"
	successor := buildPod("a", "n1").uid("uid-a2").pod()
	tests := map[string]struct {
		do   func(s *store) error
		want []string
		// wantHeld pods in the cache afterwards.
		wantHeld int
	}{
		"a pod starts":                    {func(s *store) error { return s.Add(buildPod("b", "n1").pod()) }, []string{"uid-b Running"}, 2},
		"a heartbeat":                     {func(s *store) error { return s.Update(running) }, []string{"uid-a Running knew uid-a"}, 1},
		"a pod fails":                     {func(s *store) error { return s.Update(failed) }, []string{"uid-a Failed knew uid-a"}, 0},
		"a failed pod is changed again":   {each((*store).Update, failed, failed), []string{"uid-a Failed knew uid-a", "uid-a Failed"}, 0},
		"a running pod is deleted":        {func(s *store) error { return s.Delete(running) }, []string{"uid-a Running gone knew uid-a"}, 0},
		"a failed pod is deleted":         {func(s *store) error { _ = s.Update(failed); return s.Delete(failed) }, []string{"uid-a Failed knew uid-a", "uid-a Failed gone"}, 0},
		"a failed pod arrives as new":     {func(s *store) error { return s.Add(buildPod("b", "n1").phase(corev1.PodFailed).pod()) }, []string{"uid-b Failed"}, 1},
		"another pod takes the name":      {func(s *store) error { return s.Add(successor) }, []string{"uid-a2 Running"}, 1},
		"a list has the same":             {func(s *store) error { return s.Replace([]any{running}, "") }, []string{"uid-a Running knew uid-a"}, 1},
		"a list has it failed":            {func(s *store) error { return s.Replace([]any{failed}, "") }, []string{"uid-a Failed knew uid-a"}, 0},
		"a list no longer has it":         {func(s *store) error { return s.Replace(nil, "") }, []string{"tombstone gone knew uid-a"}, 0},
		"a list has another of the name":  {func(s *store) error { return s.Replace([]any{successor}, "") }, []string{"uid-a2 Running", "tombstone gone knew uid-a"}, 1},
		"a read list has the same":        {readList(running), []string{"uid-a Running knew uid-a"}, 1},
		"a read list has it failed":       {readList(failed), []string{"uid-a Failed knew uid-a"}, 0},
		"a read list no longer has it":    {readList(), []string{"tombstone gone knew uid-a"}, 0},
		"a read list has another, failed": {readList(buildPod("a", "n1").uid("uid-a2").phase(corev1.PodFailed).pod()), []string{"uid-a2 Failed", "tombstone gone knew uid-a"}, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			if err := s.Replace([]any{running}, "1"); err != nil {
				t.Fatal(err)
			}
			var got []string
			s.observer = func(seen Sighting) { got = append(got, words(seen)) }
			if err := tc.do(s); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("seen (-want +got):\n%s", diff)
			}
			if len(s.pods) != tc.wantHeld {
				t.Errorf("%d pods held, want %d", len(s.pods), tc.wantHeld)
			}
		})
	}
}

func each(f func(*store, any) error, pods ...*corev1.Pod) func(*store) error {
	return func(s *store) error {
		for _, p := range pods {
			if err := f(s, p); err != nil {
				return err
			}
		}
		return nil
	}
}

// readList hands Pods over as the reflector does: each is made into facts when the list is read, before all of them replace others.
func readList(pods ...*corev1.Pod) func(*store) error {
	return func(s *store) error {
		var items []any
		for _, p := range pods {
			items = append(items, listed{s.compactShared(p)})
		}
		return s.Replace(items, "")
	}
}

// TestObserverIsToldBeforeTheCacheChanges: the neighbours of a pod that ends can still be read, and the pod too.
func TestObserverIsToldBeforeTheCacheChanges(t *testing.T) {
	s := newStore()
	c := &Cache{store: s}
	_ = s.Replace([]any{buildPod("a", "n1").pod(), buildPod("b", "n1").pod()}, "1")
	var neighbours int
	c.Observe(func(Sighting) { neighbours = len(c.Node("n1")) }, nil)
	if err := s.Delete(buildPod("a", "n1").pod()); err != nil {
		t.Fatal(err)
	}
	if neighbours != 2 || len(c.Node("n1")) != 1 {
		t.Errorf("the observer saw %d pods, and there are %d afterwards; want 2 and 1", neighbours, len(c.Node("n1")))
	}
}
