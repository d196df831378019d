// Command ship makes what is handed out of what config/ and the file VERSION say: manifests, the Helm chart, the bundle
// for the Operator Lifecycle Manager, and the archives of the kubectl plugin.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/killorder/killorder/tools/ship/bundle"
	"github.com/killorder/killorder/tools/ship/chart"
	"github.com/killorder/killorder/tools/ship/install"
	"github.com/killorder/killorder/tools/ship/objects"
	"github.com/killorder/killorder/tools/ship/plugin"
)

// parts by name, as `make` calls them.
var parts = map[string]func(root, version string) error{
	"install":   install.Write,
	"chart":     chart.Write,
	"bundle":    bundle.Write,
	"community": bundle.Community,
	"plugin":    plugin.Write,
}

func main() {
	root := flag.String("root", "../..", "folder of the repository")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: ship [-root FOLDER] PART...")
		flag.PrintDefaults()
	}
	flag.Parse()
	version, err := objects.Version(*root)
	for _, name := range flag.Args() {
		part, known := parts[name]
		if !known {
			err = fmt.Errorf("no part %q", name)
		}
		if err == nil {
			err = part(*root, version)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ship:", err)
		os.Exit(1)
	}
}
