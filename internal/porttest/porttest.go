// Package porttest finds ports for processes that a test starts itself.
package porttest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Free returns a port of loopback on which nothing listens. It lies below those that the kernel gives
// away, so that no other test takes it before its process listens, or while it is stopped.
//
// It dials, and does not listen: for a moment a process that is being started holds a copy of each
// listener of the test that starts it, and that copy would answer in place of the process.
func Free() string {
	for {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if errors.Is(err, syscall.ECONNREFUSED) {
			return port
		}
		if err == nil {
			c.Close()
		}
	}
}
