package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// right waits until the orders are right while nothing comes or goes: each Node has one, which the Node owns, and none is left of a
// Node that is gone. The order of a node whose memory stands still has at each place what rank says of a snapshot of this moment, within
// the band. That of another node has as many victims as rank says. All pods in orders are on their node.
func (s *soak) right(ctx context.Context) error {
	some := *s.cluster.Scenario
	some.Nodes = s.churn.present()
	ranked, err := s.ranked(ctx, &some, s.cluster.Elapsed())
	if err != nil {
		return err
	}
	wrong := errors.New("never looked at")
	err = s.until(ctx, "right orders", func(ctx context.Context) error {
		wrong = s.wrong(ctx, ranked, some.Nodes)
		return wrong
	})
	if err != nil && wrong != nil {
		s.fail(fmt.Errorf("orders are not right: %w", wrong))
		return ctx.Err()
	}
	return err
}

// wrong says what is not right of the orders; nil if all is.
func (s *soak) wrong(ctx context.Context, ranked *v1alpha1.NodeKillOrderList, nodes []*scenario.Node) error {
	api := s.cluster.Client().CoreV1()
	objects, err := api.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	pods, err := api.Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	text, err := s.client.Get().AbsPath(ordersPath).Do(ctx).Raw()
	if err != nil {
		return err
	}
	var orders v1alpha1.NodeKillOrderList
	if err := json.Unmarshal(text, &orders); err != nil {
		return err
	}
	owner := map[string]types.UID{}
	for i := range objects.Items {
		owner[objects.Items[i].Name] = objects.Items[i].UID
	}
	on := map[types.UID]string{}
	for i := range pods.Items {
		on[pods.Items[i].UID] = pods.Items[i].Spec.NodeName
	}
	published := map[string]*v1alpha1.NodeKillOrder{}
	var errs []error
	for i := range orders.Items {
		o := &orders.Items[i]
		published[o.Name] = o
		errs = append(errs, checkOwner(o, owner), checkVictims(o, on))
	}
	still := map[string]bool{}
	for _, n := range nodes {
		still[n.Name] = isSteady(n)
	}
	if want, have := slices.Sorted(maps.Keys(owner)), slices.Sorted(maps.Keys(published)); !slices.Equal(want, have) {
		errs = append(errs, fmt.Errorf("orders of other nodes than there are (-want +have):\n%s", cmp.Diff(want, have)))
	}
	for i := range ranked.Items {
		errs = append(errs, checkOrder(&ranked.Items[i], published[ranked.Items[i].Name], still[ranked.Items[i].Name]))
	}
	return firstOf(errs)
}

// checkOwner expects that the order has one owner, the Node of its name that there is now.
func checkOwner(o *v1alpha1.NodeKillOrder, nodes map[string]types.UID) error {
	if len(o.OwnerReferences) != 1 || o.OwnerReferences[0].UID != nodes[o.Name] {
		return fmt.Errorf("order of %s has the owners %v, want the Node of the UID %q", o.Name, o.OwnerReferences, nodes[o.Name])
	}
	return nil
}

// checkVictims expects that all pods in an order are on its node.
func checkVictims(o *v1alpha1.NodeKillOrder, on map[types.UID]string) error {
	for i := range o.Status.EvictionOrder {
		if v := &o.Status.EvictionOrder[i]; on[v.UID] != o.Name {
			return fmt.Errorf("order of %s has %s/%s at rank %d, want pods of the node: a pod of that UID is on %q",
				o.Name, v.Namespace, v.Pod, v.Rank, on[v.UID])
		}
	}
	return nil
}

