// Package emailtest is a mail submission server that runs in the process: real
// SMTP with STARTTLS under a certificate authority of its own and AUTH PLAIN. It
// can be told to fail in a mail server's ways and keeps the mails it took, parsed.
// The tests use it, and `pongwatch local` shows its mails in the inbox.
package emailtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The one login that a server accepts.
const (
	username = "pongwatch"
	password = "demonstration"
)

// Options configures a Server. The zero value serves.
type Options struct {
	// NoTLS offers no STARTTLS, as a misconfigured relay does.
	NoTLS bool
	// ImplicitTLS speaks TLS from the first byte, as port 465 does.
	ImplicitTLS bool
	// Now dates mails; nil is time.Now.
	Now func() time.Time
}

// Server is the fake. Its methods may be called from any goroutine.
type Server struct {
	options  Options
	listener *listener
	smtp     *smtp.Server
	roots    *x509.CertPool
	closing  chan struct{}
	served   chan struct{}
	once     sync.Once

	mu       sync.Mutex
	mails    []Mail
	faults   []Fault
	attempts int
	onChange []func()
}

// New starts a server on an ephemeral port of 127.0.0.1.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the mail fake: %w", err)
	}
	accepted := &listener{Listener: l}
	s := &Server{options: o, listener: accepted, roots: x509.NewCertPool(), closing: make(chan struct{}), served: make(chan struct{})}
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.newSession))
	s.smtp.Domain = "localhost"
	s.smtp.MaxMessageBytes = 10 << 20
	s.smtp.MaxRecipients = 50
	s.smtp.ReadTimeout = time.Minute
	s.smtp.WriteTimeout = time.Minute
	s.smtp.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	site := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	site.Close()
	s.roots.AddCert(site.Certificate())
	config := &tls.Config{Certificates: site.TLS.Certificates, MinVersion: tls.VersionTLS12}
	if !o.NoTLS {
		s.smtp.TLSConfig = config
	}
	l = accepted
	if o.ImplicitTLS {
		l = tls.NewListener(l, config)
	}
	go func() {
		defer close(s.served)
		_ = s.smtp.Serve(l)
	}()
	return s, nil
}

// Addr returns host and port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Host returns the host alone, for which the certificate is valid.
func (s *Server) Host() string { return s.listener.Addr().(*net.TCPAddr).IP.String() }

// Port returns the port alone.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Username returns the user of the accepted login.
func (s *Server) Username() string { return username }

// Password returns the password of the accepted login.
func (s *Server) Password() string { return password }

// RootCAs returns the authority that a client must trust.
func (s *Server) RootCAs() *x509.CertPool { return s.roots }

// Close stops the server and ends every connection, hanging ones included.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		err = s.listener.Close()
		<-s.served // nothing is accepted any more
		s.listener.hangUp()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if e := s.smtp.Shutdown(ctx); err == nil && !errors.Is(e, net.ErrClosed) {
			err = e
		}
	})
	return err
}

// OnChange registers f to be called after each mail, outside the server's lock.
// It must return quickly.
func (s *Server) OnChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onChange = append(s.onChange, f)
}

// Mails returns the mails in the order in which they were accepted. A mail that
// was accepted twice is there twice, with one Message-ID.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Sessions counts the connections so far.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

func (s *Server) keep(m Mail) {
	s.mu.Lock()
	m.At = s.options.Now().UTC()
	s.mails = append(s.mails, m)
	hooks := slices.Clone(s.onChange)
	s.mu.Unlock()
	for _, f := range hooks {
		f()
	}
}

func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	s.attempts++
	s.mu.Unlock()
	session := &session{server: s, conn: c}
	return session, session.stage(StageConnect, "")
}

// session is one connection.
type session struct {
	server        *Server
	conn          *smtp.Conn
	authenticated bool
	from          string
	to            []string
}

// AuthMechanisms implements [smtp.AuthSession].
func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements [smtp.AuthSession].
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, secret string) error {
		if err := s.stage(StageAuth, ""); err != nil {
			return err
		}
		if user != username || secret != password {
			return smtp.ErrAuthFailed
		}
		s.authenticated = true
		return nil
	}), nil
}

// Mail implements [smtp.Session].
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.authenticated {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return s.stage(StageMail, "")
}

// Rcpt implements [smtp.Session].
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.stage(StageRcpt, to); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

// Data implements [smtp.Session].
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := parse(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "cannot parse the message: " + err.Error()}
	}
	m.From, m.To = s.from, slices.Clone(s.to)
	fault := s.server.nextFault(StageData, strings.Join(s.to, ","))
	if fault == nil || fault.Accept {
		s.server.keep(m)
	}
	if fault != nil {
		return s.fail(*fault)
	}
	return nil
}

// Reset implements [smtp.Session].
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements [smtp.Session].
func (*session) Logout() error { return nil }
