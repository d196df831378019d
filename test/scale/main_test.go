package scale

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet"
	"github.com/killorder/killorder/test/scale/fleet"
)

var (
	nodes  = flag.Int("nodes", 5000, "how many kubelets are simulated")
	passes = flag.Int("passes", 3, "how many passes are measured after the first")
)

const (
	// interval and keep are the operator's defaults.
	interval = 30 * time.Second
	keep     = 10 * time.Minute
)

// kubelets of all tests, and what the API server knows of their pods.
var (
	kubelets *fleet.Fleet
	podOf    func(namespace, name []byte) *facts.Pod
)

// TestMain runs a second time as the simulated kubelets. The tests' own process has one core.
func TestMain(m *testing.M) {
	fleet.ServeIfAsked()
	flag.Parse()
	runtime.GOMAXPROCS(1)
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	kubelets, err = fleet.Start(context.Background(), *nodes)
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		return 1
	}
	defer func() { _ = kubelets.Stop() }()
	podOf = kubelets.PodCache()
	return m.Run()
}

// config is the operator's, with its token in a file as in a Pod.
func config(t *testing.T) *rest.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(fleet.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	return &rest.Config{
		Host: "https://api.invalid", BearerToken: fleet.Token, BearerTokenFile: file,
		TLSClientConfig: rest.TLSClientConfig{CAData: kubelets.CA},
	}
}

// reader is the product's source and store. Its clock runs ahead with each pass, so that nobody waits for the next one.
type reader struct {
	source *kubelet.Source
	store  *usage.Store
	ahead  time.Duration
}

func newReader(t *testing.T, config *rest.Config, nodes []kubelet.Node) *reader {
	t.Helper()
	r := &reader{}
	var err error
	r.source, err = kubelet.New(config, kubelet.Options{
		Nodes: func(context.Context) ([]kubelet.Node, error) { return nodes, nil },
		Pod:   kubelets.PodCache(), ParseConfig: extract.ParseConfigz, Interval: interval, Now: r.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.store = usage.NewStore(keep, r.now)
	return r
}

func (r *reader) now() time.Time { return time.Now().Add(r.ahead) }

// passed is what came of a pass.
type passed struct {
	cost
	usage.Result
	failures []usage.Failure
}

// pass makes one, which has to end before the next is due.
func (r *reader) pass(t *testing.T) (p passed) {
	t.Helper()
	p.cost = costOf(t, func() {
		pass := r.store.Begin()
		p.failures = r.source.Read(t.Context(), pass)
		p.Result = pass.Commit()
	})
	if p.wall > interval {
		t.Errorf("a pass took %s", p.wall)
	}
	r.ahead += max(interval-p.wall, 0)
	return p
}
