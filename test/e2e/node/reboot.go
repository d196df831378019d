package node

import (
	"context"
	"fmt"
)

// Reboot switches the node's virtual machine off and on again, with that much memory in MiB, and tells the kubelet
// another configuration. The disks stay the same.
func (n *Node) Reboot(ctx context.Context, host *VirtualHost, memoryMiB int, m Memory) error {
	if n.kubelet != nil {
		n.kubelet.stop()
		n.kubelet = nil
	}
	// The disk has no journal: nothing may be on its way to the disk when the machine stops.
	if _, err := host.Shell(ctx, "sync"); err != nil {
		return err
	}
	host.Stop()
	if err := host.SwitchOn(ctx, memoryMiB); err != nil {
		return err
	}
	_ = n.Runtime.Close()
	if err := n.startContainerd(ctx); err != nil {
		return fmt.Errorf("containerd after a reboot: %w", err)
	}
	return n.StartKubelet(ctx, m)
}
