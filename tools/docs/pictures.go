package main

import (
	"fmt"

	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

const row, mebi = 26.0, 1 << 20

// name of a pod in a picture: that of its workload, and what is special about it.
func name(p *facts.PodState, user *facts.PodState) string {
	of := p.Name
	if p.Workload.Name != "" {
		of = p.Workload.Name
	}
	switch {
	case p == user:
		return of + " (uses most)"
	case p.Critical:
		return of + " (critical)"
	}
	return of
}

// largest is the pod that uses most of a node.
func largest(n *facts.Node) *facts.PodState {
	most := &n.Pods[0]
	for i := range n.Pods {
		if n.Pods[i].WorkingSet > most.WorkingSet {
			most = &n.Pods[i]
		}
	}
	return most
}

// evictionPicture has a line for each pod that the kubelet may evict: what it uses beside what it requests.
func evictionPicture(v *engine.Verdict) string {
	const zero, scale, reach = 310.0, 0.4, 240 // the place of the request; units a Mi; the longest bar in Mi
	s := &svg{height: 72 + int(row)*len(v.Eviction) + 14}
	user := largest(v.Node)
	s.bold(12, 24, "Whom the kubelet evicts on "+v.Node.Name+", first to last")
	s.text(zero-6, 54, "end", green, "within its request")
	s.text(zero+6, 54, "start", red, "over its request")
	for i := range v.Eviction {
		p := &v.Eviction[i]
		y := 66 + row*float64(i)
		over := float64(p.Over()) / mebi
		length := min(max(over, -reach), reach) * scale
		colour, at, anchor := red, zero+length+6, "start"
		if over <= 0 {
			colour, at, anchor = green, zero+length-6, "end"
		}
		s.text(30, y+16, "end", faint, fmt.Sprint(i+1))
		label(s, 40, y+16, p.PodState, user)
		s.rect(min(zero, zero+length), y+3, max(length, -length), row-8, colour)
		s.text(at, y+16, anchor, colour, text.Human(max(p.Over(), -p.Over()))+note(p))
	}
	s.line(zero, 60, zero, float64(s.height)-14, ink)
	return s.document(fmt.Sprintf("Eviction order of %s: pods over their request first. %s, which uses most, is number %d of %d.",
		v.Node.Name, name(user, nil), rankIn(v.Eviction, user), len(v.Eviction)))
}

// note says what beside usage puts a pod where it is.
func note(p *evict.Victim) string {
	if p.Priority != 0 {
		return fmt.Sprintf(", priority %d", p.Priority)
	}
	return ""
}

func rankIn(order []evict.Victim, p *facts.PodState) int {
	for i := range order {
		if order[i].PodState == p {
			return i + 1
		}
	}
	return 0
}

func label(s *svg, x, y float64, p, user *facts.PodState) {
	if p == user || p.Critical {
		s.bold(x, y, name(p, user))
		return
	}
	s.text(x, y, "start", ink, name(p, user))
}

// kernelPicture puts two nodes beneath each other: the first few of the kernel's order, and the largest user.
func kernelPicture(nodes ...*engine.Verdict) string {
	const each = 5*row + 66
	s := &svg{height: int(each)*len(nodes) + 34}
	for i, v := range nodes {
		kernelPanel(s, each*float64(i), v)
	}
	y := each*float64(len(nodes)) + 8
	s.rect(12, y, 14, 14, dark)
	s.text(32, y+12, "start", ink, "memory")
	s.rect(110, y, 14, 14, light)
	s.text(130, y+12, "start", ink, "oom_score_adj, in thousandths of the node's memory")
	return s.document("The kernel's order on two nodes with the same pods. The largest sum of memory and oom_score_adj dies first: " +
		first(nodes[0]) + " on " + nodes[0].Node.Name + ", " + first(nodes[1]) + " on " + nodes[1].Node.Name + ".")
}

func first(v *engine.Verdict) string { return name(v.OOM[0].PodState, nil) }

func kernelPanel(s *svg, top float64, v *engine.Verdict) {
	user := largest(v.Node)
	s.bold(12, top+24, "Whom the kernel kills on "+v.Node.Name)
	s.text(12, top+44, "start", faint, name(user, nil)+" requests "+text.Human(user.Request)+" and uses "+text.Human(user.WorkingSet))
	drawn := 0
	for i := range v.OOM {
		if drawn < 4 || v.OOM[i].PodState == user {
			kernelRow(s, top+54+row*float64(drawn), i+1, &v.OOM[i], v, user)
			drawn++
		}
		if drawn == 5 {
			return
		}
	}
}

func kernelRow(s *svg, y float64, rank int, p *oom.Victim, v *engine.Verdict, user *facts.PodState) {
	const left, room = 218.0, 225.0 // where bars begin, and what 20 GiB take
	scale := room / (20 << 30)
	memory, adj := float64(p.Usage+p.Swap)*scale, float64(p.Adj)/1000*float64(v.Memory.OOMLimit)*scale
	s.text(30, y+16, "end", faint, fmt.Sprint(rank))
	label(s, 40, y+16, p.PodState, user)
	s.rect(left, y+3, memory, row-8, dark)
	s.rect(left+memory, y+3, adj, row-8, light)
	colour := ink
	if rank == 1 {
		colour = red
	}
	s.text(left+memory+max(adj, 0)+6, y+16, "start", colour, text.Human(p.Badness))
}

// memoryPicture is one node's memory, and what is left of it before each killer acts.
func memoryPicture(v *engine.Verdict) string {
	const left, room = 12.0, width - 24.0
	m := &v.Memory
	s := &svg{height: 190}
	s.bold(left, 24, fmt.Sprintf("%s: %s, nearly full", v.Node.Name, text.Human(v.Node.Capacity)))
	scale := room / float64(v.Node.Capacity)
	used := v.Node.Capacity - m.Available
	pods := used - m.NonPod
	s.rect(left, 36, float64(m.NonPod)*scale, 26, faint)
	s.rect(left+float64(m.NonPod)*scale, 36, float64(pods)*scale, 26, dark)
	s.rect(left+float64(used)*scale, 36, float64(m.Available)*scale, 26, amber)
	s.text(left+float64(m.NonPod)*scale+8, 54, "start", "#ffffff", "pods "+text.Human(pods))
	s.text(left, 80, "start", faint, "not pods "+text.Human(m.NonPod))
	s.text(left+room, 80, "end", faint, "available "+text.Human(m.Available))
	// The last part of the bar, enlarged: what is available.
	s.line(left+float64(used)*scale, 62, left, 104, light)
	s.line(left+room, 62, left+room, 104, light)
	zoom := room / float64(m.Available)
	s.rect(left, 104, float64(m.Headroom)*zoom, 26, amber)
	s.rect(left+float64(m.Headroom)*zoom, 104, float64(m.Threshold)*zoom, 26, light)
	s.text(left+8, 122, "start", ink, "headroom "+text.Human(m.Headroom))
	s.text(left+float64(m.Headroom)*zoom+8, 122, "start", ink, "eviction threshold "+text.Human(m.Threshold))
	s.line(left+float64(m.Headroom)*zoom, 104, left+float64(m.Headroom)*zoom, 148, red)
	s.text(left+float64(m.Headroom)*zoom, 162, "middle", red, "the kubelet evicts")
	s.line(left+room, 104, left+room, 148, red)
	s.text(left+room, 162, "end", red, "the kernel kills")
	return s.document(fmt.Sprintf("%s has %s available: the kubelet evicts once %s more are used, the kernel kills once all is used.",
		v.Node.Name, text.Human(m.Available), text.Human(m.Headroom)))
}
