package upstash_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

const hostedURL = "https://us1-merry-cat-32748.upstash.io"

// intermediaries are failures of what stands between the caller and Upstash, and what the URL
// itself suggests.
func intermediaries() []diagnosis {
	return []diagnosis{
		{"a proxy lets it through", through(tunnel), ping, "", nil},
		{"a proxy forbids CONNECT", through(answering(http.StatusForbidden)), ping, cause.Proxy, []string{"proxy 127.0.0.1:", "HTTP 403 Forbidden", "CONNECT"}},
		{"a proxy breaks the tunnel off", through(breaking), ping, cause.ConnReset, []string{"during the TLS handshake", "through proxy 127.0.0.1:"}},
		{"a proxy opens the traffic", through(opening), ping, cause.TLS, []string{"certificate for", "through proxy 127.0.0.1:"}},
		{"a proxy wants a password", through(answering(http.StatusProxyAuthRequired)), ping, cause.Proxy, []string{"proxy 127.0.0.1:", "HTTP 407"}},
		{"a proxy cannot reach the host", through(answering(http.StatusBadGateway)), do("GET", "k"), cause.Proxy, []string{"proxy 127.0.0.1:", "HTTP 502 Bad Gateway"}},
		{"a proxy does not answer CONNECT", silentProxy, ping, cause.Proxy, []string{"proxy 127.0.0.1:", "time limit"}},
		{"a proxy is down", deadProxy, ping, cause.Proxy, []string{"proxy 127.0.0.1:", "connection refused"}},
		{"a proxy's name is gone", lostProxy, ping, cause.Proxy, []string{"proxy proxy.example.com:3128", "no such host"}},
		{"a proxy's address is none", brokenProxy, ping, cause.Proxy, []string{"HTTPS_PROXY"}},
		{"a proxy of plain http wants a password", plainProxy, ping, cause.Proxy, []string{"HTTP 407: 127.0.0.1:", "wants a user"}},
		{"a 407 on the way", serving(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusProxyAuthRequired)
			io.WriteString(w, "<html>"+canary)
		}), ping, cause.Proxy, []string{"HTTP 407: a proxy wants a user and a password"}},

		{"a client certificate is demanded after the handshake", demandingClientCertificate, ping, cause.TLS, []string{"certificate required"}},

		{"the TCP port behind https", onPort("6379", speaking("-ERR unknown command 'GET'\r\n")), ping, cause.TLS, []string{"port 6379", "TCP protocol"}},
		{"the TCP port is closed", onPort("6379", closedPort), ping, cause.TCPRefused, []string{"connection refused", "port 6379"}},
		{"another port than Upstash's", onPort("8443", closedPort), ping, cause.TCPRefused, []string{"port 8443", "has no port"}},
		{"Upstash's own port", onPort("443", closedPort), ping, cause.TCPRefused, []string{"while connecting"}},
		{"the name of a database made without an account", resolvedTo(dnsmessage.RCodeNameError), ping, cause.DNSNXDomain, []string{"72 hours"}},
		{"a host with IPv6 addresses only", onlyIPv6, ping, cause.TimeoutConnect, []string{"network is unreachable", "only IPv6"}},

		{"a page that names the database", naming("no database us1-merry-cat-32748 here"), ping, cause.NotUpstash, []string{"[host]"}},
		{"a page that names the host in capitals", naming("no US1-MERRY-CAT-32748.UPSTASH.IO"), ping, cause.NotUpstash, []string{"[host]"}},
		{"a page that names the host in hex", naming(fmt.Sprintf("%x", "us1-merry-cat-32748.upstash.io")), ping, cause.NotUpstash, []string{"[host]"}},
	}
}

// through reaches the emulator through a proxy: a name that exists nowhere shows that the
// proxy looked it up.
func through(connect func(t *testing.T, target string) http.HandlerFunc) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		t.Helper()
		s := upstashtest.Start(t, upstashtest.Options{Token: canary, TLS: true})
		proxy := httptest.NewServer(connect(t, s.Addr()))
		t.Cleanup(proxy.Close)
		return upstash.Options{URL: "https://emulated.example.com", RootCAs: s.CA(), Proxy: proxyAt(strings.Replace(proxy.URL, "//", "//user:canary@", 1))}
	}
}

func proxyAt(address string) func(*http.Request) (*url.URL, error) {
	return func(*http.Request) (*url.URL, error) { return url.Parse(address) }
}

