// Package cli is the commands of kubectl-killorder.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/klog/v2"
)

// Exit statuses.
const (
	exitFine = iota
	// exitUnreadable: the input or the cluster could not be read.
	exitUnreadable
	// exitUsage: no such command, flag or value.
	exitUsage
)

// Streams are where commands read and write.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run runs a command line and returns its exit status. Errors are one line on streams.Err.
func Run(ctx context.Context, args []string, streams Streams) int {
	// Client libraries log what ends up in the error as well.
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	root := newRoot(ctx, streams)
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitFine
	}
	fmt.Fprintln(streams.Err, "error:", oneLine(err.Error()))
	if unreadable := (*unreadableError)(nil); errors.As(err, &unreadable) {
		return exitUnreadable
	}
	fmt.Fprintf(streams.Err, "See '%s --help' for usage.\n", cmd.CommandPath())
	return exitUsage
}

// unreadableError is an input or a cluster that could not be read; every other error is wrong usage.
type unreadableError struct{ error }

func (e *unreadableError) Unwrap() error { return e.error }

func unreadable(format string, args ...any) error {
	return &unreadableError{fmt.Errorf(format, args...)}
}

// oneLine keeps an error on one line, and control characters from elsewhere off the terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func newRoot(ctx context.Context, streams Streams) *cobra.Command {
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
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	kube := kubeFlags()
	kube.AddFlags(root.PersistentFlags())
	root.AddCommand(newRank(ctx, streams, kube), newVersion(streams))
	return root
}

// kubeFlags are kubectl's, without the namespace: a node's order is of all its pods or it is not one. Nothing is
// cached.
func kubeFlags() *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true)
	flags.Namespace, flags.CacheDir = nil, nil
	return flags
}
