package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

const header = "apiVersion: " + Version + "\nkind: Scenario\n"

// oneNode is a scenario of a node and the pods given as YAML list entries.
func oneNode(pods string) string {
	return header + "nodes:\n- {name: worker, capacity: {memory: 16Gi}}\npods:\n" + pods
}

func TestBadScenarios(t *testing.T) {
	tests := map[string]struct {
		content string
		want    string
	}{
		"not YAML":          {"a: [", "did not find expected"},
		"empty":             {"", "apiVersion and kind: want cluster.killorder.io/v1 Scenario"},
		"another kind":      {"apiVersion: v1\nkind: Pod\n", `have "v1" "Pod"`},
		"key twice":         {header + "seed: 1\nseed: 2\n", `key "seed" already set`},
		"unknown field":     {oneNode("- {name: a, namespace: b, memory: 1Gi}\n"), `pods[0] b/a: unknown field "memory"`},
		"wrong type":        {oneNode("- {name: a, namespace: b, perNode: many}\n"), "pods[0] b/a: perNode: want int, have a string"},
		"bad quantity":      {oneNode("- {name: a, namespace: b, containers: [{name: c, usage: lots}]}\n"), `pods[0] b/a: containers[0].usage: want a quantity like 200Mi, have "lots"`},
		"negative quantity": {oneNode("- {name: a, namespace: b, containers: [{name: c, requests: {memory: -1Gi}}]}\n"), "containers[0].requests.memory: is negative"},
		"request > limit":   {oneNode("- {name: a, namespace: b, containers: [{name: c, requests: {memory: 2Gi}, limits: {memory: 1Gi}}]}\n"), "containers[0].requests.memory: 2Gi is more than the limit 1Gi"},
		"usage > limit":     {oneNode("- {name: a, namespace: b, containers: [{name: c, limits: {memory: 1Gi}, usage: 2Gi}]}\n"), "containers[0].usage: goes up to 2147483648 bytes, over the limit 1Gi"},
		"growth without end": {
			oneNode("- {name: a, namespace: b, containers: [{name: c, usage: {from: 1Gi, to: 2Gi}}]}\n"),
			"containers[0].usage.over: is missing",
		},
		"growth unknown field": {oneNode("- {name: a, namespace: b, containers: [{name: c, usage: {form: 1Gi}}]}\n"), `pods[0] b/a: unknown field "form"`},
		"bad duration":         {oneNode("- {name: a, namespace: b, containers: [{name: c, usage: {from: 1Gi, after: soon}}]}\n"), `usage.after: want a duration like 3m, have "soon"`},
		"bad percentage":       {oneNode("- {name: a, namespace: b, containers: [{name: c, rss: 200%}]}\n"), "containers[0].rss: want 0% to 100%"},
		"no name":              {oneNode("- {namespace: b, containers: [{name: c}]}\n"), "pods[0]: name: is missing"},
		"bad name":             {oneNode("- {name: A_b, namespace: b, containers: [{name: c}]}\n"), `pods[0] b/A_b: name: "A_b": a lowercase RFC 1123 subdomain`},
		"no containers":        {oneNode("- {name: a, namespace: b}\n"), "pods[0] b/a: containers: want at least one that is no sidecar"},
		"sidecars only":        {oneNode("- {name: a, namespace: b, containers: [{name: c, sidecar: true}]}\n"), "containers: want at least one that is no sidecar"},
		"unknown owner":        {oneNode("- {name: a, namespace: b, owner: CronJob, containers: [{name: c}]}\n"), `owner: want one of Deployment, StatefulSet, DaemonSet, Job, Node, have "CronJob"`},
		"unknown state":        {oneNode("- {name: a, namespace: b, state: Happy, containers: [{name: c}]}\n"), `state: want one of Running`},
		"node nowhere":         {oneNode("- {name: a, namespace: b, nodes: [other-*], containers: [{name: c}]}\n"), "pods[0] b/a: nodes: none is called [other-*]"},
		"bad pattern":          {oneNode("- {name: a, namespace: b, nodes: ['[a'], containers: [{name: c}]}\n"), "nodes[0]: bad pattern"},
		"pod twice":            {oneNode("- {name: a, namespace: b, containers: [{name: c}]}\n- {name: a, namespace: b, containers: [{name: c}]}\n"), "there are two pods b/a"},
		"node twice":           {header + "nodes:\n- {name: a, capacity: {memory: 1Gi}}\n- {name: a, capacity: {memory: 1Gi}}\n", "nodes[1] a: name: there are two nodes a"},
		"no memory":            {header + "nodes:\n- {name: a, capacity: {cpu: 4}}\n", "nodes[0] a: capacity.memory: is missing"},
		"no node at all":       {header + "nodes:\n- {name: a, count: 0, capacity: {memory: 1Gi}}\n", "nodes[0] a: count: want at least 1, have 0"},
		"all reserved":         {header + "nodes:\n- {name: a, capacity: {memory: 1Gi}, kubelet: {kubeReserved: {memory: 1Gi}}}\n", "nothing is left after reservations"},
		"bad reservation":      {header + "nodes:\n- {name: a, capacity: {memory: 1Gi}, kubelet: {kubeReserved: {memory: x}}}\n", "kubelet.kubeReserved.memory: want a quantity"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.yaml")
			if err := os.WriteFile(path, []byte(test.content), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil {
				t.Fatal("accepted")
			}
			message := err.Error()
			if !strings.HasPrefix(message, path+": ") || !strings.Contains(message, test.want) || strings.Contains(message, "\n") {
				t.Errorf("have %q\nwant one line with the file and %q", message, test.want)
			}
		})
	}
}

