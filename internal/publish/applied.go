package publish

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// patch is the request.
func (a *applied) patch() (client.Patch, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", a.Kind, a.Metadata.Name, err)
	}
	return client.RawPatch(types.ApplyPatchType, body), nil
}

// answer takes what the API server answers with: the metadata alone, because this process knows the status that it has just sent.
func (a *applied) answer() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: a.APIVersion, Kind: a.Kind}, ObjectMeta: metav1.ObjectMeta{Name: a.Metadata.Name},
	}
}
