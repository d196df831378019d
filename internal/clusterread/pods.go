package clusterread

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/podlist"
)

// streamsLists is the minor version from which on an API server encodes a list item by item, and answers a list without a
// limit from its watch cache, up to date (StreamingCollectionEncodingToProtobuf and ConsistentListFromCache, both GA in 1.34).
const streamsLists = 34

// readAllPods reads all pods with one request where the API server can bear it: from the second page on, such a server
// may have to read etcd again. Pages are read where that fails: a connection may not last
// that long, a proxy may refuse, and an answer in JSON would have to be held as a whole.
func (c *cluster) readAllPods(ctx context.Context) error {
	if c.seen != nil || !c.streams() {
		return c.readPodsIn(ctx, metav1.NamespaceAll, "")
	}
	_, err := c.podsPage(ctx, metav1.NamespaceAll, metav1.ListOptions{})
	if err == nil || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || ctx.Err() != nil {
		return podsError(err)
	}
	c.snapshot.ForgetAllPods()
	c.podsRead = 0
	return c.readPodsIn(ctx, metav1.NamespaceAll, "")
}

// streams reports whether the API server is of version streamsLists or later: no kubelet is of a later version than its
// API server.
func (c *cluster) streams() bool {
	for i := range c.snapshot.Nodes {
		if c.snapshot.Nodes[i].Minor >= streamsLists {
			return true
		}
	}
	return false
}

func podsError(err error) error {
	if err != nil {
		return fmt.Errorf("pods: %w", err)
	}
	return nil
}

// podsPage reads one page of pods, or the whole list where opts has no limit. Each pod becomes facts before the next is read.
func (c *cluster) podsPage(ctx context.Context, namespace string, opts metav1.ListOptions) (*metav1.ListMeta, error) {
	body, err := c.listPods(ctx, namespace, opts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // it has been read, or given up
	d := podlist.Decoder{JSON: opts.Limit > 0, Wanted: podlist.Wanted}
	if c.seen != nil {
		d.Wanted = nil // traces of deaths may be in any field
	}
	return d.Decode(body, c.addPod)
}

// listPods asks for the pods of a namespace, or of all where it is "".
func (c *cluster) listPods(ctx context.Context, namespace string, opts metav1.ListOptions) (io.ReadCloser, error) {
	return c.kube.core.Get().NamespaceIfScoped(namespace, namespace != "").Resource("pods").
		VersionedParams(&opts, parameters).Stream(ctx)
}

// addPod keeps the facts of a pod. Several goroutines call addPod where each node is read by itself.
func (c *cluster) addPod(p *corev1.Pod) {
	if c.seen != nil {
		c.seen.Pod(p)
	}
	var f *facts.Pod
	if node := p.Spec.NodeName; extract.Candidate(p) && (c.of == nil || c.of[node]) {
		f = extract.Pod(p)
		f.Labels = c.snapshot.Policy.LabelsAskedFor(f.Labels) // all labels of 150,000 pods would take much memory
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f != nil {
		c.snapshot.AddPod(f)
	}
	if c.podsRead++; c.podsRead%pageSize == 0 {
		c.progress.count("pods read", c.podsRead)
	}
}
