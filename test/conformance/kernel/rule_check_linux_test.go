package kernel

import (
	"strings"
	"testing"
)

// aScene of three processes: two of one BestEffort container, one of a Guaranteed pod.
func aScene(group bool) (*scene, *observation) {
	s := onPods(&scenario{Capacity: 200 * mib, Limit: 200 * mib, Grower: -1, Pods: []pod{
		{Name: "a", QOS: "BestEffort", Containers: []container{{Name: "app", Kind: "regular", Processes: []int64{40 * mib, 20 * mib}}}},
		{Name: "b", QOS: "Guaranteed", Containers: []container{
			{Name: "app", Kind: "regular", Request: 100 * mib, Processes: []int64{90 * mib}},
		}},
	}})
	s.Group = group
	return s, &observation{Total: 512 * mib, Processes: []seen{
		{Pod: 0, Adj: 1000, RSS: 40 * mib}, {Pod: 0, Adj: 1000, RSS: 20 * mib}, {Pod: 1, Adj: -997, RSS: 80 * mib, Swap: 10 * mib},
	}}
}

// TestJudge: the judge tells what fits the engine's order from what does not.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		group   bool
		victims []int
		want    string
	}{
		"the first":                         {false, []int{0}, ""},
		"the first two":                     {false, []int{0, 1}, ""},
		"the last":                          {false, []int{2}, "b/app (process 2) died, which is"},
		"the second":                        {false, []int{1}, "a/app (process 1) died, which is"},
		"with oom.group, together":          {true, []int{0, 1}, ""},
		"with oom.group, one is left":       {true, []int{0}, "a/app (process 1) of the same container lives"},
		"a process that nobody knows about": {false, []int{7}, "not in the order"},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := aScene(c.group)
			o.Victims = c.victims
			all := o.candidates(s)
			weights, err := o.weights(s, all)
			if err != nil {
				t.Fatal(err)
			}
			v := engineRule.judge(s, o, all, weights)
			if !strings.Contains(v.wrong, c.want) || (v.wrong == "") != (c.want == "") {
				t.Errorf("got %q, want %q", v.wrong, c.want)
			}
			if !v.clear || v.right != (c.victims[0] == 0) {
				t.Errorf("clear %v, right %v", v.clear, v.right)
			}
		})
	}
}

// TestJudgeWrongRule: a rule that ignores scores below 0 does not explain that the small process died.
func TestJudgeWrongRule(t *testing.T) {
	s, o := aScene(false)
	s.Pods[0].QOS, s.Pods[0].Containers[0].Request = "Burstable", 199*mib // adj 5
	o.Processes[0].Adj, o.Processes[1].Adj, o.Victims = 5, 5, []int{0}
	all := o.candidates(s)
	for name, wantWrong := range map[string]bool{"scores below 0 count as 0": true, "highest adj first": false, "largest memory first": true} {
		for i := range wrongRules {
			if r := &wrongRules[i]; r.name == name && (r.judge(s, o, all, r.weights(s, all)).wrong != "") != wantWrong {
				t.Errorf("%q: want it to be wrong: %v", name, wantWrong)
			}
		}
	}
}

// TestCheckScope: another scope than the scene's is told.
func TestCheckScope(t *testing.T) {
	s, o := aScene(false)
	o.Constraint, o.Ran = "CONSTRAINT_MEMCG", "/base/node-0"
	if err := s.checkScope(o); err != nil {
		t.Error(err)
	}
	o.Constraint, o.Ran = "CONSTRAINT_NONE", ""
	if err := s.checkScope(o); err == nil {
		t.Error("the whole machine ran out: want an error")
	}
}
