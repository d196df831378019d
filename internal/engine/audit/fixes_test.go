package audit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// hits are all hits on a node, one a workload, with the audit that found them.
func hits(n *facts.Node, p *facts.Policy) (*audit, []*group) {
	v := engine.Evaluate(n, p, factstest.Now)
	c := &audit{v: &v, p: p, m: &History{}, byKey: map[key]*group{}, rules: rules}
	c.m.begin()
	for i := range rules {
		c.apply(i)
	}
	return c, c.groups
}

// after is the verdict on the node once the fix of p's workload is applied.
func after(c *audit, p *facts.PodState, ch whatif.Change) engine.Verdict {
	n := *c.v.Node
	n.Pods = slices.Clone(n.Pods)
	for i := range n.Pods {
		n.Pods[i] = *whatif.Changed(p, &c.v.Node.Pods[i], ch)
	}
	return engine.Evaluate(&n, c.p, factstest.Now)
}

var move = regexp.MustCompile(`(eviction|OOM) rank (\d+) -> (\d+|last)`)

// check compares the ranks that a fix promises with those in the orders before and after it.
func check(t *testing.T, c *audit, p *facts.PodState, tx text) (promises int) {
	t.Helper()
	then := after(c, p, tx.change)
	for _, m := range move.FindAllStringSubmatch(tx.fix, -1) {
		promises++
		if got := rankIn(c.v, m[1], p.UID); strconv.Itoa(got) != m[2] {
			t.Errorf("%s: %q, but the rank is %d", p.Name, tx.fix, got)
		}
		got := strconv.Itoa(rankIn(&then, m[1], p.UID))
		if m[3] == "last" {
			next := rankIn(&then, m[1], p.UID)
			if slices.ContainsFunc(then.OOM[next:], func(k oom.Victim) bool { return k.UID != p.UID }) {
				t.Errorf("%s: %q, but others come after rank %s of %d", p.Name, tx.fix, got, len(then.OOM))
			}
		} else if got != m[3] {
			t.Errorf("%s: %q, but the rank becomes %s", p.Name, tx.fix, got)
		}
	}
	return promises
}

func rankIn(v *engine.Verdict, order, uid string) int {
	if order == "OOM" {
		return slices.IndexFunc(v.OOM, func(k oom.Victim) bool { return k.PodState.UID == uid }) + 1
	}
	return slices.IndexFunc(v.Eviction, func(k evict.Victim) bool { return k.PodState.UID == uid }) + 1
}

// Whatever fix is written on whatever node, the orders before and after it are as it says: the engine judges the changed
// node anew.
func TestFixesMoveTheRanksAsTheySay(t *testing.T) {
	promises := map[string]int{}
	for seed := range uint64(2000) {
		n := factstest.Random(seed)
		for i := range n.Pods {
			n.Pods[i].Production, n.Pods[i].Critical = true, i%3 == 0
			if i%4 == 0 {
				n.Pods[i].Workload = facts.Workload{Kind: "Deployment", Name: "web"}
			}
		}
		c, groups := hits(n, factstest.Policy())
		for _, g := range groups {
			if tx := rules[g.key.rule].text(c, &g.hit); tx.change != nil {
				promises[rules[g.key.rule].name] += check(t, c, g.hit.pod, tx)
			}
		}
	}
	for _, name := range []string{
		"CriticalNotGuaranteed", "CriticalWithoutPriority", "PriorityNotHonoredByKernel", "UsageAboveRequest",
		"BestEffortPod", "NegligibleRequest",
	} {
		if promises[name] == 0 {
			t.Errorf("%s: no fix promised anything", name)
		}
	}
	t.Log(promises)
}

