package snapshot

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
)

// learnDeaths learns what Events, NodeKillOrders and the ends of containers name: much of it is of pods that are gone.
func (r *redaction) learnDeaths(c *Content) {
	for i := range c.Events {
		e := &c.Events[i]
		switch e.InvolvedObject.Kind {
		case kindPod.Kind:
			r.namespaces.learn(e.InvolvedObject.Namespace)
			r.pods.learn(e.InvolvedObject.Name)
			r.containers.learn(fieldContainer(e.InvolvedObject.FieldPath))
		case kindNode.Kind:
			r.nodes.learn(e.InvolvedObject.Name)
		}
		r.nodes.learn(e.Source.Host)
		for name := range strings.SplitSeq(e.Annotations["offending_containers"], ",") {
			r.containers.learn(name)
		}
	}
	for i := range c.Orders {
		r.learnOrder(&c.Orders[i])
	}
	for i := range c.Pods {
		for _, all := range statuses(&c.Pods[i]) {
			for j := range all {
				r.learnID(all[j].State.Terminated)
				r.learnID(all[j].LastTerminationState.Terminated)
			}
		}
	}
}

func (r *redaction) learnOrder(o *v1alpha1.NodeKillOrder) {
	r.nodes.learn(o.Name)
	if c := o.Status.CulpritRef; c != nil {
		r.namespaces.learn(c.Namespace)
		r.pods.learn(c.Pod)
		r.learnWorkload(c.Workload)
	}
	for i := range o.Status.Kills {
		k := &o.Status.Kills[i]
		r.namespaces.learn(k.Namespace)
		r.pods.learn(k.Pod)
		r.containers.learn(k.Container)
		r.ids.learn(k.ContainerID)
		r.learnWorkload(k.Workload)
		if namespace, name, ok := strings.Cut(k.Culprit, "/"); ok {
			r.namespaces.learn(namespace)
			r.workloads.learn(name)
		}
	}
}

func (r *redaction) learnWorkload(w *v1alpha1.WorkloadReference) {
	if w != nil {
		r.workloads.learn(w.Name)
	}
}

func (r *redaction) learnID(t *corev1.ContainerStateTerminated) {
	if t != nil {
		r.ids.learn(facts.ShortID(t.ContainerID))
	}
}

// id of a container, renamed, as a status has it; "" for "".
func (r *redaction) id(id string) string {
	if id == "" {
		return ""
	}
	return "containerd://" + r.ids.of(facts.ShortID(id))
}

// uid of a pod. Pods of one name, one after the other, stay different ones.
func (r *redaction) uid(namespace, name string, uid types.UID) types.UID {
	if uid == "" || name == "" {
		return ""
	}
	if renamed, ok := r.uids[uid]; ok {
		return renamed
	}
	base := r.namespaces.of(namespace) + "." + r.pods.of(name)
	renamed := types.UID(base)
	if n := r.sameName[base]; n > 0 {
		renamed = types.UID(fmt.Sprintf("%s.%d", base, n))
	}
	r.sameName[base]++
	r.uids[uid] = renamed
	return renamed
}

// events returns those of pods and nodes, in numbers for names.
func (r *redaction) events(all []corev1.Event) (out []corev1.Event) {
	for i := range all {
		e := &all[i]
		var of corev1.ObjectReference
		switch ref := &e.InvolvedObject; ref.Kind {
		case kindPod.Kind:
			of = corev1.ObjectReference{
				Kind: ref.Kind, Namespace: r.namespaces.of(ref.Namespace), Name: r.pods.of(ref.Name),
				UID: r.uid(ref.Namespace, ref.Name, ref.UID), FieldPath: r.fieldPath(ref.FieldPath),
			}
		case kindNode.Kind:
			of = corev1.ObjectReference{Kind: ref.Kind, Name: r.nodes.of(ref.Name), UID: types.UID(r.nodes.of(ref.Name))}
		default:
			continue
		}
		namespace := of.Namespace
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		out = append(out, corev1.Event{
			TypeMeta: kindEvent,
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("event-%06d", i+1), Namespace: namespace, CreationTimestamp: e.CreationTimestamp,
			},
			InvolvedObject: of, Reason: reasonOf(e.Reason), Message: r.text(e.Message), Type: eventType(e.Type),
			Source:         corev1.EventSource{Component: component(e.Source.Component), Host: r.nodes.of(e.Source.Host)},
			FirstTimestamp: e.FirstTimestamp, LastTimestamp: e.LastTimestamp, Count: e.Count, EventTime: e.EventTime, Series: e.Series,
			ReportingController: component(e.ReportingController),
		})
		out[len(out)-1].Annotations = r.evictionAnnotations(e.Annotations)
	}
	return out
}

