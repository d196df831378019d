package demo

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// scenes are the story, in its order. A new scene is one more function here.
var scenes = []scene{
	{"Who dies first? data-pipeline leaks from 2 to 7.9 GiB on each node; the nodes differ in what it requests", whoDiesFirst},
	{"The same from the kubectl plugin, which needs neither operator nor CRDs", samePlugin},
	{"The fix: payments-api gets a request and an equal limit, and so cannot be the first any more", fix},
	{"A death: memory runs out on worker-1", death},
}

// whoDiesFirst shows the orders before, while and after memory runs short.
func whoDiesFirst(d *demo, ctx context.Context) error {
	d.say("It requests 4 GiB on worker-1, 8 GiB on worker-2 and 12 GiB on worker-3.")
	if err := d.get(ctx, "nodekillorders"); err != nil {
		return err
	}
	d.say("\nThe leak takes a minute.")
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
	if err := d.get(ctx, "nodekillorders", "-o", "wide"); err != nil {
		return err
	}
	d.say("\nThe culprit is data-pipeline on all three nodes. It dies on worker-1 only: where it requests more, the kernel and the")
	d.say("kubelet take payments-api instead, 200 MiB and innocent. A larger request shields the culprit.")
	return nil
}

func samePlugin(d *demo, ctx context.Context) error {
	return d.plugin(ctx, "rank", "worker-2", "--top", "5")
}

// fix gives payments-api what the finding CriticalNotGuaranteed says.
func fix(d *demo, ctx context.Context) error {
	const namespace, workload = "shop", "payments-api"
	amounts := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi"), corev1.ResourceCPU: resource.MustParse("100m")}
	d.show("kubectl set resources -n shop deployment/payments-api --limits=memory=256Mi,cpu=100m --requests=memory=256Mi,cpu=100m")
	d.say("(No Deployment controller runs here: the demo replaces the pods as the controller would.)")
	for _, n := range d.Scenario.Nodes {
		old, err := d.podOn(n.Name, namespace, workload)
		if err != nil {
			return err
		}
		_, err = d.cluster.ChangePod(ctx, old, func(class *scenario.PodClass) {
			class.Containers[0].Resources = corev1.ResourceRequirements{Requests: amounts, Limits: amounts}
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
	d.say("\nThe orders have changed within seconds: payments-api is Guaranteed, and near the end of both.")
	return nil
}

// death leaves on worker-1 what a kubelet leaves that evicts data-pipeline, the
// first of its order.
func death(d *demo, ctx context.Context) error {
	const node, left = "worker-1", 92 << 20
	victim, err := d.podOn(node, "data", "data-pipeline")
	if err != nil {
		return err
	}
	d.say("memory.available falls to 92Mi there, below the threshold of 100Mi. Nothing evicts in a simulated node: the demo")
	d.say("writes what a kubelet leaves that evicts the first of its order: an Event, the pod's last status, MemoryPressure.")
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
	return d.get(ctx, "nodekillorders", "-o", "wide")
}
