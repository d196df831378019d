package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/lint"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/audit"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/manifest"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/status"
)

const auditLong = `List what is misconfigured: in the cluster, in a snapshot, or in manifests before they are deployed.

With -f, files without a Node are manifests: Pods, Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs
and CronJobs, from files, folders or standard input, as helm template and kustomize build print them.
PriorityClasses, LimitRanges, Namespaces and a KillOrderPolicy among them are heeded. What only a node or
a reading can tell is left out for manifests, not guessed.

An annotation ignore.killorder.io/RULE: "reason" on a pod (so in the workload's template) or a node takes a
finding out; "until 2027-01-31: reason" ends by itself.

Exit status: 0 fine; 1 the cluster or the input could not be read; 2 wrong usage; 3 --fail-on was met.`

const auditExample = `  # The cluster of the kubeconfig
  kubectl killorder audit

  # Manifests before they are deployed; fails from warnings on
  kubectl killorder audit -f manifests/ --fail-on warning

  # What a chart would deploy, as annotations in a GitHub workflow
  helm template my-chart | kubectl killorder audit -f - -o github --fail-on critical

  # For code scanning
  kubectl killorder audit -f manifests/ -o sarif > killorder.sarif`

// severities by the words of flags, the mildest first.
var severityWords = []string{"info", "warning", "critical"}

type auditing struct {
	input
	output
	failOn, minSeverity, version string
	rules                        []string
	showIgnored                  bool
}

func newAudit(e *env) *cobra.Command {
	a := &auditing{input: input{env: e}, output: output{env: e}}
	cmd := &cobra.Command{
		Use:     "audit [-f PATH]...",
		Short:   "List what is misconfigured, and what to change",
		Long:    auditLong,
		Example: auditExample,
		Args:    arguments(cobra.NoArgs),

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(a.input.validate(), a.validate()); err != nil {
				return err
			}
			return a.run(cmd.Context())
		},
	}
	a.input.addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVarP(&a.format, "output", "o", formatTable, "Output format: "+strings.Join(auditFormats, "|"))
	f.StringVar(&a.failOn, "fail-on", "",
		"Exit with status 3 if there is a finding of this severity or worse: "+strings.Join(severityWords, "|"))
	f.StringVar(&a.minSeverity, "min-severity", "info", "List findings of this severity or worse: "+strings.Join(severityWords, "|"))
	f.StringArrayVar(&a.rules, "rule", nil, "List findings of this rule only; may be repeated")
	f.StringVar(&a.version, "kubernetes-version", "",
		"Version that manifests are meant for, such as 1.36: it decides the QoS class of some (default: the newest known)")
	f.BoolVar(&a.showIgnored, "show-ignored", false, "List ignored findings too, with the reason that their annotation gives")
	return cmd
}

var auditFormats = []string{formatTable, formatWide, formatJSON, formatYAML, lint.GitHub, lint.SARIF, lint.JUnit}

func (a *auditing) validate() error {
	for _, rule := range a.rules {
		if !slices.Contains(audit.Names(), rule) {
			return wrongUsage("invalid value %q for --rule: there is no such rule (rules: %s)", rule, strings.Join(audit.Names(), ", "))
		}
	}
	if a.version != "" && facts.Minor(a.version) == 0 {
		return wrongUsage("invalid value %q for --kubernetes-version: must be a version such as 1.36", a.version)
	}
	failOn := a.failOn
	if failOn == "" {
		failOn = severityWords[0]
	}
	return cmp.Or(oneOf("output", a.format, auditFormats), oneOf("fail-on", failOn, severityWords),
		oneOf("min-severity", a.minSeverity, severityWords))
}

func (a *auditing) run(ctx context.Context) error {
	found, notes, err := a.find(ctx)
	if err != nil {
		return err
	}
	a.notes(notes)
	report := a.report(found)
	if err := a.write(&report); err != nil {
		return err
	}
	if a.failOn == "" {
		return nil
	}
	failing := 0
	for i := range report.Items {
		if f := &report.Items[i]; f.Ignored == "" && atLeast(f.Severity, a.failOn) {
			failing++
		}
	}
	if failing > 0 {
		return &statusError{fmt.Errorf("findings of severity %s or worse: %d", a.failOn, failing), exitFailOn}
	}
	return nil
}

// find reads the cluster, the snapshot or the manifests, and audits them.
func (a *auditing) find(ctx context.Context) (found []kinds.AuditFinding, notes []string, err error) {
	if len(a.paths) > 0 {
		isSnapshot, err := a.holdsNodes(ctx)
		if err != nil {
			return nil, nil, err
		}
		if !isSnapshot {
			m, err := manifest.Read(ctx, a.paths, a.input.In)
			if err != nil {
				return nil, nil, err
			}
			return inManifests(m, facts.Minor(a.version), time.Now()), m.Notes, nil
		}
	}
	c, err := a.read(ctx, clusterread.Want{EveryKubelet: true})
	if err != nil {
		return nil, nil, err
	}
	return inNodes(c.Snapshot)
}

