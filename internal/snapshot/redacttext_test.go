package snapshot

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ofOnePod is the redaction of a snapshot with one pod on one node.
func ofOnePod() *redaction {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "payments-api-5d8f7c9b64-x2k71", UID: "u"}}
	p.Spec.NodeName, p.Spec.Containers = "ip-10-0-1-7.example.internal", []corev1.Container{{Name: "payments"}}
	return newRedaction(&Content{Pods: []corev1.Pod{p}})
}

func TestRedactedText(t *testing.T) {
	r := ofOnePod()
	for text, want := range map[string]string{
		"The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. Container payments was using 200Mi, request is 0, has larger consumption of memory.": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. Container container-1 was using 200Mi, request is 0, has larger consumption of memory.",
		"Pod was rejected: The node had condition: [MemoryPressure].":                                   "Pod was rejected: The node had condition: [MemoryPressure].",
		"System OOM encountered, victim process: java, pid: 4711":                                       "System OOM encountered, victim process: x, pid: 4711",
		"Container payments failed liveness probe, will be restarted":                                   "Container container-1 failed liveness probe, will be restarted",
		"Preempted in order to accommodate a critical pod.":                                             "Preempted in order to accommodate a critical pod.",
		"marking for deletion Pod shop/payments-api-5d8f7c9b64-x2k71":                                   "marking for deletion Pod namespace-1/pod-1",
		`Liveness probe failed: Get "https://10.0.3.17:8443/healthz?token=geheim": x509: unknown Größe`: `Liveness probe failed: x "x://x:8443/x?x=x": x: x x`,
		"node ip-10-0-1-7.example.internal":                                                             "node node-1",
		"":                                                                                              "",
	} {
		if got := r.text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	for reason, want := range map[string]string{"Evicted": "Evicted", "OutOfmemory": "OutOfmemory", "AcmeCorpDenied": "Other", "OutOf acme": "Other"} {
		if got := reasonOf(reason); got != want {
			t.Errorf("reason %q becomes %q, want %q", reason, got, want)
		}
	}
}

// FuzzRedactedText: whatever a message says, its words are among those that may stay, and redacting again changes no more than
// what redacting made.
func FuzzRedactedText(f *testing.F) {
	for _, text := range []string{
		"The node was low on resource: memory. Container payments was using 200Mi", "a'b--c..d _x_ 1.5Gi 10.0.0.1 \x00\x1b[31m é ñandú \xff",
		strings.Repeat("payments ", 1000), "shop.payments", "payments-", "-payments", "_payments", "node.payments", "100Mix",
	} {
		f.Add(text)
	}
	r := ofOnePod()
	allowed := map[string]bool{"x": true, "namespace-1": true, "pod-1": true, "node-1": true, "container-1": true}
	f.Fuzz(func(t *testing.T, text string) {
		got := r.text(text)
		for _, w := range word.FindAllString(got, -1) {
			if !allowed[w] && !words.Has(strings.ToLower(w)) && !amount.MatchString(w) && strings.Trim(w, "x") != "" {
				t.Errorf("%q is left of %q", w, text)
			}
		}
	})
}
