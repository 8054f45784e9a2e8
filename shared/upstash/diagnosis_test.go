package upstash_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// canary is planted as the token, and wherever a server could echo it. It has the
// characters about whose encoding URLs, JSON and base64 differ.
const canary = "AX+canary/48b1c9d7=="

// diagnosis is one way to fail on a real listener.
type diagnosis struct {
	name string
	// set prepares the failure and returns how to reach it.
	set  func(t *testing.T) upstash.Options
	call func(ctx context.Context, c *upstash.Client) error
	want cause.Cause
	// evidence are words that must be in the evidence.
	evidence []string
}

func TestEveryFailureOfARealListenerHasItsCause(t *testing.T) {
	seen := map[cause.Cause]bool{}
	for _, d := range diagnoses() {
		t.Run(d.name, func(t *testing.T) {
			o := d.set(t)
			o.Token, o.AllowHTTP = secrets.New(canary), true
			if o.Timeout == 0 {
				o.Timeout = 5 * time.Second
			}
			c, err := upstash.New(o)
			if err == nil {
				t.Cleanup(c.CloseIdleConnections)
				err = d.call(t.Context(), c)
			}
			if got := upstash.CauseOf(err); got != d.want {
				t.Errorf("cause %q (%v), want %q", got, err, d.want)
			}
			seen[d.want] = true
			var e *upstash.Error
			if !errors.As(err, &e) {
				if d.want != "" {
					t.Fatalf("error %T, want *upstash.Error", err)
				}
				return
			}
			for _, word := range d.evidence {
				if !strings.Contains(e.Evidence, word) {
					t.Errorf("evidence %q does not say %q", e.Evidence, word)
				}
			}
			if e.Evidence == "" || len(e.Evidence) > 300 || strings.ContainsAny(e.Evidence, "\r\n") {
				t.Errorf("evidence %q of %d bytes: want one line of at most 300", e.Evidence, len(e.Evidence))
			}
			assertNoCanary(t, o, e)
		})
	}
	for _, c := range cause.All() {
		class := c.Class()
		if class != cause.ClassNetwork && class != cause.ClassAuth && class != cause.ClassQuota && class != cause.ClassProtocol && c != cause.ConnectionsFull && c != cause.ProviderUnready {
			continue
		}
		if !seen[c] {
			t.Errorf("no listener shows %s", c)
		}
	}
}

// assertNoCanary looks for the token in every way in which the error could be shown.
func assertNoCanary(t *testing.T, o upstash.Options, e *upstash.Error) {
	t.Helper()
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("ping", "error", e, "evidence", e.Evidence, "options", o)
	for _, shown := range []string{e.Error(), e.Evidence, fmt.Sprintf("%v %+v %#v", e, e, *e), fmt.Sprintf("%v %+v", o, o), log.String()} {
		for _, form := range hiddenForms() {
			if strings.Contains(shown, form) {
				t.Errorf("the canary is in: %s", shown)
			}
		}
	}
}

// hiddenForms are parts of the token and of the host, as text, in hex and in base64: an
// encoding of a part at each offset that base64 knows.
func hiddenForms() []string {
	forms := []string{"canary", "48b1c9d7", "merry-cat-32748"}
	for _, part := range []string{"canary", "canary/4", "48b1c9d7", "merry-cat", "erry-cat-", "rry-cat-3"} {
		forms = append(forms, hex.EncodeToString([]byte(part)), strings.ToUpper(hex.EncodeToString([]byte(part))))
	}
	for _, part := range []string{"canary/48b1c", "anary/48b1c9", "nary/48b1c9d", "merry-cat-32", "erry-cat-327", "rry-cat-3274"} {
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(part)))
	}
	return forms
}

func ping(ctx context.Context, c *upstash.Client) error { return c.Ping(ctx).Err }

func do(args ...any) func(context.Context, *upstash.Client) error {
	return func(ctx context.Context, c *upstash.Client) error {
		_, err := c.Do(ctx, args...)
		return err
	}
}

