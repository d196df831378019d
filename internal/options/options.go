// Package options is the operator's flags.
package options

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Options of the operator.
type Options struct {
	// MetricsAddress serves /metrics over HTTPS, authenticated and authorized; "0" turns it off.
	MetricsAddress string
	// ProbeAddress serves /healthz and /readyz.
	ProbeAddress string
	// LeaderElect among replicas; LeaderElectionNamespace holds the lease, "" means the Pod's own.
	LeaderElect             bool
	LeaderElectionNamespace string
	// UsageInterval between two passes over the cluster's memory readings.
	UsageInterval time.Duration
	// KubeletCA is a file with the authorities of the kubelets' serving certificates; "" is the cluster's own.
	KubeletCA string
	// KubeletInsecureTLS: those certificates are not verified.
	KubeletInsecureTLS bool
	// KubeletAccount is the service account whose token kubelets get, NAMESPACE/NAME; "" means the operator's own credentials.
	KubeletAccount string
	// KubeletAddressTypes of a Node, the first it has is dialled.
	KubeletAddressTypes AddressTypes
	// StatusWritesPerSecond bounds writes of NodeKillOrders.
	StatusWritesPerSecond float64
	// Workers judge nodes at the same time.
	Workers int
}

// Bind adds the flags to a flag set.
func (o *Options) Bind(fs *flag.FlagSet) {
	fs.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8443",
		"Address of the metrics endpoint: HTTPS, for clients that may get the non-resource URL /metrics. 0 turns it off.")
	fs.StringVar(&o.ProbeAddress, "health-probe-bind-address", ":8081",
		"Address of the probes /healthz and /readyz. 0 turns them off.")
	fs.BoolVar(&o.LeaderElect, "leader-elect", true,
		"Elect a leader, so that of several replicas one writes. Turn it off only for a single process outside the cluster.")
	fs.StringVar(&o.LeaderElectionNamespace, "leader-election-namespace", "",
		"Namespace of the leader election lease; empty means the operator's own, which only exists inside a cluster.")
	fs.DurationVar(&o.UsageInterval, "usage-interval", 30*time.Second,
		"Time between two passes over the cluster's memory readings, at least 5s. metrics-server has new ones each 15s to 60s. Kubelets "+
			"of nodes that are far from danger are asked less often: in each fourth pass by default.")
	fs.StringVar(&o.KubeletCA, "kubelet-certificate-authority", "",
		"File with the authorities that sign the kubelets' serving certificates. Empty means the cluster's own authority.")
	fs.BoolVar(&o.KubeletInsecureTLS, "kubelet-insecure-tls", false,
		"Do not verify the kubelets' certificates: whoever answers at a node's address gets the operator's token. For test clusters.")
	fs.StringVar(&o.KubeletAccount, "kubelet-service-account", "",
		"Service account whose short-lived token kubelets get, NAMESPACE/NAME. It needs get on nodes/stats and nodes/configz, and the "+
			"operator needs create on its serviceaccounts/token. Empty means the operator's own credentials, which then need those "+
			"rights, and which a compromised node could use.")
	o.KubeletAddressTypes = AddressTypes{corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeHostName}
	fs.Var(&o.KubeletAddressTypes, "kubelet-preferred-address-types",
		"Types of a Node's addresses to dial its kubelet at, comma-separated; of the first type that the Node has, the first address.")
	fs.Float64Var(&o.StatusWritesPerSecond, "status-writes-per-second", 15,
		"Bound on status writes to the API server, for the whole cluster. Nodes at risk go first.")
	fs.IntVar(&o.Workers, "workers", 8,
		"Nodes judged and written at the same time. Judging takes a millisecond; a write waits for the API server. More writes at once "+
			"make a busy API server answer each of them later, urgent ones too.")
}

// UsageTimeout bounds one request for readings, so that a pass ends before the next begins.
func (o *Options) UsageTimeout() time.Duration { return min(20*time.Second, o.UsageInterval*2/3) }

// Validate says all that is wrong with the options, each with its flag.
func (o *Options) Validate() error {
	var errs []error
	if o.UsageInterval < 5*time.Second || o.UsageInterval > 5*time.Minute {
		errs = append(errs, fmt.Errorf("--usage-interval=%s: must be from 5s to 5m", o.UsageInterval))
	}
	if !(o.StatusWritesPerSecond > 0 && o.StatusWritesPerSecond <= 1000) {
		errs = append(errs, fmt.Errorf("--status-writes-per-second=%v: must be above 0 and at most 1000", o.StatusWritesPerSecond))
	}
	if o.Workers < 1 || o.Workers > 64 {
		errs = append(errs, fmt.Errorf("--workers=%d: must be from 1 to 64", o.Workers))
	}
	if o.KubeletCA != "" && o.KubeletInsecureTLS {
		errs = append(errs, errors.New("--kubelet-certificate-authority and --kubelet-insecure-tls: only one of them"))
	}
	if err := validateAccount(o.KubeletAccount); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func validateAccount(account string) error {
	if account == "" {
		return nil
	}
	namespace, name, _ := strings.Cut(account, "/")
	if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Errorf("--kubelet-service-account=%.320q: must be NAMESPACE/NAME of a service account", account)
	}
	return nil
}
