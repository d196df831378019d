package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/manifest"
)

// changed are manifests as somebody wants to deploy them, beside what runs.
type changed struct {
	*manifest.Manifests
	// paths that they were read from.
	paths []string
	// given is the namespace of --namespace.
	given string
}

// splitPaths takes the manifests out of the paths of --filename, and leaves those of a snapshot. Without a Node there is no
// snapshot: everything is a manifest then, and the cluster is read. Beside Nodes, a path is one of manifests if it has
// workloads and is not a part of the snapshot, as a file with its bound Pods is.
func (w *whatIf) splitPaths(ctx context.Context) (*changed, error) {
	ofNodes, rest, err := w.sortPaths(ctx)
	if err != nil || len(rest) == 0 {
		return nil, err
	}
	c := &changed{given: w.namespace}
	if len(ofNodes) == 0 {
		c.paths, w.paths = rest, nil
	} else if c.paths, err = w.manifestPaths(ctx, ofNodes, rest); err != nil || len(c.paths) == 0 {
		return nil, err
	}
	w.paths = slices.DeleteFunc(w.paths, func(path string) bool { return slices.Contains(c.paths, path) })
	if c.Manifests, err = manifest.Read(ctx, c.paths, w.input.In); err != nil {
		return nil, err
	}
	return c, c.twice()
}

// sortPaths tells the paths that hold Nodes from the others.
func (w *whatIf) sortPaths(ctx context.Context) (ofNodes, rest []string, err error) {
	for _, path := range w.paths {
		found, err := w.holds(ctx, path, kindNode)
		if err != nil {
			return nil, nil, err
		}
		if found {
			ofNodes = append(ofNodes, path)
		} else {
			rest = append(rest, path)
		}
	}
	return ofNodes, rest, nil
}

var (
	kindPod      = regexp.MustCompile(`"?kind"?\s*:\s*"?Pod(List)?"?\s*[,}\r\n]`)
	kindWorkload = regexp.MustCompile(
		`"?kind"?\s*:\s*"?(Pod|Deployment|StatefulSet|DaemonSet|ReplicaSet|ReplicationController|Job|CronJob)(List)?"?\s*[,}\r\n]`)
	boundPod = regexp.MustCompile(`"?nodeName"?\s*:\s*"?[a-z0-9]`)
)

