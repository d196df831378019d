package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/killorder/killorder/internal/options"
)

// leaseName is the leader election lease.
const leaseName = "killorder-manager"

func newManager(config *rest.Config, o *options.Options) (ctrl.Manager, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			// A read of anything that is not watched is a mistake here, and a cache of it a costly one.
			ReaderFailOnMissingInformer: true,
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Node{}: {Transform: stripNode},
			},
		},
		Metrics: metricsserver.Options{
			BindAddress: o.MetricsAddress, SecureServing: true,
			FilterProvider: filters.WithAuthenticationAndAuthorization,
		},
		HealthProbeBindAddress:        o.ProbeAddress,
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true, // the process ends with the manager
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	return mgr, nil
}

// stripNode keeps of a Node what extract reads, in a few hundred bytes: images and annotations are most of a Node.
func stripNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	stripped := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, Labels: node.Labels,
		},
		Status: corev1.NodeStatus{
			Capacity: node.Status.Capacity, Allocatable: node.Status.Allocatable, NodeInfo: node.Status.NodeInfo,
			Addresses: node.Status.Addresses, DaemonEndpoints: node.Status.DaemonEndpoints,
		},
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeMemoryPressure {
			stripped.Status.Conditions = []corev1.NodeCondition{{Type: c.Type, Status: c.Status}}
		}
	}
	return stripped, nil
}

// synced is a cache that can be waited for.
type synced interface {
	WaitForSync(ctx context.Context) error
}

// addProbes: alive while the process answers, ready once its caches can serve a leader.
func addProbes(mgr ctrl.Manager, pods synced) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add probe: %w", err)
	}
	err := mgr.AddReadyzCheck("caches", func(req *http.Request) error {
		ctx, cancel := context.WithTimeout(req.Context(), time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches of nodes and orders have not synced yet")
		}
		if err := pods.WaitForSync(ctx); err != nil {
			return fmt.Errorf("the cache of pods has not synced yet: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add probe: %w", err)
	}
	return nil
}
