package status

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/packed"
)

func at(minutes int) metav1.Time {
	return Stamp(factstest.Now.Add(time.Duration(minutes) * time.Minute))
}

// killAt is a kill of a pod's container at that minute, seen in the same second.
func killAt(minutes int, pod string, edit ...func(*v1alpha1.Kill)) v1alpha1.Kill {
	k := v1alpha1.Kill{
		Time: at(minutes), SeenAt: at(minutes), Cause: v1alpha1.CausePodsOOM, Confidence: v1alpha1.ConfidenceMedium,
		Namespace: "shop", Pod: pod, UID: types.UID("uid-" + pod), Container: "app", ContainerID: "0123456789ab",
	}
	for _, e := range edit {
		e(&k)
	}
	return k
}

func names(kills []v1alpha1.Kill) (pods []string) {
	for i := range kills {
		pods = append(pods, kills[i].Pod)
	}
	return pods
}

func TestKillsAreTheNewest(t *testing.T) {
	restarted := killAt(5, "a", func(k *v1alpha1.Kill) { k.ContainerID = "ba9876543210" })
	tests := map[string]struct {
		published, found []v1alpha1.Kill
		withdrawn        []KillKey
		want             []string
	}{
		"none":                          {},
		"the first":                     {found: []v1alpha1.Kill{killAt(1, "a")}, want: []string{"a"}},
		"nothing new":                   {published: []v1alpha1.Kill{killAt(2, "b"), killAt(1, "a")}, want: []string{"b", "a"}},
		"found again":                   {published: []v1alpha1.Kill{killAt(1, "a")}, found: []v1alpha1.Kill{killAt(1, "a")}, want: []string{"a"}},
		"the same container once more":  {published: []v1alpha1.Kill{killAt(1, "a")}, found: []v1alpha1.Kill{restarted}, want: []string{"a", "a"}},
		"a fourth":                      {published: []v1alpha1.Kill{killAt(3, "c"), killAt(2, "b"), killAt(1, "a")}, found: []v1alpha1.Kill{killAt(4, "d")}, want: []string{"d", "c", "b"}},
		"found late, older than all":    {published: []v1alpha1.Kill{killAt(3, "c"), killAt(2, "b"), killAt(1, "a")}, found: []v1alpha1.Kill{killAt(0, "z")}, want: []string{"c", "b", "a"}},
		"one that was none":             {published: []v1alpha1.Kill{killAt(2, "b"), killAt(1, "a")}, withdrawn: []KillKey{{"uid-b", "app", "0123456789ab"}}, want: []string{"a"}},
		"several in one second, sorted": {found: []v1alpha1.Kill{killAt(1, "c"), killAt(1, "a"), killAt(1, "b")}, want: []string{"a", "b", "c"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, names(Kills(tc.published, tc.found, tc.withdrawn))); diff != "" {
				t.Errorf("kills (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAKillFoundAgainKeepsWhatWasKnown: an operator that restarts sees the container's last state again, with a better
// class perhaps, but neither when the kill was first seen nor what was published before it.
func TestAKillFoundAgainKeepsWhatWasKnown(t *testing.T) {
	published := killAt(1, "a", func(k *v1alpha1.Kill) {
		k.Cause, k.Confidence = v1alpha1.CauseUnknown, v1alpha1.ConfidenceLow
		k.Predicted, k.Culprit, k.WrongVictim = &v1alpha1.KillPrediction{Killer: v1alpha1.KillerOOM, Rank: 1}, "data/pipeline", true
	})
	again := killAt(1, "a", func(k *v1alpha1.Kill) { k.SeenAt = at(60) })
	want := published
	want.Cause, want.Confidence = again.Cause, again.Confidence
	if diff := cmp.Diff([]v1alpha1.Kill{want}, Kills([]v1alpha1.Kill{published}, []v1alpha1.Kill{again}, nil)); diff != "" {
		t.Errorf("kills (-want +got):\n%s", diff)
	}
}

func TestLastKill(t *testing.T) {
	bare := killAt(-3, "pipeline")
	owned := killAt(-200, "pipeline-x", func(k *v1alpha1.Kill) {
		k.Workload, k.Cause = &v1alpha1.WorkloadReference{Kind: "Deployment", Name: "pipeline"}, v1alpha1.CauseContainerLimit
	})
	tests := map[string]struct {
		kills []v1alpha1.Kill
		want  string
	}{
		"none":                         {},
		"a bare pod":                   {[]v1alpha1.Kill{bare, owned}, "3m PodsOOM shop/pipeline"},
		"a workload":                   {[]v1alpha1.Kill{owned}, "3h20m ContainerLimit shop/pipeline"},
		"a node's clock that is ahead": {[]v1alpha1.Kill{killAt(5, "p")}, "0s PodsOOM shop/p"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := lastKill(tc.kills, factstest.Now); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestPlanFollowsTheAgeOfTheLastKill: the age alone is no content, unless a reader would be misled by it.
func TestPlanFollowsTheAgeOfTheLastKill(t *testing.T) {
	written := func(minutes int) *v1alpha1.NodeKillOrderStatus {
		kills := []v1alpha1.Kill{killAt(0, "a")}
		now := factstest.Now.Add(time.Duration(minutes) * time.Minute)
		return &v1alpha1.NodeKillOrderStatus{
			LastChangedAt: new(Stamp(now)), Kills: kills, Summary: &v1alpha1.SummaryStatus{LastKill: lastKill(kills, now)},
		}
	}
	tests := map[string]struct {
		written, now int // minutes after the kill
		want         bool
	}{
		"a minute later":                        {written: 0, now: 1},
		"eleven minutes after the kill":         {written: 0, now: 11, want: true},
		"written at eleven, now twenty-five":    {written: 11, now: 25},
		"written after an hour, now after more": {written: 60, now: 80},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			now := factstest.Now.Add(time.Duration(tc.now) * time.Minute)
			if got := PlanWrite("n", written(tc.written), written(tc.now), false, at(tc.written).Time, now); got.Write != tc.want {
				t.Errorf("got %+v, want a write: %t", got, tc.want)
			}
		})
	}
}

func predicted() *v1alpha1.NodeKillOrderStatus {
	q := func(s string) *resource.Quantity { return new(resource.MustParse(s)) }
	return &v1alpha1.NodeKillOrderStatus{
		LastChangedAt: new(at(-1)), Usage: &v1alpha1.UsageStatus{ObservedAt: new(at(-2))},
		Memory:        &v1alpha1.MemoryStatus{Headroom: q("100Mi"), OOMHeadroom: q("40Mi")},
		EvictionOrder: []v1alpha1.EvictionVictim{{Namespace: "shop", Pod: "a", UID: "uid-a"}, {Namespace: "shop", Pod: "b", UID: "uid-b"}},
		OOMOrder:      []v1alpha1.OOMVictim{{Namespace: "shop", Pod: "b", Container: "app"}, {Namespace: "shop", Pod: "a", Container: "sidecar"}, {Namespace: "shop", Pod: "a", Container: "app"}},
		LimitOrder:    []v1alpha1.LimitVictim{{Namespace: "shop", Pod: "a", Container: "app", Usage: *q("900Mi"), Limit: *q("1Gi")}},
		CulpritRef:    &v1alpha1.CulpritReference{Namespace: "shop", Pod: "b", UID: "uid-b"},
	}
}

func TestCompareWithThePrediction(t *testing.T) {
	cause := func(c v1alpha1.KillCause) func(*v1alpha1.Kill) { return func(k *v1alpha1.Kill) { k.Cause = c } }
	whole := func(k *v1alpha1.Kill) { k.Container, k.ContainerID = "", "" }
	prediction := func(killer v1alpha1.Killer, rank int32, headroom string) *v1alpha1.KillPrediction {
		return &v1alpha1.KillPrediction{Killer: killer, Rank: rank, Headroom: new(resource.MustParse(headroom)), ObservedAt: new(at(-2))}
	}
	tests := map[string]struct {
		kill    v1alpha1.Kill
		change  func(*v1alpha1.NodeKillOrderStatus)
		want    *v1alpha1.KillPrediction
		culprit string
		scored  bool
	}{
		"evicted, the first":        {kill: killAt(0, "a", cause(v1alpha1.CauseEviction), whole), want: prediction(v1alpha1.KillerEviction, 1, "100Mi"), culprit: "shop/b", scored: true},
		"evicted, the culprit":      {kill: killAt(0, "b", cause(v1alpha1.CauseEviction), whole), want: prediction(v1alpha1.KillerEviction, 2, "100Mi"), scored: true},
		"evicted, not listed":       {kill: killAt(0, "z", cause(v1alpha1.CauseEviction), whole), want: prediction(v1alpha1.KillerEviction, 0, "100Mi"), culprit: "shop/b", scored: true},
		"evicted, no culprit known": {kill: killAt(0, "a", cause(v1alpha1.CauseEviction), whole), change: func(s *v1alpha1.NodeKillOrderStatus) { s.CulpritRef = nil }, want: prediction(v1alpha1.KillerEviction, 1, "100Mi"), scored: true},
		"evicted, culprit of a workload": {kill: killAt(0, "a", cause(v1alpha1.CauseEviction), whole), change: func(s *v1alpha1.NodeKillOrderStatus) {
			s.CulpritRef.Workload = &v1alpha1.WorkloadReference{Kind: "Job", Name: "load"}
		}, want: prediction(v1alpha1.KillerEviction, 1, "100Mi"), culprit: "shop/load", scored: true},
		"another pod of the name evicted": {kill: killAt(0, "a", cause(v1alpha1.CauseEviction), whole, func(k *v1alpha1.Kill) { k.UID = "other" }), want: prediction(v1alpha1.KillerEviction, 0, "100Mi"), culprit: "shop/b", scored: true},
		"OOM of all pods, third":          {kill: killAt(0, "a"), want: prediction(v1alpha1.KillerOOM, 3, "40Mi"), culprit: "shop/b", scored: true},
		"OOM of the node, its sidecar":    {kill: killAt(0, "a", cause(v1alpha1.CauseNodeOOM), func(k *v1alpha1.Kill) { k.Container = "sidecar" }), want: prediction(v1alpha1.KillerOOM, 2, "40Mi"), culprit: "shop/b", scored: true},
		"OOM, a guess":                    {kill: killAt(0, "a", func(k *v1alpha1.Kill) { k.Confidence = v1alpha1.ConfidenceLow }), want: prediction(v1alpha1.KillerOOM, 3, "40Mi"), culprit: "shop/b"},
		"own limit":                       {kill: killAt(0, "a", cause(v1alpha1.CauseContainerLimit)), want: prediction(v1alpha1.KillerLimit, 1, "124Mi")},
		"own limit, far from it":          {kill: killAt(0, "b", cause(v1alpha1.CauseContainerLimit)), want: &v1alpha1.KillPrediction{Killer: v1alpha1.KillerLimit, ObservedAt: new(at(-2))}},
		"pod's limit, container listed":   {kill: killAt(0, "a", cause(v1alpha1.CausePodLimit)), want: &v1alpha1.KillPrediction{Killer: v1alpha1.KillerLimit, ObservedAt: new(at(-2))}},
		"no order of this killer":         {kill: killAt(0, "a"), change: func(s *v1alpha1.NodeKillOrderStatus) { s.OOMOrder = nil }, culprit: "shop/b"},
		"foreign":                         {kill: killAt(0, "a", cause(v1alpha1.CauseForeign))},
		"published after the kill":        {kill: killAt(-2, "a")},
		"published in the same second":    {kill: killAt(-1, "a"), want: prediction(v1alpha1.KillerOOM, 3, "40Mi"), culprit: "shop/b", scored: true},
		"in the same second, not listed":  {kill: killAt(-1, "z")},
		"in the same second, own limit":   {kill: killAt(-1, "a", cause(v1alpha1.CauseContainerLimit)), want: prediction(v1alpha1.KillerLimit, 1, "124Mi")},
		"in the same second, knowing of another kill": {kill: killAt(-1, "a"), change: func(s *v1alpha1.NodeKillOrderStatus) {
			s.Kills = []v1alpha1.Kill{killAt(-1, "b")}
		}},
		"in the same second, knowing of an older kill": {kill: killAt(-1, "a"), change: func(s *v1alpha1.NodeKillOrderStatus) {
			s.Kills = []v1alpha1.Kill{killAt(-2, "b")}
		}, want: prediction(v1alpha1.KillerOOM, 3, "40Mi"), culprit: "shop/b", scored: true},
		"a node's clock that is ahead": {kill: killAt(5, "a", func(k *v1alpha1.Kill) { k.SeenAt = at(-2) })},
		"never published":              {kill: killAt(0, "a"), change: func(s *v1alpha1.NodeKillOrderStatus) { s.LastChangedAt = nil }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := predicted()
			if tc.change != nil {
				tc.change(s)
			}
			var known []*Prediction
			if p := predictionOf(t, s); p != nil {
				known = append(known, p)
			}
			k := tc.kill
			Compare(&k, Before(known, &k))
			if diff := cmp.Diff(tc.want, k.Predicted); diff != "" {
				t.Errorf("predicted (-want +got):\n%s", diff)
			}
			if k.Culprit != tc.culprit || k.WrongVictim != (tc.culprit != "") || Scored(&k) != tc.scored {
				t.Errorf("culprit %q, wrong victim %t, scored %t; want culprit %q, scored %t", k.Culprit, k.WrongVictim, Scored(&k), tc.culprit, tc.scored)
			}
		})
	}
}

func predictionOf(t *testing.T, s *v1alpha1.NodeKillOrderStatus) *Prediction {
	t.Helper()
	kept, err := packed.Pack(s)
	if err != nil {
		t.Fatal(err)
	}
	return PredictionOf(s, kept)
}

func TestTheNewestPredictionBeforeAKillCounts(t *testing.T) {
	published := func(minutes int) *Prediction {
		return predictionOf(t, &v1alpha1.NodeKillOrderStatus{LastChangedAt: new(at(minutes))})
	}
	k := killAt(-3, "a")
	if p := Before([]*Prediction{published(-10), published(-5), published(-1)}, &k); p == nil || !p.PublishedAt.Equal(at(-5).Time) {
		t.Errorf("got %v, want the one five minutes ago", p)
	}
	if p := Before(nil, &k); p != nil {
		t.Errorf("got %v, want none", p)
	}
}

func TestCompleteKills(t *testing.T) {
	tests := map[string]struct{ kill, want v1alpha1.Kill }{
		"of this version": {kill: killAt(1, "a"), want: killAt(1, "a")},
		"without a confidence and the time it was seen": {
			kill: killAt(1, "a", func(k *v1alpha1.Kill) { k.Confidence, k.SeenAt = "", metav1.Time{} }),
			want: killAt(1, "a", func(k *v1alpha1.Kill) { k.Confidence = v1alpha1.ConfidenceLow }),
		},
		"seen later than it died": {
			kill: killAt(1, "a", func(k *v1alpha1.Kill) { k.SeenAt = at(5) }),
			want: killAt(1, "a", func(k *v1alpha1.Kill) { k.SeenAt = at(5) }),
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := v1alpha1.NodeKillOrderStatus{Kills: []v1alpha1.Kill{tc.kill}}
			Complete(&s)
			if diff := cmp.Diff([]v1alpha1.Kill{tc.want}, s.Kills); diff != "" {
				t.Errorf("kills (-want +got):\n%s", diff)
			}
		})
	}
}

// A note with the longest names that Kubernetes allows still fits into an Event, and says first what matters.
func TestNotesFitIntoAnEvent(t *testing.T) {
	long := func(n int) string { return strings.Repeat("n", n) }
	kills := []v1alpha1.Kill{killAt(0, long(253), func(k *v1alpha1.Kill) {
		k.Namespace, k.WrongVictim, k.Culprit, k.Message = long(63), true, long(63)+"/"+long(253), strings.Repeat("ä", 160)
	})}
	for range 6 {
		kills = append(kills, killAt(0, long(253), func(k *v1alpha1.Kill) { k.Container = long(63) }))
	}
	order := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: long(253)}}
	note := KillEvent(order, kills, 1, "test").Note
	if len(note) > maxNote || !utf8.ValidString(note) || !strings.HasSuffix(note, "…") {
		t.Errorf("%d bytes: %q", len(note), note)
	}
	if !strings.HasPrefix(note, "The kernel killed because all pods together reached their limit on node ") {
		t.Errorf("the note begins with %q", note[:80])
	}
	for _, lead := range []string{"", "b", "bb"} { // the cut falls on each byte of a character
		if got := shortNote(lead + strings.Repeat("€", 400)); !utf8.ValidString(got) || len(got) > maxNote || len(got) < maxNote-3 {
			t.Errorf("cut to %d bytes, valid %t", len(got), utf8.ValidString(got))
		}
	}
	v := &engine.Verdict{Node: &facts.Node{}}
	order.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionWrongVictim, Status: metav1.ConditionTrue, LastTransitionTime: at(0), Message: long(2000),
	}}
	for _, e := range Events(order, v, "test", factstest.Now) {
		if len(e.Note) > maxNote {
			t.Errorf("%s: a note of %d bytes", e.Reason, len(e.Note))
		}
	}
}