func tunnel(t *testing.T, target string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "emulated.example.com:443" {
			t.Errorf("%s %s, want CONNECT emulated.example.com:443", r.Method, r.Host)
		}
		up, err := net.Dial("tcp", target)
		if err != nil {
			t.Error(err)
			return
		}
		defer up.Close()
		// First the connection, then the answer: what the client sends next is not HTTP.
		down, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer down.Close()
		io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(up, down) }()
		_, _ = io.Copy(down, up)
	}
}

// breaking lets the connection through and then drops it.
func breaking(*testing.T, string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			conn.Close()
		}
	}
}

// opening ends the TLS connection itself, with a certificate of its own.
func opening(t *testing.T, _ string) http.HandlerFunc {
	inspector := httptest.NewUnstartedServer(http.NotFoundHandler())
	inspector.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	inspector.StartTLS()
	t.Cleanup(inspector.Close)
	return tunnel(t, inspector.Listener.Addr().String())
}

func answering(status int) func(*testing.T, string) http.HandlerFunc {
	return func(*testing.T, string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, "<html>"+r.Header.Get("Proxy-Authorization"))
		}
	}
}

func silentProxy(t *testing.T) upstash.Options {
	o := silentListener("http")(t)
	return upstash.Options{URL: hostedURL, Timeout: o.Timeout, Proxy: proxyAt(o.URL)}
}

func deadProxy(t *testing.T) upstash.Options {
	return upstash.Options{URL: hostedURL, Proxy: proxyAt(emulated(upstashtest.Refuse)(t).URL)}
}

func lostProxy(t *testing.T) upstash.Options {
	o := resolvedTo(dnsmessage.RCodeNameError)(t)
	o.Proxy = proxyAt("http://user:canary@proxy.example.com:3128")
	return o
}

// plainProxy is sent the request itself, without CONNECT.
func plainProxy(t *testing.T) upstash.Options {
	proxy := httptest.NewServer(answering(http.StatusProxyAuthRequired)(t, ""))
	t.Cleanup(proxy.Close)
	return upstash.Options{URL: "http://localhost:1", Proxy: proxyAt(proxy.URL)}
}

// brokenProxy fails as [http.ProxyFromEnvironment] does, with the password in the text.
func brokenProxy(*testing.T) upstash.Options {
	return upstash.Options{URL: hostedURL, Proxy: func(*http.Request) (*url.URL, error) {
		return nil, fmt.Errorf("invalid proxy address %q", "http://user:canary@proxy:%zz")
	}}
}

func demandingClientCertificate(t *testing.T) upstash.Options {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // the refusal is what the server is for
	s.StartTLS()
	t.Cleanup(s.Close)
	return upstash.Options{URL: s.URL, RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
}

// onPort is another listener under the URL of a hosted database with a port.
func onPort(port string, set func(*testing.T) upstash.Options) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		o := set(t)
		u, err := url.Parse(o.URL)
		if err != nil {
			t.Fatal(err)
		}
		return upstash.Options{URL: hostedURL + ":" + port, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, u.Host)
		}}
	}
}

func closedPort(t *testing.T) upstash.Options { return emulated(upstashtest.Refuse)(t) }

// onlyIPv6 has a name with an AAAA record and no other, and a machine without a route to it.
func onlyIPv6(t *testing.T) upstash.Options {
	reply := func(query dnsmessage.Message) *dnsmessage.Message {
		query.Response, query.Additionals = true, nil
		if q := query.Questions[0]; q.Type == dnsmessage.TypeAAAA {
			query.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
				Body:   &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 0x0d, 0xb8, 15: 1}},
			}}
		}
		return &query
	}
	// The kernel's answer, whatever routes this machine has.
	return withResolver(t, 0, reply, func(_, _ string, _ syscall.RawConn) error {
		return os.NewSyscallError("connect", syscall.ENETUNREACH)
	})
}

// naming answers a page under the hosted database's name.
func naming(page string) func(*testing.T) upstash.Options {
	return func(t *testing.T) upstash.Options {
		t.Helper()
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) }))
		t.Cleanup(web.Close)
		return upstash.Options{URL: hostedURL, Transport: &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, web.Listener.Addr().String())
		}}}
	}
}

// echoing answers with the request's Authorization in another encoding.
func echoing(encode func([]byte) string) func(*testing.T) upstash.Options {
	return serving(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "you are "+encode([]byte(r.Header.Get("Authorization"))))
	})
}
