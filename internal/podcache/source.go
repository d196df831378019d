package podcache

import (
	"context"
	"errors"
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

// IsWatchListSemanticsUnSupported keeps the reflector from reading all pods with a WatchList, on which the API server spends twice the CPU
// time (docs/scale.md), because the API server copies and compresses each pod of a WatchList separately. Since Kubernetes 1.34 an API
// server encodes a list pod by pod (StreamingCollectionEncodingToProtobuf), so a list takes no more of the API server's memory.
func (*source) IsWatchListSemanticsUnSupported() bool { return true }

// pageSize is the number of pods in a page.
const pageSize = 500

// list reads all pods, at least as new as the version asked for or, without one, up to date. It makes facts of each pod before it reads the
// next one. One request is enough where all goes well: the API server answers from its watch cache. Where the answer breaks off, list
// reads pages: an API server ends each list after a minute (--request-timeout). So it does where the answer is not in protobuf, because
// an answer in JSON is held as a whole. What list returns is always complete: the reflector need not ask for further pages.
func (l *source) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	if o.Limit = 0; o.ResourceVersion == "0" {
		o.ResourceVersion = "" // not what the watch cache of that API server happens to hold
	}
	all := &internalversion.List{}
	err := l.page(ctx, o, all)
	if !errors.As(err, new(*brokenError)) || ctx.Err() != nil {
		return all, err
	}
	all.Items = nil
	o.Limit, o.ResourceVersion, o.ResourceVersionMatch = pageSize, "", ""
	for {
		if err := l.page(ctx, o, all); err != nil {
			return nil, err
		}
		if o.Continue, all.Continue = all.Continue, ""; o.Continue == "" {
			return all, nil
		}
	}
}

// brokenError is an answer that cannot be read.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// page adds the pods of one answer to the others, and takes its metadata.
func (l *source) page(ctx context.Context, o metav1.ListOptions, all *internalversion.List) error {
	body, err := l.client.RESTClient().Get().Resource("pods").VersionedParams(&o, scheme.ParameterCodec).Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it has been read, or given up
	d := podlist.Decoder{JSON: o.Limit > 0, Wanted: podlist.Wanted, Whole: l.store.whole}
	meta, err := d.Decode(body, func(p *corev1.Pod) { all.Items = append(all.Items, listed{l.store.compactShared(p)}) })
	if err != nil {
		return &brokenError{fmt.Errorf("list of Pods, after %d Pods: %w", len(all.Items), err)}
	}
	all.ListMeta = *meta
	return nil
}

// listed is what the store made of a Pod of a list. It is a runtime.Object because the reflector hands over nothing else from a list
// to the store.
type listed struct{ compacted any }

func (listed) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
func (l listed) DeepCopyObject() runtime.Object { return l }
