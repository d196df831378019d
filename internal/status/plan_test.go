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
	now := factstest.Now
	for name, tc := range map[string]struct {
		current, next *v1alpha1.NodeKillOrderStatus
		age           time.Duration
		want          Plan
	}{
		"nothing published yet": {nil, base, 0, Plan{Write: true}},
		"an empty status":       {&v1alpha1.NodeKillOrderStatus{}, base, 0, Plan{Write: true}},
		"no change":             {base, base.DeepCopy(), time.Minute, Plan{}},
		"times alone are no change": {base, changed(func(s *v1alpha1.NodeKillOrderStatus) {
			later := metav1.NewTime(now.Add(time.Minute))
			s.LastChangedAt, s.Usage.ObservedAt = &later, &later
			s.Conditions[0].LastTransitionTime = later
		}), time.Minute, Plan{}},
		"a change long after the last write": {base, published(usages(400*miB, 200*miB), base), time.Minute, Plan{Write: true}},
		"a change right after the last write": {
			base, published(usages(400*miB, 200*miB), base), 10 * time.Second, Plan{After: 20 * time.Second},
		},
		"Ready changes": {
			base, setCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUsageStale), time.Second,
			Plan{Write: true, Urgent: true},
		},
		"CriticalAtRisk changes": {
			base, setCondition(v1alpha1.ConditionCriticalAtRisk, metav1.ConditionTrue, v1alpha1.ReasonCriticalPodNearFront), time.Second,
			Plan{Write: true, Urgent: true},
		},
		"WrongVictim changes": {
			base, setCondition(v1alpha1.ConditionWrongVictim, metav1.ConditionTrue, v1alpha1.ReasonVictimNotCulprit), time.Second,
			Plan{After: 29 * time.Second},
		},
		"a kill": {base, changed(func(s *v1alpha1.NodeKillOrderStatus) {
			s.Kills = []v1alpha1.Kill{{Pod: "a"}}
		}), time.Second, Plan{Write: true, Urgent: true}},
		"unchanged for half an hour": {base, base.DeepCopy(), 30 * time.Minute, Plan{Write: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := PlanWrite("worker-1", tc.current, tc.next, now.Add(-tc.age), now); got != tc.want {
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
