package porttest_test

import (
	"errors"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/pongwatch/pongwatch/internal/porttest"
)

func TestNothingAnswersOnAFreePortWhileProcessesAreStarted(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				port := porttest.Free()
				cmd := exec.Command("true")
				if err := cmd.Start(); err != nil {
					t.Error(err)
				}
				c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
				if err == nil {
					c.Close()
				}
				if !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("port %s, on which nothing listens: %v, want the connection refused", port, err)
				}
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
