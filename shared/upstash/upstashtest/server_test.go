package upstashtest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/internal/porttest"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func client(t *testing.T, s *upstashtest.Server) *upstash.Client {
	t.Helper()
	c, err := upstash.New(upstash.Options{URL: s.URL(), Token: secrets.New(s.Token()), AllowHTTP: true, RootCAs: s.CA(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func breakIt(t *testing.T, s *upstashtest.Server, f upstashtest.Fault) {
	t.Helper()
	if err := s.Break(f); err != nil {
		t.Fatal(err)
	}
}

func TestInfoHasSettableNumbers(t *testing.T) {
	s := start(t, upstashtest.Options{})
	c := client(t, s)
	for _, args := range [][]any{{"SET", "a", 1}, {"GET", "a"}, {"GET", "none"}, {"MGET", "a", "none", "a"}} {
		if _, err := c.Do(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	s.SetInfo("total_data_size", "261993005")
	s.SetInfo("maxmemory_policy", "optimistic-volatile")
	info, err := c.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.DataSize.N != 261993005 || info.MaxDataSize.N != 256<<20 || info.MaxmemoryPolicy != "optimistic-volatile" {
		t.Errorf("what was set: %+v", info)
	}
	if info.Hits.N != 3 || info.Misses.N != 2 || info.Keys.N != 1 || info.Writes.N != 1 || info.Reads.N != 3 {
		t.Errorf("what was counted: %+v", info)
	}
	s.SetInfo("total_data_size", "")
	s.SetInfo("evicted_keys", "7")
	if info, err = c.Info(t.Context()); err != nil || info.DataSize.N != 128 || info.EvictedKeys.N != 7 {
		t.Errorf("what was set free: %+v, %v", info, err)
	}
}

func TestRefusalClosesThePortAndOpensItAgain(t *testing.T) {
	for _, withTLS := range []bool{false, true} {
		s := start(t, upstashtest.Options{TLS: withTLS})
		c := client(t, s)
		if _, err := c.Do(t.Context(), "SET", "kept", "x"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			breakIt(t, s, upstashtest.Fault{Mode: upstashtest.Refuse})
			breakIt(t, s, upstashtest.Fault{Mode: upstashtest.Refuse})
			if _, err := net.Dial("tcp", s.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("dialing: %v, want refused", err)
			}
			breakIt(t, s, upstashtest.Fault{})
			if r := c.Ping(t.Context()); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		c.CloseIdleConnections()
		if r, err := c.Do(t.Context(), "EXISTS", "kept"); err != nil {
			t.Error(err)
		} else if n, _ := r.Int(); n != 1 {
			t.Error("the data is gone")
		}
	}
}

func TestHangingRequestsEndWithTheFault(t *testing.T) {
	for _, mode := range []upstashtest.Mode{upstashtest.Hang, upstashtest.HangInside} {
		arrived := make(chan struct{}, 2)
		s := start(t, upstashtest.Options{Observe: func(*http.Request) { arrived <- struct{}{} }})
		breakIt(t, s, upstashtest.Fault{Mode: mode})
		c := client(t, s)
		done := make(chan error)
		go func() { done <- c.Ping(t.Context()).Err }()
		<-arrived
		select {
		case err := <-done:
			t.Fatalf("%s answers: %v", mode, err)
		case <-time.After(50 * time.Millisecond):
		}
		breakIt(t, s, upstashtest.Fault{})
		if err := <-done; err == nil {
			t.Errorf("%s: the hanging request has a PONG", mode)
		}
		if r := c.Ping(t.Context()); r.Err != nil {
			t.Errorf("%s: the fault is over, but %v", mode, r.Err)
		}
	}
}

func TestCloseEndsHangingRequests(t *testing.T) {
	s := start(t, upstashtest.Options{})
	breakIt(t, s, upstashtest.Fault{Mode: upstashtest.Hang})
	c := client(t, s)
	done := make(chan error)
	go func() { done <- c.Ping(t.Context()).Err }()
	s.Close()
	if err := <-done; err == nil {
		t.Error("a PONG from a closed server")
	}
	s.Close()
	if err := s.Break(upstashtest.Fault{}); err != nil {
		t.Errorf("breaking a closed server: %v", err)
	}
}

func TestSlowness(t *testing.T) {
	s := start(t, upstashtest.Options{})
	breakIt(t, s, upstashtest.Fault{Mode: upstashtest.Slow, Delay: 60 * time.Millisecond})
	if r := client(t, s).Ping(t.Context()); r.Err != nil || r.Latency() < 60*time.Millisecond {
		t.Errorf("latency %v, %v: want at least 60 ms", r.Latency(), r.Err)
	}
}

func TestBreakNamesWhatItCannotDo(t *testing.T) {
	s := start(t, upstashtest.Options{})
	if err := s.Break(upstashtest.Fault{Mode: "fire"}); err == nil || !strings.Contains(err.Error(), `"fire"`) {
		t.Errorf("error %v", err)
	}
	if err := s.Break(upstashtest.Fault{Mode: upstashtest.ForeignCertificate}); err == nil {
		t.Error("a foreign certificate without TLS")
	}
	if got := s.Fault().Mode; got != "" && got != upstashtest.None {
		t.Errorf("mode %q after refused breaks", got)
	}
}

func TestNewNamesWhatItCannotDo(t *testing.T) {
	taken := start(t, upstashtest.Options{})
	if _, err := upstashtest.New(upstashtest.Options{Addr: taken.Addr()}); err == nil || !strings.Contains(err.Error(), "starting the emulator") {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := upstashtest.New(upstashtest.Options{Token: "a", ReadOnlyToken: "a"}); err == nil {
		t.Error("one token for both")
	}
}

func TestARedisThatIsGoneIsAnEdgesError(t *testing.T) {
	s := start(t, upstashtest.Options{Redis: net.JoinHostPort("127.0.0.1", porttest.Free())})
	for _, target := range []string{"/ping", "/info", "/get/a"} {
		if resp, body := ask(t, s, "GET", target, standard, ""); resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, "<h1>502") {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
}

// TestEverythingAtOnce is for the race detector.
func TestEverythingAtOnce(t *testing.T) {
	s := start(t, upstashtest.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		c, err := upstash.New(upstash.Options{URL: s.URL(), Token: secrets.New(standard), AllowHTTP: true, Timeout: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer c.CloseIdleConnections()
			for ctx.Err() == nil {
				c.Ping(ctx)
				_, _ = c.Do(ctx, "INCR", "n")
				_, _ = c.Pipeline(ctx, upstash.Command{"SET", "a", 1}, upstash.Command{"GET", "a"})
				_, _ = c.Info(ctx)
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, mode := range upstashtest.Modes() {
				if mode != upstashtest.ForeignCertificate && s.Break(upstashtest.Fault{Mode: mode, Delay: time.Millisecond}) != nil {
					return
				}
			}
			s.SetInfo("total_keys", "1")
			s.SetToken(standard)
			s.Commands()
			s.CommandCounts()
		}
	})
	wg.Wait()
}
