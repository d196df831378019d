// Package metricsapi reads usage from metrics.k8s.io, as metrics-server serves it.
package metricsapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/client/clientset/versioned/scheme"

	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
)

// The two parts of a pass.
const (
	ofPods  = "pods"
	ofNodes = "nodes"
)

// Source is the metrics.k8s.io API. It reads all pods with one request and all nodes with another, since the API knows no
// paging. Answers are decoded item by item, so that the memory of a pass does not grow with the number of pods.
type Source struct {
	client  rest.Interface
	timeout time.Duration
}

var _ usage.Source = (*Source)(nil)

// New makes a source from a client configuration; each request has the given time to be answered in full.
func New(config *rest.Config, timeout time.Duration) (*Source, error) {
	c := rest.CopyConfig(config)
	c.APIPath = "/apis"
	c.GroupVersion = &schema.GroupVersion{Group: "metrics.k8s.io", Version: "v1beta1"}
	c.NegotiatedSerializer = scheme.Codecs.WithoutConversion() // for error answers, which may be JSON
	c.AcceptContentTypes, c.ContentType = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf
	client, err := rest.RESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("client of metrics.k8s.io: %w", err)
	}
	return &Source{client: client, timeout: timeout}, nil
}

// Read hands the sink all pods and nodes. The two requests run side by side, so that their readings are of the
// same age.
func (s *Source) Read(ctx context.Context, into usage.Sink) []usage.Failure {
	var nodes nodeSink
	var nodesErr error
	var wg sync.WaitGroup
	wg.Go(func() { nodesErr = s.list(ctx, ofNodes, "NodeMetricsList", nodes.item) })
	pods := podSink{into: into}
	podsErr := s.list(ctx, ofPods, "PodMetricsList", pods.item)
	wg.Wait()
	nodes.handOver(into) // the sink is for one goroutine
	return failures(podsErr, nodesErr)
}

// list requests a list and hands over its items, encoded.
func (s *Source) list(ctx context.Context, resource, kind string, item func([]byte)) error {
	ctx, cancel := usage.Within(ctx, s.timeout)
	defer cancel()
	body, err := s.client.Get().Resource(resource).MaxRetries(0).Stream(ctx)
	if err != nil {
		return usage.CauseOf(ctx, err)
	}
	err = wire.DecodeList(body, kind, item)
	return usage.CauseOf(ctx, errors.Join(err, body.Close()))
}
