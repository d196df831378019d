package clusterread

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	metricsscheme "k8s.io/metrics/pkg/client/clientset/versioned/scheme"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/usage"
)

// readingsAtOnce are read at the same time, one pod or node each.
const readingsAtOnce = 16

// singleReadings is the client of metrics.k8s.io for one pod or node at a time.
func singleReadings(config *rest.Config) (rest.Interface, error) {
	c := rest.CopyConfig(config)
	c.APIPath = "/apis"
	c.GroupVersion = &metrics.SchemeGroupVersion
	c.NegotiatedSerializer = metricsscheme.Codecs.WithoutConversion()
	c.ContentType = runtime.ContentTypeProtobuf
	c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return rest.RESTClientFor(c)
}

// readSingleUsage reads the usage of the nodes and pods read so far from metrics.k8s.io, one by one: the list of all
// pods is hundreds of times as much. The notes say what is unknown.
func (c *cluster) readSingleUsage(ctx context.Context) (notes []string) {
	ctx, cancel := usage.Within(ctx, usageTimeout)
	defer cancel()
	r := &singles{client: c.single, into: snapshot.NewReadings()}
	c.snapshot.Metrics = r.into
	for i := range c.snapshot.Nodes {
		r.node(ctx, c.snapshot.Nodes[i].Name)
	}
	if !r.absent {
		r.pods(ctx, &c.snapshot)
	}
	return r.notes()
}

// singles reads one pod or node at a time.
type singles struct {
	client rest.Interface

	mu   sync.Mutex
	into *snapshot.Readings
	// absent: there is no such API, or nothing stands behind it.
	absent bool
	// forbidden, failed and unusable count what could not be read, each with its first error.
	forbidden, failed, unusable failures
}

func (r *singles) node(ctx context.Context, name string) {
	var m metrics.NodeMetrics
	if err := r.client.Get().Resource("nodes").Name(name).Do(ctx).Into(&m); err != nil {
		r.failure("node "+name, err)
		return
	}
	reading, err := extract.NodeMetrics(&m)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unusable.add("node "+name, err)
	if err == nil {
		r.into.Nodes[name] = reading
	}
}

func (r *singles) pods(ctx context.Context, of *snapshot.Snapshot) {
	next := make(chan *facts.Pod)
	var wg sync.WaitGroup
	for range readingsAtOnce {
		wg.Go(func() {
			for p := range next {
				r.pod(ctx, p)
			}
		})
	}
	for i := range of.Nodes {
		for _, p := range of.PodsOf(of.Nodes[i].Name) {
			if p.AnyRunning() {
				next <- p
			}
		}
	}
	close(next)
	wg.Wait()
}

func (r *singles) pod(ctx context.Context, p *facts.Pod) {
	var m metrics.PodMetrics
	name := "pod " + p.Namespace + "/" + p.Name
	if err := r.client.Get().Namespace(p.Namespace).Resource("pods").Name(p.Name).Do(ctx).Into(&m); err != nil {
		r.failure(name, err)
		return
	}
	reading, err := extract.PodMetrics(&m)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unusable.add(name, err)
	if err == nil {
		r.into.Pods[facts.PodKey{Namespace: p.Namespace, Name: p.Name}] = reading
	}
}

func (r *singles) failure(of string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case apierrors.IsServiceUnavailable(err), apierrors.IsNotFound(err) && !namesObject(err):
		r.absent = true
	case apierrors.IsNotFound(err): // it has no reading yet: that is counted as missing
	case apierrors.IsForbidden(err):
		r.forbidden.add(of, err)
	default:
		r.failed.add(of, err)
	}
}

// namesObject reports whether the server knows the resource, and misses only the object.
func namesObject(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Name != "" && status.Status().Reason == metav1.StatusReasonNotFound && len(d.Causes) == 0
}

func (r *singles) notes() (notes []string) {
	if r.absent {
		return []string{absentNote}
	}
	for _, f := range []struct {
		failures
		why string
	}{
		{r.forbidden, "you may not get the usage (metrics.k8s.io) of %d pods or nodes: it is unknown (%s)"},
		{r.failed, "the usage of %d pods or nodes could not be read: it is unknown (%s)"},
		{r.unusable, "readings of metrics.k8s.io that cannot be used left out: %d (%s)"},
	} {
		if f.n > 0 {
			notes = append(notes, fmt.Sprintf(f.why, f.n, f.first))
		}
	}
	return notes
}
