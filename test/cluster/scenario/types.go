package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Version is the only apiVersion of scenario files there is.
const Version = "cluster.killorder.io/v1"

// file is a scenario file as written. Nodes and pods stay raw until they are
// decoded one by one, so that an error can name the object it is in.
type file struct {
	APIVersion      string            `json:"apiVersion"`
	Kind            string            `json:"kind"`
	Seed            uint64            `json:"seed,omitempty"`
	Namespaces      []json.RawMessage `json:"namespaces,omitempty"`
	PriorityClasses []json.RawMessage `json:"priorityClasses,omitempty"`
	Nodes           []json.RawMessage `json:"nodes"`
	Pods            []json.RawMessage `json:"pods,omitempty"`
}

type namespaceSpec struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

type priorityClassSpec struct {
	Name  string `json:"name"`
	Value int32  `json:"value"`
}

type nodeSpec struct {
	// Name is the node's name; with Count, the stem of NAME-1 ... NAME-COUNT.
	Name     string            `json:"name"`
	Count    *int              `json:"count,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Capacity map[string]scalar `json:"capacity"`
	// Allocatable overrides what is computed from the reservations.
	Allocatable map[string]scalar `json:"allocatable,omitempty"`
	Swap        scalar            `json:"swap,omitempty"`
	OS          string            `json:"os,omitempty"`
	Runtime     string            `json:"runtime,omitempty"`
	Kubelet     kubeletSpec       `json:"kubelet,omitempty"`
	System      systemSpec        `json:"system,omitempty"`
}

// kubeletSpec is what the node's /configz shows. Without evictionHard, the
// kubelet's default thresholds apply. With evictionHard, only the thresholds that
// evictionHard names apply, unless mergeDefaultEvictionSettings is true.
type kubeletSpec struct {
	Version                      string            `json:"version,omitempty"`
	EvictionHard                 map[string]string `json:"evictionHard,omitempty"`
	EvictionSoft                 map[string]string `json:"evictionSoft,omitempty"`
	EvictionSoftGracePeriod      map[string]string `json:"evictionSoftGracePeriod,omitempty"`
	EvictionMinimumReclaim       map[string]string `json:"evictionMinimumReclaim,omitempty"`
	MergeDefaultEvictionSettings bool              `json:"mergeDefaultEvictionSettings,omitempty"`
	KubeReserved                 map[string]string `json:"kubeReserved,omitempty"`
	SystemReserved               map[string]string `json:"systemReserved,omitempty"`
	EnforceNodeAllocatable       []string          `json:"enforceNodeAllocatable,omitempty"`
	SwapBehavior                 string            `json:"swapBehavior,omitempty"`
	SingleProcessOOMKill         *bool             `json:"singleProcessOOMKill,omitempty"`
	// Unreachable kubelets drop every connection.
	Unreachable bool `json:"unreachable,omitempty"`
}

// systemSpec is the memory used outside the pods.
type systemSpec struct {
	Kubelet *usageSpec `json:"kubelet,omitempty"`
	Runtime *usageSpec `json:"runtime,omitempty"`
	Other   *usageSpec `json:"other,omitempty"`
}

type podSpec struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Owner is the kind of workload: Deployment, StatefulSet, DaemonSet, Job,
	// Node (a mirror pod of a static one) or empty for a bare pod.
	Owner string `json:"owner,omitempty"`
	// Nodes names the nodes that run the pods, as names or patterns (path.Match);
	// absent: all nodes.
	Nodes         []string          `json:"nodes,omitempty"`
	PerNode       *int              `json:"perNode,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
	PriorityClass string            `json:"priorityClass,omitempty"`
	Resources     *resourcesSpec    `json:"resources,omitempty"`
	Containers    []containerSpec   `json:"containers"`
	State         string            `json:"state,omitempty"`
	GracePeriod   *int64            `json:"terminationGracePeriodSeconds,omitempty"`
}

type resourcesSpec struct {
	Requests map[string]scalar `json:"requests,omitempty"`
	Limits   map[string]scalar `json:"limits,omitempty"`
}

type containerSpec struct {
	Name string `json:"name"`
	// Sidecar makes the container an init container that keeps running.
	Sidecar  bool              `json:"sidecar,omitempty"`
	Image    string            `json:"image,omitempty"`
	Requests map[string]scalar `json:"requests,omitempty"`
	Limits   map[string]scalar `json:"limits,omitempty"`
	Usage    *usageSpec        `json:"usage,omitempty"`
	// RSS is the part of the working set that is anonymous memory, in percent.
	RSS      scalar `json:"rss,omitempty"`
	Swap     scalar `json:"swap,omitempty"`
	CPUUsage scalar `json:"cpuUsage,omitempty"`
	// Unmeasured containers run, but the kubelet has no figures for them.
	Unmeasured bool `json:"unmeasured,omitempty"`
}

// usageSpec is either a quantity, or {from, to, over, after, noise}.
type usageSpec struct {
	From  scalar `json:"from,omitempty"`
	To    scalar `json:"to,omitempty"`
	Over  scalar `json:"over,omitempty"`
	After scalar `json:"after,omitempty"`
	Noise scalar `json:"noise,omitempty"`
}

// UnmarshalJSON accepts the short form `usage: 200Mi` too.
func (u *usageSpec) UnmarshalJSON(data []byte) error {
	if !strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		return json.Unmarshal(data, &u.From)
	}
	type plain usageSpec
	return decodeStrict(data, (*plain)(u))
}

// scalar is a string or a number, kept as it was written. The compile step parses
// the scalar, because only that step knows what the field needs.
type scalar string

// UnmarshalJSON keeps numbers as written.
func (s *scalar) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(s))
	}
	var n json.Number
	if err := json.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("want a string or a number, have %s", data)
	}
	*s = scalar(n)
	return nil
}
