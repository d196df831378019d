package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/cli/text"
)

const explainLong = `Explain where a pod stands with all three killers, and what would make it safe.

The first line answers, the second says how sure the answer is, and the last is a command to paste.
Between them stand the sums by which the kubelet and the kernel choose, who dies before and after, and
the change that makes the pod safe with the least added request. The engine has ranked that change on
every node that has replicas, and it fits beside what others request there.

A workload (deployment/NAME) is explained by its worst replica. NAME alone is a pod, else a workload.
NAMESPACE/NAME, as tables print it, is understood too. Live, only the nodes of these pods are read; of
more than 100 nodes, only the kubelets of those are asked that have less than a quarter of their memory
left by metrics.k8s.io.`

const explainExample = `  # Why is this pod so near to its end?
  kubectl killorder explain pod/payments-api-5d8f7c9b64-x2k72 -n shop

  # The worst replica of a workload
  kubectl killorder explain deployment/payments-api -n shop

  # From a snapshot, as a program wants it
  kubectl killorder explain shop/payments-api -f snapshot/ -o json`

type explain struct {
	subjects
	output
}

func newExplain(e *env) *cobra.Command {
	x := &explain{subjects: subjects{input: input{env: e}}, output: output{env: e}}
	cmd := &cobra.Command{
		Use:     "explain (POD | pod/NAME | deployment/NAME) [-n NAMESPACE] [-f PATH]...",
		Short:   "Explain why a pod dies first, and what makes it safe",
		Long:    explainLong,
		Example: explainExample,
		Args:    arguments(cobra.ExactArgs(1)),

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return x.run(cmd.Context(), args[0])
		},
	}
	x.setUp(cmd, &x.output, 1)
	addKubelets(cmd.Flags(), &x.kubelets)
	cmd.Flags().IntVar(&x.top, "top", defaultTop, "How many replicas tables show; 0 is all")
	return cmd
}

func (x *explain) run(ctx context.Context, arg string) error {
	refs, err := x.refs([]string{arg})
	if err != nil {
		return err
	}
	f, err := x.find(ctx, refs)
	if err != nil {
		return err
	}
	x.notes(f.Notes)
	l := answer.ExplainAll(f.nodes, f.pods[0])
	if len(l.Items) == 0 {
		return fmt.Errorf("%s is on no node that could be read", refs[0])
	}
	if refs[0].IsWorkload(f.pods[0]) {
		return x.print(l, func(p *table.Printer) { printExplanation(p, &l.Items[0], &l, x.top) })
	}
	e := &l.Items[0]
	if e.Workload != nil && e.Change != nil {
		e.Why += fmt.Sprintf("; ranked on this node only: explain %s/%s ranks all replicas",
			strings.ToLower(e.Workload.Kind), e.Workload.Name)
	}
	return x.print(e, func(p *table.Printer) { printExplanation(p, e, nil, 0) })
}

// printExplanation prints a pod's, or that of a workload's worst replica, with the first replicas up to top; 0 is all.
func printExplanation(p *table.Printer, e *kinds.Explanation, workload *kinds.ExplanationList, top int) {
	first, look := e.Answer, table.Title
	if workload != nil {
		first = workload.Answer
	}
	if e.Critical {
		look = table.Critical
	}
	p.Text(0, 0, first, look)
	p.Text(0, 2, string(e.Certainty.Level)+": "+strings.Join(e.Certainty.Because, "; "), table.Plain)
	p.Blank()
	printSum(p, "EVICTION", evictionTitle(&e.Eviction), e.Eviction.Evidence)
	if e.OOM == nil {
		printSum(p, "OOM", "no container runs, or the kernel's rules do not apply to the node", nil)
	} else {
		printSum(p, "OOM", oomTitle(e.OOM), e.OOM.Evidence)
	}
	if e.Limit == nil {
		printSum(p, "LIMIT", "no memory limit, or no reading: only the node's killers can take it", nil)
	} else {
		printSum(p, "LIMIT", strconv.Itoa(e.Limit.Percent)+"% of it in use", e.Limit.Evidence)
	}
	if e.Order != "" {
		printSum(p, "NEIGHBOURS", "in the "+orderNames[e.Order], []kinds.Evidence{
			{Text: "before: " + orNobody(e.Before)}, {Text: "after: " + orNobody(e.After)},
		})
	}
	if f := e.Forecast; f != nil {
		printSum(p, "FORECAST", forecastTitle(e, f), nil)
	}
	if workload != nil {
		p.Blank()
		replicas(workload, top).Write(p)
		printMore(p, len(workload.Items), top, "replicas")
	}
	p.Blank()
	printChange(p, e.Change, e.Why)
}

