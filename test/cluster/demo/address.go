package demo

import (
	"net/netip"

	"github.com/killorder/killorder/test/cluster/kubelets"
)

// nodeAddress returns the address of this machine at which all simulated
// kubelets answer. The plugin reads the kubelets through the API server, which
// forwards no request to a loopback address. If this machine has no other
// address, the result is the zero address: the kubelets then answer in 127/8.
func (d *demo) nodeAddress() netip.Addr {
	address, ok := kubelets.MachineAddress()
	if !ok {
		d.say("This machine has only loopback addresses, and an API server forwards no request to such an address.")
		d.say("The plugin will say that it cannot read the kubelets. The operator calls and reads them directly.")
	}
	return address
}
