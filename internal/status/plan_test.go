package status

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
)

func TestPlanWrite(t *testing.T) {
	base := published(usages(300*miB, 200*miB), nil)
	changed := func(change func(*v1alpha1.NodeKillOrderStatus)) *v1alpha1.NodeKillOrderStatus {
		s := base.DeepCopy()
		change(s)
		return s
	}
	setCondition := func(kind string, status metav1.ConditionStatus, reason string) *v1alpha1.NodeKillOrderStatus {
		return changed(func(s *v1alpha1.NodeKillOrderStatus) {
			meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason})
		})
	}
	entry := func(rank int32, until *metav1.Time) v1alpha1.AtRiskPod {
		return v1alpha1.AtRiskPod{UID: "a", Killer: v1alpha1.KillerEviction, Rank: rank, Until: until}
	}
	atRisk := func(entries ...v1alpha1.AtRiskPod) *v1alpha1.NodeKillOrderStatus {
		return changed(func(s *v1alpha1.NodeKillOrderStatus) { s.AtRisk = entries })
	}
	now := factstest.Now
	left := metav1.NewTime(now.Add(-time.Minute))
	for name, tc := range map[string]struct {
		current, next *v1alpha1.NodeKillOrderStatus
		age           time.Duration
		want          Plan
		atRisk        bool
	}{
		"nothing published yet": {nil, base, 0, Plan{Write: true}, false},
		"an empty status":       {&v1alpha1.NodeKillOrderStatus{}, base, 0, Plan{Write: true}, false},
		"no change":             {base, base.DeepCopy(), time.Minute, Plan{}, false},
		"times alone are no change": {base, changed(func(s *v1alpha1.NodeKillOrderStatus) {
			later := metav1.NewTime(now.Add(time.Minute))
			s.LastChangedAt, s.Usage.ObservedAt = &later, &later
			s.Conditions[0].LastTransitionTime = later
		}), time.Minute, Plan{}, false},
		"a change long after the last write": {base, published(usages(400*miB, 200*miB), base), time.Minute, Plan{Write: true}, false},
		"a change right after the last write": {
			base, published(usages(400*miB, 200*miB), base), 10 * time.Second, Plan{After: 20 * time.Second}, false,
		},
		"Ready changes": {
			current: base, age: time.Second, want: Plan{Write: true, Urgent: true},
			next: setCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUsageStale),
		},
		"CriticalAtRisk changes": {
			current: base, age: time.Second, want: Plan{Write: true, Urgent: true},
			next: setCondition(v1alpha1.ConditionCriticalAtRisk, metav1.ConditionTrue, v1alpha1.ReasonCriticalPodNearFront),
		},
		"WrongVictim changes": {
			current: base, age: time.Second, want: Plan{After: 29 * time.Second},
			next: setCondition(v1alpha1.ConditionWrongVictim, metav1.ConditionTrue, v1alpha1.ReasonVictimNotCulprit),
		},
		"a kill": {base, changed(func(s *v1alpha1.NodeKillOrderStatus) {
			s.Kills = []v1alpha1.Kill{{Pod: "a"}}
		}), time.Second, Plan{Write: true, Urgent: true}, false},
		"another pod is evicted first": {
			current: base, next: published(usages(200*miB, 300*miB), nil), age: time.Second, want: Plan{After: 29 * time.Second},
		},
		"another pod is evicted first, on a node at risk": {
			current: base, next: published(usages(200*miB, 300*miB), nil), age: time.Second, want: Plan{Write: true, Urgent: true}, atRisk: true,
		},
		"another pod is OOM-killed first, on a node at risk": {current: base, next: changed(func(s *v1alpha1.NodeKillOrderStatus) {
			s.OOMOrder[0], s.OOMOrder[1] = s.OOMOrder[1], s.OOMOrder[0]
		}), age: time.Second, want: Plan{Write: true, Urgent: true}, atRisk: true},
		"another forecast, on a node at risk": {current: base, next: changed(func(s *v1alpha1.NodeKillOrderStatus) {
			s.Summary.Forecast = &v1alpha1.ForecastKill{UID: "b"}
		}), age: time.Second, want: Plan{Write: true, Urgent: true}, atRisk: true},
		"other figures, on a node at risk": {
			current: base, next: published(usages(400*miB, 200*miB), base), age: time.Second, want: Plan{After: 29 * time.Second}, atRisk: true,
		},
		"a critical pod comes near the front, with ample headroom": {
			current: base, next: atRisk(entry(2, nil)), age: time.Second, want: Plan{Write: true, Urgent: true},
		},
		"a critical pod near the front comes first": {
			current: atRisk(entry(2, nil)), next: atRisk(entry(1, nil)), age: time.Second, want: Plan{Write: true, Urgent: true},
		},
		"a critical pod near the front is another number there": {
			current: atRisk(entry(3, nil)), next: atRisk(entry(2, nil)), age: time.Second, want: Plan{After: 29 * time.Second},
		},
		"a critical pod leaves the front": {
			current: atRisk(entry(2, nil)), next: atRisk(entry(2, &left)), age: time.Second, want: Plan{Write: true, Urgent: true},
		},
		"a critical pod left the front ten minutes ago": {
			current: atRisk(entry(2, &left)), next: base, age: time.Second, want: Plan{After: 29 * time.Second},
		},
		"unchanged for half an hour": {base, base.DeepCopy(), 30 * time.Minute, Plan{Write: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := PlanWrite("worker-1", tc.current, tc.next, tc.atRisk, now.Add(-tc.age), now); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestRefreshIsSpreadOut(t *testing.T) {
	seen := map[time.Duration]bool{}
	for _, name := range []string{"worker-1", "worker-2", "worker-3", "worker-4", "worker-5", "worker-6", "worker-7"} {
		j := jitter(name)
		if j < 0 || j >= maxAgeJitter {
			t.Errorf("jitter of %s is %s", name, j)
		}
		seen[j] = true
	}
	if len(seen) < 5 {
		t.Errorf("seven nodes share %d moments", len(seen))
	}
}

// A process that has no readings leaves an order of fresh ones alone until these are old.
func TestAwaits(t *testing.T) {
	ready := func(reason string, kills ...v1alpha1.Kill) *v1alpha1.NodeKillOrderStatus {
		return &v1alpha1.NodeKillOrderStatus{
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: reason}}, Kills: kills,
		}
	}
	fresh, stale, none := ready(v1alpha1.ReasonUsageFresh), ready(v1alpha1.ReasonUsageStale), ready(v1alpha1.ReasonUsageUnavailable)
	pressed := ready(v1alpha1.ReasonUsageUnavailable)
	pressed.Conditions = append(pressed.Conditions, metav1.Condition{Type: v1alpha1.ConditionMemoryPressure, Status: metav1.ConditionTrue})
	old := ready(v1alpha1.ReasonUsageFresh)
	old.LastChangedAt = &metav1.Time{Time: factstest.Now.Add(-time.Hour)}
	for name, tc := range map[string]struct {
		current, next *v1alpha1.NodeKillOrderStatus
		known, want   time.Duration
	}{
		"a new leader without readings":         {fresh, none, 0, 3 * time.Minute},
		"two minutes later":                     {fresh, none, 2 * time.Minute, time.Minute},
		"when all readings are old":             {fresh, none, 3 * time.Minute, 0},
		"a clock that was put back":             {fresh, none, -time.Minute, 0},
		"an order of stale readings":            {stale, none, 0, 0},
		"an order without readings":             {none, none, 0, 0},
		"no order":                              {nil, none, 0, 0},
		"a node under pressure":                 {fresh, pressed, 0, 0},
		"an order of an hour ago":               {old, none, 0, 0},
		"readings":                              {fresh, fresh, 0, 0},
		"stale readings, which say it is later": {fresh, stale, 0, 0},
		"a kill":                                {fresh, ready(v1alpha1.ReasonUsageUnavailable, v1alpha1.Kill{Pod: "a"}), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := Awaits(tc.current, tc.next, 3*time.Minute, factstest.Now, factstest.Now.Add(tc.known))
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}
