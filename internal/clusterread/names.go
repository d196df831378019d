package clusterread

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// namesTimeout is how long somebody who pressed Tab waits for names: those that were read by then are shown.
const namesTimeout = 2 * time.Second

// NodeNames returns the names of nodes, for completion.
func NodeNames(ctx context.Context, config *rest.Config) ([]string, error) {
	n, err := newNames(config)
	if err != nil {
		return nil, err
	}
	return n.read(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", func(o *metav1.PartialObjectMetadata) []string {
		return []string{o.Name}
	})
}

// workloadKinds are the kinds whose lists have the workloads of a namespace, also those of which no pod was read.
var workloadKinds = map[string]schema.GroupVersionResource{
	"deployment":  {Group: "apps", Version: "v1", Resource: "deployments"},
	"statefulset": {Group: "apps", Version: "v1", Resource: "statefulsets"},
	"daemonset":   {Group: "apps", Version: "v1", Resource: "daemonsets"},
	"job":         {Group: "batch", Version: "v1", Resource: "jobs"},
	"cronjob":     {Group: "batch", Version: "v1", Resource: "cronjobs"},
}

// SubjectNames returns the names of a namespace's pods and workloads that begin with what was typed, for completion: NAME, and
// KIND/NAME for pods and workloads. Workloads are those of the kinds' own lists, and the owners of pods.
func SubjectNames(ctx context.Context, config *rest.Config, namespace, typed string) ([]string, error) {
	n, err := newNames(config)
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	var pods []string
	lists := make(chan []string, len(workloadKinds))
	for kind, resource := range workloadKinds {
		if prefix := kind + "/"; strings.HasPrefix(typed, prefix) || strings.HasPrefix(prefix, typed) {
			wg.Go(func() {
				names, _ := n.read(ctx, resource, namespace, func(o *metav1.PartialObjectMetadata) []string { // pods name their owners too
					return beginning(typed, prefix+o.Name)
				})
				lists <- names
			})
		}
	}
	pods, err = n.read(ctx, corev1.SchemeGroupVersion.WithResource("pods"), namespace, func(o *metav1.PartialObjectMetadata) []string {
		return beginning(typed, o.Name, "pod/"+o.Name, workloadOf(o))
	})
	wg.Wait()
	close(lists)
	for list := range lists {
		pods = append(pods, list...)
	}
	slices.Sort(pods)
	out := slices.Compact(pods)
	if len(out) > 0 {
		return out, nil
	}
	return nil, err
}

// beginning are the names that begin with what was typed.
func beginning(typed string, names ...string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == "" || !strings.HasPrefix(n, typed) })
}

// workloadOf names the owner of a pod, for a Deployment's ReplicaSet the Deployment.
func workloadOf(p *metav1.PartialObjectMetadata) string {
	if w := extract.WorkloadOf(p); w != (facts.Workload{}) {
		return strings.ToLower(w.Kind) + "/" + w.Name
	}
	return ""
}

// names reads names of objects.
type names struct{ metadata.Interface }

func newNames(config *rest.Config) (names, error) {
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	config.QPS = -1 // pages come one after another
	client, err := metadata.NewForConfig(config)
	return names{client}, err
}

// read reads all names that take finds in the objects of a resource, page by page, or those that come within namesTimeout.
func (n names) read(
	ctx context.Context, of schema.GroupVersionResource, namespace string, take func(*metav1.PartialObjectMetadata) []string,
) (read []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, namesTimeout)
	defer cancel()
	err = eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := n.Resource(of).Namespace(namespace).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			read = append(read, take(&page.Items[i])...)
		}
		return page, nil
	}, metav1.ListOptions{})
	if len(read) > 0 {
		err = nil // some are better than none
	}
	return read, err
}
