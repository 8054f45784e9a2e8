package upstash

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// The canaries: what no evidence may hold, in any form.
const (
	canaryToken = "AXasDf3Kq9ZmPl0wT7uYhR2vBnE5cXsQ"
	canaryHost  = "merry-cat-12345.upstash.io"
	canaryIP4   = "34.201.17.93"
	canaryIP6   = "2600:1f18:4c2a::17"
)

func canaryRedactor() redactor {
	base, err := url.Parse("https://" + canaryHost)
	if err != nil {
		panic(err)
	}
	return newRedactor(canaryToken, base)
}

// What Go's network layer says of a failed connection names addresses. The evidence keeps what
// failed and how, and the cause is what it was.
func TestEvidenceNamesTheFailureAndNoAddress(t *testing.T) {
	addr := func(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }
	op := func(op string, a net.Addr, err error) error {
		return &net.OpError{Op: op, Net: "tcp", Source: addr("10.8.0.2", 45678), Addr: a, Err: err}
	}
	errno := func(call string, e syscall.Errno) error { return os.NewSyscallError(call, e) }
	for _, tt := range []struct {
		name string
		o    Outcome
		want string
		c    cause.Cause
	}{
		{"refused", Outcome{Phase: PhaseConnect, Err: op("dial", addr(canaryIP4, 443), errno("connect", syscall.ECONNREFUSED))}, "dial tcp [address]:45678->[address]:443: connect: connection refused while connecting", cause.TCPRefused},
		{"refused over IPv6", Outcome{Phase: PhaseConnect, Err: op("dial", addr(canaryIP6, 443), errno("connect", syscall.ECONNREFUSED))}, "dial tcp [address]:45678->[address]:443: connect: connection refused while connecting", cause.TCPRefused},
		{"unreachable", Outcome{Phase: PhaseConnect, Err: op("dial", addr(canaryIP6, 443), errno("connect", syscall.EHOSTUNREACH))}, "connect: no route to host", cause.TimeoutConnect},
		{"reset", Outcome{Phase: PhaseRead, Err: op("read", addr(canaryIP4, 443), errno("read", syscall.ECONNRESET))}, "read: connection reset by peer while reading the answer", cause.ConnReset},
		{"no such host", Outcome{Phase: PhaseDNS, Err: &net.DNSError{Err: "no such host", Name: canaryHost, Server: "10.0.0.2:53", IsNotFound: true}}, "lookup [host].upstash.io on [address]:53: no such host while looking up the host", cause.DNSNXDomain},
		{"a broken resolver", Outcome{Phase: PhaseDNS, Err: &net.DNSError{Err: "server misbehaving", Name: canaryHost, Server: "[fd00:ec2::253]:53", IsTemporary: true}}, "on [address]:53: server misbehaving", cause.DNSTemporary},
		{"a proxy that refuses: its address is what has to be corrected", Outcome{Phase: PhaseConnect, Proxy: "10.9.8.7:3128", Err: &net.OpError{Op: "proxyconnect", Net: "tcp", Err: op("dial", addr("10.9.8.7", 3128), errno("connect", syscall.ECONNREFUSED))}}, "proxy 10.9.8.7:3128: proxyconnect tcp: dial tcp [address]:45678->[address]:3128: connect: connection refused", cause.Proxy},
		{"a page of a gateway", Outcome{Status: 502, ContentType: "text/html", Body: []byte("<html><title>Cannot connect to " + canaryIP4 + ":443</title>")}, `HTTP 502: text/html page titled "Cannot connect to [address]:443"`, cause.Provider5xx},
		{"a content type", Outcome{Status: 200, ContentType: "text/" + canaryHost, Body: []byte("{}")}, `HTTP 200: text/[host].upstash.io beginning {}`, cause.NotUpstash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newError("ping", tt.o, canaryRedactor())
			if e.Cause != tt.c || !strings.Contains(e.Evidence, tt.want) {
				t.Errorf("%s: %q, want %s with %q", e.Cause, e.Evidence, tt.c, tt.want)
			}
			noCanary(t, e.Error())
		})
	}
}

type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// noCanary fails if a text holds a canary, whole or its distinctive half, in any form.
func noCanary(t failer, text string) {
	t.Helper()
	for _, canary := range []string{canaryToken, canaryHost, strings.TrimSuffix(canaryHost, ".upstash.io"), canaryIP4, canaryIP6} {
		for _, form := range formsOf(canary) {
			if strings.Contains(text, form) {
				t.Errorf("%q holds %s as %q", text, canary, form)
			}
		}
	}
}

// formsOf returns how an answer may quote a text.
func formsOf(s string) []string {
	forms := []string{s, strings.ToLower(s), strings.ToUpper(s), hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
		for _, before := range []string{"", "x", "xx"} { // it may stand inside of a longer text
			// Characters at both ends are shared with the neighbours.
			encoded := strings.TrimRight(e.EncodeToString([]byte(before+s)), "=")
			forms = append(forms, encoded[(len(before)*8+5)/6:len(encoded)-2])
		}
	}
	return forms
}

// Whatever an error or an answer quotes, wherever, evidence and error hold no canary.
func TestNoCanaryInEvidence(t *testing.T) {
	var quoted []string
	for _, canary := range []string{canaryToken, canaryHost, canaryIP4, canaryIP6} {
		quoted = append(quoted, canary, "https://"+canary+"/", "Bearer "+canary, strings.ToUpper(canary), url.QueryEscape(canary))
		if canary != canaryIP4 && canary != canaryIP6 { // an encoded address is known to nobody here
			quoted = append(quoted, formsOf(canary)[3:5]...)
			quoted = append(quoted, base64.StdEncoding.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte("default:"+canary+"@x")))
		}
	}
	quoted = append(quoted, net.JoinHostPort(canaryIP6, "443"), canaryIP4+":443", "10.0.0.1:1->"+canaryIP4+":443")
	around := rapid.SampledFrom([]string{"", "ERR ", "dial tcp ", "lookup ", `{"error":"ERR `, "<title>", "<html><body>", "[", "\n", strings.Repeat("x", 100) + " ", strings.Repeat("é", 140) + " "})
	after := rapid.SampledFrom([]string{"", ": connection refused", `"}`, "</title>", " on 10.0.0.2:53", " " + strings.Repeat("y", 300)})
	rapid.Check(t, func(t *rapid.T) {
		text := around.Draw(t, "before") + rapid.SampledFrom(quoted).Draw(t, "quoted") + after.Draw(t, "after") + " " + rapid.SampledFrom(quoted).Draw(t, "quoted again")
		o := Outcome{Phase: rapid.SampledFrom([]Phase{PhaseNone, PhaseDNS, PhaseConnect, PhaseTLS, PhaseWait, PhaseRead}).Draw(t, "phase"), Ping: true}
		switch rapid.IntRange(0, 3).Draw(t, "where") {
		case 0:
			o.Err = errors.New(text)
		case 1:
			o.Err = &net.DNSError{Err: text, Name: text, Server: text}
		case 2:
			o.Status, o.ContentType, o.Body = rapid.SampledFrom([]int{200, 401, 429, 502}).Draw(t, "status"), text, []byte(text)
		default:
			o.Status, o.ContentType, o.Body = 400, "application/json", []byte(text)
		}
		e := newError(text, o, canaryRedactor())
		if e.Cause == "" || e.Evidence == "" {
			t.Fatalf("no cause or evidence for %q", text)
		}
		noCanary(t, e.Error())
	})
}
