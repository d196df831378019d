package kubelets

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// firstAddress is the address of node 0; the other nodes have the addresses after
// it. Addresses of 127/8 need no configuration on Linux, because the whole block
// belongs to the loopback interface.
var firstAddress = binary.BigEndian.Uint32([]byte{127, 10, 0, 1})

func addressOf(index int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], firstAddress+uint32(index))
	return netip.AddrFrom4(a)
}

// indexOf is the inverse of addressOf. For the address of no node, the result is
// negative or an index past the last node.
func indexOf(a netip.Addr) int {
	if !a.Is4() {
		return -1
	}
	b := a.As4()
	return int(int64(binary.BigEndian.Uint32(b[:])) - int64(firstAddress))
}

// MachineAddress returns an IPv4 address of this machine that an API server
// forwards requests to. An API server refuses loopback and link-local addresses
// (k8s.io/kubernetes pkg/registry/core/node/strategy.go, isProxyableHostname).
// ok is false where the machine has no such address.
func MachineAddress() (address netip.Addr, ok bool) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, false
	}
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Is4() && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr(), true
		}
	}
	return netip.Addr{}, false
}

// places knows where each node's kubelet answers. Either each node has an address
// of its own in 127/8, and all nodes share one port; or all nodes share one
// address of this machine, and each node has a port of its own.
type places struct {
	shared    netip.Addr // invalid: addresses of 127/8
	listeners []net.Listener
	index     map[uint16]int // from the port to the node, where the address is shared
}

// listen takes free ports for a number of nodes.
func listen(nodes int, shared netip.Addr) (*places, error) {
	p := &places{shared: shared, index: map[uint16]int{}}
	if !shared.IsValid() {
		return p, p.add("0.0.0.0:0")
	}
	for i := range nodes {
		if err := p.add(netip.AddrPortFrom(shared, 0).String()); err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.index[p.port(i)] = i
	}
	return p, nil
}

func (p *places) add(address string) error {
	listener, err := net.Listen("tcp4", address)
	if err == nil {
		p.listeners = append(p.listeners, sameMachine{listener})
	}
	return err
}

func (p *places) port(listener int) uint16 {
	return p.listeners[listener].Addr().(*net.TCPAddr).AddrPort().Port()
}

func (p *places) of(node *scenario.Node) netip.AddrPort {
	if p.shared.IsValid() {
		return netip.AddrPortFrom(p.shared, p.port(node.Index))
	}
	return netip.AddrPortFrom(addressOf(node.Index), p.port(0))
}

// at returns the index of the node that answers at an address. If no node answers
// there, the result is negative or an index past the last node.
func (p *places) at(local netip.AddrPort) int {
	if !p.shared.IsValid() {
		return indexOf(local.Addr().Unmap())
	}
	if i, ok := p.index[local.Port()]; ok {
		return i
	}
	return -1
}

func (p *places) close() error {
	var errs []error
	for _, listener := range p.listeners {
		errs = append(errs, ignoreClosed(listener.Close()))
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// sameMachine refuses connections from other machines, which can reach a shared
// address. Other machines can also reach the listener for 127/8: a program cannot
// listen on a block of addresses, so this listener takes all addresses.
type sameMachine struct{ net.Listener }

func (l sameMachine) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		local, remote := conn.LocalAddr().(*net.TCPAddr).IP, conn.RemoteAddr().(*net.TCPAddr).IP
		if local.IsLoopback() || remote.Equal(local) { // a call from this machine to its own address comes from the same address
			return conn, nil
		}
		_ = conn.Close()
	}
}
