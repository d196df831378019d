package kernel

import (
	"cmp"
	"fmt"
	"slices"
)

// rule says whom the kernel kills: the engine's, or a wrong one.
type rule struct {
	name string
	// kinds of scenes in which the wrong rule may differ; none for the right one.
	kinds []string
	// weigh a candidate, in bytes; the largest dies. nil: as the engine does.
	weigh func(s *scene, all []candidate, c *candidate) int64
	// together reports whether all processes of a container die with one of them. nil: as memory.oom.group says.
	together func(s *scene) bool
}

// engineRule is the one that has to hold.
var engineRule = rule{name: "the engine's"}

// on is a wrong rule with another weight.
func on(name string, weigh func(s *scene, c *candidate) int64, kinds ...string) rule {
	return rule{name: name, kinds: kinds, weigh: func(s *scene, _ []candidate, c *candidate) int64 { return weigh(s, c) }}
}

// sumOfContainer is the rule that a reading a container amounts to.
const sumOfContainer = "the sum of a container"

// wrongRules are mutations of ours. The kernel refutes each, so that an engine that follows one is caught.
var wrongRules = []rule{
	on("scores below 0 count as 0", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale(), c.sum, max(c.adj, 0))
	}, "kubepods", "node", "node, scores below 0"),
	on("scores below 0 are cut off at -500", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale(), c.sum, max(c.adj, -500))
	}, "node, scores below 0", "kubepods", "node"),
	on("swap is not weighed", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale(), c.sum-c.Swapped, c.adj)
	}, "kubepods, swap", "node, swap", "container, swap"),
	on("swap is no part of the scale", func(s *scene, c *candidate) int64 {
		return weighOn(s.Limit, c.sum, c.adj)
	}, "kubepods, swap", "node, swap"),
	{
		name: "memory.oom.group is ignored", together: func(*scene) bool { return false },
		kinds: []string{"kubepods, oom.group", "node, oom.group", "pod, oom.group", "container, oom.group"},
	},
	{
		name: "a container always dies as a whole", together: func(*scene) bool { return true },
		kinds: []string{"kubepods", "container", "node"},
	},
	on("adj in thousandths of the node, not of the limit that ran out", func(s *scene, c *candidate) int64 {
		return weighOn(s.Capacity+s.Swap, c.sum, c.adj)
	}, "kubepods", "pod"),
	on("adj in thousandths of kubepods, not of the node", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale()*7/10, c.sum, c.adj)
	}, "node"),
	on("megabytes plus adj", func(_ *scene, c *candidate) int64 { return c.sum + int64(c.adj)*mib }, "kubepods", "node", "pod"),
	on("highest adj first", func(_ *scene, c *candidate) int64 { return int64(c.adj)<<40 + c.sum }, "kubepods", "node", "pod"),
	on("largest memory first", func(_ *scene, c *candidate) int64 { return c.sum }, "kubepods", "node", "pod"),
	on("memory over the request, as eviction has it", func(s *scene, c *candidate) int64 {
		if c.pod < 0 {
			return c.sum
		}
		return c.sum - s.Pods[c.pod].Containers[c.container].Request
	}, "kubepods", "node", "pod"),
	{name: sumOfContainer, kinds: []string{"kubepods", "node", "kubepods, oom.group"}, weigh: weighContainer},
	on("huge pages are weighed", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale(), c.sum+c.Huge, c.adj)
	}, "node, huge pages"),
	on("reserved huge pages are no part of the scale", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale()-s.HugePages, c.sum, c.adj)
	}, "node, huge pages"),
	on("files of memory-backed volumes are weighed", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale(), c.sum+c.Tmpfs, c.adj)
	}, "kubepods, memory-backed volumes", "node, memory-backed volumes"),
	on("shared memory is not weighed", func(s *scene, c *candidate) int64 {
		return weighOn(s.scale(), c.sum-c.Shared, c.adj)
	}, "kubepods, memory-backed volumes", "node, memory-backed volumes"),
}

func weighContainer(s *scene, all []candidate, c *candidate) int64 {
	sum := int64(0)
	for i := range all {
		if all[i].pod == c.pod && all[i].container == c.container {
			sum += all[i].sum
		}
	}
	return weighOn(s.scale(), sum, c.adj)
}

// weights of the candidates by the rule as they were drawn; in bytes.
func (r *rule) weights(s *scene, all []candidate) []int64 {
	weights := make([]int64, len(all))
	for i := range all {
		if r.weigh == nil {
			weights[i] = s.weigh(&all[i])
		} else {
			weights[i] = r.weigh(s, all, &all[i])
		}
	}
	return weights
}

func (r *rule) dieTogether(s *scene) bool {
	if r.together == nil {
		return s.Group
	}
	return r.together(s)
}

