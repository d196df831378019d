package audit

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

const (
	miB = factstest.MiB
	giB = factstest.GiB
)

// node is a node of 16 GiB that nothing is wrong with but its pods: it reserves memory and has room.
func node(pods ...*factstest.PodBuilder) *facts.Node {
	n := factstest.Node(16*giB, pods...)
	n.Allocatable = 15 * giB
	n.Usage.WorkingSet += giB // of daemons: else the limit of kubepods would be hit before the node runs out
	for i := range n.Pods {
		n.Pods[i].Production = true
	}
	return n
}

func find(n *facts.Node, p *facts.Policy, m *History) []engine.Finding {
	v := engine.Evaluate(n, p, factstest.Now)
	findings, _ := Find(&v, p, m)
	return findings
}

// found lists what is found as RULE POD CONTAINER.
func found(n *facts.Node) (list []string) {
	findings := find(n, factstest.Policy(), &History{})
	for _, f := range findings {
		pod := "node"
		if f.Pod != nil {
			pod = f.Pod.Name
		}
		list = append(list, strings.TrimSpace(f.Rule+" "+pod+" "+f.Container))
	}
	return list
}

func container(name string, kind facts.ContainerKind, request, limit int64) facts.Container {
	return facts.Container{Name: name, Kind: kind, Running: true, Request: request, Limit: limit}
}

// limited is a Burstable pod of one container with a request and a limit.
func limited(name string, request, limit, usage int64) *factstest.PodBuilder {
	return factstest.Pod(name).QOS(facts.Burstable).Container(container("app", facts.Regular, request, limit), usage).
		WorkingSet(usage).Edit(func(p *facts.Pod) { p.Request = request })
}

func guaranteedPod(name string, request, usage int64) *factstest.PodBuilder {
	return limited(name, request, request, usage).QOS(facts.Guaranteed)
}

