package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/cluster"
	"github.com/killorder/killorder/test/cluster/kubelets"
	"github.com/killorder/killorder/test/cluster/scenario"
	"github.com/killorder/killorder/test/scale/figures"
)

// LiveOptions of a run that measures commands of the plugin beside kubectl.
type LiveOptions struct {
	// Root is the repository. Its bin/ has kubectl-killorder.
	Root  string
	Nodes int
	// Kubeconfig of a cluster that runs already; "" starts one with the pods of test/cluster/scenarios/large.yaml.
	Kubeconfig string
	// Rounds: in each, every command runs once, one after the other, so that all meet the same load.
	Rounds   int
	Progress io.Writer
}

// Live measures rank, explain and kubectl on a cluster whose API server forwards to the simulated kubelets, and a bare client
// that asks all kubelets for the two answers which rank reads, and does nothing with them.
func Live(ctx context.Context, o LiveOptions) (*figures.Live, error) {
	stop := func() {}
	if o.Kubeconfig == "" {
		c, err := liveCluster(ctx, &o)
		if err != nil {
			return nil, err
		}
		stop = c.Stop
		o.Kubeconfig = c.Kubeconfig()
	}
	defer stop()
	l := &live{LiveOptions: o, Live: &figures.Live{Date: time.Now().UTC().Format(time.DateOnly)}}
	if err := machine(&l.Machine); err != nil {
		return nil, err
	}
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	for round := range o.Rounds {
		if err := l.round(ctx); err != nil {
			return nil, err
		}
		if err := addLoad(&l.Machine); err != nil {
			return nil, err
		}
		fmt.Fprintf(o.Progress, "round %d of %d\n", round+1, o.Rounds)
	}
	return l.Live, nil
}

// live is a run.
type live struct {
	LiveOptions
	*figures.Live
	kubectl string
	client  rest.Interface
	// pod is what explain is asked for beside the workload, which has replicas on all nodes.
	pod   string
	nodes []string
}

// The workload that explain is measured with: ten replicas on each node of the scenario.
const (
	liveNamespace = "shop"
	liveWorkload  = "deployment/web"
)

// liveCluster starts a cluster with the pods of the scenario that the plugin is measured with.
func liveCluster(ctx context.Context, o *LiveOptions) (*cluster.Cluster, error) {
	address, ok := kubelets.MachineAddress()
	if !ok {
		return nil, errors.New("this machine has no address that an API server forwards to, only loopback and link-local ones")
	}
	model, err := liveModel(o)
	if err != nil {
		return nil, err
	}
	programs, err := binaries.Find(ctx, binaries.Options{Root: o.Root, Kubectl: true, MetricsServer: true, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Binaries: programs, Scenario: model, NodeAddress: address, Resolution: time.Minute, Progress: o.Progress,
	})
	if err != nil {
		return nil, err
	}
	if err := c.WaitForMetrics(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func liveModel(o *LiveOptions) (*scenario.Model, error) {
	file := filepath.Join(o.Root, "test", "cluster", "scenarios", "large.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	const all = "count: 5000"
	if strings.Count(string(text), all) != 1 {
		return nil, fmt.Errorf("%s: want one %q to replace", file, all)
	}
	return scenario.Parse([]byte(strings.Replace(string(text), all, fmt.Sprintf("count: %d", o.Nodes), 1)))
}

// look at the cluster: how many nodes and pods there are.
func (l *live) look(ctx context.Context) error {
	programs, err := binaries.Find(ctx, binaries.Options{Root: l.Root, Kubectl: true, Progress: l.Progress})
	if err != nil {
		return err
	}
	l.kubectl = programs.Kubectl
	config, err := clientcmd.BuildConfigFromFlags("", l.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	l.client = api.CoreV1().RESTClient()
	nodes, err := api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range nodes.Items {
		l.nodes = append(l.nodes, nodes.Items[i].Name)
	}
	pods, err := api.CoreV1().Pods(liveNamespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	if len(pods.Items) == 0 || len(l.nodes) == 0 {
		return fmt.Errorf("the cluster has %d nodes, and %d pods in namespace %q", len(l.nodes), len(pods.Items), liveNamespace)
	}
	l.pod = "pod/" + pods.Items[0].Name
	l.Live.Nodes = len(l.nodes)
	return nil
}

// round runs everything once.
func (l *live) round(ctx context.Context) error {
	plugin, kubeconfig := filepath.Join(l.Root, "bin", "kubectl-killorder"), "--kubeconfig="+l.Kubeconfig
	for _, c := range []struct {
		to   *[]figures.Command
		path string
		args []string
	}{
		{&l.Rank, plugin, []string{"rank"}},
		{&l.Get, l.kubectl, []string{"get", "pods", "-A", "-o", "json"}},
		{&l.ExplainWorkload, plugin, []string{"explain", liveWorkload, "-n", liveNamespace}},
		{&l.ExplainPod, plugin, []string{"explain", l.pod, "-n", liveNamespace}},
	} {
		took, err := run(ctx, false, c.path, append(c.args, kubeconfig)...)
		if err != nil {
			return err
		}
		*c.to = append(*c.to, taken(took))
	}
	began := time.Now()
	err := l.askKubelets(ctx)
	l.Bare = append(l.Bare, figures.Seconds(time.Since(began)))
	return err
}

// askKubelets reads the two answers of all kubelets through the API server, with as many requests at a time as rank.
func (l *live) askKubelets(ctx context.Context) error {
	return together(l.nodes, func(node string) error { return l.askKubelet(ctx, node) })
}

func (l *live) askKubelet(ctx context.Context, node string) error {
	for _, path := range []string{"stats/summary", "configz"} {
		body, err := l.client.Get().Resource("nodes").Name(node).SubResource("proxy").Suffix(path).
			Param("only_cpu_and_memory", "true").Stream(ctx)
		if err != nil {
			return fmt.Errorf("kubelet of %s: %w", node, err)
		}
		_, err = io.Copy(io.Discard, body)
		if err := errors.Join(err, body.Close()); err != nil {
			return fmt.Errorf("kubelet of %s: %w", node, err)
		}
	}
	return nil
}
