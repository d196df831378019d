package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/snapshot"
)

const diagnoseLong = `Say what ended a pod, the pods of a workload, or, without a name, the last pods of the cluster.

For each death: the verdict and how sure it is, whether the victim was the culprit, the evidence, and one
thing to change, as a command. A pod that was not killed for memory gets what happened to it instead.

This reads Pods, Events, Nodes and, where the killorder operator runs, NodeKillOrders, which know culprits
and predictions. An API server keeps Events for an hour: diagnose soon, or let the operator remember.
"OOMKilled" alone proves nothing: the status of a container says so too when only a child process died,
or when all pods together ran out of memory, far below the container's own limit.`

const diagnoseExample = `  # What killed this pod?
  kubectl killorder diagnose pod/payments-api-5d8f7c9b64-x2k72 -n shop

  # The pods of a workload
  kubectl killorder diagnose deployment/payments-api -n shop

  # The last kills for memory of the whole cluster
  kubectl killorder diagnose

  # From a must-gather or a snapshot
  kubectl killorder diagnose shop/payments-api -f must-gather/ -o json`

// defaultDeaths is how many deaths are shown.
const defaultDeaths = 5

type diagnose struct {
	subjects
	output
	all bool
}

func newDiagnose(e *env) *cobra.Command {
	d := &diagnose{subjects: subjects{input: input{env: e}}, output: output{env: e}}
	cmd := &cobra.Command{
		Use:     "diagnose [POD | pod/NAME | deployment/NAME] [-n NAMESPACE] [-f PATH]...",
		Short:   "Say what killed a pod, and what to change",
		Long:    diagnoseLong,
		Example: diagnoseExample,
		Args:    arguments(cobra.MaximumNArgs(1)),

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.run(cmd.Context(), args)
		},
	}
	d.setUp(cmd, &d.output, 1)
	cmd.Flags().IntVar(&d.top, "top", defaultDeaths, "How many deaths to show, the latest first; 0 is all")
	cmd.Flags().BoolVar(&d.all, "all", false, "Without a name, show deaths that were no kills for memory too")
	return cmd
}

func (d *diagnose) run(ctx context.Context, args []string) error {
	var ref *target.Ref
	if len(args) > 0 {
		refs, err := d.refs(args)
		if err != nil {
			return err
		}
		ref = &refs[0]
	}
	t, err := d.trail(ctx, ref)
	if err != nil {
		return err
	}
	l := t.Diagnose(func(r *forensics.Record) bool {
		if ref == nil {
			return (d.all || r.Killed()) && (d.namespace == "" || d.namespace == r.Namespace)
		}
		return ref.Means(r.Namespace, r.Pod, r.Workload)
	}, d.top)
	if ref != nil && len(l.Items) == 0 {
		return fmt.Errorf("%s: no death of it is shown: it has not died, its object is gone, or its Events are over an hour old", ref)
	}
	return d.print(l, func(p *table.Printer) { printDiagnoses(p, &l, d.wide()) })
}

// trail reads the traces of deaths from the snapshot or the cluster.
func (d *diagnose) trail(ctx context.Context, ref *target.Ref) (*answer.Trail, error) {
	t := &answer.Trail{}
	if len(d.paths) > 0 {
		s, err := d.readTrail(ctx, t, true)
		if err != nil {
			return nil, err
		}
		d.notes(s.Notes)
		return t, nil
	}
	config, err := d.kube.restConfig()
	if err != nil {
		return nil, err
	}
	p := newProgress(d.Err)
	defer p.done()
	namespace := d.namespace
	if ref != nil {
		namespace = ref.Namespace
	}
	notes, err := clusterread.ReadTraces(ctx, config, namespace, tracesInto(t), p.say)
	if err != nil {
		return nil, err
	}
	d.notes(notes)
	return t, nil
}

func tracesInto(t *answer.Trail) clusterread.Traces {
	return clusterread.Traces{Pod: t.Pod, Event: t.CoreEvent, Node: t.Node, Order: t.Order}
}

