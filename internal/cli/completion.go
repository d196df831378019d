package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/clusterread"
)

const completionLong = `Print the script that completes commands, flags, and the names of nodes, pods and workloads.

Under kubectl, completion goes by a program of its own: put one named kubectl_complete-killorder on the
PATH that calls "kubectl-killorder __complete" with its arguments.`

const completionExample = `  # This shell, for kubectl-killorder
  source <(kubectl-killorder completion bash)

  # kubectl killorder, in any shell that completes kubectl
  printf '#!/bin/sh\nexec kubectl-killorder __complete "$@"\n' > ~/bin/kubectl_complete-killorder
  chmod +x ~/bin/kubectl_complete-killorder`

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(e *env) *cobra.Command {
	return &cobra.Command{
		Use:       "completion (" + strings.Join(shells, "|") + ")",
		Short:     "Print a script that completes names",
		Long:      completionLong,
		Example:   completionExample,
		Args:      arguments(cobra.ExactArgs(1)),
		ValidArgs: shells,

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(e.Out, true)
			case "zsh":
				return root.GenZshCompletion(e.Out)
			case "fish":
				return root.GenFishCompletion(e.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(e.Out)
			}
			return wrongUsage("no completion for %q, only for %s", args[0], strings.Join(shells, ", "))
		},
	}
}

// completionTimeout is how long somebody who pressed Tab waits.
const completionTimeout = 3 * time.Second

// completeNodes completes the names of nodes that are not on the command line yet, at most as many as the command takes.
func (e *env) completeNodes(most int) cobra.CompletionFunc {
	return e.complete(most, func(ctx context.Context, config *rest.Config, _ string) ([]string, error) {
		return clusterread.NodeNames(ctx, config)
	})
}

// completeSubjects completes the names of pods and workloads.
func (s *subjects) completeSubjects(most int) cobra.CompletionFunc {
	return s.complete(most, func(ctx context.Context, config *rest.Config, typed string) ([]string, error) {
		namespace := s.namespace
		if namespace == "" {
			var err error
			if namespace, err = s.kube.namespace(); err != nil {
				return nil, err
			}
		}
		return clusterread.SubjectNames(ctx, config, namespace, typed)
	})
}

func (e *env) complete(most int, list func(ctx context.Context, config *rest.Config, typed string) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		config, err := e.kube.restConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		names, err := list(ctx, config, typed)
		if err != nil {
			return cobra.AppendActiveHelp(nil, fmt.Sprintf("names could not be read: %v", err)), cobra.ShellCompDirectiveNoFileComp
		}
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, typed) || slices.Contains(args, n) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