// With its fix, a pod does not have the finding any more.
func TestFixesClearTheirFindings(t *testing.T) {
	calm := guaranteedPod("calm", giB, 100*miB)
	for name, tc := range map[string]struct {
		node *facts.Node
		rule string
	}{
		"nothing requested":        {node(calm, factstest.Pod("a").Running(0, 200*miB)), "BestEffortPod"},
		"critical":                 {node(calm, limited("a", giB, 2*giB, 100*miB).Critical().Priority(100000)), "CriticalNotGuaranteed"},
		"critical, no priority":    {node(calm, guaranteedPod("a", giB, 100*miB).Critical()), "CriticalWithoutPriority"},
		"first for the kernel":     {node(calm, limited("a", giB, 2*giB, 100*miB).Priority(100000)), "PriorityNotHonoredByKernel"},
		"only cpu":                 {node(calm, limited("a", giB, giB, 100*miB)), "AlmostGuaranteed"},
		"negligible":               {node(calm, limited("a", 100*miB, giB, 400*miB)), "NegligibleRequest"},
		"over its request":         {node(calm, limited("a", giB, 4*giB, 1100*miB)), "UsageAboveRequest"},
		"over, and near its limit": {node(calm, limited("a", 100*miB, 400*miB, 330*miB)), "UsageAboveRequest"},
		"over in its second container": {node(calm, factstest.Pod("a").QOS(facts.Burstable).
			Container(container("log", facts.Regular, 64*miB, giB), 20*miB).
			Container(container("app", facts.Regular, 64*miB, giB), 500*miB).WorkingSet(520*miB).
			Edit(func(p *facts.Pod) { p.Request = 128 * miB })), "UsageAboveRequest"},
		"over, with a large init container": {node(calm, factstest.Pod("a").QOS(facts.Burstable).
			Container(facts.Container{Name: "setup", Kind: facts.Init, Request: 256 * miB}, facts.Unknown).
			Container(container("app", facts.Regular, 64*miB, giB), 500*miB).WorkingSet(500*miB).
			Edit(func(p *facts.Pod) { p.Request = 256 * miB })), "UsageAboveRequest"},
		"over, with resources of the pod's own": {
			node(calm, limited("a", 64*miB, giB, 900*miB).Edit(func(p *facts.Pod) { p.Request, p.Limit = 512*miB, giB })), "UsageAboveRequest",
		},
		"over, with overhead": {
			node(calm, limited("a", 64*miB, giB, 900*miB).Edit(func(p *facts.Pod) { p.Request = 164 * miB })), "UsageAboveRequest",
		},
		"a heavy sidecar": {node(calm, factstest.Pod("a").QOS(facts.Burstable).
			Container(container("proxy", facts.Sidecar, 800*miB, giB), 700*miB).
			Container(container("app", facts.Regular, giB, 2*giB), 200*miB).WorkingSet(900*miB).
			Edit(func(p *facts.Pod) { p.Request = giB + 800*miB })), "SidecarOutweighsMain"},
		"a sidecar of a larger main": {node(calm, factstest.Pod("a").QOS(facts.Burstable).
			Container(container("proxy", facts.Sidecar, 800*miB, giB), 700*miB).
			Container(container("app", facts.Regular, 6*giB, 7*giB), 200*miB).WorkingSet(900*miB).
			Edit(func(p *facts.Pod) { p.Request = 6*giB + 800*miB })), "SidecarOutweighsMain"},
	} {
		t.Run(name, func(t *testing.T) {
			c, groups := hits(tc.node, factstest.Policy())
			i := slices.IndexFunc(groups, func(g *group) bool { return rules[g.key.rule].name == tc.rule })
			if i < 0 {
				t.Fatalf("%s is not found", tc.rule)
			}
			tx := rules[groups[i].key.rule].text(c, &groups[i].hit)
			t.Log(tx.fix)
			if tx.change == nil {
				t.Fatalf("%q changes nothing", tx.fix)
			}
			check(t, c, groups[i].hit.pod, tx)
			then := after(c, groups[i].hit.pod, tx.change)
			left, _ := Find(&then, c.p, &History{})
			for _, f := range left {
				if f.Rule == tc.rule {
					t.Errorf("%q, but then: %s %s", tx.fix, f.Message, f.Fix)
				}
			}
			for _, k := range then.Node.Pods[1].Containers {
				if k.Limit > 0 && k.Request > k.Limit {
					t.Errorf("%q lets %s request %d of a limit of %d: the API refuses that", tx.fix, k.Name, k.Request, k.Limit)
				}
			}
		})
	}
}

// The culprit of the story, with the request that its fix names, is whom the kernel takes first; with a step more it is
// not.
func TestShieldedCulpritsFixMakesItFirst(t *testing.T) {
	n := node(factstest.Pod("payments").Running(0, 200*miB).Critical(), limited("pipeline", 8*giB, 12*giB, 8*giB).Growth(6*giB))
	c, groups := hits(n, factstest.Policy())
	tx := rules[groups[0].key.rule].text(c, &groups[0].hit)
	if tx.fix != "requests.memory 7936Mi: eviction rank 2 -> 1, OOM rank 2 -> 1." {
		t.Errorf("%q", tx.fix)
	}
	check(t, c, groups[0].hit.pod, tx)
	if more := after(c, groups[0].hit.pod, whatif.Request("app", (7936+256)*miB)); rankIn(&more, "OOM", "pipeline") == 1 {
		t.Error("a larger request would do")
	}
}

