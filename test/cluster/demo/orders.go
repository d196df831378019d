package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/api/v1alpha1"
)

// install creates the CRDs of the two kinds and waits until the API serves the
// kinds.
func (d *demo) install(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(d.Root, "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no CRDs in %s/config/crd/bases: %w", d.Root, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		crd := struct{ Metadata struct{ Name string } }{}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := d.cluster.Apply(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+crd.Metadata.Name, text); err != nil {
			return err
		}
	}
	return d.cluster.WaitUntil(ctx, 30*time.Second, "the API serves the kinds", func(ctx context.Context) error {
		_, err := d.list(ctx)
		return err
	})
}

// list returns the orders of all nodes.
func (d *demo) list(ctx context.Context) ([]v1alpha1.NodeKillOrder, error) {
	data, err := d.cluster.Client().Discovery().RESTClient().Get().AbsPath(paths["nodekillorders"]).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	list := &v1alpha1.NodeKillOrderList{}
	return list.Items, json.Unmarshal(data, list)
}

// waitForOrders waits until every node has an order and check accepts each of
// the orders. what says in an error for what the demo waited.
func (d *demo) waitForOrders(ctx context.Context, what string, timeout time.Duration, check func(*v1alpha1.NodeKillOrder) error) error {
	return d.cluster.WaitUntil(ctx, timeout, what, func(ctx context.Context) error {
		orders, err := d.list(ctx)
		if err != nil {
			return err
		}
		if len(orders) < len(d.Scenario.Nodes) {
			return fmt.Errorf("%d of %d nodes have an order", len(orders), len(d.Scenario.Nodes))
		}
		for i := range orders {
			if err := check(&orders[i]); err != nil {
				return fmt.Errorf("%s: %w", orders[i].Name, err)
			}
		}
		return nil
	})
}

func ready(o *v1alpha1.NodeKillOrder) error {
	if !meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady) {
		return fmt.Errorf("not ready")
	}
	return nil
}
