package forensics

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// What is judged does not depend on the order of Events and neighbours, nor on how often each is given.
func TestOrderAndDuplicatesDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, name := range sceneNames(t) {
		s := loadScene(t, name)
		want := s.judge(s.surroundings())
		for range 10 {
			if diff := cmp.Diff(want, s.judge(shuffled(rng, s.surroundings()))); diff != "" {
				t.Fatalf("%s (-given +shuffled):\n%s", name, diff)
			}
		}
	}
}

func shuffled(rng *rand.Rand, s Surroundings) Surroundings {
	s.PodEvents = shuffle(rng, s.PodEvents)
	s.NodeEvents = shuffle(rng, s.NodeEvents)
	s.Neighbours = shuffle(rng, s.Neighbours)
	return s
}

// shuffle returns the list in another order, some of the items twice.
func shuffle[T any](rng *rand.Rand, list []T) []T {
	out := slices.Clone(list)
	for _, x := range list {
		if rng.IntN(2) == 0 {
			out = append(out, x)
		}
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// The API server's clock may be minutes off the node's. Deletions have the one, deaths and kubelets' Events the other.
func TestClocksThatDiffer(t *testing.T) {
	for _, off := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		for _, name := range sceneNames(t) {
			s := loadScene(t, name)
			want := classes(s.judge(s.surroundings()))
			for i := range s.Pods {
				p := &s.Pods[i]
				p.CreationTimestamp.Time = p.CreationTimestamp.Add(off)
				if p.DeletionTimestamp != nil {
					p.DeletionTimestamp.Time = p.DeletionTimestamp.Add(off)
				}
			}
			if diff := cmp.Diff(want, classes(s.judge(s.surroundings()))); diff != "" {
				t.Errorf("%s, %s off (-want +got):\n%s", name, off, diff)
			}
		}
	}
}

// classes are the lines of records, sorted, since the order is by time.
func classes(records []Record) []string {
	out := lines(records)
	slices.Sort(out)
	return out
}

// Input is never changed.
func TestInputStays(t *testing.T) {
	for _, name := range sceneNames(t) {
		s := loadScene(t, name)
		around, pods := s.surroundings(), loadScene(t, name).Pods
		before := s.surroundings()
		s.judge(around)
		if !reflect.DeepEqual(around, before) || !reflect.DeepEqual(s.Pods, pods) {
			t.Errorf("%s: judging changed its input", name)
		}
	}
}

// sound are what holds for every record, whatever the input.
func sound(t *testing.T, r *Record) {
	t.Helper()
	switch {
	case (r.Cause == "") == (r.Reason == ""):
		t.Errorf("cause %q, reason %q", r.Cause, r.Reason)
	case r.Confidence < Low || r.Confidence > High:
		t.Errorf("confidence %d", r.Confidence)
	case r.Confidence == High && !slices.ContainsFunc(r.Evidence, func(e Evidence) bool { return !e.Against }):
		t.Errorf("High without evidence: %+v", r)
	case len([]rune(r.Message)) > maxMessage || r.Message == "":
		t.Errorf("message %q", r.Message)
	case len(r.Evidence) > maxEvidence:
		t.Errorf("%d pieces of evidence", len(r.Evidence))
	}
	texts := []string{r.Message, r.Namespace, r.Pod, r.Container, r.Trace, r.Node, r.Workload}
	for _, e := range r.Evidence {
		texts = append(texts, e.Text)
		if len([]rune(e.Text)) > maxText {
			t.Errorf("text of %d characters", len(e.Text))
		}
	}
	for _, text := range texts {
		if strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("control characters in %q", text)
		}
	}
}

// FuzzJudge reads a Pod and Events from JSON. Whatever they are: no panic, sound records, the same for Events in any
// order, and a Ledger that is shown the same twice tells each death once.
func FuzzJudge(f *testing.F) {
	for _, name := range sceneNames(f) {
		s := loadScene(f, name)
		for i := range s.Pods {
			pod, _ := json.Marshal(s.Pods[i])
			events, _ := json.Marshal(s.Events)
			nodeEvents, _ := json.Marshal(s.NodeEvents)
			f.Add(pod, events, nodeEvents, strings.Join(s.Kernel, "\n"), i%2 == 0)
		}
	}
	f.Add([]byte(`{"metadata":{"uid":"u"},"status":{"phase":"Failed","reason":"\u001b[31mEvicted","message":"low on resource: memory. Threshold quantity: 1e99, available: -1"}}`),
		[]byte(`[{"reason":"Evicted","involvedObject":{"kind":"Pod"},"message":"\u202e"}]`), []byte(`[{"reason":"SystemOOM"}]`), "oom-kill:constraint=CONSTRAINT_,", true)
	f.Fuzz(func(t *testing.T, podJSON, eventsJSON, nodeEventsJSON []byte, kernel string, gone bool) {
		if exponent.Match(podJSON) {
			return // the API machinery itself counts it out; no API server hands one over
		}
		pod := &corev1.Pod{}
		var events, nodeEvents []corev1.Event
		if json.Unmarshal(podJSON, pod) != nil || json.Unmarshal(eventsJSON, &events) != nil || json.Unmarshal(nodeEventsJSON, &nodeEvents) != nil {
			return
		}
		fuzzJudge(t, pod, gone, Surroundings{
			PodEvents: coreEvents(events), NodeEvents: coreEvents(nodeEvents), Kernel: ParseKernel(kernel), EventsSince: t0.Add(-time.Hour),
		})
	})
}

// exponent finds amounts like 1e9999, in whatever writing.
var exponent = regexp.MustCompile(`[":\s][-+0-9.]+[eE][-+]?\d{3,}|\\u00[0-9a-fA-F]{2}[-+0-9.eE]`)

func fuzzJudge(t *testing.T, pod *corev1.Pod, gone bool, around Surroundings) {
	t.Helper()
	deaths, _ := Deaths(pod, gone)
	around.Neighbours = deaths
	records, _ := Judge(pod, gone, around)
	for i := range records {
		sound(t, &records[i])
	}
	backwards := around
	backwards.PodEvents, backwards.NodeEvents = reversed(around.PodEvents), reversed(around.NodeEvents)
	again, _ := Judge(pod, gone, backwards)
	if diff := cmp.Diff(records, again); diff != "" {
		t.Errorf("another order of Events (-given +reversed):\n%s", diff)
	}
	l := NewLedger(t0)
	told := map[Key]bool{}
	for range 2 {
		for _, e := range append(slices.Clone(around.NodeEvents), around.PodEvents...) {
			l.Hear(e, t0)
		}
		for _, c := range l.See(Sighting{Pod: pod, Gone: gone, Seen: t0}) {
			sound(t, &c.Record)
			if told[c.Record.Key] {
				t.Errorf("%v was told twice by the same state", c.Record.Key)
			}
			told[c.Record.Key] = true
		}
	}
}

func reversed(events []Event) []Event {
	out := slices.Clone(events)
	slices.Reverse(out)
	return out
}

// FuzzKernel reads whatever a node's log or an Event may hold.
func FuzzKernel(f *testing.F) {
	for _, name := range sceneNames(f) {
		f.Add(strings.Join(loadScene(f, name).Kernel, "\n"))
	}
	f.Add(memcgKill)
	f.Fuzz(func(t *testing.T, text string) {
		kills := ParseKernel(text)
		if len(kills) > maxKernelKills {
			t.Errorf("%d kills", len(kills))
		}
		for i := range kills {
			if strings.ContainsFunc(kills[i].Process, unicode.IsControl) {
				t.Errorf("process %q", kills[i].Process)
			}
		}
	})
}
