package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// PolicyName is the one name a KillOrderPolicy may have.
const PolicyName = "default"

// LabelCritical marks critical pods: the default of spec.critical.podSelector selects those that have it with the value
// "true".
const LabelCritical = "killorder.io/critical"

// MaxCriticalPriority bounds criticality by priority: the system classes above it are not critical workloads.
const MaxCriticalPriority = 1000000000

// KillOrderPolicy says what counts as critical and how orders are published; its status is the cluster's
// roll-up. There is one, named "default": the operator creates it if it is missing and never changes its spec.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=kop,categories=killorder
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'default'",message="there is one KillOrderPolicy, named default"
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.nodes`
// +kubebuilder:printcolumn:name="Under-Pressure",type=integer,JSONPath=`.status.nodesUnderPressure`
// +kubebuilder:printcolumn:name="Critical-At-Risk",type=integer,JSONPath=`.status.criticalAtRisk`
// +kubebuilder:printcolumn:name="Last-Pass",type=date,JSONPath=`.status.lastPassAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type KillOrderPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +kubebuilder:default={}
	Spec KillOrderPolicySpec `json:"spec,omitempty"`
	// +optional
	Status KillOrderPolicyStatus `json:"status,omitempty"`
}

// KillOrderPolicyList is a list of KillOrderPolicies.
//
// +kubebuilder:object:root=true
type KillOrderPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KillOrderPolicy `json:"items"`
}

// KillOrderPolicySpec says what counts as critical and how orders are published.
type KillOrderPolicySpec struct {
	// topN is how much of each order the objects show.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	TopN int32 `json:"topN,omitempty"`
	// critical says which pods are critical workloads, and when one is at risk.
	// +kubebuilder:default={}
	Critical CriticalPolicy `json:"critical,omitempty"`
	// production says where findings such as BestEffortPod apply.
	// +optional
	Production ProductionPolicy `json:"production,omitempty"`
	// usage says where memory readings come from.
	// +kubebuilder:default={}
	Usage UsagePolicy `json:"usage,omitempty"`
	// nearLimitPercent of its limit in use makes a container a finding.
	// +kubebuilder:default=85
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	NearLimitPercent int32 `json:"nearLimitPercent,omitempty"`
	// assumedEvictionHard is the hard memory.available threshold (a quantity, or a percentage of capacity)
	// where it can neither be read nor inferred.
	// +kubebuilder:default="100Mi"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : (self.matches('^(100|[0-9]{1,2})([.][0-9]+)?%$') || (!self.matches('[eE][+-]?[0-9]{4}') && isQuantity(self) && quantity(self).compareTo(quantity('0')) >= 0))",message="must be a quantity of 0 or more, or a percentage of capacity"
	// +optional
	AssumedEvictionHard *intstr.IntOrString `json:"assumedEvictionHard,omitempty"`
	// disabledFindings are rules not to report.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	DisabledFindings []string `json:"disabledFindings,omitempty"`
}

// CriticalPolicy says which pods are critical workloads: those that match any of its rules.
type CriticalPolicy struct {
	// minPriority makes pods of minPriority <= priority <= 1000000000 critical.
	// +kubebuilder:default=100000
	// +kubebuilder:validation:Maximum=1000000000
	// +optional
	MinPriority *int32 `json:"minPriority,omitempty"`
	// podSelector makes pods critical by label. Absent selects nothing, {} selects all.
	// +kubebuilder:default={matchLabels: {"killorder.io/critical": "true"}}
	// +optional
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
	// podSelectorNamespaces selects the namespaces in which podSelector counts. Absent selects all: whoever may write
	// pods may then call them critical. Where namespaces belong to tenants, name those that may, or use priority
	// classes, which only cluster administrators write.
	// +optional
	PodSelectorNamespaces *metav1.LabelSelector `json:"podSelectorNamespaces,omitempty"`
	// namespaceSelector makes the pods of whole namespaces critical. Absent selects nothing, {} selects all.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// riskRank is the top N of an order that a critical pod should stay out of.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	RiskRank int32 `json:"riskRank,omitempty"`
	// riskHeadroomPercent of the killer's limit: with less left, CriticalAtRisk and WrongVictim may be True.
	// +kubebuilder:default=15
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	RiskHeadroomPercent *int32 `json:"riskHeadroomPercent,omitempty"`
}

// ProductionPolicy says where findings about production workloads apply.
type ProductionPolicy struct {
	// namespaceSelector of production namespaces; absent means all but kube-system.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
}

// UsagePreference is which source of readings to use.
// +kubebuilder:validation:Enum=Auto;MetricsAPI;Kubelet
type UsagePreference string

// The usage preferences.
const (
	PreferAuto       UsagePreference = "Auto"
	PreferMetricsAPI UsagePreference = "MetricsAPI"
	PreferKubelet    UsagePreference = "Kubelet"
)

// UsagePolicy says where memory readings come from and how old they may be.
type UsagePolicy struct {
	// +kubebuilder:default=Auto
	Source UsagePreference `json:"source,omitempty"`
	// maxAgeSeconds: older readings count as stale.
	// +kubebuilder:default=180
	// +kubebuilder:validation:Minimum=15
	// +kubebuilder:validation:Maximum=600
	MaxAgeSeconds int32 `json:"maxAgeSeconds,omitempty"`
}

// KillOrderPolicyStatus is the cluster's roll-up, written at most once a minute.
type KillOrderPolicyStatus struct {
	// lastPassAt is when the operator last looked at every node: how a reader knows that it lives.
	// +optional
	LastPassAt *metav1.Time `json:"lastPassAt,omitempty"`
	// +optional
	Nodes int32 `json:"nodes,omitempty"`
	// +optional
	NodesUnderPressure int32 `json:"nodesUnderPressure,omitempty"`
	// criticalAtRisk sums the nodes' counts.
	// +optional
	CriticalAtRisk int32 `json:"criticalAtRisk,omitempty"`
	// findings counts by rule.
	// +optional
	Findings map[string]int32 `json:"findings,omitempty"`
	// kills of the last 24 hours, by cause.
	// +optional
	Kills map[KillCause]int32 `json:"kills,omitempty"`
	// predictions of the last 30 days, compared with the kills that came: an eviction with evictionOrder, a kernel's kill
	// with oomOrder.
	// +optional
	Predictions *PredictionScore `json:"predictions,omitempty"`
	// killHistory is what kills and predictions are sums of.
	// +optional
	KillHistory *KillHistory `json:"killHistory,omitempty"`
	// workloadsAtRisk is the worst few critical workloads, by replicas within riskRank of their nodes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	WorkloadsAtRisk []WorkloadAtRisk `json:"workloadsAtRisk,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// WorkloadAtRisk is a critical workload with replicas within riskRank of their nodes' orders.
type WorkloadAtRisk struct {
	Namespace      string `json:"namespace"`
	Kind           string `json:"kind"`
	Name           string `json:"name"`
	ReplicasAtRisk int32  `json:"replicasAtRisk"`
	Replicas       int32  `json:"replicas"`
	// bestRank is the lowest rank any replica has in any order: 1 dies first.
	BestRank int32 `json:"bestRank"`
}

// Condition types and reasons of a KillOrderPolicy.
const (
	// ConditionAccepted is False while the spec cannot be honoured; the policy before stays in force.
	ConditionAccepted = "Accepted"
	ReasonAccepted    = "Accepted"
	ReasonInvalid     = "Invalid"
	// ReasonUnknownFindings: the policy is in force, but disabledFindings names rules that do not exist.
	ReasonUnknownFindings = "UnknownFindings"
)