// manifestPaths are those of the rest that hold workloads, and are no part of the snapshot. ofNodes are the paths with Nodes.
func (w *whatIf) manifestPaths(ctx context.Context, ofNodes, rest []string) (paths []string, err error) {
	podsThere := false
	for _, path := range ofNodes {
		if podsThere, err = w.holds(ctx, path, kindPod); podsThere || err != nil {
			break
		}
	}
	for _, path := range rest {
		bound := false
		if !podsThere && err == nil {
			bound, err = w.holds(ctx, path, boundPod)
		}
		if err != nil {
			return nil, err
		}
		if bound {
			continue
		}
		_, failed := manifest.Read(ctx, []string{path}, w.input.In)
		w.input.rewind()
		switch {
		case errors.Is(failed, fs.ErrNotExist) || errors.Is(failed, fs.ErrPermission):
			return nil, failed
		case failed != nil:
			if none := (*manifest.NoWorkloadError)(nil); errors.As(failed, &none) {
				continue
			}
			// What holds no workload may be anything of a snapshot, such as a kubelet's answer.
			if workloads, err := w.holds(ctx, path, kindWorkload); err != nil || !workloads {
				w.doubt = cmp.Or(w.doubt, failed)
				continue
			}
			return nil, failed
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// twice refuses manifests that hold one object twice: it cannot be known which of the two is meant.
func (c *changed) twice() error {
	seen := map[target.Ref]*manifest.Workload{}
	for i := range c.Workloads {
		m := &c.Workloads[i]
		ref := target.Ref{Namespace: m.Namespace, Kind: m.Kind, Name: m.Name}
		if first := seen[ref]; first != nil {
			return fmt.Errorf("%s:%d: %s %s is there twice, first at %s:%d: only one of them can be what is to run",
				m.File, m.Line, m.Kind, m.Name, first.File, first.Line)
		}
		seen[ref] = m
	}
	return nil
}

// refs name what runs of the workloads. Of several, it is no error that one does not run yet.
func (c *changed) refs(fallback string) (refs []target.Ref, err error) {
	if c == nil {
		return nil, nil
	}
	for i := range c.Workloads {
		m := &c.Workloads[i]
		ref := target.Ref{Namespace: m.Namespace, Kind: m.Kind, Name: m.Name, Optional: len(c.Workloads) > 1}
		switch {
		case m.NamespaceAssumed:
			ref.Namespace = fallback
		case c.given != "" && c.given != m.Namespace:
			return nil, fmt.Errorf("%s:%d: %s %s is of namespace %q, and --namespace says %q",
				m.File, m.Line, m.Kind, m.Name, m.Namespace, c.given)
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// edits make what runs like its manifests. pods are those of each workload.
func (c *changed) edits(f *found, pods [][]*facts.Pod) (edits []whatif.Edit) {
	minor := 0
	for i := range f.Nodes {
		minor = max(minor, f.Nodes[i].Minor)
	}
	for i := range c.Workloads {
		replicas := map[string]bool{}
		for _, p := range pods[i] {
			replicas[p.Namespace+"/"+p.Name] = true
		}
		like := whatif.Like(extract.Template(c.Workloads[i].Pod, minor))
		edits = append(edits, whatif.Edit{
			Of: func(p *facts.PodState) bool { return replicas[p.Namespace+"/"+p.Name] },
			Change: func(p *facts.PodState) {
				like(p)
				p.Critical = f.Policy.Critical(p.Pod, f.NamespaceLabels(p.Namespace))
			},
		})
	}
	return edits
}

// admit adds to the pods what the API server would add: priorities, and the defaults of LimitRanges.
func (c *changed) admit(pods [][]*facts.Pod, a *clusterread.Admission) error {
	for i := range c.Workloads {
		m := &c.Workloads[i]
		if len(pods[i]) == 0 {
			continue
		}
		m.Default(a.LimitRanges[pods[i][0].Namespace])
		spec := &m.Pod.Spec
		switch {
		case m.PriorityUnknown != "":
			value, known := a.Classes[m.PriorityUnknown]
			if !known {
				return fmt.Errorf("%s:%d: %s %s: PriorityClass %q is not known here: give it with -f too%s",
					m.File, m.LineOf(""), m.Kind, m.Name, m.PriorityUnknown, near(m.PriorityUnknown, a.Classes))
			}
			spec.Priority = &value
		case spec.PriorityClassName == "" && !c.DefaultClass && !m.PriorityGiven:
			spec.Priority = &a.DefaultPriority
		}
	}
	return nil
}

// notKnown says what the manifests leave open.
func (c *changed) notKnown(pods [][]*facts.Pod) (texts []string) {
	for i := range c.Workloads {
		m, run := &c.Workloads[i], int32(len(pods[i]))
		if m.Replicas >= 0 && m.Replicas != run && run > 0 {
			texts = append(texts, fmt.Sprintf("%s/%s has %d replicas in the manifest and %d that run: which nodes would gain or lose one",
				strings.ToLower(m.Kind), m.Name, m.Replicas, run))
		}
		for _, p := range pods[i] {
			if gone := onlyRunning(p, m); gone != "" {
				texts = append(texts, fmt.Sprintf("container %s of %s/%s is not in the manifest, and so is taken as gone: it stays "+
					"if a webhook adds it, as service meshes do", gone, strings.ToLower(m.Kind), m.Name))
				break
			}
		}
	}
	return texts
}

// onlyRunning is the first container that a pod has and its manifest has not, "" if there is none.
func onlyRunning(p *facts.Pod, m *manifest.Workload) string {
	for i := range p.Containers {
		if c := &p.Containers[i]; c.Lasting() && !m.HasContainer(c.Name) {
			return c.Name
		}
	}
	return ""
}

// command applies the manifests, "" where that is not one command or cannot be.
func (c *changed) command() string {
	words := []string{"kubectl apply"}
	for _, path := range c.paths {
		if !plainPath.MatchString(path) {
			return ""
		}
		words = append(words, "-f "+path)
	}
	if c.given != "" {
		words = append(words, "-n "+c.given)
	}
	for i := range c.Workloads {
		if kind := c.Workloads[i].Kind; kind == "Pod" || kind == "Job" || !answer.FitForShell(c.given) {
			return "" // resources of a pod are resized, not applied
		}
	}
	return strings.Join(words, " ")
}

// plainPath is a path that a shell takes as it is.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)

// near suggests names that are like the one that is not known.
func near(name string, known map[string]int32) string {
	if like := target.Near(name, slices.Sorted(maps.Keys(known))); len(like) > 0 {
		return "; did you mean " + strings.Join(like, ", ") + "?"
	}
	return ""
}
