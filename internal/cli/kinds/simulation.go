package kinds

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// The killers that a simulation plays.
const (
	PlayKubelet = "kubelet"
	PlayKernel  = "kernel"
	PlayBoth    = "both"
)

// How a simulation ends. Relieved: the killers have what they want. Exhausted: nobody is left whom they may take.
const (
	EndRelieved  = "Relieved"
	EndExhausted = "Exhausted"
)

// Simulation is the sequence of kills on a node that runs out of memory.
type Simulation struct {
	metav1.TypeMeta `json:",inline"`

	Node string `json:"node"`
	// Killer is kubelet, kernel or both.
	Killer string `json:"killer"`
	Answer string `json:"answer"`
	// Pressure is how the node came to run out of memory.
	Pressure []string `json:"pressure"`
	// Available and Headroom are the node's once the pressure is there; below 0 where more is wanted than there is.
	Available *resource.Quantity `json:"available,omitempty"`
	Headroom  *resource.Quantity `json:"headroom,omitempty"`
	Steps     []Step             `json:"steps"`
	End       string             `json:"end"`
	// CriticalLost counts the critical pods that a step took.
	CriticalLost int `json:"criticalLost"`
	// Culprit is the pod that grows, as NAMESPACE/NAME, and CulpritStep the step that took it; absent if it survives.
	Culprit     string   `json:"culprit,omitempty"`
	CulpritStep int      `json:"culpritStep,omitempty"`
	NotKnown    []string `json:"notKnown"`
}

// Step is one kill.
type Step struct {
	Step   int             `json:"step"`
	Killer v1alpha1.Killer `json:"killer"`
	// Container is absent where the pod as a whole goes.
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container,omitempty"`
	Critical  bool   `json:"critical"`
	// Frees is what the victim used, absent if unknown; Available what is available then.
	Frees     *resource.Quantity `json:"frees,omitempty"`
	Available *resource.Quantity `json:"available"`
	// At is the time since the beginning, as 1m10s.
	At string `json:"at"`
}
