// Package target finds the pods that people name on a command line: a pod, or all pods of a workload. It is pure.
package target

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/killorder/killorder/internal/facts"
)

// Pod is the Kind of a Ref that names a pod.
const Pod = "Pod"

// Ref names a pod or a workload. A Kind of "" is either; a Namespace of "" is any.
type Ref struct {
	Namespace, Kind, Name string
	// Optional: it is no error that nothing of that name runs.
	Optional bool
}

// NotFoundError says that nothing of a Ref's name runs.
type NotFoundError struct{ text string }

func (e *NotFoundError) Error() string { return e.text }

// Missing reports whether the error is only that an Optional Ref does not run.
func (r Ref) Missing(err error) bool { return r.Optional && errors.As(err, new(*NotFoundError)) }

// kinds by the words that kubectl takes for them.
var kinds = map[string]string{
	"po": Pod, "pod": Pod, "pods": Pod,
	"deploy": "Deployment", "deployment": "Deployment", "deployments": "Deployment",
	"sts": "StatefulSet", "statefulset": "StatefulSet", "statefulsets": "StatefulSet",
	"ds": "DaemonSet", "daemonset": "DaemonSet", "daemonsets": "DaemonSet",
	"rs": "ReplicaSet", "replicaset": "ReplicaSet", "replicasets": "ReplicaSet",
	"rc": "ReplicationController", "replicationcontroller": "ReplicationController",
	"job": "Job", "jobs": "Job", "cj": "CronJob", "cronjob": "CronJob", "cronjobs": "CronJob",
}

// Parse reads KIND/NAME, NAME, or NAMESPACE/NAME as tables print it. The namespace is that of Refs which do not name one.
func Parse(arg, namespace string) (Ref, error) {
	kind, name, slash := strings.Cut(arg, "/")
	if !slash {
		kind, name = "", arg
	}
	if name == "" || (slash && kind == "") || strings.Contains(name, "/") {
		return Ref{}, fmt.Errorf("%q is not KIND/NAME, NAMESPACE/NAME or NAME", arg)
	}
	word, _, _ := strings.Cut(strings.ToLower(kind), ".") // deployments.apps
	switch known := kinds[word]; {
	case !slash:
		return Ref{Namespace: namespace, Name: name}, nil
	case known != "":
		return Ref{Namespace: namespace, Kind: known, Name: name}, nil
	case namespace != "" && namespace != kind:
		return Ref{}, fmt.Errorf("%q: %q is not a kind that has pods, and not the namespace %q", arg, kind, namespace)
	}
	return Ref{Namespace: kind, Name: name}, nil
}

func (r Ref) String() string {
	name := r.Name
	if r.Kind != "" {
		name = strings.ToLower(r.Kind) + "/" + r.Name
	}
	if r.Namespace == "" {
		return name
	}
	return fmt.Sprintf("%s in namespace %q", name, r.Namespace)
}

// IsWorkload reports whether pods that match are replicas, not the one pod that was named.
func (r Ref) IsWorkload(matched []*facts.Pod) bool {
	return r.Kind != Pod && (r.Kind != "" || len(matched) != 1 || matched[0].Name != r.Name)
}

// Find returns the pods that the Ref names: a pod of that name before workloads. The error says that there are none, with
// the names that are near, or that more than one pod or workload has the name.
func Find(pods []*facts.Pod, r Ref) ([]*facts.Pod, error) {
	if found := named(pods, r); len(found) > 0 {
		return one(found, r, func(p *facts.Pod) string { return "pod " + p.Namespace + "/" + p.Name })
	}
	found := owned(pods, r)
	if len(found) == 0 {
		return nil, notFound(pods, r)
	}
	first := found[0]
	for _, p := range found {
		if p.Namespace != first.Namespace || p.Workload != first.Workload && r.Kind != cronJob {
			return nil, ambiguous(r, workloadName(first), workloadName(p))
		}
	}
	return found, nil
}

func named(pods []*facts.Pod, r Ref) (found []*facts.Pod) {
	if r.Kind != "" && r.Kind != Pod {
		return nil
	}
	for _, p := range pods {
		if p.Name == r.Name && inside(p, r) {
			found = append(found, p)
		}
	}
	return found
}

func owned(pods []*facts.Pod, r Ref) (found []*facts.Pod) {
	if r.Kind == Pod {
		return nil
	}
	for _, p := range pods {
		w := p.Workload
		if r.Kind == cronJob {
			w = schedulerOf(w)
		}
		if w.Name == r.Name && (r.Kind == "" || r.Kind == w.Kind) && inside(p, r) {
			found = append(found, p)
		}
	}
	return found
}

const cronJob = "CronJob"

