package snapshot_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
)

const (
	jsonNode = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker-1"},"status":{"capacity":{"memory":"16Gi"},"nodeInfo":{"operatingSystem":"linux"}}}`
	goodPod  = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"u1"},
		"spec":{"nodeName":"worker-1","priority":7,"containers":[{"name":"app","resources":{"requests":{"memory":"1Gi"}}}]},
		"status":{"phase":"Running","containerStatuses":[{"name":"app","state":{"running":{"startedAt":"2026-11-24T05:00:00Z"}}}]}}`
	goodMetrics = `{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetrics","metadata":{"name":"web","namespace":"shop"},
		"timestamp":"2026-11-24T06:00:00Z","window":"15s","containers":[{"name":"app","usage":{"cpu":"1m","memory":"200Mi"}}]}`
	goodSummary = `{"node":{"nodeName":"worker-1","memory":{"time":"2026-11-24T06:00:10Z","availableBytes":1000,"workingSetBytes":2000}},
		"pods":[{"podRef":{"namespace":"shop","name":"web"},"memory":{"time":"2026-11-24T06:00:10Z","workingSetBytes":314572800},
		"containers":[{"name":"app","memory":{"workingSetBytes":300,"rssBytes":200},"swap":{"swapUsageBytes":5}}]}]}`
)

func TestReadForms(t *testing.T) {
	item := func(object string) string { // as in a typed list, without its kind
		return strings.Replace(object, `"apiVersion":"v1","kind":"Pod",`, "", 1)
	}
	for name, tc := range map[string]struct {
		files map[string]string
		stdin string
	}{
		"one object a file": {files: map[string]string{"n.yaml": goodNode, "p.json": goodPod}},
		"a List":            {files: map[string]string{"l.json": `{"kind":"List","items":[` + goodPod + `],"apiVersion":"v1"}`, "n.yml": goodNode}},
		"a PodList whose items have no kind": {
			files: map[string]string{"l.json": `{"items":[` + item(goodPod) + `],"kind":"PodList","apiVersion":"v1"}`, "n.yaml": goodNode},
		},
		"YAML documents, comments and empty ones": {
			files: map[string]string{"a.yaml": "# dump\n---\n" + goodNode + "\n--- # the pod\n" + goodPod + "\n---\n"},
		},
		"JSON documents one after the other": {
			files: map[string]string{"a.json": goodPod + "\n" + goodPod, "n.yaml": goodNode},
		},
		"byte order mark":            {files: map[string]string{"a.json": "\xef\xbb\xbf" + goodPod, "n.yaml": goodNode}},
		"Windows line ends":          {files: map[string]string{"a.yaml": strings.ReplaceAll(goodNode+"\n---\n"+goodPod, "\n", "\r\n")}},
		"folders":                    {files: map[string]string{"x/y/n.yaml": goodNode, "x/p.json": goodPod}},
		"the same object twice":      {files: map[string]string{"a.yaml": goodNode, "b.yaml": goodNode, "c.json": goodPod, "d.yaml": goodPod}},
		"a pod that leaves its kind": {files: map[string]string{"a.json": goodPod, "b.json": `{"apiVersion":"v1","kind":"PodList","items":[` + item(goodPod) + `]}`, "n.yaml": goodNode}},
		"standard input":             {stdin: goodNode + "\n---\n" + goodPod},
		"unknown fields":             {files: map[string]string{"n.yaml": goodNode, "p.json": strings.Replace(goodPod, `"priority"`, `"news":{"a":[1]},"priority"`, 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			paths := []string{"-"}
			if tc.files != nil {
				paths = []string{folder(t, tc.files)}
			}
			s, err := readAll(t, tc.stdin, paths...)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Notes) > 0 {
				t.Errorf("notes %q", s.Notes)
			}
			if len(s.Nodes) != 1 || s.Nodes[0].Capacity != 16<<30 {
				t.Fatalf("nodes %+v", s.Nodes)
			}
			pods := s.PodsOf("worker-1")
			if len(pods) != 1 || pods[0].Name != "web" || pods[0].Priority != 7 || pods[0].Request != 1<<30 {
				t.Errorf("pods %+v", pods)
			}
		})
	}
}

func TestReadings(t *testing.T) {
	objects := goodNode + "\n---\n" + goodPod + "\n---\n" + goodMetrics
	app := func(workingSet, rss, swap int64) []facts.ContainerUsage {
		return []facts.ContainerUsage{{WorkingSet: workingSet, RSS: rss, Swap: swap}}
	}
	for name, tc := range map[string]struct {
		files      map[string]string
		wantSource facts.Source
		wantUsage  []facts.ContainerUsage
		wantPod    int64
		wantNow    time.Time
	}{
		"metrics-server's": {
			files:      map[string]string{"a.yaml": objects},
			wantSource: facts.SourceMetricsAPI, wantPod: 200 << 20, wantUsage: app(200<<20, facts.Unknown, facts.Unknown),
			wantNow: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC),
		},
		"the kubelet's before metrics-server's": {
			files:      map[string]string{"a.yaml": objects, stats: goodSummary},
			wantSource: facts.SourceKubelet, wantPod: 300 << 20, wantUsage: app(300, 200, 5),
			wantNow: time.Date(2026, 11, 24, 6, 0, 10, 0, time.UTC),
		},
		"none": {
			files:      map[string]string{"a.yaml": goodNode + "\n---\n" + goodPod},
			wantSource: facts.SourceNone, wantPod: facts.Unknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readAll(t, "", folder(t, tc.files))
			if err != nil {
				t.Fatal(err)
			}
			v := evaluate(s)[0]
			got := v.Node.Pods[0]
			if v.Node.Usage.Source != tc.wantSource || got.WorkingSet != tc.wantPod || (!tc.wantNow.IsZero() && !s.Now.Equal(tc.wantNow)) {
				t.Errorf("source %d, working set %d, now %s", v.Node.Usage.Source, got.WorkingSet, s.Now)
			}
			if diff := cmp.Diff(tc.wantUsage, got.Usage); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
			if fresh := v.Freshness == engine.Fresh; fresh != (tc.wantSource != facts.SourceNone) {
				t.Errorf("freshness %d", v.Freshness)
			}
		})
	}
}

func TestOmissions(t *testing.T) {
	other := func(name, node string) string {
		return strings.NewReplacer(`"web"`, `"`+name+`"`, "worker-1", node).Replace(goodPod)
	}
	class := strings.Replace(goodPod, `"priority":7`, `"priorityClassName":"gold"`, 1)
	gold := "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: gold}\nvalue: 5\n"
	for name, tc := range map[string]struct {
		files     map[string]string
		wantNotes []string
	}{
		"nothing": {files: map[string]string{"p.json": goodPod}},
		"pods on unknown nodes": {
			files:     map[string]string{"p.json": other("a", "gone") + other("b", "gone")},
			wantNotes: []string{"2 pods on nodes that are not in the snapshot left out (first: shop/a on gone)"},
		},
		"finished and unscheduled pods are no omission": {
			files: map[string]string{"p.json": strings.Replace(goodPod, "Running", "Succeeded", 1) + other("b", "") + goodMetrics},
		},
		"a kubelet of an unknown node": {
			files:     map[string]string{"kubelet/gone/configz.json": `{"kubeletconfig":{}}`},
			wantNotes: []string{"a kubelet's answers left out, its node is not in the snapshot (gone)"},
		},
		"a reading without its pod": {
			files:     map[string]string{"m.json": goodMetrics},
			wantNotes: []string{"1 pod has a reading, but is not among the pods read, so it is in no order (shop/web)"},
		},
		"absurd readings": {
			files: map[string]string{"p.json": goodPod + strings.Replace(goodMetrics, "200Mi", "-1Mi", 1) +
				`{"apiVersion":"metrics.k8s.io/v1beta1","kind":"NodeMetrics","metadata":{"name":"worker-1"},"usage":{"memory":"1Gi"}}`},
			wantNotes: []string{"2 readings that cannot be used left out (first: PodMetrics shop/web: containers[0].usage.memory: -1Mi is negative)"},
		},
		"a reading from the future": {
			files: map[string]string{"p.json": goodPod + other("b", "worker-1") + goodMetrics +
				strings.NewReplacer(`"web"`, `"b"`, "2026", "2126").Replace(goodMetrics)},
			wantNotes: []string{
				"1 running pod has no reading, so its usage is unknown (shop/b)",
				"1 reading left out, it is more than an hour later than the others (shop/b)",
			},
		},
		"a known class": {files: map[string]string{"p.json": class, "q.yaml": gold}},
		"an unknown class": {
			files:     map[string]string{"p.json": class},
			wantNotes: []string{"1 pod has no priority and a PriorityClass that is not in the snapshot, 0 assumed (shop/web: gold)"},
		},
		"nodes without capacity, of Windows and virtual": {
			files: map[string]string{"n.yaml": "apiVersion: v1\nkind: NodeList\nitems:\n" +
				"- {metadata: {name: zero}, status: {capacity: {memory: 0}}}\n- {metadata: {name: bare}}\n" +
				"- {metadata: {name: win}, status: {nodeInfo: {operatingSystem: windows}}}\n" +
				"- {metadata: {name: far, labels: {type: virtual-kubelet}}}\n"},
			wantNotes: []string{
				"2 nodes report no memory capacity, so they have no OOM order (first: bare)",
				"2 nodes are not under the Linux kernel's rules, so they have no OOM order (first: far: a virtual kubelet runs its pods elsewhere)",
			},
		},
		"kubelets older than the oldest judged": {
			files: map[string]string{"n.yaml": "apiVersion: v1\nkind: NodeList\nitems:\n" +
				"- {metadata: {name: old}, status: {capacity: {memory: 1Gi}, nodeInfo: {kubeletVersion: v1.27.16}}}\n" +
				"- {metadata: {name: judged}, status: {capacity: {memory: 1Gi}, nodeInfo: {kubeletVersion: v1.28.15}}}\n"},
			wantNotes: []string{"1 node's kubelet is older than any that the orders were compared with (1.28): old: 1.27"},
		},
		"hidden files and folders": {
			files:     map[string]string{"p.json": goodPod, ".git/a.json": "{", "x/.a.json": "{"},
			wantNotes: []string{"2 hidden files or folders skipped (first: .git)"},
		},
		"other kinds": {
			files: map[string]string{"o.yaml": "{apiVersion: v1, kind: Event}\n---\n{apiVersion: v1, kind: Event}\n---\n" +
				"{apiVersion: apps/v1, kind: Deployment}\n---\n{apiVersion: v2, kind: Pod}\n"},
			wantNotes: []string{"2 objects of other kinds skipped (Deployment 1, Pod 1)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"node.yaml": goodNode}
			maps.Copy(files, tc.files)
			t.Chdir(folder(t, files))
			s, err := readAll(t, "", ".")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.wantNotes, s.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			evaluate(s)
		})
	}
}

func TestPriorityOfClass(t *testing.T) {
	for name, tc := range map[string]struct {
		pod, class string
		want       int32
	}{
		"named":       {`"priorityClassName":"gold"`, "metadata: {name: gold}\nvalue: 5\n", 5},
		"system":      {`"priorityClassName":"system-node-critical"`, "metadata: {name: gold}\nvalue: 5\n", 2000001000},
		"the default": {`"x":0`, "metadata: {name: gold}\nglobalDefault: true\nvalue: 5\n", 5},
		"none":        {`"x":0`, "metadata: {name: gold}\nvalue: 5\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readAll(t, "", folder(t, map[string]string{
				"a.json": strings.Replace(goodPod, `"priority":7`, tc.pod, 1), "n.yaml": goodNode,
				"b.yaml": "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\n" + tc.class,
			}))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.PodsOf("worker-1")[0].Priority; got != tc.want {
				t.Errorf("priority %d, want %d", got, tc.want)
			}
		})
	}
}

func TestPolicyAndNamespaces(t *testing.T) {
	s, err := readAll(t, "", folder(t, map[string]string{
		"n.yaml": goodNode, "p.json": goodPod,
		"ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: gold}}\n",
		"policy.yaml": "apiVersion: killorder.io/v1alpha1\nkind: KillOrderPolicy\nmetadata: {name: default}\n" +
			"spec: {critical: {riskRank: 1, namespaceSelector: {matchLabels: {tier: gold}}}}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if v := evaluate(s)[0]; !v.Node.Pods[0].Critical || s.Policy.RiskRank != 1 {
		t.Errorf("critical %v, riskRank %d, want true and 1", v.Node.Pods[0].Critical, s.Policy.RiskRank)
	}
}

// readAll reads the paths, with that standard input.
func readAll(t *testing.T, stdin string, paths ...string) (*snapshot.Snapshot, error) {
	t.Helper()
	return snapshot.Read(t.Context(), options(stdin, paths...))
}

func options(stdin string, paths ...string) snapshot.Options {
	return snapshot.Options{Paths: paths, Stdin: strings.NewReader(stdin)}
}
