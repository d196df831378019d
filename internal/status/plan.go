package status

import (
	"hash/fnv"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

const (
	// minInterval between two writes of one object, unless what must be known at once changes.
	minInterval = 30 * time.Second
	// maxAge of an object's content: it is rewritten then, so that a reader can tell old from unchanged.
	maxAge = 30 * time.Minute
	// maxAgeJitter keeps objects that were made together from being rewritten together.
	maxAgeJitter = 5 * time.Minute
)

// Plan is whether to write a status.
type Plan struct {
	// Write now.
	Write bool
	// After: not now, but look again then; 0 where there is nothing to write.
	After time.Duration
	// Urgent: Ready, CriticalAtRisk or kills changed.
	Urgent bool
}

// PlanWrite decides whether next replaces current, which was written at lastWrite. Time stamps alone never do.
func PlanWrite(name string, current, next *v1alpha1.NodeKillOrderStatus, lastWrite, now time.Time) Plan {
	age := now.Sub(lastWrite)
	switch {
	case current == nil || current.Summary == nil:
		return Plan{Write: true}
	case sameContent(current, next):
		return Plan{Write: age >= maxAge-jitter(name)}
	case urgent(current, next):
		return Plan{Write: true, Urgent: true}
	case age < minInterval:
		return Plan{After: minInterval - age}
	}
	return Plan{Write: true}
}

func jitter(name string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(name))
	return time.Duration(h.Sum32()) * time.Second % maxAgeJitter
}

func sameContent(a, b *v1alpha1.NodeKillOrderStatus) bool {
	return equality.Semantic.DeepEqual(timeless(a), timeless(b))
}

// timeless is the status without the times that do not count as content.
func timeless(s *v1alpha1.NodeKillOrderStatus) *v1alpha1.NodeKillOrderStatus {
	t := *s
	t.LastChangedAt = nil
	if t.Usage != nil {
		u := *t.Usage
		u.ObservedAt = nil
		t.Usage = &u
	}
	t.Conditions = slices.Clone(t.Conditions)
	for i := range t.Conditions {
		t.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	return &t
}

func urgent(a, b *v1alpha1.NodeKillOrderStatus) bool {
	return conditionState(a, v1alpha1.ConditionReady) != conditionState(b, v1alpha1.ConditionReady) ||
		conditionState(a, v1alpha1.ConditionCriticalAtRisk) != conditionState(b, v1alpha1.ConditionCriticalAtRisk) ||
		!equality.Semantic.DeepEqual(a.Kills, b.Kills)
}

// conditionState is what of a condition must be known at once: of Ready the reason too, since stale and
// unavailable readings mean different orders.
func conditionState(s *v1alpha1.NodeKillOrderStatus, kind string) string {
	c := meta.FindStatusCondition(s.Conditions, kind)
	switch {
	case c == nil:
		return ""
	case kind == v1alpha1.ConditionReady:
		return string(c.Status) + "/" + c.Reason
	}
	return string(c.Status)
}
