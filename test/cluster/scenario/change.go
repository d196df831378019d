package scenario

import (
	"encoding/json"
	"slices"
)

// Change returns the pod that its controller would make in the place of p after
// somebody changed the workload's template: of another name and revision. The
// model's nodes keep p; the simulated kubelets learn of the new pod by Replace.
func (m *Model) Change(p *Pod, change func(*PodClass)) *Pod {
	class := *p.Class
	class.Containers = slices.Clone(class.Containers)
	for i := range class.Containers {
		class.Containers[i].Resources = *class.Containers[i].Resources.DeepCopy()
	}
	change(&class)
	if template, err := json.Marshal(class.Containers); err == nil { // plain data: it cannot fail
		class.TemplateHash = templateHash(append([]byte(class.Namespace+"/"+class.Name), template...))
	}
	changed := &Pod{Class: &class, Node: p.Node, Index: m.Pods}
	m.Pods++
	changed.Name = podName(&class, p.Node, m.Seed, changed.Index, 0)
	return changed
}
