package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/quantity"
)

// story is the node of the problem in one story: the larger the culprit's request, the safer it is.
func story(request int64) *facts.Node {
	n := factstest.Node(16*giB,
		factstest.Pod("payments-api").Running(0, 200*miB).Critical(),
		factstest.Pod("data-pipeline").Namespace("data").Running(request, 8*giB).Growth(6*giB),
		factstest.Pod("monitoring-agent").Namespace("monitoring").Running(0, 100*miB))
	n.Usage.WorkingSet = 15 * giB
	n.Allocatable -= 100 * miB
	return n
}

func exact(n *facts.Node, now time.Time) *v1alpha1.NodeKillOrderStatus {
	v := engine.Evaluate(n, &testPolicy, now)
	s := statusOf(&v, &testPolicy, nil, 10, 1, now)
	return &s
}

func TestStatusOfTheStory(t *testing.T) {
	got, err := yaml.Marshal(exact(story(8*giB), factstest.Now))
	if err != nil {
		t.Fatal(err)
	}
	want := `atRisk:
- killer: Eviction
  namespace: shop
  pod: payments-api
  rank: 1
  since: "2026-11-24T06:00:00Z"
  uid: payments-api
- killer: OOM
  namespace: shop
  pod: payments-api
  rank: 1
  since: "2026-11-24T06:00:00Z"
  uid: payments-api
conditions:
- lastTransitionTime: "2026-11-24T06:00:00Z"
  message: Readings are at most 3m0s old.
  observedGeneration: 1
  reason: UsageFresh
  status: "True"
  type: Ready
- lastTransitionTime: "2026-11-24T06:00:00Z"
  message: A critical pod is among the first 3 to die and headroom is under 15%.
  observedGeneration: 1
  reason: CriticalPodNearFront
  status: "True"
  type: CriticalAtRisk
- lastTransitionTime: "2026-11-24T06:00:00Z"
  message: shop/payments-api dies first (Eviction) for the memory of data/data-pipeline.
  observedGeneration: 1
  reason: VictimNotCulprit
  status: "True"
  type: WrongVictim
- lastTransitionTime: "2026-11-24T06:00:00Z"
  message: The Node does not say.
  observedGeneration: 1
  reason: NodeConditionUnknown
  status: Unknown
  type: MemoryPressure
culpritRef:
  amount: 6Gi
  namespace: data
  pod: data-pipeline
  reason: Growth
  uid: data/data-pipeline
evictionOrder:
- critical: true
  namespace: shop
  pod: payments-api
  qosClass: BestEffort
  rank: 1
  reason: ExceedsRequest
  request: "0"
  uid: payments-api
  usage: 200Mi
- namespace: monitoring
  pod: monitoring-agent
  qosClass: BestEffort
  rank: 2
  reason: ExceedsRequest
  request: "0"
  uid: monitoring/monitoring-agent
  usage: 100Mi
- namespace: data
  pod: data-pipeline
  qosClass: Burstable
  rank: 3
  reason: WithinRequest
  request: 8Gi
  uid: data/data-pipeline
  usage: 8Gi
lastChangedAt: "2026-11-24T06:00:00Z"
memory:
  allocatable: 16284Mi
  available: 1Gi
  capacity: 16Gi
  evictionSignal: memory.available
  evictionThreshold: 100Mi
  headroom: 924Mi
  nonPod: 6868Mi
  oomHeadroom: 1Gi
  oomScope: Node
  requested: 8Gi
  thresholdSource: Inferred
oomOrder:
- badness: 16582Mi
  container: app
  critical: true
  namespace: shop
  oomScore: 1341
  oomScoreAdj: 1000
  pod: payments-api
  qosClass: BestEffort
  rank: 1
  usage: 200Mi
- badness: 16482Mi
  container: app
  namespace: monitoring
  oomScore: 1337
  oomScoreAdj: 1000
  pod: monitoring-agent
  qosClass: BestEffort
  rank: 2
  usage: 100Mi
- badness: 16383Mi
  container: app
  namespace: data
  oomScore: 1332
  oomScoreAdj: 500
  pod: data-pipeline
  qosClass: Burstable
  rank: 3
  usage: 8Gi
summary:
  criticalAtRisk: 1
  culprit: data/data-pipeline
  findings: 0
  firstEvicted: shop/payments-api
  firstOOMKilled: shop/payments-api
  next:
    headroom: 924Mi
    killer: Eviction
    namespace: shop
    pod: payments-api
    uid: payments-api
  pods: 3
usage:
  observedAt: "2026-11-24T06:00:00Z"
  source: MetricsAPI
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestReady(t *testing.T) {
	for name, tc := range map[string]struct {
		age        time.Duration
		change     func(*facts.Node)
		wantReason string
		wantSource v1alpha1.UsageSource
	}{
		"fresh":                        {age: 3 * time.Minute, wantReason: v1alpha1.ReasonUsageFresh, wantSource: v1alpha1.UsageSourceMetricsAPI},
		"stale, still ranked":          {age: 3*time.Minute + time.Second, wantReason: v1alpha1.ReasonUsageStale, wantSource: v1alpha1.UsageSourceMetricsAPI},
		"too old to use":               {age: 10*time.Minute + time.Second, wantReason: v1alpha1.ReasonUsageUnavailable, wantSource: v1alpha1.UsageSourceNone},
		"never read":                   {change: func(n *facts.Node) { n.Usage.ObservedAt = time.Time{} }, wantReason: v1alpha1.ReasonUsageUnavailable, wantSource: v1alpha1.UsageSourceNone},
		"Windows says why it is short": {change: func(n *facts.Node) { n.Linux, n.NotLinux = false, "the operating system is windows" }, wantReason: v1alpha1.ReasonUsageFresh, wantSource: v1alpha1.UsageSourceMetricsAPI},
	} {
		t.Run(name, func(t *testing.T) {
			n := story(4 * giB)
			if tc.change != nil {
				tc.change(n)
			}
			s := exact(n, factstest.Now.Add(tc.age))
			c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if c.Reason != tc.wantReason || s.Usage.Source != tc.wantSource {
				t.Errorf("got %s, %s; want %s, %s", c.Reason, s.Usage.Source, tc.wantReason, tc.wantSource)
			}
			if unknown := s.EvictionOrder[0].Usage == nil; unknown != (tc.wantSource == v1alpha1.UsageSourceNone) {
				t.Errorf("usage %v with source %s", s.EvictionOrder[0].Usage, s.Usage.Source)
			}
			if n.NotLinux != "" && (len(s.OOMOrder) > 0 || s.Memory.OOMHeadroom != nil) {
				t.Errorf("a kernel order for a node without the kernel's rules: %v", s.OOMOrder)
			}
		})
	}
}

func TestReadySaysWhyTheKubeletIsNotRead(t *testing.T) {
	const why = "The kubelet refuses connections."
	for name, tc := range map[string]struct {
		age  time.Duration
		want string
	}{
		"read from elsewhere": {0, "Readings are at most 3m0s old. " + why},
		"not read at all":     {time.Hour, "No readings, or none younger than 10m0s: usage counts as unknown. " + why},
	} {
		t.Run(name, func(t *testing.T) {
			n := story(4 * giB)
			n.KubeletUnread = why
			c := meta.FindStatusCondition(exact(n, factstest.Now.Add(tc.age)).Conditions, v1alpha1.ConditionReady)
			if c.Message != tc.want {
				t.Errorf("message %q; want %q", c.Message, tc.want)
			}
		})
	}
}

func TestMemoryOfAConfiguredKubelet(t *testing.T) {
	n := story(4 * giB)
	n.Config = &facts.KubeletConfig{
		EvictionHard: facts.Threshold{Set: true, Bytes: 750 * miB}, MinReclaim: facts.Threshold{Set: true, Bytes: 256 * miB},
		EvictionSoft: facts.Threshold{Set: true, Bytes: giB}, SoftGrace: 90 * time.Second,
		SystemReserved: 6 * giB, PodsEnforced: true, OOMKills: facts.OOMUnitContainer,
	}
	n.Usage.PodsWorkingSet, n.Usage.SwapCapacity = 9*giB, 2*giB
	got, err := yaml.Marshal(exact(n, factstest.Now).Memory)
	if err != nil {
		t.Fatal(err)
	}
	want := `allocatable: 16284Mi
available: 1Gi
capacity: 16Gi
evictionMinimumReclaim: 256Mi
evictionSignal: memory.available
evictionThreshold: 750Mi
hardHeadroom: 274Mi
headroom: "0"
nonPod: 6Gi
oomHeadroom: 1Gi
oomKills: Container
oomScope: Node
requested: 4Gi
softEvictionGracePeriodSeconds: 90
softEvictionThreshold: 1Gi
thresholdSource: Kubelet
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	n.Usage.PodsWorkingSet = 9*giB + 512*miB
	m := exact(n, factstest.Now).Memory
	if m.EvictionSignal != v1alpha1.SignalAllocatableMemoryAvailable || m.OOMScope != v1alpha1.OOMScopePods ||
		m.Headroom.Value() != -238*miB || m.OOMHeadroom.Value() != 512*miB {
		t.Errorf("with less left of kubepods: %s %s, %s %s", m.EvictionSignal, m.Headroom, m.OOMScope, m.OOMHeadroom)
	}
	n.Config.EvictionHard = facts.Threshold{}
	m = exact(n, factstest.Now).Memory
	if m.EvictionThreshold != nil || m.SoftEvictionThreshold.Value() != giB || m.ThresholdSource != v1alpha1.ThresholdKubelet ||
		m.EvictionSignal != v1alpha1.SignalMemoryAvailable || m.Headroom.Value() != 0 {
		t.Errorf("with a soft threshold alone: %+v", m)
	}
	n.Config.OOMKills = facts.OOMUnitUnknown
	if got := exact(n, factstest.Now).Memory.OOMKills; got != "" {
		t.Errorf("an OOM kill takes %q, although that is not known", got)
	}
}

