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
	// SingleProcess lets the kernel kill one process of a container, not all of them. On cgroup v1 it always does.
	SingleProcess bool
	// Swap lets Burstable pods swap.
	Swap bool
	// Unenforced leaves kubepods without a limit: the machine's own memory is the only one.
	Unenforced bool
}

// authorizationAge is how long the kubelet goes by what the API server said of an account's rights; its own default
// is minutes.
var authorizationAge = metav1.Duration{Duration: 5 * time.Second}

// reserved is what has to be reserved of the capacity, in bytes, for the limit to hold.
func (m Memory) reserved(capacity int64) int64 { return capacity - m.Limit }

// StartKubelet starts the kubelet, in the place of the one that runs, and waits until its node is Ready and has the
// memory it was told. Pods live on meanwhile.
func (n *Node) StartKubelet(ctx context.Context, m Memory) error {
	capacity, err := n.memTotal(ctx)
	if err != nil {
		return err
	}
	config, err := json.Marshal(n.kubeletConfig(m, capacity))
	if err != nil {
		return err
	}
	if err := n.handOver(ctx); err != nil {
		return err
	}
	file := n.hostPath("kubelet.json")
	if err := n.Host.WriteFile(ctx, file, config); err != nil {
		return err
	}
	if n.kubelet != nil {
		n.kubelet.stop()
	}
	began := metav1.Now().Rfc3339Copy()
	if n.kubelet, err = n.startOn(ctx, n.Host, "kubelet", n.Host.Programs().Kubelet,
		"--config="+file, "--kubeconfig="+n.hostPath("kubelet.kubeconfig"), "--root-dir="+n.hostPath("kubelet"),
		"--cert-dir="+n.hostPath("kubelet-certificates"), "--hostname-override="+Name, "--node-ip="+n.Host.Address(), "--v=2",
	); err != nil {
		return err
	}
	return until(ctx, n.kubelet, 4*time.Minute, func(ctx context.Context) error { return n.ready(ctx, began) })
}

func (n *Node) kubeletConfig(m Memory, capacity int64) *kubeletconfig.KubeletConfiguration {
	yes, no, nowhere, never := true, false, "", int32(100)
	config := &kubeletconfig.KubeletConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: kubeletconfig.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"},
		Address:    n.Host.Address(),
		ClusterDNS: []string{"10.96.0.10"},
		Authentication: kubeletconfig.KubeletAuthentication{
			Anonymous: kubeletconfig.KubeletAnonymousAuthentication{Enabled: &no},
			Webhook:   kubeletconfig.KubeletWebhookAuthentication{Enabled: &yes},
			X509:      kubeletconfig.KubeletX509Authentication{ClientCAFile: n.hostPath("ca.crt")},
		},
		Authorization: kubeletconfig.KubeletAuthorization{
			Mode: kubeletconfig.KubeletAuthorizationModeWebhook,
			Webhook: kubeletconfig.KubeletWebhookAuthorization{
				CacheAuthorizedTTL: authorizationAge, CacheUnauthorizedTTL: authorizationAge,
			},
		},
		TLSCertFile:              n.hostPath("kubelet.crt"),
		TLSPrivateKeyFile:        n.hostPath("kubelet.key"),
		ContainerRuntimeEndpoint: "unix://" + socket,
		CgroupDriver:             "cgroupfs",
		CgroupRoot:               n.Host.CgroupRoot(),
		FailCgroupV1:             &no,
		FailSwapOn:               &no,
		MakeIPTablesUtilChains:   &no,
		ResolverConfig:           &nowhere,
		PodLogsDir:               n.podLogs(),
		VolumePluginDir:          n.hostPath("volume-plugins"),
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
	if m.SingleProcess {
		config.SingleProcessOOMKill = &yes
	}
	if m.Swap {
		config.MemorySwap.SwapBehavior = "LimitedSwap"
	}
	if m.Unenforced {
		config.EnforceNodeAllocatable = []string{"none"}
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

// hostPath is where the host has a file of the kubelet or of containerd.
func (n *Node) hostPath(name ...string) string {
	return filepath.Join(append([]string{n.Host.Dir()}, name...)...)
}

// podLogs stay with the logs of the run where the host is this machine.
func (n *Node) podLogs() string {
	if n.Host.Dir() == n.Dir {
		return filepath.Join(n.Logs, "pods")
	}
	return n.hostPath("pod-logs")
}

// handOver gives the host the files by which the kubelet knows the cluster.
func (n *Node) handOver(ctx context.Context) error {
	if err := n.Host.MakeDir(ctx, n.Host.Dir()); err != nil {
		return err
	}
	for _, name := range []string{"ca.crt", "kubelet.crt", "kubelet.key", "kubelet.kubeconfig"} {
		data, err := os.ReadFile(n.path(name))
		if err != nil {
			return err
		}
		if err := n.Host.WriteFile(ctx, n.hostPath(name), data); err != nil {
			return err
		}
	}
	return nil
}

// memTotal is the host's memory in bytes, as the kubelet reads it.
func (n *Node) memTotal(ctx context.Context) (int64, error) {
	data, err := n.Host.ReadFile(ctx, "/proc/meminfo")
	if err != nil {
		return 0, err
	}
	var kibibytes int64
	if _, err := fmt.Sscanf(string(data), "MemTotal: %d kB", &kibibytes); err != nil {
		return 0, fmt.Errorf("/proc/meminfo: %w", err)
	}
	return kibibytes << 10, nil
}
