package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

const whatIfLong = `Judge a change before it is made: who would die first, before and after, under all three killers.

The change is one of requests, limits or priority of the pods and workloads named; of usage
(--usage NAME=8Gi: as if the pod used that much, and the node with it); or of pressure from outside the
pods (--pressure 2Gi: as if daemons or page cache used so much more on each node). A workload is changed
in all of its replicas, on all of their nodes. What the API server would refuse is refused.

Or the change is one of manifests: with -f, files without a Node are manifests as you want to deploy them, of
any kind that has pods, and each is compared with what runs under its name. PriorityClasses and LimitRanges
among them are heeded. Files with Nodes are a snapshot, as everywhere; without one, the cluster is read.

The last line is the command that makes the change.`

const whatIfExample = `  # A request for a BestEffort workload
  kubectl killorder whatif deployment/payments-api -n shop --requests memory=256Mi

  # A priority, and a limit
  kubectl killorder whatif payments-api -n shop --priority-class business-critical --limits memory=512Mi

  # If one pod grew to 8Gi, and daemons took 1Gi more
  kubectl killorder whatif --usage data/data-pipeline-2=8Gi --pressure 1Gi

  # What a changed manifest, or a chart, would do to what runs
  kubectl killorder whatif -f changed.yaml
  helm template my-chart | kubectl killorder whatif -f -

  # From a snapshot, and a changed manifest against a snapshot
  kubectl killorder whatif deployment/payments-api --requests memory=256Mi -f snapshot/
  kubectl killorder whatif -f changed.yaml -f snapshot/`

type whatIf struct {
	subjects
	output
	settings
	usage    []string
	pressure string
	// doubt is why a path was taken for a part of the snapshot that could not be read as a manifest; else nil.
	doubt error
	// classes are the values of the PriorityClasses that pods of a snapshot name.
	classes map[string]int32
}

func newWhatIf(e *env) *cobra.Command {
	w := &whatIf{subjects: subjects{input: input{env: e}}, output: output{env: e}, classes: facts.SystemClasses()}
	cmd := &cobra.Command{
		Use:     "whatif [POD | pod/NAME | deployment/NAME]... [--requests memory=256Mi] [--usage NAME=8Gi] [-f PATH|CHANGED.yaml]...",
		Short:   "Judge a change before it is made",
		Long:    whatIfLong,
		Example: whatIfExample,

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.settings.validate(cmd.Flags()); err != nil {
				return err
			}
			return w.run(cmd.Context(), args)
		},
	}
	w.setUp(cmd, &w.output, 0)
	w.settings.addFlags(cmd.Flags())
	addKubelets(cmd.Flags(), &w.kubelets)
	cmd.Flags().IntVar(&w.top, "top", defaultTop, "How many pods, nodes and findings tables show; 0 is all")
	cmd.Flags().StringArrayVar(&w.usage, "usage", nil,
		"NAME=QUANTITY: as if that pod, or each pod of that workload, used so much; may be repeated")
	cmd.Flags().StringVar(&w.pressure, "pressure", "", "As if processes outside of pods used so much more on each node")
	return cmd
}

// validate needs to know whether there are manifests, which only their content tells.
func (w *whatIf) validate(args []string, c *changed) error {
	switch {
	case len(args) == 0 && w.given():
		return wrongUsage("name the pods or workloads that the change is of")
	case len(args) > 0 && !w.given() && w.pressure == "" && len(w.usage) == 0:
		return wrongUsage("say what to change: --requests, --limits, --priority-class, --priority, --usage or --pressure")
	case len(args) == 0 && len(w.usage) == 0 && w.pressure == "" && c == nil:
		return wrongUsage("name a pod or workload and what to change")
	}
	return nil
}

func (w *whatIf) run(ctx context.Context, args []string) error {
	w.pod = w.observe
	manifests, err := w.splitPaths(ctx)
	if err := cmp.Or(err, w.validate(args, manifests)); err != nil {
		if w.doubt != nil {
			return w.doubt // rather than that nothing is to be changed
		}
		return err
	}
	refs, amounts, err := w.named(args, manifests)
	if err != nil {
		return err
	}
	pressure := int64(0)
	if w.pressure != "" {
		if pressure, err = bytesOf("pressure", w.pressure); err != nil {
			return err
		}
	}
	f, err := w.find(ctx, refs)
	if err != nil {
		return err
	}
	w.notes(f.Notes, texts(f.missing))
	if len(f.Namespaces) > 0 {
		return fmt.Errorf("ranks are unknown where pods of some namespaces only may be listed")
	}
	named, usage := len(args), len(amounts)
	of := foundFor{named: f.pods[:named], usage: f.pods[named : named+usage], manifests: f.pods[named+usage:]}
	edits, err := w.manifestEdits(ctx, f, manifests, of.manifests)
	if err != nil {
		return err
	}
	priority, err := w.classValue(ctx)
	if err != nil {
		return err
	}
	edits = slices.Concat(edits, w.edits(f, of.named, priority), usageEdits(of.usage, amounts))
	result, err := answer.WhatIf(f.nodes, answer.Question{Pressure: pressure, Edits: edits})
	if err != nil {
		return err
	}
	w.finish(result, manifests, of)
	return w.print(result, func(p *table.Printer) { printWhatIf(p, result, w.top) })
}