func eventType(t string) string {
	if t == corev1.EventTypeWarning {
		return t
	}
	return corev1.EventTypeNormal
}

// component is who wrote an Event, if many have it.
func component(name string) string {
	switch name {
	case "kubelet", "default-scheduler", "kernel-monitor", "taint-eviction-controller", "node-controller", "killorder":
		return name
	}
	return ""
}

// evictionAnnotations of the kubelet's Event.
func (r *redaction) evictionAnnotations(all map[string]string) map[string]string {
	kept := map[string]string{}
	for _, key := range []string{"starved_resource", "offending_containers_usage", "offending_containers"} {
		value, ok := all[key]
		if !ok {
			continue
		}
		parts := strings.Split(value, ",")
		for i, part := range parts {
			if key == "offending_containers" {
				parts[i] = r.containers.of(part)
			} else {
				parts[i] = r.text(part)
			}
		}
		kept[key] = strings.Join(parts, ",")
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// fieldContainer is NAME of spec.containers{NAME} and the like.
func fieldContainer(path string) string {
	_, name, found := strings.Cut(path, "ontainers{")
	if !found {
		return ""
	}
	return strings.TrimSuffix(name, "}")
}

func (r *redaction) fieldPath(path string) string {
	if name := fieldContainer(path); name != "" {
		return "spec.containers{" + r.containers.of(name) + "}"
	}
	return ""
}

// order returns what the answers rest on: the culprit, the kills, and how old both are. Orders are made anew.
func (r *redaction) order(o *v1alpha1.NodeKillOrder) v1alpha1.NodeKillOrder {
	name := r.nodes.of(o.Name)
	out := v1alpha1.NodeKillOrder{
		TypeMeta:   kindKillOrder,
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("order-" + name), ResourceVersion: o.ResourceVersion},
		Status:     v1alpha1.NodeKillOrderStatus{LastChangedAt: o.Status.LastChangedAt, Usage: o.Status.Usage},
	}
	if c := o.Status.CulpritRef; c != nil {
		out.Status.CulpritRef = &v1alpha1.CulpritReference{
			Namespace: r.namespaces.of(c.Namespace), Pod: r.pods.of(c.Pod), UID: r.uid(c.Namespace, c.Pod, c.UID),
			Workload: r.workload(c.Workload), Reason: c.Reason, Amount: c.Amount,
		}
	}
	for i := range o.Status.Kills {
		k := o.Status.Kills[i]
		k.UID = r.uid(k.Namespace, k.Pod, k.UID)
		k.Namespace, k.Pod, k.Container = r.namespaces.of(k.Namespace), r.pods.of(k.Pod), r.containers.of(k.Container)
		k.ContainerID, k.Workload, k.Message = r.ids.of(k.ContainerID), r.workload(k.Workload), r.text(k.Message)
		if namespace, name, ok := strings.Cut(k.Culprit, "/"); ok {
			k.Culprit = r.namespaces.of(namespace) + "/" + r.workloads.of(name)
		} else {
			k.Culprit = "" // nothing of ours
		}
		out.Status.Kills = append(out.Status.Kills, k)
	}
	for _, c := range o.Status.Conditions {
		c.Message = ""
		out.Status.Conditions = append(out.Status.Conditions, c)
	}
	return out
}

func (r *redaction) workload(w *v1alpha1.WorkloadReference) *v1alpha1.WorkloadReference {
	if w == nil {
		return nil
	}
	return &v1alpha1.WorkloadReference{Kind: commonKind(w.Kind), Name: r.workloads.of(w.Name)}
}
