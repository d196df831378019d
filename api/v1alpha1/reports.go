package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AtRiskPod is a critical pod within the first riskRank of an order.
//
// +structType=atomic
type AtRiskPod struct {
	UID       types.UID `json:"uid"`
	Namespace string    `json:"namespace"`
	Pod       string    `json:"pod"`
	Killer    Killer    `json:"killer"`
	// rank in that killer's order.
	Rank int32 `json:"rank"`
	// since when it is within riskRank.
	Since metav1.Time `json:"since"`
	// until when it was; the entry is kept for ten minutes after.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
}

// Severity of a finding.
// +kubebuilder:validation:Enum=Critical;Warning;Info
type Severity string

// The severities, worst first.
const (
	SeverityCritical Severity = "Critical"
	SeverityWarning  Severity = "Warning"
	SeverityInfo     Severity = "Info"
)

// Finding is one misconfiguration and its fix.
type Finding struct {
	// rule that found it; docs/findings.md has a section for each.
	// +kubebuilder:validation:MaxLength=63
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// namespace and pod are absent for a finding about the node.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// +optional
	Pod string `json:"pod,omitempty"`
	// container, where it is about one.
	// +optional
	Container string `json:"container,omitempty"`
	// +optional
	Workload *WorkloadReference `json:"workload,omitempty"`
	// workloads counts the workloads on the node that the finding is about, where one line stands for several. The object
	// named is then the first of them.
	// +optional
	Workloads int32 `json:"workloads,omitempty"`
	// +kubebuilder:validation:MaxLength=160
	Message string `json:"message"`
	// fix is what to set, with numbers.
	// +optional
	// +kubebuilder:validation:MaxLength=160
	Fix string `json:"fix,omitempty"`
}
