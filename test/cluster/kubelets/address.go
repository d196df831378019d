package kubelets

import (
	"encoding/binary"
	"net/netip"
)

// firstAddress is the address of node 0; the others follow. Addresses of 127/8
// need no setting up on Linux: the whole block is the loopback interface's.
var firstAddress = binary.BigEndian.Uint32([]byte{127, 10, 0, 1})

func addressOf(index int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], firstAddress+uint32(index))
	return netip.AddrFrom4(a)
}

// indexOf is the inverse of addressOf; other addresses give -1 or an index
// past the last node.
func indexOf(a netip.Addr) int {
	if !a.Is4() {
		return -1
	}
	b := a.As4()
	return int(int64(binary.BigEndian.Uint32(b[:])) - int64(firstAddress))
}
