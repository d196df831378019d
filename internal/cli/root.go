// Package cli is the commands of kubectl-killorder: one file a command, and beside them what commands share: input,
// output, errors.
package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/cli/text"
)

// Streams are where commands read and write.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// env is what every command has.
type env struct {
	Streams
	kube   *kubeconfig
	colour string
}

// Run runs a command line and returns its exit status. Errors are one line on streams.Err.
func Run(ctx context.Context, args []string, streams Streams) int {
	// Client libraries log what ends up in the error as well.
	klog.SetLogger(logr.Discard())
	root := newRoot(&env{Streams: streams, kube: newKubeconfig()})
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitFine
	}
	if ctx.Err() != nil {
		return exitUnreadable // whoever interrupted the command knows why
	}
	fmt.Fprintln(streams.Err, "error:", text.OneLine(err.Error()))
	status := statusOf(err)
	if status == exitUsage {
		fmt.Fprintf(streams.Err, "See '%s --help' for usage.\n", cmd.CommandPath())
	}
	return status
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-killorder",
		Short: "Who dies first when a node runs out of memory",
		Long: `Who dies first when a node runs out of memory, and by which killer.

Two killers choose by two different rules, and neither is "who caused it": the kubelet evicts whole
pods, ordered by whether they exceed their request, by priority, and by how far they exceed it; the
kernel kills the container with the largest sum of memory and oom_score_adj thousandths of all memory.`,
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl killorder"},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              knownCommand,

		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(e.In)
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &statusError{err, exitUsage} })
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return oneOf("color", e.colour, colours) }
	e.kube.addFlags(root.PersistentFlags())
	root.PersistentFlags().StringVar(&e.colour, "color", string(table.ColourAuto), "Colour in tables: "+strings.Join(colours, "|"))
	root.AddCommand(
		newRank(e),
		newExplain(e),
		newWhatIf(e),
		newSimulate(e),
		newDiagnose(e),
		newReport(e),
		newAudit(e),
		newSnapshot(e),
		newCompletion(e),
		newVersion(e),
	)
	return root
}

// knownCommand refuses what is no command, and suggests those of a similar name.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return wrongUsage("unknown command %q for %q: did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, ", "))
	}
	return wrongUsage("unknown command %q for %q", args[0], cmd.CommandPath())
}

var colours = []string{string(table.ColourAuto), string(table.ColourAlways), string(table.ColourNever)}

// oneOf returns an error of wrong usage for a flag's value that is not among those allowed.
func oneOf(flag, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return wrongUsage("invalid value %q for --%s, must be one of %s", value, flag, strings.Join(allowed, ", "))
}
