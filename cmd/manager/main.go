// Command manager is the killorder operator.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/killorder/killorder/internal/app"
	"github.com/killorder/killorder/internal/options"
)

// version is set when a release is built.
var version = "dev"

// garbagePercent of what is in use may be garbage before it is collected. With 75 the peak of 5,000 nodes was 529 MiB, a tenth more, and
// collecting a quarter more often costs 3% of the CPU time: garbage collection is a sixth of a pass.
const garbagePercent = 60

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	o, logs := &options.Options{}, &zap.Options{}
	o.Bind(flag.CommandLine)
	logs.BindFlags(flag.CommandLine)
	flag.Usage = usage
	flag.Parse()
	logger := zap.New(zap.UseFlagOptions(logs))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger) // client-go's own
	log := ctrl.Log.WithName("setup")
	if err := o.Validate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		log.Error(err, "no cluster to work on")
		os.Exit(1)
	}
	log.Info("starting", "version", version)
	if err := app.Run(ctrl.SetupSignalHandler(), config, o, clock.RealClock{}); err != nil {
		log.Error(err, "stopped")
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `manager keeps a NodeKillOrder for every Node: who dies first if it runs out of memory.

Usage: manager [flags]

It works on the cluster it runs in, or on that of --kubeconfig or $KUBECONFIG outside of one.

Flags:
`)
	flag.PrintDefaults()
}
