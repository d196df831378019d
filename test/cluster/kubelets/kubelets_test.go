package kubelets

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/test/cluster/scenario"
)

var update = flag.Bool("update", false, "rewrite the files under testdata")

var began = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

const twoNodes = `
apiVersion: cluster.killorder.io/v1
kind: Scenario
nodes:
- name: worker-1
  capacity: {memory: 16Gi, hugepages-2Mi: 1Gi}
  swap: 2Gi
  kubelet: {kubeReserved: {memory: 1Gi}, systemReserved: {memory: 512Mi}, swapBehavior: LimitedSwap}
  system: {kubelet: 100Mi, runtime: 200Mi, other: 700Mi}
- name: worker-2
  capacity: {memory: 16Gi, hugepages-2Mi: 1Gi}
  kubelet: {version: v1.36.4, evictionHard: {nodefs.available: 10%}, enforceNodeAllocatable: [none], singleProcessOOMKill: true}
pods:
- name: payments-api
  namespace: shop
  containers:
  - {name: log-shipper, sidecar: true, usage: 20Mi}
  - {name: app, usage: 200Mi, rss: 90%, cpuUsage: 100m, limits: {memory: 1Gi}, swap: 64Mi}
  nodes: [worker-1]
- {name: growing, namespace: data, nodes: [worker-1], containers: [{name: worker, usage: {from: 1Gi, to: 2Gi, over: 100s}}]}
- {name: waiting, namespace: data, nodes: [worker-1], state: ImagePullBackOff, containers: [{name: c, usage: 1Gi}]}
- {name: unmeasured, namespace: data, nodes: [worker-1], containers: [{name: c, usage: 1Gi, unmeasured: true}]}
- {name: kube-proxy, namespace: kube-system, owner: Node, nodes: [worker-1], containers: [{name: kube-proxy, usage: 50Mi}]}
`

// fixture is the model of twoNodes with UIDs as the loader would set them.
func fixture(t *testing.T) *scenario.Model {
	t.Helper()
	model, err := scenario.Parse([]byte(twoNodes))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range model.Nodes {
		for _, pod := range node.Pods {
			pod.UID = scenario.KubeletUID(pod, "uid-of-object")
		}
	}
	return model
}

// TestResourceMetrics compares with a file that metrics-server's own decoder
// reads in a test of builds/kubernetes.
func TestResourceMetrics(t *testing.T) {
	const path = "testdata/metrics-resource.txt"
	have := appendResourceMetrics(nil, take(fixture(t).Nodes[0], began, began.Add(50*time.Second)), began)
	if *update {
		if err := os.WriteFile(path, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Errorf("(-want +have, rewrite with -update)\n%s", diff)
	}
}

func TestSummary(t *testing.T) {
	const mib = 1 << 20
	s := take(fixture(t).Nodes[0], began, began.Add(50*time.Second))
	out := summary(s, began, true)
	pods := map[string]int{}
	for i, p := range out.Pods {
		pods[p.PodRef.Name] = i
	}
	for _, absent := range []string{"waiting", "unmeasured"} {
		if _, ok := pods[absent]; ok {
			t.Errorf("%s has stats", absent)
		}
	}
	payments := out.Pods[pods["payments-api"]]
	app := payments.Containers[1]
	containers := uint64(1536+220+1024+50)*mib + 4*sandboxBytes
	figures := map[string]struct{ have, want uint64 }{
		"pod working set has the sandbox": {*payments.Memory.WorkingSetBytes, 220*mib + sandboxBytes},
		"container working set":           {*app.Memory.WorkingSetBytes, 200 * mib},
		"container RSS":                   {*app.Memory.RSSBytes, 180 * mib},
		"container available to limit":    {*app.Memory.AvailableBytes, 824 * mib},
		"container swap":                  {*app.Swap.SwapUsageBytes, 64 * mib},
		"half grown":                      {*out.Pods[pods["growing"]].Memory.WorkingSetBytes, 1536*mib + sandboxBytes},
		"pods, measured or not":           {*out.Node.SystemContainers[2].Memory.WorkingSetBytes, containers},
		"pods available":                  {*out.Node.SystemContainers[2].Memory.AvailableBytes, (16384-1536)*mib - containers},
		"node working set":                {*out.Node.Memory.WorkingSetBytes, containers + 1000*mib},
		"node available less huge pages":  {*out.Node.Memory.AvailableBytes, (16384-1024-1000)*mib - containers},
		"node swap available":             {*out.Node.Swap.SwapAvailableBytes, (2048 - 64) * mib},
		"kubelet":                         {*out.Node.SystemContainers[0].Memory.WorkingSetBytes, 100 * mib},
	}
	for name, f := range figures {
		if f.have != f.want {
			t.Errorf("%s: have %d, want %d", name, f.have, f.want)
		}
	}
	if payments.PodRef.UID != "uid-of-object" || out.Pods[pods["kube-proxy-worker-1"]].PodRef.UID == "uid-of-object" {
		t.Error("pods carry the UID of their object, static ones that of their file")
	}
	if out.Node.Fs != nil || summary(s, began, false).Node.Fs == nil {
		t.Error("file systems belong to the long form only")
	}
}

func TestOlderKubeletIgnoresHugePages(t *testing.T) {
	s := take(fixture(t).Nodes[1], began, began)
	if have := s.available(); have != 16<<30 {
		t.Errorf("memory.available of an empty node before 1.37: %d", have)
	}
}

func TestConfigz(t *testing.T) {
	type config struct {
		EvictionHard, KubeReserved map[string]string
		EnforceNodeAllocatable     []string
		MemorySwap                 struct{ SwapBehavior string }
		SingleProcessOOMKill       *bool
		MaxPods, Port              int
		SyncFrequency              string
	}
	tests := map[string]struct {
		node int
		want config
	}{
		"kubelet's defaults": {0, config{
			EvictionHard: map[string]string{"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%"},
			KubeReserved: map[string]string{"memory": "1Gi"}, EnforceNodeAllocatable: []string{"pods"},
			MemorySwap: struct{ SwapBehavior string }{"LimitedSwap"}, MaxPods: 110, Port: 10250, SyncFrequency: "1m0s",
		}},
		"a threshold drops the others": {1, config{
			EvictionHard: map[string]string{"nodefs.available": "10%"}, EnforceNodeAllocatable: []string{"none"},
			SingleProcessOOMKill: new(true), MaxPods: 110, Port: 10250, SyncFrequency: "1m0s",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer, err := Configz(fixture(t).Nodes[test.node], "127.10.0.1", 10250)
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			var have struct{ Kubeletconfig config }
			if err := json.Unmarshal(data, &have); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, have.Kubeletconfig); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, index := range []int{0, 1, 255, 256, 4999, 100_000} {
		if have := indexOf(addressOf(index)); have != index {
			t.Errorf("node %d is found as %d", index, have)
		}
	}
	if have := addressOf(255).String(); have != "127.10.1.0" {
		t.Errorf("node 255 is at %s", have)
	}
	for _, foreign := range []string{"127.0.0.1", "::1", "126.0.0.1"} {
		if index := indexOf(netip.MustParseAddr(foreign)); index >= 0 {
			t.Errorf("%s is node %d", foreign, index)
		}
	}
}

func BenchmarkResourceMetrics(b *testing.B) {
	model, err := scenario.Load("../scenarios/story.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = appendResourceMetrics(buf[:0], take(model.Nodes[0], began, time.Now()), began)
	}
	b.SetBytes(int64(len(buf)))
}