var orderNames = map[v1alpha1.Killer]string{v1alpha1.KillerEviction: "eviction order", v1alpha1.KillerOOM: "kernel's order"}

func orNobody(pods []string) string {
	if len(pods) == 0 {
		return "nobody"
	}
	return strings.Join(pods, ", ")
}

func printSum(p *table.Printer, title, what string, evidence []kinds.Evidence) {
	p.Text(0, 2, title+"  "+what, table.Title)
	for _, e := range evidence {
		p.Text(2, 2, e.Text, table.Plain)
	}
}

func evictionTitle(e *kinds.Eviction) string {
	switch {
	case e.Exempt:
		return "by the kubelet: exempt"
	case e.Rank == 0:
		return "by the kubelet: rank unknown"
	case e.Headroom == nil:
		return fmt.Sprintf("by the kubelet: rank %d of %d", e.Rank, e.Of)
	}
	return fmt.Sprintf("by the kubelet: rank %d of %d; it evicts %s", e.Rank, e.Of, once(e.Headroom))
}

// forecastTitle says who is first if memory goes on growing.
func forecastTitle(e *kinds.Explanation, f *v1alpha1.ForecastKill) string {
	who := f.Namespace + "/" + f.Pod
	if e.UID == string(f.UID) {
		who = "this pod"
	}
	return fmt.Sprintf("if memory goes on growing, %s is first: %s, in %s", who, table.Ways[f.Killer], f.In)
}

func oomTitle(o *kinds.OOM) string {
	rank := "rank unknown"
	if o.Rank > 0 {
		rank = fmt.Sprintf("rank %d of %d", o.Rank, o.Of)
	}
	title := fmt.Sprintf("by the kernel: container %s, %s", o.Container, rank)
	if o.Headroom == nil {
		return title
	}
	return fmt.Sprintf("%s; it kills %s", title, once(o.Headroom))
}

// once says when a killer sets to work.
func once(headroom *resource.Quantity) string {
	if headroom.Sign() <= 0 {
		return "now: its threshold is passed by " + text.Human(-headroom.Value())
	}
	return "once " + text.Human(headroom.Value()) + " more are used"
}

// replicas has a line for each replica up to top, the worst first.
func replicas(l *kinds.ExplanationList, top int) *table.Grid {
	g := &table.Grid{Columns: []table.Column{
		{Title: "REPLICA", Least: 20}, {Title: "NODE", Least: 12}, table.Figure("EVICTED"), table.Figure("OOM-KILLED"),
	}}
	for i := range l.Items[:shown(len(l.Items), top)] {
		e := &l.Items[i]
		killed := "-"
		if e.OOM != nil {
			killed = rankOf(e.OOM.Rank, e.OOM.Of)
		}
		g.Rows = append(g.Rows, table.Cells(e.Pod, e.Node, rankOf(e.Eviction.Rank, e.Eviction.Of), killed))
	}
	return g
}

// shown is how many of n lines are shown if top are wanted; 0 is all.
func shown(n, top int) int {
	if top == 0 {
		return n
	}
	return min(n, top)
}

// printMore says how many lines are not shown.
func printMore(p *table.Printer, n, top int, what string) {
	if more := n - shown(n, top); more > 0 {
		p.Text(2, 2, fmt.Sprintf("and %d more %s (--top 0 shows all)", more, what), table.Faint)
	}
}

func rankOf(rank, of int) string {
	if rank == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d", rank, of)
}

// printChange prints what makes the pod safe; the command is the last line, whole.
func printChange(p *table.Printer, c *kinds.Change, why string) {
	if c == nil {
		p.Text(0, 2, "CHANGE  "+why, table.Plain)
		return
	}
	title := "SAFER WITH  "
	if c.Safe {
		title = "SAFE WITH  "
	}
	p.Text(0, 2, title+c.What, table.Title)
	p.Text(2, 2, why, table.Plain)
	if c.Command != "" {
		p.Whole(2, c.Command, table.Plain)
	}
}