func TestRules(t *testing.T) {
	calm := func() *factstest.PodBuilder { return guaranteedPod("calm", giB, 100*miB) }
	for name, tc := range map[string]struct {
		node *facts.Node
		want []string
	}{
		"nothing is wrong": {node(calm()), nil},
		"BestEffort in production": {
			node(calm(), factstest.Pod("be").Running(0, 200*miB)), []string{"BestEffortPod be"},
		},
		"BestEffort elsewhere": {
			func() *facts.Node {
				n := node(calm(), factstest.Pod("be").Running(0, 200*miB))
				n.Pods[1].Production = false
				return n
			}(), nil,
		},
		"BestEffort but exempt": {node(calm(), factstest.Pod("be").Running(0, 200*miB).Exempt()), nil},
		"critical and Burstable": {
			node(calm(), limited("c", giB, 2*giB, 100*miB).Critical().Priority(100000)),
			[]string{"CriticalNotGuaranteed c", "PriorityNotHonoredByKernel c"},
		},
		"critical and Guaranteed": {node(calm(), guaranteedPod("c", giB, 100*miB).Critical().Priority(200000),
			limited("a", giB, 2*giB, 10*miB), limited("b", giB, 2*giB, 10*miB), limited("d", giB, 2*giB, 10*miB)), nil},
		"critical without a priority": {
			node(calm(), guaranteedPod("c", giB, 100*miB).Critical().Priority(99999)), []string{"CriticalWithoutPriority c"},
		},
		"memory is Guaranteed, cpu is not": {
			node(calm(), limited("a", giB, giB, 100*miB)), []string{"AlmostGuaranteed a"},
		},
		"a request under usage, negligible for the node": {
			node(calm(), limited("a", 100*miB, giB, 400*miB)), []string{"UsageAboveRequest a", "NegligibleRequest a"},
		},
		"usage above a request that counts": {
			node(calm(), limited("a", giB, 4*giB, 1100*miB)), []string{"UsageAboveRequest a"},
		},
		"usage above a request by noise": {node(calm(), limited("a", giB, 4*giB, 1030*miB)), nil},
		"usage above a request by a byte more than noise": {
			node(calm(), limited("a", giB, 4*giB, giB+facts.Band(giB)+1)), []string{"UsageAboveRequest a"},
		},
		"no reading, no guess": {node(calm(), limited("a", giB, 4*giB, facts.Unknown)), nil},
		"a negligible request, twice in use, but of little": {
			node(calm(), limited("a", 10*miB, giB, 64*miB)), []string{"UsageAboveRequest a"},
		},
		"only the cpu of resources of the pod's own": {
			node(calm(), limited("a", giB, giB, 100*miB).Edit(func(p *facts.Pod) { p.Limit, p.Request = 4*giB, 2*giB })), nil,
		},
		"a critical pod near its limit": {
			node(calm(), guaranteedPod("c", giB, 960*miB).Critical().Priority(200000)), []string{"NearMemoryLimit c app"},
		},
		"a priority, Guaranteed, and first all the same": {node(guaranteedPod("c", giB, 100*miB).Priority(200000)), nil},
		"just under near a limit":                        {node(calm(), limited("a", 900*miB, 1000*miB, 849*miB)), nil},
		"no memory limit, of a sidecar too": {
			node(calm(), factstest.Pod("a").QOS(facts.Burstable).
				Container(container("proxy", facts.Sidecar, 100*miB, 0), 50*miB).
				Container(container("app", facts.Regular, giB, 2*giB), 900*miB).WorkingSet(950*miB).
				Edit(func(p *facts.Pod) { p.Request = giB + 100*miB })),
			[]string{"MissingMemoryLimit a proxy"},
		},
		"near a limit": {node(calm(), limited("a", giB, giB+100*miB, 960*miB)), []string{"NearMemoryLimit a app"}},
		"a pod-level limit near": {
			node(calm(), limited("a", giB, 8*giB, 960*miB).Edit(func(p *facts.Pod) { p.Limit = giB })), []string{"NearMemoryLimit a"},
		},
		"a sidecar heavier than what it serves": {
			node(calm(), factstest.Pod("a").QOS(facts.Burstable).
				Container(container("proxy", facts.Sidecar, 800*miB, giB), 700*miB).
				Container(container("app", facts.Regular, giB, 2*giB), 200*miB).WorkingSet(900*miB).
				Edit(func(p *facts.Pod) { p.Request = giB + 800*miB })),
			[]string{"SidecarOutweighsMain a proxy"},
		},
		"the story": {
			node(calm(), factstest.Pod("payments").Running(0, 200*miB).Critical(), limited("pipeline", 8*giB, 12*giB, 8*giB).Growth(6*giB)),
			[]string{
				"ShieldedCulprit pipeline", "CriticalNotGuaranteed payments", "CriticalWithoutPriority payments", "BestEffortPod payments",
			},
		},
		"limits overcommitted":               {node(calm(), limited("a", giB, 30*giB, 100*miB)), []string{"LimitsOvercommitted node"}},
		"limits just not overcommitted":      {node(calm(), limited("a", giB, 21*giB+512*miB, 100*miB)), nil},
		"requests just not near allocatable": {node(guaranteedPod("a", 15*giB-15*giB/20, 100*miB)), nil},
		"requests near allocatable": {
			node(guaranteedPod("a", 14*giB+512*miB, 100*miB)), []string{"RequestsNearAllocatable node"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, found(tc.node)); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
}

// killed is a pod of one container whose workload was killed before.
func killed(limit int64, k *facts.Killed) *facts.Node {
	n := node(limited("a", 100*miB, limit, 50*miB))
	n.Pods[0].Killed = k
	return n
}

// What killers did before: a limit that was reached again, or on our advice, and a killer that comes everywhere.
func TestRulesAfterAKill(t *testing.T) {
	at := func(times int, limit int64, edit ...func(*facts.LimitKills)) *facts.Killed {
		k := facts.LimitKills{Container: "app", Times: times, Limit: limit}
		for _, e := range edit {
			e(&k)
		}
		return &facts.Killed{Limits: []facts.LimitKills{k}}
	}
	tmpfs := func(k *facts.LimitKills) { k.Tmpfs = "cache" }
	advised := func(k *facts.LimitKills) { k.Advised = "NearMemoryLimit" }
	for name, tc := range map[string]struct {
		node              *facts.Node
		want              []string
		wantMessage, wFix string
		wantAdvised       int64
	}{
		"once": {node: killed(128*miB, at(1, 128*miB))},
		"twice": {
			node: killed(128*miB, at(2, 128*miB)), want: []string{"LimitKilledAgain a app"},
			wantMessage: "Reached its memory limit of 128Mi 2 times within a day, and was killed each time.",
			wFix:        "limits.memory 192Mi, or find what grows.", wantAdvised: 192 * miB,
		},
		"twice, with files in memory": {
			node: killed(128*miB, at(3, 128*miB, tmpfs)), want: []string{"LimitKilledAgain a app"},
			wantMessage: "Reached its memory limit of 128Mi 3 times within a day, and was killed each time: " +
				"files in volume cache stay and count, so restarts do not help.",
			wFix: "Delete the pod or those files; then emptyDir.sizeLimit 32Mi, or a limits.memory that holds both.",
		},
		"twice, at a limit that nobody knows": {
			node: killed(128*miB, at(2, 0)), want: []string{"LimitKilledAgain a app"},
			wantMessage: "Reached its memory limit 2 times within a day, and was killed each time.",
			wFix:        "limits.memory 192Mi, or find what grows.", wantAdvised: 192 * miB,
		},
		"the limit was raised since": {node: killed(256*miB, at(2, 128*miB, advised))},
		"once, on our advice": {
			node: killed(128*miB, at(1, 128*miB, advised)), want: []string{"FixLimitKilled a app"},
			wantMessage: "Reached its memory limit of 128Mi, which the fix of NearMemoryLimit advised: that was too low for its peaks.",
			wFix:        "limits.memory 192Mi, or find what grows.", wantAdvised: 192 * miB,
		},
		"by one killer on several nodes": {
			node: killed(128*miB, &facts.Killed{Everywhere: &facts.KillerOnNodes{Cause: "Eviction", Nodes: 3, Kills: 5}}),
			want: []string{"KilledOnSeveralNodes a"},
			wantMessage: "The same killer (Eviction) took 5 of its pods on 3 nodes within a day: " +
				"the workload is the cause, no node is.",
			wFix: "requests.memory above what its pods use; kubectl killorder explain says how much.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, found(tc.node)); d != "" {
				t.Fatalf("findings (-want +got):\n%s", d)
			}
			for _, f := range find(tc.node, factstest.Policy(), &History{}) {
				if f.Message != tc.wantMessage || f.Fix != tc.wFix || f.AdvisedLimit != tc.wantAdvised {
					t.Errorf("got %q, %q, advised %d", f.Message, f.Fix, f.AdvisedLimit)
				}
			}
		})
	}
}

