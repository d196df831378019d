package kills

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/status"
)

const (
	// maxWorkloads with kills are remembered, maxPast kills of each; maxAdvised workloads with advised limits, maxAdvice of each.
	maxWorkloads = 2048
	maxPast      = 32
	maxAdvised   = 16384
	maxAdvice    = 8
	// adviceFor is how long an advice is remembered after the last finding that gave it: the fix was followed, or is not needed.
	adviceFor = 30 * 24 * time.Hour
	// pastFor is how long a kill counts for what kills say together.
	pastFor = 24 * time.Hour
)

// past is the kills of each workload within the last day, and the limits that fixes advised: several kills together say more than
// each one alone. A new process begins with the kills that the pods and the orders still show.
type past struct {
	kills  map[facts.WorkloadKey]map[status.KillKey]forensics.Record
	advice map[facts.WorkloadKey][]advice
	swept  time.Time // when old advice was last forgotten
}

// advice is a limit that a finding's fix advised, in the amount that the fix prints, since people copy that amount.
type advice struct {
	forensics.AdvisedLimit
	rule string
	last time.Time // when the finding last said so
}

// keep a kill of a workload. A guess is not kept: several guesses together are no more than one.
func (h *past) keep(of facts.WorkloadKey, key status.KillKey, r *forensics.Record) {
	if r.Confidence == forensics.Low {
		h.drop(of, key)
		return
	}
	if h.kills == nil {
		h.kills = map[facts.WorkloadKey]map[status.KillKey]forensics.Record{}
	}
	if h.kills[of] == nil {
		h.makeRoom()
		h.kills[of] = map[status.KillKey]forensics.Record{}
	}
	short := *r
	short.Evidence, short.Message, short.Eviction = nil, "", nil
	h.kills[of][key] = short
	for len(h.kills[of]) > maxPast {
		delete(h.kills[of], first(h.kills[of], func(a, b forensics.Record) bool { return a.Time.Before(b.Time) }))
	}
}

// keepPublished keeps a kill that an earlier process has published, unless the kill is known with all its traces.
func (h *past) keepPublished(node string, k *v1alpha1.Kill) {
	r := forensics.Record{
		Key:       forensics.Key{UID: string(k.UID), Container: k.Container, ContainerID: k.ContainerID},
		Namespace: k.Namespace, Pod: k.Pod, Node: node, Time: k.Time.Time, Cause: forensics.Cause(k.Cause),
	}
	if k.Workload != nil {
		r.Workload = k.Workload.Kind + "/" + k.Workload.Name
	}
	of, key := workloadKey(&r), status.KeyOfKill(k)
	if _, known := h.kills[of][key]; !known && k.Confidence != v1alpha1.ConfidenceLow {
		h.keep(of, key, &r)
	}
}

// drop what turned out to be no kill.
func (h *past) drop(of facts.WorkloadKey, key status.KillKey) {
	delete(h.kills[of], key)
	if len(h.kills[of]) == 0 {
		delete(h.kills, of)
	}
}

// of returns the kills of a workload within the last day, oldest first.
func (h *past) of(key facts.WorkloadKey, now time.Time) (kills []forensics.Record) {
	for k, r := range h.kills[key] {
		if now.Sub(r.Time) > pastFor {
			h.drop(key, k)
			continue
		}
		kills = append(kills, r)
	}
	slices.SortFunc(kills, func(a, b forensics.Record) int { return a.Time.Compare(b.Time) })
	return kills
}

// advised notes the limit that a fix advises, and since when. Where there is no room, the advice goes that no finding has given for
// the longest time.
func (h *past) advised(of facts.WorkloadKey, container, rule string, limit int64, now time.Time) {
	if h.advice == nil {
		h.advice = map[facts.WorkloadKey][]advice{}
	}
	known := h.advice[of]
	same := slices.IndexFunc(known, func(a advice) bool {
		return a.rule == rule && a.Container == container && a.Limit == limit
	})
	if same >= 0 {
		known[same].last = now
		return
	}
	if known == nil && !h.hasRoom(now) {
		return
	}
	if len(known) == maxAdvice {
		stalest := 0
		for i := range known {
			if known[i].last.Before(known[stalest].last) {
				stalest = i
			}
		}
		known = slices.Delete(known, stalest, stalest+1)
	}
	a := forensics.AdvisedLimit{Namespace: of.Namespace, Workload: workloadName(of), Container: container, Limit: limit, Since: now}
	h.advice[of] = append(known, advice{a, rule, now})
}

