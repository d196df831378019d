package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/snapshot"
)

// input is where a command reads a cluster's state: the cluster itself, or a snapshot.
type input struct {
	*env
	paths []string
}

func (in *input) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&in.paths, "filename", "f", nil,
		"Read a snapshot in place of the cluster: a file, a folder, or - for standard input; may be repeated")
}

// validate returns an error of wrong usage.
func (in *input) validate() error {
	stdin := 0
	for _, path := range in.paths {
		switch path {
		case "":
			return wrongUsage(`invalid value "" for --filename, must be a path or -`)
		case snapshot.Stdin:
			stdin++
		}
	}
	if stdin > 1 {
		return wrongUsage("standard input can be read only once: --filename - given %d times", stdin)
	}
	return nil
}

// read reads the named nodes with their pods, or all if none is named.
func (in *input) read(ctx context.Context, nodes []string) (*snapshot.Snapshot, error) {
	p := newProgress(in.Err)
	defer p.done()
	if len(in.paths) > 0 {
		return snapshot.Read(ctx, snapshot.Options{
			Paths: in.paths, Stdin: in.In,
			Progress: func(n int) { p.say(func() string { return fmt.Sprintf("objects read: %d", n) }) },
		})
	}
	config, err := in.kube.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	c, err := clusterread.Read(ctx, config, clusterread.Want{Nodes: nodes}, p.say)
	if err != nil {
		return nil, err
	}
	return c.Snapshot, nil
}
