package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/test/scale/figures"
)

// Names of the two replicas, and where their lease is.
const (
	operatorNamespace = "killorder-system"
	leaseName         = "killorder-manager"
	// noMetrics is the metrics address of a replica that serves none.
	noMetrics = "0"
)

var replicas = [2]string{"manager-1", "manager-2"}

// failover runs two replicas of the operator, kills the one that leads, again and again, and makes a pod critical right after each
// kill. It measures the time from the kill to the order that shows this.
func (b *bench) failover(ctx context.Context) error {
	if b.Kills == 0 {
		return nil
	}
	err := b.cluster.WaitUntil(ctx, time.Minute, "the orders", func(context.Context) error {
		_, _, err := b.orders.complete(b.Options.Nodes)
		return err
	})
	if err != nil {
		return err
	}
	first, err := b.firstVictims()
	if err != nil {
		return err
	}
	uids := slices.Sorted(maps.Keys(first))
	if len(uids) < b.Kills {
		return fmt.Errorf("%d nodes have a first victim that is not critical, want %d: one for each kill of the leader", len(uids), b.Kills)
	}
	if err := b.startReplica(ctx, replicas[0], noMetrics); err != nil {
		return err
	}
	leader, err := b.nextLeader(ctx, "")
	if err != nil {
		return err
	}
	if err := b.startReplica(ctx, replicas[1], noMetrics); err != nil {
		return err
	}
	for i, uid := range uids[:b.Kills] {
		name := replicas[i%2]
		took, err := b.kill(ctx, name, uid, first[uid])
		if err != nil {
			return err
		}
		b.Failover = append(b.Failover, took)
		if leader, err = b.nextLeader(ctx, leader); err != nil {
			return err
		}
		if err := b.startReplica(ctx, name, noMetrics); err != nil {
			return err
		}
	}
	fmt.Fprintf(b.Progress, "seconds from each kill to the other replica's first right order: %.2f\n", b.Failover)
	slices.Sort(b.Failover)
	return nil
}

// kill the replica that leads and make a pod critical. kill returns the seconds from the kill to the order that shows this.
func (b *bench) kill(ctx context.Context, name string, uid types.UID, pod *promotion) (float64, error) {
	p := &promotions{all: map[types.UID]*promotion{uid: pod}}
	b.orders.onChange(p.seen)
	killed := time.Now()
	if err := b.cluster.StopBeside(name, false); err != nil {
		return 0, err
	}
	if err := p.promote(ctx, b, uid); err != nil {
		return 0, err
	}
	err := b.cluster.WaitUntil(ctx, 2*time.Minute, "the other replica's order", func(context.Context) error { return p.left() })
	return figures.Seconds(pod.shown.Sub(killed)), err
}

// startReplica starts a replica, which serves metrics at an address, and waits until it is ready: it can lead at once.
func (b *bench) startReplica(ctx context.Context, name, metrics string) error {
	ready, err := b.runReplica(name, metrics)
	if err != nil {
		return err
	}
	return b.cluster.WaitUntil(ctx, 10*time.Minute, name+" ready", func(ctx context.Context) error { return ready.get(ctx, io.Discard) })
}

// runReplica starts a replica, and returns the page that answers when the replica is ready.
func (b *bench) runReplica(name, metrics string) (ready *page, err error) {
	probes, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return newPage("http://"+probes+"/readyz", ""), b.startOperator(name, "--leader-election-namespace="+operatorNamespace,
		"--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics)
}

// nextLeader waits until another replica leads than before, and returns the identity of that replica.
func (b *bench) nextLeader(ctx context.Context, before string) (now string, err error) {
	err = b.cluster.WaitUntil(ctx, time.Minute, "a new leader", func(ctx context.Context) error {
		now = b.leader(ctx)
		return succeeded(before, now)
	})
	return now, err
}

// succeeded returns an error while the leader before still leads, or nobody leads.
func succeeded(before, now string) error {
	switch now {
	case "":
		return errors.New("nobody leads")
	case before:
		return fmt.Errorf("%q still leads", now)
	}
	return nil
}

// leader returns the identity of the replica that leads; "" where none does, or where that cannot be read.
func (b *bench) leader(ctx context.Context) string {
	lease, err := b.cluster.Client().CoordinationV1().Leases(operatorNamespace).Get(ctx, leaseName, metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
