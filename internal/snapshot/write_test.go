package snapshot_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	addDeaths(c)
	c.Nodes[0].Labels = map[string]string{"kubernetes.io/os": "linux", "secret-zone": "secret-where"}
	c.Policy = &v1alpha1.KillOrderPolicy{}
	c.Policy.Name = "default"
	c.Policy.Spec.Production.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "shop"}}
	c.Nodes[0].Spec.ProviderID = "secret-provider"
	return c
}

// addDeaths adds what a dead pod leaves, with secrets wherever somebody can write some.
func addDeaths(c *snapshot.Content) {
	ended := metav1.Date(2026, 11, 24, 6, 30, 0, 0, time.UTC)
	victim := &c.Pods[0]
	victim.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
		ExitCode: 137, Reason: "OOMKilled", Message: "secret-last-words", ContainerID: "containerd://5ec2e70123456789", FinishedAt: ended,
	}
	gone := victim.DeepCopy()
	gone.Name, gone.UID = "secret-gone", "uid-of-the-gone"
	gone.Status = corev1.PodStatus{
		Phase: corev1.PodFailed, Reason: "Evicted",
		Message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. Container secret-side was using 200Mi.",
		Conditions: []corev1.PodCondition{{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "TerminationByKubelet", Message: "The secret of secret.example.com",
		}},
	}
	c.Pods = append(c.Pods, *gone)
	c.Events = []corev1.Event{
		{
			ObjectMeta: metav1.ObjectMeta{
				Name: "secret-gone.17", Namespace: gone.Namespace, Labels: map[string]string{"secret": "x"},
				Annotations: map[string]string{
					"starved_resource": "memory", "offending_containers": "secret-side", "offending_containers_usage": "200Mi", "secret": "y",
				},
			},
			InvolvedObject: corev1.ObjectReference{
				Kind: "Pod", Namespace: gone.Namespace, Name: gone.Name, UID: gone.UID, FieldPath: "spec.containers{secret-side}", APIVersion: "v1",
			},
			Reason: "Evicted", Type: "Warning", LastTimestamp: ended, FirstTimestamp: ended, Count: 1,
			Message: "The node was low on resource: memory. http://secret.example.com:8080/secret?a=b 10.11.12.13 SECRET_WORD münchen-secret",
			Source:  corev1.EventSource{Component: "kubelet", Host: c.Nodes[0].Name},
			Related: &corev1.ObjectReference{Kind: "Pod", Name: "secret-related"}, Action: "secret-action", ReportingInstance: "secret-instance",
		},
		{
			InvolvedObject: corev1.ObjectReference{Kind: "SecretKind", Name: "secret-object", Namespace: "secret-namespace"}, Reason: "SecretReason",
		},
		{
			InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: c.Nodes[0].Name}, Reason: "SecretReason", Type: "Secret",
			Message: "System OOM encountered, victim process: secretd, pid: 4711",
		},
	}
	workload := &v1alpha1.WorkloadReference{Kind: "SecretSet", Name: "secret-workload"}
	c.Orders = []v1alpha1.NodeKillOrder{{
		ObjectMeta: metav1.ObjectMeta{Name: c.Nodes[0].Name, Labels: map[string]string{"secret": "x"}, UID: "secret-order"},
		Status: v1alpha1.NodeKillOrderStatus{
			Usage:         &v1alpha1.UsageStatus{Source: v1alpha1.UsageSourceKubelet},
			EvictionOrder: []v1alpha1.EvictionVictim{{Namespace: "secret-namespace", Pod: "secret-pod"}},
			Findings:      []v1alpha1.Finding{{Message: "secret-finding", Fix: "secret-fix"}},
			Summary:       &v1alpha1.SummaryStatus{FirstEvicted: "secret/first"},
			CulpritRef: &v1alpha1.CulpritReference{
				Namespace: victim.Namespace, Pod: victim.Name, UID: victim.UID, Workload: workload, Reason: v1alpha1.CulpritGrowth,
				Amount: resource.MustParse("1Gi"),
			},
			Kills: []v1alpha1.Kill{{
				Time: ended, Cause: "ContainerLimit", Namespace: victim.Namespace, Pod: victim.Name, UID: victim.UID, ContainerID: "5ec2e7012345",
				Container: victim.Spec.Containers[0].Name, Workload: workload, Culprit: "secret-ns/secret-culprit",
				Message: "container secret-app of secret-pod used 64Mi",
			}},
			Conditions: []metav1.Condition{{Type: "Ready", Status: "True", Reason: "UsageFresh", Message: "secret-condition"}},
		},
	}}
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
	secrets := []string{"secret", "SECRET", "SecretKind", "SecretReason", "SecretSet", "registry", "10.11.12.13", "example.com", "münchen", "5ec2e7", "uid-of-the-gone"}
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
