package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// Configz is a kubelet's answer to /configz.
type Configz struct {
	Kubelet *KubeletConfiguration `json:"kubeletconfig"`
}

// KubeletConfiguration is the part of kubelet.config.k8s.io/v1beta1 that decides who dies. The upstream type would link
// logging and tracing libraries. This type is as strict about the fields that it has.
type KubeletConfiguration struct {
	EvictionHard                 map[string]string `json:"evictionHard,omitempty"`
	EvictionSoft                 map[string]string `json:"evictionSoft,omitempty"`
	EvictionSoftGracePeriod      map[string]string `json:"evictionSoftGracePeriod,omitempty"`
	EvictionMaxPodGracePeriod    int32             `json:"evictionMaxPodGracePeriod,omitempty"`
	EvictionMinimumReclaim       map[string]string `json:"evictionMinimumReclaim,omitempty"`
	MergeDefaultEvictionSettings bool              `json:"mergeDefaultEvictionSettings,omitempty"`
	KubeReserved                 map[string]string `json:"kubeReserved,omitempty"`
	SystemReserved               map[string]string `json:"systemReserved,omitempty"`
	EnforceNodeAllocatable       []string          `json:"enforceNodeAllocatable,omitempty"`
	CgroupsPerQOS                *bool             `json:"cgroupsPerQOS,omitempty"`
	MemorySwap                   MemorySwap        `json:"memorySwap,omitempty"`
	SingleProcessOOMKill         *bool             `json:"singleProcessOOMKill,omitempty"`
	FailCgroupV1                 *bool             `json:"failCgroupV1,omitempty"`
	// ChangeDetection has a default that nobody changes: where the field is set, the kubelet has filled in its defaults.
	ChangeDetection string `json:"configMapAndSecretChangeDetectionStrategy,omitempty"`
}

// MemorySwap is the kubelet's memorySwap.
type MemorySwap struct {
	SwapBehavior string `json:"swapBehavior,omitempty"`
}

const (
	signalMemoryAvailable = "memory.available"
	resourceMemory        = "memory"
	enforcePods           = "pods"
	limitedSwap           = "LimitedSwap"
)

// linuxEvictionHard is the default of kubelets on Linux. That of kubelets on Windows is another, but their answers have it
// filled in.
var linuxEvictionHard = facts.Threshold{Set: true, Bytes: facts.LinuxEvictionHard}

// ParseConfigz returns what a kubelet's answer to /configz, or a bare KubeletConfiguration, says. The error
// names the field.
func ParseConfigz(answer []byte) (*facts.KubeletConfig, error) {
	var c Configz
	if err := json.Unmarshal(answer, &c); err != nil {
		return nil, err
	}
	if c.Kubelet == nil {
		c.Kubelet = new(KubeletConfiguration)
		if err := json.Unmarshal(answer, c.Kubelet); err != nil {
			return nil, err
		}
	}
	return KubeletConfig(c.Kubelet)
}

// KubeletConfig returns the facts of a kubelet's configuration. The error names the field.
func KubeletConfig(c *KubeletConfiguration) (f *facts.KubeletConfig, err error) {
	f = &facts.KubeletConfig{
		PodsEnforced:    podsEnforced(c),
		DefaultsDropped: defaultsDropped(c),
		LimitedSwap:     c.MemorySwap.SwapBehavior == limitedSwap,
		OOMKills:        oomKills(c),
		MaxPodGrace:     time.Duration(max(c.EvictionMaxPodGracePeriod, 0)) * time.Second,
	}
	if f.EvictionHard, err = evictionHard(c); err != nil {
		return nil, err
	}
	if f.EvictionSoft, f.SoftGrace, err = evictionSoft(c); err != nil {
		return nil, err
	}
	if f.MinReclaim, err = minReclaim(c); err != nil {
		return nil, err
	}
	if f.KubeReserved, err = reserved("kubeReserved", c.KubeReserved); err != nil {
		return nil, err
	}
	if f.SystemReserved, err = reserved("systemReserved", c.SystemReserved); err != nil {
		return nil, err
	}
	return f, swapBehavior(c.MemorySwap.SwapBehavior)
}

// defaultsDropped reports whether hard thresholds are set, memory's is not among them, and the defaults are not merged: the
// kubelet then has no threshold for memory.
func defaultsDropped(c *KubeletConfiguration) bool {
	_, memory := c.EvictionHard[signalMemoryAvailable]
	return len(c.EvictionHard) > 0 && !memory && !c.MergeDefaultEvictionSettings
}

