// Package forecast estimates from a node's last readings when it crosses its eviction threshold, and when those of
// its containers and pods that are nearest to a memory limit of their own reach it, if memory goes on growing as
// it does. Where that is not meaningful there is no estimate.
package forecast

import (
	"slices"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

const (
	// Horizon is the longest time that is estimated: the readings of ten minutes say nothing about tomorrow. It is
	// beyond the longest time that an order shows, so that a time shown need not go as soon as it is exceeded.
	Horizon = 8 * time.Hour
	// maxLimits bounds the limits watched on a node: twice those that an order shows, which may lag behind.
	maxLimits = 10
	// watchFrom is the percentage of a limit in use from which it is watched: most containers never come near.
	watchFrom = 50
	// minNoise in bytes: what the working set of a node, or of its pods, varies by while nothing grows.
	minNoise = 64 << 20
)

// History is the last readings of a node, a kilobyte or two at most. It may be lost: then forecasts begin again
// after some minutes. The zero value has none.
type History struct {
	node, pods series
	limits     []watched
}

// watched is a limit and the readings of what is under it.
type watched struct {
	// uid of the pod, container's name, "" for the pod's own limit.
	uid, container string
	// started tells a container from the one before a restart, in Unix nanoseconds.
	started int64
	series  series
}

// Predict adds the readings behind a verdict to those remembered, and estimates the verdict's times from them.
// The verdict's readings have to be exact, not those last published.
func Predict(v *engine.Verdict, m *History, now time.Time) {
	if v.Freshness != engine.Fresh {
		return
	}
	read := v.Node.Usage.MeasuredAt // the pods' are measured with it, but for a few seconds
	if read.IsZero() {
		read = v.Node.Usage.ObservedAt
	}
	t := times{read: seconds(read), now: seconds(now)}
	node, pods := v.Memory.Signals(v.Node)
	nodeUsed, podsUsed := v.Memory.Used(v.Node)
	v.Memory.TimeToThreshold = sooner(m.node.toThreshold(t, nodeUsed, node, v.Node), m.pods.toThreshold(t, podsUsed, pods, v.Node))
	v.Forecast = m.first(v, now.Sub(read))
	near := watchable(v.Limits)
	m.forgetAllBut(near)
	for i := range near {
		l := &near[i]
		l.TimeToLimit = m.watch(l).estimate(t, l.Usage, l.Limit, facts.Band(l.Limit))
	}
}

// toThreshold is the time until the signal's threshold; 0 where nobody is evicted. The reading of used bytes is remembered also
// then: the kernel kills whom the kubelet does not evict.
func (s *series) toThreshold(t times, used int64, signal engine.Signal, n *facts.Node) time.Duration {
	switch {
	case used == facts.Unknown:
		*s = series{}
		return 0
	case signal.Limit == 0:
		s.add(t, used)
		s.due, s.doubts, s.reached = 0, 0, false
		return 0
	}
	return s.estimate(t, signal.Used, signal.Limit-signal.Threshold, max(minNoise, n.Capacity/100))
}

// sooner of two times, each 0 if there is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// watchable are the first of an order of limits, as far as they are worth it.
func watchable(order []engine.AtLimit) []engine.AtLimit {
	n := 0
	for n < min(len(order), maxLimits) && order[n].Percent() >= watchFrom {
		n++
	}
	return order[:n]
}

// forgetAllBut the limits given: the others' pods are gone, restarted, or no longer near.
func (m *History) forgetAllBut(near []engine.AtLimit) {
	m.limits = slices.DeleteFunc(m.limits, func(w watched) bool {
		return !slices.ContainsFunc(near, func(l engine.AtLimit) bool { return w.isOf(&l) })
	})
}

// watch returns the readings under a limit, none if it is new.
func (m *History) watch(l *engine.AtLimit) *series {
	for i := range m.limits {
		if m.limits[i].isOf(l) {
			return &m.limits[i].series
		}
	}
	m.limits = append(m.limits, watched{uid: l.UID, container: l.ContainerName(), started: started(l)})
	return &m.limits[len(m.limits)-1].series
}

func (w *watched) isOf(l *engine.AtLimit) bool {
	return w.uid == l.UID && w.container == l.ContainerName() && w.started == started(l)
}

// started is when what is under the limit began to use memory as it does: the last start in the pod, if it is the
// pod's.
func started(l *engine.AtLimit) (last int64) {
	if l.Container != engine.PodLevel {
		return l.Containers[l.Container].Started
	}
	for i := range l.Containers {
		last = max(last, l.Containers[i].Started)
	}
	return last
}
