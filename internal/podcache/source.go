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
	"k8s.io/client-go/tools/pager"
	"k8s.io/klog/v2"

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

// IsWatchListSemanticsUnSupported keeps the reflector from reading all pods with a WatchList. The API server spends about twice the CPU
// time on a WatchList of 150,000 pods that it spends on a list (docs/scale.md), because it copies and compresses each pod of a WatchList
// separately. A list takes no more of the API server's memory than a WatchList: since Kubernetes 1.34 a list is encoded pod by pod
// (StreamingCollectionEncodingToProtobuf).
func (*source) IsWatchListSemanticsUnSupported() bool { return true }

// list reads all pods, at least as new as the version asked for or, without one, up to date. Each pod becomes facts before the next one
// is read. One request is enough where all goes well: the API server answers from its watch cache. Where that answer cannot be read, list
// reads pages: an API server breaks off each list after a minute (--request-timeout), and an answer in JSON would be held as a whole.
// What list returns is always complete: the reflector need not ask for further pages.
func (l *source) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	if o.Limit = 0; o.ResourceVersion == "0" {
		o.ResourceVersion = "" // not what the watch cache of that API server happens to hold
	}
	all, err := l.page(ctx, o)
	if !errors.As(err, new(*brokenError)) || ctx.Err() != nil {
		return all, err
	}
	klog.FromContext(ctx).Info("Not all Pods could be read with one request; reading them page by page", "err", err)
	o.ResourceVersion, o.ResourceVersionMatch = "", ""
	pages := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) { return l.page(ctx, o) }))
	pages.FullListIfExpired = false // that was the first request
	all, _, err = pages.List(ctx, o)
	return all, err
}

// brokenError is an answer that cannot be read.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// page reads the pods of one answer.
func (l *source) page(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	body, err := l.client.RESTClient().Get().Resource("pods").VersionedParams(&o, scheme.ParameterCodec).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // the body has been read, or given up
	d, page := podlist.Decoder{JSON: o.Limit > 0, Wanted: podlist.Wanted, Whole: l.store.whole}, &internalversion.List{}
	meta, err := d.Decode(body, func(p *corev1.Pod) { page.Items = append(page.Items, listed{l.store.compactShared(p)}) })
	if err != nil {
		return nil, &brokenError{fmt.Errorf("list of Pods, after %d Pods: %w", len(page.Items), err)}
	}
	page.ListMeta = *meta
	return page, nil
}

// listed is what the store made of a Pod of a list. It is a runtime.Object because the reflector hands over nothing else from a list
// to the store.
type listed struct{ compacted any }

func (listed) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
func (l listed) DeepCopyObject() runtime.Object { return l }
