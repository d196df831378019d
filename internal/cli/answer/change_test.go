package answer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/status"
)

// judgeNode judges a node by the default policy, at the time of its readings.
func judgeNode(n *facts.Node) *Node {
	p := extract.DefaultPolicy().Policy
	v, _ := status.Judge(n, &p, nil, 0, 0, n.Usage.ObservedAt)
	return &Node{Verdict: &v, Policy: &p, Now: n.Usage.ObservedAt}
}

// roomy is a random node with fresh readings and room for changes.
func roomy(seed uint64) *facts.Node {
	n := factstest.Random(seed)
	n.Capacity, n.Allocatable, n.Linux, n.NotLinux = 1024*facts.GiB, 1000*facts.GiB, true, ""
	n.Usage.Source, n.Usage.ObservedAt = facts.SourceKubelet, time.Unix(1000, 0)
	return n
}

// TestChangesKeepTheirPromise: on random nodes, a change that is called safe is safe once it is made, the ranks are those
// that are promised, and it fits.
func TestChangesKeepTheirPromise(t *testing.T) {
	safe, tried := 0, 0
	for seed := range uint64(400) {
		n := judgeNode(roomy(seed))
		for i := range n.Verdict.Node.Pods {
			p := &n.Verdict.Node.Pods[i]
			c, why := cheapest(n, p, []*Node{n})
			if why == "" {
				t.Errorf("seed %d, pod %s: no word why", seed, p.Name)
			}
			if c == nil {
				continue
			}
			tried++
			refused := whatif.Refused(p.Pod) != ""
			best, _ := pick(n, p, []*Node{n})
			of := whatif.Replicas(p.Pod)
			after := n.changed(whatif.Edit{Of: of, Change: best.change()})
			r := after.ranks(p.Pod)
			if c.EvictionRank != r.Eviction || c.OOMRank != r.OOM {
				t.Errorf("seed %d, pod %s: promised %d and %d, ranks are %d and %d", seed, p.Name, c.EvictionRank, c.OOMRank, r.Eviction, r.OOM)
			}
			if c.Safe {
				safe++
			}
			for k := range after.Verdict.Node.Pods {
				if q := &after.Verdict.Node.Pods[k]; c.Safe && of(q) && after.AtRisk(after.ranks(q.Pod)) {
					t.Errorf("seed %d, pod %s: %s is not safe", seed, p.Name, q.Name)
				}
				if q := after.Verdict.Node.Pods[k].Pod; of(&after.Verdict.Node.Pods[k]) && !refused && whatif.Refused(q) != "" {
					t.Errorf("seed %d, pod %s: the API server refuses it: %s", seed, p.Name, whatif.Refused(q))
				}
			}
		}
	}
	if safe < 20 || tried < 50 {
		t.Errorf("%d changes tried, %d safe: too few to mean anything", tried, safe)
	}
}

func TestCommandFor(t *testing.T) {
	const mi = facts.MiB
	app := set{container: "app", request: 256 * mi}
	for name, tc := range map[string]struct {
		pod         facts.Pod
		sets        []set
		want        string
		wantProblem string
	}{
		"a Deployment": {
			pod: facts.Pod{Namespace: "shop", Name: "web-1", Workload: facts.Workload{Kind: "Deployment", Name: "web"}}, sets: []set{app},
			want: "kubectl set resources deployment web -n shop -c app --requests=memory=256Mi",
		},
		"a limit that must rise": {
			pod:  facts.Pod{Namespace: "shop", Name: "web-1", Workload: facts.Workload{Kind: "StatefulSet", Name: "web"}},
			sets: []set{{container: "app", request: 256 * mi, limit: 256 * mi}},
			want: "kubectl set resources statefulset web -n shop -c app --requests=memory=256Mi --limits=memory=256Mi",
		},
		"two containers, one a sidecar": {
			pod:  facts.Pod{Namespace: "shop", Name: "web-1", Workload: facts.Workload{Kind: "Deployment", Name: "web"}},
			sets: []set{app, {container: "proxy", init: true, request: 64 * mi}},
			want: `kubectl patch deployment web -n shop -p '{"spec":{"template":{"spec":{` +
				`"containers":[{"name":"app","resources":{"requests":{"memory":"256Mi"}}}],` +
				`"initContainers":[{"name":"proxy","resources":{"requests":{"memory":"64Mi"}}}]}}}}'`,
		},
		"the pod's own resources, of a CronJob": {
			pod:  facts.Pod{Namespace: "shop", Name: "web-1", Workload: facts.Workload{Kind: "CronJob", Name: "web"}},
			sets: []set{{request: 256 * mi}},
			want: `kubectl patch cronjob web -n shop -p '{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"resources":{"requests":{"memory":"256Mi"}}}}}}}}'`,
		},
		"a bare pod": {
			pod: facts.Pod{Namespace: "shop", Name: "web", QOS: facts.Burstable}, sets: []set{app},
			want:        `kubectl patch pod web -n shop --subresource resize -p '{"spec":{"containers":[{"name":"app","resources":{"requests":{"memory":"256Mi"}}}]}}'`,
			wantProblem: "oom_score_adj, which the kernel goes by, changes at the container's restart only",
		},
		"a bare BestEffort pod": {
			pod: facts.Pod{Namespace: "shop", Name: "web"}, sets: []set{app},
			wantProblem: "it is a bare pod without any request: it must be created anew, since no resize may change the QoS class",
		},
		"a kind of somebody's own": {
			pod: facts.Pod{Namespace: "shop", Name: "web-1", Workload: facts.Workload{Kind: "Rollout", Name: "web"}}, sets: []set{app},
			wantProblem: "set it where Rollout web is defined: kubectl cannot change the template of its pods",
		},
		"an owner that is a shell command": {
			pod: facts.Pod{Namespace: "shop", Name: "web-1", Workload: facts.Workload{Kind: "Deployment", Name: "web; rm -rf ~"}}, sets: []set{app},
			wantProblem: "its names are none that a command may hold",
		},
		"an owner that is a flag": {
			pod: facts.Pod{Namespace: "shop", Name: "web-1", Workload: facts.Workload{Kind: "Deployment", Name: "--all"}}, sets: []set{app},
			wantProblem: "its names are none that a command may hold",
		},
	} {
		t.Run(name, func(t *testing.T) {
			command, problem := commandFor(&tc.pod, tc.sets)
			if diff := cmp.Diff([]string{tc.want, tc.wantProblem}, []string{command, problem}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
