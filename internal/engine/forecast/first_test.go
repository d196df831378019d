package forecast

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// steadily gives a pod a history of nine minutes that ends at its working set, at so many Mi a minute.
func steadily(p *facts.PodState, perMinute int64) {
	with(p, func(minutesAgo int64) int64 { return p.WorkingSet - perMinute*minutesAgo*miB })
}

// with gives a pod a history of ten readings, a minute apart.
func with(p *facts.PodState, used func(minutesAgo int64) int64) {
	p.History = nil
	for ago := int64(9); ago >= 0; ago-- {
		p.History = append(p.History, facts.Sample{At: factstest.Now.Unix() - 60*ago, WorkingSet: max(used(ago), 0)})
	}
	p.Growth, p.GrowthKnown = p.WorkingSet-p.History[0].WorkingSet, true
}

// steadyNode is one of 16Gi whose threshold is 100Mi. Each pod has a request and usage in Mi, and grows by so many Mi a minute.
func steadyNode(pods map[string][3]int64) *facts.Node {
	n := factstest.Node(16 * giB)
	n.Allocatable -= 100 * miB
	for _, name := range []string{"a", "b", "c", "d"} {
		if p, ok := pods[name]; ok {
			state := factstest.Pod(name).Running(p[0]*miB, p[1]*miB).State()
			steadily(&state, p[2])
			n.Pods = append(n.Pods, state)
			n.Usage.WorkingSet += p[1] * miB
		}
	}
	return n
}

func foreseen(n *facts.Node) string {
	v := engine.Evaluate(n, factstest.Policy(), factstest.Now)
	Predict(&v, &History{}, factstest.Now)
	f := &v.Forecast
	if f.Killer == engine.None {
		return "none"
	}
	return fmt.Sprintf("%s of %s in %s", [...]string{"", "eviction", "oom", "limit"}[f.Killer], f.Victim.Name, f.In)
}

func TestFirst(t *testing.T) {
	edit := func(n *facts.Node, change func(*facts.Node)) *facts.Node { change(n); return n }
	// 16284Mi - 8184Mi are 8100Mi to the threshold, at 90Mi a minute 90 minutes.
	overtaking := func() *facts.Node {
		return steadyNode(map[string][3]int64{"a": {0, 3000, 0}, "b": {0, 2184, 90}, "c": {3000, 3000, 0}})
	}
	for name, tc := range map[string]struct {
		n    *facts.Node
		want string
	}{
		"nothing grows": {n: steadyNode(map[string][3]int64{"a": {0, 3000, 0}, "b": {0, 2184, 0}}), want: "none"},
		"the pod that grows will be first": {
			n: overtaking(), want: "eviction of b in 1h30m0s",
		},
		"the pod that grows stays within its request": {
			n: steadyNode(map[string][3]int64{"a": {0, 3000, 0}, "b": {12000, 2184, 90}, "c": {3000, 3000, 0}}), want: "eviction of a in 1h30m0s",
		},
		"the pod that grows gets above its request on the way": {
			n: steadyNode(map[string][3]int64{"a": {0, 3000, 0}, "b": {6000, 2184, 90}, "c": {3000, 3000, 0}}), want: "eviction of b in 1h30m0s",
		},
		"two pods grow, the later first is the faster": {
			n: steadyNode(map[string][3]int64{"a": {0, 3000, 20}, "b": {0, 2184, 70}, "c": {3000, 3000, 0}}), want: "eviction of b in 1h30m0s",
		},
		"its own limit comes sooner": {
			n:    edit(overtaking(), func(n *facts.Node) { n.Pods[1].Containers[0].Limit = 3084 * miB }),
			want: "limit of b in 10m0s",
		},
		"the pod's own limit comes sooner": {
			n: edit(overtaking(), func(n *facts.Node) { n.Pods[1].Limit = 3084 * miB }), want: "limit of b in 10m0s",
		},
		"a limit that only page cache fills is none": {
			n: edit(overtaking(), func(n *facts.Node) {
				n.Pods[1].Containers[0].Limit, n.Pods[1].Usage[0].RSS = 3084*miB, 1
			}), want: "eviction of b in 1h30m0s",
		},
		"nobody is evicted: the kernel": {
			n: edit(overtaking(), func(n *facts.Node) { n.DroppedBy = "k3s" }), want: "oom of b in 1h30m0s",
		},
		"a soft threshold and its grace period": {
			n: edit(overtaking(), func(n *facts.Node) {
				n.Config = &facts.KubeletConfig{
					EvictionHard: facts.Threshold{Set: true, Bytes: 100 * miB},
					EvictionSoft: facts.Threshold{Set: true, Bytes: 1000 * miB}, SoftGrace: time.Minute,
				}
			}), want: "eviction of b in 1h21m0s",
		},
		"growth within noise": {
			n: steadyNode(map[string][3]int64{"a": {0, 3000, 0}, "b": {0, 2184, 1}}), want: "none",
		},
		"growth that comes and goes": {
			n: edit(overtaking(), func(n *facts.Node) {
				p := &n.Pods[1]
				with(p, func(ago int64) int64 { return p.WorkingSet - (500+600*(ago%2))*miB*min(ago, 1) })
			}), want: "none",
		},
		"readings of two minutes only": {
			n: edit(overtaking(), func(n *facts.Node) { n.Pods[1].History = n.Pods[1].History[7:] }), want: "none",
		},
		"beyond the horizon": {
			n: steadyNode(map[string][3]int64{"a": {0, 3000, 0}, "b": {0, 300, 3}}), want: "none",
		},
		"a killer is due already": {
			n: edit(overtaking(), func(n *facts.Node) { n.Usage.WorkingSet = 16300 * miB }), want: "none",
		},
		"another pod grows unsteadily, and may be at its limit before": {
			n: edit(overtaking(), func(n *facts.Node) {
				p := &n.Pods[0]
				p.Containers[0].Limit = 3100 * miB
				with(p, func(ago int64) int64 { return p.WorkingSet - (500+600*(ago%2))*miB*min(ago, 1) })
			}), want: "none",
		},
		"the container that uses most is the one that grows": {
			n: edit(overtaking(), func(n *facts.Node) {
				p := &n.Pods[1]
				p.Containers = append(p.Containers, facts.Container{Name: "side", Running: true, Limit: 100 * miB})
				p.Usage = append(p.Usage, facts.ContainerUsage{WorkingSet: 90 * miB, RSS: 90 * miB, Swap: facts.Unknown})
			}), want: "eviction of b in 1h30m0s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := foreseen(tc.n); got != tc.want {
				t.Errorf("%s; want %s", got, tc.want)
			}
		})
	}
}

