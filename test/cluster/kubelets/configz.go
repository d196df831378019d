package kubelets

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// configz is the answer of /configz: the configuration in force, under the
// name that the kubelet registers it with.
func configz(node *scenario.Node, address string, port int32) map[string]kubeletconfig.KubeletConfiguration {
	k := &node.Class.Kubelet
	return map[string]kubeletconfig.KubeletConfiguration{"kubeletconfig": {
		TypeMeta:                         metav1.TypeMeta{Kind: "KubeletConfiguration", APIVersion: "kubelet.config.k8s.io/v1beta1"},
		Address:                          address,
		Port:                             port,
		NodeStatusUpdateFrequency:        metav1.Duration{Duration: 10 * time.Second},
		MaxPods:                          int32(node.Class.Capacity.Pods().Value()),
		CgroupDriver:                     "systemd",
		OOMScoreAdj:                      new(int32(-999)),
		EvictionHard:                     k.EvictionHard,
		EvictionSoft:                     k.EvictionSoft,
		EvictionSoftGracePeriod:          k.EvictionSoftGracePeriod,
		EvictionMinimumReclaim:           k.EvictionMinimumReclaim,
		EvictionPressureTransitionPeriod: metav1.Duration{Duration: 5 * time.Minute},
		MergeDefaultEvictionSettings:     &k.MergeDefaultEvictionSettings,
		KubeReserved:                     k.KubeReserved,
		SystemReserved:                   k.SystemReserved,
		EnforceNodeAllocatable:           k.EnforceNodeAllocatable,
		MemorySwap:                       kubeletconfig.MemorySwapConfiguration{SwapBehavior: k.SwapBehavior},
		SingleProcessOOMKill:             k.SingleProcessOOMKill,
	}}
}
