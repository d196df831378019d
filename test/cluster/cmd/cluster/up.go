package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/cluster"
	"github.com/killorder/killorder/test/cluster/kubelets"
	"github.com/killorder/killorder/test/cluster/pki"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func runUp(ctx context.Context, args []string) error {
	flags := newFlags("up")
	var extra list
	root := rootFlag(flags)
	file := flags.String("scenario", "", "scenario `file`: the nodes and pods (default: none)")
	dir := flags.String("dir", "", "new `folder` for everything the cluster writes; removed at the end (default: a temporary one)")
	resolution := flags.Duration("metric-resolution", 10*time.Second, "how often metrics-server reads the kubelets, at least 10s")
	metrics := flags.Bool("metrics-server", true, "also run metrics-server")
	proxied := flags.Bool("proxied", false, "give all nodes one address to which the API server forwards requests, not addresses of 127/8")
	withParent := flags.Bool("stop-with-parent", false, "stop when the process that started this one ends, however it ends")
	noWait := flags.Bool("no-wait", false, "do not wait until metrics-server has figures for all nodes")
	flags.Var(&extra, "apiserver-flag", "a `flag` for kube-apiserver, like --feature-gates=A=true; may be repeated")
	if err := parse(flags, args); err != nil {
		return err
	}
	options := cluster.Options{Dir: *dir, Resolution: *resolution, APIServerFlags: extra, Progress: os.Stderr}
	if *proxied {
		address, ok := kubelets.MachineAddress()
		if !ok {
			return errors.New("--proxied: this machine has no address but loopback and link-local ones")
		}
		options.NodeAddress = address
	}
	if *file != "" {
		model, err := scenario.Load(*file)
		if err != nil {
			return err
		}
		options.Scenario = model
	}
	programs, err := wanted(*root)
	if err != nil {
		return err
	}
	programs.MetricsServer = *metrics
	if options.Binaries, err = binaries.Find(ctx, programs); err != nil {
		return err
	}
	if *withParent {
		ctx = untilOrphaned(ctx)
	}
	return up(ctx, options, !*noWait)
}

func up(ctx context.Context, options cluster.Options, wait bool) error {
	began := time.Now()
	c, err := cluster.Start(ctx, options)
	if err != nil {
		return unlessAsked(ctx, err)
	}
	defer c.Stop()
	if wait {
		if err := c.WaitForMetrics(ctx); err != nil {
			return unlessAsked(ctx, err)
		}
	}
	fmt.Fprintf(os.Stderr, "ready after %s\n", time.Since(began).Round(100*time.Millisecond))
	fmt.Println(c.Kubeconfig())
	return c.Wait(ctx)
}

// untilOrphaned returns a context that ends when the process that started this
// one ends: the kernel then makes another process our parent.
func untilOrphaned(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		defer cancel()
		for os.Getppid() == parent && ctx.Err() == nil {
			time.Sleep(500 * time.Millisecond)
		}
	}()
	return ctx
}

// unlessAsked returns err, or nil if the user has asked us to stop: a stop makes
// the running calls fail, and these failures are no errors of the cluster.
func unlessAsked(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

func runKubelets(ctx context.Context, args []string) error {
	flags := newFlags("kubelets")
	file := flags.String("scenario", "", "scenario `file`: the nodes and pods")
	kubeconfig := flags.String("kubeconfig", os.Getenv("KUBECONFIG"), "`kubeconfig` of an administrator")
	caCert := flags.String("ca-cert", "", "`certificate` of the authority that signs kubelets and their callers")
	caKey := flags.String("ca-key", "", "that authority's `key`")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *file == "" || *kubeconfig == "" || *caCert == "" || *caKey == "" {
		return errors.New("kubelets: --scenario, --kubeconfig, --ca-cert and --ca-key are needed")
	}
	model, err := scenario.Load(*file)
	if err != nil {
		return err
	}
	authority, err := pki.LoadAuthority(*caCert, *caKey)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	server, err := cluster.Simulate(ctx, netip.Addr{}, model, config, authority, os.Stderr)
	if err != nil {
		return unlessAsked(ctx, err)
	}
	fmt.Printf("%d nodes and %d pods loaded, kubelets answer\n", len(model.Nodes), model.Pods)
	<-ctx.Done()
	return server.Close()
}

func runCheck(args []string) error {
	flags := newFlags("check")
	file := flags.String("scenario", "", "scenario `file`")
	if err := parse(flags, args); err != nil {
		return err
	}
	model, err := scenario.Load(*file)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d nodes, %d pods, %d namespaces\n", *file, len(model.Nodes), model.Pods, len(model.Namespaces))
	return nil
}

func runControl(ctx context.Context, command string, args []string) error {
	if len(args) == 0 || !controllable[args[0]+"/"+command] {
		return errUsage
	}
	flags := newFlags(command + " " + args[0])
	dir := flags.String("dir", "", "the running cluster's `folder`")
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("--dir is needed")
	}
	return cluster.Control(ctx, *dir, args[0]+"/"+command)
}

// controllable lists the requests that a running cluster accepts.
var controllable = map[string]bool{
	"metrics-server/stop": true, "metrics-server/start": true,
	"etcd/crash": true, "etcd/start": true, "kube-apiserver/crash": true, "kube-apiserver/start": true,
}
