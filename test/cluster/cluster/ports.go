package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below the range that systems give to outgoing
// connections, which could otherwise take a port between the moment it was
// found free and the moment a server listens on it.
const firstPort, lastPort = 20000, 32000

// FreePort returns a port of 127.0.0.1 that nobody listens on, and that no outgoing connection takes.
func FreePort() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1 between %d and %d", firstPort, lastPort)
}
