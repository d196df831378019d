package kubelet

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

// pass is one Read at work. One goroutine at a time uses the sink, and none does after the pass has ended.
type pass struct {
	source *Source
	mu     sync.Mutex
	into   usage.Sink
	ended  bool
}

// lateAnswer is an answer that came after its pass had ended.
type lateAnswer struct {
	node, uid string
	*summary.Decoder
}

// decoders are used again, since their buffers have grown to the size of an answer.
var decoders = sync.Pool{New: func() any { return new(summary.Decoder) }}

// ask reads kubelets at the pace of the pass, a bounded number at the same time. The channel is closed when all kubelets are read.
func (p *pass) ask(ctx context.Context, nodes []asked, atOnce int) <-chan struct{} {
	starting, cancel := context.WithTimeout(ctx, p.source.Interval*9/10)
	defer cancel()
	pace, read := newPace(p.source.Interval, len(nodes), atOnce), make(chan struct{})
	var wg sync.WaitGroup
	for i := range nodes {
		done, ok := pace.next(starting, &nodes[i])
		if !ok {
			p.source.release(nodes[i:])
			break
		}
		wg.Go(func() {
			defer done()
			defer p.source.release(nodes[i : i+1])
			p.read(ctx, &nodes[i])
		})
	}
	go func() {
		wg.Wait()
		close(read)
	}()
	return read
}

// read reads one kubelet and keeps what came of it.
func (p *pass) read(ctx context.Context, n *asked) {
	d, told, err := p.readSummary(ctx, n)
	if n.tryAgain(err) {
		first := told
		if d, told, err = p.readSummary(ctx, n); first == sessionNew {
			told = first // the second request resumes the session of the first one, which told of a restart
		}
	}
	if ctx.Err() != nil {
		return // the operator stops: the error says nothing about the kubelet
	}
	wantsConfig := p.source.keep(n, problemOf(err, resourceStats), err, told)
	if d != nil {
		p.handOver(n, d)
	}
	if wantsConfig {
		config, err := p.source.readConfig(ctx, &n.Node)
		if ctx.Err() != nil {
			return
		}
		p.source.keepConfig(n, config, err)
	}
	if d != nil {
		p.complete(n)
	}
}

// complete tells the sink that a kubelet has been read: its Summary, and its configuration where that was due. What came after the end
// of the pass is judged with the next one.
func (p *pass) complete(n *asked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		p.source.askNext(n)
		return
	}
	if into, ok := p.into.(usage.Completer); ok {
		into.Complete(n.Name)
	}
}

// readSummary returns a decoder that holds the answer.
func (p *pass) readSummary(ctx context.Context, n *asked) (d *summary.Decoder, told session, err error) {
	if n.Host == "" || n.Port <= 0 {
		return nil, sessionNone, errNoAddress
	}
	told, err = p.source.get(ctx, &n.Node, pathSummary, n.configDue, func(body io.Reader) error {
		d, _ = decoders.Get().(*summary.Decoder) // not before there is an answer
		a, err := d.Read(body, func(pod *usage.Pod) bool { return p.source.isOwn(n.Name, pod) })
		if err != nil {
			return err
		}
		return a.Check(n.Name, p.source.Now())
	})
	if err != nil {
		return nil, told, err // the decoder is not used again: it may have grown
	}
	return d, told, nil
}

// handOver gives an answer to the sink, or to the next pass if this one is over.
func (p *pass) handOver(n *asked, d *summary.Decoder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		p.source.addLate(lateAnswer{n.Name, n.UID, d})
		return
	}
	p.give(n.Name, d)
}

// give hands the sink a node and its pods.
func (p *pass) give(node string, d *summary.Decoder) {
	p.into.Node(node, d.Node)
	for i := range d.Pods {
		p.into.Pod(&d.Pods[i])
	}
	if !d.IsLarge() {
		decoders.Put(d)
	}
}

// isOwn reports whether a pod is the node's own: a kubelet is believed about no other pod. It removes containers that the
// pod does not have. So an answer takes no more memory than the node's pods do, whatever the kubelet lists.
func (s *Source) isOwn(node string, read *usage.Pod) bool {
	pod := s.Pod(read.Namespace, read.Name)
	if pod == nil || pod.Node != node {
		return false
	}
	read.Containers = slices.DeleteFunc(read.Containers, func(c usage.Container) bool {
		return !slices.ContainsFunc(pod.Containers, func(own facts.Container) bool { return own.Name == string(c.Name) })
	})
	return true
}

func (p *pass) takeLate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.source.takeLate() {
		p.give(a.node, a.Decoder)
	}
}

// wait ends the pass when all kubelets have been read, or when patience is over.
func (p *pass) wait(ctx context.Context, read ...<-chan struct{}) {
	out := time.After(p.source.patience)
	for _, done := range read {
		select {
		case <-done:
			continue
		case <-out:
		case <-ctx.Done():
		}
		break
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.into = true, nil
}

// readConfig reads and parses a kubelet's configuration.
func (s *Source) readConfig(ctx context.Context, n *Node) (config *facts.KubeletConfig, err error) {
	_, err = s.get(ctx, n, pathConfigz, false, func(body io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(body, maxConfigz+1))
		switch {
		case err != nil:
			return err
		case len(text) > maxConfigz:
			return errLargeConfig
		}
		s.parsing.Lock() // one at a time: what an answer becomes may take ten times its bytes
		defer s.parsing.Unlock()
		config, err = s.ParseConfig(text)
		return err
	})
	return config, err
}
