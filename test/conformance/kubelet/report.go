package kubelet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Report is a node and its differences as YAML: the objects can be given to kubectl-killorder rank -f.
func (r *Result) Report(n *Node, header string) (string, error) {
	var b strings.Builder
	comment := func(format string, args ...any) { fmt.Fprintf(&b, "# "+format+"\n", args...) }
	comment("%s", header)
	for _, d := range r.Differences {
		comment("%s: %s", d.Kind, d.Text)
	}
	comment("the kubelet evicts: %s", strings.Join(r.Evicted, ", "))
	for _, c := range slices.SortedFunc(maps.Keys(r.Adjs), func(a, b Container) int {
		return strings.Compare(a.Pod+"\x00"+a.Name, b.Pod+"\x00"+b.Name)
	}) {
		comment("oom_score_adj of %s, %s: %d", c.Pod, c.Name, r.Adjs[c])
	}
	documents := []any{r.Node}
	for i := range r.Pod {
		if n.Pods[i].RunningSince {
			comment("%s was resized while its containers ran: who did not watch cannot know their oom_score_adj", r.Pod[i].Name)
		}
		documents = append(documents, brief(r.Pod[i]))
		if len(n.Pods[i].Running()) > 0 {
			documents = append(documents, podMetrics(&n.Pods[i]))
		}
	}
	for _, d := range documents {
		y, err := yaml.Marshal(d)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "---\n%s", y)
	}
	return b.String(), nil
}

// brief is the pod without what the API server fills in and nobody looks at here.
func brief(p *corev1.Pod) *corev1.Pod {
	p = p.DeepCopy()
	p.APIVersion, p.Kind = "v1", "Pod"
	s := &p.Spec
	s.TerminationGracePeriodSeconds, s.DNSPolicy, s.SecurityContext = nil, "", nil
	s.SchedulerName, s.EnableServiceLinks = "", nil
	for _, list := range [][]corev1.Container{s.Containers, s.InitContainers} {
		for i := range list {
			c := &list[i]
			c.TerminationMessagePath, c.TerminationMessagePolicy, c.ImagePullPolicy = "", "", ""
		}
	}
	return p
}
