// Package redistest runs Debian's redis-server as a child of a test.
package redistest

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/pongwatch/pongwatch/internal/porttest"
)

// wanted is the environment variable with which a machine says that it has redis-server.
const wanted = "PONGWATCH_TEST_REDIS"

// within bounds how long the server may take to answer after its start.
const within = 5 * time.Second

// Server is a redis-server on loopback that keeps nothing on disk. Its port is its own
// through stops and starts.
type Server struct {
	// Addr is where it listens, "127.0.0.1:20001".
	Addr string

	t   testing.TB
	cmd *exec.Cmd
}

// Start starts a server, which ends with the test. It skips the test unless
// PONGWATCH_TEST_REDIS says that there is one.
func Start(t testing.TB) *Server {
	t.Helper()
	if os.Getenv(wanted) == "" {
		t.Skipf("set %s=1: needs redis-server (Debian package redis-server)", wanted)
	}
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", porttest.Free()), t: t}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts a server that was stopped, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	s.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	// It dies with the test, even on a panic.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(within); ; <-poll.C {
		c, err := net.Dial("tcp", s.Addr)
		if err == nil {
			c.Close()
			s.Do("PING")
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("redis-server does not listen within %v: %v", within, err)
		}
	}
}

// Stop kills the server, as a crash would. A server that does not run is left alone.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Do runs a command by Redis' own protocol, past the emulator.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	c, err := redis.Dial("tcp", s.Addr, redis.DialConnectTimeout(within), redis.DialReadTimeout(within))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	name, _ := args[0].(string)
	v, err := c.Do(name, args[1:]...)
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	if text, ok := v.([]byte); ok {
		return string(text)
	}
	return v
}

// Info returns INFO's fields as the server itself tells them.
func (s *Server) Info() map[string]string {
	s.t.Helper()
	text, _ := s.Do("INFO").(string)
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}
