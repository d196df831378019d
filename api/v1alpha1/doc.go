// Package v1alpha1 is the killorder.io/v1alpha1 API: NodeKillOrder says, for one node, who dies first
// when memory runs out; KillOrderPolicy says what counts as critical and carries the cluster's roll-up.
//
// +kubebuilder:object:generate=true
// +groupName=killorder.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "killorder.io", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&NodeKillOrder{}, &NodeKillOrderList{},
		&KillOrderPolicy{}, &KillOrderPolicyList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