func TestAllocatable(t *testing.T) {
	const gib = 1 << 30
	tests := map[string]struct {
		node string
		want int64
	}{
		"kubelet's defaults":   {"capacity: {memory: 16Gi}", 16*gib - 100<<20},
		"own threshold":        {"capacity: {memory: 16Gi}, kubelet: {evictionHard: {memory.available: 1Gi}}", 15 * gib},
		"threshold in percent": {"capacity: {memory: 16Gi}, kubelet: {evictionHard: {memory.available: '25%'}}", 12 * gib},
		"defaults dropped":     {"capacity: {memory: 16Gi}, kubelet: {evictionHard: {nodefs.available: '10%'}}", 16 * gib},
		"defaults merged":      {"capacity: {memory: 16Gi}, kubelet: {evictionHard: {nodefs.available: '10%'}, mergeDefaultEvictionSettings: true}", 16*gib - 100<<20},
		"reservations":         {"capacity: {memory: 16Gi}, kubelet: {kubeReserved: {memory: 1Gi}, systemReserved: {memory: 2Gi}}", 13*gib - 100<<20},
		"huge pages":           {"capacity: {memory: 16Gi, hugepages-2Mi: 4Gi}", 12*gib - 100<<20},
		"said by the scenario": {"capacity: {memory: 16Gi}, allocatable: {memory: 10Gi}", 10 * gib},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			model, err := Parse([]byte(header + "nodes:\n- {name: a, " + test.node + "}\n"))
			if err != nil {
				t.Fatal(err)
			}
			if have := model.Nodes[0].Class.Allocatable.Memory().Value(); have != test.want {
				t.Errorf("have %d, want %d", have, test.want)
			}
		})
	}
}

func TestShortFileManyPods(t *testing.T) {
	model, err := Parse([]byte(header + `
nodes:
- {name: worker, count: 5000, capacity: {memory: 64Gi}}
pods:
- {name: web, namespace: a, owner: Deployment, perNode: 20, containers: [{name: c, usage: 1Gi}]}
- {name: agent, namespace: b, owner: DaemonSet, containers: [{name: c, usage: 1Gi}]}
- {name: db, namespace: b, owner: StatefulSet, nodes: [worker-1, worker-2*], perNode: 2, containers: [{name: c, usage: 1Gi}]}
`))
	if err != nil { // two pods of one name would be an error
		t.Fatal(err)
	}
	if want := 5000*21 + 2*(1+1111); len(model.Nodes) != 5000 || model.Pods != want {
		t.Errorf("%d nodes, %d pods; want 5000, %d", len(model.Nodes), model.Pods, want)
	}
}

