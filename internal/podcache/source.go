package podcache

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/killorder/killorder/internal/podlist"
)

// source lists and watches the pods that are bound to a node; the API server need not send the rest. Finished pods
// are asked for too: a pod that leaves a watch's selector arrives as DELETED with the object as it was before, so with
// the phase in the selector nobody would see how a pod ended.
type source struct {
	*cache.ListWatch
	client corev1client.CoreV1Interface
	store  *store
}

func newSource(client corev1client.CoreV1Interface, s *store) *source {
	l := &source{client: client, store: s}
	selector := fields.OneTermNotEqualSelector("spec.nodeName", "").String()
	l.ListWatch = &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = selector
			return l.list(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector
			return client.Pods(metav1.NamespaceAll).Watch(ctx, o)
		},
	}
	return l
}

// IsWatchListSemanticsUnSupported keeps the reflector from reading all pods with a WatchList: the API server spends more than twice the
// CPU time on it that it spends on a list (docs/scale.md), because it copies and compresses each pod by itself. Since Kubernetes 1.34 it
// encodes a list pod by pod (StreamingCollectionEncodingToProtobuf), so that a list takes as little of its memory.
func (*source) IsWatchListSemanticsUnSupported() bool { return true }

// list reads pods, and makes facts of each before it reads the next one.
func (l *source) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	body, err := l.client.RESTClient().Get().Resource("pods").VersionedParams(&o, scheme.ParameterCodec).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // it has been read, or given up
	list := &internalversion.List{}
	var bad error
	meta, err := podlist.Decoder{JSON: true, Wanted: podlist.Wanted, Whole: l.store.whole}.Decode(body, func(p *corev1.Pod) {
		item, err := l.store.listed(p)
		if err != nil {
			bad = err
		}
		list.Items = append(list.Items, listed{item})
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, fmt.Errorf("list of Pods, after %d: %w", len(list.Items), err)
	}
	list.ListMeta = *meta
	return list, nil
}

// listed is what the store made of a pod of a list. The reflector hands objects of the API from a list to the store, so this looks
// like one.
type listed struct{ compacted any }

func (listed) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
func (l listed) DeepCopyObject() runtime.Object { return l }
