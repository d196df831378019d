package snapshot

import (
	"cmp"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
)

// A file has not been through an API server's validation: what the engine relies on is checked here.

func checkName(o metav1.Object, namespaced bool) error {
	if err := name("metadata.name", o.GetName()); err != nil || !namespaced {
		return err
	}
	return name("metadata.namespace", o.GetNamespace())
}

func name(path, name string) error {
	switch {
	case name == "":
		return &fieldError{path, "missing"}
	case len(validation.IsDNS1123Subdomain(name)) > 0:
		return &fieldError{path, strconv.Quote(name) + " is not a name"}
	}
	return nil
}

// mostBytes is more memory than any machine has.
var mostBytes = *resource.NewQuantity(facts.MaxBytes, resource.BinarySI)

// checkMemory accepts amounts of memory and huge pages from 0 to facts.MaxBytes.
func checkMemory(path string, l corev1.ResourceList) error {
	for _, resource := range []corev1.ResourceName{corev1.ResourceMemory, "hugepages-2Mi", "hugepages-1Gi"} {
		q, ok := l[resource]
		switch {
		case !ok:
		case q.Sign() < 0:
			return &fieldError{join(path, string(resource)), q.String() + " is negative"}
		case q.Cmp(mostBytes) > 0:
			return &fieldError{join(path, string(resource)), fmt.Sprintf("%s is more than %s", &q, &mostBytes)}
		}
	}
	return nil
}

func checkClusterName[T metav1.Object](o T) error { return checkName(o, false) }

// checkPodMetrics and checkNodeMetrics check names only as far as something is looked up by them: adapters have names of
// their own for nodes.
func checkPodMetrics(m *metrics.PodMetrics) error {
	return cmp.Or(missing("metadata.name", m.Name), missing("metadata.namespace", m.Namespace))
}

func checkNodeMetrics(m *metrics.NodeMetrics) error { return missing("metadata.name", m.Name) }

func missing(path, value string) error {
	if value != "" {
		return nil
	}
	return &fieldError{path, "missing"}
}

func checkNode(n *corev1.Node) error {
	return cmp.Or(checkName(n, false),
		checkMemory("status.capacity", n.Status.Capacity), checkMemory("status.allocatable", n.Status.Allocatable))
}

func checkPod(p *corev1.Pod) error {
	if err := checkName(p, true); err != nil {
		return err
	}
	if len(p.Spec.Containers) == 0 {
		return &fieldError{"spec.containers", "missing"}
	}
	return cmp.Or(
		checkMemory("spec.overhead", p.Spec.Overhead), checkMemory("status.allocatedResources", p.Status.AllocatedResources),
		checkResources("spec.resources", p.Spec.Resources), checkResources("status.resources", p.Status.Resources),
		checkContainers(p), checkStatuses(p))
}

func checkResources(path string, r *corev1.ResourceRequirements) error {
	if r == nil {
		return nil
	}
	return cmp.Or(checkMemory(path+".requests", r.Requests), checkMemory(path+".limits", r.Limits))
}

func checkContainers(p *corev1.Pod) error {
	for _, l := range []struct {
		path string
		list []corev1.Container
	}{
		{"spec.initContainers", p.Spec.InitContainers}, {"spec.containers", p.Spec.Containers},
	} {
		for i := range l.list {
			path := fmt.Sprintf("%s[%d]", l.path, i)
			if err := cmp.Or(name(path+".name", l.list[i].Name), checkResources(path+".resources", &l.list[i].Resources)); err != nil {
				return err
			}
		}
	}
	for i := range p.Spec.EphemeralContainers {
		if err := name(fmt.Sprintf("spec.ephemeralContainers[%d].name", i), p.Spec.EphemeralContainers[i].Name); err != nil {
			return err
		}
	}
	return nil
}

func checkStatuses(p *corev1.Pod) error {
	for _, l := range []struct {
		path string
		list []corev1.ContainerStatus
	}{
		{"status.initContainerStatuses", p.Status.InitContainerStatuses},
		{"status.containerStatuses", p.Status.ContainerStatuses},
	} {
		for i := range l.list {
			path := fmt.Sprintf("%s[%d]", l.path, i)
			err := cmp.Or(checkMemory(path+".allocatedResources", l.list[i].AllocatedResources),
				checkResources(path+".resources", l.list[i].Resources))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPolicy checks what extract.NewPolicy leaves to the schema.
func checkPolicy(k *v1alpha1.KillOrderPolicy) error {
	if err := checkName(k, false); err != nil {
		return err
	}
	if k.Name != v1alpha1.PolicyName {
		return &fieldError{"metadata.name", "must be " + v1alpha1.PolicyName}
	}
	switch s := k.Spec.Usage.Source; s {
	case "", v1alpha1.PreferAuto, v1alpha1.PreferMetricsAPI, v1alpha1.PreferKubelet:
		return nil
	default:
		return &fieldError{"spec.usage.source", fmt.Sprintf("%q is not %s, %s or %s", string(s),
			v1alpha1.PreferAuto, v1alpha1.PreferMetricsAPI, v1alpha1.PreferKubelet)}
	}
}
