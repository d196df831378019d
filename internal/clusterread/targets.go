package clusterread

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/podlist"
)

// nodesOf returns the names of the nodes that the targets' pods run on. At least one of the targets must run.
func (c *cluster) nodesOf(ctx context.Context, targets []target.Ref) (nodes []string, err error) {
	var missing error
	for _, t := range targets {
		pods, err := c.podsOf(ctx, t)
		if t.Missing(err) {
			missing = cmp.Or(missing, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, p := range pods {
			nodes = append(nodes, p.Node)
		}
	}
	if len(nodes) == 0 {
		return nil, missing
	}
	return nodes, nil
}

// podsOf finds the pods of a target: one pod with one request, else among all pods of its namespace.
func (c *cluster) podsOf(ctx context.Context, t target.Ref) ([]*facts.Pod, error) {
	if t.Kind == "" || t.Kind == target.Pod {
		p, err := get[corev1.Pod](ctx, c.kube.core, t.Namespace, "pods", t.Name)
		switch {
		case err == nil:
			return onNode(p)
		case !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("pod %s/%s: %w", t.Namespace, t.Name, err)
		}
	}
	var pods []*facts.Pod
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		body, err := c.listPods(ctx, t.Namespace, opts)
		if err != nil {
			return nil, err
		}
		defer func() { _ = body.Close() }() // it has been read, or given up
		return podlist.Decoder{JSON: true, Wanted: podlist.Wanted}.Decode(body, func(p *corev1.Pod) {
			if extract.Candidate(p) {
				pods = append(pods, extract.Pod(p))
			}
		})
	}, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("pods of namespace %q: %w", t.Namespace, err)
	}
	found, err := target.Find(pods, t)
	if !t.Optional && errors.As(err, new(*target.NotFoundError)) {
		err = cmp.Or(c.elsewhere(ctx, t), err)
	}
	return found, err
}

// lookAround is how long other namespaces are searched for a name that is not in its own.
const lookAround = 3 * time.Second

// elsewhere is the error that another namespace has what the target names; nil if none has, as far as can be told in short time.
func (c *cluster) elsewhere(ctx context.Context, t target.Ref) error {
	ctx, cancel := context.WithTimeout(ctx, lookAround)
	defer cancel()
	if found := c.namedElsewhere(ctx, t); found != nil {
		return found
	}
	return c.ownerElsewhere(ctx, t)
}

// namedElsewhere asks for pods and workloads of the target's name in all namespaces.
func (c *cluster) namedElsewhere(ctx context.Context, t target.Ref) error {
	resources := maps.Clone(workloadKinds)
	resources["pod"] = corev1.SchemeGroupVersion.WithResource("pods")
	kinds := slices.Sorted(maps.Keys(resources))
	found := make([]error, len(kinds))
	atOnce(len(kinds), len(kinds), func(i int) {
		if t.Kind != "" && !strings.EqualFold(t.Kind, kinds[i]) {
			return
		}
		page, err := c.metadata.Resource(resources[kinds[i]]).List(ctx, metav1.ListOptions{
			FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, t.Name).String(), Limit: 1,
		})
		if err == nil && len(page.Items) > 0 && page.Items[0].Name == t.Name { // what cannot be read is no answer
			found[i] = target.Elsewhere(t, page.Items[0].Namespace, kinds[i]+"/"+t.Name)
		}
	})
	return cmp.Or(found...)
}

// ownerElsewhere looks for pods whose owner has the target's name: the owner may be of a custom kind, which has no list here.
func (c *cluster) ownerElsewhere(ctx context.Context, t target.Ref) (found error) {
	_ = eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) { // what cannot be read is no answer
		page, err := c.metadata.Resource(corev1.SchemeGroupVersion.WithResource("pods")).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			w := extract.WorkloadOf(&page.Items[i])
			if found == nil && w.Name == t.Name && (t.Kind == "" || t.Kind == w.Kind) {
				found = target.Elsewhere(t, page.Items[i].Namespace, strings.ToLower(w.Kind)+"/"+w.Name)
				page.Continue = ""
			}
		}
		return page, nil
	}, metav1.ListOptions{})
	return found
}

// onNode is the pod, or why nothing can kill it.
func onNode(p *corev1.Pod) ([]*facts.Pod, error) {
	switch {
	case extract.Candidate(p):
		return []*facts.Pod{extract.Pod(p)}, nil
	case p.Spec.NodeName == "":
		return nil, fmt.Errorf("pod %s/%s is on no node yet: nothing can kill it", p.Namespace, p.Name)
	}
	return nil, fmt.Errorf("pod %s/%s has finished (%s): nothing can kill it; kubectl killorder diagnose says what did",
		p.Namespace, p.Name, p.Status.Phase)
}

// PriorityClass returns the value of a PriorityClass.
func PriorityClass(ctx context.Context, config *rest.Config, name string) (int32, error) {
	c, err := clientFor(config, schedulingv1.SchemeGroupVersion)
	if err != nil {
		return 0, fmt.Errorf("client: %w", err)
	}
	class, err := get[schedulingv1.PriorityClass](ctx, c, "", "priorityclasses", name)
	if err != nil {
		return 0, fmt.Errorf("PriorityClass %q: %w", name, err)
	}
	return class.Value, nil
}

// Admission is what an API server adds to pods that decides who dies.
type Admission struct {
	// Classes are the values of PriorityClasses by name. DefaultPriority is that of pods that name none.
	Classes         map[string]int32
	DefaultPriority int32
	// LimitRanges by namespace.
	LimitRanges map[string][]corev1.LimitRangeItem
}

// ReadAdmission reads it for some namespaces. The notes say what could not be read.
func ReadAdmission(ctx context.Context, config *rest.Config, namespaces []string) (a *Admission, notes []string, err error) {
	kube, err := newClient(config)
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	a = &Admission{Classes: map[string]int32{}, LimitRanges: map[string][]corev1.LimitRangeItem{}}
	classes, err := list[schedulingv1.PriorityClassList](ctx, kube.scheduling, "", "priorityclasses", metav1.ListOptions{})
	if err != nil {
		notes = append(notes, fmt.Sprintf("PriorityClasses could not be read: pods that name none are taken to have priority 0 "+
			"(list priorityclasses.scheduling.k8s.io: %v)", err))
		classes = &schedulingv1.PriorityClassList{}
	}
	for i := range classes.Items {
		p := &classes.Items[i]
		a.Classes[p.Name] = p.Value
		if p.GlobalDefault {
			a.DefaultPriority = p.Value
		}
	}
	for _, ns := range namespaces {
		ranges, err := list[corev1.LimitRangeList](ctx, kube.core, ns, "limitranges", metav1.ListOptions{})
		if err != nil {
			notes = append(notes, fmt.Sprintf("LimitRanges of namespace %q could not be read: their defaults are not added "+
				"(list limitranges: %v)", ns, err))
			continue
		}
		for i := range ranges.Items {
			a.LimitRanges[ns] = append(a.LimitRanges[ns], ranges.Items[i].Spec.Limits...)
		}
	}
	return a, notes, ctx.Err()
}