func TestConditionsKeepTheirTransitionTime(t *testing.T) {
	first := exact(story(8*giB), factstest.Now)
	later := factstest.Now.Add(time.Minute)
	n := story(8 * giB)
	n.Usage.ObservedAt = later
	n.Usage.WorkingSet = 4 * giB // headroom is ample again
	v := engine.Evaluate(n, &testPolicy, later)
	s := statusOf(&v, &testPolicy, first, 10, 2, later)
	for kind, want := range map[string]metav1.Time{
		v1alpha1.ConditionReady:          Stamp(factstest.Now),
		v1alpha1.ConditionCriticalAtRisk: Stamp(later),
		v1alpha1.ConditionWrongVictim:    Stamp(later),
	} {
		c := meta.FindStatusCondition(s.Conditions, kind)
		if !c.LastTransitionTime.Equal(&want) || c.ObservedGeneration != 2 {
			t.Errorf("%s: transition %s, generation %d; want %s, 2", kind, c.LastTransitionTime, c.ObservedGeneration, want)
		}
	}
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionCriticalAtRisk); c.Reason != v1alpha1.ReasonHeadroomAmple {
		t.Errorf("CriticalAtRisk: %s", c.Reason)
	}
}

func TestFigures(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0", 1023: "0", 4096: "4Ki", miB - 1: "1023Ki", 200*miB + 700*1024: "200Mi", 8 * giB: "8Gi", -3*miB - 5: "-3Mi",
	} {
		if q := quantity.Figure(bytes); q.String() != want {
			t.Errorf("%d: %s, want %s", bytes, q.String(), want)
		}
	}
}

