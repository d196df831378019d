package scenario

import (
	"encoding/json"
	"slices"
)

// Change returns the pod that the controller of p would create instead of p after
// somebody changed the workload's template. The new pod has another name and
// another revision. The model's nodes keep p; the method Replace of the simulated
// kubelets puts the new pod in the place of p.
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
