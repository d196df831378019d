package cli

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
)

// takeCulprit takes the culprit that the operator has published: the operator has watched the node, and one reading knows no
// growth. It reports whether there was any order to take the culprit from; one whose pod is gone is none.
func takeCulprit(n *facts.Node, o *v1alpha1.NodeKillOrder) bool {
	if o == nil || o.Status.Usage == nil || o.Status.Usage.Source == v1alpha1.UsageSourceNone {
		return false
	}
	c := o.Status.CulpritRef
	if c == nil {
		n.Accused = &facts.Accused{}
		return true
	}
	if !slices.ContainsFunc(n.Pods, func(p facts.PodState) bool { return p.UID == string(c.UID) }) {
		return false
	}
	n.Accused = &facts.Accused{UID: string(c.UID), Grew: c.Reason == v1alpha1.CulpritGrowth, Bytes: c.Amount.Value()}
	return true
}

// takeGrowth compares the two readings that were had without waiting, where there are both: that of metrics.k8s.io, and that of
// the kubelet some seconds later. Such a short time can show that a pod grows. It cannot show that none does: without a pod
// that grows, growth stays unknown.
func takeGrowth(n *facts.Node, s *snapshot.Snapshot) (how string) {
	kubelet := s.Kubelets[n.Name]
	if kubelet == nil || s.Metrics == nil {
		return ""
	}
	between := extract.GrowthBetween(n, s.Metrics, kubelet)
	if c := engine.CulpritAmong(n, func(p *facts.PodState) bool { return p.GrowthKnown }); c.PodState == nil || !c.Grew {
		for i := range n.Pods {
			n.Pods[i].Growth, n.Pods[i].GrowthKnown = 0, false
		}
		return ""
	}
	return fmt.Sprintf("within %s, from the reading of metrics.k8s.io to that of the kubelet", between.Round(time.Second))
}

// history is the usage of pods that earlier readings of this command found, by UID. A nil history knows nothing.
type history map[string][]facts.Sample

// grow gives a node's pods the growth since the first reading kept, and remembers this one. It reports whether there was an
// earlier one.
func (h history) grow(n *facts.Node, now time.Time) (known bool) {
	if h == nil {
		return false
	}
	for i := range n.Pods {
		p := &n.Pods[i]
		if p.WorkingSet == facts.Unknown {
			continue
		}
		samples := append(h[p.UID], facts.Sample{At: now.Unix(), WorkingSet: p.WorkingSet})
		for samples[0].At < now.Add(-facts.UnavailableAfter).Unix() {
			samples = samples[1:]
		}
		h[p.UID] = samples
		if len(samples) > 1 {
			p.Growth, p.GrowthKnown, known = p.WorkingSet-samples[0].WorkingSet, true, true
		}
	}
	return known
}

// since is the time of the earliest reading kept.
func (h history) since() string {
	first := int64(math.MaxInt64)
	for _, samples := range h {
		first = min(first, samples[0].At)
	}
	return time.Unix(first, 0).UTC().Format(time.TimeOnly)
}

// takeForecast takes the forecast that the operator has published, for the same reason. It is none where its pod is gone, or is
// the next to die by the readings of now, and where it names a killer or a time that this plugin does not know.
func takeForecast(j *judged, o *v1alpha1.NodeKillOrder) {
	if o == nil || o.Status.Usage == nil || o.Status.Summary == nil || o.Status.Summary.Forecast == nil {
		return
	}
	f, next := o.Status.Summary.Forecast, j.order.Status.Summary.Next
	if next == nil || next.UID == f.UID || !slices.Contains(forecastBounds, f.In) || !slices.Contains(forecastKillers, f.Killer) {
		return
	}
	for i := range j.verdict.Node.Pods {
		if p := &j.verdict.Node.Pods[i]; p.UID == string(f.UID) {
			j.order.Status.Summary.Forecast = &v1alpha1.ForecastKill{
				Killer: f.Killer, Namespace: p.Namespace, Pod: p.Name, UID: f.UID, In: f.In,
			}
		}
	}
}

// What a forecast may say.
var (
	forecastBounds = []v1alpha1.TimeBound{
		v1alpha1.Within5Minutes, v1alpha1.Within15Minutes, v1alpha1.WithinAnHour, v1alpha1.Within6Hours,
	}
	forecastKillers = []v1alpha1.Killer{v1alpha1.KillerEviction, v1alpha1.KillerOOM, v1alpha1.KillerLimit}
)