// So it is whatever the culprit requests and uses, Guaranteed or not, where a request can do it.
func TestShieldedCulpritsFixesMakeThemFirst(t *testing.T) {
	promises := 0
	for request := 2 * giB; request <= 14*giB; request += 512 * miB {
		for _, usage := range []int64{giB, 3 * giB, 8 * giB, 12 * giB} {
			for _, culprit := range []*factstest.PodBuilder{
				limited("pipeline", request, 15*giB, usage), guaranteedPod("pipeline", request, usage),
			} {
				c, groups := hits(node(factstest.Pod("payments").Running(0, 200*miB), culprit.Growth(usage-100*miB)), factstest.Policy())
				for _, g := range groups {
					if rules[g.key.rule].name != "ShieldedCulprit" {
						continue
					}
					tx := rules[g.key.rule].text(c, &g.hit)
					if tx.change == nil {
						continue
					}
					promises += check(t, c, g.hit.pod, tx)
					if then := after(c, g.hit.pod, tx.change); rankIn(&then, "OOM", "pipeline") != 1 {
						t.Errorf("%q, but the kernel takes another first", tx.fix)
					}
				}
			}
		}
	}
	if promises < 20 {
		t.Errorf("only %d promises", promises)
	}
}

// Where no request makes a sidecar lighter than what it serves, none is named.
func TestASidecarThatNoRequestMakesLighter(t *testing.T) {
	pod := func(limit int64) *factstest.PodBuilder {
		return factstest.Pod("a").QOS(facts.Burstable).
			Container(container("proxy", facts.Sidecar, giB, limit), 14*giB).
			Container(container("app", facts.Regular, 15*giB, 15*giB), 100*miB).WorkingSet(14*giB + 100*miB).
			Edit(func(p *facts.Pod) { p.Request = 16 * giB })
	}
	for limit, want := range map[int64]string{
		0:        "Give proxy a limits.memory of its own, so that it is not the node's to pay for.",
		15 * giB: "Reduce what proxy uses: no request makes it weigh less than app.",
	} {
		c, groups := hits(node(pod(limit)), factstest.Policy())
		i := slices.IndexFunc(groups, func(g *group) bool { return rules[g.key.rule].name == "SidecarOutweighsMain" })
		if tx := rules[groups[i].key.rule].text(c, &groups[i].hit); tx.fix != want || tx.change != nil {
			t.Errorf("limit %dGi: %q", limit/giB, tx.fix)
		}
	}
}

// A fix never lowers a limit, a soft threshold is above the hard one, and what several containers lack is not said of one.
func TestFixesAreNoStepBack(t *testing.T) {
	calm := guaranteedPod("calm", giB, 100*miB)
	half := factstest.Policy()
	half.NearLimitPercent = 50
	generous := node(calm)
	generous.Config = &facts.KubeletConfig{
		EvictionHard: facts.Threshold{Set: true, Bytes: 2 * giB}, KubeReserved: giB, SystemReserved: giB,
	}
	app, log := container("app", facts.Regular, giB, giB), container("log", facts.Regular, giB, giB)
	twoOdd := factstest.Pod("a").QOS(facts.Burstable).Container(app, 50*miB).Container(log, 50*miB).WorkingSet(100 * miB).
		Edit(func(p *facts.Pod) { p.Request = 2 * giB })
	for name, tc := range map[string]struct {
		node   *facts.Node
		policy *facts.Policy
		want   string
	}{
		"near means half":             {node(calm, limited("a", giB, 2*giB, giB+16*miB)), half, "limits.memory 2176Mi (then at 47%), or find what grows."},
		"a generous hard threshold":   {generous, factstest.Policy(), "evictionSoft memory.available 2240Mi with evictionSoftGracePeriod 1m30s."},
		"the cpu of two containers":   {node(calm, twoOdd), factstest.Policy(), "app and 1 more: set cpu requests and limits equal: OOM rank 1 -> last."},
		"a request beyond the limit":  {node(calm, limited("a", 3*giB/2, 3*giB/2+miB, 3*giB/2+100*miB)), factstest.Policy(), "requests.memory 2Gi, limits.memory 2Gi."},
		"the container that lacks it": {node(calm, factstest.Pod("a").QOS(facts.Burstable).Container(container("log", facts.Regular, 64*miB, giB), 20*miB).Container(container("app", facts.Regular, giB, 4*giB), 3*giB).WorkingSet(3*giB+20*miB).Edit(func(p *facts.Pod) { p.Request = giB + 64*miB })), factstest.Policy(), "app: requests.memory 3840Mi."},
	} {
		t.Run(name, func(t *testing.T) {
			var fixes []string
			for _, f := range find(tc.node, tc.policy, &History{}) {
				fixes = append(fixes, f.Fix)
			}
			if !slices.ContainsFunc(fixes, func(fix string) bool { return strings.HasPrefix(fix, tc.want) }) {
				t.Errorf("no %q in %q", tc.want, fixes)
			}
		})
	}
}

