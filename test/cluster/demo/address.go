package demo

import (
	"net/netip"

	"github.com/killorder/killorder/test/cluster/kubelets"
)

// nodeAddress is where the simulated kubelets answer: at an address that the
// API server forwards the plugin's requests to, if this machine has one.
func (d *demo) nodeAddress() netip.Addr {
	address, ok := kubelets.MachineAddress()
	if !ok {
		d.say("This machine has loopback addresses only, and an API server forwards nothing to those: the plugin will say")
		d.say("that it cannot read the kubelets. The operator calls them itself, and reads them.")
	}
	return address
}
