package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/cluster/scenario"
)

const (
	// churnEvery is from one thing that comes or goes to the next.
	churnEvery = time.Second
	// nodeEvery is how many things come or go for each node that does.
	nodeEvery = 12
	// criticalLabel makes a pod critical by the default policy.
	criticalLabel = "killorder.io/critical"
)

// churn makes pods and nodes come and go, and pods become critical and cease to be, one thing at a time. A pod's or node's next change
// waits until all that orders show of it has been told, so that the API server holds all that Events follow from.
type churn struct {
	*soak
	random *rand.Rand

	mu      sync.Mutex // held while something comes or goes; guards the rest
	actions int
	// critical has the pod of each node that was made critical.
	critical map[*scenario.Node]*scenario.Pod
	// leaving has lost its pods, and goes when all is told; its pods are those that it returns with.
	leaving *scenario.Node
	away    []*scenario.Node
	pods    map[*scenario.Node][]*scenario.Pod
	last    error
	count   struct{ replaced, flipped, gone, back int }
}

func newChurn(s *soak) *churn {
	return &churn{
		soak: s, random: rand.New(rand.NewPCG(s.bench.Seed, s.bench.Seed)),
		critical: map[*scenario.Node]*scenario.Pod{}, pods: map[*scenario.Node][]*scenario.Pod{},
	}
}

// start begins, until the context ends.
func (c *churn) start(ctx context.Context) {
	go func() {
		for pause(ctx, churnEvery) == nil {
			c.mu.Lock()
			err := c.act(ctx)
			c.last = err
			c.mu.Unlock()
		}
	}()
}

// pause returns when nothing comes or goes any more, until resume.
func (c *churn) pause()  { c.mu.Lock() }
func (c *churn) resume() { c.mu.Unlock() }

// done returns how many things came or went.
func (c *churn) done() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.actions
}

// played returns an error where something that is to come and go never did: nothing was judged then.
func (c *churn) played() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := &c.count; n.replaced == 0 || n.flipped == 0 || n.gone == 0 || n.back == 0 {
		return fmt.Errorf("%d pods were replaced, %d became critical or ceased to be, %d nodes went, %d came back: want some of each",
			n.replaced, n.flipped, n.gone, n.back)
	}
	return nil
}

