package forensics

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Judge returns the records of all deaths that one Pod object shows, oldest first, and how many more it shows beyond
// the bound. Deaths that turn out to be one (a pod that ended as a whole, and its containers) give one record.
func Judge(pod *corev1.Pod, gone bool, s Surroundings) (records []Record, omitted int) {
	deaths, omitted := Deaths(pod, gone)
	byKey := map[Key]int{}
	for i := range deaths {
		r := Classify(deaths[i], s)
		at, seen := byKey[r.Key]
		if !seen {
			byKey[r.Key] = len(records)
			records = append(records, r)
			continue
		}
		records[at] = merged(records[at], r)
	}
	slices.SortStableFunc(records, compareRecords)
	return records, omitted
}

// merged joins two judgements of one death, from two objects that show it: a kill goes before none, then the better
// one; of equals the later time, since the last container's end is the pod's.
func merged(a, b Record) Record {
	if a.Killed() != b.Killed() {
		if b.Killed() {
			return b
		}
		return a
	}
	if improves(&a, &b) || (!improves(&b, &a) && b.Time.After(a.Time)) {
		return b
	}
	return a
}

// compareRecords orders by time, then by name and key.
func compareRecords(a, b Record) int {
	return cmp.Or(
		a.Time.Compare(b.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod),
		cmp.Compare(a.UID, b.UID), cmp.Compare(a.Container, b.Container), cmp.Compare(a.ContainerID, b.ContainerID),
	)
}

// FromEvent makes a death of an Event that is all there is of it, for a pod whose object nobody saw: the kubelet's
// Evicted with the figures of an eviction, or a later kubelet's Event of one container's OOM kill. Its key then has no
// container ID. Node is that of the kubelet that wrote the Event.
func FromEvent(e Event) (d Death, ok bool) {
	if e.Kind != "Pod" || e.UID == "" || e.ours() {
		return Death{}, false
	}
	evicted := e.Reason == "Evicted" && (e.Starved != "" || e.says(lowOnResource))
	oom := e.Container != "" && e.oomEvent()
	if !evicted && !oom {
		return Death{}, false
	}
	v := &Victim{UID: e.UID, Namespace: e.Namespace, Name: e.Name, Node: e.Host, Grace: defaultGrace, Ran: true}
	d = Death{Key: Key{UID: e.UID}, Victim: v, Time: e.Last, Trace: e.Reason, Latest: true}
	if oom {
		d.Container, d.Trace = e.Container, "OOMKilled"
	}
	return d, true
}
