package manifest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func read(t *testing.T, text string) (*Manifests, error) {
	t.Helper()
	return Read(t.Context(), []string{"-"}, strings.NewReader(text))
}

const container = `containers: [{name: app, resources: {requests: {memory: 64Mi}}}]`

// Where each kind has its pod, and the lines that findings point at.
func TestKinds(t *testing.T) {
	for kind, tc := range map[string]struct {
		text string
		line int
	}{
		"Pod":                   {"spec:\n  containers:\n  - name: app\n    resources: {requests: {memory: 64Mi}}", 7},
		"Deployment":            {"spec: {template: {spec: {" + container + "}}}", 4},
		"StatefulSet":           {"spec: {template: {spec: {" + container + "}}}", 4},
		"DaemonSet":             {"spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        resources:\n          requests: {memory: 64Mi}", 9},
		"ReplicaSet":            {"spec: {template: {spec: {" + container + "}}}", 4},
		"ReplicationController": {"spec: {template: {spec: {" + container + "}}}", 4},
		"Job":                   {"spec: {template: {spec: {" + container + "}}}", 4},
		"CronJob":               {"spec: {jobTemplate: {spec: {template: {spec: {" + container + "}}}}}", 4},
		"PodTemplate":           {"template: {spec: {" + container + "}}", 4},
	} {
		t.Run(kind, func(t *testing.T) {
			m, err := read(t, "# a comment\nkind: "+kind+"\nmetadata: {name: x, namespace: shop}\n"+tc.text+"\n")
			if err != nil {
				t.Fatal(err)
			}
			w := m.Workloads[0]
			if w.Kind != kind || w.Namespace != "shop" || w.Name != "x" || w.Line != 2 || len(w.Pod.Spec.Containers) != 1 {
				t.Errorf("%+v", w)
			}
			if got := w.LineOf("app"); got != tc.line {
				t.Errorf("the container's resources are on line %d, want %d", got, tc.line)
			}
		})
	}
}

// What the API server would add, as far as the manifests say it.
func TestAdmission(t *testing.T) {
	const deployment = "kind: Deployment\nmetadata: {name: x, namespace: %}\nspec: {template: {spec: {priorityClassName: \"CLASS\", containers: [{name: app, resources: {RES}}]}}}\n---\n"
	workload := func(class, resources string) string {
		return strings.NewReplacer("%", "shop", "CLASS", class, "RES", resources).Replace(deployment)
	}
	const (
		classes = "kind: PriorityClass\nmetadata: {name: high}\nvalue: 500\n---\nkind: PriorityClass\nmetadata: {name: all}\nvalue: 7\nglobalDefault: true\n---\n"
		ranges  = "kind: LimitRange\nmetadata: {name: l, namespace: shop}\nspec: {limits: [{type: Container, default: {memory: 1Gi}, defaultRequest: {memory: 128Mi}}]}\n---\n"
		most    = "kind: LimitRange\nmetadata: {name: l, namespace: shop}\nspec: {limits: [{type: Container, max: {memory: 2Gi}}, {type: Pod, max: {memory: 9Gi}}]}\n---\n"
	)
	for name, tc := range map[string]struct {
		text                   string
		wantPriority           int32
		wantUnknown            string
		wantRequest, wantLimit string
	}{
		"nothing is said":                      {workload("", ""), 0, "", "0", "0"},
		"only a limit":                         {workload("", "limits: {memory: 1Gi}"), 0, "", "1Gi", "1Gi"},
		"a class among the manifests":          {classes + workload("high", ""), 500, "", "0", "0"},
		"the global default":                   {classes + workload("", ""), 7, "", "0", "0"},
		"a class of the system":                {workload("system-node-critical", ""), 2000001000, "", "0", "0"},
		"a class that is not there":            {workload("gold", ""), 0, "gold", "0", "0"},
		"defaults of a LimitRange":             {ranges + workload("", ""), 0, "", "128Mi", "1Gi"},
		"a LimitRange after the workload":      {workload("", "") + ranges, 0, "", "128Mi", "1Gi"},
		"a limit of its own, and a LimitRange": {ranges + workload("", "limits: {memory: 2Gi}"), 0, "", "2Gi", "2Gi"},
		"a LimitRange that has only a maximum": {most + workload("", ""), 0, "", "2Gi", "2Gi"},
		"a LimitRange of another namespace":    {strings.ReplaceAll(ranges, "shop", "data") + workload("", ""), 0, "", "0", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := read(t, tc.text)
			if err != nil {
				t.Fatal(err)
			}
			w := m.Workloads[0]
			r := w.Pod.Spec.Containers[0].Resources
			request, limit := r.Requests[corev1.ResourceMemory], r.Limits[corev1.ResourceMemory]
			if *w.Pod.Spec.Priority != tc.wantPriority || w.PriorityUnknown != tc.wantUnknown ||
				request.String() != tc.wantRequest || limit.String() != tc.wantLimit {
				t.Errorf("priority %d %q, request %s, limit %s", *w.Pod.Spec.Priority, w.PriorityUnknown, &request, &limit)
			}
		})
	}
}

