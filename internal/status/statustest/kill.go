// Package statustest builds parts of a NodeKillOrder's status for tests.
package statustest

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// Kill is the ith last kill of a node, with all that a kill may say, of a pod with an ordinary name of 37 characters.
func Kill(i int) v1alpha1.Kill {
	at := metav1.NewTime(factstest.Now.Add(-time.Duration(i+1) * time.Minute))
	return v1alpha1.Kill{
		Time: at, SeenAt: at, Cause: v1alpha1.CausePodsOOM, Confidence: v1alpha1.ConfidenceMedium,
		Namespace: "team-checkout", Pod: fmt.Sprintf("recommendation-engine-7d9c5b6f8-x%04d", i),
		UID: types.UID(fmt.Sprintf("6f0c2a4e-1b3d-4c5e-8f70-91a2b3c4e%03d", i)), Container: "application", ContainerID: "0123456789ab",
		ExitCode: new(int32(137)), Workload: &v1alpha1.WorkloadReference{Kind: "Deployment", Name: "recommendation-engine"}, Critical: true,
		Predicted: &v1alpha1.KillPrediction{
			Killer: v1alpha1.KillerOOM, Rank: 10, Headroom: new(resource.MustParse("1234Mi")), ObservedAt: &at,
		},
		Culprit: "team-data/data-pipeline-aggregator", WrongVictim: true,
		Message: "OOM-killed, most likely because all pods together reached the limit of kubepods (about 13926Mi)",
	}
}
