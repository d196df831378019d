package clusterread

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// pageSize is how many objects are in memory at a time, besides their facts.
const pageSize = 500

// eachPage calls list until nothing is left. A list that takes longer than the server keeps its version goes on
// with the objects as they are by then.
func eachPage(list func(metav1.ListOptions) (metav1.ListInterface, error), opts metav1.ListOptions) error {
	opts.Limit = pageSize
	for {
		page, err := list(opts)
		if next := afterExpiry(err); next != "" && opts.Continue != "" {
			opts.Continue = next
			continue
		}
		if err != nil {
			return err
		}
		if opts.Continue = page.GetContinue(); opts.Continue == "" {
			return nil
		}
	}
}

// afterExpiry is where the server says that an expired list may go on, "" if it does not.
func afterExpiry(err error) string {
	if status := apierrors.APIStatus(nil); apierrors.IsResourceExpired(err) && errors.As(err, &status) {
		return status.Status().Continue
	}
	return ""
}

func (c *cluster) readNodes(ctx context.Context, names []string) error {
	defer func() {
		slices.SortFunc(c.snapshot.Nodes, func(a, b facts.Node) int { return cmp.Compare(a.Name, b.Name) })
	}()
	if len(names) > 0 {
		return c.readNamed(ctx, names)
	}
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := c.kube.CoreV1().Nodes().List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			c.snapshot.Nodes = append(c.snapshot.Nodes, extract.Node(&page.Items[i]))
		}
		c.progress.count("nodes read", len(c.snapshot.Nodes))
		return page, nil
	}, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if len(c.snapshot.Nodes) == 0 {
		return fmt.Errorf("nodes: the cluster has none")
	}
	return nil
}

func (c *cluster) readNamed(ctx context.Context, names []string) error {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		n, err := c.kube.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("node %q not found in the cluster", name)
		}
		if err != nil {
			return fmt.Errorf("node %q: %w", name, err)
		}
		c.snapshot.Nodes = append(c.snapshot.Nodes, extract.Node(n))
	}
	return nil
}

// readPods reads the pods of all nodes, or of the named ones.
func (c *cluster) readPods(ctx context.Context, names []string) error {
	selectors := []string{""}
	if len(names) > 0 {
		selectors = selectors[:0]
		for i := range c.snapshot.Nodes {
			selectors = append(selectors, fields.OneTermEqualSelector("spec.nodeName", c.snapshot.Nodes[i].Name).String())
		}
	}
	read := 0
	for _, selector := range selectors {
		err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
			page, err := c.kube.CoreV1().Pods(metav1.NamespaceAll).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			c.addPods(page.Items)
			read += len(page.Items)
			c.sayPods(read, page.RemainingItemCount)
			return page, nil
		}, metav1.ListOptions{FieldSelector: selector})
		if err != nil {
			return fmt.Errorf("pods: %w", err)
		}
	}
	return nil
}

func (c *cluster) addPods(pods []corev1.Pod) {
	for i := range pods {
		if p := &pods[i]; extract.Candidate(p) {
			c.snapshot.Pods[p.Spec.NodeName] = append(c.snapshot.Pods[p.Spec.NodeName], extract.Pod(p))
		}
	}
}

func (c *cluster) sayPods(read int, remaining *int64) {
	c.progress.say(func() string {
		if remaining == nil {
			return fmt.Sprintf("pods read: %d", read)
		}
		return fmt.Sprintf("pods read: %d of %d", read, int64(read)+*remaining)
	})
}

// readPolicy reads the operator's policy if there is one; the defaults apply otherwise.
func (c *cluster) readPolicy(ctx context.Context) error {
	c.snapshot.Policy = extract.DefaultPolicy()
	answer := c.kube.CoreV1().RESTClient().Get().SetHeader("Accept", "application/json").
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "killorderpolicies", v1alpha1.PolicyName).
		Do(ctx)
	switch err := answer.Error(); {
	case apierrors.IsNotFound(err):
		return nil
	case apierrors.IsForbidden(err):
		c.note("the KillOrderPolicy may not be read: the defaults apply (%v)", err)
		return nil
	case err != nil:
		return fmt.Errorf("KillOrderPolicy: %w", err)
	}
	raw, err := answer.Raw()
	if err != nil {
		return fmt.Errorf("KillOrderPolicy: %w", err)
	}
	var k v1alpha1.KillOrderPolicy
	if err := json.Unmarshal(raw, &k); err != nil {
		return fmt.Errorf("KillOrderPolicy: %w", err)
	}
	policy, err := extract.NewPolicy(&k)
	if err != nil {
		return fmt.Errorf("KillOrderPolicy: %w", err)
	}
	c.snapshot.Policy = policy
	return nil
}

// readNamespaces reads the namespaces' labels. Without them, selectors match by the namespaces' names alone.
func (c *cluster) readNamespaces(ctx context.Context) {
	c.snapshot.Namespaces = map[string]labels.Set{}
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := c.namespaces.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			c.snapshot.Namespaces[page.Items[i].Name] = page.Items[i].Labels
		}
		return page, nil
	}, metav1.ListOptions{})
	if err != nil {
		c.note("namespaces' labels could not be read: namespace selectors may not match (%v)", err)
	}
}

func (c *cluster) note(format string, args ...any) {
	c.snapshot.Notes = append(c.snapshot.Notes, fmt.Sprintf(format, args...))
}
