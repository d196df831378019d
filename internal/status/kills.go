package status

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/killorder/killorder/api/v1alpha1"
)

// KillKey tells kills apart: one container of one pod dies once, and a pod that is killed as a whole has neither
// container nor containerID.
type KillKey struct {
	UID, Container, ContainerID string
}

// KeyOfKill returns the key of a kill.
func KeyOfKill(k *v1alpha1.Kill) KillKey {
	return KillKey{string(k.UID), k.Container, k.ContainerID}
}

// Kills are the newest MaxKills of published and found kills, newest first, without those that turned out to be none. A kill that is
// in both lists is shown as found, because the cause may be better known by now; it keeps the time at which it was first seen, and
// what was predicted.
func Kills(published, found []v1alpha1.Kill, withdrawn []KillKey) []v1alpha1.Kill {
	all := make([]v1alpha1.Kill, 0, len(published)+len(found))
	at := make(map[KillKey]int, len(published)+len(found))
	for i := range published {
		at[KeyOfKill(&published[i])] = len(all)
		all = append(all, published[i])
	}
	for i := range found {
		k := found[i]
		if j, ok := at[KeyOfKill(&k)]; ok {
			all[j] = improved(&all[j], &k)
			continue
		}
		at[KeyOfKill(&k)] = len(all)
		all = append(all, k)
	}
	all = slices.DeleteFunc(all, func(k v1alpha1.Kill) bool { return slices.Contains(withdrawn, KeyOfKill(&k)) })
	slices.SortFunc(all, compareKills)
	if len(all) == 0 {
		return nil
	}
	return all[:min(len(all), v1alpha1.MaxKills)]
}

// Complete fills in what a kill of an older version lacks and the schema requires now: what is carried from write to write
// would else make every write invalid. Nothing tells how sure the older version was.
func Complete(s *v1alpha1.NodeKillOrderStatus) {
	for i := range s.Kills {
		k := &s.Kills[i]
		if k.Confidence == "" {
			k.Confidence = v1alpha1.ConfidenceLow
		}
		if k.SeenAt.IsZero() {
			k.SeenAt = k.Time
		}
	}
}

func improved(was, is *v1alpha1.Kill) v1alpha1.Kill {
	k := *is
	k.SeenAt = was.SeenAt
	if was.Message == "" && k.Cause == was.Cause && k.Confidence == was.Confidence {
		k.Message = "" // the status had no room for the message, which should not come and go with a byte
	}
	if k.Predicted == nil && was.Predicted != nil {
		// Only the operator that found the kill first has seen the order from before the kill.
		k.Predicted, k.Culprit, k.WrongVictim = was.Predicted, was.Culprit, was.WrongVictim
	}
	return k
}

// compareKills puts the newest first, and kills of one second in an order that is always the same.
func compareKills(a, b v1alpha1.Kill) int {
	return cmp.Or(b.Time.Compare(a.Time.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod),
		cmp.Compare(a.UID, b.UID), cmp.Compare(a.Container, b.Container), cmp.Compare(a.ContainerID, b.ContainerID))
}

// lastKill is the newest kill for a column: age, cause, and the workload or bare pod.
func lastKill(kills []v1alpha1.Kill, now time.Time) string {
	if len(kills) == 0 {
		return ""
	}
	k := &kills[0]
	name := k.Pod
	if k.Workload != nil {
		name = k.Workload.Name
	}
	return duration.HumanDuration(max(now.Sub(k.Time.Time), 0)) + " " + string(k.Cause) + " " + k.Namespace + "/" + name
}

// withoutAge is a lastKill without its age, which is no content of its own.
func withoutAge(lastKill string) string {
	_, rest, _ := strings.Cut(lastKill, " ")
	return rest
}

// ageMisleads reports whether the age that s shows of its last kill is far from the kill's age by now: more than twice
// as old, and ten minutes. A reader of the column cannot tell when the age was written.
func ageMisleads(s *v1alpha1.NodeKillOrderStatus, now time.Time) bool {
	if len(s.Kills) == 0 || s.LastChangedAt == nil {
		return false
	}
	shown, age := s.LastChangedAt.Sub(s.Kills[0].Time.Time), now.Sub(s.Kills[0].Time.Time)
	return age > 2*shown+ageTolerance
}

// ageTolerance is how far from the truth the age of the last kill may be.
const ageTolerance = 10 * time.Minute
