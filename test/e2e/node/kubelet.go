package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"github.com/killorder/killorder/test/e2e/isolate"
)

const memoryAvailable = "memory.available"

// Memory is what the kubelet is told of the node's memory.
type Memory struct {
	// Limit of the kubepods control group, in bytes: all else of the node counts as reserved for the system.
	Limit int64
	// KubeReserved is the part of that reservation, in bytes, that is one for Kubernetes instead.
	KubeReserved int64
	// Threshold of hard eviction, as the kubelet's flag has it: "700Mi", or "0%" for none.
	Threshold string
	// Soft threshold of eviction and its grace period, "1m30s"; empty for none.
	Soft, Grace string
}

// authorizationAge is how long the kubelet goes by what the API server said of an account's rights; its own default
// is minutes.
var authorizationAge = metav1.Duration{Duration: 5 * time.Second}

// reserved is what has to be reserved of the capacity, in bytes, for the limit to hold.
func (m Memory) reserved(capacity int64) int64 { return capacity - m.Limit }

// StartKubelet starts the kubelet, in the place of the one that runs, and waits until its node is Ready and has the
// memory it was told. Pods live on meanwhile.
func (n *Node) StartKubelet(ctx context.Context, m Memory) error {
	capacity, err := memTotal()
	if err != nil {
		return err
	}
	config, err := json.Marshal(n.kubeletConfig(m, capacity))
	if err != nil {
		return err
	}
	file := n.path("kubelet.json")
	if err := os.WriteFile(file, config, 0o644); err != nil {
		return err
	}
	if n.kubelet != nil {
		n.kubelet.stop()
	}
	began := metav1.Now().Rfc3339Copy()
	if n.kubelet, err = n.start("kubelet", n.Programs.Kubelet,
		"--config="+file, "--kubeconfig="+n.kubeconfig("kubelet"), "--root-dir="+n.path("kubelet"),
		"--cert-dir="+n.path("kubelet-certificates"), "--hostname-override="+Name, "--node-ip="+isolate.NodeAddress, "--v=2",
	); err != nil {
		return err
	}
	return until(ctx, n.kubelet, 2*time.Minute, func(ctx context.Context) error { return n.ready(ctx, began) })
}

func (n *Node) kubeletConfig(m Memory, capacity int64) *kubeletconfig.KubeletConfiguration {
	yes, no, nowhere, never := true, false, "", int32(100)
	config := &kubeletconfig.KubeletConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: kubeletconfig.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"},
		Address:    isolate.NodeAddress,
		ClusterDNS: []string{"10.96.0.10"},
		Authentication: kubeletconfig.KubeletAuthentication{
			Anonymous: kubeletconfig.KubeletAnonymousAuthentication{Enabled: &no},
			Webhook:   kubeletconfig.KubeletWebhookAuthentication{Enabled: &yes},
			X509:      kubeletconfig.KubeletX509Authentication{ClientCAFile: n.path("ca.crt")},
		},
		Authorization: kubeletconfig.KubeletAuthorization{
			Mode: kubeletconfig.KubeletAuthorizationModeWebhook,
			Webhook: kubeletconfig.KubeletWebhookAuthorization{
				CacheAuthorizedTTL: authorizationAge, CacheUnauthorizedTTL: authorizationAge,
			},
		},
		TLSCertFile:              n.path("kubelet.crt"),
		TLSPrivateKeyFile:        n.path("kubelet.key"),
		ContainerRuntimeEndpoint: "unix://" + socket,
		CgroupDriver:             "cgroupfs",
		CgroupRoot:               "/" + isolate.Name,
		FailCgroupV1:             &no,
		FailSwapOn:               &no,
		MakeIPTablesUtilChains:   &no,
		ResolverConfig:           &nowhere,
		PodLogsDir:               filepath.Join(n.Logs, "pods"),
		VolumePluginDir:          n.path("volume-plugins"),
		SystemReserved:           map[string]string{"memory": fmt.Sprint(m.reserved(capacity) - m.KubeReserved)},
		KubeReserved:             map[string]string{"memory": fmt.Sprint(m.KubeReserved)},
		EnforceNodeAllocatable:   []string{"pods"},
		EvictionHard: map[string]string{
			memoryAvailable: m.Threshold, "nodefs.available": "1%", "imagefs.available": "1%", "pid.available": "0%",
			"nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%",
		},
		EvictionPressureTransitionPeriod: metav1.Duration{Duration: time.Second},
		NodeStatusUpdateFrequency:        metav1.Duration{Duration: 5 * time.Second},
		// Images are imported: nothing may collect them.
		ImageGCHighThresholdPercent: &never,
	}
	if m.Soft != "" {
		config.EvictionSoft = map[string]string{memoryAvailable: m.Soft}
		config.EvictionSoftGracePeriod = map[string]string{memoryAvailable: m.Grace}
	}
	return config
}

// ready reports whether the kubelet has said so since it was started.
func (n *Node) ready(ctx context.Context, since metav1.Time) error {
	node, err := n.Client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && !c.LastHeartbeatTime.Before(&since) {
			return nil
		}
	}
	return errors.New("the node is not Ready")
}

// memTotal is the machine's memory in bytes, as the kubelet reads it.
func memTotal() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	var kibibytes int64
	if _, err := fmt.Sscanf(string(data), "MemTotal: %d kB", &kibibytes); err != nil {
		return 0, fmt.Errorf("/proc/meminfo: %w", err)
	}
	return kibibytes << 10, nil
}