func diagnoses() []diagnosis {
	set := do("SET", "ws:1:key", "value")
	list := []diagnosis{
		{"all is well", emulated(upstashtest.None), ping, "", nil},
		{"all is well over TLS", emulatedTLS(upstashtest.None), ping, "", nil},

		{"the name is gone", resolvedTo(dnsmessage.RCodeNameError), ping, cause.DNSNXDomain, []string{"no such host", "[host].upstash.io"}},
		{"the resolver fails", resolvedTo(dnsmessage.RCodeServerFailure), ping, cause.DNSTemporary, []string{"server misbehaving"}},
		{"the resolver is silent", silentResolver, ping, cause.DNSTemporary, []string{"time limit", "looking up"}},
		{"the port is closed", emulated(upstashtest.Refuse), ping, cause.TCPRefused, []string{"connection refused", "while connecting"}},
		{"the handshake hangs", silentListener("https"), ping, cause.TimeoutConnect, []string{"time limit", "TLS"}},
		{"no byte of an answer", emulated(upstashtest.Hang), ping, cause.TimeoutResponse, []string{"time limit", "first byte"}},
		{"headers and then nothing", emulated(upstashtest.HangInside), ping, cause.TimeoutResponse, []string{"time limit", "HTTP 200", "reading the answer"}},
		{"a listener that never reads", silentListener("http"), ping, cause.TimeoutResponse, []string{"first byte"}},
		{"a reset", emulated(upstashtest.Reset), ping, cause.ConnReset, []string{"reset"}},
		{"the answer ends early", emulated(upstashtest.Truncated), ping, cause.ConnReset, []string{"EOF"}},
		{"a reset over TLS", emulatedTLS(upstashtest.Reset), ping, cause.ConnReset, nil},
		{"a certificate of a proxy", emulatedTLS(upstashtest.ForeignCertificate), ping, cause.TLS, []string{"proxy.example.com", "Example Corp TLS Inspection"}},
		{"a certificate of an unknown authority", untrusted, ping, cause.TLS, []string{"certificate for localhost", "upstashtest CA", "unknown authority"}},
		{"plain http where https is expected", plainBehindHTTPS, ping, cause.TLS, []string{"TLS handshake"}},

		{"the token is refused", emulated(upstashtest.AuthInvalid), ping, cause.AuthInvalid, []string{"HTTP 401", "WRONGPASS"}},
		{"the token is refused in the old words", emulated(upstashtest.AuthOld), ping, cause.AuthInvalid, []string{"HTTP 401", "Unauthorized"}},
		{"the token was rotated", rotated, ping, cause.AuthInvalid, []string{"HTTP 401", "WRONGPASS"}},
		{"the user is disabled", emulated(upstashtest.AuthUserDisabled), ping, cause.AuthUserDisabled, []string{"user is disabled"}},
		{"PING with the read-only token", emulated(upstashtest.ReadonlyToken), ping, "", nil},
		{"a write with the read-only token", emulated(upstashtest.ReadonlyToken), set, cause.ReadonlyToken, []string{"NOPERM", "'set'"}},

		{"the month's commands are used up", emulated(upstashtest.QuotaMonthly), ping, cause.QuotaMonthly, []string{"500,002 of 500,000 commands"}},
		{"the day's commands are used up", emulated(upstashtest.QuotaDaily), ping, cause.QuotaDaily, []string{"10,001 of 10,000 commands"}},
		{"suspended over the budget", emulated(upstashtest.Suspended), ping, cause.QuotaSuspended, []string{"HTTP 400", "suspended", "budget"}},
		{"a command of a suspended database", emulated(upstashtest.Suspended), do("GET", "k"), cause.QuotaSuspended, []string{"budget"}},
		{"a limit of the fixed plan", emulated(upstashtest.PlanLimit), ping, cause.QuotaPlan, []string{"Fixed plan limits"}},
		{"rate-limited by Upstash", emulated(upstashtest.RateLimited), ping, cause.QuotaRateLimited, []string{"rate-limited"}},
		{"too many TCP clients", emulated(upstashtest.Connections), ping, cause.ConnectionsFull, []string{"connections exceeded"}},
		{"a server that starts", emulated(upstashtest.Loading), ping, cause.ProviderUnready, []string{"LOADING"}},
		{"PING of a full database", emulated(upstashtest.Full), ping, "", nil},
		{"a write to a full database", emulated(upstashtest.Full), set, cause.StorageFull, []string{"261.9 MB of 256.0 MB"}},
		{"a delete in a full database", emulated(upstashtest.Full), do("DEL", "ws:1:key"), "", nil},
		{"PING while writes are paused", emulated(upstashtest.WritePaused), ping, "", nil},
		{"a write while writes are paused", emulated(upstashtest.WritePaused), set, cause.WritePaused, []string{"READONLY"}},
		{"too many requests", emulated(upstashtest.Throttled), ping, cause.Throttled, []string{"HTTP 429"}},
		{"a server error", emulated(upstashtest.ServerError), ping, cause.Provider5xx, []string{"HTTP 502", "text/html", "Bad Gateway"}},

		{"a captive portal", emulated(upstashtest.CaptivePortal), ping, cause.NotUpstash, []string{"HTTP 200", "text/html", "Hotel"}},
		{"PONG as text", emulated(upstashtest.ContentType), ping, cause.NotUpstash, []string{"text/plain", "PONG"}},
		{"PONG in base64", emulated(upstashtest.Base64), ping, cause.NotUpstash, []string{"UE9ORw=="}},
		{"a redirect", redirecting, ping, cause.NotUpstash, []string{"HTTP 307"}},
		{"bytes that are not HTTP", speaking("SSH-2.0-OpenSSH_9.2\r\n"), ping, cause.NotUpstash, []string{"malformed HTTP"}},
		{"a command that Upstash lacks", emulated(upstashtest.None), do("SLOWLOG", "GET"), cause.CommandBlocked, []string{"SLOWLOG"}},
		{"a command that REST lacks", emulated(upstashtest.None), do("MULTI"), cause.CommandBlocked, []string{"not allowed in REST"}},
		{"a request that is too big", emulated(upstashtest.None), do("SET", "key", strings.Repeat("x", 11<<20)), cause.RequestTooBig, []string{"of 10.0 MB"}},
		{"a wrong number of arguments", emulated(upstashtest.None), do("GET"), cause.RedisError, []string{"wrong number of arguments"}},

		{"the TCP URL", urlOf("rediss://default:" + canary + "@host.upstash.io:6379"), ping, cause.ConfigScheme, []string{"rediss://"}},
		{"http beyond loopback", urlOf("http://host.upstash.io"), ping, cause.ConfigScheme, []string{"http://"}},
		{"the token in the URL", urlOf("https://host.upstash.io/?_token=" + canary), ping, cause.ConfigInvalid, nil},
		{"the token in place of the host", urlOf("https://" + canary), ping, cause.ConfigInvalid, nil},
	}
	return slices.Concat(list, echoes(), intermediaries())
}