func TestListsAndStrangers(t *testing.T) {
	m, err := read(t, `{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"x"}]}},
{"kind":"ConfigMap","metadata":{"name":"c"}}]}
---
---
kind: Rollout
apiVersion: argoproj.io/v1alpha1
metadata: {name: r}
spec: {template: {spec: {containers: [{name: a}]}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 object with a pod template skipped, since its kind is not known (Rollout r (argoproj.io/v1alpha1) in standard input)"}
	if diff := cmp.Diff(want, m.Notes); diff != "" || len(m.Workloads) != 1 || m.Workloads[0].Namespace != "default" {
		t.Errorf("%s%+v", diff, m.Workloads)
	}
}

// An error is one line that names the file, the line, the object and the field.
func TestBadManifests(t *testing.T) {
	const pod = "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: x, resources: {requests: {memory: %}}}]}\n"
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for _, level := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		previous := string(level[0] - 1)
		bomb += level + ": &" + level + " [" + strings.TrimSuffix(strings.Repeat("*"+previous+",", 10), ",") + "]\n"
	}
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":                   {"", "no Pod, Deployment"},
		"no object":                 {"a: 1", "standard input:1: no kind"},
		"not YAML":                  {"kind: Pod\n  a: [", "standard input: "},
		"a template of a chart":     {"kind: Pod\nmetadata:\n  name: {{ .Values.name }}\n", "helm template"},
		"a quantity that is none":   {strings.ReplaceAll(pod, "%", "lots"), `standard input:1: Pod a: spec.containers[0].resources.requests.memory: "lots" is not a quantity`},
		"an exponent without bound": {strings.ReplaceAll(pod, "%", `"1e-9999999"`), "spec.containers[0].resources.requests.memory"},
		"no containers":             {"kind: Job\nmetadata: {name: j}\nspec: {template: {spec: {}}}", "standard input:1: Job j: spec.template.spec.containers: missing"},
		"no template":               {"kind: Job\nmetadata: {name: j}", "Job j: spec.template: missing"},
		"a policy that cannot be":   {"kind: KillOrderPolicy\nmetadata: {name: default}\nspec: {topN: 99}\n---\n" + strings.ReplaceAll(pod, "%", "1Mi"), "spec.topN"},
		"aliases that explode":      {bomb, "alias"},
		"a list in place of a map":  {"kind: Pod\nmetadata: []", "standard input:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q", err, tc.want)
			}
		})
	}
}

// A folder is taken as found; a file that is named is not.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pod := "kind: Pod\nmetadata: {name: a}\nspec: {" + container + "}\n"
	write("base/pod.yaml", pod)
	write("base/kustomization.yaml", "resources: [pod.yaml]")
	write("base/broken.yaml", "kind: [")
	write("README.md", "kind: Pod")
	write(".hidden/pod.yaml", pod)
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Read(t.Context(), []string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Workloads) != 1 || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "broken.yaml") {
		t.Errorf("%d workloads, notes %q", len(m.Workloads), m.Notes)
	}
	for _, path := range []string{"base/broken.yaml", "pipe.yaml", "none.yaml"} {
		if _, err := Read(t.Context(), []string{filepath.Join(dir, path)}, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ended, []string{dir}, nil); err == nil {
		t.Error("an interrupted reading is no success")
	}
}

// FuzzRead: whatever the text is, Read returns an error of one line or workloads with a pod each; it never panics.
func FuzzRead(f *testing.F) {
	f.Add("kind: Pod\nmetadata: {name: a}\nspec: {" + container + "}\n---\nkind: List\nitems: [{kind: LimitRange}]")
	f.Add("a: &a [*a]")
	f.Add(`{"kind":"CronJob","spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{}]}}}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Read(t.Context(), []string{"-"}, strings.NewReader(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		for i := range m.Workloads {
			if w := &m.Workloads[i]; len(w.Pod.Spec.Containers) == 0 || w.Line < 1 || w.LineOf("app") < 1 {
				t.Errorf("%+v", w)
			}
		}
	})
}