// inNodes audits each node, and joins what several nodes say of one workload. The pods of a node are given up then: those of thousands
// of nodes would take much memory.
func inNodes(s *snapshot.Snapshot) ([]kinds.AuditFinding, []string, error) {
	var found []kinds.AuditFinding
	at := map[kinds.AuditFinding]int{}
	notes, err := judgeEach(s, nil, 0, nil, func(j *judged) {
		v := &j.verdict
		listed, ignored := audit.All(v, &s.Policy.Policy)
		for _, f := range append(listed, ignored...) {
			item := auditFinding(&f)
			key := kinds.AuditFinding{
				Rule: item.Rule, Namespace: item.Namespace, Object: item.Object, Container: item.Container,
				Ignored: item.Ignored,
			}
			if f.Pod == nil {
				key.Node = v.Node.Name
			}
			if k, ok := at[key]; ok {
				found[k].Nodes++
				continue
			}
			item.Node, item.Nodes = v.Node.Name, 1
			if f.Pod == nil {
				item.Object = kinds.Object{Kind: "Node", Name: v.Node.Name}
			}
			at[key] = len(found)
			found = append(found, item)
		}
		s.ForgetPods(j.node.Name)
		j.node.Pods = nil
	})
	if err != nil {
		return nil, nil, err
	}
	return found, append(slices.Clone(s.Notes), notes...), nil
}

func auditFinding(f *engine.Finding) kinds.AuditFinding {
	item := kinds.AuditFinding{
		Rule: f.Rule, Severity: string(status.Severities[f.Severity]), Container: f.Container, Message: f.Message, Fix: f.Fix,
		Ignored: f.Ignored,
	}
	if p := f.Pod; p != nil {
		key := p.Key()
		item.Namespace, item.Object = p.Namespace, kinds.Object{Kind: key.Kind, Name: key.Name}
	}
	return item
}

// atLeast reports whether a severity is as bad as the word of a flag, or worse.
func atLeast(severity, word string) bool {
	return slices.Index(severityWords, strings.ToLower(severity)) >= slices.Index(severityWords, word)
}

// report sorts the findings that the flags ask for, the worst first.
func (a *auditing) report(found []kinds.AuditFinding) kinds.AuditReport {
	r := kinds.AuditReport{
		TypeMeta: kinds.Type("AuditReport"), Items: []kinds.AuditFinding{},
		Summary: map[string]int{"Critical": 0, "Warning": 0, "Info": 0, "ignored": 0},
	}
	for i := range found {
		f := &found[i]
		if (len(a.rules) > 0 && !slices.Contains(a.rules, f.Rule)) || !atLeast(f.Severity, a.minSeverity) {
			continue
		}
		if f.Ignored != "" {
			r.Summary["ignored"]++
			if !a.showIgnored {
				continue
			}
		} else {
			r.Summary[f.Severity]++
		}
		r.Items = append(r.Items, *f)
	}
	slices.SortStableFunc(r.Items, func(a, b kinds.AuditFinding) int {
		return cmp.Or(-cmp.Compare(slices.Index(severityWords, strings.ToLower(a.Severity)), slices.Index(severityWords,
			strings.ToLower(b.Severity))),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Container, b.Container))
	})
	return r
}

func (a *auditing) write(r *kinds.AuditReport) error {
	switch a.format {
	case lint.GitHub, lint.SARIF, lint.JUnit:
		if more := len(r.Items) - lint.MostResults; more > 0 && a.format == lint.SARIF {
			a.notes([]string{fmt.Sprintf("code scanning takes %d results: the mildest %d of %d findings are left out",
				lint.MostResults, more, len(r.Items))})
		}
		var out bytes.Buffer
		if err := lint.Write(&out, a.format, r, built().Version); err != nil {
			return fmt.Errorf("output: %w", err)
		}
		_, err := io.Copy(a.output.Out, &out)
		return err
	}
	return a.print(r, func(p *table.Printer) { printAudit(p, r) })
}

// printAudit prints a paragraph for each finding.
func printAudit(p *table.Printer, r *kinds.AuditReport) {
	for i := range r.Items {
		f := &r.Items[i]
		look := table.Title
		if f.Severity == string(v1alpha1.SeverityCritical) {
			look = table.Critical
		}
		p.Text(0, 2, fmt.Sprintf("%s  %s  %s", strings.ToUpper(f.Severity), f.Rule, whereIs(f)), look)
		p.Text(2, 2, f.Message, table.Plain)
		if f.Fix != "" {
			p.Text(2, 2, "fix: "+f.Fix, table.Plain)
		}
		if f.Ignored != "" {
			p.Text(2, 2, "ignored: "+f.Ignored, table.Plain)
		}
	}
	if len(r.Items) > 0 {
		p.Blank()
	}
	s := r.Summary
	p.Text(0, 2, fmt.Sprintf("%d critical, %s, %s, %d ignored", s["Critical"], counted(s["Warning"], "warning"), counted(s["Info"], "info"),
		s["ignored"]), table.Plain)
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// whereIs names the object, and the file and line, or the node.
func whereIs(f *kinds.AuditFinding) string {
	where := strings.ToLower(f.Object.Kind) + "/" + f.Object.Name
	if f.Namespace != "" {
		where += " -n " + f.Namespace
	}
	if f.Container != "" {
		where += ", container " + f.Container
	}
	switch {
	case f.File != "":
		where += fmt.Sprintf(" (%s:%d)", text.Printable(f.File), f.Line)
	case f.Nodes > 1:
		where += fmt.Sprintf(" (on %d nodes)", f.Nodes)
	case f.Object.Kind != "Node":
		where += " (on " + f.Node + ")"
	}
	return where
}
