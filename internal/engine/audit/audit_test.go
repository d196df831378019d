package audit

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
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
	for i := range n.Pods {
		n.Pods[i].Production = true
	}
	return n
}

func find(n *facts.Node, p *facts.Policy, m *Memory) []engine.Finding {
	v := engine.Evaluate(n, p, factstest.Now)
	return Find(&v, p, m)
}

// found lists what is found as RULE POD CONTAINER.
func found(n *facts.Node) (list []string) {
	findings := find(n, factstest.Policy(), &Memory{})
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
		"no reading, no guess":           {node(calm(), limited("a", giB, 4*giB, facts.Unknown)), nil},
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
		"limits overcommitted": {node(calm(), limited("a", giB, 30*giB, 100*miB)), []string{"LimitsOvercommitted node"}},
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

func TestNodeRules(t *testing.T) {
	set := facts.Threshold{Set: true, Bytes: 200 * miB}
	config := func(change func(*facts.KubeletConfig)) *facts.KubeletConfig {
		c := &facts.KubeletConfig{
			EvictionHard: set, EvictionSoft: set, KubeReserved: giB / 2, SystemReserved: giB / 2, PodsEnforced: true,
		}
		change(c)
		return c
	}
	for name, tc := range map[string]struct {
		allocatable int64
		capacity    int64
		config      *facts.KubeletConfig
		swap        int64
		want        []string
	}{
		"all as it should be":                {config: config(func(*facts.KubeletConfig) {})},
		"nothing reserved, inferred":         {allocatable: 16*giB - 100*miB, want: []string{"NoKubeReserved node", "NoSystemReserved node"}},
		"something left out, nobody knows":   {allocatable: 16*giB - 101*miB},
		"no threshold, inferred":             {allocatable: 16 * giB, want: []string{"NoMemoryEvictionThreshold node"}},
		"nothing for the kubelet":            {config: config(func(c *facts.KubeletConfig) { c.KubeReserved = 0 }), want: []string{"NoKubeReserved node"}},
		"nothing for the system":             {config: config(func(c *facts.KubeletConfig) { c.SystemReserved = 0 }), want: []string{"NoSystemReserved node"}},
		"no soft threshold":                  {config: config(func(c *facts.KubeletConfig) { c.EvictionSoft = facts.Threshold{} }), want: []string{"NoSoftEviction node"}},
		"a threshold too small for the node": {capacity: 64 * giB, config: config(func(*facts.KubeletConfig) {}), want: []string{"TinyEvictionThreshold node"}},
		"swap nobody asked about":            {swap: giB, want: []string{"SwapSurprise node"}},
		"swap the kubelet does not use":      {swap: giB, config: config(func(*facts.KubeletConfig) {})},
		"defaults dropped": {config: config(func(c *facts.KubeletConfig) {
			c.EvictionHard, c.DefaultsDropped = facts.Threshold{}, true
		}), want: []string{"NoMemoryEvictionThreshold node", "EvictionDefaultsDropped node"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(guaranteedPod("calm", giB, 100*miB))
			n.Config, n.Usage.SwapCapacity = tc.config, tc.swap
			n.Allocatable, n.Capacity = max(tc.allocatable, 15*giB), max(tc.capacity, 16*giB)
			if d := cmp.Diff(tc.want, found(n)); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
}

// What a fix promises comes true when the pod is as it says.
func TestFixesMoveTheRanksAsTheySay(t *testing.T) {
	n := node(
		factstest.Pod("payments").Running(0, 200*miB).Critical(),
		limited("pipeline", 8*giB, 12*giB, 8*giB).Growth(6*giB),
		limited("a", 100*miB, giB, 300*miB), limited("b", giB, 2*giB, 900*miB), guaranteedPod("c", giB, 300*miB))
	findings := find(n, factstest.Policy(), &Memory{})
	fixes := map[string]func(*facts.Pod){
		"CriticalNotGuaranteed payments":   guaranteed(256 * miB),
		"CriticalWithoutPriority payments": prioritized(100000),
		"BestEffortPod payments":           requesting(256 * miB),
		"UsageAboveRequest a":              requesting(384 * miB),
	}
	move := regexp.MustCompile(`(eviction|OOM) rank (\d+) -> (\d+|last)`)
	for _, f := range findings {
		change := fixes[f.Rule+" "+nameOf(f)]
		if change == nil {
			continue
		}
		delete(fixes, f.Rule+" "+nameOf(f))
		moves := move.FindAllStringSubmatch(f.Fix, -1)
		if len(moves) == 0 {
			t.Errorf("%s %s: %q moves nothing", f.Rule, f.Pod.Name, f.Fix)
		}
		changed := *n
		changed.Pods = slices.Clone(n.Pods)
		for i := range changed.Pods {
			if changed.Pods[i].UID == f.Pod.UID {
				pod := *changed.Pods[i].Pod
				pod.Containers = slices.Clone(pod.Containers)
				change(&pod)
				changed.Pods[i].Pod = &pod
			}
		}
		v := engine.Evaluate(&changed, factstest.Policy(), factstest.Now)
		for _, m := range moves {
			if got := rankIn(&v, m[1], f.Pod.UID); m[3] != "last" && fmt.Sprint(got) != m[3] {
				t.Errorf("%s %s: %q, but the rank is %d", f.Rule, f.Pod.Name, f.Fix, got)
			}
		}
	}
	for left := range fixes {
		t.Errorf("%s was not found", left)
	}
}

func nameOf(f engine.Finding) string {
	if f.Pod == nil {
		return ""
	}
	return f.Pod.Name
}

func rankIn(v *engine.Verdict, order, uid string) int {
	if order == "OOM" {
		return slices.IndexFunc(v.OOM, func(k oom.Victim) bool { return k.PodState.UID == uid }) + 1
	}
	return slices.IndexFunc(v.Eviction, func(k evict.Victim) bool { return k.PodState.UID == uid }) + 1
}

// The culprit of the story, with the request that its fix names, is whom the kernel takes first.
func TestShieldedCulpritsFixMakesItFirst(t *testing.T) {
	n := node(factstest.Pod("payments").Running(0, 200*miB).Critical(), limited("pipeline", 8*giB, 12*giB, 8*giB).Growth(6*giB))
	findings := find(n, factstest.Policy(), &Memory{})
	if findings[0].Rule != "ShieldedCulprit" || findings[0].Fix != "requests.memory 7936Mi: eviction rank 2 -> 1, OOM rank 2 -> 1." {
		t.Errorf("%+v", findings[0])
	}
}

func TestTenReplicasAreOneFinding(t *testing.T) {
	var pods []*factstest.PodBuilder
	for i := range 10 {
		pods = append(pods, factstest.Pod(fmt.Sprintf("web-%d", i)).Running(0, 200*miB).
			Edit(func(p *facts.Pod) { p.Workload = facts.Workload{Kind: "Deployment", Name: "web"} }))
	}
	findings := find(node(pods...), factstest.Policy(), &Memory{})
	if len(findings) != 1 || findings[0].Count != 10 || !strings.HasPrefix(findings[0].Message, "10 pods here. BestEffort") {
		t.Errorf("%+v", findings)
	}
}

func TestDisabledFindingsAreNot(t *testing.T) {
	p := factstest.Policy()
	p.DisabledFindings = map[string]bool{"BestEffortPod": true}
	if findings := find(node(factstest.Pod("be").Running(0, 200*miB)), p, &Memory{}); len(findings) != 0 {
		t.Errorf("%+v", findings)
	}
}

func TestNoiseChangesNoFinding(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	noisy := func() *facts.Node {
		noise := func(level int64) int64 { return level + r.Int64N(facts.Band(level)*4/5) - facts.Band(level)*2/5 }
		return node(
			factstest.Pod("payments").Running(0, noise(200*miB)).Critical(),
			limited("pipeline", 8*giB, 12*giB, noise(8*giB)).Growth(6*giB),
			limited("edge", 300*miB, giB, noise(300*miB+8*miB)), limited("full", giB, giB, noise(875*miB)))
	}
	memory := &Memory{}
	first := find(noisy(), factstest.Policy(), memory)
	for i := range 1000 {
		now := find(noisy(), factstest.Policy(), memory)
		if d := cmp.Diff(texts(first), texts(now)); d != "" {
			t.Fatalf("tick %d:\n%s", i, d)
		}
	}
}

func texts(findings []engine.Finding) (list []string) {
	for _, f := range findings {
		list = append(list, f.Rule+" "+nameOf(f)+": "+f.Message+" "+f.Fix)
	}
	return list
}

// Whatever a node is like, texts keep their bound, findings come worst first, and nothing panics.
func TestRandomNodes(t *testing.T) {
	for seed := range uint64(500) {
		n := factstest.Random(seed)
		for i := range n.Pods {
			n.Pods[i].Production, n.Pods[i].Critical = true, i%3 == 0
		}
		findings := find(n, factstest.Policy(), &Memory{})
		if !slices.IsSortedFunc(findings, func(a, b engine.Finding) int { return int(a.Severity) - int(b.Severity) }) {
			t.Errorf("seed %d: not worst first", seed)
		}
		for i, f := range findings {
			if len(f.Message) > maxText || len(f.Fix) > maxText || (f.Message == "") != (i >= MaxRendered) {
				t.Errorf("seed %d: %d %+v", seed, i, f)
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
	var memory Memory
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
