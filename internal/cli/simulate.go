package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/clusterread/target"
)

const simulateLong = `Play the kills of a node that runs out of memory, one after the other, until the pressure is over.

At each check the kubelet evicts one pod, until the nearer signal is above its threshold and minimum reclaim;
the kernel kills containers until what is wanted is there. With both, the kernel acts at once where memory is
used up, and the kubelet at its next check. --grow POD=8Gi is a pod that comes to use so much: where the
kernel plays, it dies at its own limit first, if it has one. --pressure 2Gi is memory that daemons or page
cache take. Without either, the pressure is just enough for the first kill.

AT is the time since the beginning, by the kubelet's checks, graces and waits; --over 5m lets the pressure
come about in that time, evenly, and not at once.`

const simulateExample = `  # Whom the kubelet evicts when worker-2 runs short
  kubectl killorder simulate worker-2

  # If one pod grew, and both killers had a say
  kubectl killorder simulate worker-2 --grow data/data-pipeline-2=9Gi --killer both

  # From a snapshot
  kubectl killorder simulate worker-2 --pressure 2Gi -f snapshot/`

type simulate struct {
	subjects
	output
	killer   string
	grow     []string
	pressure string
	over     time.Duration
}

func newSimulate(e *env) *cobra.Command {
	s := &simulate{subjects: subjects{input: input{env: e}}, output: output{env: e}}
	cmd := &cobra.Command{
		Use:     "simulate NODE [--grow POD=SIZE]... [--killer kubelet|kernel|both] [-f PATH]...",
		Short:   "Play the kills of a node that runs out of memory",
		Long:    simulateLong,
		Example: simulateExample,
		Args:    arguments(cobra.ExactArgs(1)),

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := cmp.Or(s.input.validate(), s.output.validate(), oneOf("killer", s.killer, killers))
			if err != nil {
				return err
			}
			return s.run(cmd.Context(), args[0])
		},
	}
	cmd.ValidArgsFunction = e.completeNodes(1)
	s.subjects.addFlags(cmd.Flags())
	s.output.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&s.killer, "killer", kinds.PlayKubelet, "Who kills: "+strings.Join(killers, "|"))
	cmd.Flags().StringArrayVar(&s.grow, "grow", nil, "POD=SIZE: a pod that comes to use so much; may be repeated")
	cmd.Flags().StringVar(&s.pressure, "pressure", "", "Memory that processes outside of pods take")
	cmd.Flags().DurationVar(&s.over, "over", 0, "The time that growth and pressure take; at once without it")
	return cmd
}

var killers = []string{kinds.PlayKubelet, kinds.PlayKernel, kinds.PlayBoth}

func (s *simulate) run(ctx context.Context, node string) error {
	scene, names, err := s.scene()
	if err != nil {
		return err
	}
	c, err := s.read(ctx, clusterread.Want{Nodes: []string{node}})
	if err != nil {
		return err
	}
	nodes, notes, err := judge(c.Snapshot, []string{node}, 0)
	if err != nil {
		return err
	}
	s.notes(c.Notes, notes)
	onNode := c.PodsOf(node)
	for i, name := range names {
		ref, err := target.Parse(name, s.namespace)
		if err != nil {
			return wrongUsage("%w", err)
		}
		pods, err := target.Find(onNode, ref)
		switch {
		case err != nil:
			return fmt.Errorf("on node %s: %w", node, err)
		case len(pods) > 1:
			return fmt.Errorf("%s has %d pods on node %s: name one of them", name, len(pods), node)
		}
		scene.Grow[i].Pod = pods[0]
	}
	result, err := answer.Simulate(nodes[0].answerable(c), scene)
	if err != nil {
		return fmt.Errorf("node %s: %w", node, err)
	}
	return s.print(result, func(p *table.Printer) { printSimulation(p, result) })
}

// scene reads the flags; the pods that grow are known by their names only.
func (s *simulate) scene() (scene answer.Scene, names []string, err error) {
	scene.Killer, scene.Over = s.killer, s.over
	if s.over < 0 {
		return scene, nil, wrongUsage("invalid value %s for --over, must be 0 or more", s.over)
	}
	if s.pressure != "" {
		if scene.Pressure, err = bytesOf("pressure", s.pressure); err != nil {
			return scene, nil, err
		}
	}
	for _, g := range s.grow {
		name, amount, ok := strings.Cut(g, "=")
		if !ok {
			return scene, nil, wrongUsage("invalid value %q for --grow, must be POD=SIZE", g)
		}
		bytes, err := bytesOf("grow", amount)
		if err != nil {
			return scene, nil, err
		}
		names, scene.Grow = append(names, name), append(scene.Grow, answer.Growth{Bytes: bytes})
	}
	return scene, names, nil
}

var playedBy = map[v1alpha1.Killer]string{
	v1alpha1.KillerEviction: "evicted", v1alpha1.KillerOOM: "OOM-killed", v1alpha1.KillerLimit: "at its limit",
}

func printSimulation(p *table.Printer, s *kinds.Simulation) {
	p.Text(0, 0, s.Answer, table.Title)
	p.Text(0, 2, "Not known: "+strings.Join(s.NotKnown, "; "), table.Faint)
	p.Blank()
	for _, by := range s.Pressure {
		p.Text(0, 2, "PRESSURE  "+by, table.Plain)
	}
	left := "LEFT  " + text.Human(s.Available.Value()) + " available"
	if s.Headroom != nil {
		left += ", " + text.Human(s.Headroom.Value()) + " to the threshold"
	}
	p.Text(0, 2, left, table.Plain)
	if len(s.Steps) > 0 {
		p.Blank()
		steps(s).Write(p)
	}
	p.Blank()
	p.Text(0, 2, "END  "+ends[s.End], table.Plain)
}

var ends = map[string]string{
	kinds.EndRelieved:  "relieved: the pressure is over",
	kinds.EndExhausted: "exhausted: nobody is left whom this killer may take",
}

func steps(s *kinds.Simulation) *table.Grid {
	g := &table.Grid{Columns: []table.Column{
		table.Figure("STEP"),
		{},
		{Title: "POD", Least: 20},
		{Title: "CONTAINER", Least: 9},
		{Title: "HOW"},
		table.Figure("FREES"), table.Figure("AVAILABLE"), table.Figure("AT"),
	}}
	for i := range s.Steps {
		t := &s.Steps[i]
		mark, look, frees := "", table.Plain, "?"
		if t.Critical {
			mark, look = table.MarkCritical, table.Critical
		}
		if t.Namespace+"/"+t.Pod == s.Culprit {
			mark += table.MarkCulprit
		}
		if t.Frees != nil {
			frees = text.Human(t.Frees.Value())
		}
		row := table.Cells(strconv.Itoa(t.Step), mark, t.Namespace+"/"+t.Pod, cmp.Or(t.Container, "(all)"), playedBy[t.Killer], frees,
			text.Human(t.Available.Value()), t.At)
		row[1].Look, row[2].Look = look, look
		g.Rows = append(g.Rows, row)
	}
	return g
}
