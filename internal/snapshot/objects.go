package snapshot

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// reader reads one object of a kind.
type reader func(c *collector, at location, kind string, raw []byte) error

// The kinds that matter; objects of others are skipped.
var (
	kindNode          = metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}
	kindPod           = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	kindNamespace     = metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}
	kindEvent         = metav1.TypeMeta{APIVersion: "v1", Kind: "Event"}
	kindStatus        = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	kindPriorityClass = metav1.TypeMeta{APIVersion: schedulingv1.SchemeGroupVersion.String(), Kind: "PriorityClass"}
	kindPodMetrics    = metav1.TypeMeta{APIVersion: metrics.SchemeGroupVersion.String(), Kind: "PodMetrics"}
	kindNodeMetrics   = metav1.TypeMeta{APIVersion: metrics.SchemeGroupVersion.String(), Kind: "NodeMetrics"}
	kindPolicy        = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "KillOrderPolicy"}
	kindKillOrder     = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeKillOrder"}
	kindKubeletConfig = metav1.TypeMeta{APIVersion: "kubelet.config.k8s.io/v1beta1", Kind: "KubeletConfiguration"}
	// A kubelet's answers have no kind of their own.
	kindSummary = metav1.TypeMeta{APIVersion: "kubelet", Kind: "Summary"}
	kindConfigz = metav1.TypeMeta{APIVersion: "kubelet", Kind: "configz"}
)

var readers = map[metav1.TypeMeta]reader{
	kindNode:          read(checkNode, (*collector).node),
	kindPod:           read(checkPod, (*collector).pod),
	kindNamespace:     read(checkClusterName, (*collector).namespace),
	kindEvent:         readEvent,
	kindStatus:        readStatus,
	kindPriorityClass: read(checkClusterName, (*collector).priorityClass),
	kindPodMetrics:    read(checkPodMetrics, (*collector).podMetrics),
	kindNodeMetrics:   read(checkNodeMetrics, (*collector).nodeMetrics),
	kindPolicy:        read(checkPolicy, (*collector).policy),
	kindKillOrder:     read(checkClusterName, (*collector).killOrder),
	kindKubeletConfig: answer((*collector).bareConfig),
	kindSummary:       answer((*collector).summary),
	kindConfigz:       answer((*collector).configz),
}

// take takes an object that has been read. Items may leave out their kind where their list says it, listed; own is what
// the object has said of itself, of the list that it is in, if it is in one.
func (c *collector) take(at location, raw []byte, listed metav1.TypeMeta, own, of *list) error {
	switch {
	case own.has:
		return c.flush(own)
	case own.isList():
		return c.emptyList(at, raw)
	}
	kind := own.TypeMeta
	if kind.APIVersion == "" {
		kind.APIVersion = listed.APIVersion
	}
	if kind.Kind == "" {
		kind.Kind = listed.Kind
	}
	if answer := at.answer(); answer != (metav1.TypeMeta{}) && kind != kindStatus && kind != kindKubeletConfig {
		kind = answer
	}
	if kind.APIVersion == "" || kind.Kind == "" {
		if of.mayTell() {
			of.wait(at, raw)
			return nil
		}
		if kind = shapeOf(at, raw); kind.Kind == "" {
			return at.fault(omittedForeign, "%s", at.within(errNoKind))
		}
	}
	c.progress()
	if read, ok := readers[kind]; ok {
		return read(c, at, kind.Kind, raw)
	}
	c.omitted.count(omittedKinds, kind.Kind)
	return nil
}

var errNoKind = &fieldError{why: "no apiVersion and kind, and not the shape of a Node, a Pod, their metrics or a kubelet's answer"}

// emptyList takes a List whose items have not been read: there are none, or they are no list.
func (c *collector) emptyList(at location, raw []byte) error {
	var l struct {
		metav1.TypeMeta
		Items []json.RawMessage `json:"items"`
	}
	if err := Decode(raw, &l); err != nil {
		return at.fault(omittedObjects, "%s", at.within(err))
	}
	return nil
}

// object is what every kind has.
type object[T any] interface {
	*T
	metav1.Object
}

// read returns the reader of a kind: decode, check, keep.
func read[T any, P object[T]](check func(P) error, keep func(*collector, location, P) error) reader {
	return func(c *collector, at location, kind string, raw []byte) error {
		o := P(new(T))
		err := Decode(raw, o)
		if err == nil {
			err = check(o)
		}
		if err == nil {
			err = keep(c, at, o)
		}
		if err != nil {
			return at.fault(omittedObjects, "%s %s: %s", kind, nameOf(raw, at), err)
		}
		return nil
	}
}

// nameOf an object, even if much of it cannot be read; its place in the list if it has none.
func nameOf(raw []byte, at location) string {
	var o struct {
		Metadata struct{ Name, Namespace string }
	}
	_ = json.Unmarshal(raw, &o) // whatever can be read of it will do
	switch {
	case o.Metadata.Name == "" && at.item == "":
		return "without a name"
	case o.Metadata.Name == "":
		return at.item
	case o.Metadata.Namespace == "":
		return o.Metadata.Name
	}
	return o.Metadata.Namespace + "/" + o.Metadata.Name
}

// readEvent shows an Event to whoever looks on. The orders do not rest on Events: without somebody who looks on, they are passed
// over, and no note is made of what every snapshot has.
func readEvent(c *collector, at location, kind string, raw []byte) error {
	if c.options.Event == nil {
		return nil
	}
	e := new(corev1.Event)
	if err := Decode(raw, e); err != nil {
		return at.fault(omittedObjects, "%s %s: %s", kind, nameOf(raw, at), err)
	}
	c.options.Event(e)
	return nil
}

// readStatus refuses the answer of an API server, or of a kubelet through it, that tells of an error.
func readStatus(_ *collector, at location, _ string, raw []byte) error {
	var s metav1.Status
	if err := Decode(raw, &s); err != nil {
		return at.fault(omittedAnswers, "%s", at.within(err))
	}
	const most = 160
	message := []rune(s.Message)
	message = message[:min(len(message), most)]
	return at.fault(omittedAnswers, "is an error answer (%s: %s), not what was asked for", s.Reason, string(message))
}
