package upstash_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// publicHost is a host that is not loopback, for which the emulator has a certificate.
const publicHost = "emulated.example.com"

// dialed is a dialer that reaches the emulator whatever host is asked for, and keeps the
// addresses.
type dialed struct {
	to string

	mu        sync.Mutex
	addresses []string
}

func (d *dialed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	d.addresses = append(d.addresses, address)
	d.mu.Unlock()
	return (&net.Dialer{}).DialContext(ctx, network, d.to)
}

func TestAPublicHostIsReachedOverTLSUnderItsOwnName(t *testing.T) {
	e := upstashtest.Start(t, upstashtest.Options{TLS: true, APIKey: canary})
	tests := []struct {
		name, url, address string
		want               cause.Cause
	}{
		{"the default port", "https://" + publicHost, publicHost + ":443", ""},
		{"another port and a path", "https://" + publicHost + ":8443/", publicHost + ":8443", ""},
		{"a name that the certificate lacks", "https://us1-merry-cat-32748.upstash.io", "us1-merry-cat-32748.upstash.io:443", cause.TLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &dialed{to: e.Addr()}
			c, err := upstash.New(upstash.Options{URL: tt.url, Token: secrets.New(e.Token()), RootCAs: e.CA(), DialContext: d.dial})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.CloseIdleConnections)
			for range 2 {
				r := c.Ping(t.Context())
				if got := upstash.CauseOf(r.Err); got != tt.want {
					t.Fatalf("PING: %v, want %q", r.Err, tt.want)
				}
				if tt.want == "" && (r.Phases.TLS <= 0 || r.Phases.Wait <= 0) {
					t.Errorf("phases %+v, want those of TLS", r.Phases)
				}
			}
			for range 2 {
				if _, err := c.Do(t.Context(), "GET", "a"); upstash.CauseOf(err) != tt.want {
					t.Fatalf("GET: %v, want %q", err, tt.want)
				}
			}
			// A PING has a connection of its own, commands share one.
			want := slices.Repeat([]string{tt.address}, 3)
			if tt.want != "" {
				want = append(want, tt.address)
			}
			if !slices.Equal(d.addresses, want) {
				t.Errorf("dialed %v, want %v", d.addresses, want)
			}
			c.CloseIdleConnections()
			_, _ = c.Do(t.Context(), "GET", "a")
			if n := len(d.addresses); n != len(want)+1 {
				t.Errorf("after closing idle connections %d are dialed, want one more than %d", n, len(want))
			}
		})
	}
	t.Run("the management API", func(t *testing.T) {
		d := &dialed{to: e.Addr()}
		m, err := upstash.NewManagement(e.Email(), upstash.Options{
			URL: "https://" + publicHost + "/v2", Token: secrets.New(canary), RootCAs: e.CA(), DialContext: d.dial,
		})
		if err != nil {
			t.Fatal(err)
		}
		for want := 1; want <= 2; want++ {
			for range 2 {
				if _, err := m.Database(t.Context(), e.DatabaseID()); err != nil {
					t.Fatal(err)
				}
			}
			if len(d.addresses) != want {
				t.Errorf("%d connections, want %d", len(d.addresses), want)
			}
			m.CloseIdleConnections()
		}
	})
}

// TestTheProxyOfTheEnvironmentIsUsed runs itself again, because net/http reads the
// environment once in a process.
func TestTheProxyOfTheEnvironmentIsUsed(t *testing.T) {
	const variable = "PROXIED_TOKEN"
	if token := os.Getenv(variable); token != "" {
		c, err := upstash.New(upstash.Options{URL: "https://" + publicHost, Token: secrets.New(token)})
		if err != nil {
			t.Fatal(err)
		}
		if r := c.Ping(t.Context()); r.Err != nil {
			t.Errorf("PING through a proxy: %v", r.Err)
		}
		if _, err := c.Do(t.Context(), "GET", "a"); err != nil {
			t.Errorf("GET through a proxy: %v", err)
		}
		return
	}
	e := upstashtest.Start(t, upstashtest.Options{TLS: true})
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.Host)
		mu.Unlock()
		upstream, err := net.Dial("tcp", e.Addr())
		if err != nil {
			t.Error(err)
			return
		}
		defer upstream.Close()
		w.WriteHeader(http.StatusOK)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		go func() { _, _ = io.Copy(upstream, buffered) }()
		_, _ = io.Copy(conn, upstream)
	}))
	defer proxy.Close()
	authority := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(authority, e.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheProxyOfTheEnvironmentIsUsed$")
	cmd.Env = append(os.Environ(), variable+"="+e.Token(), "HTTPS_PROXY="+proxy.URL, "NO_PROXY=", "SSL_CERT_FILE="+authority)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := slices.Repeat([]string{"CONNECT " + publicHost + ":443"}, 2); !slices.Equal(asked, want) {
		t.Errorf("the proxy was asked %v, want %v", asked, want)
	}
}

// TestTheTimeLimitCountsFromTheCall has a server that sends no byte.
func TestTheTimeLimitCountsFromTheCall(t *testing.T) {
	e := upstashtest.Start(t, upstashtest.Options{})
	if err := e.Break(upstashtest.Fault{Mode: upstashtest.Hang}); err != nil {
		t.Fatal(err)
	}
	const limit = 150 * time.Millisecond
	c, err := upstash.New(upstash.Options{URL: e.URL(), Token: secrets.New(e.Token()), AllowHTTP: true, Timeout: limit})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	r := c.Ping(t.Context())
	if took := time.Since(begun); took < limit || upstash.CauseOf(r.Err) != cause.TimeoutResponse || r.Phases.Total < limit {
		t.Errorf("PING ended after %v of %+v with %v, want timeout_response not before %v", took, r.Phases, r.Err, limit)
	}
}

// TestAnAnswerInTwoPartsAfterHints reads an informational answer, and one that arrives in
// pieces, as Upstash's edge may send them.
func TestAnAnswerInTwoPartsAfterHints(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil && r.Close {
				for _, part := range []string{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"result\r\n", "9\r\n\": \"PONG\"\r\n1\r\n}\r\n0\r\n\r\n"} {
					_, _ = io.WriteString(conn, part)
				}
			}
			conn.Close()
		}
	}()
	c, err := upstash.New(upstash.Options{URL: "http://" + l.Addr().String(), Token: secrets.New("token"), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Ping(t.Context()); r.Err != nil || r.Phases.Wait <= 0 {
		t.Errorf("PING: %+v, want a PONG", r)
	}
}
