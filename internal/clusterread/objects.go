package clusterread

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/clusterread/target"
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

func (c *cluster) readNodes(ctx context.Context, w Want) error {
	defer func() {
		slices.SortFunc(c.snapshot.Nodes, func(a, b facts.Node) int { return cmp.Compare(a.Name, b.Name) })
	}()
	names := w.Nodes
	if len(w.Targets) > 0 {
		var err error
		if names, err = c.nodesOf(ctx, w.Targets); err != nil {
			return err
		}
	}
	if len(names) > 0 {
		return c.readNamed(ctx, names, len(w.Targets) > 0)
	}
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.NodeList](ctx, c.kube.core, "", "nodes", opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			c.snapshot.Nodes = append(c.snapshot.Nodes, extract.Node(&page.Items[i]))
			if c.seen != nil {
				c.seen.Node(&page.Items[i])
			}
		}
		c.progress.count("nodes read", len(c.snapshot.Nodes))
		return page, nil
	}, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if len(c.snapshot.Nodes) == 0 {
		return errors.New("nodes: the cluster has none")
	}
	return nil
}

// readNamed reads the named nodes. A node that may not be read is known by its name alone, if that will do.
func (c *cluster) readNamed(ctx context.Context, names []string, nameWillDo bool) error {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		n, err := get[corev1.Node](ctx, c.kube.core, "", "nodes", name)
		switch {
		case apierrors.IsNotFound(err):
			return c.noSuchNode(ctx, name)
		case apierrors.IsForbidden(err) && nameWillDo:
			c.note("you may not get nodes: memory and thresholds of node %s are unknown (%v)", name, err)
			n = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		case err != nil:
			return fmt.Errorf("node %q: %w", name, err)
		}
		c.snapshot.Nodes = append(c.snapshot.Nodes, extract.Node(n))
	}
	return nil
}

// noSuchNode is the error for a node that the cluster does not have, with the names that are near.
func (c *cluster) noSuchNode(ctx context.Context, name string) error {
	var names []string
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := c.metadata.Resource(corev1.SchemeGroupVersion.WithResource("nodes")).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			names = append(names, page.Items[i].Name)
		}
		return page, nil
	}, metav1.ListOptions{})
	if near := target.Near(name, names); err == nil && len(near) > 0 {
		return fmt.Errorf("node %q not found in the cluster: did you mean %s?", name, strings.Join(near, ", "))
	}
	return fmt.Errorf("node %q not found in the cluster", name)
}

// readPodsOf reads the pods of a node; where the user may not list those of all namespaces, those of the targets'.
func (c *cluster) readPodsOf(ctx context.Context, node string, targets []target.Ref) error {
	selector := fields.OneTermEqualSelector("spec.nodeName", node).String()
	err := c.readPodsIn(ctx, metav1.NamespaceAll, selector)
	if !apierrors.IsForbidden(err) || len(targets) == 0 {
		return err
	}
	if len(c.only) == 0 {
		c.note("you may not list pods of all namespaces: who stands before and after is unknown (%v)", errors.Unwrap(err))
		for _, t := range targets {
			if !slices.Contains(c.only, t.Namespace) {
				c.only = append(c.only, t.Namespace)
			}
		}
	}
	for _, namespace := range c.only {
		if err := c.readPodsIn(ctx, namespace, selector); err != nil {
			return err
		}
	}
	return nil
}

// readPodsIn reads the pods of a namespace, or of all, that a field selector chooses, page by page.
func (c *cluster) readPodsIn(ctx context.Context, namespace, selector string) error {
	return podsError(eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		return c.podsPage(ctx, namespace, opts)
	}, metav1.ListOptions{FieldSelector: selector}))
}

func (c *cluster) sayPods() { c.progress.count("pods read", c.podsRead) }

// readPolicy reads the operator's policy if there is one; the defaults apply otherwise.
func (c *cluster) readPolicy(ctx context.Context) error {
	c.snapshot.Policy = extract.DefaultPolicy()
	answer := c.kube.core.Get().SetHeader("Accept", "application/json").
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
	if at := k.Status.LastPassAt; at != nil {
		c.operator, c.lastPass = true, at.Time
	}
	return nil
}

// readNamespaces reads the namespaces' labels. Without them, selectors match by the namespaces' names alone.
func (c *cluster) readNamespaces(ctx context.Context) {
	c.snapshot.Namespaces = map[string]labels.Set{}
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := c.metadata.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).List(ctx, opts)
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