// schedulerOf is the CronJob that has made a Job, as far as the Job's name tells: NAME-MINUTES (getJobName in
// pkg/controller/cronjob/cronjob_controllerv2.go of Kubernetes v1.37.2). Of anything else it is the workload itself.
func schedulerOf(w facts.Workload) facts.Workload {
	k := strings.LastIndexByte(w.Name, '-')
	if w.Kind != "Job" || k <= 0 || k == len(w.Name)-1 || strings.Trim(w.Name[k+1:], "0123456789") != "" {
		return w
	}
	return facts.Workload{Kind: cronJob, Name: w.Name[:k]}
}

func inside(p *facts.Pod, r Ref) bool { return r.Namespace == "" || p.Namespace == r.Namespace }

func one(found []*facts.Pod, r Ref, name func(*facts.Pod) string) ([]*facts.Pod, error) {
	for _, p := range found[1:] {
		if p.Namespace != found[0].Namespace {
			return nil, ambiguous(r, name(found[0]), name(p))
		}
	}
	return found[:1], nil
}

func ambiguous(r Ref, a, b string) error {
	return fmt.Errorf("%s is ambiguous: there are %s and %s; name the kind, or the namespace with -n", r, a, b)
}

func workloadName(p *facts.Pod) string {
	return strings.ToLower(p.Workload.Kind) + " " + p.Namespace + "/" + p.Workload.Name
}

// shown is how many near names an error lists.
const shown = 3

func notFound(pods []*facts.Pod, r Ref) error {
	var names []string
	var elsewhere error
	for _, p := range pods {
		here := inside(p, r)
		for _, n := range namesOf(p, r.Kind) {
			if here {
				names = append(names, n)
			} else if n == r.Name {
				elsewhere = Elsewhere(r, p.Namespace, called(p, n))
			}
		}
	}
	if elsewhere != nil {
		return elsewhere
	}
	if near := Near(r.Name, names); len(near) > 0 {
		return &NotFoundError{fmt.Sprintf("%s not found: did you mean %s?", r, strings.Join(near, ", "))}
	}
	return &NotFoundError{fmt.Sprintf("%s not found, or none of its pods is on a node", r)}
}

// called is what the pod, or its workload, is named by on a command line.
func called(p *facts.Pod, name string) string {
	switch {
	case p.Name == name:
		return "pod/" + name
	case p.Workload.Name == name:
		return strings.ToLower(p.Workload.Kind) + "/" + name
	}
	return "cronjob/" + name
}

// Elsewhere is the error that nothing of the Ref's name runs in its namespace, but in another, and what it is called there.
func Elsewhere(r Ref, namespace, what string) error {
	return &NotFoundError{fmt.Sprintf("%s not found, but namespace %q has %s", r, namespace, what)}
}

// namesOf are the names that a Ref of that kind could mean the pod by.
func namesOf(p *facts.Pod, kind string) []string {
	switch {
	case kind == Pod:
		return []string{p.Name}
	case kind == "" && p.Workload.Name != "":
		return []string{p.Workload.Name, p.Name}
	case kind == "":
		return []string{p.Name}
	case kind == p.Workload.Kind:
		return []string{p.Workload.Name}
	case kind == cronJob:
		if w := schedulerOf(p.Workload); w.Kind == cronJob {
			return []string{w.Name}
		}
	}
	return nil
}

// Near returns the names that are like the one wanted, the likest first, each once: those that differ in two letters, or in
// a third of them, and those that begin with the name wanted or contain it.
func Near(wanted string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		d := distance(wanted, n)
		if strings.Contains(n, wanted) || strings.Contains(wanted, n) && len(n) > shown {
			d = min(d, 1)
		}
		if d <= max(len(wanted)/3, 2) && d < len(wanted) {
			near = append(near, candidate{n, d})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(a.distance-b.distance, strings.Compare(a.name, b.name))
	})
	var out []string
	for _, c := range near[:min(len(near), shown)] {
		out = append(out, c.name)
	}
	return out
}

// longest name that distances are counted for: no name of Kubernetes is longer.
const longest = 253

// distance is how many letters must be put in, taken out or exchanged to make one text the other (Levenshtein).
func distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Means reports whether the Ref names a pod, or its workload, which is KIND/NAME or "" for a bare pod.
func (r Ref) Means(namespace, pod, workload string) bool {
	if r.Namespace != "" && r.Namespace != namespace {
		return false
	}
	if pod == r.Name && (r.Kind == "" || r.Kind == Pod) {
		return true
	}
	kind, name, _ := strings.Cut(workload, "/")
	return name == r.Name && name != "" && (r.Kind == "" || r.Kind == kind)
}
