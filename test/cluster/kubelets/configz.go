package kubelets

import (
	_ "embed"
	"encoding/json"
	"sync"

	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// configzBase is the part of a real kubelet's /configz that no scenario changes.
// With this part, a simulated answer has all fields that a real answer has.
//
//go:embed configz.json
var configzBase []byte

// base is configzBase, decoded once: in a cold start thousands of kubelets are
// asked within seconds, on the same machine as the operator that is measured.
var base = sync.OnceValues(func() (*kubeletconfig.KubeletConfiguration, error) {
	config := &kubeletconfig.KubeletConfiguration{}
	return config, json.Unmarshal(configzBase, config)
})

// Configz is the answer of /configz: the configuration in force, under the
// name that the kubelet registers it with.
func Configz(node *scenario.Node, address string, port int32) (map[string]*kubeletconfig.KubeletConfiguration, error) {
	k := &node.Class.Kubelet
	unchanged, err := base()
	if err != nil {
		return nil, err
	}
	config := unchanged.DeepCopy()
	config.Address, config.Port = address, port
	config.MaxPods = int32(node.Class.Capacity.Pods().Value())
	config.EvictionHard = k.EvictionHard
	config.EvictionSoft = k.EvictionSoft
	config.EvictionSoftGracePeriod = k.EvictionSoftGracePeriod
	config.EvictionMinimumReclaim = k.EvictionMinimumReclaim
	config.MergeDefaultEvictionSettings = &k.MergeDefaultEvictionSettings
	config.KubeReserved = k.KubeReserved
	config.SystemReserved = k.SystemReserved
	config.EnforceNodeAllocatable = k.EnforceNodeAllocatable
	config.MemorySwap.SwapBehavior = k.SwapBehavior
	config.SingleProcessOOMKill = k.SingleProcessOOMKill
	return map[string]*kubeletconfig.KubeletConfiguration{"kubeletconfig": config}, nil
}
