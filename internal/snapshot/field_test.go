package snapshot_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
)

// noObject is what a note says of a thing without a kind and a shape.
const noObject = ": no apiVersion and kind, and not the shape of a Node, a Pod, their metrics or a kubelet's answer"

// TestField reads inputs as people have them; testdata/field has a README for each. What is right about findings is
// tested where findings are.
func TestField(t *testing.T) {
	const (
		mustGather  = "/input/must-gather.local.1/quay-io-ocp-sha256-abc/"
		unreadNode  = "1 node has no reading of its own, so its memory in use is unknown (n2)"
		unreadPod   = "1 running pod has no reading, so its usage is unknown (a/p2)"
		unreadC     = "1 node has no reading of its own, so its memory in use is unknown (node-c)"
		unreadAlert = "1 running pod has no reading, so its usage is unknown (monitoring/vmalertmanager-0)"
		foreign     = "1 file left out, or a part of it, since it holds other things than Kubernetes objects ("
	)
	for name, tc := range map[string]struct {
		wantPods   map[string]int
		wantSource facts.Source
		wantNotes  []string
	}{
		"F01-unnamed-container": {wantPods: map[string]int{"node-c": 2}, wantSource: facts.SourceMetricsAPI},
		"F02a-empty-answer": {
			wantPods: map[string]int{"n1": 1, "n2": 1}, wantSource: facts.SourceKubelet,
			wantNotes: []string{
				unreadNode, unreadPod, "1 empty file left out (F02a-empty-answer/input/kubelet/n2/stats-summary.json: is empty)",
			},
		},
		"F02b-status-answer": {
			wantPods: map[string]int{"n1": 1, "n2": 1}, wantSource: facts.SourceKubelet,
			wantNotes: []string{
				unreadNode, unreadPod,
				"1 answer of a kubelet or an API server that cannot be used left out (F02b-status-answer/input/kubelet/n2/configz.json: " +
					`is an error answer (Forbidden: nodes "n2" is forbidden), not what was asked for)`,
			},
		},
		"F02c-nodemetrics-by-address": {
			wantPods: map[string]int{"node-c": 2}, wantSource: facts.SourceMetricsAPI,
			wantNotes: []string{"1 NodeMetrics of a node that is not in the snapshot left out (10.0.3.17:9100)", unreadC, unreadAlert},
		},
		"F02d-nodemetrics-unmatched": {
			wantPods: map[string]int{"node-c": 2}, wantSource: facts.SourceMetricsAPI,
			wantNotes: []string{"1 NodeMetrics of a node that is not in the snapshot left out (10.0.3.17)", unreadC, unreadAlert},
		},
		"F03-must-gather-two-moments": {
			wantPods: map[string]int{"ip-10-0-1-7.example.internal": 2},
			wantNotes: []string{
				"3 files skipped that are not .json, .yaml or .yml (first: F03-must-gather-two-moments" + mustGather + "event-filter.html)",
			},
		},
		"F03b-must-gather-foreign-files": {
			wantPods: map[string]int{"ip-10-0-1-7.example.internal": 2},
			wantNotes: []string{
				"1 empty file left out (F03b-must-gather-foreign-files" + mustGather + "etcd_info/alarm_list.json: is empty)",
				"2 files left out, or parts of them, since they hold other things than Kubernetes objects (first: " +
					"F03b-must-gather-foreign-files" + mustGather + "etcd_info/endpoint_status.json: [0]" + noObject + ")",
				"3 files skipped that are not .json, .yaml or .yml (first: F03b-must-gather-foreign-files" + mustGather + "event-filter.html)",
			},
		},
		"F04-kinds-stripped": {
			wantPods:  map[string]int{"node-d": 1},
			wantNotes: []string{foreign + "F04-kinds-stripped/input/config/alerts.json: [0]" + noObject + ")"},
		},
		"F04b-troubleshoot-bundle": {
			wantPods:  map[string]int{"node-d": 1},
			wantNotes: []string{foreign + "F04b-troubleshoot-bundle/input/cluster-resources/pods-errors.json" + noObject + ")"},
		},
		"F04c-support-bundle-kit": {
			wantPods: map[string]int{"node-d": 1}, wantSource: facts.SourceMetricsAPI,
			wantNotes: []string{foreign + "F04c-support-bundle-kit/input/metadata.yaml" + noObject + ")"},
		},
		"F05-cluster-info-dump-stdout": {
			wantPods:  map[string]int{"node-d": 1},
			wantNotes: []string{"1 container's logs skipped (F05-cluster-info-dump-stdout/input/dump.json)"},
		},
		"F06-soft-threshold-crossed": {
			wantPods: map[string]int{"node-f": 2}, wantSource: facts.SourceKubelet,
		},
		"F06b-soft-below-hard": {wantPods: map[string]int{"big-1": 2}, wantSource: facts.SourceMetricsAPI},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir("testdata/field")
			s, err := readAll(t, "", name+"/input")
			if err != nil {
				t.Fatal(err)
			}
			pods := map[string]int{}
			for i := range s.Nodes {
				pods[s.Nodes[i].Name] = len(s.PodsOf(s.Nodes[i].Name))
			}
			if diff := cmp.Diff(tc.wantPods, pods); diff != "" {
				t.Errorf("pods by node (-want +got):\n%s", diff)
			}
			if source := evaluate(s)[0].Node.Usage.Source; source != tc.wantSource {
				t.Errorf("usage source %d, want %d", source, tc.wantSource)
			}
			if diff := cmp.Diff(tc.wantNotes, s.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestF01UnnamedContainer: the pod uses 25Mi of its own, within its 30Mi, so web-0, which is over its request, is first.
func TestF01UnnamedContainer(t *testing.T) {
	s, err := readAll(t, "", "testdata/field/F01-unnamed-container/input")
	if err != nil {
		t.Fatal(err)
	}
	v := evaluate(s)[0]
	if first := v.Eviction[0].Name; first != "web-0" {
		t.Errorf("%s is evicted first, want web-0", first)
	}
	for i := range v.Node.Pods {
		if p := &v.Node.Pods[i]; p.Name == "vmalertmanager-0" && (p.WorkingSet != 25<<20 || p.WorkingSet > p.Request) {
			t.Errorf("vmalertmanager-0 uses %d bytes of %d requested, want 25Mi of 30Mi", p.WorkingSet, p.Request)
		}
	}
}

// TestTwoMoments: the newer of what an object was counts, by resourceVersion, else by the files' times.
func TestTwoMoments(t *testing.T) {
	at := func(version, priority string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","resourceVersion":"` + version +
			`"},"spec":{"nodeName":"worker-1","priority":` + priority + `,"containers":[{"name":"app"}]}}`
	}
	for name, tc := range map[string]struct {
		first, second string
		named         bool
		want          int32
		wantNotes     []string
	}{
		"newer second":             {at("990", "1"), at("1000", "2"), false, 2, []string{"1 object is there at two moments, the newer one counts (Pod shop/web in a.json and b.json)"}},
		"newer first":              {at("1000", "1"), at("990", "2"), false, 1, []string{"1 object is there at two moments, the newer one counts (Pod shop/web in a.json and b.json)"}},
		"named files":              {at("1000", "1"), at("990", "2"), true, 1, []string{"1 object is there at two moments, the newer one counts (Pod shop/web in a.json and b.json)"}},
		"no version":               {at("", "1"), at("", "2"), false, 2, []string{"1 object is there at two moments, the newer one counts (Pod shop/web in a.json and b.json)"}},
		"nothing used has changed": {at("990", "1"), at("1000", "1"), false, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(folder(t, map[string]string{"a.json": tc.first, "b.json": tc.second, "n.yaml": goodNode}))
			for i, file := range []string{"a.json", "b.json", "n.yaml"} { // a machine's clock may stand still between two files
				if err := os.Chtimes(file, time.Time{}, time.Unix(int64(1+i), 0)); err != nil {
					t.Fatal(err)
				}
			}
			paths := []string{"."}
			if tc.named {
				paths = []string{"a.json", "b.json", "n.yaml"}
			}
			s, err := readAll(t, "", paths...)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.PodsOf("worker-1"); len(got) != 1 || got[0].Priority != tc.want {
				t.Errorf("%d pods, want one of priority %d", len(got), tc.want)
			}
			if diff := cmp.Diff(tc.wantNotes, s.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKubeletConfiguration: a configuration that stands in no kubelet's folder.
func TestKubeletConfiguration(t *testing.T) {
	config := func(hard string) string {
		return "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard: {memory.available: " + hard + "}\n"
	}
	nodes := goodNode + "\n---\n{apiVersion: v1, kind: Node, metadata: {name: worker-2}, status: {capacity: {memory: 16Gi}}}\n"
	for name, tc := range map[string]struct {
		files     map[string]string
		want      map[string]int64
		wantNotes []string
	}{
		"in the kubelet's folder": {
			files: map[string]string{"kubelet/worker-1/config.yaml": config("1Gi")}, want: map[string]int64{"worker-1": 1 << 30},
		},
		"named after its node": {files: map[string]string{"worker-1.yaml": config("1Gi")}, want: map[string]int64{"worker-1": 1 << 30}},
		"in a folder named after its node": {
			files: map[string]string{"worker-1/kubelet.yaml": config("1Gi")}, want: map[string]int64{"worker-1": 1 << 30},
		},
		"of no node": {
			files: map[string]string{"kubelet.yaml": config("1Gi"), "kubelet/worker-2/configz.json": `{"kubeletconfig":{"evictionHard":{"memory.available":"2Gi"}}}`},
			want:  map[string]int64{"worker-1": 1 << 30, "worker-2": 2 << 30},
			wantNotes: []string{
				"a KubeletConfiguration that names no node taken for that of 1 node without one (kubelet.yaml, to worker-1)",
			},
		},
		"two that differ": {
			files: map[string]string{"a.yaml": config("1Gi"), "b.yaml": config("2Gi")},
			wantNotes: []string{
				"KubeletConfigurations that differ and name no node left out: put each in kubelet/NODE/ (a.yaml and b.yaml)",
			},
		},
		"an answer of its own shape, named after its node": {
			files: map[string]string{"worker-2.json": `{"kubeletconfig":{"evictionHard":{"memory.available":"2Gi"}}}`},
			want:  map[string]int64{"worker-2": 2 << 30},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(folder(t, tc.files))
			s, err := snapshot.Read(t.Context(), options(nodes, "-", "."))
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]int64
			for i := range s.Nodes {
				if n := &s.Nodes[i]; n.Config != nil {
					if got == nil {
						got = map[string]int64{}
					}
					got[n.Name] = n.Config.EvictionHard.Bytes
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("hard thresholds (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantNotes, s.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}
