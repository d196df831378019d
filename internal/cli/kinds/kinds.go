// Package kinds is what the plugin prints for programs, as -o json and -o yaml: objects of cli.killorder.io/v1alpha1.
// Amounts of memory are quantities, in whole Mi from 1Mi up; what is unknown is absent.
package kinds

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/quantity"
)

// GroupVersion of all kinds here.
const GroupVersion = "cli.killorder.io/v1alpha1"

// Type is the type of an object of a kind.
func Type(kind string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: GroupVersion, Kind: kind} }

// Amount is an amount of bytes that was read, or follows from readings.
func Amount(bytes int64) *resource.Quantity { return new(quantity.Figure(bytes)) }

// Exact is an amount of bytes as somebody configured it.
func Exact(bytes int64) *resource.Quantity { return new(quantity.Exact(bytes)) }

// Evidence is one thing that a claim rests on.
type Evidence struct {
	// Source says where it is known from: Pod spec, usage, kubelet rule, kernel rule ...
	Source string `json:"source"`
	Text   string `json:"text"`
}

// Explanation says where a pod stands with all three killers, why, and what would make it safe.
type Explanation struct {
	metav1.TypeMeta `json:",inline"`

	Node      string                      `json:"node"`
	Namespace string                      `json:"namespace"`
	Pod       string                      `json:"pod"`
	UID       string                      `json:"uid,omitempty"`
	Workload  *v1alpha1.WorkloadReference `json:"workload,omitempty"`
	Critical  bool                        `json:"critical,omitempty"`
	// Answer is one sentence with one number.
	Answer string `json:"answer"`
	// Certainty says what the answer rests on: Exact or Estimated readings, or Unknown where there are none.
	Certainty Certainty `json:"certainty"`
	Eviction  Eviction  `json:"eviction"`
	OOM       *OOM      `json:"oom,omitempty"`
	Limit     *Limit    `json:"limit,omitempty"`
	// Order is the order that Before and After are of: the nearer one's, Eviction or OOM.
	Order v1alpha1.Killer `json:"order,omitempty"`
	// Before and After are the pod's neighbours, as NAMESPACE/NAME: those that die before it and after it.
	Before []string `json:"before"`
	After  []string `json:"after"`
	// Forecast is whom the operator expects to die first on the node, and about how soon, if memory goes on growing as it does;
	// absent if that is the next to die, and where it is not known.
	Forecast *v1alpha1.ForecastKill `json:"forecast,omitempty"`
	// Change makes the pod safe, or safer; absent if none on this node does. Why says why the change, or why none.
	Change *Change `json:"change,omitempty"`
	Why    string  `json:"why,omitempty"`
}

// Certainty of an answer.
type Certainty struct {
	// Level is Exact, Estimated or Unknown.
	Level   Level    `json:"level"`
	Because []string `json:"because"`
}

// Level of certainty.
type Level string

// The levels. Exact: by the kubelet's own rule and readings. Estimated: a reading or a threshold stands in for another.
// Unknown: without usage.
const (
	ByTheRule Level = "Exact"
	Estimated Level = "Estimated"
	Unknown   Level = "Unknown"
)

// Eviction is a pod's place in the kubelet's order.
type Eviction struct {
	// Rank from 1, absent if the pod is never evicted or the rank is unknown, of that many pods.
	Rank   int                     `json:"rank,omitempty"`
	Of     int                     `json:"of"`
	Tied   bool                    `json:"tied,omitempty"`
	Exempt bool                    `json:"exempt"`
	Reason v1alpha1.EvictionReason `json:"reason,omitempty"`
	// Headroom is what can still be used on the node before the first eviction.
	Headroom *resource.Quantity `json:"headroom,omitempty"`
	Usage    *resource.Quantity `json:"usage,omitempty"`
	Request  *resource.Quantity `json:"request"`
	Priority int32              `json:"priority"`
	Evidence []Evidence         `json:"evidence"`
}

// OOM is the place of the pod's likeliest container in the kernel's order.
type OOM struct {
	Container   string             `json:"container"`
	Rank        int                `json:"rank,omitempty"`
	Of          int                `json:"of"`
	OOMScoreAdj int32              `json:"oomScoreAdj"`
	Badness     *resource.Quantity `json:"badness,omitempty"`
	Usage       *resource.Quantity `json:"usage,omitempty"`
	Headroom    *resource.Quantity `json:"headroom,omitempty"`
	Evidence    []Evidence         `json:"evidence"`
}

// Limit is the container that is nearest to its own limit; Container is absent for the pod's limit.
type Limit struct {
	Container string             `json:"container,omitempty"`
	Usage     *resource.Quantity `json:"usage"`
	Limit     *resource.Quantity `json:"limit"`
	Percent   int                `json:"percent"`
	Evidence  []Evidence         `json:"evidence"`
}

// Change is one that the engine has ranked, on every node that has replicas.
type Change struct {
	// Command to paste; absent where no command can make the change, and What says what to set.
	Command string `json:"command,omitempty"`
	What    string `json:"what"`
	// Safe: no replica is among the first riskRank of an order any more.
	Safe bool `json:"safe"`
	// EvictionRank and OOMRank are those of this pod after the change; absent where it has none.
	EvictionRank int `json:"evictionRank,omitempty"`
	OOMRank      int `json:"oomRank,omitempty"`
}

// ExplanationList is a workload's: the worst replica first.
type ExplanationList struct {
	metav1.TypeMeta `json:",inline"`

	Answer   string `json:"answer"`
	Replicas int    `json:"replicas"`
	// AtRisk counts the replicas that are among the first riskRank of an order.
	AtRisk int           `json:"atRisk"`
	Items  []Explanation `json:"items"`
}
