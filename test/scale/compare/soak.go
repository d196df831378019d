package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// SoakOptions of a run that lets pods, nodes and programs come and go, and looks for what is left behind.
type SoakOptions struct {
	// Root is the repository. Its bin/ has manager and kubectl-killorder.
	Root  string
	Nodes int
	// For is how long rounds begin after the operator was judged first, and Rounds how many there are at least, however slow the machine
	// is. Each round lets things come and go for Churn before and after each restart, and then stands still until the operator is
	// judged.
	For    time.Duration
	Rounds int
	Churn  time.Duration
	// Interval from one pass of the operator to the next; Every is the time from one line of the table to the next.
	Interval, Every time.Duration
	// Life is how long a leader lives at least before it is killed.
	Life time.Duration
	// Seed chooses what comes and goes.
	Seed uint64
	// Progress is told what is going on.
	Progress io.Writer
}

// soak is such a run.
type soak struct {
	*bench
	SoakOptions
	ledger *ledger
	churn  *churn
	began  time.Time
	token  string
	lives  lives
	table  table
	// lost is how often a replica lost its lease, crashes how often the API server was killed.
	lost, crashes int
	// failures are what was expected and not seen.
	failures []string
}

// Soak starts a cluster and two replicas of the operator, plays the rounds, and deletes the cluster. The error has all that was
// expected and not seen.
func Soak(ctx context.Context, o SoakOptions) error {
	s := &soak{SoakOptions: o, ledger: newLedger(), table: table{out: o.Progress}}
	s.bench = newBench(Options{
		Root: o.Root, Nodes: o.Nodes, Pods: soakPods * o.Nodes, Interval: o.Interval, Seed: o.Seed, Alone: true, Progress: o.Progress,
	})
	s.metricsServer = true
	if err := s.start(ctx, steady); err != nil {
		return err
	}
	defer s.cluster.Stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.cluster.ReleaseMemory()
	s.began = time.Now()
	s.churn = newChurn(s)
	go s.watch(ctx)
	err := s.play(ctx)
	stop() // nothing comes or goes any more
	s.table.print(o.Progress, s)
	return errors.Join(err, s.failed(), s.churn.played())
}

// soakPods is how many pods a node has.
const soakPods = 30

// watch orders and Events until the context ends.
func (s *soak) watch(ctx context.Context) {
	go s.watchOrders(ctx)
	var events string
	again(ctx, func() {
		_ = follow(ctx, s.client, eventsPath, &events, func(kind string, e *eventsv1.Event) {
			if kind != "DELETED" {
				s.ledger.event(e)
			}
		})
	})
}

// watchOrders until the context ends. The ledger is told when a watch ends, and whether the next one has shown all versions since.
func (s *soak) watchOrders(ctx context.Context) {
	var version string
	again(ctx, func() {
		whole := version != ""
		_ = follow(ctx, s.client, ordersPath, &version, func(kind string, o *order) {
			if whole {
				s.ledger.resumed()
			}
			if err := s.ledger.order(kind, o, time.Now()); err != nil {
				fmt.Fprintln(s.bench.Progress, err)
			}
		})
		s.ledger.interrupted(time.Now())
	})
}

// play the rounds.
func (s *soak) play(ctx context.Context) error {
	var err error
	if s.token, err = s.bench.token(ctx); err != nil {
		return err
	}
	for _, name := range replicas {
		if err := s.startLife(ctx, name); err != nil {
			return err
		}
	}
	if err := s.calm(ctx); err != nil {
		return err
	}
	s.churn.start(ctx)
	go s.lines(ctx)
	for round, first := 1, time.Now(); round <= s.Rounds || time.Since(first) < s.For; round++ {
		if err := s.round(ctx); err != nil {
			return fmt.Errorf("round %d, %s after the start: %w", round, s.elapsed(), err)
		}
		fmt.Fprintf(s.bench.Progress, "%s round %d is over\n", s.elapsed(), round)
	}
	return nil
}

// round lets things come and go, with a restart after each while, and judges.
func (s *soak) round(ctx context.Context) error {
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"metrics-server is restarted", s.restartMetricsServer},
		{"all kubelets are restarted", s.restartKubelets},
		{"the API server is killed and restarted", s.crashAPIServer},
	}
	leader, err := s.leads(ctx)
	if err != nil {
		return err
	}
	if leader.judged > 0 && time.Since(leader.began) >= s.Life {
		steps = append(steps, struct {
			what string
			do   func(context.Context) error
		}{"the leader is killed", s.killLeader})
	}
	for _, step := range steps {
		if err := s.while(ctx); err != nil {
			return err
		}
		s.table.note(step.what)
		fmt.Fprintf(s.bench.Progress, "%s %s\n", s.elapsed(), step.what)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if err := s.while(ctx); err != nil {
		return err
	}
	s.churn.pause()
	defer s.churn.resume()
	return s.calm(ctx)
}

