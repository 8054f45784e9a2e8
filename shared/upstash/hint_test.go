package upstash

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
)

func TestHints(t *testing.T) {
	unreachable := func(ip string) error {
		return &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.ParseIP(ip)}, Err: syscall.ENETUNREACH}
	}
	tests := []struct {
		name, url string
		err       error
		cause     cause.Cause
		want      string // in the hint, "" for none
	}{
		{"no port", "https://x.upstash.io", nil, cause.TCPRefused, ""},
		{"Upstash's own port", "https://x.upstash.io:443", nil, cause.TCPRefused, ""},
		{"Redis' port", "https://x.upstash.io:6379", nil, cause.TCPRefused, "port 6379, which is for Redis' TCP protocol"},
		{"Redis' port with TLS", "https://x.upstash.io:6380", nil, cause.TimeoutConnect, "port 6380, which is for"},
		{"Redis' port of another host", "https://redis.example.com:6379", nil, cause.NotUpstash, "port 6379"},
		{"Redis' port and an error without a rule", "https://x.upstash.io:6379", nil, cause.Unknown, "port 6379"},
		{"another port of Upstash", "https://X.UPSTASH.IO:8443", nil, cause.TLS, "port 8443; Upstash's REST URL has no port"},
		{"another port of another host is a matter of its own", "https://gateway.example.com:8443", nil, cause.TLS, ""},
		{"a port does not explain a refused token", "https://x.upstash.io:6379", nil, cause.AuthInvalid, ""},
		{"nor a used-up quota", "https://x.upstash.io:6379", nil, cause.QuotaPlan, ""},
		{"nor a proxy", "https://x.upstash.io:6379", nil, cause.Proxy, ""},
		{"a lost name of Upstash", "https://x.upstash.io", nil, cause.DNSNXDomain, "72 hours"},
		{"a lost name of another host", "https://redis.example.com", nil, cause.DNSNXDomain, ""},
		{"a name that ends alike", "https://notupstash.io", nil, cause.DNSNXDomain, ""},
		{"an IPv6 address without a route", "https://x.upstash.io", unreachable("2001:db8::1"), cause.TimeoutConnect, "only IPv6"},
		{"an IPv4 address without a route", "https://x.upstash.io", unreachable("192.0.2.1"), cause.TimeoutConnect, ""},
		{"an IPv6 address in time", "https://x.upstash.io", &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.ParseIP("2001:db8::1")}, Err: syscall.ETIMEDOUT}, cause.TimeoutConnect, ""},
		{"no address at all", "https://x.upstash.io", &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, cause.TimeoutConnect, ""},
		{"another error", "https://x.upstash.io", errors.New("?"), cause.TimeoutConnect, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			got := hint(u, Outcome{Err: tt.err}, tt.cause)
			if !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
				t.Errorf("hint %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAHintIsNotCutOff: of a long evidence the hint is kept whole.
func TestAHintIsNotCutOff(t *testing.T) {
	c := &Client{base: &url.URL{Host: "x.upstash.io:6379"}}
	e := c.failure("ping", Outcome{Err: errors.New(strings.Repeat("x", 400)), Phase: PhaseRead})
	if len(e.Evidence) > maxEvidence || !strings.HasSuffix(e.Evidence, "; the URL names port 6379, which is for Redis' TCP protocol; the REST URL has no port") {
		t.Errorf("%d bytes: %s", len(e.Evidence), e.Evidence)
	}
}
