package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/snapshot"
)

const rankLong = `Rank who dies first on all nodes, or on the named ones, if memory runs out.

By default this reads Nodes, Pods and usage from the cluster of your kubeconfig: of the kubelets, through
the API server, if you may get nodes/proxy, else of metrics.k8s.io. Only kubelets know exact thresholds
and resident memory; where a KillOrderPolicy says MetricsAPI, they are left alone. Of more than 100
nodes, only the kubelets of those are asked that have less than a quarter of their memory left by
metrics.k8s.io; --kubelets all asks all. It needs neither the killorder operator nor its custom
resources. Without usage, it ranks by what requests and priorities alone decide, and says so.

With -f it reads a snapshot instead and touches no cluster: any Kubernetes objects or Lists as kubectl
prints them (Node, Pod, and if there are any Namespace, PriorityClass, PodMetrics, NodeMetrics and
KillOrderPolicy; other kinds are skipped), and kubelets' own answers, which go before PodMetrics, in
kubelet/NODE/stats-summary.json and kubelet/NODE/configz.json. Readings are judged fresh or stale as of
the newest one, however old the snapshot is.

How to read it:
  EVICTION ORDER  whom the kubelet evicts: pods over their request first, then lower priority, then
                  larger OVER (usage over request)
  OOM ORDER       whom the kernel kills: largest BADNESS (memory + ADJ thousandths of all memory)
                  first; /proc/PID/oom_score_adj and oom_score on the node show ADJ and SCORE
  LIMIT ORDER     containers, and pods with a limit of their own, nearest to their memory limit
  !               critical, by the KillOrderPolicy or its defaults: a priority from 100000 to
                  1000000000, or the label killorder.io/critical=true
  *               the culprit: the pod that grew most, or is furthest over its request
  =               a tie: the kubelet has no preference
  ?               unknown

Who brings a node down is who grows, which one reading cannot show. Where the operator runs, the culprit is
the one of its NodeKillOrders. Else, where both kubelets and metrics.k8s.io are read, their readings, some
seconds apart, are compared; --watch compares with its earlier readings.

Exit status: 0 fine; 1 the cluster or the input could not be read; 2 wrong usage.`

const rankExample = `  # Every node of the cluster
  kubectl killorder rank

  # Two nodes, the whole orders, all columns
  kubectl killorder rank worker-1 worker-2 --top 0 -o wide

  # Offline, from what kubectl prints
  kubectl get nodes,pods -A -o json > objects.json
  kubectl get --raw /apis/metrics.k8s.io/v1beta1/pods > pod-metrics.json
  kubectl get --raw /apis/metrics.k8s.io/v1beta1/nodes > node-metrics.json
  kubectl killorder rank -f objects.json -f pod-metrics.json -f node-metrics.json

  # The nodes that are nearest to running out, again and again
  kubectl killorder rank --sort headroom --headroom-below 10% --watch

  # The first OOM victim of each node
  kubectl killorder rank -o json |
    jq -r '.items[] | .metadata.name + " " + .status.summary.firstOOMKilled'`

// rank is the command's options.
type rank struct {
	input
	output
	selection
	nodes    []string
	watch    bool
	interval time.Duration
	kubelets string
}

func newRank(e *env) *cobra.Command {
	r := &rank{input: input{env: e}, output: output{env: e}}
	cmd := &cobra.Command{
		Use:     "rank [NODE...] [-f PATH]...",
		Short:   "Rank who dies first if memory runs out",
		Long:    rankLong,
		Example: rankExample,

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.nodes = args
			if err := cmp.Or(r.input.validate(), r.output.validate(), r.selection.validate(), r.validate()); err != nil {
				return err
			}
			return r.run(cmd.Context())
		},
	}
	cmd.ValidArgsFunction = e.completeNodes(0)
	r.input.addFlags(cmd.Flags())
	r.output.addFlags(cmd.Flags())
	cmd.Flags().IntVar(&r.top, "top", defaultTop, "How much of each order to show; 0 is all")
	r.selection.addFlags(cmd.Flags())
	cmd.Flags().BoolVarP(&r.watch, "watch", "w", false, "Show the orders again at each interval, and who grows, until interrupted")
	cmd.Flags().DurationVar(&r.interval, "interval", defaultInterval, "How often --watch reads the cluster")
	addKubelets(cmd.Flags(), &r.kubelets)
	return cmd
}

// defaultInterval is that of metrics-server: usage is not measured more often.
const defaultInterval = 15 * time.Second

