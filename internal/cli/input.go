package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/snapshot"
)

// input is where a command reads a cluster's state: the cluster itself, or a snapshot.
type input struct {
	*env
	paths []string
	// kept is standard input, where it had to be looked into before it was read; else nil.
	kept []byte
	// pod sees each Pod of a snapshot, if it is there.
	pod func(*corev1.Pod)
}

func (in *input) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&in.paths, "filename", "f", nil,
		"Read a snapshot in place of the cluster: a file, folder or archive, or - for standard input; may be repeated")
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

// read reads what is wanted; a snapshot is read whole.
func (in *input) read(ctx context.Context, want clusterread.Want) (*clusterread.Cluster, error) {
	p := newProgress(in.Err)
	defer p.done()
	if len(in.paths) > 0 {
		s, err := snapshot.Read(ctx, snapshot.Options{
			Paths: in.paths, Stdin: in.In, Pod: in.pod,
			Progress: func(n int) { p.say(func() string { return fmt.Sprintf("objects read: %d", n) }) },
		})
		return &clusterread.Cluster{Snapshot: s}, err
	}
	config, err := in.kube.restConfig()
	if err != nil {
		return nil, err
	}
	return clusterread.Read(ctx, config, want, p.say)
}

// Which kubelets are asked.
const (
	kubeletsAuto = "auto"
	kubeletsAll  = "all"
)

func addKubelets(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "kubelets", kubeletsAuto,
		"Which kubelets to ask: auto (of more than 100 nodes, those with less than a quarter of their memory left)|all")
}

// kubeletsWanted returns an error of wrong usage, unless the value is one that the flag may have, or there is no flag.
func kubeletsWanted(value string) error {
	return oneOf("kubelets", cmp.Or(value, kubeletsAuto), []string{kubeletsAuto, kubeletsAll})
}
