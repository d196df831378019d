package forensics

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// newer reports whether a state comes after those seen. What has no version is taken as new.
func (b *podBook) newer(resourceVersion string, gone bool) bool {
	v, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return true
	}
	if v < b.version || (v == b.version && b.gone && !gone) {
		return false
	}
	b.version = v
	return true
}

// remember keeps what later states no longer show: when the deletion was asked for, and what ran then.
func (b *podBook) remember(pod *corev1.Pod) {
	if pod.DeletionTimestamp == nil {
		return
	}
	if g := pod.DeletionGracePeriodSeconds; g != nil && *g > 0 && b.grace == 0 {
		b.grace, b.deletionAt = *g, pod.DeletionTimestamp.Time
	}
	for s := range statuses(pod) {
		if s.State.Running != nil && len(b.terminating) < maxTerminating {
			set(&b.terminating, cut(s.ContainerID), true)
		}
	}
}

// suspicious reports whether a death may be a kill for memory, now or once more is known: an OOM kill, SIGKILL, or a
// pod that the kubelet ended. All others are judged by whoever asks about them, and no Ledger holds them.
func (d *Death) suspicious() bool {
	if d.Container != "" {
		return isOOM(d) || killedBySignal(d)
	}
	return d.Victim.StatusReason != "" || d.Victim.Disruption != nil
}

// knows reports whether a death of which an Event tells is known already, perhaps with its container ID.
func (b *podBook) knows(d *Death) bool {
	if b.entries[d.Key] != nil || b.told[d.Key] {
		return true
	}
	for k := range b.told {
		if k.Container == d.Container && d.Container != "" {
			return true // which one of them cannot be told any more
		}
	}
	return b.twin(d) != nil
}

// twin is the entry with a container ID of a death that only an Event told, without one.
func (b *podBook) twin(d *Death) *entry {
	if d.Container == "" || d.ContainerID != "" {
		return nil
	}
	for _, key := range sortedKeys(b.entries) {
		e := b.entries[key]
		if key.Container == d.Container && key.ContainerID != "" && within(e.death.Time, d.Time, 2*Together) {
			return e
		}
	}
	return nil
}

// update takes what a later state says of the same death, and keeps what it no longer says. It reports whether that
// may change the judgement.
func (d *Death) update(latest *Death) (changed bool) {
	old := *d
	*d = *latest
	d.Missed, d.Terminating = old.Missed, old.Terminating || latest.Terminating
	if isOOM(&old) && !isOOM(latest) {
		d.Trace, d.ExitCode = old.Trace, old.ExitCode
	}
	if latest.Time.IsZero() {
		d.Time = old.Time
	}
	return !reflect.DeepEqual(old, *d)
}

// missed corrects how many deaths of a container nobody saw, where earlier states are known: a status counts all of
// them (Missed counts those that one object does not show), and what was counted before was seen, or told as missed.
func (b *podBook) missed(fresh []*entry) {
	for _, e := range fresh {
		before := b.died[e.death.Container]
		if e.death.Missed == 0 || before == 0 {
			continue
		}
		e.death.Missed = max(0, e.death.Missed-before)
	}
}

func (b *podBook) count(pod *corev1.Pod) {
	for s := range statuses(pod) {
		if n := died(s); n > 0 && (b.died[s.Name] > 0 || len(b.died) < maxDeaths) {
			set(&b.died, cut(s.Name), max(n, b.died[s.Name]))
		}
	}
}

// forgetTold drops what the pod no longer shows of deaths judged for good.
func (b *podBook) forgetTold(shown []Death) {
	if len(b.told) <= 2*len(shown)+8 {
		return
	}
	keep := map[Key]bool{}
	for i := range shown {
		if k := shown[i].Key; b.told[k] {
			keep[k] = true
		}
	}
	b.told = keep
}

// keep adds an Event, or replaces the same one with an older count. It returns how many did not fit.
func keep(events *[]Event, e Event, most int) int {
	for i := range *events {
		o := &(*events)[i]
		if o.Reason == e.Reason && o.Container == e.Container && o.Message == e.Message && o.First.Equal(e.First) && o.Name == e.Name {
			if e.Last.After(o.Last) || e.Count > o.Count {
				*o = e
			}
			return 0
		}
	}
	*events = append(*events, e)
	if len(*events) <= most {
		return 0
	}
	slices.SortFunc(*events, compareEvents)
	*events = slices.Delete(*events, 0, 1)
	return 1
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func compareEntries(a, b *entry) int {
	return cmp.Or(a.seen.Compare(b.seen), a.death.Time.Compare(b.death.Time), cmp.Compare(a.death.UID, b.death.UID),
		cmp.Compare(a.death.Container, b.death.Container), cmp.Compare(a.death.ContainerID, b.death.ContainerID))
}