// checkOrder compares an order with what rank says: as many victims, and where memory stands still the same places.
func checkOrder(want, have *v1alpha1.NodeKillOrder, still bool) error {
	if have == nil {
		return fmt.Errorf("%s has no order, want one", want.Name)
	}
	w, h := &want.Status, &have.Status
	if w, h := lengths(w), lengths(h); w != h {
		return fmt.Errorf("order of %s has %v victims of an eviction and of the kernel, want %v as rank says", want.Name, h, w)
	}
	if !still {
		return nil
	}
	var errs []error
	critical := map[string]bool{}
	for i := range w.EvictionOrder {
		critical[w.EvictionOrder[i].Namespace+"/"+w.EvictionOrder[i].Pod] = w.EvictionOrder[i].Critical
		errs = append(errs, checkEviction(&w.EvictionOrder[i], &h.EvictionOrder[i]))
	}
	for i := range h.EvictionOrder {
		v := &h.EvictionOrder[i]
		if is, known := critical[v.Namespace+"/"+v.Pod]; known && is != v.Critical {
			errs = append(errs, fmt.Errorf("%s/%s is critical: %t, want %t as rank says", v.Namespace, v.Pod, v.Critical, is))
		}
	}
	for i := range w.OOMOrder {
		errs = append(errs, checkOOM(&w.OOMOrder[i], &h.OOMOrder[i]))
	}
	if err := firstOf(errs); err != nil {
		return fmt.Errorf("order of %s: %w", want.Name, err)
	}
	return nil
}

func lengths(s *v1alpha1.NodeKillOrderStatus) [2]int {
	return [2]int{len(s.EvictionOrder), len(s.OOMOrder)}
}

// checkEviction compares the victims at one place. Far from danger the operator lets two pods trade places only when their keys differ
// by more than the band (docs/orders.md), so the pod at a place may be another one, but its class and priority are the same, and
// its key differs by no more than the band; by twice that, since a published figure is within the band as well.
func checkEviction(want, have *v1alpha1.EvictionVictim) error {
	if want.Usage == nil || have.Usage == nil {
		return fmt.Errorf("no reading of %s/%s or of %s/%s", want.Namespace, want.Pod, have.Namespace, have.Pod)
	}
	if want.Reason != have.Reason || want.Priority != have.Priority {
		return fmt.Errorf("eviction rank %d is %s/%s (%s, priority %d), want one like %s/%s (%s, priority %d), as rank says", have.Rank,
			have.Namespace, have.Pod, have.Reason, have.Priority, want.Namespace, want.Pod, want.Reason, want.Priority)
	}
	w, h := want.Usage.Value()-want.Request.Value(), have.Usage.Value()-have.Request.Value()
	if apart(w, h) > 2*widestBand(max(want.Usage.Value(), have.Usage.Value())) {
		return fmt.Errorf("eviction rank %d is %s/%s, %s over its request, want %s as %s/%s, as rank says", have.Rank,
			have.Namespace, have.Pod, tenths(h), tenths(w), want.Namespace, want.Pod)
	}
	return nil
}

// checkOOM compares the containers at one place, by the key that the kernel's order follows.
func checkOOM(want, have *v1alpha1.OOMVictim) error {
	if want.Usage == nil || have.Usage == nil {
		return fmt.Errorf("no reading of %s/%s or of %s/%s", want.Namespace, want.Pod, have.Namespace, have.Pod)
	}
	if apart(want.Badness.Value(), have.Badness.Value()) > 2*widestBand(max(want.Usage.Value(), have.Usage.Value())) {
		return fmt.Errorf("rank %d of the kernel is %s/%s with a badness of %s, want %s as %s/%s, as rank says", have.Rank,
			have.Namespace, have.Pod, have.Badness.String(), want.Badness.String(), want.Namespace, want.Pod)
	}
	return nil
}

func apart(a, b int64) int64 { return max(a-b, b-a) }

// widestBand is 80Mi or 25% of a usage, in bytes: docs/orders.md, for a node that is far from its killers.
func widestBand(usage int64) int64 { return max(80<<20, usage/4) }

// firstOf the errors, with the number of all.
func firstOf(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%d in all, the first one: %w", len(errs), errs[0])
}
