package extract

import (
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// Bounds of what one Pod may become. The API server takes Pods of some 10,000 containers or labels (an object may have
// 1.5 MiB); no kubelet runs such a pod, and what one tenant writes must not fill the operator's memory.
const (
	// maxContainers is how many containers of one pod are kept. The pod's request and its share of oom_score_adj are sums over
	// all containers, kept or not.
	maxContainers = 128
	// maxLabels is how many labels of one pod are kept, the first in the order of their keys.
	maxLabels = 128
	// maxName bounds, in bytes, the names that the API server does not bound itself: kind and name of an owner.
	maxName = 253
	// fewStatuses are searched one by one, more of them through an index.
	fewStatuses = 32
)

// bounded returns at most maxContainers containers, in spec order. Running containers are kept first, since only they use
// memory; then the others, from the first on. The names are copies, which do not keep the Pod in memory.
func bounded(cs []facts.Container) []facts.Container {
	cs = few(cs)
	for i := range cs {
		cs[i].Name = intern(cs[i].Name)
	}
	return cs
}

func few(cs []facts.Container) []facts.Container {
	if len(cs) <= maxContainers {
		return cs
	}
	kept := make([]facts.Container, 0, maxContainers)
	room := maxContainers - min(running(cs), maxContainers)
	for i := range cs {
		switch {
		case len(kept) == maxContainers:
			return kept
		case cs[i].Running:
			kept = append(kept, cs[i])
		case room > 0:
			room--
			kept = append(kept, cs[i])
		}
	}
	return kept
}

func running(cs []facts.Container) (n int) {
	for i := range cs {
		if cs[i].Running {
			n++
		}
	}
	return n
}

// labelsOf returns the pod's labels: at most maxLabels of them.
func labelsOf(p *corev1.Pod) facts.Labels {
	if len(p.Labels) <= maxLabels {
		return facts.NewLabels(p.Labels, intern)
	}
	all := facts.NewLabels(p.Labels, nil)
	kept := make(facts.Labels, 2*maxLabels)
	for i := range kept {
		kept[i] = intern(all[i])
	}
	return kept
}

// shortened cuts a name to maxName bytes, and not within a character.
func shortened(name string) string {
	if len(name) <= maxName {
		return name
	}
	end := maxName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return strings.ToValidUTF8(name[:end], "")
}

// statusIndex finds the status of a container by the container's name.
type statusIndex struct {
	statuses []corev1.ContainerStatus
	byName   map[string]int // nil for few statuses
}

func indexed(statuses []corev1.ContainerStatus) statusIndex {
	x := statusIndex{statuses: statuses}
	if len(statuses) <= fewStatuses {
		return x
	}
	x.byName = make(map[string]int, len(statuses))
	for i := range slices.Backward(statuses) {
		x.byName[statuses[i].Name] = i // the first of a name, as without the index
	}
	return x
}

// of returns the status of the named container, nil if there is none.
func (x *statusIndex) of(name string) *corev1.ContainerStatus {
	if x.byName != nil {
		if i, ok := x.byName[name]; ok {
			return &x.statuses[i]
		}
		return nil
	}
	for i := range x.statuses {
		if x.statuses[i].Name == name {
			return &x.statuses[i]
		}
	}
	return nil
}
