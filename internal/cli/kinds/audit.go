package kinds

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AuditReport lists what is misconfigured, the worst first.
type AuditReport struct {
	metav1.TypeMeta `json:",inline"`

	Items []AuditFinding `json:"items"`
	// Summary counts the items by severity, and the ignored ones as "ignored".
	Summary map[string]int `json:"summary"`
}

// AuditFinding is one misconfiguration: of a workload, or of a node.
type AuditFinding struct {
	Rule      string `json:"rule"`
	Severity  string `json:"severity"`
	Namespace string `json:"namespace,omitempty"`
	Object    Object `json:"object"`
	Container string `json:"container,omitempty"`
	// Node that has it; absent for manifests. Nodes counts the nodes where more than one has it.
	Node    string `json:"node,omitempty"`
	Nodes   int    `json:"nodes,omitempty"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	// File and Line, from 1, of a manifest.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Ignored is the reason that the annotation gives.
	Ignored string `json:"ignored,omitempty"`
}

// Object names what a finding is about.
type Object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}
