package nodekillorder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// TestKillsArePublishedAtOnce: a kill does not wait for the 30 seconds between two writes, stays in what is written later,
// and the kills are told what was published: before they are asked, and after each write.
func TestKillsArePublishedAtOnce(t *testing.T) {
	w := newWorld(t, node("n1"))
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	at := metav1.NewTime(w.clock.Now())
	kill := v1alpha1.Kill{Time: at, SeenAt: at, Cause: v1alpha1.CauseEviction, Namespace: "shop", Pod: "old", UID: "old"}
	w.kills = []v1alpha1.Kill{kill}
	calls, _, err := w.reconcile(2 * time.Second)
	if err != nil || len(calls) == 0 || calls[0] != "status" {
		t.Fatalf("writes %q, error %v; want a status at once", calls, err)
	}
	if o := w.order(); len(o.Status.Kills) != 1 || o.Status.Summary.LastKill != "2s Eviction shop/old" {
		t.Errorf("kills %+v, last kill %q", o.Status.Kills, o.Status.Summary.LastKill)
	}
	w.kills = nil // the process no longer holds the kill; the status does
	if calls, _, err := w.reconcile(31 * time.Minute); err != nil || len(calls) == 0 {
		t.Fatalf("writes %q, error %v", calls, err)
	}
	if o := w.order(); len(o.Status.Kills) != 1 || o.Status.Summary.LastKill != "31m Eviction shop/old" {
		t.Errorf("kills %+v, last kill %q", o.Status.Kills, o.Status.Summary.LastKill)
	}
	if diff := cmp.Diff([]int{0, 0, 0, 1, 1, 1}, w.published); diff != "" {
		t.Errorf("kills in what was published (-want +got):\n%s", diff)
	}
}

// TestANewLeaderReadsTheOrderOfANodeThatIsGone: before the node is forgotten, the kills are told which ones were published.
func TestANewLeaderReadsTheOrderOfANodeThatIsGone(t *testing.T) {
	w := newWorld(t, node("n1"))
	at := metav1.NewTime(w.clock.Now())
	w.kills = []v1alpha1.Kill{{Time: at, SeenAt: at, Cause: v1alpha1.CauseEviction, Namespace: "shop", Pod: "old", UID: "old"}}
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	w.Reconciler.states = states{} // another process
	w.published, w.kills = nil, nil
	if err := w.Writer.Client.Delete(t.Context(), node("n1")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.reconcile(time.Second); err != nil || w.forgotten == 0 {
		t.Errorf("forgotten %d times, error %v", w.forgotten, err)
	}
	if diff := cmp.Diff([]int{1}, w.published); diff != "" {
		t.Errorf("kills in what was told of the order (-want +got):\n%s", diff)
	}
}
