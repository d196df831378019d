package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/demo"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// runDemo is what hack/demo.sh runs once everything is built.
func runDemo(ctx context.Context, args []string) error {
	flags := newFlags("demo")
	root := rootFlag(flags)
	file := flags.String("scenario", "", "scenario `file`: the story")
	manager := flags.String("manager", "", "the operator's `program`")
	plugin := flags.String("plugin", "", "the kubectl plugin's `program`")
	dir := flags.String("dir", "", "new `folder` for everything the cluster writes; removed at the end")
	metrics := flags.Bool("metrics-server", false, "also run metrics-server; the operator reads the simulated kubelets in both cases")
	stay := flags.Bool("stay", false, "keep the cluster up after the last scene, until Ctrl-C")
	color := flags.Bool("color", false, "print in color")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *file == "" || *manager == "" || *plugin == "" {
		return errors.New("demo: --scenario, --manager and --plugin are needed")
	}
	model, err := scenario.Load(*file)
	if err != nil {
		return err
	}
	for _, path := range []*string{manager, plugin} { // the programs run in the cluster's folder
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	programs, err := wanted(*root)
	if err != nil {
		return err
	}
	programs.MetricsServer = *metrics
	set, err := binaries.Find(ctx, programs)
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{
		Root: programs.Root, Binaries: set, Manager: *manager, Plugin: *plugin, Scenario: model,
		Dir: *dir, Stay: *stay, Color: *color, Out: os.Stdout,
	})
}
