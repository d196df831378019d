package clusterread

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// mostNames is how many objects names are read of: enough to complete a name that is typed.
const mostNames = 500

// NodeNames returns the names of nodes, for completion.
func NodeNames(ctx context.Context, config *rest.Config) (names []string, err error) {
	page, err := listNames(ctx, config, "nodes", "")
	if err != nil {
		return nil, err
	}
	for i := range page.Items {
		names = append(names, page.Items[i].Name)
	}
	return names, nil
}

// SubjectNames returns the names of the pods of a namespace, and of the workloads that own them as KIND/NAME, for completion.
func SubjectNames(ctx context.Context, config *rest.Config, namespace string) (names []string, err error) {
	page, err := listNames(ctx, config, "pods", namespace)
	if err != nil {
		return nil, err
	}
	for i := range page.Items {
		p := &page.Items[i]
		names = append(names, p.Name, "pod/"+p.Name)
		if owner := workloadOf(p); owner != "" && !slices.Contains(names, owner) {
			names = append(names, owner)
		}
	}
	return names, nil
}

// workloadOf names the owner of a pod, for a Deployment's ReplicaSet the Deployment.
func workloadOf(p *metav1.PartialObjectMetadata) string {
	if w := extract.WorkloadOf(p); w != (facts.Workload{}) {
		return strings.ToLower(w.Kind) + "/" + w.Name
	}
	return ""
}

func listNames(ctx context.Context, config *rest.Config, resource, namespace string) (*metav1.PartialObjectMetadataList, error) {
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return client.Resource(corev1.SchemeGroupVersion.WithResource(resource)).Namespace(namespace).
		List(ctx, metav1.ListOptions{Limit: mostNames})
}
