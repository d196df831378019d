package audit

import (
	"hash/maphash"

	"github.com/killorder/killorder/internal/facts"
)

// History is what the last audit of a node found, so that noise changes neither what is found nor what is said. It
// may be lost: then texts are written anew. The zero value is none.
type History struct {
	// audits so far, and one more: what is missing in a map was found by none.
	audits int
	// said are the texts of the findings that the last audit told; of the other findings nothing is kept but how many there were.
	said  map[key]*said
	found int
	// over are the audits that last found a pod's reading over a line.
	over map[line]int
}

// key of a finding: a rule, and the workload on this node or the pod without one.
type key struct {
	rule      int
	workload  facts.WorkloadKey
	container string
}

// line is a rule's, in one pod or container.
type line struct {
	rule, container int
	pod             string
}

// group is the hits of a rule in the pods of one workload, in one audit.
type group struct {
	key key
	// hit stands for the others.
	hit   hit
	count int
	// said is the text, nil if none was ever asked for.
	said *said
	// reason why nobody wants to see it; of an ignored one only.
	reason string
}

// said is a text, what it is about, and the readings it names.
type said struct {
	// pod is the UID of the pod that the text is about, "" if it is about the node.
	pod string
	// about is the hash of all that the text depends on and that no noise changes: kept as they are, these would be most of a History.
	about        uint64
	readings     [2]int64
	message, fix string
	limit        int64 // see text
	roomy        bool  // see text
}

// seed of the hashes.
var seed = maphash.MakeSeed()

// about is what a text says of pod and node: a change of any of it makes the text wrong.
type about struct {
	pod                              string
	count                            int
	shared                           sharing
	capacity, allocatable, threshold int64
	requests16, shownSince           int64
	configured                       bool
	resize                           facts.Resize
	qos                              facts.QOS
	priority                         int32
	// requests and limits are sums over the pod, in bytes, cpu in thousandths of a core.
	requests, limits, cpu int64
	settings              [2]int64
}

func (m *History) begin() {
	if m.over == nil {
		m.said, m.over, m.audits = map[key]*said{}, map[line]int{}, 1
	}
	m.audits++
}

// end forgets what this audit did not find.
func (m *History) end() {
	for l, last := range m.over {
		if last != m.audits {
			delete(m.over, l)
		}
	}
}

// keep takes the texts of this audit's groups.
func (m *History) keep(groups []*group) {
	clear(m.said)
	for _, g := range groups {
		if g.said != nil {
			m.said[g.key] = g.said
		}
	}
	m.found = len(groups)
}

// add puts a hit of the rule at work into its group.
func (c *audit) add(h *hit) {
	k := keyOf(c.rule, h)
	g := c.byKey[k]
	if g == nil {
		g = &group{key: k, hit: *h, count: 1, said: c.m.said[k]}
		c.byKey[k], c.groups = g, append(c.groups, g)
		return
	}
	g.count++
	if g.standsBehind(h) {
		g.hit = *h
	}
}

// standsBehind reports whether another hit stands for the group: the pod that the text is about already, else the
// one with the larger reading (among replicas the first to be killed), else the first by name.
func (g *group) standsBehind(h *hit) bool {
	if g.said != nil && g.hit.pod.UID != h.pod.UID {
		switch g.said.pod {
		case g.hit.pod.UID:
			return false
		case h.pod.UID:
			return true
		}
	}
	if h.readings[0] != g.hit.readings[0] {
		return h.readings[0] > g.hit.readings[0]
	}
	return h.pod.Name < g.hit.pod.Name
}

// held reports whether a pod is over a rule's line: it clearly is, or it was in the last audit.
func (m *History) held(rule int, p *facts.PodState, container int, clearly bool) bool {
	l := line{rule, container, p.UID}
	if !clearly && m.over[l] != m.audits-1 {
		return false
	}
	m.over[l] = m.audits
	return true
}

// heldInNode reports whether the node is over a rule's line: it clearly is, or it was in the last audit.
func (m *History) heldInNode(rule int, clearly bool) bool {
	return m.held(rule, &facts.PodState{Pod: &facts.Pod{}}, none, clearly)
}

func keyOf(rule int, h *hit) key {
	if h.pod == nil {
		return key{rule: rule}
	}
	k := key{rule: rule, workload: h.pod.Key()}
	if h.container != none {
		k.container = h.pod.Containers[h.container].Name
	}
	return k
}
