package demo

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// scenes are the story, in its order. A new scene is one more function here.
// Lines fit 100 columns, the width of the recording.
var scenes = []scene{
	{"Who dies first? data-pipeline leaks on three nodes that differ in what it requests", whoDiesFirst},
	{"Why payments-api? The plugin reads the cluster itself: it needs neither operator nor CRDs", explain},
	{"The promise: what whatif says of that change, before it is made", promise},
	{"The fix: payments-api requests what it uses", fix},
	{"A death: memory runs out on worker-1", death},
	{"What killed it? diagnose says, from what the death left behind", diagnose},
}

// whoDiesFirst shows the orders before memory runs short, and after.
func whoDiesFirst(ctx context.Context, d *demo) error {
	d.say("data-pipeline requests 4 GiB on worker-1, 8 GiB on worker-2, 12 GiB on worker-3.")
	if err := d.get(ctx, "nodekillorders"); err != nil {
		return err
	}
	d.say("\ndata-pipeline now grows from 2 to 7.9 GiB on each node, which takes a minute ...")
	err := d.waitForOrders(ctx, "memory is short on all nodes", 4*time.Minute, func(o *v1alpha1.NodeKillOrder) error {
		if left := o.Status.Memory.Headroom; left == nil || left.Value() > 120<<20 {
			return fmt.Errorf("headroom %s", left)
		}
		if o.Status.Summary.Culprit != "data/data-pipeline" {
			return fmt.Errorf("culprit %q", o.Status.Summary.Culprit)
		}
		if wrong := o.Name != "worker-1"; meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionWrongVictim) != wrong {
			return fmt.Errorf("WrongVictim is not %v", wrong)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.get(ctx, "nodekillorders"); err != nil {
		return err
	}
	if err := d.culprits(ctx); err != nil {
		return err
	}
	d.say("\ndata-pipeline dies on worker-1 only. Where it requests more, the kubelet and the kernel take")
	d.say("payments-api instead, 200 MiB and innocent: a larger request shields the culprit.")
	return nil
}

// culprits prints for each node the pod that the order blames, and whether
// another pod would die.
func (d *demo) culprits(ctx context.Context) error {
	orders, err := d.list(ctx)
	if err != nil {
		return err
	}
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "NODE"}, {Name: "CULPRIT"}, {Name: "WRONG-VICTIM"}}}
	for i := range orders {
		wrong := meta.FindStatusCondition(orders[i].Status.Conditions, v1alpha1.ConditionWrongVictim)
		if wrong == nil {
			return fmt.Errorf("%s has no condition WrongVictim", orders[i].Name)
		}
		cells := []any{orders[i].Name, orders[i].Status.Summary.Culprit, wrong.Status}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
	}
	d.show(`kubectl get nodekillorders -o custom-columns='NODE:.metadata.name,CULPRIT:.status.summary'\
'.culprit,WRONG-VICTIM:.status.conditions[?(@.type=="WrongVictim")].status'`)
	return layOut(d.Out, table, true)
}

// explain asks about the innocent victim.
func explain(ctx context.Context, d *demo) error {
	victim, err := d.podOn("worker-2", "shop", "payments-api")
	if err != nil {
		return err
	}
	return d.plugin(ctx, "explain", "pod/"+victim.Name, "-n", "shop")
}

// promise asks the plugin for the effect of the change that explain suggests.
func promise(ctx context.Context, d *demo) error {
	return d.plugin(ctx, "whatif", "deployment/payments-api", "-n", "shop", "--requests", "memory=256Mi")
}

// fix gives payments-api the memory request that explain suggests.
func fix(ctx context.Context, d *demo) error {
	const namespace, workload = "shop", "payments-api"
	d.show("kubectl set resources deployment payments-api -n shop -c app --requests=memory=256Mi")
	d.say("(No Deployment controller runs here: the demo replaces the pods as that controller would.)")
	for _, n := range d.Scenario.Nodes {
		old, err := d.podOn(n.Name, namespace, workload)
		if err != nil {
			return err
		}
		_, err = d.cluster.ChangePod(ctx, old, func(class *scenario.PodClass) {
			class.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}
		})
		if err != nil {
			return err
		}
	}
	err := d.waitForOrders(ctx, "another pod is first", 2*time.Minute, func(o *v1alpha1.NodeKillOrder) error {
		if first := o.Status.Summary; first.FirstEvicted == "shop/payments-api" || first.FirstOOMKilled == "shop/payments-api" {
			return fmt.Errorf("payments-api is still first")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.get(ctx, "nodekillorders"); err != nil {
		return err
	}
	d.say("\npayments-api uses less than it requests now: neither killer takes it among the first.")
	return nil
}

// death writes what the kubelet of worker-1 would write if the kubelet evicted
// data-pipeline, the first pod in the node's order.
func death(ctx context.Context, d *demo) error {
	const node, left = "worker-1", 92 << 20
	victim, err := d.podOn(node, "data", "data-pipeline")
	if err != nil {
		return err
	}
	d.say("memory.available falls to 92Mi there, below the threshold of 100Mi. No kubelet runs on a simulated")
	d.say("node: the demo writes what a kubelet leaves that evicts the first of its order, which are an Event,")
	d.say("the pod's last status and MemoryPressure.")
	if err := d.cluster.Evict(ctx, victim, left); err != nil {
		return err
	}
	if err := d.get(ctx, "pods", "-n", "data", "--field-selector=status.phase=Failed"); err != nil {
		return err
	}
	if err := d.get(ctx, "events", "-n", "data", "--field-selector=reason=Evicted"); err != nil {
		return err
	}
	err = d.waitForOrders(ctx, "the pod has left the orders", 2*time.Minute, func(o *v1alpha1.NodeKillOrder) error {
		if o.Name == node && o.Status.Summary.FirstEvicted == "data/data-pipeline" {
			return fmt.Errorf("data-pipeline is still first")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.get(ctx, "nodekillorders")
}

// diagnose asks what killed data-pipeline, once the operator has seen the kill.
func diagnose(ctx context.Context, d *demo) error {
	err := d.waitForOrders(ctx, "the kill stands in the order of worker-1", 2*time.Minute, func(o *v1alpha1.NodeKillOrder) error {
		if o.Name == "worker-1" && len(o.Status.Kills) == 0 {
			return fmt.Errorf("no kill yet")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.plugin(ctx, "diagnose", "-n", "data")
}
