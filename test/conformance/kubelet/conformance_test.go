package kubelet

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/killorder/killorder/internal/facts"
)

var (
	nodes  = flag.Int("nodes", 2000, "how many random nodes to judge, for each minor; -short makes it 200")
	seed   = flag.Uint64("seed", 0, "seed of the random nodes, random if 0")
	node   = flag.Int("node", -1, "judge the node of this number alone")
	minors = flag.String("minors", Newest, "Kubernetes minors whose kubelet judges, separated by commas")
)

// maxReports is how many differing nodes are shrunk and printed.
const maxReports = 3

func TestConformance(t *testing.T) {
	klog.SetLogger(logr.Discard()) // the operator's cache says when a watch ends
	if *seed == 0 {
		*seed = rand.Uint64N(1e9) + 1
	}
	for minor := range strings.SplitSeq(*minors, ",") {
		t.Run(minor, func(t *testing.T) { conformance(t, minor) })
	}
}

func conformance(t *testing.T, minor string) {
	t.Helper()
	fmt.Printf("kubelet %s: building its judge, which takes minutes the first time\n", minor)
	binary, err := BuildJudge(minor)
	if err != nil {
		t.Fatal(err)
	}
	c := court{t: t, binary: binary, traits: map[string]int{}}
	numbers := c.numbers()
	var clerks sync.WaitGroup
	for range min(runtime.NumCPU(), 8) {
		clerks.Go(func() { c.sit(numbers) })
	}
	clerks.Wait()
	c.report()
}

// court is one run against one kubelet.
type court struct {
	t      *testing.T
	binary string

	mu                                  sync.Mutex
	version                             string
	nodes, pods, orders, containers, ok int
	sequences                           int
	traits                              map[string]int
	reports                             atomic.Int32
}

// numbers of the nodes to judge.
func (*court) numbers() <-chan int {
	from, to := 0, *nodes
	switch {
	case *node >= 0:
		from, to = *node, *node+1
	case testing.Short():
		to = min(to, 200)
	}
	c := make(chan int, to-from)
	for i := from; i < to; i++ {
		c <- i
	}
	close(c)
	return c
}

// sit judges nodes with a judge of its own until there are no more.
func (c *court) sit(numbers <-chan int) {
	j, err := StartJudge(c.binary)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer func() {
		if err := j.Stop(); err != nil {
			c.t.Error(err)
		}
	}()
	for number := range numbers {
		if err := c.judge(number, j); err != nil {
			c.t.Errorf("node %d of seed %d: %v", number, *seed, err)
			return
		}
	}
}

func (c *court) judge(number int, j *Judge) error {
	n, err := Generate(*seed, number, j)
	if err != nil {
		return err
	}
	r, err := Compare(n, j)
	if err != nil {
		return err
	}
	c.count(n, r, j.Kubernetes)
	if len(r.Differences) == 0 {
		return nil
	}
	c.t.Errorf("node %d of seed %d differs: %s: %s", number, *seed, r.Differences[0].Kind, r.Differences[0].Text)
	if c.reports.Add(1) > maxReports {
		return nil
	}
	return c.shrink(number, n, r.Differences[0].Kind, j)
}

func (c *court) shrink(number int, n *Node, kind Kind, j *Judge) error {
	small := Shrink(n, func(n *Node) bool {
		r, err := Compare(n, j)
		return err == nil && r.Has(kind) // what the API server refuses is no smaller case
	})
	r, err := Compare(small, j)
	if err != nil {
		return err
	}
	header := fmt.Sprintf("kubelet %s: -seed %d -node %d, made small", j.Kubernetes, *seed, number)
	report, err := r.Report(small, header)
	c.t.Log("\n" + report)
	return err
}

func (c *court) count(n *Node, r *Result, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = version
	c.nodes++
	c.pods += r.Pods
	c.containers += r.Containers
	c.ok += r.Equal
	if !r.Has(EvictionOrder) && !r.Has(Ties) {
		c.orders++
	}
	if !r.Has(Sequence) {
		c.sequences++
	}
	c.traits["left out (see unknowable.go)"] += n.LeftOut
	for i := range n.Pods {
		p := &n.Pods[i]
		c.traits["pods "+string(p.Phase)]++
		for _, trait := range slices.Compact(slices.Sorted(slices.Values(p.Traits))) {
			c.traits[trait]++
		}
	}
}

// expected are the traits that must come up in a run of some size: one that tried nothing proves nothing.
var expected = []string{
	"annotated as if static", "created one minor ago", "ephemeral container", "finished", "initializing",
	"no container up but sidecars", "nothing created", "overhead", "pod-level cpu limit only", "pod-level cpu only",
	"pod-level guaranteed", "pod-level hugepages only", "pod-level memory limit only", "pod-level memory request",
	"pod-level memory request and limit", "pods Failed", "pods Pending", "pods Running", "pods Succeeded", "replica",
	"resize pending", "resized", "resized while running", "sidecar runs", "some containers down", "static",
	clusterCritical, nodeCritical, "terminating",
}

// possible reports whether a pod of that minor version may have the trait by default.
func possible(trait string, minor int) bool {
	switch {
	case strings.Contains(trait, "sidecar"):
		return minor >= sidecarSince
	case strings.HasPrefix(trait, "resize"):
		return minor >= resizeSince
	case strings.HasPrefix(trait, "pod-level"):
		return minor >= podLevelSince
	}
	return true
}

// report prints the figures.
func (c *court) report() {
	for _, trait := range expected {
		if c.nodes >= 100 && c.traits[trait] == 0 && possible(trait, facts.Minor(c.version)) {
			c.t.Errorf("no pod with the trait %q came up", trait)
		}
	}
	covered := make([]string, 0, len(c.traits))
	for _, trait := range slices.Sorted(maps.Keys(c.traits)) {
		covered = append(covered, fmt.Sprintf("%s %d", trait, c.traits[trait]))
	}
	fmt.Printf("kubelet %s: among them: %s\n", c.version, strings.Join(covered, ", "))
	fmt.Printf("kubelet %s: %d nodes, %d pods, eviction order equal on %d of %d, simulated sequence equal on %d of %d, "+
		"oom_score_adj equal on %d of %d containers (seed %d)\n",
		c.version, c.nodes, c.pods, c.orders, c.nodes, c.sequences, c.nodes, c.ok, c.containers, *seed)
}
