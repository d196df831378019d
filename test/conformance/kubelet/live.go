package kubelet

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// live gives an admitted pod a moment of its life: what runs, and how much memory it uses.
func (d dice) live(p *Pod, a *wire.Admitted[corev1.Pod], n *Node) {
	p.Phase, p.Containers, p.Sandbox = corev1.PodRunning, map[string]State{}, true
	if a.Created.Pod.Spec.Resources == nil { // before 1.34 they are dropped
		p.Traits = slices.DeleteFunc(p.Traits, func(t string) bool { return strings.HasPrefix(t, "pod-level") })
	}
	for i := range a.Created.Pod.Spec.InitContainers { // before 1.29 there are no sidecars
		p.Manifest.Spec.InitContainers[i].RestartPolicy = a.Created.Pod.Spec.InitContainers[i].RestartPolicy
	}
	d.moment(p)
	if a.Resized != nil && !equality.Semantic.DeepEqual(a.Resized.Pod.Spec, a.Created.Pod.Spec) {
		p.ResizeAllocated = d.percent(40)
		trait := "resize pending"
		if p.ResizeAllocated {
			trait = "resized"
			if p.RunningSince = n.Watched && d.percent(50); p.RunningSince {
				trait = "resized while running"
			}
		}
		p.Traits = append(p.Traits, trait)
		if a.Created.Pod.Spec.Resources == nil && a.Resized.Pod.Spec.Resources != nil {
			p.Traits = append(p.Traits, trait+" to pod-level resources")
		}
	}
	if len(p.Running()) > 0 {
		p.WorkingSet = d.workingSet(kubeletPod(p, a).Request, n.Capacity)
	} else {
		p.WorkingSet = page * d.Int64N(500) // a sandbox's, if that counts
	}
}

// moment sets the states of the pod's containers, and what follows from them.
func (d dice) moment(p *Pod) {
	switch n := d.IntN(100); {
	case n < 60:
		d.started(p)
	case n < 69:
		p.Phase, p.Sandbox = corev1.PodPending, d.percent(50)
		p.Traits = append(p.Traits, "nothing created")
	case n < 76:
		d.initializing(p)
	case n < 84:
		d.started(p)
		d.stumbling(p)
	case n < 89:
		d.started(p)
		d.finished(p)
	case n < 95:
		d.started(p)
		p.Terminating = true
		p.Traits = append(p.Traits, "terminating")
	default:
		d.started(p)
		p.Ephemeral = []string{"debugger"}
		p.Traits = append(p.Traits, "ephemeral container")
	}
}

// started: init containers are done, all others run.
func (d dice) started(p *Pod) {
	for i := range p.Manifest.Spec.InitContainers {
		c := &p.Manifest.Spec.InitContainers[i]
		p.Containers[c.Name] = Terminated
		if c.RestartPolicy != nil {
			p.Containers[c.Name] = Running
			p.Traits = append(p.Traits, "sidecar runs")
		}
	}
	for i := range p.Manifest.Spec.Containers {
		p.Containers[p.Manifest.Spec.Containers[i].Name] = Running
	}
}

// initializing: the init containers have got as far as one of them.
func (d dice) initializing(p *Pod) {
	inits := p.Manifest.Spec.InitContainers
	if len(inits) == 0 {
		d.started(p)
		return
	}
	p.Phase = corev1.PodPending
	at := d.IntN(len(inits))
	for i := range inits[:at] {
		p.Containers[inits[i].Name] = Terminated
		if inits[i].RestartPolicy != nil {
			p.Containers[inits[i].Name] = Running
		}
	}
	p.Containers[inits[at].Name] = oneOf(d, Running, Running, BackOff)
	p.Traits = append(p.Traits, "initializing")
}

// stumbling: some containers, perhaps all, do not run at the moment.
func (d dice) stumbling(p *Pod) {
	all := d.percent(40)
	for i := range p.Manifest.Spec.Containers {
		if all || d.percent(50) {
			p.Containers[p.Manifest.Spec.Containers[i].Name] = oneOf(d, BackOff, Terminated)
		}
	}
	trait := "some containers down"
	if all {
		trait = "no container up but sidecars"
	}
	p.Traits = append(p.Traits, trait)
}

// finished: the pod has run its course; status and containers say so.
func (d dice) finished(p *Pod) {
	p.Phase, p.Sandbox = oneOf(d, corev1.PodSucceeded, corev1.PodFailed), false
	p.Terminating = d.percent(20)
	for name := range p.Containers {
		p.Containers[name] = Terminated
	}
	p.Traits = append(p.Traits, "finished")
}
