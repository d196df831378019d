package snapshot_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/snapshot"
)

// evidence is what was captured from a real node, as objects.
func evidence(t *testing.T) *snapshot.Content {
	t.Helper()
	c := &snapshot.Content{Nodes: make([]corev1.Node, 1), Summaries: map[string][]byte{}, Configs: map[string][]byte{}}
	var pods corev1.PodList
	var agent corev1.Pod
	var usage metrics.PodMetricsList
	for path, into := range map[string]any{
		"node.json": &c.Nodes[0], "pods.json": &pods, "node-agent.yaml": &agent, "pod-metrics.json": &usage,
	} {
		if err := yaml.Unmarshal(evidenceFile(t, path), into); err != nil {
			t.Fatal(err)
		}
	}
	c.Pods, c.PodMetrics = append(pods.Items, agent), usage.Items
	c.Summaries["vm"] = evidenceFile(t, "kubelet/vm/stats-summary.json")
	c.Configs["vm"] = evidenceFile(t, "kubelet/vm/configz.json")
	for i := range c.Pods {
		p := &c.Pods[i]
		p.Labels = map[string]string{"secret-label": "secret-value"}
		p.Annotations = map[string]string{"secret-annotation": "secret-note", "ignore.killorder.io/MissingMemoryLimit": "secret-reason"}
		p.Spec.Containers[0].Image = "registry.secret.example/app:1"
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "SECRET_ENV", Value: "secret-env"}}
		p.Status.Message = "secret-message"
		p.Spec.Containers[0].Resources.Requests = withExtended(p.Spec.Containers[0].Resources.Requests)
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: "secret.example/gate", Message: "secret"})
		p.Status.PodIP = "10.11.12.13"
	}
	c.Nodes[0].Labels = map[string]string{"kubernetes.io/os": "linux", "secret-zone": "secret-where"}
	c.Policy = &v1alpha1.KillOrderPolicy{}
	c.Policy.Name = "default"
	c.Policy.Spec.Production.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "shop"}}
	c.Nodes[0].Spec.ProviderID = "secret-provider"
	return c
}

func withExtended(l corev1.ResourceList) corev1.ResourceList {
	if l == nil {
		return nil
	}
	l["secret.example/gpu"] = resource.MustParse("1")
	return l
}

func evidenceFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "evidence", path))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// written is the folder that holds the content.
func written(t *testing.T, c *snapshot.Content) string {
	t.Helper()
	files := map[string]string{}
	err := snapshot.Write(c, func(path string, content []byte) error {
		files[path] = string(content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folder(t, files)
}

// figures are an answer without names: what each rank rests on.
func figures(t *testing.T, path string) (lines [][]int64) {
	t.Helper()
	s, err := readAll(t, "", path)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Notes) > 0 {
		t.Errorf("notes %q", s.Notes)
	}
	v := evaluate(s)[0]
	for i := range v.Eviction {
		e := &v.Eviction[i]
		lines = append(lines, []int64{int64(e.Priority), e.Request, e.WorkingSet})
	}
	for i := range v.OOM {
		o := &v.OOM[i]
		lines = append(lines, []int64{int64(o.Adj), o.Request, o.Badness})
	}
	return lines
}

// TestWrite: what is written, redacted or not, gives the answer of what was read.
func TestWrite(t *testing.T) {
	c := evidence(t)
	want := figures(t, "testdata/evidence")
	if diff := cmp.Diff(want, figures(t, written(t, c))); diff != "" {
		t.Errorf("written (-read +written):\n%s", diff)
	}
	redacted, err := snapshot.Redact(c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, figures(t, written(t, redacted))); diff != "" {
		t.Errorf("redacted (-read +redacted):\n%s", diff)
	}
}

// TestRedact: nothing of the original names, labels, images, environment and annotations is left.
func TestRedact(t *testing.T) {
	c := evidence(t)
	before, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	redacted, err := snapshot.Redact(c)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := json.Marshal(c); err != nil || !bytes.Equal(before, after) {
		t.Errorf("redacting has changed the original, error %v", err)
	}
	secrets := []string{"secret", "SECRET", "registry", "10.11.12.13"}
	for i := range c.Pods {
		p := &c.Pods[i]
		secrets = append(secrets, `"`+p.Name+`"`, string(p.UID))
		if p.Namespace != "kube-system" {
			secrets = append(secrets, `"`+p.Namespace+`"`)
		}
		for j := range p.Spec.Containers {
			secrets = append(secrets, `"`+p.Spec.Containers[j].Name+`"`)
		}
	}
	secrets = append(secrets, `"`+c.Nodes[0].Name+`"`, c.Nodes[0].Status.NodeInfo.MachineID)
	err = snapshot.Write(redacted, func(path string, content []byte) error {
		for _, secret := range secrets {
			if secret != "" && (strings.Contains(string(content), secret) || strings.Contains(path, "/vm/")) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