// misleads reports whether the rule is wrong in the scene, as the scene was drawn, and clearly so.
func (r *rule) misleads(s *scene) bool {
	all := s.candidates()
	right, wrong := engineRule.weights(s, all), r.weights(s, all)
	first, named := largest(right), largest(wrong)
	if right[first]-right[named] >= drawMarginBytes {
		return wrong[named]-wrong[first] >= drawMarginBytes
	}
	// The same victim, but with another fate of the other processes of its container.
	return first == named && r.dieTogether(s) != s.Group && len(mates(all, first)) > 0
}

// drawAgainst makes a scene in which the rule is wrong.
func (r *rule) drawAgainst(kindName string, seed, number uint64, m room) (*scene, error) {
	const attempts = 200_000
	k := kindNamed(kindName)
	for attempt := range uint64(attempts) {
		s := newDice(seed, number*attempts+attempt).contested(k, m)
		if s.ahead() >= drawMarginBytes && r.misleads(s) {
			s.Seed, s.Number, s.All = seed, number, false
			return s, nil
		}
	}
	return nil, fmt.Errorf("no scene of the kind %q contradicts the rule %q", kindName, r.name)
}

// contested is a scene in which one process is just ahead of another, which is where rules differ.
func (d dice) contested(k *kind, m room) *scene {
	s := d.sceneOf(k, m)
	all := s.candidates()
	ahead, behind := &all[d.IntN(len(all))], &all[d.IntN(len(all))]
	if ahead.pod < 0 || d.chance(25) {
		return s
	}
	more := whole(s.weigh(behind) - s.weigh(ahead) + d.between(drawMarginBytes, drawMarginBytes*3/2))
	memory := s.memories()[ahead.process]
	free := s.Limit*6/10 - sumOf(s.memories())
	if size := *memory + more; size >= hogFloor+ahead.Swapped+ahead.Shared && more < free {
		*memory = size
	}
	return s
}

// largest of the weights: the first of them where several are equal.
func largest(weights []int64) (at int) {
	for i := range weights {
		if weights[i] > weights[at] {
			at = i
		}
	}
	return at
}

// mates are the other processes of the candidate's container.
func mates(all []candidate, of int) (others []int) {
	for i := range all {
		if i != of && all[of].pod >= 0 && all[i].pod == all[of].pod && all[i].container == all[of].container {
			others = append(others, i)
		}
	}
	return others
}

// judgedMargin in bytes, below which the kernel's choice is not held against a rule: see stage.margin.
var judgedMargin = stage{real: true}.margin(0)

// verdict of a rule on one kill.
type verdict struct {
	// clear: the first victim led by the margin or more. right: the first victim is the rule's, exactly.
	clear, right bool
	// wrong says what the rule cannot explain; "" if nothing.
	wrong string
}

// judge a rule by what the kernel did. weights are the rule's, parallel to all.
func (r *rule) judge(s *scene, o *observation, all []candidate, weights []int64) (v verdict) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
	v.clear = len(order) < 2 || weights[order[0]]-weights[order[1]] >= judgedMargin
	killed := map[int]bool{}
	for _, process := range o.Victims {
		killed[process] = true
	}
	gone := map[int]bool{}
	for nth, process := range o.Victims {
		victim := slices.IndexFunc(all, func(c candidate) bool { return c.process == process })
		if victim < 0 {
			v.wrong = fmt.Sprintf("process %d died, which is not in the order", process)
			return v
		}
		if gone[victim] {
			continue // with another one of its container
		}
		next := order[slices.IndexFunc(order, func(i int) bool { return !gone[i] })]
		if nth == 0 {
			v.right = next == victim
		}
		if behind := weights[next] - weights[victim]; behind >= judgedMargin {
			v.wrong = fmt.Sprintf("%s died, which is %d pages of badness behind %s",
				s.nameOf(&all[victim]), behind/pageSize, s.nameOf(&all[next]))
			return v
		}
		gone[victim] = true
		if !r.dieTogether(s) {
			continue
		}
		for _, mate := range mates(all, victim) {
			if gone[mate] = true; !killed[all[mate].process] {
				v.wrong = fmt.Sprintf("%s died, and %s of the same container lives", s.nameOf(&all[victim]), s.nameOf(&all[mate]))
				return v
			}
		}
	}
	return v
}

// nameOf a candidate: pod/container, and the index of the process.
func (s *scene) nameOf(c *candidate) string {
	if c.pod < 0 {
		return fmt.Sprintf("daemon %d", c.container)
	}
	return fmt.Sprintf("%s/%s (process %d)", s.Pods[c.pod].Name, s.Pods[c.pod].Containers[c.container].Name, c.process)
}
