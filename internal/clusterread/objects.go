package clusterread

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

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

// oneByOne is how many nodes are read each by itself. Of more nodes, all nodes and pods are listed, and those that nobody asked
// for are left out: one list of all pods takes an API server no longer than some hundred lists of a node's.
const oneByOne = 100

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
	switch names = unique(names); {
	case len(names) > oneByOne:
		return c.readManyNodes(ctx, names, len(w.Targets) > 0)
	case len(names) > 0:
		return c.readNamed(ctx, names, len(w.Targets) > 0)
	}
	return c.readAllNodes(ctx, func(string) bool { return true })
}

// unique returns each name once, always in the same order.
func unique(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// readAllNodes lists the nodes, and keeps those that are wanted.
func (c *cluster) readAllNodes(ctx context.Context, wanted func(name string) bool) error {
	none := true
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := list[corev1.NodeList](ctx, c.kube.core, "", "nodes", opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if none = false; !wanted(page.Items[i].Name) {
				continue
			}
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
	if none {
		return errors.New("nodes: the cluster has none")
	}
	return nil
}

// readManyNodes finds the named nodes in the list of all. Where nodes may not be listed, they are known by their names alone, if
// that will do.
func (c *cluster) readManyNodes(ctx context.Context, names []string, nameWillDo bool) error {
	err := c.readAllNodes(ctx, func(name string) bool {
		_, wanted := slices.BinarySearch(names, name)
		return wanted
	})
	if apierrors.IsForbidden(err) && nameWillDo {
		c.note("you may not list nodes: memory and thresholds of %d nodes are unknown (%v)", len(names), errors.Unwrap(err))
		for _, name := range names {
			c.snapshot.Nodes = append(c.snapshot.Nodes, extract.Node(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}))
		}
		return nil
	}
	if err != nil || len(c.snapshot.Nodes) == len(names) {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(c.snapshot.Nodes, func(n facts.Node) bool { return n.Name == name }) {
			return c.noSuchNode(ctx, name)
		}
	}
	return nil
}

// requestsAtOnce are under way at the same time where nodes are read each by itself.
const requestsAtOnce = 16

// atOnce calls do for the numbers from 0 to n-1, some at the same time.
func atOnce(n, most int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, most) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// readNamed reads the named nodes. A node that may not be read is known by its name alone, if that will do.
func (c *cluster) readNamed(ctx context.Context, names []string, nameWillDo bool) error {
	nodes, errs := make([]*corev1.Node, len(names)), make([]error, len(names))
	atOnce(len(names), requestsAtOnce, func(i int) { nodes[i], errs[i] = get[corev1.Node](ctx, c.kube.core, "", "nodes", names[i]) })
	for i, err := range errs {
		switch name := names[i]; {
		case apierrors.IsNotFound(err):
			return c.noSuchNode(ctx, name)
		case apierrors.IsForbidden(err) && nameWillDo:
			c.note("you may not get nodes: memory and thresholds of node %s are unknown (%v)", name, err)
			nodes[i] = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		case err != nil:
			return fmt.Errorf("node %q: %w", name, err)
		}
		c.snapshot.Nodes = append(c.snapshot.Nodes, extract.Node(nodes[i]))
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

// readPodsOfNodes reads the pods of the nodes read so far; where the user may not list those of all namespaces, those of the
// targets'.
func (c *cluster) readPodsOfNodes(ctx context.Context, targets []target.Ref) error {
	err := c.readPodsOn(ctx, []string{metav1.NamespaceAll})
	if !apierrors.IsForbidden(err) || len(targets) == 0 {
		return err
	}
	c.note("you may not list pods of all namespaces: who stands before and after is unknown (%v)", errors.Unwrap(err))
	for _, t := range targets {
		if !slices.Contains(c.only, t.Namespace) {
			c.only = append(c.only, t.Namespace)
		}
	}
	return c.readPodsOn(ctx, c.only)
}

// readPodsOn reads those pods of some namespaces that run on the nodes read so far.
func (c *cluster) readPodsOn(ctx context.Context, namespaces []string) error {
	c.snapshot.ForgetAllPods()
	c.podsRead = 0
	if len(c.snapshot.Nodes) <= oneByOne {
		return c.readPodsOfEach(ctx, namespaces)
	}
	c.of = make(map[string]bool, len(c.snapshot.Nodes))
	for i := range c.snapshot.Nodes {
		c.of[c.snapshot.Nodes[i].Name] = true
	}
	for _, namespace := range namespaces {
		if namespace == metav1.NamespaceAll {
			if err := c.readAllPods(ctx); err != nil {
				return err
			}
		} else if err := c.readPodsIn(ctx, namespace, ""); err != nil {
			return err
		}
	}
	return nil
}

// readPodsOfEach reads the pods of each node by itself.
func (c *cluster) readPodsOfEach(ctx context.Context, namespaces []string) error {
	errs := make([]error, len(c.snapshot.Nodes))
	atOnce(len(errs), requestsAtOnce, func(i int) {
		selector := fields.OneTermEqualSelector("spec.nodeName", c.snapshot.Nodes[i].Name).String()
		for _, namespace := range namespaces {
			if errs[i] = c.readPodsIn(ctx, namespace, selector); errs[i] != nil {
				return
			}
		}
	})
	return cmp.Or(errs...)
}

// readPodsIn reads the pods of a namespace, or of all, that a field selector chooses, page by page.
func (c *cluster) readPodsIn(ctx context.Context, namespace, selector string) error {
	return podsError(eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		return c.podsPage(ctx, namespace, opts)
	}, metav1.ListOptions{FieldSelector: selector}))
}

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
