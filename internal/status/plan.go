package status

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
)

const (
	// minInterval is the least time between two writes of one object, unless the change is urgent.
	minInterval = 30 * time.Second
	// maxAge is the age at which an unchanged object is written again, so that a reader can tell old from unchanged.
	maxAge = 30 * time.Minute
	// maxAgeJitter spreads these writes: objects that were made together are not written again together.
	maxAgeJitter = 5 * time.Minute
)

// Plan says whether to write a status, now or later.
type Plan struct {
	// Write now.
	Write bool
	// After is how long to wait before looking again, where a change is not written now; 0 where nothing changed.
	After time.Duration
	// Urgent is set where the condition Ready or CriticalAtRisk, the critical pods near the front, or the list of kills changed, and
	// on a node at risk where another pod dies first.
	Urgent bool
}

// PlanWrite decides whether the status next is worth a write over current, which was written at lastWrite. A difference
// in time stamps alone never is. atRisk is the verdict's AtRisk: who dies first there is needed at once.
func PlanWrite(name string, current, next *v1alpha1.NodeKillOrderStatus, atRisk bool, lastWrite, now time.Time) Plan {
	age := ageOf(lastWrite, now)
	switch {
	case current == nil || current.Summary == nil:
		return Plan{Write: true}
	case sameContent(current, next):
		return Plan{Write: outdated(name, current, lastWrite, now)}
	case urgent(current, next), atRisk && !slices.Equal(firstToDie(current), firstToDie(next)):
		return Plan{Write: true, Urgent: true}
	case age < minInterval:
		return Plan{After: minInterval - age}
	}
	return Plan{Write: true}
}

// ageOf an object that was written at lastWrite. Where the clock was put back, or another leader's clock is ahead, the age is
// not known, and counts as the largest.
func ageOf(lastWrite, now time.Time) time.Duration {
	if now.Before(lastWrite) {
		return maxAge
	}
	return now.Sub(lastWrite)
}

// outdated reports whether an object of unchanged content is to be written again.
func outdated(name string, current *v1alpha1.NodeKillOrderStatus, lastWrite, now time.Time) bool {
	return ageOf(lastWrite, now) >= maxAge-jitter(name) || ageMisleads(current, now)
}

func jitter(name string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(name))
	return time.Duration(h.Sum32()) * time.Second % maxAgeJitter
}

func sameContent(a, b *v1alpha1.NodeKillOrderStatus) bool {
	return equality.Semantic.DeepEqual(timeless(a), timeless(b))
}

// timeless returns the status without the times that do not count as content.
func timeless(s *v1alpha1.NodeKillOrderStatus) *v1alpha1.NodeKillOrderStatus {
	t := *s
	t.LastChangedAt = nil
	if t.Usage != nil {
		u := *t.Usage
		u.ObservedAt = nil
		t.Usage = &u
	}
	if t.Summary != nil {
		sum := *t.Summary
		sum.LastKill = withoutAge(sum.LastKill)
		t.Summary = &sum
	}
	if t.Memory != nil && t.Memory.SoftCrossedAt != nil {
		m := *t.Memory
		m.SoftCrossedAt = &metav1.Time{} // whether the threshold is crossed counts, since when does not
		t.Memory = &m
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
		!maps.Equal(criticalInFront(a), criticalInFront(b)) ||
		!equality.Semantic.DeepEqual(a.Kills, b.Kills)
}

// frontPlace is a place near the front of a killer's order.
type frontPlace struct {
	uid    types.UID
	killer v1alpha1.Killer
}

// criticalInFront are the places that critical pods have near the front, and whether each is the first one. How much headroom there
// is does not count: Events tell of these pods with ample headroom, too.
func criticalInFront(s *v1alpha1.NodeKillOrderStatus) map[frontPlace]bool {
	first := map[frontPlace]bool{}
	for i := range s.AtRisk {
		if e := &s.AtRisk[i]; e.Until == nil {
			first[frontPlace{e.UID, e.Killer}] = e.Rank == 1
		}
	}
	return first
}

// firstToDie are whom each killer takes first, and whom the next kill and the forecast name; "" for nobody.
func firstToDie(s *v1alpha1.NodeKillOrderStatus) (victims []string) {
	victims = make([]string, 4)
	if len(s.EvictionOrder) > 0 {
		v := &s.EvictionOrder[0]
		victims[0] = v.Namespace + "/" + v.Pod
	}
	if len(s.OOMOrder) > 0 {
		v := &s.OOMOrder[0]
		victims[1] = v.Namespace + "/" + v.Pod + "/" + v.Container
	}
	if s.Summary != nil && s.Summary.Next != nil {
		victims[2] = string(s.Summary.Next.UID)
	}
	if s.Summary != nil && s.Summary.Forecast != nil {
		victims[3] = string(s.Summary.Forecast.UID)
	}
	return victims
}

// conditionState returns the part of a condition whose change is urgent: the status, and of Ready the reason too, because
// stale and unavailable readings lead to different orders.
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

// Awaits returns how long a new leader leaves an order alone that was published from fresh readings, while the leader has no
// readings of the node: it knows less than the order says. since is when this process judged the node first, and fresh the policy's
// maxAge, after which no reading of an earlier leader is fresh any more. 0 means not to wait. Kills and MemoryPressure need no
// readings: a change of them is published at once. So is an order that a running operator would have written again by now.
func Awaits(current, next *v1alpha1.NodeKillOrderStatus, fresh time.Duration, since, now time.Time) time.Duration {
	if current == nil || readyReason(current) != v1alpha1.ReasonUsageFresh || readyReason(next) != v1alpha1.ReasonUsageUnavailable ||
		!equality.Semantic.DeepEqual(current.Kills, next.Kills) || now.Before(since) {
		return 0
	}
	if conditionState(current, v1alpha1.ConditionMemoryPressure) != conditionState(next, v1alpha1.ConditionMemoryPressure) ||
		current.LastChangedAt != nil && now.Sub(current.LastChangedAt.Time) > maxAge {
		return 0
	}
	return max(since.Add(fresh).Sub(now), 0)
}

func readyReason(s *v1alpha1.NodeKillOrderStatus) string {
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}
