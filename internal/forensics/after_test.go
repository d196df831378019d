package forensics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// taken is a kill of shop's workload so many minutes after t0.
func taken(cause Cause, pod, node, container string, minute int, edit ...func(*Record)) Record {
	r := Record{
		Key:       Key{UID: "u-" + pod, Container: container, ContainerID: container + at(60*minute).String()},
		Namespace: "shop", Pod: pod, Node: node, Workload: "Deployment/app", Cause: cause, Confidence: High,
		Time: at(60 * minute).Time,
	}
	if cause == CauseContainerLimit || cause == CausePodLimit {
		r.Limit = 64 << 20
	}
	for _, e := range edit {
		e(&r)
	}
	return r
}

func bare(r *Record)  { r.Workload = "" }
func cache(r *Record) { r.Tmpfs = []string{"cache"} }

func TestRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		kills []Record
		want  []RepeatedKill
	}{
		"twice in one pod": {
			kills: []Record{taken(CauseContainerLimit, "a", "n1", "main", 0, bare), taken(CauseContainerLimit, "a", "n1", "main", 2, bare)},
			want: []RepeatedKill{{
				Namespace: "shop", Pod: "a", Container: "main", Cause: CauseContainerLimit, Times: 2, Limit: 64 << 20,
			}},
		},
		"once in each of two pods of a workload, with files in memory": {
			kills: []Record{taken(CauseContainerLimit, "b", "n2", "main", 5, cache), taken(CauseContainerLimit, "a", "n1", "main", 1)},
			want: []RepeatedKill{{
				Namespace: "shop", Workload: "Deployment/app", Pod: "b", Container: "main", Cause: CauseContainerLimit, Times: 2,
				Limit: 64 << 20, Tmpfs: []string{"cache"},
			}},
		},
		"the same kill told twice": {
			kills: []Record{taken(CauseContainerLimit, "a", "n1", "main", 0), taken(CauseContainerLimit, "a", "n1", "main", 0)},
		},
		"other killers": {kills: []Record{taken(CausePodsOOM, "a", "n1", "main", 0), taken(CauseNodeOOM, "a", "n1", "main", 1)}},
		"two containers at their pod's limit": {
			kills: []Record{taken(CausePodLimit, "a", "n1", "main", 0, bare), taken(CausePodLimit, "a", "n1", "second", 2, bare)},
			want: []RepeatedKill{{
				Namespace: "shop", Pod: "a", Cause: CausePodLimit, Times: 2, Limit: 64 << 20,
			}},
		},
		"the newest from before a restart, without a limit": {
			kills: []Record{
				taken(CauseContainerLimit, "a", "n1", "main", 0, bare),
				taken(CauseContainerLimit, "a", "n1", "main", 2, bare, func(r *Record) { r.Limit = 0 }),
			},
			want: []RepeatedKill{{
				Namespace: "shop", Pod: "a", Container: "main", Cause: CauseContainerLimit, Times: 2, Limit: 64 << 20,
			}},
		},
		"two containers, once": {kills: []Record{taken(CauseContainerLimit, "a", "n1", "main", 0), taken(CauseContainerLimit, "a", "n1", "second", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Repeated(c.kills)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTakenEverywhere(t *testing.T) {
	kills := []Record{
		taken(CauseEviction, "a", "n2", "", 0), taken(CauseEviction, "b", "n1", "", 3), taken(CauseEviction, "c", "n1", "", 4),
		taken(CauseNodeOOM, "d", "n1", "main", 5), // another killer, on one node
		taken(CauseEviction, "e", "n3", "", 6, bare),
		{Key: Key{UID: "x"}, Namespace: "shop", Workload: "Deployment/app", Node: "n9", Reason: ReasonDrained},
	}
	want := []SameKiller{{
		Namespace: "shop", Workload: "Deployment/app", Cause: CauseEviction, Nodes: []string{"n1", "n2"}, Kills: 3,
	}}
	if diff := cmp.Diff(want, TakenEverywhere(kills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFixesThatKilled(t *testing.T) {
	kills := []Record{
		taken(CauseContainerLimit, "a", "n1", "main", 10), taken(CauseContainerLimit, "a", "n1", "main", 12),
		taken(CausePodLimit, "a", "n1", "second", 14), taken(CausePodsOOM, "a", "n1", "main", 16),
	}
	own := AdvisedLimit{Namespace: "shop", Workload: "Deployment/app", Container: "main", Limit: 64 << 20, Since: at(300).Time}
	other, later, pods := own, own, own
	other.Limit = 128 << 20
	later.Since = at(3600).Time
	pods.Container, pods.Since = "", at(301).Time
	want := []FixThatKilled{{AdvisedLimit: own, Kill: kills[0], Kills: 2}, {AdvisedLimit: pods, Kill: kills[2], Kills: 1}}
	if diff := cmp.Diff(want, FixesThatKilled(kills, []AdvisedLimit{pods, other, later, own})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestImproves(t *testing.T) {
	guess := Record{Trace: "Error", Confidence: Low}
	oom := Record{Trace: "OOMKilled", Confidence: Low}
	sure := Record{Trace: "OOMKilled", Confidence: High}
	told := sure
	told.Evidence = []Evidence{{Source: SourceKernel}}
	for name, c := range map[string]struct {
		old, latest Record
		want        bool
	}{
		"Error became OOMKilled":               {guess, oom, true},
		"OOMKilled stays, whatever comes":      {oom, guess, false},
		"more confidence":                      {oom, sure, true},
		"less confidence, the Events are gone": {sure, oom, false},
		"more evidence for the same":           {sure, told, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := improves(&c.old, &c.latest); got != c.want {
				t.Errorf("improves: %t, want %t", got, c.want)
			}
		})
	}
}