// readTrail reads a snapshot, with the traces of deaths in it.
func (in *input) readTrail(ctx context.Context, t *answer.Trail, nodesOptional bool) (*snapshot.Snapshot, error) {
	p := newProgress(in.Err)
	defer p.done()
	s, err := snapshot.Read(ctx, snapshot.Options{
		Paths: in.paths, Stdin: in.In, Pod: t.Pod, Event: t.CoreEvent, Node: t.Node, NodesOptional: nodesOptional,
	})
	if err != nil {
		return nil, err
	}
	for _, o := range s.Published {
		t.Order(o)
	}
	return s, nil
}

func printDiagnoses(p *table.Printer, l *kinds.DiagnosisList, wide bool) {
	for i := range l.Items {
		if i > 0 {
			p.Blank()
		}
		printDiagnosis(p, &l.Items[i], wide)
	}
	if len(l.Patterns) > 0 {
		p.Blank()
	}
	for _, sentence := range l.Patterns {
		p.Text(0, 2, sentence, table.Title)
	}
	switch {
	case len(l.Items) == 0:
		p.Text(0, 2, l.Answer, table.Plain)
	case len(l.Items) > 1 || l.LeftOut > 0:
		p.Blank()
		more := ""
		if l.LeftOut > 0 {
			more = fmt.Sprintf("; %d more: --top 0 shows all", l.LeftOut)
		}
		p.Text(0, 2, l.Answer+more, table.Plain)
	}
}

// mostEvidence is how many pieces of evidence for a verdict, and how many against, a table shows; wide shows all.
const mostEvidence = 2

// printDiagnosis prints the verdict, how sure it is, the culprit, the evidence, and what to change.
func printDiagnosis(p *table.Printer, d *kinds.Diagnosis, wide bool) {
	look := table.Title
	if d.Killed {
		look = table.Critical
	}
	p.Text(0, 2, d.Answer, look)
	at := "at an unknown time"
	if d.Time != nil {
		at = d.Time.Format(time.RFC3339)
	}
	where := ""
	if d.Node != "" {
		where = " on " + d.Node
	}
	p.Text(2, 2, fmt.Sprintf("confidence %s; %s%s", d.Confidence, at, where), table.Plain)
	if said := culpritOf(d); said != "" {
		p.Text(2, 4, said, table.Plain)
	}
	printEvidence(p, "for", d.Evidence, wide)
	printEvidence(p, "against", d.Against, wide)
	if d.Change != "" {
		p.Whole(2, d.Change, table.Plain)
	}
}

func printEvidence(p *table.Printer, side string, evidence []kinds.Evidence, wide bool) {
	if !wide {
		evidence = evidence[:min(len(evidence), mostEvidence)]
	}
	for _, e := range evidence {
		p.Text(2, 4, fmt.Sprintf("%s: %s (%s)", side, e.Text, e.Source), table.Plain)
	}
}

// culpritOf says who caused a kill and whether the kill was foreseen, "" where the operator has published neither.
func culpritOf(d *kinds.Diagnosis) string {
	var said []string
	switch {
	case !d.Killed:
		return ""
	case d.WrongVictim:
		said = append(said, "the wrong victim: "+d.Culprit+" was the culprit")
	case d.Culprit != "":
		said = append(said, "culprit: "+d.Culprit)
	case d.Confidence != "Low" && (d.Cause == v1alpha1.CauseContainerLimit || d.Cause == v1alpha1.CausePodLimit):
		said = append(said, "no other pod is the culprit: the limit is its own")
	case d.Predicted != nil:
		said = append(said, "no other pod was known as the culprit")
	}
	switch f := d.Predicted; {
	case f == nil:
	case f.Rank > 0:
		said = append(said, fmt.Sprintf("foreseen as number %d of the %s order", f.Rank, f.Killer))
	default:
		said = append(said, fmt.Sprintf("not foreseen: beyond the published end of the %s order", f.Killer))
	}
	return strings.Join(said, "; ")
}