// found pods, by what they were found for.
type foundFor struct{ named, usage, manifests [][]*facts.Pod }

// named are the subjects of the arguments, of --usage with their amounts, and of manifests, one after the other.
func (w *whatIf) named(args []string, c *changed) (refs []target.Ref, amounts []int64, err error) {
	names, amounts, err := w.usages()
	if err != nil {
		return nil, nil, err
	}
	if refs, err = w.refs(slices.Concat(args, names)); err != nil {
		return nil, nil, err
	}
	namespace, err := w.fallback()
	if err != nil {
		return nil, nil, err
	}
	changed, err := c.refs(namespace)
	return append(refs, changed...), amounts, err
}

// manifestEdits make pods like their manifests, as an API server would admit them.
func (w *whatIf) manifestEdits(ctx context.Context, f *found, c *changed, pods [][]*facts.Pod) ([]whatif.Edit, error) {
	if c == nil {
		return nil, nil
	}
	w.notes(c.Notes)
	a := &clusterread.Admission{Classes: maps.Clone(w.classes), DefaultPriority: f.DefaultPriority}
	maps.Copy(a.Classes, f.Classes)
	if len(w.paths) == 0 {
		config, err := w.kube.restConfig()
		if err != nil {
			return nil, err
		}
		var notes []string
		if a, notes, err = clusterread.ReadAdmission(ctx, config, namespacesOf(pods)); err != nil {
			return nil, err
		}
		w.notes(notes)
	}
	if err := c.admit(pods, a); err != nil {
		return nil, err
	}
	return c.edits(f, pods), nil
}