// while lets things come and go for some time, and until something has.
func (s *soak) while(ctx context.Context) error {
	before := s.churn.done()
	if err := pause(ctx, s.Churn); err != nil {
		return err
	}
	return s.until(ctx, "that anything came or went", func(context.Context) error {
		if s.churn.done() == before {
			return fmt.Errorf("nothing did: %w", s.churn.failure())
		}
		return nil
	})
}

// patience is how long the soak waits for what must come. It is no measure of speed: a slow and busy machine has to meet it.
const patience = 5 * time.Minute

// until retries until check returns nil. It starts replicas again that have lost their lease with the API server.
func (s *soak) until(ctx context.Context, what string, check func(context.Context) error) error {
	began := time.Now()
	for next := 20 * time.Second; ; {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if waited := time.Since(began); waited > next {
			fmt.Fprintf(s.bench.Progress, "%s waiting for %s: %.500v\n", s.elapsed(), what, err)
			next += waited
		}
		if err := s.attend(ctx); err != nil {
			return err
		}
		if time.Since(began) > patience {
			return fmt.Errorf("want %s within %s, have: %w", what, patience, err)
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// fail notes what was expected and what was seen.
func (s *soak) fail(err error) {
	text := fmt.Sprintf("%s: %s", s.elapsed(), err)
	s.failures = append(s.failures, text)
	fmt.Fprintln(s.bench.Progress, "FAILED", text)
}

func (s *soak) failed() error {
	if len(s.failures) == 0 {
		return nil
	}
	return fmt.Errorf("%d failures (time since the start):\n%s", len(s.failures), strings.Join(s.failures, "\n"))
}

func (s *soak) elapsed() string { return time.Since(s.began).Round(time.Second).String() }

func (s *soak) restartMetricsServer(ctx context.Context) error {
	if err := s.cluster.StopMetricsServer(); err != nil {
		return err
	}
	if err := s.while(ctx); err != nil {
		return err
	}
	return s.cluster.StartMetricsServer(ctx)
}

func (s *soak) restartKubelets(ctx context.Context) error {
	running := s.churn.running()
	s.cluster.StopKubelets(running...)
	defer s.churn.startKubelets(running)
	return s.while(ctx)
}

func (s *soak) crashAPIServer(ctx context.Context) error {
	s.crashes++
	s.ledger.killed(time.Now())
	if err := s.cluster.Crash("kube-apiserver"); err != nil {
		return err
	}
	return s.cluster.Restart(ctx, "kube-apiserver")
}

// killLeader kills the leader, waits until the other replica leads, and starts the one that was killed again.
func (s *soak) killLeader(ctx context.Context) error {
	old, err := s.leads(ctx)
	if err != nil {
		return err
	}
	s.ledger.killed(time.Now())
	s.lives.end(old.name)
	if err := s.cluster.StopBeside(old.name, false); err != nil {
		return err
	}
	if err := s.until(ctx, "another leader", func(ctx context.Context) error {
		now, err := s.leaderNow(ctx)
		if err == nil && now.name == old.name {
			err = fmt.Errorf("%s still leads", old.name)
		}
		return err
	}); err != nil {
		return err
	}
	return s.startLife(ctx, old.name)
}

// steady makes the memory of every other node stand still: what rank says of such a node then follows from its pods alone, so that
// the node's order can be compared at any time.
func steady(model *scenario.Model) {
	for _, n := range model.Nodes {
		if !isSteady(n) {
			continue
		}
		class := *n.Class
		for _, c := range []*scenario.Curve{&class.System.Kubelet, &class.System.Runtime, &class.System.Other} {
			c.Noise = 0
		}
		n.Class = &class
		for _, p := range n.Pods {
			of := *p.Class
			of.Containers = slices.Clone(of.Containers)
			for i := range of.Containers {
				now := p.WorkingSet(i, 0) // with the noise of the start, so that no two pods are the same
				of.Containers[i].Usage = scenario.Curve{From: now, To: now}
			}
			p.Class = &of
		}
	}
}

func isSteady(n *scenario.Node) bool { return n.Index%2 == 0 }
