package scale

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/usage/kubelet"
	"github.com/killorder/killorder/test/scale/fleet"
)

// TestFailures has kubelets among the others that hang or answer 500: all others are read, in each pass and in time,
// each has its reason, and those that fail are soon asked less often.
func TestFailures(t *testing.T) {
	t.Run("one in a hundred hangs, as many fail", func(t *testing.T) { testFailures(t, 100) })
	t.Run("one in five hangs, as many fail", func(t *testing.T) { testFailures(t, 5) })
}

// mixed nodes: one of so many hangs, the one after it answers 500.
type mixed struct {
	nodes                     []kubelet.Node
	hanging, failing, healthy int
}

func mix(oneOf int) *mixed {
	m := &mixed{nodes: slices.Clone(kubelets.Nodes)}
	for i := range m.nodes {
		switch n := &m.nodes[i]; i % oneOf {
		case 0:
			kubelets.Hanging.Answers(n)
			m.hanging++
		case 1:
			kubelets.Failing.Answers(n)
			m.failing++
		default:
			m.healthy++
		}
	}
	return m
}

func testFailures(t *testing.T, oneOf int) {
	t.Helper()
	config := config(t)
	before, met := heldNow(t), count(t)
	m := mix(oneOf)
	t.Logf("%d kubelets hang, %d answer 500, %d are well", m.hanging, m.failing, m.healthy)
	r := newReader(t, config, m.nodes)
	asked := make([]int, 5) // how many of those that hang, by pass
	for i := range asked {
		p := r.pass(t)
		now := count(t)
		asked[i] = int(now.Hung - met.Hung)
		met = now
		t.Logf("pass %d: %s; %d nodes read, %d that hang asked", i+1, p.per(*nodes), p.Nodes, asked[i])
		if p.Nodes != m.healthy || p.Pods != m.healthy*len(kubelets.Pods) / *nodes || len(p.Dropped) > 0 {
			t.Errorf("pass %d: %d nodes and %d pods, want %d nodes; dropped %v", i+1, p.Nodes, p.Pods, m.healthy, p.Dropped)
		}
	}
	if sum(asked) >= 4*m.hanging {
		t.Errorf("in 5 passes %d kubelets that hang were asked %d times", m.hanging, sum(asked))
	}
	m.checkReasons(t, r.source)
	before.eventually(t)
	closedAll(t)
}

// closedAll expects that no connection to a hanging kubelet stays open. The kubelets, in their own process, may see the
// end of one later than this does.
func closedAll(t *testing.T) {
	t.Helper()
	open := count(t).Open
	for range 100 {
		if open == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
		open = count(t).Open
	}
	t.Errorf("%d connections to hanging kubelets are still open", open)
}

func (m *mixed) checkReasons(t *testing.T, source *kubelet.Source) {
	t.Helper()
	wrong := 0
	for i := range m.nodes {
		want := ""
		switch n := &m.nodes[i]; {
		case kubelets.Hanging.Is(n):
			want = "does not answer in time"
		case kubelets.Failing.Is(n):
			want = "answers 500"
		}
		got := source.Problem(m.nodes[i].Name)
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			wrong++
			t.Logf("%s: %q, want %q", m.nodes[i].Name, got, want)
		}
	}
	if wrong > 0 {
		t.Errorf("%d kubelets have a wrong reason", wrong)
	}
}

func count(t *testing.T) fleet.Count {
	t.Helper()
	c, err := kubelets.Count()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sum(ns []int) (sum int) {
	for _, n := range ns {
		sum += n
	}
	return sum
}
