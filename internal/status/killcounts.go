package status

import (
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

const (
	day = 24 * time.Hour
	// keptHours and keptDays are the spans of the policy's kills and predictions, the present hour and day included.
	keptHours = 24
	keptDays  = 30
)

// KillCounts counts kills by hour and scores predictions by day. The zero value has counted nothing. It is the
// KillOrderPolicy's status.killHistory in memory, and is read back from there after a restart: the object that shows the
// sums is the one place that every new leader reads anyway, and 24 hours and 30 days of counts take 5 kB in it.
type KillCounts struct {
	hours map[time.Time]map[v1alpha1.KillCause]int32
	days  map[time.Time]v1alpha1.PredictionScore
}

// KillCountsOf returns the counts that a policy's status has, nothing for nil.
func KillCountsOf(h *v1alpha1.KillHistory) *KillCounts {
	c := &KillCounts{hours: map[time.Time]map[v1alpha1.KillCause]int32{}, days: map[time.Time]v1alpha1.PredictionScore{}}
	if h == nil {
		return c
	}
	for _, hour := range h.Hours {
		c.hours[hour.Start.UTC()] = maps.Clone(hour.Kills)
	}
	for _, d := range h.Days {
		c.days[d.Start.UTC()] = d.PredictionScore
	}
	return c
}

// Add counts a kill in the hour and day of its death. A node's clock may be ahead: a kill counts no later than when the
// operator saw the kill.
func (c *KillCounts) Add(k *v1alpha1.Kill) {
	at := k.Time.UTC()
	if seen := k.SeenAt.UTC(); seen.Before(at) {
		at = seen
	}
	hour := at.Truncate(time.Hour)
	if c.hours[hour] == nil {
		c.hours[hour] = map[v1alpha1.KillCause]int32{}
	}
	c.hours[hour][k.Cause]++
	if !Scored(k) {
		return
	}
	score := c.days[at.Truncate(day)]
	score.Scored++
	if k.Predicted.Rank == 1 {
		score.FirstVictim++
	}
	if k.Predicted.Rank > 0 {
		score.Listed++
	}
	c.days[at.Truncate(day)] = score
}

// Publish writes the counts and their sums into the policy's status, and forgets what is too old. until is the time up
// to which kills that were seen are counted.
func (c *KillCounts) Publish(s *v1alpha1.KillOrderPolicyStatus, until, now time.Time) {
	c.forget(now.UTC())
	s.Kills, s.Predictions = nil, nil
	s.KillHistory = &v1alpha1.KillHistory{Until: Stamp(until)}
	for _, hour := range sortedTimes(c.hours) {
		if s.Kills == nil {
			s.Kills = map[v1alpha1.KillCause]int32{}
		}
		for cause, n := range c.hours[hour] {
			s.Kills[cause] += n
		}
		s.KillHistory.Hours = append(s.KillHistory.Hours, v1alpha1.KillHour{Start: metav1.NewTime(hour), Kills: maps.Clone(c.hours[hour])})
	}
	for _, d := range sortedTimes(c.days) {
		score := c.days[d]
		if s.Predictions == nil {
			s.Predictions = &v1alpha1.PredictionScore{}
		}
		s.Predictions.Scored += score.Scored
		s.Predictions.FirstVictim += score.FirstVictim
		s.Predictions.Listed += score.Listed
		s.KillHistory.Days = append(s.KillHistory.Days, v1alpha1.PredictionDay{Start: metav1.NewTime(d), PredictionScore: score})
	}
}

// forget drops what is too old. Hours and days that seem to come are kept (the clock may have been set back), but never
// more of them than the API takes.
func (c *KillCounts) forget(now time.Time) {
	drop(c.hours, now.Truncate(time.Hour).Add(-keptHours*time.Hour), keptHours+1)
	drop(c.days, now.Truncate(day).Add(-keptDays*day), keptDays+1)
}

// drop deletes what began by the given time, and the oldest beyond the newest n.
func drop[V any](m map[time.Time]V, by time.Time, n int) {
	times := sortedTimes(m)
	for i, start := range times {
		if !start.After(by) || i < len(times)-n {
			delete(m, start)
		}
	}
}

func sortedTimes[V any](m map[time.Time]V) []time.Time {
	return slices.SortedFunc(maps.Keys(m), time.Time.Compare)
}
