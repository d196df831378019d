package kernel

import (
	"math/rand/v2"
)

// mistake is a wrong rule for whom the kernel kills. Scenarios are drawn in which it names another victim than
// the right one, so that the kernel refutes it, and an engine that makes the mistake.
type mistake struct {
	name string
	// score of a process; the largest would die.
	score func(s *scenario, p planned) int64
	// gap in pages by which the right victim is ahead of the other. Where it is under the margin of readings, only
	// the kernel's own table can tell.
	gap int64
	// weighed: score is in pages, so the mistake's victim can be ahead by the gap too.
	weighed bool
}

var mistakes = []mistake{
	{"adj in thousandths of the node, not of the limit that ran out", func(s *scenario, p planned) int64 {
		return p.pages + p.adj*(s.Capacity/pageSize/1000)
	}, drawMargin, true},
	{"multiplied by adj before dividing by 1000", func(s *scenario, p planned) int64 {
		return p.pages + p.adj*(s.Limit/pageSize)/1000
	}, 100, true},
	{"megabytes plus adj", func(_ *scenario, p planned) int64 {
		return p.pages + p.adj*(mib/pageSize)
	}, drawMargin, true},
	{"the sum of a container", func(s *scenario, p planned) int64 {
		sum := int64(0)
		for _, memory := range s.Pods[p.pod].Containers[p.container].Processes {
			sum += memory / pageSize
		}
		return sum + p.adj*(s.Limit/pageSize/1000)
	}, drawMargin, true},
	{"memory over the request, as eviction has it", func(s *scenario, p planned) int64 {
		return p.pages - s.Pods[p.pod].Containers[p.container].Request/pageSize
	}, drawMargin, true},
	{"highest adj first", func(_ *scenario, p planned) int64 { return p.adj<<32 + p.pages }, drawMargin, false},
	{"largest memory first", func(_ *scenario, p planned) int64 { return p.pages }, drawMargin, true},
	{"BestEffort first, then Burstable, then Guaranteed", func(s *scenario, p planned) int64 {
		return -int64(classes[s.Pods[p.pod].QOS])<<32 + p.pages
	}, drawMargin, false},
}

// drawAgainst makes a scenario in which the mistake names another victim. It returns both as indexes among all
// processes.
func drawAgainst(m mistake, seed, number uint64) (s *scenario, right, wrong int) {
	d := dice{rand.New(rand.NewPCG(seed, number))}
	for {
		s := d.scenario()
		if d.chance(75) {
			d.contest(s, m.gap)
		}
		if s.Grower >= 0 || !s.clear(m.gap) {
			continue
		}
		all := s.planned()
		right := first(all, s.badness)
		wrong := first(all, func(p planned) int64 { return m.score(s, p) })
		if wrong == right || m.weighed && m.score(s, all[wrong])-m.score(s, all[right]) < m.gap {
			continue
		}
		s.Seed, s.Number = seed, number
		return s, right, wrong
	}
}

// contest sizes one process so that it is just ahead of another, which is where rules differ. The others are
// small at times, to leave room for a giant.
func (d dice) contest(s *scenario, gap int64) {
	if d.chance(50) {
		for _, memory := range s.memories() {
			*memory = hogFloor
		}
	}
	all, memories := s.planned(), s.memories()
	ahead, behind := d.IntN(len(all)), d.IntN(len(all))
	more := s.badness(all[behind]) - s.badness(all[ahead]) + d.between(gap, gap*3/2)
	size := *memories[ahead] + more*pageSize
	if size >= hogFloor && more*pageSize < s.free()-s.Limit/10 {
		*memories[ahead] = size
	}
}

// first of the processes by score.
func first(all []planned, score func(planned) int64) (index int) {
	for i := range all {
		if score(all[i]) > score(all[index]) {
			index = i
		}
	}
	return index
}
