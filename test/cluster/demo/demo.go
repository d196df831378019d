// Package demo tells the story of the README on a cluster of its own: scene
// after scene, each a function in scenes.go, with the commands that a reader
// would type and what they print.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/cluster"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// Options say what to show, and where.
type Options struct {
	// Root is the repository: its CRDs are installed.
	Root string
	// Binaries are the programs kube-apiserver and etcd, and metrics-server if
	// the demo shall run metrics-server.
	Binaries binaries.Set
	// Manager and Plugin are killorder's own programs.
	Manager, Plugin string
	// Scenario is the story.
	Scenario *scenario.Model
	// Dir is the folder for all files of the cluster; the demo removes the
	// folder at the end.
	Dir string
	// Stay keeps the cluster up after the last scene.
	Stay bool
	// Color makes the plugin print in color and the demo print its titles in bold.
	Color bool
	Out   io.Writer
}

// demo is what scenes work with.
type demo struct {
	Options
	cluster *cluster.Cluster
	kubectl string // empty: the machine has none
	began   time.Time
}

// scene is a part of the story.
type scene struct {
	title string
	play  func(context.Context, *demo) error
}

// Run tells the story. With Stay set, Run then keeps the cluster up until ctx
// ends or a program of the cluster ends.
func Run(ctx context.Context, options Options) error {
	d := &demo{Options: options, began: time.Now()}
	d.kubectl, _ = exec.LookPath("kubectl")
	if err := d.start(ctx); err != nil {
		return unlessAsked(ctx, err)
	}
	defer d.cluster.Stop()
	for _, s := range scenes {
		d.title(s.title)
		if err := s.play(ctx, d); err != nil {
			return unlessAsked(ctx, fmt.Errorf("%s: %w", s.title, err))
		}
	}
	if !d.Stay {
		d.title("The end: the cluster stops")
		return nil
	}
	d.invite()
	return unlessAsked(ctx, d.cluster.Wait(ctx))
}

// unlessAsked returns err, or nil if the user has asked the demo to stop: a stop
// makes the running calls fail, and these failures are no errors of the demo.
func unlessAsked(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// start brings up the cluster and the operator.
func (d *demo) start(ctx context.Context) (err error) {
	d.title(fmt.Sprintf("A real API server, %d simulated nodes of 16 GiB, and the operator (about 15 seconds)", len(d.Scenario.Nodes)))
	d.cluster, err = cluster.Start(ctx, cluster.Options{
		Dir: d.Dir, Binaries: d.Binaries, Scenario: d.Scenario, NodeAddress: d.nodeAddress(),
		Resolution: 10 * time.Second, Progress: d.Out,
	})
	if err != nil {
		return err
	}
	if err = d.startOperator(ctx); err != nil {
		d.cluster.Stop()
	}
	return err
}

func (d *demo) startOperator(ctx context.Context) error {
	if err := d.install(ctx); err != nil {
		return err
	}
	err := d.cluster.Run("operator", d.Manager, "--kubeconfig="+d.cluster.Kubeconfig(), "--leader-elect=false",
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--usage-interval=5s")
	if err != nil {
		return err
	}
	if err := d.waitForOrders(ctx, "the operator has ranked all nodes", time.Minute, ready); err != nil {
		return err
	}
	d.say("the operator has read the %d kubelets and ranked their pods", len(d.Scenario.Nodes))
	if d.kubectl == "" {
		d.say("(There is no kubectl on this machine: the demo asks the API server for the tables that kubectl would print.)")
	}
	return nil
}

// invite says how to look around in a demo that stays up.
func (d *demo) invite() {
	d.title("The cluster stays up until Ctrl-C (or 'make demo-down'). In another shell:")
	d.say("  export KUBECONFIG=%s PATH=%s:$PATH", d.cluster.Kubeconfig(), filepath.Dir(d.Plugin))
	d.say("  kubectl get nodekillorders -o wide")
	d.say("  kubectl-killorder rank --top 0 worker-3")
}

var errNoPod = errors.New("the scenario has no such pod")

// podOn returns the pod of a workload on a node.
func (d *demo) podOn(node, namespace, workload string) (*scenario.Pod, error) {
	for _, n := range d.Scenario.Nodes {
		for _, p := range n.Pods {
			if n.Name == node && p.Class.Namespace == namespace && p.Class.Name == workload {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("%s/%s on %s: %w", namespace, workload, node, errNoPod)
}
