package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/controllers/nodekillorder"
	"github.com/killorder/killorder/internal/options"
)

// leaseName is the leader election lease.
const leaseName = "killorder-manager"

// The times of leader election. A replica sees the leader's last renewal up to 2.2 retry periods late, waits for leaseDuration, and takes
// over with its next try: 16.4 s after the renewal at the latest. Client-go's usual retryPeriod of 2 s would make that 20.8 s. A leader
// that cannot renew for renewDeadline ends: the three seconds from there to the end of the lease are more than the clocks of two machines
// tick differently in that time.
const (
	leaseDuration = 12 * time.Second
	renewDeadline = 9 * time.Second
	retryPeriod   = time.Second
)

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
		LeaseDuration:                 new(leaseDuration),
		RenewDeadline:                 new(renewDeadline),
		RetryPeriod:                   new(retryPeriod),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	return mgr, nil
}

// standBy makes replicas that stand by watch what the leader watches, so that a replica can lead at once, and hears of deaths before it
// leads. Controllers would begin these watches when they start, and only those of the leader do. A kind that the API server does not
// know yet is left to its controller, which tries again.
func standBy(caches cache.Informers, log logr.Logger) error {
	for _, object := range []client.Object{
		&corev1.Node{}, namespaces(), nodekillorder.OrderMetadata(), &v1alpha1.KillOrderPolicy{},
	} {
		_, err := caches.GetInformer(context.Background(), object, cache.BlockUntilSynced(false))
		switch {
		case meta.IsNoMatchError(err):
			log.Info("the API server does not know this kind yet", "error", err.Error())
		case err != nil:
			return fmt.Errorf("cache of %T: %w", object, err)
		}
	}
	return nil
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
			return errors.New("the caches of nodes, namespaces, orders and the policy have not synced yet")
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
