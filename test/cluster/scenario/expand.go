package scenario

import (
	"fmt"
	"path"
	"slices"
)

// expand turns classes into nodes and pods.
func (c *classes) expand() (*Model, error) {
	model := &c.model
	if err := c.expandNodes(model); err != nil {
		return nil, err
	}
	for i, class := range c.pods {
		if err := place(model, class); err != nil {
			return nil, fmt.Errorf("pods[%d] %s/%s: %w", i, class.Namespace, class.Name, err)
		}
	}
	model.addNamespaces(c.pods)
	return model, model.checkFit()
}

func (c *classes) expandNodes(model *Model) error {
	seen := map[string]bool{}
	for i, entry := range c.nodes {
		for _, name := range entry.names() {
			if seen[name] {
				return fmt.Errorf("nodes[%d] %s: name: there are two nodes %s", i, entry.name, name)
			}
			seen[name] = true
			model.Nodes = append(model.Nodes, &Node{Name: name, Class: entry.class, Index: len(model.Nodes)})
		}
	}
	return nil
}

func (e nodeEntry) names() []string {
	if e.count == 0 {
		return []string{e.name}
	}
	names := make([]string, e.count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", e.name, i+1)
	}
	return names
}

// place puts the pods of one class on the nodes that the class names.
func place(model *Model, class *PodClass) error {
	ordinal := 0
	for _, node := range model.Nodes {
		if !class.runsOn(node.Name) {
			continue
		}
		for range class.PerNode {
			pod := &Pod{Class: class, Node: node, Index: model.Pods}
			pod.Name = podName(class, node, model.Seed, pod.Index, ordinal)
			node.Pods = append(node.Pods, pod)
			model.Pods++
			ordinal++
		}
	}
	if ordinal == 0 {
		return fmt.Errorf("nodes: none is called %v", class.On)
	}
	return nil
}

func (c *PodClass) runsOn(node string) bool {
	return len(c.On) == 0 || slices.ContainsFunc(c.On, func(pattern string) bool {
		ok, _ := path.Match(pattern, node) // patterns were checked when compiled
		return ok
	})
}

// podName is the name that the pod's controller would give to the pod; the same
// scenario gives the same names.
func podName(class *PodClass, node *Node, seed uint64, index, ordinal int) string {
	random := suffix(seed, index)
	switch class.Owner {
	case "Deployment":
		return class.Name + "-" + class.TemplateHash + "-" + random
	case "StatefulSet":
		return fmt.Sprintf("%s-%d", class.Name, ordinal)
	case "DaemonSet", "Job":
		return class.Name + "-" + random
	case "Node":
		return class.Name + "-" + node.Name
	}
	if ordinal == 0 {
		return class.Name
	}
	return fmt.Sprintf("%s-%d", class.Name, ordinal+1)
}

// suffix returns the five characters that controllers put after a name, from the
// alphabet that controllers use. Multiplying by a number that has no divisor in
// common with 27 permutes all suffixes, so no two pods of a scenario get the same
// suffix.
func suffix(seed uint64, index int) string {
	const alphabet, all = "bcdfghjklmnpqrstvwxz2456789", 27 * 27 * 27 * 27 * 27
	n := (uint64(index)*9_406_681 + mix(seed)%all) % all
	var out [5]byte
	for i := range out {
		out[i], n = alphabet[n%27], n/27
	}
	return string(out[:])
}

// addNamespaces adds the namespaces that pods name but the file does not list.
func (m *Model) addNamespaces(pods []*PodClass) {
	for _, class := range pods {
		if !slices.ContainsFunc(m.Namespaces, func(n Namespace) bool { return n.Name == class.Namespace }) {
			m.Namespaces = append(m.Namespaces, Namespace{Name: class.Namespace})
		}
	}
}

// checkFit refuses two pods of one name in a namespace, because the API server
// would refuse the second pod.
func (m *Model) checkFit() error {
	seen := make(map[[2]string]bool, m.Pods)
	for _, node := range m.Nodes {
		for _, pod := range node.Pods {
			key := [2]string{pod.Class.Namespace, pod.Name}
			if seen[key] {
				return fmt.Errorf("pods: there are two pods %s/%s; change a name or the seed", key[0], key[1])
			}
			seen[key] = true
		}
	}
	return nil
}
