package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// read is a pod of one container with a limit, that working set and resident memory.
func read(name string, limit, workingSet, rss int64) *factstest.PodBuilder {
	return limited(name, limit/2, limit, workingSet).Reading(facts.ContainerUsage{WorkingSet: workingSet, RSS: rss, Swap: facts.Unknown})
}

func tmpfs(b *factstest.PodBuilder, bytes int64) *factstest.PodBuilder {
	return b.Edit(func(p *facts.Pod) { p.Containers[0].Tmpfs = bytes })
}

// TestRulesOfWhatAPodHolds: page cache, memory-backed files, amounts written wrong.
func TestRulesOfWhatAPodHolds(t *testing.T) {
	odd := func(b *factstest.PodBuilder) *factstest.PodBuilder {
		return b.Edit(func(p *facts.Pod) {
			p.Rare = &facts.Rare{Odd: []facts.OddQuantity{{Container: "app", Field: "requests.memory", Value: "512m", Meant: "512Mi"}}}
		})
	}
	for name, tc := range map[string]struct {
		pod  *factstest.PodBuilder
		want []string
	}{
		"near its limit, all of it resident":    {read("a", giB, 900*miB, 900*miB), []string{"NearMemoryLimit a app", "UsageAboveRequest a"}},
		"near its limit, half of it page cache": {read("a", giB, 900*miB, 450*miB), []string{"UsageAboveRequest a", "LimitMostlyCache a app"}},
		"near its limit, little of it page cache": {
			read("a", giB, 950*miB, 880*miB), []string{"NearMemoryLimit a app", "UsageAboveRequest a"},
		},
		"near its limit, resident not known": {
			read("a", giB, 900*miB, facts.Unknown), []string{"NearMemoryLimit a app", "UsageAboveRequest a"},
		},
		"near its limit, half of it maybe memory-backed files": {
			tmpfs(read("a", giB, 900*miB, 450*miB), 64*miB), []string{"NearMemoryLimit a app", "UsageAboveRequest a"},
		},
		"page cache far from the limit":          {read("a", giB, 500*miB, 10*miB), nil},
		"a memory-backed volume without a limit": {tmpfs(read("a", giB, 100*miB, 90*miB), facts.MaxBytes), []string{"MemoryBackedEmptyDir a app"}},
		"one that fills the limit with what is resident": {
			tmpfs(read("a", giB, 400*miB, 400*miB), 700*miB), []string{"MemoryBackedEmptyDir a app"},
		},
		"one that just does not": {tmpfs(read("a", giB, 300*miB, 300*miB), 700*miB), nil},
		"512m":                   {odd(read("a", giB, 100*miB, 90*miB)), []string{"MillibyteQuantity a"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, found(node(tc.pod))); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
}

// TestMemoryBackedEmptyDirThatIsFull: half the limit in files is more than a possibility.
func TestMemoryBackedEmptyDirThatIsFull(t *testing.T) {
	for usage, want := range map[int64]engine.Severity{500 * miB: engine.Info, 600 * miB: engine.Warning} {
		n := node(tmpfs(limited("a", giB, giB, usage).Reading(facts.ContainerUsage{WorkingSet: usage, RSS: 4 * miB}), facts.MaxBytes))
		for _, f := range find(n, factstest.Policy(), &History{}) {
			if f.Rule == "MemoryBackedEmptyDir" && f.Severity != want {
				t.Errorf("severity %d with %d in use; want %d: %s", f.Severity, usage, want, f.Message)
			}
		}
	}
}

// TestMemoryOutsidePods: memory that no pod has, beyond what is reserved for that.
func TestMemoryOutsidePods(t *testing.T) {
	for name, tc := range map[string]struct {
		outside int64
		change  func(*facts.Node)
		want    []string
	}{
		"as much as ordinary daemons take": {2 * giB, func(*facts.Node) {}, nil},
		"more than is reserved, by far":    {6 * giB, func(*facts.Node) {}, []string{"MemoryOutsidePods node"}},
		"as much, and reserved":            {6 * giB, func(n *facts.Node) { n.Allocatable = 9 * giB }, nil},
		"a pod without a reading": {6 * giB, func(n *facts.Node) {
			n.Pods[0].WorkingSet = facts.Unknown
		}, nil},
		"a pod without a reading, but kubepods has one": {6 * giB, func(n *facts.Node) {
			n.Pods[0].WorkingSet, n.Usage.PodsWorkingSet = facts.Unknown, 100*miB
		}, []string{"MemoryOutsidePods node"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(guaranteedPod("calm", giB, 100*miB))
			n.Usage.WorkingSet = tc.outside + 100*miB
			tc.change(n)
			if d := cmp.Diff(tc.want, found(n)); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
}

// fixes are the fixes of what is found, by rule.
func fixes(n *facts.Node) map[string]string {
	all := map[string]string{}
	for _, f := range find(n, factstest.Policy(), &History{}) {
		all[f.Rule] = f.Fix
	}
	return all
}

// TestFixesFitTheNode: no request beyond what the node has left, no limit beyond the node, and no value at all where none
// helps.
func TestFixesFitTheNode(t *testing.T) {
	neighbour := func(request int64) *factstest.PodBuilder { return guaranteedPod("calm", request, request/2) }
	resize := func(state facts.ResizeState, request int64) func(*facts.Node) {
		return func(n *facts.Node) {
			n.Pods[0].Rare = &facts.Rare{Resize: facts.Resize{State: state, Request: request}}
		}
	}
	for name, tc := range map[string]struct {
		pods   []*factstest.PodBuilder
		change func(*facts.Node)
		rule   string
		want   string
	}{
		"there is room": {
			pods: []*factstest.PodBuilder{limited("a", giB, 14*giB, 8*giB), neighbour(2 * giB)}, rule: "UsageAboveRequest",
			want: "requests.memory 10Gi: ",
		},
		"there is less, but enough": {
			pods: []*factstest.PodBuilder{limited("a", giB, 14*giB, 8*giB), neighbour(6 * giB)}, rule: "UsageAboveRequest",
			want: "requests.memory 9Gi.",
		},
		"there is no room for what it uses": {
			pods: []*factstest.PodBuilder{limited("a", giB, 14*giB, 8*giB), neighbour(8 * giB)}, rule: "UsageAboveRequest",
			want: "No request on this node covers the 8Gi it uses: 7Gi is left for it beside other requests.",
		},
		"a resize is deferred": {
			pods: []*factstest.PodBuilder{limited("a", giB, 10*giB, 3*giB), neighbour(12 * giB)}, rule: "UsageAboveRequest",
			change: resize(facts.ResizeDeferred, 8*giB), want: "A resize to 8Gi is Deferred: the node has 2Gi left.",
		},
		"a resize is deferred, for no reason that requests tell": {
			pods: []*factstest.PodBuilder{limited("a", giB, 10*giB, 3*giB)}, rule: "UsageAboveRequest",
			change: resize(facts.ResizeDeferred, 8*giB), want: "A resize to 8Gi is Deferred: the kubelet finds no room at present.",
		},
		"a larger limit is pending": {
			pods: []*factstest.PodBuilder{limited("a", 4*giB, 4*giB, 3800*miB)}, rule: "NearMemoryLimit",
			change: func(n *facts.Node) {
				n.Pods[0].Rare = &facts.Rare{Resize: facts.Resize{State: facts.ResizeInProgress, Request: 4 * giB, Limit: 8 * giB}}
			},
			want: "A resize to a limit of 8Gi is in progress",
		},
		"a resize is in progress": {
			pods: []*factstest.PodBuilder{limited("a", giB, 10*giB, 3*giB)}, rule: "UsageAboveRequest",
			change: resize(facts.ResizeInProgress, 8*giB), want: "A resize to 8Gi is in progress",
		},
		"a resize to too little": {
			pods: []*factstest.PodBuilder{limited("a", giB, 10*giB, 3*giB)}, rule: "UsageAboveRequest",
			change: resize(facts.ResizeDeferred, 2*giB), want: "requests.memory 3840Mi",
		},
		"a limit that the node has": {
			pods: []*factstest.PodBuilder{limited("a", 4*giB, 0, 3*giB)}, rule: "MissingMemoryLimit", want: "limits.memory 7680Mi, twice",
		},
		"a limit of all the node has": {
			pods: []*factstest.PodBuilder{limited("a", 12*giB, 0, 10*giB)}, rule: "MissingMemoryLimit",
			want: "limits.memory 15Gi, which is all that the node can give; it uses 10Gi.",
		},
		"no limit leaves a margin": {
			pods: []*factstest.PodBuilder{limited("a", 14*giB, 0, 14*giB)}, rule: "MissingMemoryLimit",
			want: "It has used 14Gi, and the node can give 15Gi in all",
		},
		"no larger limit": {
			pods: []*factstest.PodBuilder{limited("a", 15*giB, 15*giB, 14*giB)}, rule: "NearMemoryLimit",
			want: "Find what grows. It has used 14Gi",
		},
		"a limit above the peak, not above what it uses now": {
			pods:   []*factstest.PodBuilder{limited("a", giB, 4*giB, 3600*miB)},
			change: func(n *facts.Node) { n.Pods[0].Peak = 4 * giB }, rule: "NearMemoryLimit", want: "limits.memory 5Gi (then at 70%)",
		},
		"Guaranteed with a margin above the peak": {
			pods:   []*factstest.PodBuilder{limited("a", giB, 4*giB, giB).Critical()},
			change: func(n *facts.Node) { n.Pods[0].Peak = 3 * giB }, rule: "CriticalNotGuaranteed", want: "requests.memory 3840Mi, limits equal",
		},
		"no room to be Guaranteed": {
			pods: []*factstest.PodBuilder{limited("a", giB, 14*giB, 8*giB).Critical(), neighbour(8 * giB)}, rule: "CriticalNotGuaranteed",
			want: "No request on this node covers the 8Gi it uses",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(tc.pods...)
			if tc.change != nil {
				tc.change(n)
			}
			if got := fixes(n)[tc.rule]; !strings.HasPrefix(got, tc.want) {
				t.Errorf("fix %q; want one that begins with %q", got, tc.want)
			}
		})
	}
}

// TestNobodyIsEvicted: where the kubelet has no threshold, no text speaks of eviction.
func TestNobodyIsEvicted(t *testing.T) {
	n := node(factstest.Pod("be").Running(0, 200*miB).Critical(), limited("web", 32*miB, giB, 400*miB))
	n.Allocatable, n.DroppedBy, n.DefaultEvictionHard = 15*giB, "k3s", 0
	for _, f := range find(n, factstest.Policy(), &History{}) {
		if f.Pod != nil && strings.Contains(f.Message+f.Fix, "evict") {
			t.Errorf("%s: %s %s", f.Rule, f.Message, f.Fix)
		}
	}
}

// TestVirtualNodesHaveNoFindings, since no kubelet and no kernel act on them.
func TestVirtualNodesHaveNoFindings(t *testing.T) {
	n := node(factstest.Pod("be").Running(0, 200*miB).Critical())
	n.Linux, n.Virtual, n.NotLinux, n.Allocatable = false, true, "KWOK", n.Capacity
	if got := found(n); got != nil {
		t.Errorf("%v", got)
	}
}

// TestManyWorkloadsShareALine: twenty agents without limits are one line, each still counted by rule.
func TestManyWorkloadsShareALine(t *testing.T) {
	var pods []*factstest.PodBuilder
	for i := range 20 {
		pods = append(pods, limited(fmt.Sprintf("agent-%02d", i), 64*miB, 0, 50*miB))
	}
	findings := find(node(pods...), factstest.Policy(), &History{})
	if len(findings) != 20 || findings[0].Workloads != 20 || findings[0].Grouped {
		t.Fatalf("%d findings, the first %+v", len(findings), findings[0])
	}
	if want := "20 workloads (agent-00, agent-01, 18 more). The first: app has no memory limit"; !strings.HasPrefix(findings[0].Message, want) {
		t.Errorf("message %q; want %q", findings[0].Message, want)
	}
	for _, f := range findings[1:] {
		if !f.Grouped || f.Message != "" {
			t.Errorf("%+v has a line of its own", f)
		}
	}
	if two := find(node(pods[:2]...), factstest.Policy(), &History{}); two[0].Workloads != 0 || two[1].Grouped {
		t.Errorf("two workloads share a line: %+v", two)
	}
}

// TestIgnored: an annotation keeps a finding from the list while it lasts, and says so afterwards.
func TestIgnored(t *testing.T) {
	ignoring := func(until time.Time, reason string) *factstest.PodBuilder {
		return factstest.Pod("be").Running(0, 200*miB).Edit(func(p *facts.Pod) {
			i := facts.Ignore{Rule: "BestEffortPod", Reason: reason}
			if !until.IsZero() {
				i.Until = until.Unix()
			}
			p.Rare = &facts.Rare{Ignores: []facts.Ignore{i}}
		})
	}
	tomorrow, today := factstest.Now.Add(24*time.Hour), time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		pod         *factstest.PodBuilder
		wantIgnored string
		wantMessage string
	}{
		"for ever":          {ignoring(time.Time{}, "batch"), "batch", ""},
		"until tomorrow":    {ignoring(tomorrow, "batch"), "batch", ""},
		"without a reason":  {ignoring(time.Time{}, ""), "no reason given", ""},
		"until yesterday":   {ignoring(today, "batch"), "", "Ignored until 2026-11-23, which is over. BestEffort: "},
		"another rule only": {factstest.Pod("be").Running(0, 200*miB), "", "BestEffort: "},
	} {
		t.Run(name, func(t *testing.T) {
			v := engine.Evaluate(node(tc.pod), factstest.Policy(), factstest.Now)
			found, ignored := Find(&v, factstest.Policy(), &History{})
			switch {
			case tc.wantIgnored != "":
				if len(found) != 0 || len(ignored) != 1 || ignored[0].Ignored != tc.wantIgnored {
					t.Errorf("found %+v, ignored %+v", found, ignored)
				}
				if _, ignored := All(&v, factstest.Policy()); ignored[0].Message == "" {
					t.Error("an ignored finding has no message")
				}
			case len(found) != 1 || !strings.HasPrefix(found[0].Message, tc.wantMessage):
				t.Errorf("found %+v; want %q", found, tc.wantMessage)
			}
		})
	}
	n := node(guaranteedPod("calm", giB, 100*miB))
	n.Allocatable, n.Ignores = n.Capacity, []facts.Ignore{{Rule: "NoMemoryEvictionThreshold", Reason: "edge"}}
	v := engine.Evaluate(n, factstest.Policy(), factstest.Now)
	if found, ignored := Find(&v, factstest.Policy(), &History{}); len(found) != 0 || len(ignored) != 1 {
		t.Errorf("of the node: found %+v, ignored %+v", found, ignored)
	}
}
