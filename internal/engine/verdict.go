// Package engine judges one node: given its pods, its readings and the policy, who dies first, by which
// killer. It is pure: no clock, client or logger, and it never changes its input.
package engine

import (
	"time"

	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// Killer is one of the ways memory kills.
type Killer uint8

// The killers. None: nothing is known to kill.
const (
	None Killer = iota
	Eviction
	OOM
	Limit
)

// Freshness of the readings behind a verdict.
type Freshness uint8

// How fresh readings are.
const (
	// Unavailable: no reading, or none younger than facts.UnavailableAfter: usage counts as unknown.
	Unavailable Freshness = iota
	// Stale: older than the policy's MaxAge; still ranked.
	Stale
	Fresh
)

// Verdict is the judgement on one node.
type Verdict struct {
	Node *facts.Node
	// At is the time of the judgement.
	At        time.Time
	Freshness Freshness
	// Missing counts running candidates without a reading.
	Missing int
	// Exempt counts pods that the kubelet never evicts.
	Exempt int
	Memory Memory
	// Eviction is whom the kubelet would evict, first to last.
	Eviction []evict.Victim
	// OOM is whom the kernel would kill, first to last. It is empty, and NoOOM says why, where the kernel's
	// rules cannot be applied.
	OOM   []oom.Victim
	NoOOM string
	// Limits is what is nearest to its own limit, first to last.
	Limits []AtLimit
	// Culprit is the pod that brings the node down; its PodState is nil if there is none. With GrowthKnown unset nobody is
	// accused: no pod has a second reading that would tell whether it grows.
	Culprit     Culprit
	GrowthKnown bool
	// Findings are what package audit finds, worst first; nil before.
	Findings []Finding
	// Ignored are findings that the owners of pods or node do not want to see.
	Ignored []Finding
	// Calm is how far the node is from its killers: how closely its readings are followed.
	Calm Calm
	// Quiet is package forecast's answer to how long, counted from the readings, no killer can come near the node; 0 if that is not
	// known, and before.
	Quiet time.Duration
	// Outlook is concluded from all of the above.
	Outlook Outlook
	// Forecast is package forecast's answer to who is first when it comes to it; it has no killer before, and where nothing
	// meaningful can be said.
	Forecast Forecast
}

// Severity of a Finding, worst first.
type Severity uint8

// The severities.
const (
	Critical Severity = iota
	Warning
	Info
)

// Finding is one misconfiguration: of a pod's workload on the node, or of the node.
type Finding struct {
	Rule     string
	Severity Severity
	// Pod stands for its workload's; nil for a finding about the node.
	Pod *facts.PodState
	// Container it is about, "" if about all of the pod.
	Container string
	// Count of the workload's pods that have it.
	Count int
	// Workloads is how many workloads have it for the same cause, if this finding is the line for all of them: 0 for one
	// alone. Grouped: the finding is told in the line of another one.
	Workloads int
	Grouped   bool
	// Message and Fix are empty for findings that are only counted.
	Message, Fix string
	// AdvisedLimit is the memory limit that the fix advises for the container, in bytes; 0 if the fix advises none.
	AdvisedLimit int64
	// Ignored is the reason why the finding is not to be seen, "" for others.
	Ignored string
}

// Culprit is the pod whose growth brings the node down.
type Culprit struct {
	*facts.PodState
	// Grew: it is named for its growth, not for being over its request.
	Grew bool
	// Amount it grew by, or exceeds its request by, in bytes.
	Amount int64
}

// Outlook is what an order and the memory left mean together.
type Outlook struct {
	// Next is the killer with the least headroom, and its first victim.
	Next Threat
	// Risks are the critical pods within riskRank of an order, by killer and rank.
	Risks []Risk
	// CriticalPods counts the pods in Risks.
	CriticalPods int
	// CriticalAtRisk: one of the Risks has little headroom left.
	CriticalAtRisk bool
	// Nearer is the nearer of the two node-level killers and its first victim, WrongVictim whether that is
	// not the culprit while headroom is low.
	Nearer      Threat
	NearerIsLow bool
	WrongVictim bool
}

// Threat is a killer, whom it takes first and how many bytes are left until then.
type Threat struct {
	Killer   Killer
	Victim   *facts.PodState
	Headroom int64
}

// Forecast is the killer that acts first if pods go on growing as they do, the first victim at that moment, and the killer's
// present headroom.
type Forecast struct {
	Threat
	// In is the time until then; 0 if that is not known.
	In time.Duration
	// Eviction or OOM is the killer's whole order at that moment, first to last. The pods in the order are copies that use
	// what they are expected to use then. A limit has no order.
	Eviction []evict.Victim
	OOM      []oom.Victim
	// TooEarly: there is no forecast because no pod's readings go back far enough to tell steady growth, as after a restart of
	// the operator. What was known before is not refuted then.
	TooEarly bool
}

// MayBe reports whether nothing but noise keeps a pod from being the first victim.
func (f *Forecast) MayBe(p *facts.Pod) bool {
	for i := range f.Eviction {
		if v := &f.Eviction[i]; facts.SamePod(v.Pod, p) {
			return !evict.Clearly(&f.Eviction[0], v, facts.Band)
		}
	}
	for i := range f.OOM {
		if v := &f.OOM[i]; facts.SamePod(v.Pod, p) {
			return !oom.Clearly(&f.OOM[0], v, facts.Band)
		}
	}
	return f.Victim != nil && facts.SamePod(f.Victim.Pod, p)
}

// Risk is a critical pod near the front of an order.
type Risk struct {
	*facts.PodState
	Killer Killer
	Rank   int
	// Low: that killer's headroom is under riskHeadroomPercent of its limit.
	Low bool
}

// AtRisk reports whether the node's order is one to publish first: a critical pod is at risk, or memory runs
// short.
func (v *Verdict) AtRisk() bool {
	return v.Outlook.CriticalAtRisk || v.Outlook.NearerIsLow || v.Node.MemoryPressure == facts.StateTrue
}
