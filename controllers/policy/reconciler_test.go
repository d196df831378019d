package policy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/controllers/trigger"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

var start = time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)

// world is a cluster with at most one policy, as a Reconciler sees it.
type world struct {
	*Reconciler
	t        *testing.T
	clock    *testclock.FakePassiveClock
	lastPass time.Time
	nodes    []*status.NodeSummary
	// unjudged: some node has no summary yet.
	unjudged bool
	// changed counts how often another policy came into force; writes are the calls that reached the API server.
	changed int
	writes  []string
	fail    error
	kills   counted
}

// counted is a stand-in for the kills of the cluster: it remembers what it was told.
type counted struct {
	loaded *v1alpha1.KillHistory
	kills  map[v1alpha1.KillCause]int32
}

func (c *counted) Load(h *v1alpha1.KillHistory) { c.loaded = h }

func (c *counted) RollUp(s *v1alpha1.KillOrderPolicyStatus) { s.Kills = c.kills }

func newWorld(t *testing.T, policies ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: testclock.NewFakePassiveClock(start)}
	c := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.KillOrderPolicy{}).WithObjects(policies...).
		WithInterceptorFuncs(interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
				w.writes = append(w.writes, "create")
				if w.fail != nil {
					return w.fail
				}
				return c.Patch(ctx, o, patch, opts...)
			},
			SubResourcePatch: func(
				ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption,
			) error {
				w.writes = append(w.writes, sub)
				if w.fail != nil {
					return w.fail
				}
				return c.SubResource(sub).Patch(ctx, o, patch, opts...)
			},
		}).Build()
	w.Reconciler = &Reconciler{
		Client: c, Writer: &publish.Writer{Client: c}, Current: &Current{}, Clock: w.clock,
		Changed:  func(context.Context) { w.changed++ },
		Nodes:    func() []*status.NodeSummary { return w.nodes },
		Judged:   func(context.Context) bool { return !w.unjudged },
		Replicas: func([]facts.WorkloadKey) map[facts.WorkloadKey]int32 { return nil },
		LastPass: func() time.Time { return w.lastPass },
		Kills:    &w.kills,
	}
	return w
}

func (w *world) reconcile() (writes []string, err error) {
	w.writes = nil
	_, err = w.Reconcile(w.t.Context(), trigger.Request(v1alpha1.PolicyName))
	return w.writes, err
}

func (w *world) policy() *v1alpha1.KillOrderPolicy {
	w.t.Helper()
	p := &v1alpha1.KillOrderPolicy{}
	if err := w.Client.Get(w.t.Context(), types.NamespacedName{Name: v1alpha1.PolicyName}, p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func policyWith(edit func(*v1alpha1.KillOrderPolicySpec)) *v1alpha1.KillOrderPolicy {
	p := &v1alpha1.KillOrderPolicy{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName, UID: "p1", Generation: 1}}
	edit(&p.Spec)
	return p
}

// What the policy says takes effect, or the policy before stays in force and the status says why.
func TestPolicyInForce(t *testing.T) {
	badSelector := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
	for name, tc := range map[string]struct {
		edit       func(*v1alpha1.KillOrderPolicySpec)
		wantStatus metav1.ConditionStatus
		wantReason string
		wantTopN   int
	}{
		"a good policy": {func(s *v1alpha1.KillOrderPolicySpec) { s.TopN = 5 }, metav1.ConditionTrue, v1alpha1.ReasonAccepted, 5},
		"a selector that cannot be": {func(s *v1alpha1.KillOrderPolicySpec) {
			s.TopN, s.Critical.PodSelector = 5, badSelector
		}, metav1.ConditionFalse, v1alpha1.ReasonInvalid, 10},
		"a rule that does not exist": {func(s *v1alpha1.KillOrderPolicySpec) {
			s.TopN, s.DisabledFindings = 5, []string{"NoSuchRule", "BestEffortPod"}
		}, metav1.ConditionFalse, v1alpha1.ReasonUnknownFindings, 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policyWith(tc.edit))
			if _, err := w.reconcile(); err != nil {
				t.Fatal(err)
			}
			c := meta.FindStatusCondition(w.policy().Status.Conditions, v1alpha1.ConditionAccepted)
			if c == nil || c.Status != tc.wantStatus || c.Reason != tc.wantReason || c.ObservedGeneration != 1 {
				t.Errorf("condition %+v", c)
			}
			if got := w.Current.Get().TopN; got != tc.wantTopN {
				t.Errorf("topN in force %d, want %d", got, tc.wantTopN)
			}
		})
	}
}

// The operator creates a missing policy; without one the defaults are in force.
func TestMissingPolicyIsCreated(t *testing.T) {
	w := newWorld(t)
	writes, err := w.reconcile()
	if diff := cmp.Diff([]string{"create"}, writes); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	if w.Current.Get().TopN != 10 || w.changed != 0 {
		t.Errorf("topN in force %d, changed %d times", w.Current.Get().TopN, w.changed)
	}
	if w.policy().Spec.TopN != 0 {
		t.Error("the request set fields of the spec, which the API server's defaults should fill")
	}
	w = newWorld(t)
	w.fail = errors.New("refused")
	if _, err := w.reconcile(); err == nil {
		t.Error("a failed creation is no success")
	}
}

