package kinds

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// DiagnosisList says what ended pods and containers, the latest death first.
type DiagnosisList struct {
	metav1.TypeMeta `json:",inline"`

	// Answer is one sentence about all of them.
	Answer string      `json:"answer"`
	Items  []Diagnosis `json:"items"`
	// Patterns are what several of the deaths say together, one sentence each.
	Patterns []string `json:"patterns,omitempty"`
	// LeftOut counts the deaths that match and are not among Items.
	LeftOut int `json:"leftOut,omitempty"`
}

// Diagnosis says what one death was: a kill for memory, with Cause, or something else, with Reason.
type Diagnosis struct {
	Namespace string                      `json:"namespace"`
	Pod       string                      `json:"pod"`
	UID       string                      `json:"uid,omitempty"`
	Container string                      `json:"container,omitempty"`
	Workload  *v1alpha1.WorkloadReference `json:"workload,omitempty"`
	Node      string                      `json:"node,omitempty"`
	Time      *metav1.Time                `json:"time,omitempty"`
	// Killed: a memory killer ended it.
	Killed bool `json:"killed"`
	// Cause of a kill; absent where it was none.
	Cause v1alpha1.KillCause `json:"cause,omitempty"`
	// Reason says what ended a pod or container that no memory killer took.
	Reason     string `json:"reason,omitempty"`
	Confidence string `json:"confidence"`
	ExitCode   *int32 `json:"exitCode,omitempty"`
	// Culprit at that moment as NAMESPACE/WORKLOAD, absent if unknown or the victim itself. WrongVictim, Predicted:
	// as the operator published them; absent where no operator runs.
	Culprit     string                   `json:"culprit,omitempty"`
	WrongVictim bool                     `json:"wrongVictim,omitempty"`
	Predicted   *v1alpha1.KillPrediction `json:"predicted,omitempty"`
	Answer      string                   `json:"answer"`
	Evidence    []Evidence               `json:"evidence"`
	// Against has what speaks against the verdict.
	Against []Evidence `json:"against,omitempty"`
	// Change is a command to paste, absent where none helps.
	Change string `json:"change,omitempty"`
}