// Names as long as they may be, 110 replicas and amounts as large as there are leave every text whole.
func TestTextsFitWithLongNamesAndHugeAmounts(t *testing.T) {
	rendered := map[string]bool{}
	for seed := range uint64(1000) {
		n := factstest.Random(seed)
		for i := range n.Pods {
			p := &n.Pods[i]
			p.Production, p.Critical, p.Growth = true, i%2 == 0, max(p.WorkingSet/2, 0)
			p.Name += strings.Repeat("-long", 49)
			if seed%2 == 0 {
				p.Priority = 2000000000 - 1
			}
			for k := range p.Containers {
				p.Containers[k].Name += strings.Repeat("-long", 12)
				p.Containers[k].CPURequest = int64(1<<50 + k)
			}
		}
		policy := factstest.Policy()
		policy.MinPriority = 1000000000
		c, groups := hits(n, policy)
		for _, g := range groups {
			tx := rules[g.key.rule].text(c, &g.hit)
			rendered[rules[g.key.rule].name] = true
			for _, s := range []string{plural(110) + tx.message, tx.fix} {
				if len(s) > maxText {
					t.Errorf("seed %d: %s: %d characters: %s", seed, rules[g.key.rule].name, len(s), s)
				}
			}
		}
	}
	t.Logf("rules rendered: %d", len(rendered))
}

func TestCut(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"fits":                  {strings.Repeat("a", maxText), strings.Repeat("a", maxText)},
		"never within a number": {strings.Repeat("a", 150) + " 123456789Mi more", strings.Repeat("a", 150) + "..."},
		"nor within a rune":     {strings.Repeat("é", 100), strings.Repeat("é", 78) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := cut(tc.text); got != tc.want || len(got) > maxText {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestSuggestedRequests(t *testing.T) {
	for usage, want := range map[int64]int64{
		0: 32 * miB, miB: 32 * miB, 200 * miB: 256 * miB, 820 * miB: 1056*miB + 32*miB, giB: 1280 * miB, 8 * giB: 10 * giB,
	} {
		if got := suggest(usage); got != want {
			t.Errorf("suggest(%dMi) = %dMi, want %dMi", usage/miB, got/miB, want/miB)
		}
	}
}

// With the fix, the pod requests what it should in all, wherever that has to be written.
func TestRequestFor(t *testing.T) {
	for name, tc := range map[string]struct {
		pod       *factstest.PodBuilder
		container int
		want      int64 // that container's request
	}{
		"one container": {limited("a", 64*miB, giB, 400*miB), 0, 512 * miB},
		"the second lacks it": {factstest.Pod("a").
			Container(container("log", facts.Regular, 64*miB, giB), 20*miB).
			Container(container("app", facts.Regular, 64*miB, giB), 500*miB).
			Edit(func(p *facts.Pod) { p.Request = 128 * miB }), 1, 448 * miB},
		"the first lacks it": {factstest.Pod("a").
			Container(container("app", facts.Regular, 64*miB, giB), 500*miB).
			Container(container("log", facts.Regular, 64*miB, giB), 20*miB).
			Edit(func(p *facts.Pod) { p.Request = 128 * miB }), 0, 448 * miB},
		"nobody knows who": {factstest.Pod("a").
			Container(container("proxy", facts.Sidecar, 64*miB, giB), facts.Unknown).
			Container(container("app", facts.Regular, 64*miB, giB), facts.Unknown).
			Edit(func(p *facts.Pod) { p.Request = 128 * miB }), 1, 448 * miB},
		"after a large init container": {factstest.Pod("a").
			Container(facts.Container{Name: "setup", Kind: facts.Init, Request: 256 * miB}, facts.Unknown).
			Container(container("app", facts.Regular, 64*miB, giB), 400*miB).
			Edit(func(p *facts.Pod) { p.Request = 256 * miB }), 1, 512 * miB},
		"with overhead": {limited("a", 64*miB, giB, 400*miB).Edit(func(p *facts.Pod) { p.Request = 192 * miB }), 0, 384 * miB},
	} {
		t.Run(name, func(t *testing.T) {
			p := tc.pod.State()
			_, ch := requestFor(&p, 512*miB)
			got := whatif.Changed(&p, &p, ch)
			if got.Request != 512*miB || got.Containers[tc.container].Request != tc.want {
				t.Errorf("the pod requests %dMi, its container %dMi; want 512Mi and %dMi",
					got.Request/miB, got.Containers[tc.container].Request/miB, tc.want/miB)
			}
		})
	}
}
