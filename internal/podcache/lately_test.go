package podcache

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestLately: a change counts as late for a minute at least, and for three at most, whoever asks and however seldom.
func TestLately(t *testing.T) {
	for name, tc := range map[string]struct {
		others time.Duration // between changes of other nodes; 0 for none
		after  time.Duration
		want   bool
	}{
		"at once":                            {0, 0, true},
		"within a minute":                    {0, 59 * time.Second, true},
		"within a minute, others change":     {7 * time.Second, 59 * time.Second, true},
		"after two minutes":                  {0, 2 * time.Minute, false},
		"after three minutes, others change": {7 * time.Second, 3 * time.Minute, false},
		"after an hour":                      {0, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l lately
				time.Sleep(time.Hour)
				l.note("n1")
				for left := tc.after; left > 0; {
					step := left
					if tc.others > 0 {
						step = min(tc.others, left)
						l.note("other")
					}
					time.Sleep(step)
					left -= step
				}
				if l.has("n1") != tc.want || l.has("n2") {
					t.Errorf("n1: %t, want %t; n2: %t, want false", l.has("n1"), tc.want, l.has("n2"))
				}
			})
		})
	}
}

// TestLatelyWithoutTheFirstList: what the first list brings has not changed lately, as far as is known; what follows has.
func TestLatelyWithoutTheFirstList(t *testing.T) {
	s := newStore()
	pod := func(name, node string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{NodeName: node},
		}
	}
	if err := s.Replace([]any{pod("a", "n1"), pod("b", "n2")}, ""); err != nil {
		t.Fatal(err)
	}
	if s.lately.has("n1") || s.lately.has("n2") {
		t.Error("the first list counts as a change")
	}
	if err := s.Add(pod("c", "n2")); err != nil {
		t.Fatal(err)
	}
	if s.lately.has("n1") || !s.lately.has("n2") {
		t.Errorf("n1: %t, want false; n2: %t, want true", s.lately.has("n1"), s.lately.has("n2"))
	}
}