func TestNodeRules(t *testing.T) {
	set, soft := facts.Threshold{Set: true, Bytes: 200 * miB}, facts.Threshold{Set: true, Bytes: 500 * miB}
	config := func(change func(*facts.KubeletConfig)) *facts.KubeletConfig {
		c := &facts.KubeletConfig{
			EvictionHard: set, EvictionSoft: soft, KubeReserved: giB / 2, SystemReserved: giB / 2, PodsEnforced: true,
		}
		change(c)
		return c
	}
	for name, tc := range map[string]struct {
		allocatable int64
		capacity    int64
		config      *facts.KubeletConfig
		swap        int64
		provider    facts.Provider
		dropped     string
		minor       int
		hugepages   int64
		want        []string
	}{
		"all as it should be":                               {config: config(func(*facts.KubeletConfig) {})},
		"nothing reserved, inferred":                        {allocatable: 16*giB - 100*miB, want: []string{"NoKubeReserved node", "NoSystemReserved node"}},
		"something left out, nobody knows":                  {allocatable: 16*giB - 101*miB},
		"no threshold, inferred":                            {allocatable: 16 * giB, want: []string{"NoMemoryEvictionThreshold node"}},
		"nothing for the kubelet, the system's covers both": {config: config(func(c *facts.KubeletConfig) { c.KubeReserved = 0 })},
		"nothing for the system, the kubelet's covers both": {config: config(func(c *facts.KubeletConfig) { c.SystemReserved = 0 })},
		"nothing for the kubelet": {
			config: config(func(c *facts.KubeletConfig) { c.KubeReserved, c.SystemReserved = 0, 100*miB }), want: []string{"NoKubeReserved node"},
		},
		"nothing for the system": {
			config: config(func(c *facts.KubeletConfig) { c.KubeReserved, c.SystemReserved = 100*miB, 0 }), want: []string{"NoSystemReserved node"},
		},
		"nothing for either": {
			config: config(func(c *facts.KubeletConfig) { c.KubeReserved, c.SystemReserved = 0, 0 }),
			want:   []string{"NoKubeReserved node", "NoSystemReserved node"},
		},
		"a provider that sets one": {
			config:   config(func(c *facts.KubeletConfig) { c.KubeReserved, c.SystemReserved = 100*miB, 0 }),
			provider: facts.OneReservation,
		},
		"a provider that sets one, and did not": {
			config:   config(func(c *facts.KubeletConfig) { c.KubeReserved, c.SystemReserved = 0, 0 }),
			provider: facts.OneReservation, want: []string{"NoKubeReserved node", "NoSystemReserved node"},
		},
		"where nobody can set any": {
			config:   config(func(c *facts.KubeletConfig) { c.KubeReserved, c.SystemReserved = 0, 0 }),
			provider: facts.NoReservations,
		},
		"k3s, nothing read":     {dropped: "k3s", allocatable: 15 * giB, want: []string{"NoMemoryEvictionThreshold node"}},
		"k3s, a threshold read": {dropped: "k3s", config: config(func(*facts.KubeletConfig) {})},
		"a soft threshold at the hard one": {
			config: config(func(c *facts.KubeletConfig) { c.EvictionSoft = set }), want: []string{"SoftThresholdUseless node"},
		},
		"a soft threshold a byte above": {config: config(func(c *facts.KubeletConfig) { c.EvictionSoft.Bytes = set.Bytes + 1 })},
		"huge pages that hide the threshold": {
			minor: 36, hugepages: 300 * miB, allocatable: 15 * giB, want: []string{"HugePagesHideThreshold node"},
		},
		"huge pages that a kubelet 1.37 takes off": {minor: 37, hugepages: 300 * miB, allocatable: 15 * giB},
		"no more huge pages than the threshold":    {minor: 36, hugepages: 100 * miB, allocatable: 15 * giB},
		"no soft threshold":                        {config: config(func(c *facts.KubeletConfig) { c.EvictionSoft = facts.Threshold{} }), want: []string{"NoSoftEviction node"}},
		"a threshold too small for the node":       {capacity: 64 * giB, config: config(func(*facts.KubeletConfig) {}), want: []string{"TinyEvictionThreshold node"}},
		"a threshold just large enough":            {capacity: 40 * giB, allocatable: 39 * giB, config: config(func(c *facts.KubeletConfig) { c.EvictionHard.Bytes = 40 * giB / 200 })},
		"a threshold that is only assumed":         {capacity: 64 * giB, allocatable: 60 * giB},
		"a small default, inferred":                {capacity: 64 * giB, allocatable: 64*giB - 100*miB, want: []string{"NoKubeReserved node", "NoSystemReserved node", "TinyEvictionThreshold node"}},
		"swap nobody asked about":                  {swap: giB, want: []string{"SwapSurprise node"}},
		"swap the kubelet does not use":            {swap: giB, config: config(func(*facts.KubeletConfig) {})},
		"a soft threshold alone": {
			config: config(func(c *facts.KubeletConfig) { c.EvictionHard = facts.Threshold{} }), want: []string{"NoMemoryEvictionThreshold node"},
		},
		"defaults dropped": {config: config(func(c *facts.KubeletConfig) {
			c.EvictionHard, c.DefaultsDropped = facts.Threshold{}, true
		}), want: []string{"NoMemoryEvictionThreshold node", "EvictionDefaultsDropped node"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(guaranteedPod("calm", giB, 100*miB))
			n.Config, n.Usage.SwapCapacity, n.Provider, n.Hugepages = tc.config, tc.swap, tc.provider, tc.hugepages
			n.Minor = max(tc.minor, 36)
			if n.DroppedBy = tc.dropped; tc.dropped != "" {
				n.DefaultEvictionHard = 0
			}
			n.Allocatable, n.Capacity = max(tc.allocatable, 15*giB), max(tc.capacity, 16*giB)
			if d := cmp.Diff(tc.want, found(n)); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
}

func nameOf(f engine.Finding) string {
	if f.Pod == nil {
		return ""
	}
	return f.Pod.Name
}

// What is worse than its rule's severity says so, and comes first.
func TestSeverities(t *testing.T) {
	calm := guaranteedPod("calm", giB, 100*miB)
	for name, tc := range map[string]struct {
		node *facts.Node
		rule string
		want engine.Severity
	}{
		"near a limit":                   {node(calm, limited("a", giB, giB+100*miB, 960*miB)), "NearMemoryLimit", engine.Warning},
		"critical and near a limit":      {node(calm, guaranteedPod("c", giB, 960*miB).Critical().Priority(200000)), "NearMemoryLimit", engine.Critical},
		"limits three times allocatable": {node(calm, limited("a", giB, 44*giB, 100*miB)), "LimitsOvercommitted", engine.Info},
		"limits above that":              {node(calm, limited("a", giB, 44*giB+1, 100*miB)), "LimitsOvercommitted", engine.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			findings := find(tc.node, factstest.Policy(), &History{})
			if findings[0].Rule != tc.rule || findings[0].Severity != tc.want {
				t.Errorf("%+v", findings)
			}
		})
	}
}

// Where nothing is known of the threshold, what the policy assumes is not the node's fault.
func TestAnAssumedThresholdIsNoFinding(t *testing.T) {
	p := factstest.Policy()
	p.AssumedEvictionHard = facts.Threshold{}
	if findings := find(node(guaranteedPod("calm", giB, 100*miB)), p, &History{}); len(findings) != 0 {
		t.Errorf("%+v", findings)
	}
}

// Of a node without the Linux kernel's rules, nothing is said about the kernel, nor inferred about its kubelet.
func TestNodesThatAreNotLinux(t *testing.T) {
	n := node(factstest.Pod("be").Running(0, 200*miB), limited("web", 32*miB, giB, 400*miB))
	n.Linux, n.NotLinux, n.Allocatable = false, "the operating system is windows", n.Capacity
	want := []string{"UsageAboveRequest web", "BestEffortPod be"}
	if d := cmp.Diff(want, found(n)); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
	for _, f := range find(n, factstest.Policy(), &History{}) {
		if text := f.Message + f.Fix; strings.Contains(text, "kernel") || strings.Contains(strings.ToLower(text), "oom") {
			t.Errorf("%s: %s %s", f.Rule, f.Message, f.Fix)
		}
	}
}

func TestDisabledFindingsAreNot(t *testing.T) {
	p := factstest.Policy()
	p.DisabledFindings = map[string]bool{"BestEffortPod": true}
	if findings := find(node(factstest.Pod("be").Running(0, 200*miB)), p, &History{}); len(findings) != 0 {
		t.Errorf("%+v", findings)
	}
}

// Whatever a node is like, texts keep their bound, findings come worst first, those that are told and the others, and nothing
// panics.
func TestRandomNodes(t *testing.T) {
	for seed := range uint64(500) {
		n := factstest.Random(seed)
		for i := range n.Pods {
			n.Pods[i].Production, n.Pods[i].Critical = true, i%3 == 0
		}
		findings := find(n, factstest.Policy(), &History{})
		told := func(f engine.Finding) bool { return f.Message != "" || f.Grouped }
		rest := slices.IndexFunc(findings, func(f engine.Finding) bool { return !told(f) })
		if rest < 0 {
			rest = len(findings)
		}
		for _, part := range [][]engine.Finding{findings[:rest], findings[rest:]} {
			if !slices.IsSortedFunc(part, func(a, b engine.Finding) int { return int(a.Severity) - int(b.Severity) }) {
				t.Errorf("seed %d: not worst first", seed)
			}
		}
		lines := 0
		for i, f := range findings {
			if len(f.Message) > maxText || len(f.Fix) > maxText || (f.Message == "") != (lines >= MaxRendered || f.Grouped) {
				t.Errorf("seed %d: %d %+v", seed, i, f)
			}
			if !f.Grouped {
				lines++
			}
		}
	}
}

func TestEveryRuleHasItsSection(t *testing.T) {
	text, err := os.ReadFile("../../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^## ([A-Z]\w+)$`).FindAllStringSubmatch(string(text), -1) {
		sections = append(sections, m[1])
	}
	names := Names()
	slices.Sort(names)
	slices.Sort(sections)
	if d := cmp.Diff(names, sections); d != "" {
		t.Errorf("rules and sections (-rules +docs/findings.md):\n%s", d)
	}
}

// BenchmarkEvaluateAndFind is to be compared with BenchmarkEvaluate of package engine: no more than twice.
func BenchmarkEvaluateAndFind(b *testing.B) {
	n, p := factstest.Crowded(110), factstest.Policy()
	for i := range n.Pods {
		n.Pods[i].Production = true
	}
	var memory History
	b.ReportAllocs()
	b.Run("evaluate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			engine.Evaluate(n, p, factstest.Now)
		}
	})
	b.Run("evaluate and find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v := engine.Evaluate(n, p, factstest.Now)
			Find(&v, p, &memory)
		}
	})
}
