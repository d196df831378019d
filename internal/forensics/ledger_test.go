package forensics

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// step is one thing that a watch brings: a state of a Pod, or an Event.
type step struct {
	at    time.Time
	state *Sighting
	event *Event
}

// steps are the scene's watch with its Events between, as they came.
func (s *scene) steps() (out []step) {
	for i := range s.Watch {
		if x := s.sighting(&s.Watch[i]); x != nil {
			out = append(out, step{at: x.Seen, state: x})
		}
	}
	for _, e := range append(s.podEvents(), s.nodeEvents()...) {
		out = append(out, step{at: e.Last.Add(time.Second), event: &e})
	}
	slices.SortStableFunc(out, func(a, b step) int { return a.at.Compare(b.at) })
	return out
}

// sighting puts a line of the watch together with the pod's spec, which the watch left out.
func (s *scene) sighting(w *watched) *Sighting {
	for i := range s.Pods {
		p := &s.Pods[i]
		if string(p.UID) != w.UID {
			continue
		}
		state := &corev1.Pod{ObjectMeta: *p.ObjectMeta.DeepCopy(), Spec: p.Spec, Status: w.Status}
		state.ResourceVersion, state.DeletionTimestamp, state.DeletionGracePeriodSeconds = w.ResourceVersion, nil, w.DeletionGracePeriodSeconds
		if w.DeletionTimestamp != nil {
			state.DeletionTimestamp = &metav1.Time{Time: *w.DeletionTimestamp}
		}
		return &Sighting{Pod: state, Gone: w.Type == "DELETED", Seen: w.Seen}
	}
	return nil
}

// replayed is what a replay told.
type replayed struct {
	ledger *Ledger
	// kills that stand at the end, by key; first counts how often each was told without a kill before it.
	kills map[Key]Record
	first map[Key]int
}

func (s *scene) replay(t testing.TB, steps []step) *replayed {
	t.Helper()
	r := &replayed{ledger: NewLedger(steps[0].at.Add(-time.Hour)), kills: map[Key]Record{}, first: map[Key]int{}}
	r.ledger.SetNode(NodeOf(&s.Node, nil, nil))
	for i := range steps {
		if x := &steps[i]; x.state != nil {
			r.take(r.ledger.See(*x.state))
		} else {
			r.take(r.ledger.Hear(*x.event, x.at))
		}
	}
	if diff := cmp.Diff(lines(r.standing()), lines(held(r.ledger))); diff != "" {
		t.Errorf("the changes told come to other kills than the ledger holds (-changes +ledger):\n%s", diff)
	}
	return r
}

// held are the kills that a ledger may still judge anew, oldest first.
func held(l *Ledger) (kills []Record) {
	for _, b := range l.books {
		for _, r := range b.records {
			if r.Killed() {
				kills = append(kills, r)
			}
		}
	}
	slices.SortFunc(kills, compareRecords)
	return kills
}

// take counts as a reader of Changes does.
func (r *replayed) take(changes []Change) {
	for _, c := range changes {
		before := false
		for _, was := range c.Was {
			before = before || was.Killed()
			delete(r.kills, was.Key)
		}
		if c.Record.Killed() {
			r.kills[c.Record.Key] = c.Record
			if !before {
				r.first[c.Record.Key]++
			}
		}
	}
}

func (r *replayed) standing() (out []Record) {
	for _, k := range r.kills {
		out = append(out, k)
	}
	slices.SortFunc(out, compareRecords)
	return out
}

// wantReplayed are the kills that the whole watch of a scene shows, among them deaths that later states overwrote.
var wantReplayed = map[string][]string{
	"01-own-limit": {
		"own-limit-never/main ContainerLimit Low", "own-limit/main ContainerLimit Low", // two pods in the same seconds
		"own-limit/main ContainerLimit Medium", "own-limit/main ContainerLimit Medium",
	},
	"02-child-process": {
		"child-term0/main ProcessOOM High", "child-term143/main ProcessOOM High", "child-deleted/main ProcessOOM Medium",
		"child-restarts/main ProcessOOM High", "child-exit0/main ProcessOOM High", "child-exit1/main ProcessOOM High",
		"child-probed/main ProcessOOM Medium",
	},
	"03-kubepods-limit": {
		"two/main PodsOOM Medium", "trigger/main PodsOOM Medium", "two/main PodsOOM Medium", "trigger/main PodsOOM Medium",
		"two/second PodsOOM Medium",
	},
	"03b-kubepods-limit-then-evicted": {"two Eviction High"},
	"03c-kubepods-limit-then-evicted": {"two Eviction High", "two/main PodsOOM Medium"},
	"04-node-out-of-memory":           {"bu-200/main NodeOOM Medium", "bu-200/main NodeOOM Medium"},
	"04b-node-out-of-memory-by-pod":   {"hog/main NodeOOM Medium"},
	"05-evicted-hard":                 {"be-100 Eviction High", "hog Eviction High"},
	"06-evicted-soft":                 {"hog-soft Eviction High"},
	"07-evicted-exits-0":              {"hog-exit0 Eviction High"},
	"14-pod-level-limit":              {"pod-limit/main PodLimit Medium", "pod-limit/grower PodLimit Medium"},
	"15-memory-emptydir": {
		"filler-of-cache/main ContainerLimit Medium", "filler-of-cache/main ContainerLimit Medium",
		"filler-of-cache/main ContainerLimit Medium",
	},
	"16-init-container": {
		"init-oom/setup ContainerLimit Low", "init-oom-never/setup ContainerLimit Low", "init-oom/setup ContainerLimit Medium",
		"sidecar-oom/sidecar ContainerLimit Low",
	},
	"18-swap":                   {"swaps/main ContainerLimit Medium", "swaps/main ContainerLimit Medium"},
	"19-foreign-kill":           {"sigkill/main Foreign Low", "sigkill-never/main Foreign Low", "cgroup-kill/main Foreign Medium", "cgroup-kill/second Foreign Medium"},
	"23-evicted-within-request": {"runs-be Eviction High", "runs-bu Eviction High"},
	"25-ephemeral-container":    {"debugged/debugger PodLimit Medium"},
}

