package outbound_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/outbound/outboundtest"
)

var internet *outboundtest.Internet

func TestMain(m *testing.M) {
	var err error
	if internet, err = outboundtest.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	internet.Close()
	os.Exit(code)
}

func TestClientReachesProductionThroughTheProxyOfTheEnvironment(t *testing.T) {
	var authorization string
	internet.Handle("hooks.slack.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(func() { internet.Handle("hooks.slack.com", nil) })
	tests := []struct {
		name, url string
		options   outbound.Options
		err       error    // nil is an answer
		asked     []string // what the proxy is asked for
	}{
		{"its host", "https://hooks.slack.com/x", outbound.Options{Hosts: []string{"hooks.slack.com"}}, nil, []string{"hooks.slack.com:443"}},
		{"its second host", "https://hooks.slack.com/x", outbound.Options{Hosts: []string{"slack.com", "hooks.slack.com"}}, nil, []string{"hooks.slack.com:443"}},
		{"a host that matches a wildcard", "https://hooks.slack.com/x", outbound.Options{Hosts: []string{"*.slack.com"}}, nil, []string{"hooks.slack.com:443"}},
		{"any host", "https://hooks.slack.com/x", outbound.Options{Hosts: []string{"*"}}, nil, []string{"hooks.slack.com:443"}},
		{"its host, while loopback is allowed too", "https://hooks.slack.com/x", outbound.Options{Hosts: []string{"hooks.slack.com"}, AllowLoopback: true}, nil, []string{"hooks.slack.com:443"}},
		{"its host on another port", "https://hooks.slack.com:8443/x", outbound.Options{Hosts: []string{"hooks.slack.com"}}, nil, []string{"hooks.slack.com:8443"}},
		{"another host", "https://hooks.slack.com/x", outbound.Options{Hosts: []string{"slack.com"}}, outbound.ErrForbidden, nil},
		{"a wildcard without its dot", "https://hooks.slack.com/x", outbound.Options{Hosts: []string{"*slack.com"}}, outbound.ErrForbidden, nil},
		{"another host, while loopback is allowed", "https://hooks.slack.com/x", outbound.Options{AllowLoopback: true}, outbound.ErrForbidden, nil},
		{"plain http", "http://hooks.slack.com/x", outbound.Options{Hosts: []string{"*"}}, outbound.ErrForbidden, nil},
		{"plain http, while loopback is allowed", "http://hooks.slack.com/x", outbound.Options{Hosts: []string{"*"}, AllowLoopback: true}, outbound.ErrForbidden, nil},
		{"a proxy that refuses", "https://gone.example.com/", outbound.Options{Hosts: []string{"*"}}, outbound.ErrNotSent, []string{"gone.example.com:443"}},
		// Loopback is allowed so that the proxy could be reached.
		{"public addresses only: no proxy, which could reach any", "https://nowhere.invalid/", outbound.Options{Hosts: []string{"*"}, PublicOnly: true, AllowLoopback: true}, outbound.ErrNotSent, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			internet.Asked()
			authorization = ""
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tt.url, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer t0ken")
			resp, err := outbound.NewClient(tt.options).Do(r)
			if asked := internet.Asked(); !slices.Equal(asked, tt.asked) {
				t.Errorf("the proxy was asked for %v, want %v", asked, tt.asked)
			}
			if tt.err != nil {
				if !errors.Is(err, tt.err) || !errors.Is(err, outbound.ErrNotSent) {
					t.Errorf("error %v, want %v and ErrNotSent", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := outbound.ReadAll(resp.Body, 10); string(b) != "ok" || err != nil || authorization != "Bearer t0ken" {
				t.Errorf("answer %q, %v; authorization %q", b, err, authorization)
			}
		})
	}
}

func TestARedirectOfProductionIsAnAnswer(t *testing.T) {
	var reached atomic.Int32
	internet.Handle("evil.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	internet.Handle("hc.example.com", http.RedirectHandler("https://evil.example.com/", http.StatusTemporaryRedirect))
	t.Cleanup(func() { internet.Handle("evil.example.com", nil); internet.Handle("hc.example.com", nil) })
	internet.Asked()
	resp, err := get(t, outbound.NewClient(outbound.Options{Hosts: []string{"*"}}), "https://hc.example.com/ping")
	if err != nil {
		t.Fatal(err)
	}
	if asked := internet.Asked(); resp.StatusCode != http.StatusTemporaryRedirect || reached.Load() != 0 || len(asked) != 1 {
		t.Errorf("status %d, the proxy was asked for %v; want 307 and no second request", resp.StatusCode, asked)
	}
}

// Boundaries of the ranges in which no public service lives.
func TestPublicOnlyExactly(t *testing.T) {
	tests := []struct {
		name            string
		refused, public []string
	}{
		{"this network", []string{"0.0.0.0", "0.255.255.255"}, []string{"1.0.0.0"}},
		{"private, 10", []string{"10.0.0.0", "10.255.255.255"}, []string{"9.255.255.255", "11.0.0.0"}},
		{"private, 172", []string{"172.16.0.0", "172.31.255.255"}, []string{"172.15.255.255", "172.32.0.0"}},
		{"private, 192", []string{"192.168.0.0", "192.168.255.255"}, []string{"192.167.255.255", "192.169.0.0"}},
		{"loopback", []string{"127.0.0.1", "127.255.255.255", "::1"}, []string{"126.255.255.255", "128.0.0.0"}},
		{"link-local, the metadata server's", []string{"169.254.0.0", "169.254.169.254", "fe80::1"}, []string{"169.253.255.255", "169.255.0.0"}},
		{"carrier-grade NAT", []string{"100.64.0.0", "100.127.255.255"}, []string{"100.63.255.255", "100.128.0.0"}},
		{"protocol assignments", []string{"192.0.0.0", "192.0.0.255"}, []string{"191.255.255.255", "192.0.1.0"}},
		{"benchmarks", []string{"198.18.0.0", "198.19.255.255"}, []string{"198.17.255.255", "198.20.0.0"}},
		{"multicast and reserved", []string{"224.0.0.1", "240.0.0.0", "255.255.255.255", "ff02::1"}, []string{"223.255.255.255"}},
		{"IPv4 in IPv6", []string{"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:100.64.0.1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"}, []string{"::ffff:1.1.1.1", "2003::1", "2606:4700::1"}},
		{"IPv4 in IPv6, by other forms", []string{"64:ff9b:1::a9fe:a9fe", "::a9fe:a9fe", "::127.0.0.1", "::ffff:0:a9fe:a9fe", "2001:0:a9fe:a9fe::1", "2606:4700::5efe:a9fe:a9fe", "2606:4700::200:5efe:a00:1"}, []string{"2606:4700::5eff:a9fe:a9fe"}},
		{"unique local", []string{"fc00::1", "fdff::1"}, []string{"2001:4860::1"}},
		{"what IANA has given to no registry", []string{"::", "100::1", "1fff:ffff::1", "4000::1", "5f00::1", "64:ff9a::1", "8000::1", "fec0::1", "feff::1"}, []string{"2400::1", "2a00::1", "2800::1", "2c00::1"}},
		{"documentation", []string{"192.0.2.1", "198.51.100.1", "203.0.113.255", "2001:db8::1", "3fff:fff::1"}, []string{"192.0.3.0", "198.51.101.0", "203.0.114.0", "2001:db9::1"}},
		{"protocols of IPv6", []string{"2001::1", "2001:2::1", "2001:20::1", "2001:1ff::1"}, []string{"2001:200::1"}},
		{"anycast of special services", []string{"192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1", "2620:4f:8000::1"}, []string{"192.31.197.1", "192.88.98.1", "2620:4f:8001::1"}},
		{"an address with a zone", []string{"fe80::1%eth0", "2606:4700::1%eth0"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, ip := range tt.refused {
				if err := outbound.Control(outbound.Options{PublicOnly: true}, net.JoinHostPort(ip, "443")); !errors.Is(err, outbound.ErrForbidden) {
					t.Errorf("%s: %v, want ErrForbidden", ip, err)
				}
			}
			for _, ip := range tt.public {
				if err := outbound.Control(outbound.Options{PublicOnly: true}, net.JoinHostPort(ip, "443")); err != nil {
					t.Errorf("%s: %v, want none", ip, err)
				}
			}
		})
	}
	local := outbound.Options{PublicOnly: true, AllowLoopback: true}
	for address, want := range map[string]error{
		"127.0.0.1:80": nil, "[::1]:80": nil, "[::ffff:127.0.0.1]:80": nil, "10.0.0.1:80": outbound.ErrForbidden, "x": outbound.ErrForbidden,
	} {
		if err := outbound.Control(local, address); !errors.Is(err, want) {
			t.Errorf("where loopback is allowed, %s: %v, want %v", address, err, want)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "128.0.0.1": false, "10.0.0.1": false, "127.0.0.1.example.com": false,
	} {
		if got := outbound.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v, want %v", host, got, want)
		}
	}
}

// roundTripper is a transport behind a client's rules.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// body records whether it was closed, and fails then.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return errClosing }

var errClosing = errors.New("closing failed")

func TestATimeLimitEndsWithTheBody(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Minute: time.Minute} {
		client := outbound.NewClient(outbound.Options{Hosts: []string{"*"}, Timeout: timeout})
		var limit time.Duration
		var ctx context.Context
		answer := &body{Reader: strings.NewReader("ok")}
		outbound.Behind(client, roundTripper(func(r *http.Request) (*http.Response, error) {
			ctx = r.Context()
			deadline, _ := ctx.Deadline()
			limit = time.Until(deadline)
			return &http.Response{StatusCode: 200, Body: answer, Request: r}, nil
		}))
		resp, err := get(t, client, "https://x.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		if limit > want || limit < want-5*time.Second {
			t.Errorf("a limit of %v for %v, want %v", limit, timeout, want)
		}
		if ctx.Err() != nil {
			t.Error("the exchange's context ended before its body was read")
		}
		if err := resp.Body.Close(); !errors.Is(err, errClosing) || !answer.closed || ctx.Err() == nil {
			t.Errorf("after Close: %v, the body is closed: %v, the context: %v", err, answer.closed, ctx.Err())
		}
	}
}

func TestAFailedExchangeEndsItsTimeLimit(t *testing.T) {
	client := outbound.NewClient(outbound.Options{Hosts: []string{"*"}})
	var ctx context.Context
	outbound.Behind(client, roundTripper(func(r *http.Request) (*http.Response, error) {
		ctx = r.Context()
		return nil, io.ErrUnexpectedEOF
	}))
	if _, err := get(t, client, "https://x.example.com/"); !errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() == nil {
		t.Errorf("error %v, the context: %v", err, ctx.Err())
	}
}

func TestARefusedRequestsBodyIsClosed(t *testing.T) {
	sent := &body{Reader: strings.NewReader("{}")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://evil.example.com/", sent)
	if err != nil {
		t.Fatal(err)
	}
	client := outbound.NewClient(outbound.Options{Hosts: []string{"slack.com"}})
	if resp, err := client.Do(r); err == nil {
		_ = resp.Body.Close()
		t.Error("it was sent")
	}
	if !sent.closed {
		t.Error("the body is open")
	}
	if _, err := get(t, client, "https://evil.example.com/"); err == nil {
		t.Error("a request without a body was sent")
	}
}

func TestTransportOfAClient(t *testing.T) {
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Big", strings.Repeat("x", len(r.URL.Path)*1000))
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	client := outbound.NewClient(outbound.Options{AllowLoopback: true})
	for range 2 {
		resp, err := get(t, client, srv.URL+"/")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if got := connections.Load(); got != 2 {
		t.Errorf("%d connections for two requests, want one each", got)
	}
	if _, err := get(t, client, srv.URL+"/"+strings.Repeat("x", 60)); err != nil {
		t.Errorf("headers of 61 kB: %v", err)
	}
	if _, err := get(t, client, srv.URL+"/"+strings.Repeat("x", 80)); err == nil || errors.Is(err, outbound.ErrNotSent) {
		t.Errorf("headers of 81 kB: %v, want an error of a request that was sent", err)
	}

	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	if _, err := get(t, client, old.URL); !errors.Is(err, outbound.ErrNotSent) || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v, want a refusal", err)
	}
}