func namespacesOf(pods [][]*facts.Pod) (names []string) {
	for _, p := range slices.Concat(pods...) {
		names = append(names, p.Namespace)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func texts(errs []error) (lines []string) {
	for _, err := range errs {
		lines = append(lines, err.Error()+": left out")
	}
	return lines
}

// finish adds what the engine does not know of: what manifests leave open, and the commands that make the change.
func (w *whatIf) finish(result *kinds.WhatIf, c *changed, of foundFor) {
	var commands []string
	if c != nil {
		result.NotKnown = append(result.NotKnown, c.notKnown(of.manifests)...)
		commands = append(commands, c.command())
	}
	for _, pods := range of.named {
		commands = append(commands, w.command(pods[0]))
	}
	commands = slices.DeleteFunc(commands, func(c string) bool { return c == "" })
	result.Command = strings.Join(commands, " && ")
}

// usages reads NAME=QUANTITY.
func (w *whatIf) usages() (names []string, amounts []int64, err error) {
	for _, u := range w.usage {
		name, amount, ok := strings.Cut(u, "=")
		if !ok {
			return nil, nil, wrongUsage("invalid value %q for --usage, must be NAME=QUANTITY", u)
		}
		bytes, err := bytesOf("usage", amount)
		if err != nil {
			return nil, nil, err
		}
		names, amounts = append(names, name), append(amounts, bytes)
	}
	return names, amounts, nil
}

// edits are the settings, for the workloads or pods named.
func (w *whatIf) edits(f *found, subjects [][]*facts.Pod, priority int32) (edits []whatif.Edit) {
	if !w.given() {
		return nil
	}
	set := w.change(priority)
	change := func(p *facts.PodState) {
		set(p)
		if w.hasPriority || w.class != "" {
			p.Critical = f.Policy.Critical(p.Pod, f.NamespaceLabels(p.Namespace))
		}
	}
	for _, pods := range subjects {
		edits = append(edits, whatif.Edit{Of: whatif.Replicas(pods[0]), Change: change})
	}
	return edits
}

// usageEdits give each pod of a subject its usage.
func usageEdits(subjects [][]*facts.Pod, amounts []int64) (edits []whatif.Edit) {
	for i, pods := range subjects {
		for _, p := range pods {
			edits = append(edits, whatif.Edit{Of: whatif.One(p), Change: whatif.Usage(amounts[i])})
		}
	}
	return edits
}

// observe learns the values of PriorityClasses from the pods of a snapshot.
func (w *whatIf) observe(p *corev1.Pod) {
	if p.Spec.Priority != nil && p.Spec.PriorityClassName != "" {
		w.classes[strings.Clone(p.Spec.PriorityClassName)] = *p.Spec.Priority
	}
}

// classValue is the priority to give, of the PriorityClass where one is named.
func (w *whatIf) classValue(ctx context.Context) (int32, error) {
	if w.class == "" {
		return w.priority, nil
	}
	if len(w.paths) == 0 {
		return w.livePriority(ctx, w.class)
	}
	if value, ok := w.classes[w.class]; ok {
		return value, nil
	}
	return 0, fmt.Errorf("no pod of the snapshot is of PriorityClass %q, so its value is unknown: give --priority%s",
		w.class, near(w.class, w.classes))
}

// printWhatIf prints the answer first, and the command last. Of each table it shows the first lines up to top; 0 is all.
func printWhatIf(p *table.Printer, w *kinds.WhatIf, top int) {
	p.Text(0, 0, w.Answer, table.Title)
	p.Text(0, 2, "Not known: "+strings.Join(w.NotKnown, "; "), table.Faint)
	p.Blank()
	for _, c := range w.Changes {
		p.Text(0, 2, "CHANGE  "+c, table.Plain)
	}
	printMoves(p, "PODS CHANGED", w.Pods, top)
	printMoves(p, "NEARER TO THEIR END, and among the first", w.Worse, top)
	p.Blank()
	firsts := &table.Grid{Columns: []table.Column{
		{Title: "NODE", Least: 12}, {Title: "KILLER"}, {Title: "FIRST BEFORE", Least: 20}, {Title: "FIRST AFTER", Least: 20},
	}}
	for i := range w.FirstEvicted[:shown(len(w.FirstEvicted), top)] {
		addFirst(firsts, "eviction", w.FirstEvicted[i])
		addFirst(firsts, "kernel", w.FirstOOMKilled[i])
		addFirst(firsts, "limit", w.FirstAtLimit[i])
	}
	firsts.Write(p)
	printMore(p, len(w.FirstEvicted), top, "nodes")
	printFindings(p, "FINDINGS GONE", w.Findings.Gone, top)
	printFindings(p, "FINDINGS NEW", w.Findings.New, top)
	if w.Command != "" {
		p.Blank()
		p.Whole(2, w.Command, table.Plain)
	}
}

func addFirst(g *table.Grid, killer string, m kinds.FirstMove) {
	after := table.Cell{Text: cmp.Or(m.After, "-")}
	if m.After != m.Before {
		after.Look = table.Title
	}
	g.Rows = append(g.Rows, []table.Cell{{Text: m.Node, Look: table.NodeName}, {Text: killer}, {Text: cmp.Or(m.Before, "-")}, after})
}

func printMoves(p *table.Printer, title string, moves []kinds.PodMove, top int) {
	if len(moves) == 0 {
		return
	}
	p.Blank()
	p.Text(0, 0, title, table.Title)
	g := &table.Grid{Columns: []table.Column{
		{},
		{Title: "POD", Least: 20},
		{Title: "NODE", Least: 12},
		{Title: "QOS"},
		table.Figure("EVICTED"), table.Figure("OOM-KILLED"),
		{Title: "FITS"},
	}}
	for _, m := range moves[:shown(len(moves), top)] {
		mark := ""
		if m.Critical {
			mark = table.MarkCritical
		}
		fits := "yes"
		if !m.Fits {
			fits = "no"
		}
		g.Rows = append(g.Rows, table.Cells(mark, m.Namespace+"/"+m.Pod, m.Node, movedText(m.QOSClass.Before, m.QOSClass.After),
			movedText(rankText(m.EvictionRank.Before), rankText(m.EvictionRank.After)),
			movedText(rankText(m.OOMRank.Before), rankText(m.OOMRank.After)), fits))
	}
	g.Write(p)
	printMore(p, len(moves), top, "pods")
}

func movedText(before, after string) string {
	if before == after {
		return after
	}
	return before + " -> " + after
}

func rankText(rank int) string {
	if rank == 0 {
		return "-"
	}
	return strconv.Itoa(rank)
}

func printFindings(p *table.Printer, title string, findings []kinds.Finding, top int) {
	if len(findings) == 0 {
		return
	}
	p.Blank()
	p.Text(0, 0, title, table.Title)
	for i := range findings[:shown(len(findings), top)] {
		f := &findings[i]
		of := "node " + f.Node
		if f.Pod != "" {
			of = f.Namespace + "/" + f.Pod
		}
		if f.Container != "" {
			of += " " + f.Container
		}
		p.Text(2, 2, f.Severity+"  "+f.Rule+"  "+of, table.Plain)
	}
	printMore(p, len(findings), top, "findings")
}
