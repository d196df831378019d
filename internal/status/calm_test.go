package status

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// noisyNode is a node of 30 pods whose readings vary around levels, as the scenario of the 5,000 nodes has it
// (test/cluster/scenarios/large.yaml), with the growth and peak that ten minutes of readings show.
type noisyNode struct {
	random *rand.Rand
	pods   []*noisyPod
	now    time.Time
	// capacity of the node in bytes. system is what daemons use.
	capacity, system int64
	// levels is a factor of all levels.
	level float64
}

type noisyPod struct {
	*factstest.PodBuilder
	containers []noisyContainer
	read       []facts.Sample
}

type noisyContainer struct {
	facts.Container
	level int64
	noise float64
}

func newNoisyNode(seed uint64, workers int64) *noisyNode {
	n := &noisyNode{
		random: rand.New(rand.NewPCG(seed, 1)), now: factstest.Now, capacity: 64 * giB, system: 1450 * miB, level: 1,
	}
	n.add("web", 10, 0, noisy("app", 1024, 2048, 1100, 0.05), noisy("istio-proxy", 64, 256, 90, 0.05))
	n.add("checkout", 3, 100_000, noisy("app", 512, 0, 700, 0.05))
	n.add("cache", 2, 0, noisy("redis", 4096, 4096, 3072, 0.02))
	n.add("worker", 8, 0, noisy("worker", 2048, 4096, workers, 0.03))
	n.add("batch", 3, 0, noisy("batch", 0, 0, 300, 0.10))
	n.add("node-exporter", 1, 0, noisy("exporter", 64, 128, 40, 0))
	n.add("fluent-bit", 1, 0, noisy("fluent-bit", 128, 0, 160, 0.05))
	n.add("cilium", 1, 2_000_001_000, noisy("cilium-agent", 256, 0, 500, 0.03))
	n.add("kube-proxy", 1, 2_000_001_000, noisy("kube-proxy", 0, 0, 70, 0))
	return n
}

func noisy(name string, request, limit, level int64, noise float64) noisyContainer {
	started := factstest.Now.Add(-time.Hour).UnixNano()
	return noisyContainer{
		facts.Container{Name: name, Running: true, Request: request * miB, Limit: limit * miB, Started: started}, level * miB, noise,
	}
}

func (n *noisyNode) add(workload string, count int, priority int32, containers ...noisyContainer) {
	for i := range count {
		b := factstest.Pod(fmt.Sprintf("%s-7d9c8b6f5-%05d", workload, i)).Priority(priority).Edit(func(p *facts.Pod) {
			p.Workload = facts.Workload{Kind: "Deployment", Name: workload}
			p.Exempt = priority >= facts.SystemCriticalPriority
			for _, c := range containers {
				p.Request += c.Request
				p.Containers = append(p.Containers, c.Container)
			}
			if p.Request > 0 {
				p.QOS = facts.Burstable
			}
		})
		if priority == 100_000 {
			b.Critical()
		}
		n.pods = append(n.pods, &noisyPod{PodBuilder: b, containers: containers})
	}
}

// read is the node half a minute later.
func (n *noisyNode) read() *facts.Node {
	n.now = n.now.Add(30 * time.Second)
	out := factstest.Node(n.capacity)
	out.Config = &facts.KubeletConfig{
		EvictionHard: facts.Threshold{Set: true, Bytes: 500 * miB}, KubeReserved: 2 * giB, PodsEnforced: true,
	}
	out.Allocatable -= 2*giB + 500*miB
	for _, p := range n.pods {
		out.Pods = append(out.Pods, p.state(n))
		out.Usage.WorkingSet += out.Pods[len(out.Pods)-1].WorkingSet
	}
	out.Usage.PodsWorkingSet = out.Usage.WorkingSet
	out.Usage.WorkingSet += n.vary(n.system, 0.02)
	out.Usage.Available = out.Capacity - out.Usage.WorkingSet
	out.Usage.Source, out.Usage.ObservedAt, out.Usage.MeasuredAt = facts.SourceKubelet, n.now, n.now
	return out
}

func (n *noisyNode) vary(level int64, noise float64) int64 {
	return int64(float64(level) * n.level * (1 + noise*(2*n.random.Float64()-1)))
}

