package top

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// tcpTimeout bounds everything up to the first line of MONITOR.
const tcpTimeout = 5 * time.Second

// TCP opens MONITOR by Redis' own protocol.
type TCP struct {
	host, port, user, password string
	tls                        *tls.Config // nil over a loopback address
}

// NewTCP reads a rediss:// URL, or a redis:// URL of this machine. Its errors do not quote the URL,
// which holds the password. roots are the authorities to trust, nil for the system's.
func NewTCP(address secrets.Value, roots *x509.CertPool) (*TCP, error) {
	const example = "want rediss://default:PASSWORD@your-instance.upstash.io:6379"
	u, err := url.Parse(strings.TrimSpace(address.Reveal()))
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the TCP URL cannot be read; " + example)
	}
	t := &TCP{host: u.Hostname(), port: u.Port(), user: u.User.Username()}
	if t.port == "" {
		t.port = "6379"
	}
	t.password, _ = u.User.Password()
	switch u.Scheme {
	case "rediss":
		t.tls = &tls.Config{ServerName: t.host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	case "redis":
		if !outbound.IsLoopback(t.host) {
			return nil, errors.New("the TCP URL starts with redis://, which would send the password in plain text; " + example)
		}
	default:
		return nil, errors.New("the TCP URL does not start with rediss://; " + example)
	}
	return t, nil
}

// Format prints nothing of it, through every verb: it holds the password.
func (*TCP) Format(f fmt.State, _ rune) { io.WriteString(f, "top.TCP{[redacted]}") }

// open connects and begins MONITOR. Its errors hold neither host nor password.
func (t *TCP) open(ctx context.Context) (io.ReadCloser, error) {
	conn, err := (&net.Dialer{Timeout: tcpTimeout}).DialContext(ctx, "tcp", net.JoinHostPort(t.host, t.port))
	if err != nil {
		return nil, errors.New("connecting over TCP: " + reason(err))
	}
	if t.tls != nil {
		conn = tls.Client(conn, t.tls)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	fail := func(err error) (io.ReadCloser, error) {
		stop()
		conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(tcpTimeout)) // an error shows itself in what follows
	r := bufio.NewReader(conn)
	commands := [][]string{{"MONITOR"}}
	if t.password != "" {
		auth := []string{"AUTH", t.password}
		if t.user != "" {
			auth = []string{"AUTH", t.user, t.password}
		}
		commands = [][]string{auth, {"MONITOR"}}
	}
	for _, c := range commands {
		request := fmt.Appendf(nil, "*%d\r\n", len(c))
		for _, a := range c {
			request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(a), a)
		}
		if _, err := conn.Write(request); err != nil {
			return fail(errors.New(c[0] + " over TCP: " + reason(err)))
		}
		answer, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return fail(errors.New(c[0] + " over TCP: " + reason(err)))
		case answer[0] == '-': // only its first word: the rest may quote what was sent
			code, _, _ := strings.Cut(strings.TrimSpace(string(answer[1:])), " ")
			if strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || len(code) > 20 {
				code = "ERR"
			}
			return fail(errors.New(c[0] + " over TCP: the server answers " + code))
		case answer[0] != '+':
			return fail(errors.New(c[0] + " over TCP: what answers is not Redis"))
		}
	}
	_ = conn.SetDeadline(time.Time{})
	return tcpStream{r, conn, stop}, nil
}

// tcpStream is an open MONITOR.
type tcpStream struct {
	io.Reader
	conn net.Conn
	stop func() bool
}

func (s tcpStream) Close() error {
	s.stop()
	return s.conn.Close()
}

// reason says why a connection failed, without its address.
func reason(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer within %.0f s", tcpTimeout.Seconds())
	case errors.As(err, &dns):
		return "the host is not found"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "the connection is refused"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate is not trusted"
	}
	return "the connection was closed"
}