// hasRoom reports whether the advice for one more workload can be remembered. What is old is forgotten once an hour.
func (h *past) hasRoom(now time.Time) bool {
	if len(h.advice) >= maxAdvised && now.Sub(h.swept) >= time.Hour {
		h.swept = now
		maps.DeleteFunc(h.advice, func(_ facts.WorkloadKey, all []advice) bool {
			return !slices.ContainsFunc(all, func(a advice) bool { return now.Sub(a.last) < adviceFor })
		})
	}
	return len(h.advice) < maxAdvised
}

// makeRoom forgets kills where there are those of too many workloads: of the quarter whose last kill is the longest ago.
func (h *past) makeRoom() {
	if len(h.kills) < maxWorkloads {
		return
	}
	times := make([]time.Time, 0, len(h.kills))
	for _, kills := range h.kills {
		times = append(times, newest(kills))
	}
	slices.SortFunc(times, time.Time.Compare)
	quiet := times[len(times)/4]
	maps.DeleteFunc(h.kills, func(_ facts.WorkloadKey, kills map[status.KillKey]forensics.Record) bool {
		return !newest(kills).After(quiet)
	})
}

func newest(kills map[status.KillKey]forensics.Record) (at time.Time) {
	for _, r := range kills {
		if r.Time.After(at) {
			at = r.Time
		}
	}
	return at
}

// killed is what the kills of a workload say together; nil if there is none.
func (h *past) killed(key facts.WorkloadKey, now time.Time) *facts.Killed {
	kills := h.of(key, now)
	if len(kills) == 0 {
		return nil
	}
	out := &facts.Killed{}
	for _, k := range forensics.Repeated(kills) {
		out.Limits = append(out.Limits, facts.LimitKills{Container: k.Container, Times: k.Times, Limit: k.Limit, Tmpfs: firstName(k.Tmpfs)})
	}
	h.blame(out, key, kills)
	if everywhere := forensics.TakenEverywhere(kills); len(everywhere) > 0 {
		e := &everywhere[0]
		out.Everywhere = &facts.KillerOnNodes{Cause: string(e.Cause), Nodes: len(e.Nodes), Kills: e.Kills}
	}
	if len(out.Limits) == 0 && out.Everywhere == nil {
		return nil
	}
	return out
}

// blame marks the limits that a fix had advised before they were reached.
func (h *past) blame(out *facts.Killed, key facts.WorkloadKey, kills []forensics.Record) {
	all := h.advice[key]
	advised := make([]forensics.AdvisedLimit, len(all))
	for i := range all {
		advised[i] = all[i].AdvisedLimit
	}
	for _, f := range forensics.FixesThatKilled(kills, advised) {
		by := slices.IndexFunc(all, func(a advice) bool { return a.AdvisedLimit == f.AdvisedLimit })
		i := slices.IndexFunc(out.Limits, func(l facts.LimitKills) bool { return l.Container == f.Container })
		if i < 0 {
			i = len(out.Limits)
			out.Limits = append(out.Limits, facts.LimitKills{Container: f.Container, Times: f.Kills, Tmpfs: firstName(f.Kill.Tmpfs)})
		}
		out.Limits[i].Limit, out.Limits[i].Advised = f.Limit, all[by].rule
	}
}

func firstName(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// workloadName is kind/name as records of deaths have it, "" for a bare pod.
func workloadName(key facts.WorkloadKey) string {
	if key.Kind == "Pod" {
		return ""
	}
	return key.Kind + "/" + key.Name
}

// workloadKey is the workload of a killed pod, or the pod where no workload is known.
func workloadKey(r *forensics.Record) facts.WorkloadKey {
	if kind, name, ok := strings.Cut(r.Workload, "/"); ok {
		return facts.WorkloadKey{Namespace: r.Namespace, Workload: facts.Workload{Kind: kind, Name: name}}
	}
	return facts.WorkloadKey{Namespace: r.Namespace, Workload: facts.Workload{Kind: "Pod", Name: r.Pod}}
}

// AddPastKills notes in the node's pods what killers did to the pods' workloads within the last day.
func (b *Book) AddPastKills(n *facts.Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.past.kills) == 0 {
		return
	}
	for i := range n.Pods {
		n.Pods[i].Killed = b.past.killed(n.Pods[i].Key(), b.Clock.Now())
	}
}

// RememberAdvice remembers which limits the fixes of findings advise: one of these limits may turn out to be too low.
func (b *Book) RememberAdvice(found []engine.Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range found {
		if f := &found[i]; f.AdvisedLimit > 0 && f.Pod != nil {
			b.past.advised(f.Pod.Key(), f.Container, f.Rule, f.AdvisedLimit, b.Clock.Now())
		}
	}
}
