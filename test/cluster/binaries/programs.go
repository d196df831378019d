package binaries

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// program is something that is built from a module under builds/.
type program struct {
	name string
	// module is the folder under builds/; from is the module required there
	// whose version is the program's.
	module, from, pkg string
	// version are the linker variables that get the version.
	version []string
	// effort is what a first build takes on 2 idle cores, with the programs
	// before it in Find's order already built: most packages are shared.
	effort string
}

const (
	// shared is the module of all programs that have packages in common. One
	// module means one version of each package, so each is compiled once.
	shared           = "kubernetes"
	kubernetesModule = "k8s.io/kubernetes"
	componentVersion = "k8s.io/component-base/version."
)

var (
	apiServer = kubernetesProgram("kube-apiserver", "about 6 minutes on 2 cores")
	etcd      = program{
		name: "etcd", module: shared, from: "go.etcd.io/etcd/server/v3", pkg: "go.etcd.io/etcd/server/v3",
		effort: "about 20 seconds on 2 cores",
	}
	kubectl       = kubernetesProgram("kubectl", "about 40 seconds on 2 cores")
	metricsServer = program{
		name: "metrics-server", module: shared, from: "sigs.k8s.io/metrics-server",
		pkg:     "sigs.k8s.io/metrics-server/cmd/metrics-server",
		version: []string{componentVersion + "gitVersion", "sigs.k8s.io/metrics-server/pkg/version.Version"},
		effort:  "about 30 seconds on 2 cores",
	}
	// stateMetrics has a module of its own: the program does not compile with the Kubernetes libraries of the others.
	stateMetrics = program{
		name: "kube-state-metrics", module: "kube-state-metrics", from: "k8s.io/kube-state-metrics/v2",
		pkg:     "k8s.io/kube-state-metrics/v2",
		version: []string{"github.com/prometheus/common/version.Version"},
		effort:  "about 2 minutes on 2 cores",
	}
	// controlPlane is what no cluster can do without.
	controlPlane = []program{apiServer, etcd}
)

func kubernetesProgram(name, effort string) program {
	return program{
		name: name, module: shared, from: kubernetesModule, pkg: kubernetesModule + "/cmd/" + name,
		version: []string{componentVersion + "gitVersion"}, effort: effort,
	}
}

// requiredVersion reads from a go.mod which version of a module it requires.
func requiredVersion(goMod, module string) (string, error) {
	data, err := os.ReadFile(goMod)
	if err != nil {
		return "", err
	}
	line := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + ` (v\S+)`)
	match := line.FindSubmatch(data)
	if match == nil {
		return "", fmt.Errorf("%s: does not require %s", goMod, module)
	}
	return string(match[1]), nil
}

// linkerFlags put the version where the program looks for it. Kubernetes'
// clients read the major and minor number too.
func linkerFlags(p program, version string) string {
	flags := []string{"-s", "-w"}
	for _, variable := range p.version {
		flags = append(flags, "-X", variable+"="+version)
	}
	if p.from == kubernetesModule {
		parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
		flags = append(flags, "-X", componentVersion+"gitMajor="+parts[0], "-X", componentVersion+"gitMinor="+parts[1])
	}
	return strings.Join(flags, " ")
}

// Root finds the repository above a folder.
func Root(from string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "test", "cluster", "builds")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no folder above %s has test/cluster/builds: say where the repository is with --root", from)
		}
	}
}
