package chart

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/killorder/killorder/tools/ship/broken"
	"github.com/killorder/killorder/tools/ship/objects"
)

const root = "../../.."

// helm runs the pinned helm; `make verify` builds it.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(root, "bin", "tools", "helm"))
	if err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	c.Stderr = &problems
	out, err := c.Output()
	return string(out) + problems.String(), err
}

func rendered(t *testing.T, dir string, args ...string) map[string]any {
	t.Helper()
	out, err := helm(t, append([]string{"template", "killorder", dir, "-n", "killorder-system"}, args...)...)
	if err != nil {
		t.Fatal(err, out)
	}
	all, err := objects.Parse([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	return byName(all)
}

func byName(all []*unstructured.Unstructured) map[string]any {
	named := map[string]any{}
	for _, u := range all {
		labels := u.GetLabels()
		// What says who manages an object, and by which chart, is all that may differ.
		for _, l := range []string{"managed-by", "instance", "version"} {
			delete(labels, "app.kubernetes.io/"+l)
		}
		delete(labels, "helm.sh/chart")
		u.SetLabels(labels)
		annotations := u.GetAnnotations()
		delete(annotations, "helm.sh/resource-policy")
		u.SetAnnotations(annotations)
		named[u.GetKind()+" "+u.GetNamespace()+"/"+u.GetName()] = u.Object
	}
	return named
}

func ofConfig(t *testing.T, folders ...string) map[string]any {
	t.Helper()
	version, err := objects.Version(root)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, folder := range folders {
		text, err := objects.Render(root, folder, version)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := objects.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(all, byName(parsed))
	}
	delete(all, "Namespace /killorder-system") // helm install --create-namespace
	return all
}

func TestDefaultsAreWhatKustomizeInstalls(t *testing.T) {
	chart := filepath.Join(root, "charts", "killorder")
	if diff := cmp.Diff(ofConfig(t, "config/default"), rendered(t, chart)); diff != "" {
		t.Errorf("the chart differs from config/default (-config +chart):\n%s", diff)
	}
	got := rendered(t, chart, "--set", "metrics.serviceMonitor.enabled=true,metrics.alerts.enabled=true,metrics.dashboard.enabled=true,"+
		"metrics.dashboard.namespace=monitoring")
	if diff := cmp.Diff(ofConfig(t, "config/default", "config/prometheus", "config/grafana"), got); diff != "" {
		t.Errorf("with monitoring the chart differs from config/ (-config +chart):\n%s", diff)
	}
}

// Each value is seen to change what it says.
func TestValues(t *testing.T) {
	for name, tc := range map[string]struct {
		values string
		want   string // after the change, which stands nowhere without it
		gone   string // nowhere after it
	}{
		"an image by digest":  {values: "image: {digest: \"sha256:" + strings.Repeat("a", 64) + "\"}", want: "image: ghcr.io/killorder/killorder@sha256:aaaa"},
		"a mirror":            {values: "image: {repository: mirror/killorder, tag: v9}", want: "image: mirror/killorder:v9"},
		"pull secrets":        {values: "imagePullSecrets: [{name: mirror}]", want: "imagePullSecrets:\n        - name: mirror"},
		"pull policy":         {values: "image: {pullPolicy: Always}", want: "imagePullPolicy: Always"},
		"replicas":            {values: "replicas: 3", want: "replicas: 3"},
		"resources":           {values: "resources: {limits: {memory: 1Gi}, requests: {memory: 1Gi}}", want: "memory: 1Gi"},
		"no class of ours":    {values: "priorityClass: {create: false, name: infra}", want: "priorityClassName: infra", gone: "kind: PriorityClass"},
		"no class at all":     {values: "priorityClass: {create: false, name: \"\"}", gone: "priorityClassName"},
		"class":               {values: "priorityClass: {value: 7}", want: "\nvalue: 7\n"},
		"node selector":       {values: "nodeSelector: {pool: infra}", want: "pool: infra"},
		"tolerations":         {values: "tolerations: [{key: infra, operator: Exists}]", want: "tolerations:\n        - key: infra"},
		"affinity":            {values: "affinity: {podAntiAffinity: {}}", want: "        podAntiAffinity: {}"},
		"pod annotations":     {values: "podAnnotations: {a: b}", want: "        a: b\n"},
		"pod labels":          {values: "podLabels: {team: c}", want: "        team: c\n"},
		"arguments":           {values: "extraArgs: [--usage-interval=60s]", want: "- --usage-interval=60s\n        env:"},
		"environment":         {values: "extraEnv: [{name: A, value: b}]", want: "- name: A\n          value: b"},
		"volumes":             {values: "extraVolumes: [{name: ca, configMap: {name: ca}}]", want: "      volumes:\n        - configMap:"},
		"mounts":              {values: "extraVolumeMounts: [{name: ca, mountPath: /ca}]", want: "        volumeMounts:\n          - mountPath: /ca"},
		"no budget":           {values: "podDisruptionBudget: {enabled: false}", gone: "kind: PodDisruptionBudget"},
		"no network policy":   {values: "networkPolicy: {enabled: false}", gone: "kind: NetworkPolicy"},
		"scrapers":            {values: "networkPolicy: {scrapeFrom: [{podSelector: {}}]}", want: "- podSelector: {}", gone: "metrics: enabled"},
		"API server's port":   {values: "networkPolicy: {apiServerPorts: [8443]}", want: "- port: 8443\n      protocol: TCP", gone: "port: 6443"},
		"kubelets' port":      {values: "networkPolicy: {kubeletPort: 20250}", want: "- port: 20250", gone: "port: 10250"},
		"more egress":         {values: "networkPolicy: {extraEgress: [{ports: [{port: 9153}]}]}", want: "- ports:\n    - port: 9153"},
		"no kinds":            {values: "crds: {install: false}", gone: "kind: CustomResourceDefinition"},
		"kinds go":            {values: "crds: {keep: false}", gone: "helm.sh/resource-policy"},
		"not for viewers":     {values: "rbac: {aggregateToView: false}", gone: "aggregate-to-view"},
		"scraped":             {values: "metrics: {serviceMonitor: {enabled: true, interval: 15s, labels: {release: p}}}", want: "    interval: 15s\n"},
		"alerts with a label": {values: "metrics: {alerts: {enabled: true, labels: {release: p}}}", want: "    release: p\n"},
		"dashboard":           {values: "metrics: {dashboard: {enabled: true}}", want: "grafana_dashboard: \"1\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, []byte(tc.values+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			chart := filepath.Join(root, "charts", "killorder")
			before, err := helm(t, "template", "killorder", chart, "-n", "n")
			if err != nil {
				t.Fatal(err, before)
			}
			after, err := helm(t, "template", "killorder", chart, "-n", "n", "-f", file)
			if err != nil {
				t.Fatal(err, after)
			}
			if tc.want != "" && (strings.Contains(before, tc.want) || !strings.Contains(after, tc.want)) {
				t.Errorf("want %q with these values, and not without", tc.want)
			}
			if tc.gone != "" && (!strings.Contains(before, tc.gone) || strings.Contains(after, tc.gone)) {
				t.Errorf("want %q without these values, and not with them", tc.gone)
			}
		})
	}
}

// helm lint accepts the chart, and none of the broken copies.
func TestLint(t *testing.T) {
	for name, tc := range map[string]struct {
		file, find, put string
		want            string // in what helm says; empty: it accepts
	}{
		"as it is":             {},
		"a value of no use":    {"values.yaml", "replicas: 2", "replica: 2", "replica"},
		"a number as a word":   {"values.yaml", "replicas: 2", "replicas: two", "/replicas"},
		"no memory limit":      {"values.yaml", "    memory: 512Mi\n  requests", "  requests", "memory"},
		"a template that ends": {"templates/deployment.yaml", "{{- end }}", "", "unexpected"},
		"no version":           {"Chart.yaml", "\nversion: ", "\nnoVersion: ", "version"},
		"no name of a Service": {"templates/service.yaml", "name: killorder-metrics", "name: Killorder_Metrics", "Killorder_Metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "killorder")
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "charts", "killorder"))); err != nil {
				t.Fatal(err)
			}
			if tc.file != "" {
				broken.ReplaceOnce(t, filepath.Join(dir, tc.file), tc.find, tc.put)
			}
			out, err := helm(t, "lint", "--strict", dir)
			if tc.want == "" {
				if err != nil {
					t.Errorf("helm lint: %v\n%s", err, out)
				}
			} else if err == nil || !strings.Contains(out, tc.want) {
				t.Errorf("helm lint: want an error with %q, got %v\n%s", tc.want, err, out)
			}
		})
	}
}

// A change of config/ that the chart does not know of is an error, not a chart that has fallen behind.
func TestEditsFindTheirPlace(t *testing.T) {
	if _, err := (edit{"replicas: 2", "replicas: {{ .Values.replicas }}", false}).apply("replicas: 3"); err == nil {
		t.Error("want an error: the place is gone")
	}
	if _, err := (edit{"port: 1", "port: 2", false}).apply("port: 1\nport: 1"); err == nil {
		t.Error("want an error: there are two places")
	}
	if got := mark("a: {{ b }}\n"); got != "a: {{ \"{{\" }} b {{ \"}}\" }}\n" {
		t.Errorf("braces that are not Helm's: got %q", got)
	}
}
