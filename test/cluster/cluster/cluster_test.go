package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/scenario"
)

const small = `
apiVersion: cluster.killorder.io/v1
kind: Scenario
priorityClasses: [{name: important, value: 100000}]
nodes:
- {name: worker, count: 2, capacity: {memory: 8Gi}, system: {other: 1Gi}}
- {name: gone, capacity: {memory: 8Gi}, kubelet: {unreachable: true}}
pods:
- {name: web, namespace: shop, owner: Deployment, priorityClass: important, containers: [{name: app, usage: 300Mi}, {name: proxy, sidecar: true, usage: 20Mi}]}
- {name: db, namespace: data, owner: StatefulSet, containers: [{name: db, usage: 1Gi, requests: {cpu: 1, memory: 2Gi}, limits: {cpu: 1, memory: 2Gi}}]}
- {name: etcd, namespace: kube-system, owner: Node, priorityClass: system-node-critical, containers: [{name: etcd, usage: 100Mi}]}
- {name: broken, namespace: shop, state: ImagePullBackOff, nodes: [worker-1], containers: [{name: app}]}
`

// programs skips the test where the programs are not built: that takes longer
// than unit tests may.
func programs(t *testing.T) binaries.Set {
	t.Helper()
	root, err := binaries.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	set, err := binaries.Find(t.Context(), binaries.Options{Root: root, MetricsServer: true, Progress: t.Output(), Offline: true})
	if errors.Is(err, binaries.ErrMissing) {
		t.Skipf("%v: run 'go run ./cmd/cluster binaries' first", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestCluster(t *testing.T) {
	set := programs(t)
	model, err := scenario.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "cluster")
	c, err := Start(ctx, Options{Dir: dir, Binaries: set, Scenario: model, Resolution: 10 * time.Second, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	pids := pidsIn(t, dir)
	defer func() {
		c.Stop()
		checkNothingLeft(t, c, pids)
	}()
	if err := c.WaitForMetrics(ctx); err != nil {
		t.Fatal(err)
	}
	checkObjects(ctx, t, c)
	checkPodMetrics(ctx, t, c)
	checkMetricsServerStops(ctx, t, c)
	checkChange(ctx, t, c)
	checkEviction(ctx, t, c)
	checkCrashes(ctx, t, c)
	if _, err := Start(ctx, Options{Dir: dir, Progress: t.Output()}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a second cluster in the same folder: %v", err)
	}
}

func checkObjects(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	pods, err := c.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=worker-1"})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for i := range pods.Items {
		p := &pods.Items[i]
		have[strings.SplitN(p.Name, "-", 2)[0]] = fmt.Sprint(p.Status.Phase, " ", p.Status.QOSClass, " ", *p.Spec.Priority)
	}
	want := map[string]string{"web": "Running BestEffort 100000", "db": "Running Guaranteed 0", "etcd": "Running BestEffort 2000001000", "broken": "Pending BestEffort 0"}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("pods of worker-1:\nhave %v\nwant %v", have, want)
	}
	node, err := c.client.CoreV1().Nodes().Get(ctx, "worker-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(node.Spec.Taints) > 0 || node.Status.NodeInfo.KubeletVersion != "v1.37.2" || node.Status.Conditions[3].Type != corev1.NodeReady {
		t.Errorf("node: %+v", node)
	}
}

// checkChange gives a pod limits that equal its requests.
func checkChange(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	old := c.Scenario.Nodes[0].Pods[0]
	amounts := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	successor, err := c.ChangePod(ctx, old, func(class *scenario.PodClass) {
		for i := range class.Containers {
			class.Containers[i].Resources.Limits = amounts
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	pods := c.client.CoreV1().Pods(old.Class.Namespace)
	if _, err := pods.Get(ctx, old.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the old pod: %v", err)
	}
	pod, err := pods.Get(ctx, successor.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if pod.Status.QOSClass != corev1.PodQOSGuaranteed || pod.Status.Phase != corev1.PodRunning || pod.Spec.NodeName != old.Node.Name {
		t.Errorf("the new pod: %s %s on %s", pod.Status.QOSClass, pod.Status.Phase, pod.Spec.NodeName)
	}
	if !slices.Contains(old.Node.Pods, successor) || slices.Contains(old.Node.Pods, old) {
		t.Error("the kubelet knows the old pod, or not the new one")
	}
}

// checkEviction reads what is left of a pod that a kubelet evicts.
func checkEviction(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	node := c.Scenario.Nodes[0]
	victim := node.Pods[slices.IndexFunc(node.Pods, func(p *scenario.Pod) bool { return p.Class.Name == "web" })]
	if err := c.Evict(ctx, victim, 90<<20); err != nil {
		t.Fatal(err)
	}
	pod, err := c.client.CoreV1().Pods(victim.Class.Namespace).Get(ctx, victim.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. "
	if pod.Status.Phase != corev1.PodFailed || pod.Status.Reason != "Evicted" || !strings.HasPrefix(pod.Status.Message, want) {
		t.Errorf("the pod: %s %s %q", pod.Status.Phase, pod.Status.Reason, pod.Status.Message)
	}
	events, err := c.client.CoreV1().Events(victim.Class.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Evicted"})
	if err != nil {
		t.Fatal(err)
	}
	if len(events.Items) != 1 || events.Items[0].InvolvedObject.UID != pod.UID || events.Items[0].Message != pod.Status.Message {
		t.Errorf("Events: %+v", events.Items)
	}
	object, err := c.client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if condition := object.Status.Conditions[0]; condition.Type != corev1.NodeMemoryPressure || condition.Status != corev1.ConditionTrue {
		t.Errorf("the node's first condition: %+v", condition)
	}
	if slices.Contains(node.Pods, victim) {
		t.Error("the kubelet still has the pod")
	}
}

// checkPodMetrics looks for what the real metrics-server makes of the answers:
// the pods of both reachable nodes, and none that does not run.
func checkPodMetrics(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	data, err := c.client.Discovery().RESTClient().Get().AbsPath(metricsAPI + "/pods").Do(ctx).Raw()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{`"name":"app","usage"`: 2, `"name":"proxy","usage"`: 2, `"name":"db","usage"`: 2, `"name":"etcd","usage"`: 2, `"memory":"300Mi"`: 2} {
		if have := strings.Count(string(data), text); have != want {
			t.Errorf("%s: %d times, want %d\n%s", text, have, want, data)
		}
	}
}

func checkMetricsServerStops(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	for _, step := range []struct {
		command string
		wantErr string
		served  bool
	}{
		{"start", "metrics-server is running already", true},
		{"stop", "", false},
		{"stop", "metrics-server is not running", false},
		{"start", "", true},
	} {
		err := Control(ctx, c.Dir, "metrics-server/"+step.command)
		if (err == nil) != (step.wantErr == "") || err != nil && !strings.Contains(err.Error(), step.wantErr) {
			t.Errorf("%s: %v, want %q", step.command, err, step.wantErr)
		}
		if served := c.metricsAPIServed(ctx) == nil; served != step.served {
			t.Errorf("after %s: served is %t", step.command, served)
		}
	}
}

// checkCrashes: what was written is there again, at the same address.
func checkCrashes(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	for _, name := range []string{"etcd", "kube-apiserver"} {
		if err := Control(ctx, c.Dir, name+"/crash"); err != nil {
			t.Fatal(err)
		}
		if err := Control(ctx, c.Dir, name+"/crash"); err == nil || !strings.Contains(err.Error(), name+" is not running") {
			t.Errorf("a second crash of %s: %v", name, err)
		}
		if c.apiServerReady(ctx) == nil {
			t.Errorf("the API server is ready without %s", name)
		}
		if err := c.Ended(); err != nil {
			t.Errorf("the cluster ends with %s: %v", name, err)
		}
		if err := Control(ctx, c.Dir, name+"/start"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.client.CoreV1().Nodes().Get(ctx, "worker-1", metav1.GetOptions{}); err != nil {
			t.Errorf("after a crash of %s: %v", name, err)
		}
	}
}

func pidsIn(t *testing.T, dir string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pid"))
	if err != nil || len(files) != 3 {
		t.Fatalf("pid files %v, %v; want 3", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(string(data))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func checkNothingLeft(t *testing.T, c *Cluster, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d still runs", pid)
		}
	}
	if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder: %v", err)
	}
	if conn, err := net.Dial("tcp", c.kubelets.Address(c.Scenario.Nodes[0]).String()); err == nil {
		conn.Close()
		t.Error("a kubelet still answers")
	}
}

func TestControlWithoutCluster(t *testing.T) {
	if err := Control(t.Context(), t.TempDir(), "metrics-server/stop"); err == nil || !strings.Contains(err.Error(), "no cluster answers in") {
		t.Errorf("have %v", err)
	}
}
