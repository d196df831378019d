package app

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/controllers/policy"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/options"
	"github.com/killorder/killorder/internal/podcache"
	"github.com/killorder/killorder/internal/usage/auto"
	"github.com/killorder/killorder/internal/usage/kubelet"
	"github.com/killorder/killorder/internal/usage/metricsapi"
)

// newUsage makes the sources of readings, and what chooses between them by the policy in force.
func newUsage(
	mgr ctrl.Manager, config *rest.Config, o *options.Options, pods *podcache.Cache, current *policy.Current, now clock.PassiveClock,
) (*auto.Source, *kubelet.Source, error) {
	metrics, err := metricsapi.New(config, o.UsageTimeout())
	if err != nil {
		return nil, nil, fmt.Errorf("usage from metrics.k8s.io: %w", err)
	}
	account, err := accountFor(config, o.KubeletAccount)
	if err != nil {
		return nil, nil, err
	}
	kubelets, err := kubelet.New(config, kubelet.Options{
		Nodes:         kubeletsIn(mgr.GetClient(), o.KubeletAddressTypes),
		Pod:           pods.Pod,
		ParseConfig:   extract.ParseConfigz,
		Interval:      o.UsageInterval,
		ChangedLately: pods.ChangedLately,
		Account:       account,
		Trust:         kubelet.Trust{CAFile: o.KubeletCA, Insecure: o.KubeletInsecureTLS},
		Now:           now.Now,
		Log:           mgr.GetLogger().WithName("usage"),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("usage from kubelets: %w", err)
	}
	return &auto.Source{
		Kubelets: kubelets, Metrics: metrics, NodeOf: pods.NodeOf, HasNode: nodesIn(mgr.GetClient()),
		Wanted: func() facts.Source { return current.Get().Source },
	}, kubelets, nil
}

// accountFor kubelets, nil if none is named.
func accountFor(config *rest.Config, named string) (*kubelet.Account, error) {
	if named == "" {
		return nil, nil
	}
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("account for kubelets: %w", err)
	}
	namespace, name, _ := strings.Cut(named, "/") // the options were validated
	return &kubelet.Account{Namespace: namespace, Name: name, Accounts: client.ServiceAccounts(namespace)}, nil
}

// kubeletsIn lists the kubelets of the Nodes in the cache.
func kubeletsIn(c client.Reader, preferred options.AddressTypes) func(context.Context) ([]kubelet.Node, error) {
	return func(ctx context.Context) ([]kubelet.Node, error) {
		nodes := &corev1.NodeList{}
		if err := c.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		kubelets := make([]kubelet.Node, len(nodes.Items))
		for i := range nodes.Items {
			n := &nodes.Items[i]
			kubelets[i] = kubelet.Node{
				Name: n.Name, UID: string(n.UID),
				Host: preferred.Of(n.Status.Addresses), Port: n.Status.DaemonEndpoints.KubeletEndpoint.Port,
				BootID: n.Status.NodeInfo.BootID, Version: n.Status.NodeInfo.KubeletVersion,
			}
		}
		return kubelets, nil
	}
}

// nodesIn tells which Nodes are in the cache, at one moment.
func nodesIn(c client.Reader) func(context.Context) (func(string) bool, error) {
	return func(ctx context.Context) (func(string) bool, error) {
		nodes := &corev1.NodeList{}
		if err := c.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		names := make(map[string]bool, len(nodes.Items))
		for i := range nodes.Items {
			names[nodes.Items[i].Name] = true
		}
		return func(name string) bool { return names[name] }, nil
	}
}
