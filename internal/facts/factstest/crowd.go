package factstest

import (
	"fmt"
	"math/rand/v2"

	"github.com/killorder/killorder/internal/facts"
)

// Crowded is a 64 GiB node of that many pods of two containers each, of every class and several priorities, all
// but a few of them running and read. It is the same each time.
func Crowded(pods int) *facts.Node {
	r := rand.New(rand.NewPCG(1, uint64(pods)))
	builders := make([]*PodBuilder, pods)
	for i := range builders {
		builders[i] = crowdPod(r, i)
	}
	n := Node(64*GiB, builders...)
	n.Allocatable -= 100 * MiB
	return n
}

// Generated is Crowded with names of 37 characters and UIDs of 36, as generated ones have, all in production.
func Generated(pods int) *facts.Node {
	n := Crowded(pods)
	for i := range n.Pods {
		p := n.Pods[i].Pod
		p.Name = fmt.Sprintf("%-.21s-%09d-x%04d", p.Name+"-services-a", i, i)
		p.UID = fmt.Sprintf("6f0c2a4e-1b3d-4c5e-8f70-91a2b3c4d%03d", i)
		n.Pods[i].Production = true
	}
	return n
}

func crowdPod(r *rand.Rand, i int) *PodBuilder {
	b := Pod(fmt.Sprintf("workload-%02d-7d9c8b6f5-%05d", i/3, i)).Namespace(fmt.Sprintf("team-%d", i%7))
	b.Priority([]int32{0, 0, 0, 1000, 100000}[r.IntN(5)]).Growth(r.Int64N(256 * MiB))
	if i%20 == 19 {
		return b.Waiting(r.Int64N(GiB))
	}
	class := facts.QOS(i % 3)
	for _, name := range []string{"app", "proxy"} {
		request := int64(class) * r.Int64N(512*MiB) // BestEffort requests nothing
		usage := r.Int64N(600 * MiB)
		c := facts.Container{Name: name, Running: true, Request: request, Limit: 2 * request, Started: Now.UnixNano()}
		b.Container(c, usage)
		b.pod.Request += request
		b.state.WorkingSet = max(b.state.WorkingSet, 0) + usage
	}
	b.state.Critical = b.pod.Priority == 100000
	return b.QOS(class)
}
