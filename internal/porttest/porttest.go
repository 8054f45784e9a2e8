// Package porttest finds ports for processes that a test starts itself.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// Free returns a port of loopback on which nothing listens. It lies below those that the kernel gives
// away, so that no other test takes it before its process listens, or while it is stopped.
func Free() string {
	for {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			l.Close()
			return port
		}
	}
}