// The roll-up is written once a minute at most, and the nodes are judged anew only for another policy.
func TestRollUp(t *testing.T) {
	w := newWorld(t, policyWith(func(*v1alpha1.KillOrderPolicySpec) {}))
	step := func(pass time.Duration, wantWrites ...string) {
		t.Helper()
		w.lastPass = start.Add(pass)
		writes, err := w.reconcile()
		if diff := cmp.Diff(wantWrites, writes); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	w.nodes = []*status.NodeSummary{
		{Node: "a", CriticalAtRisk: 1, AtRisk: map[string]status.RankOf{
			"u1": {Workload: facts.WorkloadKey{Namespace: "shop", Workload: facts.Workload{Kind: "Deployment", Name: "pay"}}, Rank: 2},
		}},
		{Node: "b", Conditions: map[string]bool{v1alpha1.ConditionMemoryPressure: true}},
	}
	step(0, "status")
	step(30 * time.Second)
	w.nodes = w.nodes[1:]
	step(59 * time.Second)
	if got := w.policy().Status; got.Nodes != 2 || got.CriticalAtRisk != 1 || got.NodesUnderPressure != 1 || len(got.WorkloadsAtRisk) != 1 {
		t.Errorf("roll-up of two nodes %+v", got)
	}
	step(time.Minute, "status")
	if got := w.policy().Status; got.Nodes != 1 || got.CriticalAtRisk != 0 {
		t.Errorf("roll-up of one node %+v", got)
	}
	if w.changed != 1 {
		t.Errorf("the policy came into force %d times", w.changed)
	}
}

func TestStatusCannotBeWritten(t *testing.T) {
	w := newWorld(t, policyWith(func(*v1alpha1.KillOrderPolicySpec) {}))
	w.fail = apierrors.NewTimeoutError("no answer", 1)
	if _, err := w.reconcile(); err == nil {
		t.Error("a failed write is no success")
	}
	w.fail = nil
	if writes, err := w.reconcile(); len(writes) != 1 || err != nil {
		t.Errorf("writes %q, error %v", writes, err)
	}
}

// The counts of kills are read from the policy before anything is written, and written with the roll-up.
func TestKillsAreCountedOnFromThePolicy(t *testing.T) {
	before := policyWith(func(*v1alpha1.KillOrderPolicySpec) {})
	before.Status.KillHistory = &v1alpha1.KillHistory{Until: metav1.NewTime(start.Add(-time.Hour))}
	w := newWorld(t, before)
	w.lastPass, w.kills.kills = start, map[v1alpha1.KillCause]int32{v1alpha1.CauseEviction: 2}
	if _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	if w.kills.loaded == nil || !w.kills.loaded.Until.Time.Equal(start.Add(-time.Hour)) {
		t.Errorf("loaded %+v", w.kills.loaded)
	}
	if diff := cmp.Diff(w.kills.kills, w.policy().Status.Kills); diff != "" {
		t.Errorf("kills (-want +got):\n%s", diff)
	}
}

// A new process publishes no counts of a part of the cluster: what the process before has published stays until each node
// was judged, or until that takes too long.
func TestRollUpWaitsForEveryNode(t *testing.T) {
	earlier := policyWith(func(*v1alpha1.KillOrderPolicySpec) {})
	earlier.Status.Nodes, earlier.Status.LastPassAt = 5000, &metav1.Time{Time: start.Add(-time.Hour)}
	w := newWorld(t, earlier)
	w.unjudged, w.lastPass = true, start
	step := func(d time.Duration, wantNodes int32, wantPass time.Time, wantAgain bool) {
		t.Helper()
		w.clock.SetTime(w.clock.Now().Add(d))
		r, err := w.Reconcile(t.Context(), trigger.Request(v1alpha1.PolicyName))
		if err != nil {
			t.Fatal(err)
		}
		s := w.policy().Status
		if s.Nodes != wantNodes || !s.LastPassAt.Time.Equal(wantPass) || r.RequeueAfter > 0 != wantAgain {
			t.Errorf("%d nodes, pass at %v, looks again after %v; want %d, %v, again %t",
				s.Nodes, s.LastPassAt, r.RequeueAfter, wantNodes, wantPass, wantAgain)
		}
	}
	step(0, 5000, start.Add(-time.Hour), true)           // the condition is new, and is written
	step(time.Second, 5000, start.Add(-time.Hour), true) // nothing to write
	if c := meta.FindStatusCondition(w.policy().Status.Conditions, v1alpha1.ConditionAccepted); c == nil {
		t.Error("no condition")
	}
	w.nodes = []*status.NodeSummary{{Node: "n1"}, {Node: "n2"}}
	w.unjudged = false
	step(time.Second, 2, start, false)

	w = newWorld(t, earlier.DeepCopy())
	w.unjudged, w.lastPass, w.nodes = true, start, []*status.NodeSummary{{Node: "n1"}}
	step(0, 5000, start.Add(-time.Hour), true)
	step(judgedWithin, 1, start, false) // a node that cannot be judged holds up nothing for ever
}
