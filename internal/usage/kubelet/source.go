// Package kubelet reads usage and configuration from each node's own kubelet, and keeps what is known of every one.
package kubelet

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

const (
	// trustedAtOnce bounds the kubelets asked at the same time. One takes up to some hundred milliseconds for its
	// Summary, so the pace alone makes it some 30 of 5,000. The others are for those that begin to hang, as a zone's
	// do together: a third of 5,000 may, and nobody waits.
	trustedAtOnce = 1200
	// suspectsAtOnce is for those that failed the last time: they hang, as a rule.
	suspectsAtOnce = 256
	// pace is the least time from one request to the next in a small cluster.
	pace = 20 * time.Millisecond
	// maxTimeout of one request.
	maxTimeout = 10 * time.Second
	// ofKubelets is the part of usage that fails with a kubelet.
	ofKubelets = "kubelets"
	// What opens a kubelet's answers.
	resourceStats, resourceConfigz = "nodes/stats", "nodes/configz"
)

// Node is a kubelet as its Node object describes it.
type Node struct {
	Name, UID string
	// Host is the address to dial, "" if there is none. Port is the kubelet's.
	Host string
	Port int32
	// BootID and Version change when the kubelet may have another configuration.
	BootID, Version string
}

// Options of a Source.
type Options struct {
	// Nodes lists the kubelets there are.
	Nodes func(context.Context) ([]Node, error)
	// ParseConfig reads an answer of /configz.
	ParseConfig func([]byte) (*facts.KubeletConfig, error)
	// Interval between two passes.
	Interval time.Duration
	Trust    Trust
	Now      func() time.Time
}

// Source is the kubelets of all nodes. It is a usage.Source.
type Source struct {
	Options
	client  *http.Client
	timeout time.Duration
	// How many kubelets are asked at the same time: see the constants.
	trustedAtOnce, suspectsAtOnce int

	mu       sync.RWMutex
	kubelets map[string]*kubelet
}

var _ usage.Source = (*Source)(nil)

// New makes a source whose requests have the credentials of a client configuration.
func New(config *rest.Config, o Options) (*Source, error) {
	timeout := min(maxTimeout, o.Interval/3)
	client, err := newClient(config, o.Trust, timeout)
	if err != nil {
		return nil, err
	}
	return &Source{
		Options: o, client: client, timeout: timeout, kubelets: map[string]*kubelet{},
		trustedAtOnce: trustedAtOnce, suspectsAtOnce: suspectsAtOnce,
	}, nil
}

// Read hands the sink the readings of every kubelet that answers, node by node, and whole or not at all. It ends before
// the next pass is due, and does not wait for suspects when the others may have been read; kubelets that it did not
// come to are the first of the next one.
func (s *Source) Read(ctx context.Context, into usage.Sink) []usage.Failure {
	nodes, err := s.Nodes(ctx)
	if err != nil {
		return []usage.Failure{{Cause: usage.FailedOther, Of: ofKubelets, Err: fmt.Errorf("list the nodes: %w", err)}}
	}
	trusted, suspects := s.due(nodes)
	ctx, cancel := context.WithTimeout(ctx, s.Interval*9/10)
	defer cancel()
	p := &pass{source: s, into: into}
	var wg sync.WaitGroup
	wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, s.Interval/2)
		defer cancel()
		p.ask(ctx, suspects, s.suspectsAtOnce)
	})
	p.ask(ctx, trusted, s.trustedAtOnce)
	wg.Wait()
	return s.failures()
}

// pass is one Read at work. The sink is for one goroutine at a time.
type pass struct {
	source *Source
	mu     sync.Mutex
	into   usage.Sink
}

// decoders are used again: their buffers have grown to the size of an answer.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

// ask reads kubelets, a bounded number at the same time, and evenly over half of the interval: readings then are of
// different ages, but neither this process nor the network has a peak.
func (p *pass) ask(ctx context.Context, nodes []asked, atOnce int) {
	between := min(pace, p.source.Interval/2/time.Duration(max(len(nodes), 1)))
	limit := rate.NewLimiter(rate.Every(between), 4)
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range nodes {
		if limit.Wait(ctx) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		wg.Go(func() {
			defer func() { <-slots }()
			p.read(ctx, &nodes[i])
		})
	}
}

// read reads one kubelet and keeps what came of it.
func (p *pass) read(ctx context.Context, n *asked) {
	if n.Host == "" || n.Port <= 0 {
		p.source.keep(n, outcome{problem: problemOf(errNoAddress, resourceStats)})
		return
	}
	var o outcome
	var err error
	o.resumed, err = p.readSummary(ctx, n)
	if ctx.Err() != nil {
		return // the pass is over: that says nothing about the kubelet
	}
	if err != nil {
		o.problem, o.err = problemOf(err, resourceStats), err
	}
	if n.wantsConfig(o) {
		o.config, o.configErr = p.source.readConfig(ctx, &n.Node)
		if ctx.Err() != nil {
			o.config, o.configErr = nil, nil
		}
	}
	p.source.keep(n, o)
}

func (p *pass) readSummary(ctx context.Context, n *asked) (resumed bool, err error) {
	return p.source.get(ctx, &n.Node, pathSummary, func(body io.Reader) error {
		d, _ := decoders.Get().(*decoder) // not before there is an answer
		a, err := d.read(body)
		switch {
		case err != nil:
			return err
		case len(a.nodeName) == 0:
			return errNoNode
		case string(a.nodeName) != n.Name:
			return &otherNodeError{string(a.nodeName)}
		}
		p.handOver(n.Name, a)
		decoders.Put(d) // one that met something odd may hold something large
		return nil
	})
}

func (p *pass) handOver(name string, a *answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.into.Node(name, a.node)
	for i := range a.pods {
		p.into.Pod(&a.pods[i])
	}
}

// readConfig reads and parses a kubelet's configuration.
func (s *Source) readConfig(ctx context.Context, n *Node) (config *facts.KubeletConfig, err error) {
	_, err = s.get(ctx, n, pathConfigz, func(body io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(body, maxConfigz+1))
		switch {
		case err != nil:
			return err
		case len(text) > maxConfigz:
			return errTooLarge
		}
		config, err = s.ParseConfig(text)
		return err
	})
	return config, err
}

// failures sums up what fails, by cause, with one kubelet as an example.
func (s *Source) failures() (fs []usage.Failure) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts, examples := map[usage.FailureCause]int{}, map[usage.FailureCause]*kubelet{}
	for _, k := range s.kubelets {
		if k.problem == nil {
			continue
		}
		cause := k.problem.Cause
		counts[cause]++
		if e := examples[cause]; e == nil || k.Name < e.Name {
			examples[cause] = k
		}
	}
	for cause, e := range examples {
		err := fmt.Errorf("%d of %d, among them %s: %s (%w)", counts[cause], len(s.kubelets), e.Name, e.problem.Text, e.err)
		fs = append(fs, usage.Failure{Cause: cause, Of: ofKubelets, Err: err})
	}
	slices.SortFunc(fs, func(a, b usage.Failure) int { return cmp.Compare(a.Cause, b.Cause) })
	return fs
}
