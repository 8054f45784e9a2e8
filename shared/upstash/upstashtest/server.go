// Package upstashtest is Upstash Redis on one machine: its REST API with its tokens,
// texts, dialect and ways to fail, over an embedded miniredis or a real Redis.
//
// A test starts one with [Start]; a program, such as the demonstration or `pongwatch
// emulator`, with [New]. Failures are switched by [Server.Break]. How faithful it is,
// and where it is not, is in the package's README.
package upstashtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Options configures a [Server]. The zero value is useful.
type Options struct {
	// Addr is where to listen. Default: any free port of 127.0.0.1.
	Addr string
	// Token is the standard token. Default: a random one.
	Token string
	// ReadOnlyToken is the token that may only read. Default: a random one.
	ReadOnlyToken string
	// Redis is the address of a real Redis to serve, "127.0.0.1:6379". Default: an
	// embedded miniredis.
	Redis string
	// Upstream is the REST URL of another database, in front of which the server then stands: it
	// passes requests on, with their own tokens, and fails in its stead. Token, ReadOnlyToken, Redis
	// and the management API have no meaning then.
	Upstream string
	// Observe is called with each REST request before anything else is done with it. It must not
	// touch the body.
	Observe func(*http.Request)
	// TLS serves https under a certificate authority of the server's own, [Server.CA].
	TLS bool
	// DatabaseID, Email and APIKey are what the management API knows. Defaults:
	// "emulated", "ops@example.com" and a random key.
	DatabaseID, Email, APIKey string
}

// Server is a running emulator. It is safe for concurrent use.
type Server struct {
	options  Options
	backend  *backend  // nil with an upstream
	upstream *upstream // nil without
	http     *http.Server
	certs    *certificates // nil without TLS
	monitors monitors
	scripts  sync.Map // the SHA-1 of a client's script → that of the rewritten one
	addr     string

	closing chan struct{} // closed by Close: ends hanging answers
	closed  sync.Once
	serving sync.WaitGroup

	mu       sync.Mutex
	figures  figures
	fault    Fault
	changed  chan struct{} // closed and replaced whenever fault changes
	listener net.Listener  // nil while connections are refused
	conns    map[net.Conn]struct{}
}

