package clusterread

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
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

// errNotProtobuf says that a list without a limit came in another encoding than protobuf, which was asked for.
var errNotProtobuf = errors.New("the list is not in protobuf")

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
	return decodePods(body, opts.Limit > 0, wantedOf(c.seen), c.addPod)
}

// listPods asks for the pods of a namespace, or of all where it is "".
func (c *cluster) listPods(ctx context.Context, namespace string, opts metav1.ListOptions) (io.ReadCloser, error) {
	return c.kube.core.Get().NamespaceIfScoped(namespace, namespace != "").Resource("pods").
		VersionedParams(&opts, parameters).Stream(ctx)
}

// wantedOf is what is wanted of pods: all of it where traces are wanted.
func wantedOf(seen *Traces) *wire.Wanted {
	if seen != nil {
		return nil
	}
	return wantedPod
}

// decodePods hands over the pods of a list, in the encoding that it has, with what is wanted of them; JSON only where the list
// is a page. A pod that cannot be decoded is an error, as everywhere in client-go.
func decodePods(body io.Reader, page bool, wanted *wire.Wanted, take func(*corev1.Pod)) (*metav1.ListMeta, error) {
	in := bufio.NewReaderSize(body, 64<<10)
	if start, _ := in.Peek(len(wire.Magic)); string(start) != wire.Magic {
		if !page {
			return nil, errNotProtobuf
		}
		return decodeJSON(in, take)
	}
	var trimmed []byte
	meta := &metav1.ListMeta{}
	var bad error
	err := wire.DecodePage(in, "PodList",
		func(b []byte) { bad = errors.Join(bad, meta.Unmarshal(b)) },
		func(b []byte) {
			p := &corev1.Pod{}
			var err error
			if trimmed, err = wanted.Trim(trimmed[:0], b); err == nil {
				err = p.Unmarshal(trimmed)
			}
			if err != nil {
				bad = errors.Join(bad, err)
				return
			}
			take(p)
		})
	return meta, errors.Join(err, bad)
}

// decodeJSON hands over the pods of a list from a server, or of a proxy before it, that does not speak protobuf.
func decodeJSON(in io.Reader, take func(*corev1.Pod)) (*metav1.ListMeta, error) {
	answer, err := io.ReadAll(in)
	if err == nil && len(answer) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	page := &corev1.PodList{}
	if err := runtime.DecodeInto(codecs.UniversalDeserializer(), answer, page); err != nil {
		return nil, err
	}
	for i := range page.Items {
		take(&page.Items[i])
	}
	return &page.ListMeta, nil
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

type wantedFields = map[wire.Number]*wire.Wanted

// What the facts of a pod are made of, by the numbers of k8s.io/api/core/v1/generated.proto.
// TestWantedIsEnough holds it against package extract.
var (
	wantedAnnotation = &wire.Wanted{
		Keep:   func(key []byte) bool { return extract.ReadsAnnotation(string(key)) },
		Fields: wantedFields{1: nil, 2: nil},
	}
	wantedOwner = &wire.Wanted{Fields: wantedFields{1: nil, 3: nil, 6: nil}} // kind, name, controller

	wantedMetadata = &wire.Wanted{Fields: wantedFields{
		1: nil, 3: nil, 5: nil, 9: nil, // name, namespace, uid, deletionTimestamp
		11: nil, 12: wantedAnnotation, 13: wantedOwner, // labels
	}}

	wantedLimits    = &wire.Wanted{Fields: wantedFields{1: nil}}
	wantedMount     = &wire.Wanted{Fields: wantedFields{1: nil, 2: nil}} // name, readOnly
	wantedContainer = &wire.Wanted{Fields: wantedFields{
		1: nil, 8: nil, 9: wantedMount, 24: nil, // name, resources, restartPolicy
	}}
	wantedVolume = &wire.Wanted{Fields: wantedFields{1: nil, 2: {Fields: wantedFields{2: nil}}}} // name, emptyDir

	wantedSpec = &wire.Wanted{Fields: wantedFields{
		1: wantedVolume, 2: wantedContainer, 20: wantedContainer, 34: {Fields: wantedFields{1: wantedContainer}}, // ephemeral ones
		10: nil, 24: nil, 25: nil, 32: nil, 40: nil, // nodeName, priorityClassName, priority, overhead, resources
	}}

	wantedCondition       = &wire.Wanted{Keep: tells, Fields: wantedFields{1: nil, 2: nil, 5: nil}} // type, status, reason
	wantedContainerStatus = &wire.Wanted{Fields: wantedFields{
		1: nil, 2: {Fields: wantedFields{2: nil}}, 10: nil, 11: wantedLimits, // name, what runs, allocatedResources, resources
	}}

	wantedStatus = &wire.Wanted{Fields: wantedFields{
		1: nil, 2: wantedCondition, 9: nil, // phase, qosClass
		8: wantedContainerStatus, 10: wantedContainerStatus, 13: wantedContainerStatus,
		19: nil, 20: wantedLimits, 21: nil, // allocatedResources, resources, nodeAllocatableResourceClaimStatuses
	}}

	wantedPod = &wire.Wanted{Fields: wantedFields{1: wantedMetadata, 2: wantedSpec, 3: wantedStatus}}
)

// tells reports whether facts are made of a condition of that type.
func tells(condition []byte) bool {
	switch corev1.PodConditionType(condition) {
	case corev1.PodReadyToStartContainers, corev1.PodResizePending, corev1.PodResizeInProgress:
		return true
	}
	return false
}
