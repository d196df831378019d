package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/cluster/scenario"
	"github.com/killorder/killorder/test/cluster/snapshot"
)

// compareOrders compares the operator's orders of some random nodes with what rank says of a snapshot of the same moment:
// memory stands still since before the operator started.
func (b *bench) compareOrders(ctx context.Context) error {
	list, err := b.ranked(ctx, b.someNodes(), b.cluster.HoldMemory())
	if err != nil {
		return err
	}
	return b.compareWith(list)
}

// ranked is what rank says of a snapshot of some nodes at this moment. elapsed is how long memory has been changing.
func (b *bench) ranked(ctx context.Context, some *scenario.Model, elapsed time.Duration) (*v1alpha1.NodeKillOrderList, error) {
	dir, at := filepath.Join(b.cluster.Dir, "snapshot"), time.Now()
	files, err := snapshot.Files(some, at.Add(-elapsed), at)
	if err != nil {
		return nil, err
	}
	if err := snapshot.Write(dir, files); err != nil {
		return nil, err
	}
	ranked, err := run(ctx, true, b.plugin(), "rank", "-f", dir, "-o", "json")
	if err != nil {
		return nil, err
	}
	list := &v1alpha1.NodeKillOrderList{}
	if err := json.Unmarshal(ranked.output, list); err != nil {
		return nil, err
	}
	if len(list.Items) != len(some.Nodes) {
		return nil, fmt.Errorf("rank says of %d nodes, want %d", len(list.Items), len(some.Nodes))
	}
	return list, nil
}

// someNodes of the cluster, with their pods.
func (b *bench) someNodes() *scenario.Model {
	all := b.cluster.Scenario
	random := rand.New(rand.NewPCG(b.Seed, b.Seed))
	some := *all
	some.Nodes = slices.Clone(all.Nodes)
	random.Shuffle(len(some.Nodes), func(i, j int) { some.Nodes[i], some.Nodes[j] = some.Nodes[j], some.Nodes[i] })
	some.Nodes = some.Nodes[:min(b.Compare, len(some.Nodes))]
	return &some
}

func (b *bench) compareWith(ranked *v1alpha1.NodeKillOrderList) error {
	published := b.orders.all()
	b.Compared = len(ranked.Items)
	for i := range ranked.Items {
		want := &ranked.Items[i]
		var have v1alpha1.NodeKillOrder
		if err := json.Unmarshal(published[want.Name].Status, &have.Status); err != nil {
			return fmt.Errorf("order of %s: %w", want.Name, err)
		}
		diff := cmp.Diff(&want.Status, &have.Status, onlyOrders, sameSnapshot)
		if diff != "" {
			b.Different = append(b.Different, want.Name)
			if len(b.Different) == 1 {
				fmt.Fprintf(b.Progress, "%s (-rank +operator):\n%s", want.Name, diff)
			}
		}
	}
	if len(b.Different) > 0 {
		return fmt.Errorf("%d of %d orders are not what rank says: %v", len(b.Different), b.Compared, b.Different)
	}
	return nil
}

// onlyOrders compares the three orders alone: the other fields of a status depend on when it was written.
var onlyOrders = cmp.Transformer("orders", func(s *v1alpha1.NodeKillOrderStatus) [3]any {
	return [3]any{s.EvictionOrder, s.OOMOrder, s.LimitOrder}
})

// sameSnapshot leaves out what differs for a reason: the snapshot's pods have UIDs of their own; and the operator calls pods tied
// whose keys are within the noise of readings, while rank calls those tied whose keys are equal.
var sameSnapshot = cmp.FilterPath(func(p cmp.Path) bool {
	field, is := p.Last().(cmp.StructField)
	return is && (field.Name() == "UID" || field.Name() == "Tied")
}, cmp.Ignore())

func (b *bench) plugin() string { return filepath.Join(b.Root, "bin", "kubectl-killorder") }
