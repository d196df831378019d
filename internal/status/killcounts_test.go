package status

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
)

func ranked(rank int32) func(*v1alpha1.Kill) {
	return func(k *v1alpha1.Kill) { k.Predicted = &v1alpha1.KillPrediction{Killer: v1alpha1.KillerOOM, Rank: rank} }
}

// restart writes the counts as the API server would keep them, and reads them back.
func restart(t *testing.T, c *KillCounts, now time.Time) *KillCounts {
	t.Helper()
	s := &v1alpha1.KillOrderPolicyStatus{}
	c.Publish(s, now, now)
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back := &v1alpha1.KillOrderPolicyStatus{}
	if err := json.Unmarshal(raw, back); err != nil {
		t.Fatal(err)
	}
	return KillCountsOf(back.KillHistory)
}

func TestKillCounts(t *testing.T) {
	const anHour, aDay = 60, 24 * 60
	tests := map[string]struct {
		kills           []v1alpha1.Kill
		wantKills       map[v1alpha1.KillCause]int32
		wantPredictions *v1alpha1.PredictionScore
	}{
		"none":                         {},
		"one, the first victim":        {[]v1alpha1.Kill{killAt(-5, "a", ranked(1))}, map[v1alpha1.KillCause]int32{v1alpha1.CausePodsOOM: 1}, &v1alpha1.PredictionScore{Scored: 1, FirstVictim: 1, Listed: 1}},
		"one listed, one not":          {[]v1alpha1.Kill{killAt(-5, "a", ranked(4)), killAt(-6, "b", ranked(0))}, map[v1alpha1.KillCause]int32{v1alpha1.CausePodsOOM: 2}, &v1alpha1.PredictionScore{Scored: 2, Listed: 1}},
		"nothing published before":     {[]v1alpha1.Kill{killAt(-5, "a")}, map[v1alpha1.KillCause]int32{v1alpha1.CausePodsOOM: 1}, nil},
		"two days ago":                 {[]v1alpha1.Kill{killAt(-2*aDay, "a", ranked(1))}, nil, &v1alpha1.PredictionScore{Scored: 1, FirstVictim: 1, Listed: 1}},
		"a month ago":                  {[]v1alpha1.Kill{killAt(-31*aDay, "a", ranked(1))}, nil, nil},
		"23 hours ago":                 {[]v1alpha1.Kill{killAt(-23*anHour, "a")}, map[v1alpha1.KillCause]int32{v1alpha1.CausePodsOOM: 1}, nil},
		"a node's clock an hour ahead": {[]v1alpha1.Kill{killAt(anHour, "a", func(k *v1alpha1.Kill) { k.SeenAt = at(-1) })}, map[v1alpha1.KillCause]int32{v1alpha1.CausePodsOOM: 1}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			counts := KillCountsOf(nil)
			for i := range tc.kills {
				counts.Add(&tc.kills[i])
				counts = restart(t, counts, factstest.Now)
			}
			s := &v1alpha1.KillOrderPolicyStatus{}
			counts.Publish(s, factstest.Now, factstest.Now)
			if diff := cmp.Diff(tc.wantKills, s.Kills); diff != "" {
				t.Errorf("kills (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantPredictions, s.Predictions); diff != "" {
				t.Errorf("predictions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKillHistoryIsBounded: kills over three months, with a clock that jumps both ways, never exceed what the schema
// takes, and the sums are those of the lists.
func TestKillHistoryIsBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	counts := KillCountsOf(nil)
	for minute := 0; minute < 90*24*60; minute += 60 {
		jump := random.IntN(3*60) - 90
		k := killAt(minute+jump, "a", ranked(int32(random.IntN(3))))
		counts.Add(&k)
		s := &v1alpha1.KillOrderPolicyStatus{}
		counts.Publish(s, at(minute).Time, at(minute+jump).Time)
		if h := s.KillHistory; len(h.Hours) > 25 || len(h.Days) > 31 {
			t.Fatalf("%d hours and %d days at minute %d", len(h.Hours), len(h.Days), minute)
		}
		var kills, scored int32
		for _, h := range s.KillHistory.Hours {
			kills += h.Kills[v1alpha1.CausePodsOOM]
		}
		for _, d := range s.KillHistory.Days {
			scored += d.Scored
		}
		if kills != s.Kills[v1alpha1.CausePodsOOM] || scored != s.Predictions.Scored {
			t.Fatalf("sums %v and %v, lists %d and %d", s.Kills, s.Predictions, kills, scored)
		}
	}
}
