package clusterread

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/usage"
)

// Content reads all that a snapshot holds, as objects. The notes say what could not be read, and so is not in it.
func Content(ctx context.Context, config *rest.Config, p Progress) (content *snapshot.Content, notes []string, err error) {
	c, err := newCluster(config, p)
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	r := &contentReader{cluster: c, out: &snapshot.Content{Summaries: map[string][]byte{}, Configs: map[string][]byte{}}}
	if err := r.objects(ctx); err != nil {
		return nil, nil, err
	}
	r.optional(ctx)
	r.deaths(ctx)
	r.usage(ctx)
	r.kubelets(ctx)
	return r.out, c.snapshot.Notes, ctx.Err()
}

// contentReader reads objects as they are, where cluster reads facts.
type contentReader struct {
	*cluster
	out *snapshot.Content
}

// objects reads nodes and pods, without which there is no snapshot.
func (r *contentReader) objects(ctx context.Context) error {
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.NodeList](ctx, r.kube.core, "", "nodes", opts)
		if err == nil {
			r.out.Nodes = append(r.out.Nodes, page.Items...)
		}
		return page, err
	}, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	err = eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.PodList](ctx, r.kube.core, metav1.NamespaceAll, "pods", opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if p := &page.Items[i]; extract.Candidate(p) || died(p) {
				p.ManagedFields = nil // half of a pod's bytes, and nobody's answer
				r.out.Pods = append(r.out.Pods, *p)
			}
		}
		r.progress.count("pods read", len(r.out.Pods))
		return page, nil
	}, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("pods: %w", err)
	}
	return nil
}

// died reports whether a finished pod shows a death, which diagnose tells of.
func died(p *corev1.Pod) bool {
	deaths, _ := forensics.Deaths(p, false)
	return len(deaths) > 0
}

// deaths reads Events of pods and nodes, and what the operator has published.
func (r *contentReader) deaths(ctx context.Context) {
	t := &traces{cluster: r.cluster, to: Traces{
		Event: func(e *corev1.Event) {
			if kind := e.InvolvedObject.Kind; kind == "Pod" || kind == "Node" {
				e.ManagedFields = nil
				r.out.Events = append(r.out.Events, *e)
			}
		},
		Order: func(o *v1alpha1.NodeKillOrder) {
			o.ManagedFields = nil
			r.out.Orders = append(r.out.Orders, *o)
		},
	}}
	t.eventsOf(ctx, "")
	if err := t.published(ctx); err != nil && !apierrors.IsNotFound(err) {
		r.note("NodeKillOrders are not in the snapshot: they could not be read (%v)", err)
	}
}

// optional reads what the answer is poorer without.
func (r *contentReader) optional(ctx context.Context) {
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.NamespaceList](ctx, r.kube.core, "", "namespaces", opts)
		if err == nil {
			r.out.Namespaces = append(r.out.Namespaces, page.Items...)
		}
		return page, err
	}, metav1.ListOptions{})
	if err != nil {
		r.note("namespaces are not in the snapshot: they could not be read (%v)", err)
	}
	classes, err := list[schedulingv1.PriorityClassList](ctx, r.kube.scheduling, "", "priorityclasses", metav1.ListOptions{})
	if err == nil {
		r.out.PriorityClasses = classes.Items
	} else {
		r.note("PriorityClasses are not in the snapshot: they could not be read (%v)", err)
	}
	raw, err := r.kube.core.Get().SetHeader("Accept", "application/json").
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "killorderpolicies", v1alpha1.PolicyName).Do(ctx).Raw()
	var policy v1alpha1.KillOrderPolicy
	if err == nil {
		if err = json.Unmarshal(raw, &policy); err == nil {
			r.out.Policy = &policy
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		r.note("the KillOrderPolicy is not in the snapshot: it could not be read (%v)", err)
	}
}

// usage reads metrics.k8s.io.
func (r *contentReader) usage(ctx context.Context) {
	ctx, cancel := usage.Within(ctx, usageTimeout)
	defer cancel()
	var pods metrics.PodMetricsList
	var nodes metrics.NodeMetricsList
	err := r.single.Get().Resource("pods").Do(ctx).Into(&pods)
	if err == nil {
		err = r.single.Get().Resource("nodes").Do(ctx).Into(&nodes)
	}
	if err != nil {
		r.note("usage of metrics.k8s.io is not in the snapshot, or not all of it: it could not be read (%v)", err)
	}
	r.out.PodMetrics, r.out.NodeMetrics = pods.Items, nodes.Items
}

// kubelets reads the answers of all kubelets, where the user may.
func (r *contentReader) kubelets(ctx context.Context) {
	for i := range r.out.Nodes {
		r.snapshot.Nodes = append(r.snapshot.Nodes, extract.Node(&r.out.Nodes[i]))
	}
	if why := r.mayNotReadKubelets(ctx); why != "" {
		r.note("the answers of kubelets are not in the snapshot: they are %s", why)
		return
	}
	var (
		mu     sync.Mutex
		failed failures
		wg     sync.WaitGroup
	)
	next := make(chan *corev1.Node)
	for range kubeletsAtOnce {
		wg.Go(func() {
			for n := range next {
				var summary, config bytes.Buffer
				err := r.kubeletAnswer(ctx, &summary, n.Name, pathSummary)
				answered := err == nil
				if answered {
					err = r.kubeletAnswer(ctx, &config, n.Name, pathConfigz)
				}
				mu.Lock()
				if failed.add(n.Name, err); answered {
					r.out.Summaries[n.Name] = summary.Bytes()
				}
				if err == nil {
					r.out.Configs[n.Name] = config.Bytes()
				}
				mu.Unlock()
			}
		})
	}
	for i := range r.out.Nodes {
		next <- &r.out.Nodes[i]
		r.progress.count("kubelets asked", i+1)
	}
	close(next)
	wg.Wait()
	if failed.n > 0 {
		r.note("the answers of %d of %d kubelets are not in the snapshot: they could not be read (%s)",
			failed.n, len(r.out.Nodes), failed.first)
	}
}
