package extract

import "github.com/killorder/killorder/internal/facts"

// ownWorkingSet returns what a pod uses, in bytes, or Unknown. It is the one rule for operator, live plugin and files.
//
// A kubelet knows the figure of the pod as a whole (pkg/kubelet/eviction/helpers.go of Kubernetes v1.37.2 ranks by that
// figure). metrics.k8s.io knows containers only: the pod uses the sum of its own containers' readings. Adapters of that
// API list more than the pod's containers: an unnamed container is the pod's total, and the pause container or the
// containers of an earlier pod of the same name are nobody's. Whoever adds those up counts memory twice. The unnamed
// total serves alone where the pod's own running containers were not all read.
func ownWorkingSet(p *facts.Pod, r *facts.PodReading) int64 {
	if r.Source == facts.SourceKubelet {
		return r.WorkingSet
	}
	sum, own, complete := sumOfOwn(p, r)
	total, named := unnamed(r)
	switch {
	case total != facts.Unknown && (own == 0 || !complete):
		return total
	case own == 0:
		return facts.Unknown // the reading is of another pod of that name
	case own == named:
		return r.WorkingSet // the source has summed up the same containers, to the byte
	}
	return sum
}

// sumOfOwn adds up the readings of the pod's own containers, in bytes, at most facts.MaxBytes. It counts those readings,
// and reports whether every running container has one.
func sumOfOwn(p *facts.Pod, r *facts.PodReading) (bytes int64, readings int, complete bool) {
	complete = true
	for i := range p.Containers {
		c := &p.Containers[i]
		u := readingOf(r, c.Name)
		if u.WorkingSet == facts.Unknown {
			complete = complete && !c.Running
			continue
		}
		readings++
		bytes = min(bytes+max(u.WorkingSet, 0), facts.MaxBytes)
	}
	return bytes, readings, complete
}

// unnamed returns the pod's total that an adapter lists as a container without a name, Unknown if there is none, and
// how many containers have a name.
func unnamed(r *facts.PodReading) (total int64, named int) {
	total = facts.Unknown
	for i := range r.Containers {
		if c := &r.Containers[i]; c.Name != "" {
			named++
		} else {
			total = max(total, c.WorkingSet)
		}
	}
	return total, named
}

// readingOf returns the reading of the container of that name, NoContainerUsage if there is none.
func readingOf(r *facts.PodReading, name string) facts.ContainerUsage {
	for i := range r.Containers {
		if c := &r.Containers[i]; c.Name == name {
			return c.ContainerUsage
		}
	}
	return facts.NoContainerUsage
}
