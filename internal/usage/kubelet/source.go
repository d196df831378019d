package kubelet

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

const (
	// trustedAtOnce bounds the kubelets asked at the same time. Requests begin one after another, spread over half of the
	// interval, and a Summary takes up to some hundred milliseconds: of 5,000 kubelets some 30 are asked at a time. The
	// bound is much larger, because all kubelets of a zone may begin to hang together: when a third of 5,000 hang, the
	// others must still be read.
	trustedAtOnce = 1200
	// suspectsAtOnce bounds how many of the kubelets that failed the last time are asked at the same time: most of these
	// kubelets hang.
	suspectsAtOnce = 256
	// mostBetween is the longest time between the beginnings of two requests. The requests of a small cluster could be
	// spread more widely, but then its readings would come later.
	mostBetween = 20 * time.Millisecond
	// maxTimeout of one request.
	maxTimeout = 10 * time.Second
	// patience is how long a pass waits for answers after the last request. A kubelet whose node is short of memory takes
	// seconds to answer, and that node matters most; but the readings of all other nodes wait too, so the wait is short.
	patience = 5 * time.Second
	// ofKubelets is the part of usage that fails with a kubelet.
	ofKubelets = "kubelets"
	// The resources whose right to get opens a kubelet's answers.
	resourceStats, resourceConfigz = "nodes/stats", "nodes/configz"
	// resultAnswered is the result of kubelets that were read. The result of the other kubelets is the cause of their
	// failure.
	resultAnswered = "Answered"
)

// Node is a kubelet as its Node object describes it.
type Node struct {
	Name, UID string
	// Host is the address to dial, "" if there is none. Port is the kubelet's.
	Host string
	Port int32
	// BootID and Version: if one of them changes, the kubelet may have another configuration.
	BootID, Version string
}

// Options of a Source.
type Options struct {
	// Nodes lists the kubelets there are.
	Nodes func(context.Context) ([]Node, error)
	// Pod returns a pod of the cluster, nil if there is none of that name. The pod is shared and never changed.
	Pod func(namespace, name []byte) *facts.Pod
	// ParseConfig reads an answer of /configz.
	ParseConfig func([]byte) (*facts.KubeletConfig, error)
	// Interval between two passes.
	Interval time.Duration
	// Quiet returns for how long after its readings no killer can come near a node, 0 if that is not known. MaxAge is the age from
	// which readings are stale. With both, the kubelets of quiet nodes are not asked in each pass (rest.go); either may be nil.
	Quiet  func(node string) time.Duration
	MaxAge func() time.Duration
	// ChangedLately reports whether a node's pods have changed lately: of the kubelets that were never asked, those
	// of such nodes come first, because what a leader before has published of these nodes may be wrong. nil is never.
	ChangedLately func(node string) bool
	Trust         Trust
	// Account is the service account whose token kubelets get; nil means the credentials of the client configuration.
	Account *Account
	Now     func() time.Time
	Log     logr.Logger
}

// Source is the kubelets of all nodes. It is a usage.Source.
type Source struct {
	Options
	client  *http.Client
	tokens  *tokens // nil without an Account
	timeout time.Duration
	// The constants of the same names, which tests change.
	trustedAtOnce, suspectsAtOnce int
	patience                      time.Duration

	// parsing is held while a configuration is parsed.
	parsing sync.Mutex

	mu       sync.RWMutex
	kubelets map[string]*kubelet
	late     []lateAnswer
	// logged limits the log lines when many kubelets fail together.
	logged *rate.Limiter
}

var _ usage.Source = (*Source)(nil)

// New makes a source whose requests have an account's token, or the credentials of a client configuration.
func New(config *rest.Config, o Options) (*Source, error) {
	timeout := min(maxTimeout, o.Interval/3)
	var shown *tokens
	if o.Account != nil {
		shown = &tokens{Account: o.Account, now: o.Now, log: o.Log}
	}
	client, err := newClient(config, &o, shown, timeout)
	if err != nil {
		return nil, err
	}
	return &Source{
		Options: o, client: client, tokens: shown, timeout: timeout, kubelets: map[string]*kubelet{},
		trustedAtOnce: trustedAtOnce, suspectsAtOnce: suspectsAtOnce,
		patience: min(patience, o.Interval/6), logged: rate.NewLimiter(1, 20),
	}, nil
}

// Read hands the sink the readings of every kubelet that answers: node by node, the node before its pods, and each answer as
// a whole or not at all. Read waits a little for slow kubelets; an answer that comes later is part of the next pass. If the
// time of a pass is too short for some kubelets, the next pass asks these first.
func (s *Source) Read(ctx context.Context, into usage.Sink) []usage.Failure {
	nodes, err := s.Nodes(ctx)
	if err != nil {
		return []usage.Failure{{Cause: usage.FailedOther, Of: ofKubelets, Err: fmt.Errorf("list the nodes: %w", err)}}
	}
	if s.tokens != nil {
		s.tokens.renew(ctx)
	}
	trusted, suspects := s.due(nodes)
	p := &pass{source: s, into: into}
	p.takeLate()
	suspected := make(chan struct{})
	go func() {
		defer close(suspected)
		<-p.ask(ctx, suspects, s.suspectsAtOnce)
	}()
	p.wait(ctx, p.ask(ctx, trusted, s.trustedAtOnce), suspected)
	return s.failures()
}

// failures sums up what fails, by cause, with one kubelet as an example.
func (s *Source) failures() (fs []usage.Failure) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts, examples := map[usage.FailureCause]int{}, map[usage.FailureCause]*kubelet{}
	for _, k := range s.kubelets {
		if !k.health.failing() {
			continue
		}
		cause := k.health.problem.Cause
		counts[cause]++
		if e := examples[cause]; e == nil || k.Name < e.Name {
			examples[cause] = k
		}
	}
	for cause, e := range examples {
		err := fmt.Errorf("%d of %d, among them %s: %s (%w)", counts[cause], len(s.kubelets), e.Name, e.health.problem.Text, e.health.err)
		fs = append(fs, usage.Failure{Cause: cause, Of: ofKubelets, Err: err})
	}
	slices.SortFunc(fs, func(a, b usage.Failure) int { return cmp.Compare(a.Cause, b.Cause) })
	return fs
}