// New starts a server. Close it.
func New(o Options) (*Server, error) {
	o.Token = cmp.Or(o.Token, randomToken())
	o.ReadOnlyToken = cmp.Or(o.ReadOnlyToken, randomToken())
	o.DatabaseID = cmp.Or(o.DatabaseID, "emulated")
	o.Email = cmp.Or(o.Email, "ops@example.com")
	o.APIKey = cmp.Or(o.APIKey, randomToken())
	if o.Token == o.ReadOnlyToken {
		return nil, errors.New("starting the emulator: the standard and the read-only token are the same")
	}
	s := &Server{
		options: o,
		figures: figures{commands: map[string]int64{}, info: map[string]string{}, settings: map[string]any{}},
		closing: make(chan struct{}), changed: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	if o.TLS {
		certs, err := newCertificates()
		if err != nil {
			return nil, fmt.Errorf("starting the emulator: %w", err)
		}
		s.certs = certs
	}
	var err error
	if o.Upstream != "" {
		s.upstream, err = newUpstream(o.Upstream)
	} else {
		s.backend, err = newBackend(o.Redis)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the emulator: %w", err)
	}
	s.http = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, ConnState: s.track,
		// Broken connections are what the server is for.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	err = s.listen(cmp.Or(o.Addr, randomAddr()))
	for tries := 0; err != nil && o.Addr == "" && tries < 100; tries++ {
		err = s.listen(randomAddr())
	}
	if err != nil {
		s.release()
		return nil, fmt.Errorf("starting the emulator: %w", err)
	}
	s.addr = s.listener.Addr().String()
	return s, nil
}

// TB is the part of [testing.TB] that Start needs.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}

// Start starts a server for the length of a test.
func Start(tb TB, o Options) *Server {
	tb.Helper()
	s, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Close ends all answers, hanging ones included, and releases everything.
func (s *Server) Close() {
	s.closed.Do(func() {
		// Under the lock, so that no Break opens a listener after this.
		s.mu.Lock()
		close(s.closing)
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			_ = s.http.Close()
		}
		s.mu.Lock()
		if s.listener != nil {
			s.listener.Close()
		}
		s.mu.Unlock()
		s.serving.Wait()
		s.release()
	})
}

// release ends the connections to what is behind the server.
func (s *Server) release() {
	if s.backend != nil {
		s.backend.close()
	}
	if s.upstream != nil {
		s.upstream.proxy.Transport.(*http.Transport).CloseIdleConnections()
	}
}

// URL returns the REST URL, with an IP address for a host.
func (s *Server) URL() string {
	if s.certs != nil {
		return "https://" + s.addr
	}
	return "http://" + s.addr
}

// Addr returns the listening address, host:port.
func (s *Server) Addr() string { return s.addr }

// CA returns the pool that trusts the server's certificate, nil without TLS.
func (s *Server) CA() *x509.CertPool {
	if s.certs == nil {
		return nil
	}
	return s.certs.pool
}

// CAPEM returns the authority of CA as a PEM file, as NODE_EXTRA_CA_CERTS and curl's
// --cacert read it, nil without TLS.
func (s *Server) CAPEM() []byte {
	if s.certs == nil {
		return nil
	}
	return s.certs.pem
}

// ManagementURL returns the base URL of the management API.
func (s *Server) ManagementURL() string { return s.URL() + "/v2" }

// Token returns the standard token in force.
func (s *Server) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options.Token
}

// ReadOnlyToken returns the read-only token in force.
func (s *Server) ReadOnlyToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options.ReadOnlyToken
}

// SetToken replaces the standard token, as a rotation does: the old one is refused
// from now on.
func (s *Server) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Token = token
}

// Rotate resets the password as Upstash's console does: it revokes both tokens and
// returns the new standard one.
func (s *Server) Rotate() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Token, s.options.ReadOnlyToken = randomToken(), randomToken()
	return s.options.Token
}

// Email returns the management API's account.
func (s *Server) Email() string { return s.options.Email }

// APIKey returns the management API's key.
func (s *Server) APIKey() string { return s.options.APIKey }

// DatabaseID returns the database's id in the management API.
func (s *Server) DatabaseID() string { return s.options.DatabaseID }

// randomAddr is likely to be free, and below the ports that the kernel gives away: the server gives
// its port up while it refuses connections, and no one else may be given it meanwhile.
func randomAddr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+mathrand.IntN(20_000)))
}

// listen answers on addr until the listener is closed. An http.Server may serve one
// listener after another as long as it is not shut down.
func (s *Server) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s.listener = l
	serving := l
	if s.certs != nil {
		serving = s.certs.listener(l, s.Fault)
	}
	s.serving.Go(func() { _ = s.http.Serve(serving) })
	return nil
}

// refuse closes the listener and every connection, so that the port refuses.
func (s *Server) refuse() {
	if s.listener == nil {
		return
	}
	s.listener.Close()
	s.listener = nil
	for c := range s.conns {
		c.Close()
	}
}

// reopen listens on the same port again. Another process may have taken the port, and
// the kernel may still hold it.
func (s *Server) reopen() error {
	select {
	case <-s.closing:
		return nil
	default:
	}
	if s.listener != nil {
		return nil
	}
	var err error
	for range 50 {
		if err = s.listen(s.addr); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("listening again: %w", err)
}

func (s *Server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	default:
	}
}

// randomToken looks like one of Upstash's, which end in padding that people lose.
func randomToken() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails: crypto/rand documents that it crashes instead
	return "AX" + hex.EncodeToString(b) + "="
}
