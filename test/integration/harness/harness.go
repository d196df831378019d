// Package harness starts what the integration suites need: a control plane, the operator as a process of its own
// and, for usage, a whole simulated cluster with the real metrics-server.
package harness

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
)

// Root of the repository: a test runs in the folder of its package, and the root is the nearest folder above with the go.mod
// of the main module; suites may have a module of their own. The path of this source file would do as well, but for builds
// with -trimpath.
func Root() string {
	dir, err := os.Getwd()
	for err == nil {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/killorder/killorder\n") {
			return dir
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	panic("no go.mod of github.com/killorder/killorder above the folder of this test")
}

// ControlPlane starts a kube-apiserver and etcd with the CRDs, for the length of the suite. KUBEBUILDER_ASSETS
// says where their binaries are; `make test-integration` sets it.
func ControlPlane() *envtest.Environment {
	ginkgo.GinkgoHelper()
	log.SetLogger(ginkgo.GinkgoLogr)
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(Root(), "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		// Suites start side by side: envtest's own 20 s are short for several API servers on two processors.
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	_, err := env.Start()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	ginkgo.DeferCleanup(env.Stop)
	return env
}

// Client of the API server, uncached.
func Client(config *rest.Config) client.Client {
	ginkgo.GinkgoHelper()
	scheme := apiruntime.NewScheme()
	gomega.Expect(clientgoscheme.AddToScheme(scheme)).To(gomega.Succeed())
	gomega.Expect(v1alpha1.AddToScheme(scheme)).To(gomega.Succeed())
	c, err := client.New(config, client.Options{Scheme: scheme})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return c
}

// BuildOperator builds the operator with the race detector. The first suite that comes does, the others take its file.
func BuildOperator() string {
	ginkgo.GinkgoHelper()
	return BuildRace("manager", "./cmd/manager")
}

// BuildRace builds a program of the main module with the race detector.
func BuildRace(name, pkg string) string {
	ginkgo.GinkgoHelper()
	return build(Root(), name, pkg, "CGO_ENABLED=1", "GOFLAGS="+os.Getenv("GOFLAGS")+" -race")
}

// BuildPlugin builds the plugin.
func BuildPlugin() string {
	ginkgo.GinkgoHelper()
	return build(Root(), "kubectl-killorder", "./cmd/kubectl-killorder", "CGO_ENABLED=0")
}

// BuildConsumer builds examples/consumer.
func BuildConsumer() string {
	ginkgo.GinkgoHelper()
	return build(filepath.Join(Root(), "examples", "consumer"), "consumer", ".", "CGO_ENABLED=0")
}

// build a program of a module into bin/test. Suites run side by side, so each waits for its turn; whoever comes later
// finds that nothing is to be done.
func build(module, name, pkg string, env ...string) string {
	ginkgo.GinkgoHelper()
	dir := filepath.Join(Root(), "bin", "test")
	gomega.Expect(os.MkdirAll(dir, 0o750)).To(gomega.Succeed())
	lock, err := os.OpenFile(filepath.Join(dir, "."+name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	defer lock.Close()
	gomega.Expect(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)).To(gomega.Succeed())
	path := filepath.Join(dir, name)
	command := exec.Command("go", "build", "-C", module, "-o", path, pkg)
	command.Env = append(os.Environ(), env...)
	text, err := command.CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), string(text))
	return path
}

// Operator is a running operator.
type Operator struct {
	*gexec.Session
}

// StartOperator starts the operator against a cluster; it is stopped after the spec or container that started
// it. Its log goes to Ginkgo's.
func StartOperator(path, kubeconfig string, args ...string) *Operator {
	ginkgo.GinkgoHelper()
	command := exec.Command(path, append([]string{
		"--kubeconfig=" + kubeconfig, "--metrics-bind-address=0", "--health-probe-bind-address=0",
	}, args...)...)
	session, err := gexec.Start(command, ginkgo.GinkgoWriter, ginkgo.GinkgoWriter)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	o := &Operator{session}
	ginkgo.DeferCleanup(o.Stop)
	return o
}

// Stop asks the operator to stop and expects that it does, in peace.
func (o *Operator) Stop() {
	ginkgo.GinkgoHelper()
	if o.ExitCode() != -1 {
		return
	}
	o.Terminate()
	gomega.Eventually(o, time.Minute).Should(gexec.Exit(0))
}

// WriteKubeconfig for a user of the control plane.
func WriteKubeconfig(env *envtest.Environment) string {
	ginkgo.GinkgoHelper()
	path := filepath.Join(ginkgo.GinkgoT().TempDir(), "kubeconfig")
	gomega.Expect(os.WriteFile(path, env.KubeConfig, 0o600)).To(gomega.Succeed())
	return path
}

// Cluster is a running simulated cluster.
type Cluster struct {
	program    string
	Kubeconfig string
	Config     *rest.Config
	Dir        string
}

// StartCluster starts etcd, kube-apiserver, the real metrics-server and simulated kubelets from a scenario, with
// the CRDs, for the length of the suite.
func StartCluster(scenario string) *Cluster {
	ginkgo.GinkgoHelper()
	dir := filepath.Join(ginkgo.GinkgoT().TempDir(), "cluster")
	program := build(filepath.Join(Root(), "test", "cluster"), "cluster", "./cmd/cluster", "CGO_ENABLED=0")
	command := exec.Command(program, "up",
		"--root", Root(), "--scenario", scenario, "--dir", dir, "--stop-with-parent")
	command.Stderr = ginkgo.GinkgoWriter
	out, err := command.StdoutPipe()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(command.Start()).To(gomega.Succeed())
	ginkgo.DeferCleanup(func() {
		gomega.Expect(command.Process.Signal(syscall.SIGTERM)).To(gomega.Succeed())
		gomega.Expect(command.Wait()).To(gomega.Succeed())
		gomega.Expect(dir).NotTo(gomega.BeADirectory(), "the cluster leaves nothing behind")
	})
	c := &Cluster{program: program, Kubeconfig: firstLine(out), Dir: dir}
	c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	_, err = envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(Root(), "config", "crd", "bases")}, ErrorIfPathMissing: true,
	})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return c
}

// MetricsServer stops or starts the cluster's metrics-server.
func (c *Cluster) MetricsServer(ctx context.Context, stopOrStart string) {
	ginkgo.GinkgoHelper()
	c.control(ctx, stopOrStart, "metrics-server")
}

// Crash ends etcd or kube-apiserver with SIGKILL.
func (c *Cluster) Crash(ctx context.Context, program string) {
	ginkgo.GinkgoHelper()
	c.control(ctx, "crash", program)
}

// Restart starts what Crash ended, at its address and with its data, and waits until the API server answers.
func (c *Cluster) Restart(ctx context.Context, program string) {
	ginkgo.GinkgoHelper()
	c.control(ctx, "start", program)
}

func (c *Cluster) control(ctx context.Context, command, program string) {
	ginkgo.GinkgoHelper()
	out, err := exec.CommandContext(ctx, c.program, command, program, "--dir", c.Dir).CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), string(out))
}

func firstLine(out io.Reader) string {
	ginkgo.GinkgoHelper()
	line, err := bufio.NewReader(out).ReadString('\n')
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "the cluster did not come up: see its log above")
	return strings.TrimSpace(line)
}
