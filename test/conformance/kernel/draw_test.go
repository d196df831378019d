package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

const (
	// drawMargin in pages keeps the first victim of a drawn scenario clear of the second: the kernel's counters
	// and /proc differ by up to about 110 pages, and what is measured differs from what was planned.
	drawMargin = 1200
	// hogFloor is the least that a process of this binary takes.
	hogFloor = 4 * mib
	// maxProcesses of one scenario bounds its time.
	maxProcesses = 16
	// orderNumbers is where the numbers of those scenarios begin that are killed to the last process.
	orderNumbers = 1_000_000
)

// draw makes scenario number of a seed: the same one each time.
func draw(seed, number uint64) *scenario {
	d := dice{rand.New(rand.NewPCG(seed, number))}
	for {
		s := d.scenario()
		s.Seed, s.Number = seed, number
		if s.clear(drawMargin) {
			return s
		}
	}
}

// clear reports whether the first victim is that many pages of badness ahead of the second.
func (s *scenario) clear(gap int64) bool {
	all := s.planned()
	if len(all) < 2 || len(all) > maxProcesses {
		return false
	}
	pages := make([]int64, len(all))
	for i := range all {
		pages[i] = s.badness(all[i])
	}
	slices.Sort(pages)
	n := len(pages)
	return pages[n-1]-pages[n-2] >= gap
}

type dice struct{ *rand.Rand }

func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// between returns lo..hi.
func (d dice) between(lo, hi int64) int64 { return lo + d.Int64N(hi-lo+1) }

func (d dice) scenario() *scenario {
	// The kernel divides the limit by 1000 first. With a remainder under 500 pages the doubled node, on which
	// negative scores are played, divides alike; a remainder above 0 shows who multiplies first.
	limit := (d.between(40, 64)*1000 + d.between(0, 499)) * pageSize
	s := &scenario{Capacity: limit, Limit: limit, Grower: -1}
	if d.chance(50) { // the kubepods group runs out before the node does
		s.Capacity += d.between(1, limit*3/10)
	}
	for i := range d.between(2, 8) {
		s.Pods = append(s.Pods, d.pod(i, s.Capacity))
	}
	d.memory(s)
	return s
}

func (d dice) pod(number, capacity int64) pod {
	p := pod{Name: fmt.Sprintf("pod-%d", number), QOS: "Burstable"}
	switch shape := d.IntN(100); {
	case shape < 25:
		p.QOS = "BestEffort"
	case shape < 37:
		p.QOS = "Guaranteed"
	case shape < 43:
		p.NodeCritical = true
	}
	for i := range d.between(1, 3) {
		c := container{Name: fmt.Sprintf("c%d", i), Kind: "regular"}
		if p.QOS != "BestEffort" {
			c.Request = d.request(capacity)
		}
		c.Processes = make([]int64, d.processes())
		p.Containers = append(p.Containers, c)
	}
	if len(p.Containers) > 1 && d.chance(35) {
		p.Containers[0].Kind = "sidecar"
	}
	if p.QOS == "Burstable" {
		d.refine(&p, capacity)
	}
	return p
}

// refine adds what only some Burstable pods have.
func (d dice) refine(p *pod, capacity int64) {
	switch shape := d.IntN(100); {
	case shape < 20:
		for _, c := range p.Containers {
			p.PodRequest += c.Request
		}
		p.PodRequest += d.between(1, capacity/3)
	case shape < 35:
		p.Resized = true
		for i := range p.Containers {
			p.Containers[i].StartRequest = d.request(capacity)
		}
	case shape < 45 && p.Containers[0].Kind == "regular" && len(p.Containers) > 1:
		// Still initialising: nothing else runs.
		p.Containers[0].Kind = "init"
		for i := range p.Containers[1:] {
			p.Containers[1+i].Processes = nil
		}
	}
}

// request is mostly a share of the node; at times so small or so large that the kubelet clamps.
func (d dice) request(capacity int64) int64 {
	switch shape := d.IntN(100); {
	case shape < 8:
		return d.between(0, capacity/1000)
	case shape < 12:
		return d.between(capacity*99/100, capacity*102/100)
	}
	share := d.Float64() * 0.8
	return int64(share * share * float64(capacity))
}

func (d dice) processes() int64 {
	if d.chance(65) {
		return 1
	}
	return d.between(2, 4)
}

// memory hands out a part of the limit to all processes, unevenly, and picks who grows.
func (d dice) memory(s *scenario) {
	all := s.memories()
	weights, sum := make([]float64, len(all)), 0.0
	for i := range weights {
		weights[i] = d.ExpFloat64()
		sum += weights[i]
	}
	spread := s.Limit*d.between(55, 88)/100 - int64(len(all))*hogFloor
	for i := range all {
		*all[i] = hogFloor + max(0, int64(weights[i]/sum*float64(spread)))/pageSize*pageSize
	}
	if d.chance(25) {
		s.Grower = d.IntN(len(all))
		*all[s.Grower] += s.free() // as it will be when the limit is reached
	}
}

// memories of all processes, to be changed.
func (s *scenario) memories() (all []*int64) {
	for i := range s.Pods {
		for _, c := range s.Pods[i].Containers {
			for j := range c.Processes {
				all = append(all, &c.Processes[j])
			}
		}
	}
	return all
}

// stopGrower leaves whoever was to grow at half of the size that was planned for the moment at which the limit is reached.
func (s *scenario) stopGrower() {
	if s.Grower < 0 {
		return
	}
	memory := s.memories()[s.Grower]
	*memory, s.Grower = max(*memory/2/pageSize*pageSize, hogFloor), -1
}

// free is what the plan leaves of the limit.
func (s *scenario) free() int64 {
	left := s.Limit
	for _, memory := range s.memories() {
		left -= *memory
	}
	return left
}
