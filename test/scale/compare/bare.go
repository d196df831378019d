package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// atOnce is how many requests the bare clients have under way: those that write orders, and those that ask kubelets as rank
// does. More requests would only make an API server on a small machine answer later.
const atOnce = 32

// bareClient deletes the cluster's orders, and writes the given ones as fast as it can, with the same two requests for each as the
// operator: one apply for the object, one for its status. It returns how many writes it made a second.
func (b *bench) bareClient(ctx context.Context, ask manner, all map[string]order) (rate float64, err error) {
	if err := b.removeOrders(ctx); err != nil {
		return 0, err
	}
	if err := b.collect(ctx); err != nil {
		return 0, err
	}
	began, used := time.Now(), b.sharesOf()
	err = together(slices.Collect(maps.Values(all)), func(o order) error { return apply(ctx, b.client, ask, &o) })
	rate = float64(2*len(all)) / time.Since(began).Seconds()
	b.print(used)
	return rate, err
}

// removeOrders deletes all orders, and waits until they are gone.
func (b *bench) removeOrders(ctx context.Context) error {
	if err := b.client.Delete().AbsPath(ordersPath).Do(ctx).Error(); err != nil {
		return fmt.Errorf("deleting the orders: %w", err)
	}
	return b.cluster.WaitUntil(ctx, 10*time.Minute, "orders gone", b.orders.gone)
}

// together calls do for every item, atOnce at the same time, and returns the first error. The worker that meets an error ends.
func together[T any](items []T, do func(T) error) error {
	left := make(chan T, len(items))
	for _, item := range items {
		left <- item
	}
	close(left)
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for item := range left {
				if err := do(item); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// manner is what a bare client adds to each of its requests.
type manner func(*rest.Request) *rest.Request

// plain is client-go as it comes: the API server validates fields, and answers with the whole order.
func plain(r *rest.Request) *rest.Request { return r }

// sparing asks the API server for as little as the operator does: no validation of fields, and metadata as the answer.
func sparing(r *rest.Request) *rest.Request {
	return r.Param("fieldValidation", "Ignore").SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
}

// apply one order as the operator does: its owner, then its status.
func apply(ctx context.Context, client rest.Interface, ask manner, o *order) error {
	meta := metav1.ObjectMeta{Name: o.Metadata.Name, OwnerReferences: o.Metadata.OwnerReferences}
	for _, part := range []struct {
		path string
		body map[string]any
	}{
		{"", map[string]any{"metadata": meta, "spec": struct{}{}}},
		{"/status", map[string]any{"metadata": metav1.ObjectMeta{Name: o.Metadata.Name}, "status": o.Status}},
	} {
		part.body["apiVersion"], part.body["kind"] = "killorder.io/v1alpha1", "NodeKillOrder"
		text, err := json.Marshal(part.body)
		if err != nil {
			return err
		}
		err = ask(client.Patch(types.ApplyPatchType).AbsPath(ordersPath, o.Metadata.Name+part.path)).
			Param("fieldManager", "killorder").Param("force", "true").Body(text).Do(ctx).Error()
		if err != nil {
			return fmt.Errorf("applying %s%s: %w", o.Metadata.Name, part.path, err)
		}
	}
	return nil
}