func (r *rank) validate() error {
	switch {
	case r.watch && len(r.paths) > 0:
		return wrongUsage("--watch is of a cluster: a snapshot does not change")
	case r.interval < time.Second:
		return wrongUsage("invalid value %s for --interval, must be 1s or more", r.interval)
	}
	return kubeletsWanted(r.kubelets)
}

func (r *rank) run(ctx context.Context) error {
	if !r.watch {
		return r.once(ctx, nil)
	}
	for seen := (history{}); ; {
		if err := r.frame(ctx, seen); err != nil && len(seen) == 0 {
			return err // the first time, since nothing is shown yet
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.interval):
		}
	}
}

// frame shows the orders as they are now. What a terminal shows is replaced in one go, so that nothing flickers.
func (r *rank) frame(ctx context.Context, seen history) error {
	var out, notes bytes.Buffer
	shown := *r
	shown.output.env = &env{Streams: Streams{Out: &out, Err: &notes}, colour: r.output.colour}
	if table.IsTerminal(r.output.Out) {
		shown.output.terminal = r.output.Out
	}
	err := shown.once(ctx, seen)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(&notes, "error:", text.OneLine(err.Error()))
	}
	frame := fmt.Sprintf("%s%s%s\n", out.String(), notes.String(), time.Now().UTC().Format(time.RFC3339))
	switch {
	case shown.output.terminal != nil:
		frame = home + strings.ReplaceAll(frame, "\n", clearLine+"\n") + clearBelow
	case r.format == formatYAML:
		frame = "---\n" + out.String()
	case r.format == formatJSON:
		frame = out.String()
	}
	if _, failed := fmt.Fprint(r.output.Out, frame); failed != nil {
		return failed
	}
	return err
}

// What a terminal is told between two frames (ECMA-48): to go home, to clear the rest of a line, and what is below.
const (
	home       = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

func (r *rank) once(ctx context.Context, seen history) error {
	c, err := r.read(ctx, clusterread.Want{Nodes: r.nodes, EveryKubelet: r.kubelets == kubeletsAll})
	if err != nil {
		return err
	}
	ranking := &ranking{rank: r, of: c.Snapshot, printer: r.printer()}
	notes, err := judgeEach(c.Snapshot, r.nodes, r.top, seen, ranking.take)
	if err = cmp.Or(err, ranking.failed); err != nil {
		return err
	}
	if len(ranking.nodes) == 0 {
		notes = append(notes, fmt.Sprintf("none of %d nodes is as --headroom-below and --critical want", ranking.all))
	}
	r.notes(c.Notes, notes)
	r.selection.order(ranking.nodes)
	if r.forPrograms() {
		return r.object(ranking.list())
	}
	return cmp.Or(table.Nodes(ranking.printer, ranking.tables()), ranking.printer.Flush())
}

// ranking is what a rank shows, as little of it as that takes: facts and readings of thousands of nodes are not kept until all
// of the nodes are judged.
type ranking struct {
	*rank
	of      *snapshot.Snapshot
	printer *table.Printer
	nodes   []ranked
	all     int
	// failed is why tables of a node could not be kept.
	failed error
}

// ranked is a node to show: its order for programs, or its tables for people.
type ranked struct {
	order  *v1alpha1.NodeKillOrder
	tables table.Rendered
	left   int64
}

// take keeps what is shown of a node, and gives up what the node was judged by.
func (r *ranking) take(j *judged) {
	r.all++
	if r.wants(j) {
		shown := ranked{left: leastLeft(j)}
		if r.forPrograms() {
			order := j.order // a copy: a pointer into j would keep all that the node was judged by
			shown.order = &order
		} else {
			var err error
			shown.tables, err = r.printer.Render(tableOf(j), r.wide())
			r.failed = cmp.Or(r.failed, err)
		}
		r.nodes = append(r.nodes, shown)
	}
	r.of.ForgetPods(j.node.Name)
	delete(r.of.Kubelets, j.node.Name)
	delete(r.of.Published, j.node.Name)
	j.node.Pods = nil
}

func (r *ranking) list() list {
	orders := make([]v1alpha1.NodeKillOrder, len(r.nodes))
	for i := range orders {
		orders[i] = *r.nodes[i].order
	}
	return listOf(orders)
}

func (r *ranking) tables() []table.Rendered {
	tables := make([]table.Rendered, len(r.nodes))
	for i := range tables {
		tables[i] = r.nodes[i].tables
	}
	return tables
}

// tableOf is what tables print of a node.
func tableOf(j *judged) *table.Node {
	t := table.FromOrder(&j.order)
	t.Detail(&j.verdict)
	t.CulpritFrom = j.grewFrom
	return t
}
