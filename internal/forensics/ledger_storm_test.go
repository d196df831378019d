package forensics

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// dying is pod i of a node, which was OOM-killed at a time; one in five has no limit.
func dying(i int, when time.Time) *corev1.Pod {
	p := numbered(i, 1, lastState("OOMKilled", 137))
	if i%5 != 0 {
		limited("1Gi")(p)
	}
	p.Status.ContainerStatuses[0].LastTerminationState.Terminated.FinishedAt.Time = when
	return p
}

// storm lets pods of one node die so far apart, with a SystemOOM in the midst of them, and returns what is known then.
func storm(l *Ledger, deaths int, apart time.Duration) []Record {
	l.SetNode(n1())
	told := map[Key]Record{}
	take := func(changes []Change) {
		for _, c := range changes {
			for i := range c.Was {
				delete(told, c.Was[i].Key)
			}
			told[c.Record.Key] = c.Record
		}
	}
	var now time.Time
	for i := range deaths {
		now = t0.Add(time.Duration(i) * apart)
		take(l.See(Sighting{Pod: dying(i, now.Truncate(time.Second)), Seen: now}))
		if i == deaths/2 {
			e := nodeEvent("SystemOOM", "System OOM encountered, victim process: x, pid: 1", 0)
			e.First, e.Last = now, now
			take(l.Hear(e, now))
		}
	}
	take(l.Settle(now.Add(spacing)))
	var records []Record
	for _, r := range told {
		records = append(records, r)
	}
	slices.SortFunc(records, compareRecords)
	return records
}

// What a storm leaves is the same, whether each death is judged anew with each trace or all of them once a second.
func TestStormIsJudgedAlike(t *testing.T) {
	const deaths = 64
	for _, apart := range []time.Duration{0, 30 * time.Millisecond, 700 * time.Millisecond} {
		t.Run(apart.String(), func(t *testing.T) {
			each := NewLedger(t0.Add(-time.Hour))
			each.spacing = 0
			want := storm(each, deaths, apart)
			if len(want) != deaths {
				t.Fatalf("%d records of %d deaths", len(want), deaths)
			}
			if diff := cmp.Diff(want, storm(NewLedger(t0.Add(-time.Hour)), deaths, apart)); diff != "" {
				t.Errorf("-each time +once a second:\n%s", diff)
			}
		})
	}
}

// A death costs about as much in a storm as alone. 60 ms apart, 128 deaths are judged anew 17 times a second without the
// spacing: 2,300 judgements a second in place of 145.
func TestStormCosts(t *testing.T) {
	l := NewLedger(t0.Add(-time.Hour))
	storm(l, 200, 60*time.Millisecond)
	i := 200
	perDeath := testing.AllocsPerRun(200, func() {
		now := t0.Add(time.Duration(i) * 60 * time.Millisecond)
		l.See(Sighting{Pod: dying(i, now.Truncate(time.Second)), Seen: now})
		i++
	})
	if perDeath > 1000 {
		t.Errorf("%.0f allocations a death, want at most 1,000", perDeath)
	}
}

// Facts of a node that become known late improve the judgements made without them; what becomes unknown spoils none.
func TestNodeBecomesKnown(t *testing.T) {
	l := NewLedger(t0.Add(-time.Hour))
	child := victimPod(lastState("OOMKilled", 1))
	before := l.See(Sighting{Pod: child, Seen: at(1).Time})
	after := l.SetNode(n1())
	if len(before) != 1 || len(after) != 1 || len(after[0].Was) != 1 {
		t.Fatalf("first %+v, then %+v; want one change each, the second of the first", before, after)
	}
	if a, b := before[0].Record.Confidence, after[0].Record.Confidence; a != Medium || b != High {
		t.Errorf("confidence %s, then %s; want Medium, then High: the node has cgroup v2", a, b)
	}
	for name, n := range map[string]Node{"the same again": n1(), "the Node is gone": {Name: n1().Name}} {
		if again := l.SetNode(n); len(again) != 0 {
			t.Errorf("%s: %+v", name, again)
		}
	}
	n := n1()
	n.Config = &facts.KubeletConfig{OOMKills: facts.OOMUnitContainer}
	l.SetNode(n)
	n.Config = nil // the kubelet does not answer
	l.SetNode(n)
	if c := l.nodes[n.Name].info.Config; c == nil || c.OOMKills != facts.OOMUnitContainer {
		t.Errorf("the kubelet's configuration is %+v; want what was known", c)
	}
}

// BenchmarkStorm is a thousand deaths a minute on one node, each of a pod of its own.
func BenchmarkStorm(b *testing.B) {
	l := NewLedger(t0.Add(-time.Hour))
	l.SetNode(n1())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := t0.Add(time.Duration(i) * 60 * time.Millisecond)
		l.See(Sighting{Pod: dying(i, now.Truncate(time.Second)), Seen: now})
	}
}