func (p *noisyPod) state(n *noisyNode) facts.PodState {
	s := p.PodBuilder.State()
	s.WorkingSet, s.Usage = 0, nil
	for _, c := range p.containers {
		ws := n.vary(c.level, c.noise)
		s.WorkingSet += ws
		s.Usage = append(s.Usage, facts.ContainerUsage{WorkingSet: ws, RSS: ws * 9 / 10, Swap: facts.Unknown})
	}
	for len(p.read) > 0 && n.now.Unix()-p.read[0].At > 600 {
		p.read = p.read[1:]
	}
	if last := len(p.read) - 1; last < 1 || p.read[last].At-p.read[last-1].At >= 75 {
		p.read = append(p.read, facts.Sample{})
	}
	p.read[len(p.read)-1] = facts.Sample{At: n.now.Unix(), WorkingSet: s.WorkingSet}
	s.Growth, s.GrowthKnown = s.WorkingSet-p.read[0].WorkingSet, len(p.read) > 1
	s.History = slices.Clone(p.read)
	for _, r := range p.read {
		s.Peak = max(s.Peak, r.WorkingSet)
	}
	return s
}

// Where there is no danger, readings that vary by up to a tenth around their levels write nothing, once ten minutes of them
// are known: neither at half of the node's memory nor at three quarters, with containers at three quarters of their limits.
func TestNoiseFarFromDangerWritesNothing(t *testing.T) {
	for _, workers := range []int64{1024, 3072} {
		for _, seed := range []uint64{1, 9, 18} { // the last two once foretold kills, hours away
			n, h, policy := newNoisyNode(seed, workers), History{}, factstest.Policy()
			var current *v1alpha1.NodeKillOrderStatus
			for tick := range 80 {
				h.SetPublished(current)
				_, next := Judge(n.read(), policy, &h, policy.TopN, 1, n.now)
				if current != nil && sameContent(current, &next) {
					continue
				}
				if tick > 25 {
					d := cmp.Diff(timeless(current), timeless(&next))
					t.Fatalf("workers %dMi, seed %d, tick %d writes:\n%s", workers, seed, tick, d)
				}
				current = &next
			}
		}
	}
}

// However calm the node was, a reading that brings it into danger is seen at once: what is said of the memory that is left,
// and whether that is little, is what it would be without calm; and the orders of a node in danger are off by no more than
// the Band.
func FuzzNoDangerGoesUnseen(f *testing.F) {
	seeds(f, 4)
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		n, policy := newNoisyNode(seed, 1024), factstest.Policy()
		var s *v1alpha1.NodeKillOrderStatus
		for range 60 {
			n.level = 0.5 + 1.6*r.Float64()
			read := n.read()
			prev := s
			if prev == nil {
				prev = &v1alpha1.NodeKillOrderStatus{}
			}
			exact := engine.Evaluate(read, policy, n.now)
			v, _ := settle(&exact, policy, prev, Challenger{})
			memory := exact
			if prev.Memory != nil {
				memory.Memory = settleMemory(&exact, prev)
			}
			if d := cmp.Diff(memory.Memory, v.Memory); d != "" {
				t.Fatalf("calm changes what is left of the memory:\n%s", d)
			}
			if v.Outlook.NearerIsLow && v.Calm.Widened != 0 {
				t.Fatalf("headroom is low, and the band is widened by %d%%", v.Calm.Widened)
			}
			next := statusOf(&v, policy, prev, policy.TopN, 1, n.now)
			if err := aheadOfClearlyWorse(&v, &next); err != nil {
				t.Fatal(err)
			}
			s = &next
		}
	})
}

// aheadOfClearlyWorse says which pod of the published eviction order stands after one that its readings put behind it, by
// more than the band of a node so calm.
func aheadOfClearlyWorse(v *engine.Verdict, s *v1alpha1.NodeKillOrderStatus) error {
	at := map[string]*evict.Victim{}
	for i := range v.Eviction {
		at[v.Eviction[i].UID] = &v.Eviction[i]
	}
	for i := range s.EvictionOrder {
		for _, later := range s.EvictionOrder[i+1:] {
			a, b := at[string(s.EvictionOrder[i].UID)], at[string(later.UID)]
			band := v.Calm.BandOf(a.PodState, b.PodState)
			if over := b.Over() - a.Over(); evict.CompareClass(a, b) == 0 && over > band(max(a.Usage, b.Usage)) {
				return fmt.Errorf("%s stands after %s but uses %d bytes more", later.Pod, a.Name, over)
			}
		}
	}
	return nil
}