// echoes are servers that put the request into their answer.
func echoes() []diagnosis {
	echo := func(status int, contentType, format string) func(*testing.T) upstash.Options {
		return serving(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			fmt.Fprintf(w, format, r.Header.Get("Authorization"))
		})
	}
	withPath := func(t *testing.T) upstash.Options {
		o := serving(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "no such page: "+r.URL.Path)
		})(t)
		o.URL += "/canary"
		return o
	}
	const json = "application/json"
	return []diagnosis{
		{"an error text that quotes the token", echo(401, json, `{"error":"WRONGPASS %s"}`), ping, cause.AuthInvalid, []string{"[redacted]"}},
		{"a page that quotes the token", echo(502, "text/html", "<html>%s</html>"), ping, cause.Provider5xx, []string{"[redacted]"}},
		{"an answer that is the token", echo(200, "text/plain", "%s"), ping, cause.NotUpstash, []string{"[redacted]"}},
		{"the token just where the text is cut", echo(400, json, `{"error":"`+strings.Repeat("x", 105)+` %s"}`), ping, cause.RedisError, nil},
		{"the token in an error of a command", echo(400, json, `{"error":"ERR %s"}`), do("GET", "k"), cause.RedisError, []string{"[redacted]"}},
		{"the token in a header that is quoted", echo(200, canary, "?%.0s"), ping, cause.NotUpstash, []string{"[redacted]"}},
		{"the token in base64", echoing(base64.StdEncoding.EncodeToString), ping, cause.NotUpstash, []string{"[redacted]"}},
		{"the token in base64 for URLs", echoing(base64.RawURLEncoding.EncodeToString), ping, cause.NotUpstash, []string{"[redacted]"}},
		{"the token in hex", echoing(hex.EncodeToString), ping, cause.NotUpstash, []string{"[redacted]"}},
		{"the token in capital hex", echoing(func(b []byte) string { return fmt.Sprintf("%X", b) }), ping, cause.NotUpstash, []string{"[redacted]"}},
		{"the URL's path in the answer", withPath, ping, cause.NotUpstash, []string{"[redacted]"}},
	}
}

