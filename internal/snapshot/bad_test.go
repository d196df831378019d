package snapshot_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	goodNode = `{apiVersion: v1, kind: Node, metadata: {name: worker-1}, status: {capacity: {memory: 16Gi}, nodeInfo: {operatingSystem: linux}}}`
	podHead  = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"},`
	stats    = "kubelet/worker-1/stats-summary.json"
	configz  = "kubelet/worker-1/configz.json"
)

// TestBadInput has, for each kind of bad input, the one line that a user reads.
func TestBadInput(t *testing.T) {
	for name, tc := range map[string]struct {
		file, content string
		wantErr       string
	}{
		"empty file": {
			file: "a.json", content: "",
			wantErr: "a.json: is empty",
		},
		"only comments and separators": {
			file: "a.yaml", content: "# nothing\n---\n---\n",
			wantErr: "a.yaml: is empty",
		},
		"truncated JSON": {
			file: "a.json", content: "{\n\"apiVersion\": \"v1\",\n\"kind\": \"Li",
			wantErr: "a.json: is truncated: it ends within a JSON object, in line 3",
		},
		"JSON with a missing comma": {
			file: "a.json", content: "{\n\"apiVersion\": \"v1\"\n\"kind\": \"List\"}",
			wantErr: "a.json: is not JSON: line 3: invalid character '\"' after object value (expecting ',' or '}')",
		},
		"neither YAML nor JSON": {
			file: "a.yaml", content: "kind: Pod\n\tmetadata: {}\n",
			wantErr: "a.yaml: is not YAML: line 2: found a tab character that violates indentation",
		},
		"broken third document, line of the file": {
			file: "a.yaml", content: goodNode + "\n---\n" + goodNode + "\n---\na: [\nb\n",
			wantErr: "a.yaml, document 3: is not YAML: line 6: did not find expected ',' or ']'",
		},
		"repeated key in YAML": {
			file: "a.yaml", content: "apiVersion: v1\nkind: Pod\nkind: Node\n",
			wantErr: `a.yaml: is not YAML: line 3: key "kind" already set in map`,
		},
		"repeated key in JSON": {
			file: "a.json", content: podHead + `"spec":{"containers":[{"name":"a","name":"b"}]}}`,
			wantErr: "a.json: Pod shop/web: spec.containers[0].name: appears twice",
		},
		"plain text": {
			file: "a.yaml", content: "hello world\n",
			wantErr: `a.yaml: "hello world" is not an object`,
		},
		"no Kubernetes object": {
			file: "a.json", content: `{"status":"success","data":{}}`,
			wantErr: "a.json: no apiVersion and kind, and not the shape of a Node, a Pod, their metrics or a kubelet's answer",
		},
		"item that is no object": {
			file: "a.json", content: `{"apiVersion":"v1","kind":"List","items":["web"]}`,
			wantErr: `a.json: items[0]: "web" is not an object`,
		},
		"items that are no list": {
			file: "a.json", content: `{"apiVersion":"v1","kind":"PodList","items":{}}`,
			wantErr: "a.json: items: {} is not a list",
		},
		"Lists within Lists": {
			file:    "a.json",
			content: strings.Repeat(`{"apiVersion":"v1","kind":"List","items":[`, 6) + strings.Repeat("]}", 6),
			wantErr: "a.json: Lists within Lists, more than 4 deep",
		},
		"quantity that is an object": {
			file:    "a.json",
			content: podHead + `"spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":{}}}}]}}`,
			wantErr: "a.json: Pod shop/web: spec.containers[0].resources.requests.cpu: {} is not a quantity such as 200Mi",
		},
		"quantity that is no number": {
			file:    "a.json",
			content: podHead + `"spec":{"containers":[{"name":"app","resources":{"limits":{"memory":"lots"}}}]}}`,
			wantErr: `a.json: Pod shop/web: spec.containers[0].resources.limits.memory: "lots" is not a quantity such as 200Mi`,
		},
		"negative request": {
			file:    "a.json",
			content: podHead + `"spec":{"containers":[{"name":"app","resources":{"requests":{"memory":"-5Gi"}}}]}}`,
			wantErr: "a.json: Pod shop/web: spec.containers[0].resources.requests.memory: -5Gi is negative",
		},
		"absurd capacity": {
			file: "a.yaml", content: strings.Replace(goodNode, "16Gi", "1e30", 1),
			wantErr: "a.yaml: Node worker-1: status.capacity.memory: 1e+30 is more than 8Pi",
		},
		"quantity that takes forever to parse": {
			file: "a.json", content: `{"apiVersion":"v1","kind":"List","items":[` +
				podHead + `"spec":{"containers":[{"name":"app","resources":{"limits":{"memory":"1e-99999999"}}}]}}]}`,
			wantErr: `a.json: Pod shop/web: spec.containers[0].resources.limits.memory: "1e-99999999" is not an amount of anything`,
		},
		"threshold that takes forever to parse": {
			file: configz, content: `{"kubeletconfig":{"evictionHard":{"memory.available":"1e-99999999"}}}`,
			wantErr: configz + `: kubeletconfig.evictionHard[memory.available]: "1e-99999999" is not an amount of memory of 0 or more`,
		},
		"name that is a number": {
			file: "a.yaml", content: "apiVersion: v1\nkind: Node\nmetadata: {name: 17}\n",
			wantErr: "a.yaml: Node without a name: metadata.name: 17 is not a string",
		},
		"list where an object belongs, second document": {
			file: "a.yaml", content: goodNode + "\n---\n" + podHead + `"spec":[]}`,
			wantErr: "a.yaml, document 2: Pod shop/web: spec: [] is not an object",
		},
		"time that is none": {
			file: "a.json", content: `{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetricsList","items":[` +
				`{"metadata":{"name":"web","namespace":"shop"},"timestamp":"yesterday","containers":[]}]}`,
			wantErr: `a.json: PodMetrics shop/web: timestamp: "yesterday" is not a time such as 2026-11-24T06:00:00Z`,
		},
		"pod without a name, in a list": {
			file: "a.json", content: `{"apiVersion":"v1","kind":"PodList","items":[{"spec":{"containers":[]}}]}`,
			wantErr: "a.json: Pod items[0]: metadata.name: missing",
		},
		"pod without a namespace": {
			file: "a.yaml", content: "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n",
			wantErr: "a.yaml: Pod web: metadata.namespace: missing",
		},
		"pod without containers": {
			file: "a.json", content: podHead + `"spec":{"resources":{"requests":{"memory":"1Gi"}}}}`,
			wantErr: "a.json: Pod shop/web: spec.containers: missing",
		},
		"name that would break the line": {
			file: "a.yaml", content: "apiVersion: v1\nkind: Node\nmetadata: {name: \"a\\nb\\e[31m\"}\n",
			wantErr: `a.yaml: Node a b [31m: metadata.name: "a\nb\x1b[31m" is not a name`,
		},
		"same node, another content": {
			file: "a.yaml", content: goodNode + "\n---\n" + strings.Replace(goodNode, "16Gi", "8Gi", 1),
			wantErr: "a.yaml, document 2: Node worker-1: differs from the one in a.yaml",
		},
		"policy out of bounds": {
			file: "a.yaml", content: "apiVersion: killorder.io/v1alpha1\nkind: KillOrderPolicy\nmetadata: {name: default}\nspec: {topN: -3}\n",
			wantErr: "a.yaml: KillOrderPolicy default: spec.topN: -3 is not from 1 to 20",
		},
		"policy of another name": {
			file: "a.yaml", content: "apiVersion: killorder.io/v1alpha1\nkind: KillOrderPolicy\nmetadata: {name: mine}\n",
			wantErr: "a.yaml: KillOrderPolicy mine: metadata.name: must be default",
		},
		"policy whose threshold is none": {
			file: "a.yaml", content: "apiVersion: killorder.io/v1alpha1\nkind: KillOrderPolicy\nmetadata: {name: default}\nspec: {assumedEvictionHard: 200%}\n",
			wantErr: `a.yaml: KillOrderPolicy default: spec.assumedEvictionHard: "200%" is not a percentage from 0% to 100%`,
		},
		"no node": {
			file: "a.json", content: podHead + `"spec":{"containers":[{"name":"app"}]}}`,
			wantErr: "a.json: no Node found (objects read: 1)",
		},
		"summary of another node": {
			file: stats, content: `{"node":{"nodeName":"worker-2"},"pods":[{}]}`,
			wantErr: stats + ": node.nodeName: is worker-2, not worker-1",
		},
		"summary without content": {
			file: stats, content: `{}`,
			wantErr: stats + ": node.memory: missing",
		},
		"summary with a negative amount": {
			file: stats, content: `{"node":{"memory":{"workingSetBytes":-5}}}`,
			wantErr: stats + ": node.memory.workingSetBytes: -5 is not a whole number of 0 or more",
		},
		"summary with a nameless pod": {
			file: stats, content: `{"pods":[{"podRef":{"name":"web"}}]}`,
			wantErr: stats + ": pods[0].podRef.namespace: missing",
		},
		"configz without content": {
			file: configz, content: `{}`,
			wantErr: configz + ": kubeletconfig: missing",
		},
		"configz with a threshold that is none": {
			file: configz, content: `{"kubeletconfig":{"evictionHard":{"memory.available":"much"}}}`,
			wantErr: configz + `: kubeletconfig.evictionHard[memory.available]: "much" is not an amount of memory of 0 or more`,
		},
		"configz with a threshold of another type": {
			file: configz, content: `{"kubeletconfig":{"evictionHard":{"memory.available":{}}}}`,
			wantErr: configz + `: kubeletconfig.evictionHard[memory.available]: {} is not a string`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(folder(t, map[string]string{tc.file: tc.content}))
			_, err := readAll(t, "", tc.file)
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != tc.wantErr {
				t.Errorf("error\n%s\nwant\n%s", err, tc.wantErr)
			}
		})
	}
}

func TestBadPaths(t *testing.T) {
	t.Chdir(folder(t, map[string]string{
		"a/node.yaml": goodNode, "b/node.yaml": strings.Replace(goodNode, "16Gi", "8Gi", 1), "c/notes.txt": "hello",
	}))
	for name, tc := range map[string]struct {
		paths   []string
		wantErr string
	}{
		"no such file":           {[]string{"gone.json"}, "gone.json: no such file or directory"},
		"folder without objects": {[]string{"c"}, "c: no Node found (objects read: 0); 1 file skipped that is not .json, .yaml or .yml (c/notes.txt)"},
		"same node in two files": {[]string{"a/node.yaml", "b/node.yaml"}, "b/node.yaml: Node worker-1: differs from the one in a/node.yaml"},
		"empty standard input":   {[]string{"-"}, "standard input: is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(t, "", tc.paths...)
			if err == nil || err.Error() != tc.wantErr {
				t.Errorf("error %v, want %s", err, tc.wantErr)
			}
		})
	}
}

// folder makes a folder with files of those contents.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
