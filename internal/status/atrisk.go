package status

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/fair"
)

// keptAfter is how long an entry of status.atRisk stays after its pod left the front.
const keptAfter = 10 * time.Minute

// atRisk carries the entries of status.atRisk forward. A critical pod that comes to the front of an order opens an
// entry; the entry is closed when the pod leaves the front or the node. While there are no readings, an open entry stays
// open as long as the pod is on the node: that the pod is safe is not known. Events follow from the entries, which are
// published: a restart of the operator therefore repeats and forgets no Event.
func atRisk(v *engine.Verdict, prev []v1alpha1.AtRiskPod, now time.Time) []v1alpha1.AtRiskPod {
	type key struct {
		uid    types.UID
		killer v1alpha1.Killer
	}
	before := make(map[key]v1alpha1.AtRiskPod, len(prev))
	for _, e := range prev {
		before[key{e.UID, e.Killer}] = e
	}
	var entries []v1alpha1.AtRiskPod
	for _, r := range v.Outlook.Risks {
		e := v1alpha1.AtRiskPod{
			UID: types.UID(r.UID), Namespace: r.Namespace, Pod: r.Name, Killer: Killers[r.Killer], Rank: int32(r.Rank),
			Since: Stamp(now),
		}
		if was, ok := before[key{e.UID, e.Killer}]; ok && was.Until == nil {
			e.Since = was.Since
		}
		delete(before, key{e.UID, e.Killer})
		entries = append(entries, e)
	}
	for _, e := range before {
		if e.Until == nil && !(v.Freshness == engine.Unavailable && v.Node.PodOf(string(e.UID)) != nil) {
			e.Until = new(Stamp(now))
		}
		if e.Until == nil || now.Sub(e.Until.Time) < keptAfter {
			entries = append(entries, e)
		}
	}
	return bounded(entries)
}

// bounded keeps at most MaxAtRisk entries, sorted: open ones before closed ones, then by rank, then the latest closed
// first. Where there are more, namespaces share the places, so that a namespace whose pods come and go pushes out no
// entry of another.
func bounded(entries []v1alpha1.AtRiskPod) []v1alpha1.AtRiskPod {
	slices.SortFunc(entries, compareEntries)
	if len(entries) <= v1alpha1.MaxAtRisk {
		return entries
	}
	entries = fair.First(entries, v1alpha1.MaxAtRisk, closed, func(e *v1alpha1.AtRiskPod) string { return e.Namespace })
	entries = entries[:v1alpha1.MaxAtRisk]
	slices.SortFunc(entries, compareEntries)
	return entries
}

// closed is 0 for an open entry and 1 for a closed one: open entries go first.
func closed(e *v1alpha1.AtRiskPod) int {
	if e.Until == nil {
		return 0
	}
	return 1
}

func compareEntries(a, b v1alpha1.AtRiskPod) int {
	return cmp.Or(compareUntil(a.Until, b.Until), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Killer, b.Killer),
		cmp.Compare(a.UID, b.UID))
}

func compareUntil(a, b *metav1.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return b.Compare(a.Time)
}