func emulated(mode upstashtest.Mode) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options { return broken(t, mode, upstashtest.Options{Token: canary}) }
}

func emulatedTLS(mode upstashtest.Mode) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		return broken(t, mode, upstashtest.Options{Token: canary, TLS: true})
	}
}

func broken(t *testing.T, mode upstashtest.Mode, o upstashtest.Options) upstash.Options {
	t.Helper()
	s := upstashtest.Start(t, o)
	if err := s.Break(upstashtest.Fault{Mode: mode}); err != nil {
		t.Fatal(err)
	}
	out := upstash.Options{URL: s.URL(), RootCAs: s.CA()}
	if mode == upstashtest.Hang || mode == upstashtest.HangInside {
		out.Timeout = 100 * time.Millisecond
	}
	return out
}

func untrusted(t *testing.T) upstash.Options {
	o := emulatedTLS(upstashtest.None)(t)
	o.RootCAs = nil
	return o
}

func rotated(t *testing.T) upstash.Options {
	s := upstashtest.Start(t, upstashtest.Options{Token: canary})
	s.Rotate()
	return upstash.Options{URL: s.URL()}
}

func plainBehindHTTPS(t *testing.T) upstash.Options {
	o := emulated(upstashtest.None)(t)
	o.URL = strings.Replace(o.URL, "http://", "https://", 1)
	return o
}

func redirecting(t *testing.T) upstash.Options {
	return serving(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example.com/?t="+canary, http.StatusTemporaryRedirect)
	})(t)
}

func serving(h http.HandlerFunc) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		t.Helper()
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return upstash.Options{URL: s.URL}
	}
}

func urlOf(url string) func(*testing.T) upstash.Options {
	return func(*testing.T) upstash.Options { return upstash.Options{URL: url} }
}

// silentListener accepts connections in the kernel only: nothing is ever read.
func silentListener(scheme string) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return upstash.Options{URL: scheme + "://" + l.Addr().String(), Timeout: 100 * time.Millisecond}
	}
}

// speaking greets as another service does, before it is asked.
func speaking(greeting string) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		t.Cleanup(func() { l.Close(); <-done })
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 4096))
				io.WriteString(c, greeting)
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		return upstash.Options{URL: "http://" + l.Addr().String()}
	}
}

// resolvedTo is a resolver that answers every question with a code.
func resolvedTo(code dnsmessage.RCode) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		return withResolver(t, 0, func(query dnsmessage.Message) *dnsmessage.Message {
			query.Response, query.RCode, query.Additionals = true, code, nil
			return &query
		}, nil)
	}
}

func silentResolver(t *testing.T) upstash.Options {
	return withResolver(t, 100*time.Millisecond, func(dnsmessage.Message) *dnsmessage.Message { return nil }, nil)
}

// withResolver serves DNS over UDP on loopback.
func withResolver(t *testing.T, timeout time.Duration, reply func(dnsmessage.Message) *dnsmessage.Message, control func(string, string, syscall.RawConn) error) upstash.Options {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buffer[:n]) != nil {
				continue
			}
			if answer := reply(query); answer != nil {
				packed, err := answer.Pack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	var d net.Dialer
	return upstash.Options{
		URL: "https://us1-merry-cat-32748.upstash.io", Timeout: timeout,
		DialContext: (&net.Dialer{Timeout: timeout, Control: control, Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "udp", conn.LocalAddr().String())
		}}}).DialContext,
	}
}