func TestNames(t *testing.T) {
	model, err := Parse([]byte(oneNode(`
- {name: bare, namespace: ns, perNode: 2, containers: [{name: c}]}
- {name: set, namespace: ns, owner: StatefulSet, perNode: 2, containers: [{name: c}]}
- {name: static, namespace: ns, owner: Node, containers: [{name: c}]}
- {name: web, namespace: ns, owner: Deployment, containers: [{name: c}]}
`)))
	if err != nil {
		t.Fatal(err)
	}
	pods := model.Nodes[0].Pods
	for i, want := range []string{"bare", "bare-2", "set-0", "set-1", "static-worker"} {
		if pods[i].Name != want {
			t.Errorf("pod %d: %s, want %s", i, pods[i].Name, want)
		}
	}
	web := PodObject(pods[5])
	replicaSet := "web-" + web.Labels["pod-template-hash"]
	if owner := web.OwnerReferences[0]; owner.Kind != "ReplicaSet" || owner.Name != replicaSet || !strings.HasPrefix(web.Name, replicaSet+"-") {
		t.Errorf("pod %s is owned by %s %s, want ReplicaSet %s", web.Name, owner.Kind, owner.Name, replicaSet)
	}
	static := PodObject(pods[4])
	if _, mirror := static.Annotations[corev1.MirrorPodAnnotationKey]; !mirror || KubeletUID(pods[4], "api-uid") == "api-uid" {
		t.Error("a pod owned by its node is the mirror of a static one, which the kubelet knows by another UID")
	}
}

func TestStates(t *testing.T) {
	tests := map[State]struct {
		phase   corev1.PodPhase
		waiting string
		ready   bool
	}{
		Running:           {corev1.PodRunning, "", true},
		ContainerCreating: {corev1.PodPending, "ContainerCreating", false},
		ImagePullBackOff:  {corev1.PodPending, "ImagePullBackOff", false},
		CrashLoopBackOff:  {corev1.PodRunning, "CrashLoopBackOff", false},
		Succeeded:         {corev1.PodSucceeded, "", false},
	}
	for state, want := range tests {
		t.Run(string(state), func(t *testing.T) {
			model, err := Parse([]byte(oneNode("- {name: a, namespace: b, state: " + string(state) + ", containers: [{name: c}]}\n")))
			if err != nil {
				t.Fatal(err)
			}
			pod := PodObject(model.Nodes[0].Pods[0])
			SetPodStatus(pod, model.Nodes[0].Pods[0], "127.10.0.1", start)
			have := pod.Status.ContainerStatuses[0]
			if pod.Status.Phase != want.phase || have.Ready != want.ready || (have.State.Waiting != nil) != (want.waiting != "") {
				t.Errorf("phase %s, container %+v", pod.Status.Phase, have)
			}
			if want.waiting != "" && have.State.Waiting.Reason != want.waiting {
				t.Errorf("waits for %s", have.State.Waiting.Reason)
			}
		})
	}
}

// TestChange takes a workload's pods through a change of its template.
func TestChange(t *testing.T) {
	model, err := Parse([]byte(`
apiVersion: cluster.killorder.io/v1
kind: Scenario
nodes: [{name: worker, count: 2, capacity: {memory: 8Gi}}]
pods: [{name: web, namespace: shop, owner: Deployment, containers: [{name: app, usage: 100Mi}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	limit := func(class *PodClass) {
		class.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
	}
	old := model.Nodes[0].Pods[0]
	first, second := model.Change(old, limit), model.Change(model.Nodes[1].Pods[0], limit)
	if first.Class.TemplateHash != second.Class.TemplateHash || first.Class.TemplateHash == old.Class.TemplateHash {
		t.Errorf("revisions: %s and %s, was %s", first.Class.TemplateHash, second.Class.TemplateHash, old.Class.TemplateHash)
	}
	if first.Name == second.Name || first.Name == old.Name || !strings.HasPrefix(first.Name, "web-"+first.Class.TemplateHash) {
		t.Errorf("names: %s and %s, was %s", first.Name, second.Name, old.Name)
	}
	if len(old.Class.Containers[0].Resources.Limits) > 0 {
		t.Error("the old pod changed too")
	}
	if have := first.WorkingSet(0, 0); have != 100<<20 || first.Node != model.Nodes[0] {
		t.Errorf("the new pod uses %d bytes on %s", have, first.Node.Name)
	}
}
