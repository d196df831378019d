package snapshot

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/killorder/killorder/api/v1alpha1"
)

// head is what tells objects apart, and a list's content.
type head struct {
	metav1.TypeMeta
	Items *[]json.RawMessage `json:"items"`
}

// reader reads the objects of one kind.
type reader func(c *collector, at location, kind string, raw []byte) error

// readers of the kinds that matter; objects of others are skipped.
var readers = map[metav1.TypeMeta]reader{
	{APIVersion: "v1", Kind: "Node"}:                                      read(false, checkNode, (*collector).node),
	{APIVersion: "v1", Kind: "Pod"}:                                       read(true, checkPod, (*collector).pod),
	{APIVersion: "v1", Kind: "Namespace"}:                                 read(false, nil, (*collector).namespace),
	{APIVersion: "scheduling.k8s.io/v1", Kind: "PriorityClass"}:           read(false, nil, (*collector).priorityClass),
	{APIVersion: "metrics.k8s.io/v1beta1", Kind: "PodMetrics"}:            read(true, nil, (*collector).podMetrics),
	{APIVersion: "metrics.k8s.io/v1beta1", Kind: "NodeMetrics"}:           read(false, nil, (*collector).nodeMetrics),
	{APIVersion: v1alpha1.GroupVersion.String(), Kind: "KillOrderPolicy"}: read(false, checkPolicy, (*collector).policy),
}

// deepest level of Lists within Lists; nobody nests them on purpose.
const deepest = 4

// object takes a document or an item of a list. Items may leave out their kind where the list says it.
func (c *collector) object(at location, raw []byte, listed metav1.TypeMeta) error {
	h := head{TypeMeta: listed}
	if err := decode(raw, &h); err != nil {
		return at.errorf("%s", at.within(err))
	}
	switch {
	case h.APIVersion == "" || h.Kind == "":
		return at.errorf("%s (kubelets' answers belong in kubelet/NODE/%s and kubelet/NODE/%s)",
			at.within(errNoKind), fileSummary, fileConfigz)
	case h.Items != nil && strings.HasSuffix(h.Kind, "List"):
		return c.list(at, &h)
	}
	c.progress()
	read, ok := readers[h.TypeMeta]
	if !ok {
		c.skip(h.Kind)
		return nil
	}
	return read(c, at, h.Kind, raw)
}

var errNoKind = &fieldError{why: "no apiVersion and kind, so it is not a Kubernetes object"}

func (c *collector) list(at location, h *head) error {
	at.level++
	if at.level > deepest {
		return at.errorf("Lists within Lists, more than %d deep", deepest)
	}
	listed := metav1.TypeMeta{}
	if h.Kind != "List" {
		listed = metav1.TypeMeta{APIVersion: h.APIVersion, Kind: strings.TrimSuffix(h.Kind, "List")}
	}
	items := *h.Items
	for i, raw := range items {
		items[i] = nil // read once: what is read may go
		at.item = fmt.Sprintf("items[%d]", i)
		if err := c.object(at, raw, listed); err != nil {
			return err
		}
	}
	return nil
}

// read returns the reader of a kind: decode, check and, unless the same object came before, keep.
func read[T any, P interface {
	*T
	metav1.Object
	runtime.Object
}](namespaced bool, check func(P) error, keep func(*collector, P) error) reader {
	return func(c *collector, at location, kind string, raw []byte) error {
		o := P(new(T))
		err := decode(raw, o)
		what := kind + " " + nameOf(raw, at)
		if err == nil {
			err = checkName(o, namespaced)
		}
		if err == nil && check != nil {
			err = check(o)
		}
		if err != nil {
			return at.errorf("%s: %s", what, err)
		}
		o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // a list may have said it instead
		known, err := c.known(what, at, o)
		if err == nil && !known {
			err = keep(c, o)
		}
		if err != nil {
			return at.errorf("%s: %s", what, err)
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

// sighting is where something was first seen, and a hash of its content.
type sighting struct {
	at   location
	hash uint64
}

// known reports whether the same thing came before. The same name with another content is an error: two
// moments do not make one snapshot.
func (c *collector) known(what string, at location, content any) (bool, error) {
	canonical, err := json.Marshal(content)
	if err != nil {
		return false, err
	}
	hash := maphash.Bytes(c.seed, canonical)
	before, ok := c.seen[what]
	if !ok {
		c.seen[what] = sighting{at, hash}
		return false, nil
	}
	if before.hash != hash {
		return false, fmt.Errorf("differs from the one in %s", before.at)
	}
	return true, nil
}
