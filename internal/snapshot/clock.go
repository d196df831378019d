package snapshot

import (
	"slices"
	"time"
)

// ahead is how much later than the middle one a reading may be before its clock is held to be wrong.
const ahead = time.Hour

// setClock sets Now to the time of the newest reading, so that an old snapshot is judged as it was then; without
// any reading, to the present, since nothing depends on it.
// Readings far later than the others are left out: one wrong clock would make all others stale.
func (c *collector) setClock(s *Snapshot) {
	var times []time.Time
	s.eachReading(func(at time.Time, _ string) bool {
		times = append(times, at)
		return true
	})
	if len(times) == 0 {
		s.Now = time.Now()
		return
	}
	slices.SortFunc(times, time.Time.Compare)
	latest := times[(len(times)-1)/2].Add(ahead)
	var late []string
	s.eachReading(func(at time.Time, what string) bool {
		if at.After(latest) {
			late = append(late, what)
			return false
		}
		if at.After(s.Now) {
			s.Now = at
		}
		return true
	})
	slices.Sort(late)
	for _, what := range late {
		c.omitted.count(omittedFuture, what)
	}
}

// eachReading calls keep with each reading's time and name, in no order, and deletes those it does not keep.
func (s *Snapshot) eachReading(keep func(at time.Time, what string) bool) {
	s.Metrics.(*Readings).each(keep)
	for _, r := range s.Kubelets {
		r.each(keep)
	}
}

func (r *Readings) each(keep func(at time.Time, what string) bool) {
	for key, p := range r.Pods {
		if !keep(p.ObservedAt, key.String()) {
			delete(r.Pods, key)
		}
	}
	for name, n := range r.Nodes {
		if !keep(n.ObservedAt, "node "+name) {
			delete(r.Nodes, name)
		}
	}
}
