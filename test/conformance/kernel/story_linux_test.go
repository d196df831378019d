package kernel

import (
	"fmt"
	"testing"
)

// gib is a GiB of the story's node of 16 GiB, scaled down: payments-api with its 200 MiB still fills a process.
const gib = 40 * mib

// TestStory plays the story that the README tells: a business-critical pod without requests beside a pipeline that
// has grown to 8 GiB. The larger the pipeline's request, the better it is shielded, and payments-api dies for it.
func TestStory(t *testing.T) {
	g := onTestbed(t)
	for i, c := range []struct {
		request int64
		want    string
	}{
		{4 * gib, "data-pipeline"},
		{8 * gib, "payments-api"},
		{12 * gib, "payments-api"},
	} {
		t.Run(fmt.Sprintf("pipeline requests %d GiB", c.request/gib), func(t *testing.T) {
			found.tales++
			n, done := g.play(t, story(uint64(i), c.request))
			defer done()
			into := &tally{}
			if n == nil {
				return
			}
			first := n.judgePush(t, into)
			if first == nil {
				return
			}
			if died := n.Pods[first.pod].Name; died != c.want || into.right != 1 {
				t.Errorf("%s died, want %s", died, c.want)
				return
			}
			found.story++
		})
	}
}

// story is the node of 16 GiB; its system's 1 GiB is part of what belongs to no pod.
func story(number uint64, request int64) *scenario {
	one := func(name, qos string, request, memory int64) pod {
		return pod{Name: name, QOS: qos, Containers: []container{
			{Name: "app", Kind: "regular", Request: request, Processes: []int64{memory}},
		}}
	}
	return &scenario{Number: number, Capacity: 16 * gib, Limit: 16 * gib, Grower: -1, Pods: []pod{
		one("payments-api", "BestEffort", 0, gib*200/1024),
		one("data-pipeline", "Burstable", request, 8*gib),
		one("monitoring-agent", "BestEffort", 0, gib*100/1024),
	}}
}
