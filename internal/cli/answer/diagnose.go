package answer

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
)

// Diagnose says what the matching deaths were, the latest first, at most that many (0: all).
func (t *Trail) Diagnose(matches func(*forensics.Record) bool, most int) kinds.DiagnosisList {
	l := kinds.DiagnosisList{TypeMeta: kinds.Type("DiagnosisList"), Items: []kinds.Diagnosis{}}
	var kills []forensics.Record
	total := 0
	for _, r := range t.Records() {
		if !matches(&r) {
			continue
		}
		total++
		if r.Killed() {
			kills = append(kills, r)
		}
		if most > 0 && len(l.Items) == most {
			l.LeftOut++
			continue
		}
		l.Items = append(l.Items, t.diagnosis(&r))
	}
	l.Answer = fmt.Sprintf("%s, %d of them kills for memory", counted(total, "death is shown", "deaths are shown"), len(kills))
	l.Patterns = patterns(kills)
	return l
}

// mostPatterns bounds the sentences about several kills.
const mostPatterns = 5

// patterns says what several kills say together: a limit that kills again and again, and a workload that the same killer
// takes on several nodes.
func patterns(kills []forensics.Record) (sentences []string) {
	for _, k := range forensics.Repeated(kills) {
		whose := k.Namespace + "/" + k.Pod
		if k.Workload != "" {
			whose = k.Namespace + "/" + k.Workload
		}
		s := fmt.Sprintf("container %s of %s has reached its memory limit of %s %d times", k.Container, whose, human(k.Limit), k.Times)
		if len(k.Tmpfs) > 0 {
			s += fmt.Sprintf("; the files of its memory-backed volumes (%s) survive each restart and count "+
				"against the limit, so restarts do not help",
				strings.Join(k.Tmpfs, ", "))
		}
		sentences = append(sentences, s)
	}
	for _, k := range forensics.TakenEverywhere(kills) {
		sentences = append(sentences,
			fmt.Sprintf("%s/%s was taken by the same killer (%s) on %d nodes: look at the workload, not at one node",
				k.Namespace, k.Workload, k.Cause, len(k.Nodes)))
	}
	return sentences[:min(len(sentences), mostPatterns)]
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (t *Trail) diagnosis(r *forensics.Record) kinds.Diagnosis {
	d := kinds.Diagnosis{
		Namespace: r.Namespace, Pod: r.Pod, UID: r.UID, Container: r.Container, Workload: workloadOf(r), Node: r.Node,
		Killed: r.Killed(), Cause: v1alpha1.KillCause(r.Cause), Reason: string(r.Reason), Confidence: r.Confidence.String(),
		ExitCode: r.ExitCode, Answer: verdict(r), Evidence: []kinds.Evidence{},
	}
	if !r.Time.IsZero() {
		d.Time = &metav1.Time{Time: r.Time.UTC()}
	}
	for _, e := range r.Evidence {
		piece := kinds.Evidence{Source: e.Source, Text: e.Text}
		switch {
		case e.Against:
			d.Against = append(d.Against, piece)
		case !saidBefore(d.Evidence, e.Text):
			d.Evidence = append(d.Evidence, piece)
		}
	}
	if k := t.published(r); k != nil && d.Killed {
		d.Culprit, d.WrongVictim, d.Predicted = k.Culprit, k.WrongVictim, k.Predicted
	}
	if d.Killed {
		d.Change = t.change(r)
	}
	return d
}

// saidBefore reports whether earlier evidence has the same message: the kubelet writes one text into the status, the
// condition and the Event of an eviction.
func saidBefore(earlier []kinds.Evidence, text string) bool {
	_, message, ok := strings.Cut(text, ": ")
	return ok && slices.ContainsFunc(earlier, func(e kinds.Evidence) bool { return strings.HasSuffix(e.Text, message) })
}

func workloadOf(r *forensics.Record) *v1alpha1.WorkloadReference {
	kind, name, ok := strings.Cut(r.Workload, "/")
	if !ok {
		return nil
	}
	return &v1alpha1.WorkloadReference{Kind: kind, Name: name}
}

// verdict is the answer in one sentence: who, the class of the death, and what ended it.
func verdict(r *forensics.Record) string {
	who := r.Namespace + "/" + r.Pod
	if r.Container != "" {
		who += ", container " + r.Container
	}
	if r.Killed() {
		return fmt.Sprintf("%s (%s): %s", who, r.Cause, r.Message)
	}
	return fmt.Sprintf("%s, not killed for memory (%s): %s", who, r.Reason, r.Message)
}

// change is the one thing to change, as a command to paste; "" where there is none. A workload is changed, not the pod,
// whose own settings are gone with the pod.
func (t *Trail) change(r *forensics.Record) string {
	victim := &facts.Pod{Namespace: r.Namespace, Name: r.Pod}
	if w := workloadOf(r); w != nil {
		victim.Workload = facts.Workload{Kind: w.Kind, Name: w.Name}
	}
	if !safeToPaste(victim, []set{{container: r.Container}}) {
		return ""
	}
	switch r.Cause {
	case forensics.CauseForeign:
		return "" // neither the kubelet nor the kernel chose: no setting of the pod decides
	case forensics.CauseContainerLimit:
		if len(r.Tmpfs) > 0 {
			// The files of a memory-backed volume count against the limit and survive the container: a higher limit only
			// delays the next kill. The files go with the pod.
			return fmt.Sprintf("kubectl delete pod %s -n %s  # then set a sizeLimit on its memory-backed volumes", r.Pod, r.Namespace)
		}
		if r.Limit > 0 && settable(victim, r.Container) {
			return SetResources(victim, r.Container, Unset, withMargin(r.Limit))
		}
	case forensics.CauseEviction:
		container, usage := offender(r.Eviction)
		if usage > 0 && settable(victim, container) && safeToPaste(victim, []set{{container: container}}) {
			return SetResources(victim, container, withMargin(usage), Unset)
		}
	}
	switch {
	case victim.Workload.Name != "":
		return fmt.Sprintf("kubectl killorder explain %s/%s -n %s", strings.ToLower(victim.Workload.Kind), victim.Workload.Name,
			r.Namespace)
	case t.lives(r.UID):
		return fmt.Sprintf("kubectl killorder explain pod/%s -n %s", r.Pod, r.Namespace)
	}
	return ""
}

// offender is the only container that the kubelet named as over its request, with its usage in bytes; "" if there is none
// or more than one.
func offender(e *forensics.EvictionFigures) (container string, usage int64) {
	if e == nil || len(e.Usage) != 1 {
		return "", 0
	}
	for container, usage = range e.Usage {
	}
	return container, usage
}

// settable reports whether kubectl can set the resources of the container in its workload's template.
func settable(victim *facts.Pod, container string) bool {
	return container != "" && slices.Contains(templated, victim.Workload.Kind)
}

// withMargin is an amount in bytes with a quarter on top, rounded up: to 64Mi from 512Mi on, to 16Mi below.
func withMargin(bytes int64) int64 {
	const mi = 1 << 20
	more, step := bytes+bytes/4, int64(16*mi)
	if more >= 512*mi {
		step = 64 * mi
	}
	return (more + step - 1) / step * step
}
