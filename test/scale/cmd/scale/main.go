// Command scale measures the operator and the plugin beside other programs, on a local cluster of any size. See
// docs/scale.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/scale/compare"
	"github.com/killorder/killorder/test/scale/figures"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// flags of the command.
type flags struct {
	compare.Options
	json, guard string
	store       bool
}

func parse() (*flags, error) {
	f := &flags{}
	f.Progress = os.Stderr
	flag.IntVar(&f.Nodes, "nodes", 200, "how many nodes are simulated")
	flag.IntVar(&f.Pods, "pods", 0, "how many pods there are on all nodes (default: 30 on each)")
	flag.DurationVar(&f.Interval, "interval", 30*time.Second, "from one pass of the operator to the next")
	flag.IntVar(&f.Settle, "settle", 2, "passes before those that are measured")
	flag.IntVar(&f.Passes, "passes", 5, "passes that are measured; 22 fill the histories")
	flag.IntVar(&f.Compare, "compare", 200, "how many orders are compared with rank")
	flag.Uint64Var(&f.Seed, "seed", 1, "chooses these")
	latency := flag.String("latency", "20,100",
		"how many pods a second become critical, one on each node, to see how soon orders say so, one rate after the other; 0 for none")
	flag.IntVar(&f.Cold, "cold", 1, "how often bare clients and a cold start are measured, in turn; the table shows medians; 0 for never")
	flag.IntVar(&f.Apart, "apart", 0,
		"how often the same is measured while kube-apiserver and etcd have half of the cores, and all else has the other half; 0 for never")
	flag.IntVar(&f.Kills, "failover", 5, "how often the leader of two replicas is killed, at the end; 0 for never")
	flag.BoolVar(&f.Short, "short", false, "measure what -guard holds, the operator beside kube-state-metrics, and not the rest")
	flag.StringVar(&f.json, "json", "", "write the figures to this `file` (default: bin/scale-NODES.json, with -short none)")
	flag.StringVar(&f.guard, "guard", "", "fail if a figure is worse by more than a third than in this `file`")
	flag.BoolVar(&f.store, "store", false, "write the figures to the file of -guard, in place of comparing")
	flag.Parse()
	if flag.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if f.Pods == 0 {
		f.Pods = 30 * f.Nodes
	}
	var err error
	if f.Promote, err = rates(*latency); err != nil {
		return nil, err
	}
	if f.Root, err = binaries.Root("."); err == nil && f.json == "" && !f.Short {
		f.json = filepath.Join(f.Root, "bin", fmt.Sprintf("scale-%d.json", f.Nodes))
	}
	return f, err
}

// rates reads numbers with commas between them; 0 is none.
func rates(text string) (all []float64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		rate, err := strconv.ParseFloat(part, 64)
		if err != nil || !(rate >= 0 && rate <= 1000) {
			return nil, fmt.Errorf("-latency %s: %q is not a number from 0 to 1000", text, part)
		}
		if rate > 0 {
			all = append(all, rate)
		}
	}
	return all, nil
}

func run(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "growth" {
		return growth(os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == "live" {
		return live(ctx, os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == "soak" {
		return soak(ctx, os.Args[2:])
	}
	f, err := parse()
	if err != nil {
		return err
	}
	measured, err := compare.Run(ctx, f.Options)
	if err != nil {
		return err
	}
	measured.Command = "scale " + strings.Join(os.Args[1:], " ")
	if f.json != "" {
		if err := measured.Write(f.json); err != nil {
			return err
		}
	}
	if !f.Short {
		fmt.Println(measured.Table())
	}
	return f.judge(measured)
}

func (f *flags) judge(measured *figures.Figures) error {
	switch {
	case f.guard == "":
		return nil
	case f.store:
		return measured.Guard().Write(f.guard)
	}
	stored, err := figures.ReadGuard(f.guard)
	if err != nil {
		return err
	}
	lines, err := measured.Guard().Check(stored)
	fmt.Println(lines)
	return err
}

// live measures rank and explain beside kubectl, and prints the table.
func live(ctx context.Context, args []string) (err error) {
	o := compare.LiveOptions{Progress: os.Stderr}
	flags := flag.NewFlagSet("live", flag.ContinueOnError)
	flags.IntVar(&o.Nodes, "nodes", 200, "how many nodes are simulated, with 30 pods each")
	flags.IntVar(&o.Rounds, "rounds", 3, "how often each command is measured, in turn with the others")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "measure on the cluster of this `file`, in place of starting one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.Root, err = binaries.Root("."); err != nil {
		return err
	}
	measured, err := compare.Live(ctx, o)
	if err == nil {
		fmt.Print(measured.Table())
	}
	return err
}

// soak lets pods, nodes and programs come and go, and judges the operator.
func soak(ctx context.Context, args []string) (err error) {
	o := compare.SoakOptions{Progress: os.Stdout}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.IntVar(&o.Nodes, "nodes", 100, "how many nodes are simulated, with 30 pods each")
	flags.DurationVar(&o.For, "for", 30*time.Minute, "how long rounds begin")
	flags.IntVar(&o.Rounds, "rounds", 1, "how many rounds there are at least")
	flags.DurationVar(&o.Churn, "churn", 20*time.Second, "how long pods and nodes come and go before and after each restart of a round")
	flags.DurationVar(&o.Interval, "interval", 10*time.Second, "from one pass of the operator to the next")
	flags.DurationVar(&o.Every, "every", time.Minute, "from one line of the table to the next")
	flags.DurationVar(&o.Life, "life", 13*time.Minute, "how old a leader is at least when it is killed; histories are full at 10m")
	flags.Uint64Var(&o.Seed, "seed", 1, "chooses what comes and goes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.Root, err = binaries.Root("."); err != nil {
		return err
	}
	return compare.Soak(ctx, o)
}

// growth draws what runs of several sizes took, and prints the table.
func growth(args []string) error {
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	svg := flags.String("svg", "", "`file` to draw the curves to")
	other := flags.Int("other", 15000, "`nodes` of the size that is worked out from the slope")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var all []*figures.Figures
	for _, file := range flags.Args() {
		f, err := figures.Read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, f)
	}
	if err := figures.Growth(os.Stdout, all, *other); err != nil || *svg == "" {
		return err
	}
	to, err := os.Create(*svg)
	if err != nil {
		return err
	}
	return errors.Join(figures.Draw(to, all), to.Close())
}
