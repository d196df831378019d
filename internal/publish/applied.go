package publish

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// applied is what one server-side apply sends: the fields that the operator wants to own, and no others. It is
// written by hand, because generated apply configurations need a second copy of each type, and a status would
// have to be converted into that copy before every write.
type applied struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   appliedMetadata `json:"metadata"`
	Spec       any             `json:"spec,omitempty"`
	Status     any             `json:"status,omitempty"`
	// written is read from the answer, and never sent.
	written Written
}

type appliedMetadata struct {
	Name            string                  `json:"name"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences,omitempty"`
}

func newApplied(kind, name string) *applied {
	return &applied{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: kind,
		Metadata: appliedMetadata{Name: name},
	}
}

// IsApplyConfiguration marks the type for controller-runtime's client.
func (*applied) IsApplyConfiguration() {}

// GetName returns the object's name.
func (a *applied) GetName() *string { return &a.Metadata.Name }

// GetNamespace returns nil: both kinds are cluster-scoped.
func (*applied) GetNamespace() *string { return nil }

// GetKind returns the object's kind.
func (a *applied) GetKind() *string { return &a.Kind }

// GetAPIVersion returns the object's group and version.
func (a *applied) GetAPIVersion() *string { return &a.APIVersion }

// UnmarshalJSON reads the API server's answer. Only the metadata is of interest: decoding the status too would overwrite the one that
// was sent.
func (a *applied) UnmarshalJSON(answer []byte) error {
	var object struct {
		Metadata Written `json:"metadata"`
	}
	if err := json.Unmarshal(answer, &object); err != nil {
		return err
	}
	a.written = object.Metadata
	return nil
}