// evictionHard is the hard threshold. The kubelet's defaults apply only where no threshold is set at all, or
// where they are to be merged (loadConfigFile in kubernetes/cmd/kubelet/app/server.go, v1.37.2). In an answer
// that has its defaults filled in, an absent evictionHard was set to {}: there is no threshold.
func evictionHard(c *KubeletConfiguration) (facts.Threshold, error) {
	value, ok := c.EvictionHard[signalMemoryAvailable]
	unset := c.EvictionHard == nil && c.ChangeDetection == ""
	switch {
	case !ok && (unset || c.MergeDefaultEvictionSettings):
		return linuxEvictionHard, nil
	case !ok:
		return facts.Threshold{}, nil
	}
	t, err := Threshold(value)
	return t, inField("evictionHard["+signalMemoryAvailable+"]", err)
}

// evictionSoft is the soft threshold with its grace period; the kubelet does not start with one without the
// other.
func evictionSoft(c *KubeletConfiguration) (t facts.Threshold, grace time.Duration, err error) {
	value, ok := c.EvictionSoft[signalMemoryAvailable]
	if !ok {
		return t, 0, nil
	}
	if t, err = Threshold(value); err != nil {
		return t, 0, inField("evictionSoft["+signalMemoryAvailable+"]", err)
	}
	const field = "evictionSoftGracePeriod[" + signalMemoryAvailable + "]"
	period, ok := c.EvictionSoftGracePeriod[signalMemoryAvailable]
	if !ok {
		return t, 0, inField(field, errors.New("missing, but evictionSoft has a threshold"))
	}
	if grace, err = time.ParseDuration(period); err != nil || grace < 0 {
		return t, 0, inField(field, fmt.Errorf("%.64q is not a period such as 1m30s", period))
	}
	return t, grace, nil
}

func minReclaim(c *KubeletConfiguration) (facts.Threshold, error) {
	value, ok := c.EvictionMinimumReclaim[signalMemoryAvailable]
	if !ok {
		return facts.Threshold{}, nil
	}
	t, err := reclaim(value)
	return t, inField("evictionMinimumReclaim["+signalMemoryAvailable+"]", err)
}

// reclaim parses a minimum reclaim as the kubelet does (kubelet/eviction/helpers.go parseMinimumReclaims, v1.37.2): a
// percentage is anything above 0, and one above 100 means all.
func reclaim(value string) (facts.Threshold, error) {
	if number, ok := strings.CutSuffix(value, "%"); ok {
		percent, err := strconv.ParseFloat(number, 32)
		if err != nil || !(percent > 0) {
			return facts.Threshold{}, fmt.Errorf("%.64q is not a percentage above 0%%", value)
		}
		return facts.Threshold{Set: true, Fraction: float32(min(percent, 100)) / 100}, nil
	}
	return Threshold(value)
}

// oomKills says what a kernel OOM kill takes (NewMainKubelet in kubernetes/pkg/kubelet/kubelet.go, v1.37.2): on cgroup
// v2 the container, unless singleProcessOOMKill is set; on v1 always one process. A configuration does not name the cgroup
// version: failCgroupV1 only says that the kubelet would not have started on v1.
func oomKills(c *KubeletConfiguration) facts.OOMUnit {
	switch {
	case c.SingleProcessOOMKill != nil && *c.SingleProcessOOMKill:
		return facts.OOMUnitProcess
	case c.SingleProcessOOMKill != nil: // on v1 a kubelet does not start with it
		return facts.OOMUnitContainer
	case c.FailCgroupV1 != nil && *c.FailCgroupV1:
		return facts.OOMUnitContainer
	}
	return facts.OOMUnitUnknown
}

func reserved(field string, reservations map[string]string) (int64, error) {
	value, ok := reservations[resourceMemory]
	if !ok {
		return 0, nil
	}
	q, ok := parseQuantity(value)
	if !ok {
		return 0, inField(field+"."+resourceMemory, notMemory(value))
	}
	return Bytes(q), nil
}

// podsEnforced reports whether the kubepods cgroup is limited to capacity less reservations
// (enforceNodeAllocatableCgroups in kubernetes/pkg/kubelet/cm/node_container_manager_linux.go, v1.37.2). As with
// evictionHard: a field that is absent from an answer with its defaults filled in was set to none.
func podsEnforced(c *KubeletConfiguration) bool {
	if c.CgroupsPerQOS != nil && !*c.CgroupsPerQOS {
		return false
	}
	if c.EnforceNodeAllocatable == nil {
		return c.ChangeDetection == ""
	}
	return slices.Contains(c.EnforceNodeAllocatable, enforcePods)
}

// swapBehaviors as Kubernetes 1.22 and later know them; UnlimitedSwap went with 1.30.
var swapBehaviors = []string{"", "NoSwap", limitedSwap, "UnlimitedSwap"}

func swapBehavior(behavior string) error {
	if slices.Contains(swapBehaviors, behavior) {
		return nil
	}
	return inField("memorySwap.swapBehavior", fmt.Errorf("%.64q is none of %s", behavior, strings.Join(swapBehaviors[1:], ", ")))
}

func inField(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}
