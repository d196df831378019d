// Consumer is a controller that acts on what killorder says, to copy from: it cordons a node while the condition
// CriticalAtRisk of its NodeKillOrder is True. By default it only asks the API server whether it might.
package main

import (
	"flag"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	killorder "github.com/killorder/killorder/api/v1alpha1"
)

func main() {
	dryRun := flag.Bool("dry-run", true, "let the API server check each change, and change nothing")
	most := flag.Int("most", 1, "nodes that are cordoned at once, at most")
	flag.Parse()
	ctrl.SetLogger(zap.New().WithValues("dryRun", *dryRun))
	if err := run(*dryRun, *most); err != nil {
		ctrl.Log.Error(err, "stopped")
		os.Exit(1)
	}
}

func run(dryRun bool, most int) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, killorder.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: server.Options{BindAddress: "0"},
		Client:  client.Options{DryRun: &dryRun, FieldOwner: "killorder-consumer"},
	})
	if err != nil {
		return err
	}
	c := &cordoner{Client: manager.GetClient(), live: manager.GetAPIReader(), most: most}
	err = ctrl.NewControllerManagedBy(manager).For(&killorder.NodeKillOrder{}).
		Complete(reconcile.AsReconciler[*killorder.NodeKillOrder](manager.GetClient(), c))
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}