// TestConditionsWithoutHeadroom: whether a critical pod is safe is not known without readings, and is not said to be.
func TestConditionsWithoutHeadroom(t *testing.T) {
	for name, tc := range map[string]struct {
		change               func(*facts.Node)
		wantRisk, wantVictim metav1.ConditionStatus
		wantReason           string // of CriticalAtRisk
	}{
		"no readings": {
			func(n *facts.Node) { n.Usage.ObservedAt = time.Time{} },
			metav1.ConditionUnknown, metav1.ConditionUnknown, v1alpha1.ReasonHeadroomUnknown,
		},
		"no readings of the node, a grower known": {
			func(n *facts.Node) { n.Usage.WorkingSet = facts.Unknown },
			metav1.ConditionUnknown, metav1.ConditionUnknown, v1alpha1.ReasonHeadroomUnknown,
		},
		"nobody to kill": {
			func(n *facts.Node) { n.Pods = nil },
			metav1.ConditionFalse, metav1.ConditionUnknown, v1alpha1.ReasonNoCriticalPod,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := story(8 * giB)
			tc.change(n)
			v := engine.Evaluate(n, &testPolicy, factstest.Now)
			s := statusOf(&v, &testPolicy, nil, 10, 1, factstest.Now)
			risk := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionCriticalAtRisk)
			victim := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionWrongVictim)
			if risk.Status != tc.wantRisk || risk.Reason != tc.wantReason || victim.Status != tc.wantVictim {
				t.Errorf("CriticalAtRisk %s (%s), WrongVictim %s (%s); want %s (%s), %s",
					risk.Status, risk.Reason, victim.Status, victim.Reason, tc.wantRisk, tc.wantReason, tc.wantVictim)
			}
		})
	}
}
