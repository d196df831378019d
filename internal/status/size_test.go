package status

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// fullKill is a kill with all its fields, of a pod with an ordinary name of 37 characters.
func fullKill(i int) v1alpha1.Kill {
	at := metav1.NewTime(factstest.Now.Add(-time.Duration(i) * time.Minute))
	return v1alpha1.Kill{
		Time: at, SeenAt: at, Cause: v1alpha1.CausePodsOOM, Confidence: v1alpha1.ConfidenceMedium,
		Namespace: "team-checkout", Pod: fmt.Sprintf("recommendation-engine-7d9c5b6f8-x%04d", i),
		UID: types.UID(fmt.Sprintf("6f0c2a4e-1b3d-4c5e-8f70-91a2b3c4d%03d", i)), Container: "application", ContainerID: "0123456789ab",
		ExitCode: new(int32(137)), Workload: &v1alpha1.WorkloadReference{Kind: "Deployment", Name: "recommendation-engine"}, Critical: true,
		Predicted: &v1alpha1.KillPrediction{
			Killer: v1alpha1.KillerOOM, Rank: 10, Headroom: new(resource.MustParse("1234Mi")), ObservedAt: &at,
		},
		Culprit: "team-data/data-pipeline-aggregator", WrongVictim: true,
		Message: "OOM-killed, most likely because all pods together reached the limit of kubepods (about 13926Mi)",
	}
}

// TestThreeKillsFit: an order of 110 pods with three kills stays within its bound, and still has findings.
func TestThreeKillsFit(t *testing.T) {
	n, p := factstest.Crowded(110), factstest.Policy()
	for i := range n.Pods {
		pod := n.Pods[i].Pod
		pod.Name, pod.UID = fmt.Sprintf("%-.21s-%09d-x%04d", pod.Name+"-services-a", i, i), fmt.Sprintf("6f0c2a4e-1b3d-4c5e-8f70-91a2b3c4d%03d", i)
		n.Pods[i].Production = true
	}
	h := &History{}
	for i := range 3 {
		if len(fullKill(i).Pod) != 37 || len(n.Pods[i].Name) != 37 {
			t.Fatalf("names of %d and %d characters", len(fullKill(i).Pod), len(n.Pods[i].Name))
		}
		_, s := Judge(n, p, h, 10, 1, factstest.Now)
		h.SetPublished(&s)
		h.SetKills([]v1alpha1.Kill{fullKill(0), fullKill(1), fullKill(2)}[:i+1], nil)
	}
	_, s := Judge(n, p, h, 10, 1, factstest.Now)
	t.Logf("%d bytes: %d in each order, %d limits, %d of %d findings, %d kills of %d bytes", sizeOf(s), len(s.EvictionOrder), len(s.LimitOrder),
		len(s.Findings), s.Summary.Findings, len(s.Kills), sizeOf(s.Kills))
	if len(s.Kills) != 3 || len(s.EvictionOrder) != 10 || len(s.OOMOrder) != 10 {
		t.Errorf("%d kills, orders of %d and %d", len(s.Kills), len(s.EvictionOrder), len(s.OOMOrder))
	}
	if size := sizeOf(s); size > maxStatus {
		t.Errorf("%d bytes, at most %d", size, maxStatus)
	}
	if len(s.Findings) == 0 || s.Kills[0].Message == "" {
		t.Errorf("%d findings, the newest kill says %q; want the worst finding and the evidence", len(s.Findings), s.Kills[0].Message)
	}
	h.SetPublished(&s)
	if _, again := Judge(n, p, h, 10, 1, factstest.Now); !sameContent(&s, &again) {
		t.Error("the same facts are worth another write")
	}
}
