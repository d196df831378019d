package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/cli/report"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/snapshot"
)

const reportLong = `Write one page about the whole cluster, for people.

The page shows all nodes by headroom, who dies first on each and whether that is the right one, the
critical pods at risk, the kills that the cluster still shows, and the findings by workload. The page is
one file without JavaScript: it loads nothing from anywhere, prints well, and holds the summaries as JSON.
Names of pods and workloads are in the file: share the page as you would share the output of kubectl get.`

const reportExample = `  # The cluster of the kubeconfig
  kubectl killorder report -o report.html

  # A must-gather that somebody sent, to standard output
  kubectl killorder report -f must-gather/ -o - > report.html`

type reporting struct {
	input
	path string
}

func newReport(e *env) *cobra.Command {
	r := &reporting{input: input{env: e}}
	cmd := &cobra.Command{
		Use:     "report -o FILE [-f PATH]...",
		Short:   "Write one page about the whole cluster",
		Long:    reportLong,
		Example: reportExample,
		Args:    arguments(cobra.NoArgs),

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.input.validate(); err != nil {
				return err
			}
			if r.path == "" {
				return wrongUsage("--output is required: the file to write, or - for standard output")
			}
			return r.run(cmd.Context())
		},
	}
	r.input.addFlags(cmd.Flags())
	cmd.Flags().StringVarP(&r.path, "output", "o", "", "File to write; - is standard output")
	return cmd
}

func (r *reporting) run(ctx context.Context) error {
	t := &answer.Trail{}
	in := &report.Input{GeneratedAt: time.Now(), Version: built().Version}
	s, err := r.gather(ctx, t, in)
	if err != nil {
		return err
	}
	nodes, notes, err := judge(s, nil, defaultTop)
	if err != nil {
		return err
	}
	in.Notes = append(append(in.Notes, s.Notes...), notes...)
	for i := range nodes {
		in.Orders = append(in.Orders, &nodes[i].order)
	}
	in.Deaths = t.Diagnose(func(k *forensics.Record) bool { return k.Killed() }, 0).Items
	var page bytes.Buffer
	if err := report.Write(&page, in); err != nil {
		return err
	}
	if r.path == "-" {
		_, err := r.Out.Write(page.Bytes())
		return err
	}
	if err := os.WriteFile(r.path, page.Bytes(), 0o600); err != nil { // the page names pods: it is the user's own
		return fmt.Errorf("output: %w", err)
	}
	fmt.Fprintf(r.Err, "%s: %d nodes, %d KiB\n", r.path, len(in.Orders), page.Len()>>10)
	return nil
}

// gather reads the cluster or the snapshot, and the traces of deaths in it.
func (r *reporting) gather(ctx context.Context, t *answer.Trail, in *report.Input) (*snapshot.Snapshot, error) {
	if len(r.paths) > 0 {
		in.Source = strings.Join(r.paths, ", ")
		return r.readTrail(ctx, t, false)
	}
	config, err := r.kube.restConfig()
	if err != nil {
		return nil, err
	}
	in.Source = config.Host
	traces := tracesInto(t)
	c, err := r.read(ctx, clusterread.Want{Traces: &traces, EveryKubelet: true})
	if err != nil {
		return nil, err
	}
	return c.Snapshot, nil
}
