package clusterread

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/snapshot"
)

// ordersPage is how many orders are decoded at a time; each has up to 10 kB of JSON.
const ordersPage = 100

// readOrders reads what the operator has published of the nodes read, where it lives: it has seen usage grow, which one
// reading cannot. It is asked for only where there is a policy, which the operator makes.
func (c *cluster) readOrders(ctx context.Context) {
	if !c.operator {
		return
	}
	if age := time.Since(c.lastPass); age > snapshot.OperatorIsLate {
		c.note("the killorder operator is installed, but has not looked at the nodes for %s: its culprits and forecasts are not taken",
			age.Round(time.Minute))
		return
	}
	c.snapshot.Published = map[string]*v1alpha1.NodeKillOrder{}
	var err error
	if len(c.snapshot.Nodes) <= readingsAtOnce {
		for i := range c.snapshot.Nodes {
			if err = c.readOrder(ctx, c.snapshot.Nodes[i].Name); err != nil {
				break
			}
		}
	} else {
		err = eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) { return c.ordersPage(ctx, opts) }, metav1.ListOptions{})
	}
	if err != nil {
		c.note("NodeKillOrders could not be read: who grows is not known from the operator (list nodekillorders.killorder.io: %v)", err)
	}
}

func (c *cluster) readOrder(ctx context.Context, node string) error {
	raw, err := c.kube.core.Get().SetHeader("Accept", "application/json").AbsPath(ordersPath, node).Do(ctx).Raw()
	if apierrors.IsNotFound(err) {
		return nil // a node so new has none yet
	}
	if err != nil {
		return err
	}
	var o v1alpha1.NodeKillOrder
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	c.keepOrder(&o)
	return nil
}

var ordersPath = fmt.Sprintf("/apis/%s/%s/nodekillorders", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version)

func (c *cluster) ordersPage(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
	raw, err := c.kube.core.Get().SetHeader("Accept", "application/json").AbsPath(ordersPath).
		Param("limit", fmt.Sprint(ordersPage)).Param("continue", opts.Continue).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	page := &v1alpha1.NodeKillOrderList{}
	if err := json.Unmarshal(raw, page); err != nil {
		return nil, err
	}
	for i := range page.Items {
		c.keepOrder(&page.Items[i])
	}
	return page, nil
}

// keepOrder keeps of an order who the culprit is, the forecast, and what the order rests on.
func (c *cluster) keepOrder(o *v1alpha1.NodeKillOrder) {
	if c.seen != nil {
		c.seen.Order(o)
	}
	kept := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: o.Name, UID: o.UID}}
	kept.Status.CulpritRef, kept.Status.Usage, kept.Status.LastChangedAt = o.Status.CulpritRef, o.Status.Usage, o.Status.LastChangedAt
	kept.Status.Conditions = o.Status.Conditions
	if s := o.Status.Summary; s != nil && s.Forecast != nil {
		kept.Status.Summary = &v1alpha1.SummaryStatus{Forecast: s.Forecast}
	}
	c.snapshot.Published[o.Name] = kept
}
