package kubelet

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// maxTrials bounds how many nodes Shrink looks at.
const maxTrials = 3000

// Shrink returns a node as small as it gets on which differs still holds: fewer pods, fewer containers, fewer
// fields. It changes nothing of the given node.
func Shrink(n *Node, differs func(*Node) bool) *Node {
	s := shrinker{node: n, differs: differs}
	for s.progress = true; s.progress && s.trials < maxTrials; {
		s.progress = false
		s.dropPods()
		for i := range s.node.Pods {
			for _, simplify := range simplifications {
				s.simplify(i, simplify)
			}
		}
	}
	return s.node
}

type shrinker struct {
	node     *Node
	differs  func(*Node) bool
	trials   int
	progress bool
}

// try takes a smaller node if it still differs.
func (s *shrinker) try(n *Node) bool {
	s.trials++
	if s.trials > maxTrials || !s.differs(n) {
		return false
	}
	s.node, s.progress = n, true
	return true
}

// dropPods leaves out halves of the pods, then quarters, down to single ones.
func (s *shrinker) dropPods() {
	for chunk := max(len(s.node.Pods)/2, 1); ; chunk /= 2 {
		for from := 0; from < len(s.node.Pods); {
			n := *s.node
			n.Pods = slices.Delete(slices.Clone(n.Pods), from, min(from+chunk, len(n.Pods)))
			if !s.try(&n) {
				from += chunk
			}
		}
		if chunk == 1 {
			return
		}
	}
}

// simplify tries every way in which that simplification can be applied to a pod.
func (s *shrinker) simplify(i int, simplification func(*Pod, int) bool) {
	for way := 0; ; {
		n := *s.node
		n.Pods = slices.Clone(n.Pods)
		n.Pods[i] = clone(&n.Pods[i])
		if !simplification(&n.Pods[i], way) {
			return
		}
		if !s.try(&n) {
			way++
		}
	}
}

func clone(p *Pod) Pod {
	c := *p
	c.Manifest = *p.Manifest.DeepCopy()
	c.Containers = maps.Clone(p.Containers)
	if p.Resize != nil {
		c.Resize = p.Resize.DeepCopy()
	}
	return c
}

// simplifications change a pod in the way of that number, or return false if there is no such way (any more).
var simplifications = []func(p *Pod, way int) bool{
	once(func(p *Pod) bool { return set(&p.Resize, nil) }),
	once(func(p *Pod) bool { return set(&p.RunningSince, false) }),
	once(func(p *Pod) bool { return set(&p.Static, false) }),
	once(func(p *Pod) bool { return set(&p.Aged, false) }),
	once(func(p *Pod) bool { return set(&p.Terminating, false) }),
	once(func(p *Pod) bool { return set(&p.Manifest.Spec.Priority, nil) }),
	once(func(p *Pod) bool { return set(&p.Manifest.Spec.PriorityClassName, "") }),
	once(func(p *Pod) bool { return set(&p.Manifest.Spec.RuntimeClassName, nil) }),
	once(func(p *Pod) bool {
		had := p.Manifest.Spec.Overhead != nil
		p.Manifest.Spec.Overhead = nil
		return had
	}),
	once(func(p *Pod) bool {
		had := p.Manifest.Annotations != nil
		p.Manifest.Annotations = nil
		return had
	}),
	once(func(p *Pod) bool {
		had := p.Ephemeral != nil
		p.Ephemeral = nil
		return had
	}),
	dropContainer,
	once(func(p *Pod) bool { return set(&p.Manifest.Spec.Resources, nil) }),
	dropResource,
	once(func(p *Pod) bool { return set(&p.WorkingSet, 0) }),
}

func once(simplification func(*Pod) bool) func(*Pod, int) bool {
	return func(p *Pod, way int) bool { return way == 0 && simplification(p) }
}

// set reports whether that changed anything.
func set[T comparable](to *T, value T) bool {
	if *to == value {
		return false
	}
	*to = value
	return true
}

func dropContainer(p *Pod, way int) bool {
	inits := len(p.Manifest.Spec.InitContainers)
	drop := func(spec *corev1.PodSpec) {
		if way < inits {
			spec.InitContainers = slices.Delete(spec.InitContainers, way, way+1)
		} else {
			spec.Containers = slices.Delete(spec.Containers, way-inits, way-inits+1)
		}
	}
	if way >= inits+len(p.Manifest.Spec.Containers) {
		return false
	}
	drop(&p.Manifest.Spec)
	if p.Resize != nil {
		drop(&p.Resize.Spec)
	}
	return true
}

func dropResource(p *Pod, way int) bool {
	specs := []*corev1.PodSpec{&p.Manifest.Spec}
	if p.Resize != nil {
		specs = append(specs, &p.Resize.Spec)
	}
	dropped := false
	for _, spec := range specs {
		dropped = dropNth(spec, way) || dropped
	}
	return dropped
}

// dropNth removes the resource of that number, counted through all of a pod's lists.
func dropNth(spec *corev1.PodSpec, number int) bool {
	for _, r := range allRequirements(spec) {
		for _, list := range []corev1.ResourceList{r.Limits, r.Requests} {
			names := slices.Sorted(maps.Keys(list))
			if number < len(names) {
				delete(list, names[number])
				return true
			}
			number -= len(names)
		}
	}
	return false
}
