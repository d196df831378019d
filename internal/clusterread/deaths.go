package clusterread

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/api/v1alpha1"
)

// Traces takes what is left of deaths in a cluster. Objects are the reader's own: what is kept of them must be copied.
type Traces struct {
	Pod   func(*corev1.Pod)
	Event func(*corev1.Event)
	Node  func(*corev1.Node)
	Order func(*v1alpha1.NodeKillOrder)
}

// ReadTraces reads the Pods, the Events, the Nodes and the NodeKillOrders of a cluster, or, with a namespace, what bears on
// that namespace's pods: its Pods and Events, the Nodes that the Pods run on with the other Pods there, and the Nodes'
// Events. The notes name what could not be read; only without any Pods there is an error.
func ReadTraces(ctx context.Context, config *rest.Config, namespace string, to Traces, p Progress) (notes []string, err error) {
	c, err := newCluster(config, p)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	r := &traces{cluster: c, to: to, nodes: map[string]bool{}}
	if err := r.pods(ctx, namespace, ""); err != nil {
		if config.Host == unconfigured {
			return nil, fmt.Errorf("no kubeconfig names a cluster, and there is none at %s (-f reads a snapshot instead)", unconfigured)
		}
		return nil, fmt.Errorf("list pods: %w", err)
	}
	r.eventsOf(ctx, namespace)
	if namespace == "" {
		r.allNodes(ctx)
	} else {
		r.nodesAround(ctx, namespace)
	}
	r.orders(ctx)
	return r.snapshot.Notes, ctx.Err()
}

// readTraces reads, after all nodes and pods, what else the wanted traces take: Events, and the NodeKillOrders if they have not
// been read for their culprits.
func (c *cluster) readTraces(ctx context.Context) {
	if c.seen == nil {
		return
	}
	r := &traces{cluster: c, to: *c.seen}
	r.eventsOf(ctx, "")
	if c.snapshot.Published == nil {
		r.orders(ctx)
	}
}

// traces is one reading of traces.
type traces struct {
	*cluster
	to Traces
	// nodes are those that the pods read so far run on.
	nodes map[string]bool
	count int
}

func (r *traces) pods(ctx context.Context, namespace, selector string) error {
	return eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.PodList](ctx, r.kube.core, namespace, "pods", opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			p := &page.Items[i]
			r.nodes[p.Spec.NodeName] = true
			r.to.Pod(p)
		}
		r.count += len(page.Items)
		r.progress.count("pods read", r.count)
		return page, nil
	}, metav1.ListOptions{FieldSelector: selector})
}

// eventsOf reads Events: those of all namespaces, or of one and of the Nodes, whose Events stand in "default".
func (r *traces) eventsOf(ctx context.Context, namespace string) {
	r.events(ctx, namespace, "")
	if namespace != "" && namespace != metav1.NamespaceDefault {
		r.events(ctx, metav1.NamespaceDefault, "involvedObject.kind=Node")
	}
}

func (r *traces) events(ctx context.Context, namespace, selector string) {
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.EventList](ctx, r.kube.core, namespace, "events", opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			r.to.Event(&page.Items[i])
		}
		return page, nil
	}, metav1.ListOptions{FieldSelector: selector})
	if err != nil {
		r.note("Events could not be read, so evictions and full nodes may not be told from other deaths (list events: %v)", err)
	}
}

func (r *traces) allNodes(ctx context.Context) {
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.NodeList](ctx, r.kube.core, "", "nodes", opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			r.to.Node(&page.Items[i])
		}
		return page, nil
	}, metav1.ListOptions{})
	if err != nil {
		r.note("Nodes could not be read: their systems and sizes are unknown (list nodes: %v)", err)
	}
}

// nodesAround reads the nodes that the namespace's pods run on, and the other pods there: deaths of neighbours in the same
// seconds tell an OOM of all pods from one of a container.
func (r *traces) nodesAround(ctx context.Context, namespace string) {
	delete(r.nodes, "")
	failed := 0
	var first error
	for name := range r.nodes {
		node, err := get[corev1.Node](ctx, r.kube.core, "", "nodes", name)
		if err == nil {
			r.to.Node(node)
		}
		if err == nil || apierrors.IsNotFound(err) {
			err = r.pods(ctx, metav1.NamespaceAll, "spec.nodeName="+name+",metadata.namespace!="+namespace)
		}
		if err != nil {
			failed++
			if first == nil {
				first = err
			}
		}
	}
	if first != nil {
		r.note("what died beside these pods could not be read on %d of %d nodes (get nodes, list pods: %v)", failed, len(r.nodes), first)
	}
}

// published reads what the operator has published.
func (r *traces) published(ctx context.Context) error {
	path := strings.Join([]string{"/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "nodekillorders"}, "/")
	return eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		raw, err := r.kube.core.Get().SetHeader("Accept", "application/json").AbsPath(path).
			Param("limit", fmt.Sprint(opts.Limit)).Param("continue", opts.Continue).Do(ctx).Raw()
		if err != nil {
			return nil, err
		}
		page := &v1alpha1.NodeKillOrderList{}
		if err := json.Unmarshal(raw, page); err != nil {
			return nil, err
		}
		for i := range page.Items {
			r.to.Order(&page.Items[i])
		}
		return page, nil
	}, metav1.ListOptions{})
}

// orders reads what the operator has published, if it is installed.
func (r *traces) orders(ctx context.Context) {
	switch err := r.published(ctx); {
	case err == nil:
	case apierrors.IsNotFound(err):
		r.note("the killorder operator is not installed here: who was the culprit, and whether the kill was foreseen, is not known")
	default:
		r.note("NodeKillOrders could not be read: culprits and predictions are not known (list nodekillorders.killorder.io: %v)", err)
	}
}
