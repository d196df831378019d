package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/clusterread"
)

const rankLong = `Rank who dies first on all nodes, or on the named ones, if memory runs out.

By default this reads Nodes, Pods and usage from the cluster of your kubeconfig: of the kubelets, through
the API server, if you may get nodes/proxy, else of metrics.k8s.io. Only kubelets know exact thresholds
and resident memory; where a KillOrderPolicy says MetricsAPI, they are left alone. It needs neither the
killorder operator nor its custom resources. Without usage, it ranks by what requests and priorities
alone decide, and says so.

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

  # The first OOM victim of each node
  kubectl killorder rank -o json |
    jq -r '.items[] | .metadata.name + " " + .status.summary.firstOOMKilled'`

// rank is the command's options.
type rank struct {
	input
	output
	nodes []string
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
			if err := cmp.Or(r.input.validate(), r.output.validate()); err != nil {
				return err
			}
			return r.run(cmd.Context())
		},
	}
	r.input.addFlags(cmd.Flags())
	r.output.addFlags(cmd.Flags())
	r.addTop(cmd.Flags())
	return cmd
}

func (r *rank) run(ctx context.Context) error {
	c, err := r.read(ctx, clusterread.Want{Nodes: r.nodes})
	if err != nil {
		return err
	}
	nodes, notes, err := judge(c.Snapshot, r.nodes, r.top)
	if err != nil {
		return err
	}
	r.notes(c.Notes, notes)
	return r.print(listOf(nodes), func(p *table.Printer) { table.Nodes(p, models(nodes), r.wide()) })
}

// models are what tables print of nodes.
func models(nodes []judged) []*table.Node {
	ms := make([]*table.Node, len(nodes))
	for i := range nodes {
		ms[i] = table.FromOrder(&nodes[i].order)
		ms[i].Detail(&nodes[i].verdict)
	}
	return ms
}
