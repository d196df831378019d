package app

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/killorder/killorder/controllers/kills"
	"github.com/killorder/killorder/controllers/policy"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/podcache"
	"github.com/killorder/killorder/internal/usage/kubelet"
)

// newKills makes what finds and remembers kills: the watch of pods shows it how they end, and changed is called with the
// names of nodes whose order has something new to say.
func newKills(
	mgr ctrl.Manager, config *rest.Config, pods *podcache.Cache, readings facts.Readings, kubelets *kubelet.Source,
	current *policy.Current, changed func(node string), now clock.PassiveClock,
) (*kills.Book, *kills.Events, error) {
	book := &kills.Book{Changed: changed, Metrics: kills.NewMetrics(metrics.Registry), Clock: now}
	tracker := &kills.Tracker{
		Book: book, Pods: pods.Node, Usage: readings, Policy: current.Get, Clock: now,
		Node: func(name string) (*corev1.Node, *facts.KubeletConfig) {
			node := &corev1.Node{}
			if !cached(mgr.GetClient(), name, node) {
				return nil, nil
			}
			return node, kubelets.Config(name)
		},
		Namespace: func(name string) labels.Labels {
			namespace := namespaces()
			cached(mgr.GetClient(), name, namespace)
			return labels.Set(namespace.Labels)
		},
	}
	if err := mgr.Add(tracker); err != nil {
		return nil, nil, fmt.Errorf("tracker of deaths: %w", err)
	}
	pods.Observe(tracker.See, func(p *corev1.Pod) bool { return !forensics.Healthy(p, false) })
	events, err := kills.NewEvents(config, tracker.Hear)
	if err != nil {
		return nil, nil, fmt.Errorf("watch of Events: %w", err)
	}
	return book, events, nil
}

func namespaces() *metav1.PartialObjectMetadata {
	n := &metav1.PartialObjectMetadata{}
	n.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return n
}

// cached reads a cluster-scoped object from the cache and reports whether the cache has it.
func cached(c client.Reader, name string, into client.Object) bool {
	err := c.Get(context.Background(), types.NamespacedName{Name: name}, into, &client.GetOptions{UnsafeDisableDeepCopy: new(true)})
	return err == nil
}