// failure returns why the last thing did not come or go.
func (c *churn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// act makes the next thing come or go. What kind comes next is fixed; chance chooses which one.
func (c *churn) act(ctx context.Context) (err error) {
	defer func() {
		if err == nil {
			c.actions++
		}
	}()
	n := c.node()
	switch {
	case c.leaving != nil && c.ledger.quiet(c.leaving.Name):
		return c.leave(ctx)
	case c.actions%nodeEvery == nodeEvery-1 && len(c.away) > 0:
		return c.comeBack(ctx)
	case n == nil:
		return errUntold
	case c.actions%nodeEvery == nodeEvery/2 && len(c.away) == 0 && c.leaving == nil:
		return c.drain(ctx, n)
	case c.actions%4 == 1:
		return c.flip(ctx, n)
	}
	return c.replace(ctx, n)
}

// errUntold: whatever came or went next could end what an Event is still to tell.
var errUntold = errors.New("each node's order shows something that no Event has told yet")

// try retries until something succeeds: the API server is killed now and then.
func (c *churn) try(ctx context.Context, do func() error) error {
	for began := time.Now(); ; {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if time.Since(began) > patience {
			return fmt.Errorf("not within %s: %w", patience, err)
		}
		_ = pause(ctx, 500*time.Millisecond)
	}
}

// node that is there and of which Events have told all that its order shows, drawn at random; nil if there is none.
func (c *churn) node() *scenario.Node {
	some := slices.DeleteFunc(c.present(), func(n *scenario.Node) bool { return n == c.leaving || !c.ledger.allTold(n.Name) })
	if len(some) == 0 {
		return nil
	}
	return some[c.random.IntN(len(some))]
}

// replace deletes a pod, and creates its successor.
func (c *churn) replace(ctx context.Context, n *scenario.Node) error {
	var some []*scenario.Pod
	for _, p := range n.Pods {
		if p.Class.Owner == "Deployment" || p.Class.Owner == "Job" { // others keep their names
			some = append(some, p)
		}
	}
	old := some[c.random.IntN(len(some))]
	if c.critical[n] == old {
		delete(c.critical, n) // its successor is not critical
	}
	if err := c.try(ctx, func() error { return c.cluster.RemovePod(ctx, old) }); err != nil {
		return err
	}
	successor := c.cluster.Scenario.Change(old, func(class *scenario.PodClass) {
		class.Labels = maps.Clone(class.Labels)
		delete(class.Labels, criticalLabel)
	})
	c.count.replaced++
	return c.try(ctx, func() error { return c.cluster.AddPod(ctx, successor) })
}

// flip makes the first victim of a node critical, or ends that.
func (c *churn) flip(ctx context.Context, n *scenario.Node) error {
	pod, value := c.critical[n], ""
	if pod == nil {
		if pod, value = c.firstVictim(ctx, n), "true"; pod == nil {
			return c.replace(ctx, n)
		}
	}
	return c.try(ctx, func() error {
		labelled, err := c.cluster.LabelPod(ctx, pod, criticalLabel, value)
		if err != nil {
			return err
		}
		c.count.flipped++
		if delete(c.critical, n); value != "" {
			c.critical[n] = labelled
		}
		return nil
	})
}

// firstVictim of a node by its order; nil where that pod is not there any more.
func (c *churn) firstVictim(ctx context.Context, n *scenario.Node) *scenario.Pod {
	text, err := c.client.Get().AbsPath(ordersPath, n.Name).Do(ctx).Raw()
	var o v1alpha1.NodeKillOrder
	if err != nil || json.Unmarshal(text, &o) != nil || len(o.Status.EvictionOrder) == 0 {
		return nil
	}
	first := &o.Status.EvictionOrder[0]
	for _, p := range n.Pods {
		if p.Class.Namespace == first.Namespace && p.Name == first.Pod {
			return p
		}
	}
	return nil
}

// drain deletes a node's pods.
func (c *churn) drain(ctx context.Context, n *scenario.Node) error {
	c.pods[n] = slices.Clone(n.Pods)
	delete(c.critical, n)
	c.leaving = n
	var errs []error
	for _, p := range c.pods[n] {
		errs = append(errs, c.try(ctx, func() error { return c.cluster.RemovePod(ctx, p) }))
	}
	return errors.Join(errs...)
}

// leave deletes the node that has no pods any more.
func (c *churn) leave(ctx context.Context) error {
	if err := c.try(ctx, func() error { return c.cluster.RemoveNode(ctx, c.leaving) }); err != nil {
		return err
	}
	c.count.gone++
	c.away, c.leaving = append(c.away, c.leaving), nil
	return nil
}

// comeBack creates the node that has been away for longest, with its pods.
func (c *churn) comeBack(ctx context.Context) error {
	n := c.away[0]
	if err := c.try(ctx, func() error { return c.cluster.ReturnNode(ctx, n, c.pods[n]) }); err != nil {
		return err
	}
	for _, p := range n.Pods {
		if p.Class.Labels[criticalLabel] != "" {
			c.critical[n] = p
		}
	}
	c.count.back++
	c.away = c.away[1:]
	return nil
}

// running returns the nodes that are there.
func (c *churn) running() []*scenario.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.present()
}

func (c *churn) present() (there []*scenario.Node) {
	for _, n := range c.cluster.Scenario.Nodes {
		if !slices.Contains(c.away, n) {
			there = append(there, n)
		}
	}
	return there
}

// startKubelets starts kubelets again, but not those of nodes that went meanwhile.
func (c *churn) startKubelets(stopped []*scenario.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cluster.StartKubelets(slices.DeleteFunc(slices.Clone(stopped), func(n *scenario.Node) bool { return slices.Contains(c.away, n) })...)
}