func TestReplay(t *testing.T) {
	for _, name := range sceneNames(t) {
		s := loadScene(t, name)
		if len(s.Watch) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := s.replay(t, s.steps())
			if diff := cmp.Diff(wantReplayed[name], lines(r.standing())); diff != "" {
				t.Errorf("kills (-want +got):\n%s", diff)
			}
			r.onlyOnce(t)
		})
	}
}

// onlyOnce: no kill that stands was told twice as a new one.
func (r *replayed) onlyOnce(t *testing.T) {
	t.Helper()
	for key := range r.kills {
		if r.first[key] > 1 {
			t.Errorf("%v was told %d times as new", key, r.first[key])
		}
	}
}

// Watch sequences with every line twice, and with older lines again, tell the same.
func TestReplayWithDuplicates(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range sceneNames(t) {
		s := loadScene(t, name)
		if len(s.Watch) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var twice []step
			for i, x := range s.steps() {
				twice = append(twice, x, x)
				if i > 3 && rng.IntN(3) == 0 {
					twice = append(twice, twice[rng.IntN(len(twice))])
				}
			}
			r := s.replay(t, twice)
			if diff := cmp.Diff(wantReplayed[name], lines(r.standing())); diff != "" {
				t.Errorf("kills (-want +got):\n%s", diff)
			}
			r.onlyOnce(t)
		})
	}
}

// Events that come late, early or in another order change nothing in the end.
func TestReplayWithEventsInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, name := range sceneNames(t) {
		s := loadScene(t, name)
		if len(s.Watch) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for range 6 {
				r := s.replay(t, withEventsMoved(rng, s.steps()))
				if diff := cmp.Diff(wantReplayed[name], lines(r.standing())); diff != "" {
					t.Fatalf("kills (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func withEventsMoved(rng *rand.Rand, steps []step) (out []step) {
	var events []step
	for _, x := range steps {
		if x.event == nil {
			out = append(out, x)
		} else {
			events = append(events, x)
		}
	}
	for _, e := range events {
		i := rng.IntN(len(out) + 1)
		e.at = steps[0].at
		if i > 0 {
			e.at = out[i-1].at
		}
		out = slices.Insert(out, i, e)
	}
	return out
}

// A watch with gaps, or begun in the middle, tells no kill that the whole one does not, tells those that it can see
// with the same class, and says how many it did not see.
func TestReplayWithGaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, name := range sceneNames(t) {
		s := loadScene(t, name)
		if len(s.Watch) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			whole := s.replay(t, s.steps())
			for i := range 8 {
				r := s.replay(t, withGaps(rng, s.steps(), i%2 == 0))
				r.within(t, whole)
			}
		})
	}
}

// withGaps leaves out a third of the states, or all up to a point, but no pod's last one.
func withGaps(rng *rand.Rand, steps []step, middle bool) (out []step) {
	last := map[string]int{}
	for i, x := range steps {
		if x.state != nil {
			last[string(x.state.Pod.UID)] = i
		}
	}
	from := rng.IntN(len(steps))
	for i, x := range steps {
		left := (middle && i < from) || (!middle && rng.IntN(3) == 0)
		if x.state != nil && left && last[string(x.state.Pod.UID)] != i {
			continue
		}
		out = append(out, x)
	}
	return out
}

func (r *replayed) within(t *testing.T, whole *replayed) {
	t.Helper()
	type one struct{ uid, container string }
	count := map[one]int{}
	for key, k := range r.kills {
		w, ok := whole.kills[key]
		if !ok || w.Cause != k.Cause {
			t.Errorf("%s %v: the whole watch says %q", line(&k), key, w.Cause)
		}
		count[one{key.UID, key.Container}] += 1 + int(k.Missed)
	}
	wholeCount := map[one]int{}
	for key, k := range whole.kills {
		wholeCount[one{key.UID, key.Container}] += 1 + int(k.Missed)
	}
	if diff := cmp.Diff(wholeCount, count); diff != "" {
		t.Errorf("deaths seen and missed (-whole +gaps):\n%s", diff)
	}
}