// randomSteady is a node of pods that grow, each by its own slope, or not at all.
func randomSteady(r *rand.Rand, growing bool) *facts.Node {
	n := factstest.Node(16 * giB)
	n.Allocatable -= r.Int64N(600) * miB
	for i := range 3 + r.IntN(8) {
		b := factstest.Pod(fmt.Sprint("pod-", i)).Running(r.Int64N(3)*r.Int64N(giB), 20*miB+r.Int64N(giB)).Priority(r.Int32N(3))
		if r.IntN(3) == 0 {
			b.Edit(func(p *facts.Pod) { p.Containers[0].Limit = 2*giB + r.Int64N(giB) })
		}
		p := b.State()
		if growing && r.IntN(2) == 0 {
			steadily(&p, 1+r.Int64N(100))
		}
		n.Pods = append(n.Pods, p)
		n.Usage.WorkingSet += p.WorkingSet
	}
	return n
}

func forecastOf(n *facts.Node) (engine.Forecast, engine.Verdict) {
	v := engine.Evaluate(n, factstest.Policy(), factstest.Now)
	Predict(&v, &History{}, factstest.Now)
	return v.Forecast, v
}

// Where nothing grows there is no forecast: the next kill is all that is said.
func TestPropertyNoGrowthNoForecast(t *testing.T) {
	random(t, 300, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		if f, _ := forecastOf(randomSteady(r, false)); f.Killer != engine.None {
			t.Errorf("%+v", f)
		}
	})
}

// A forecast changes nothing of what it reads, comes within the Horizon, and no pod of its order uses more than its limit or
// less than now.
func TestPropertyForecastsAreWellFormed(t *testing.T) {
	some := 0
	random(t, 500, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		seed := r.Uint64()
		n, same := randomSteady(rand.New(rand.NewPCG(seed, 1)), true), randomSteady(rand.New(rand.NewPCG(seed, 1)), true)
		f, v := forecastOf(n)
		if !reflect.DeepEqual(n, same) {
			t.Error("the node is another one")
		}
		if f.Killer == engine.None {
			return
		}
		some++
		if f.In <= 0 || f.In > Horizon || f.Victim == nil || !f.MayBe(f.Victim.Pod) {
			t.Errorf("%s of %v in %s", [...]string{"", "eviction", "oom", "limit"}[f.Killer], f.Victim, f.In)
		}
		if (f.Killer == engine.Eviction) != (len(f.Eviction) == len(v.Eviction)) || (f.Killer == engine.OOM) != (len(f.OOM) == len(v.OOM)) {
			t.Errorf("%d and %d in the orders; %d and %d at present", len(f.Eviction), len(f.OOM), len(v.Eviction), len(v.OOM))
		}
		now := map[string]int64{}
		for i := range n.Pods {
			now[n.Pods[i].Name] = n.Pods[i].WorkingSet
		}
		for i := range f.Eviction {
			e := &f.Eviction[i]
			if limit := e.Containers[0].Limit; e.WorkingSet < now[e.Name] || (limit > 0 && e.WorkingSet > limit) {
				t.Errorf("%s uses %d, now %d, limit %d", e.Name, e.WorkingSet, now[e.Name], limit)
			}
		}
	})
	if some < 100 {
		t.Errorf("only %d forecasts", some)
	}
}

// Where every pod grows half as fast, the first kill comes no sooner. Less room under a limit never makes the first kill come
// later.
func TestPropertyFasterIsSooner(t *testing.T) {
	random(t, 500, func(t *testing.T, r *rand.Rand) {
		t.Helper()
		n := randomSteady(r, true)
		slow, _ := forecastOf(n)
		if slow.Killer == engine.None {
			return
		}
		tight := *n
		tight.Pods = slices.Clone(n.Pods)
		pod := *n.Pods[0].Pod
		pod.Containers = slices.Clone(pod.Containers)
		pod.Containers[0].Limit = n.Pods[0].WorkingSet + r.Int64N(giB)
		tight.Pods[0].Pod = &pod
		if f, _ := forecastOf(&tight); f.In > slow.In {
			t.Errorf("with a limit in %s, without in %s", f.In, slow.In)
		}
		for i := range n.Pods {
			p := &n.Pods[i]
			for s := range p.History {
				p.History[s].WorkingSet = p.WorkingSet - (p.WorkingSet-p.History[s].WorkingSet)/2
			}
			p.Growth /= 2
		}
		f, _ := forecastOf(n)
		if f.Killer == engine.None {
			return // half the growth is within noise, of one pod at least
		}
		if f.In < slow.In {
			t.Errorf("half as fast in %s, at full speed in %s", f.In, slow.In)
		}
	})
}
