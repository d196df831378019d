// Command cluster runs a Kubernetes control plane with simulated nodes, for
// tests and demos. See README.md in test/cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/killorder/killorder/test/cluster/binaries"
)

const usage = `cluster runs a Kubernetes control plane with simulated nodes.

  cluster binaries              find or build the programs; print the folder of
                                kube-apiserver, etcd and kubectl (--node: those
                                of a real node too; --control-plane:
                                kube-apiserver and etcd alone;
                                --kube-state-metrics: that one alone)
  cluster up [flags]            run a cluster until Ctrl-C; print the path of its
                                kubeconfig once it is ready
  cluster kubelets [flags]      load a scenario into a cluster that is there and
                                answer for its kubelets until Ctrl-C
  cluster demo [flags]          tell the story of the README on a cluster of its own
                                (hack/demo.sh builds what it needs)
  cluster record --from FILE --to SVG
                                draw what the demo printed
  cluster check --scenario FILE say what a scenario contains, without running it
  cluster stop|start metrics-server --dir DIR
                                stop or start metrics-server in a running cluster
  cluster crash|start etcd|kube-apiserver --dir DIR
                                end one with SIGKILL, start it with its data

cluster COMMAND --help tells the flags.
`

// errUsage is answered with exit status 2, all other errors with 1.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch command, args := args[0], args[1:]; command {
	case "binaries":
		return runBinaries(ctx, args)
	case "up":
		return runUp(ctx, args)
	case "kubelets":
		return runKubelets(ctx, args)
	case "demo":
		return runDemo(ctx, args)
	case "record":
		return runRecord(args)
	case "check":
		return runCheck(args)
	case "stop", "start", "crash":
		return runControl(ctx, command, args)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	}
	return errUsage
}

// newFlags returns the flags of a command. A wrong flag does not end the program:
// parse prints the error and returns errUsage.
func newFlags(command string) *flag.FlagSet {
	return flag.NewFlagSet("cluster "+command, flag.ContinueOnError)
}

// parse reads the flags and refuses any further argument.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "unexpected argument %q\n", flags.Arg(0))
		return errUsage
	}
	return nil
}

func runBinaries(ctx context.Context, args []string) error {
	flags := newFlags("binaries")
	root := rootFlag(flags)
	node := flags.Bool("node", false, "also build kubelet, containerd and the other programs that a real node needs")
	controlPlane := flags.Bool("control-plane", false, "find or build kube-apiserver and etcd alone")
	stateMetrics := flags.Bool("kube-state-metrics", false, "find or build kube-state-metrics alone, for test/scale")
	if err := parse(flags, args); err != nil {
		return err
	}
	options, err := wanted(*root)
	if err != nil {
		return err
	}
	if *stateMetrics {
		path, err := binaries.StateMetrics(ctx, options)
		if err == nil {
			fmt.Println(path)
		}
		return err
	}
	options.Kubectl, options.MetricsServer = !*controlPlane, !*controlPlane
	var set binaries.NodeSet
	if *node {
		set, err = binaries.FindNode(ctx, options)
	} else {
		set.Set, err = binaries.Find(ctx, options)
	}
	if err == nil {
		fmt.Println(set.Assets)
	}
	return err
}

func rootFlag(flags *flag.FlagSet) *string {
	return flags.String("root", "", "the repository, in whose bin/k8s the programs are built (default: that of the current folder)")
}

func wanted(root string) (binaries.Options, error) {
	if root == "" {
		found, err := binaries.Root(".")
		if err != nil {
			return binaries.Options{}, err
		}
		root = found
	}
	return binaries.Options{Root: root, Progress: os.Stderr}, nil
}
