package local

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/internal/porttest"
	"github.com/pongwatch/pongwatch/shared/access"
)

// asked is a request as a server sees it.
type asked struct {
	method, host, from, arrived string // arrived is the address of the server, loopback by default
	header                      http.Header
	tls                         bool
}

func (a asked) request() *http.Request {
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, "/page", nil)
	r.Host, r.RemoteAddr = a.host, a.from
	if a.header != nil {
		r.Header = a.header
	}
	if a.tls {
		r.TLS = &tls.ConnectionState{}
	}
	if a.arrived != "" {
		addr, err := net.ResolveTCPAddr("tcp", a.arrived)
		if err != nil {
			panic(err)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
	}
	return r
}

// Who gets to a page, and who may send a command, by where a request comes from and what it
// says of itself.
func TestExposure(t *testing.T) {
	const me, stranger, proxy = "127.0.0.1:50000", "203.0.113.9:50000", "10.0.0.2:50000"
	const name = "pongwatch.example.com"
	by := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	private := Options{Addr: "127.0.0.1:0"}
	proxied := Options{Addr: "0.0.0.0:8080", Expose: true, Hosts: []string{name}, TrustedProxies: []string{"10.0.0.0/30"}}
	beside := Options{Addr: "127.0.0.1:8080", Expose: true, Hosts: []string{name}, TrustedProxies: []string{"127.0.0.1", "::1"}}
	for _, tt := range []struct {
		what    string
		options Options
		asked   asked
		page    int
		command bool
	}{
		{"this machine", private, asked{host: "127.0.0.1:8080", from: me}, 200, true},
		{"localhost in capitals and with a dot", private, asked{host: "LOCALHOST.:8080", from: me}, 200, true},
		{"IPv6", private, asked{host: "[::1]:8080", from: "[::1]:50000"}, 200, true},
		{"IPv4 in IPv6", private, asked{host: "127.0.0.1", from: "[::ffff:127.0.0.1]:50000"}, 200, true},
		{"a name that was made point here", private, asked{host: "evil.example:8080", from: me}, 421, false},
		{"a name that begins like this machine's", private, asked{host: "localhost.evil.example", from: me}, 421, false},
		{"a name that begins like a loopback address", private, asked{host: "127.0.0.1.evil.example", from: me}, 421, false},
		{"no host", private, asked{host: "", from: me}, 421, false},
		{"another machine that says it is this one", private, asked{host: "127.0.0.1", from: stranger}, 421, false},
		{"a proxy that nobody named, with its mark", private, asked{host: "127.0.0.1:8080", from: me, header: by("X-Forwarded-For", "127.0.0.1")}, 403, false},
		{"another's mark", private, asked{host: "127.0.0.1:8080", from: me, header: by("Forwarded", "for=127.0.0.1;host=localhost")}, 403, false},
		{"another's", private, asked{host: "127.0.0.1:8080", from: me, header: by("Via", "1.1 proxy")}, 403, false},
		{"nginx's", private, asked{host: "127.0.0.1:8080", from: me, header: by("X-Real-Ip", "127.0.0.1")}, 403, false},
		{"a host of the proxy's", private, asked{host: "127.0.0.1:8080", from: me, header: by("X-Forwarded-Host", "localhost")}, 403, false},
		{"another site's form", private, asked{method: "POST", host: "127.0.0.1:8080", from: me, header: by("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")}, 403, false},

		{"a reader through the proxy", proxied, asked{host: name, from: proxy, header: by("X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https")}, 200, false},
		{"the proxy rewrites Host", proxied, asked{host: "10.0.0.7:8080", from: proxy, header: by("X-Forwarded-Host", name)}, 200, false},
		{"the proxy in capitals, with port and dot", proxied, asked{host: "PongWatch.Example.COM.:443", from: proxy}, 200, false},
		{"through the proxy to another name", proxied, asked{host: "evil.example", from: proxy}, 421, false},
		{"through the proxy, which rewrites Host, to another name", proxied, asked{host: name, from: proxy, header: by("X-Forwarded-Host", "evil.example")}, 421, false},
		{"a reader forges the first of two", proxied, asked{host: "10.0.0.7", from: proxy, header: by("X-Forwarded-Host", name+", evil.example")}, 421, false},
		{"a reader who asked the proxy in plain text", proxied, asked{host: name, from: proxy, header: by("X-Forwarded-Proto", "http")}, 403, false},
		{"a stranger past the proxy", proxied, asked{host: name, from: stranger}, 403, false},
		{"a stranger past the proxy who forges its marks", proxied, asked{host: name, from: stranger, header: by("X-Forwarded-For", "127.0.0.1", "X-Forwarded-Proto", "https")}, 403, false},
		{"a stranger who says it is this machine", proxied, asked{host: "localhost:8080", from: stranger}, 403, false},
		{"this machine", proxied, asked{host: "127.0.0.1:8080", from: me}, 200, true},
		{"this machine at its own address", proxied, asked{host: "10.0.0.7:8080", from: "10.0.0.7:50000", arrived: "10.0.0.7:8080"}, 200, true},
		{"a stranger who names the address it arrived at", proxied, asked{host: "10.0.0.7:8080", from: stranger, arrived: "10.0.0.7:8080"}, 403, false},
		{"this machine, by a name", proxied, asked{host: name, from: me}, 200, false},

		{"a proxy on this machine that keeps quiet", beside, asked{host: "127.0.0.1:8080", from: me}, 200, false},
		{"the same by IPv6", beside, asked{host: "[::1]:8080", from: "[::1]:50000"}, 200, false},
		{"a proxy on this machine that says what it does", beside, asked{host: "127.0.0.1:8080", from: me, header: by("X-Forwarded-Host", name)}, 200, false},
		{"the same, of another name", beside, asked{host: "127.0.0.1:8080", from: me, header: by("X-Forwarded-Host", "evil.example")}, 421, false},
		{"the same, which hides the name", beside, asked{host: "127.0.0.1:8080", from: me, header: by("X-Forwarded-For", "203.0.113.9")}, 421, false},
	} {
		e, err := newExposure(tt.options)
		if err != nil {
			t.Fatalf("%s: %v", tt.what, err)
		}
		mux := access.NewMux("")
		mux.Handle("/page", access.Anyone(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		mux.Handle("/command", e.thisMachine(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		h := e.guard(mux)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, tt.asked.request())
		if w.Code != tt.page {
			t.Errorf("%s: a page is answered %d %s, want %d", tt.what, w.Code, w.Body, tt.page)
		}
		r := tt.asked.request()
		r.URL.Path = "/command"
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if (w.Code == http.StatusOK) != tt.command {
			t.Errorf("%s: a command is answered %d %s, want taken: %t", tt.what, w.Code, w.Body, tt.command)
		}
	}
}

func TestOptionsOfExposure(t *testing.T) {
	cert, key := keyPair(t)
	on := func(edit func(*Options)) Options {
		o := Options{Addr: "0.0.0.0:8443", Expose: true, Hosts: []string{"pongwatch.example.com"}, TLSCert: cert, TLSKey: key}
		edit(&o)
		return o
	}
	for _, tt := range []struct {
		what    string
		options Options
		want    string // "" is none
	}{
		{"all of it", on(func(*Options) {}), ""},
		{"behind a proxy", on(func(o *Options) { o.TLSCert, o.TLSKey, o.TrustedProxies = "", "", []string{"10.0.0.2", "fd00::/64"} }), ""},
		{"TLS for this machine alone", Options{Addr: "127.0.0.1:0", TLSCert: cert, TLSKey: key}, ""},
		{"at an address that names itself", on(func(o *Options) { o.Addr, o.Hosts = "192.0.2.7:443", nil }), ""},
		{"in plain text", on(func(o *Options) { o.TLSCert, o.TLSKey = "", "" }), "read tokens would travel in plain text"},
		{"no name", on(func(o *Options) { o.Hosts = nil }), "want --host"},
		{"no name at loopback", on(func(o *Options) { o.Addr, o.Hosts = "127.0.0.1:8080", nil }), "want --host"},
		{"a certificate without its key", on(func(o *Options) { o.TLSKey = "" }), "belong together"},
		{"a key without its certificate", on(func(o *Options) { o.TLSCert = "" }), "belong together"},
		{"a key that is none", on(func(o *Options) { o.TLSKey = cert }), "--tls-cert, --tls-key: "},
		{"a name with a port", on(func(o *Options) { o.Hosts = []string{"pongwatch.example.com:443"} }), "without a port"},
		{"a URL", on(func(o *Options) { o.Hosts = []string{"https://pongwatch.example.com/"} }), "--host"},
		{"any name", on(func(o *Options) { o.Hosts = []string{"*"} }), "--host"},
		{"an empty name", on(func(o *Options) { o.Hosts = []string{""} }), "--host"},
		{"a name as the proxy", on(func(o *Options) { o.TrustedProxies = []string{"proxy.example.com"} }), "--trusted-proxy"},
		{"everyone as the proxy", on(func(o *Options) { o.TrustedProxies = []string{"0.0.0.0/0"} }), "--trusted-proxy"},
		{"not exposed, at an address that others reach", Options{Addr: "192.0.2.7:8080"}, "--expose"},
		{"not exposed, for a name", Options{Addr: "127.0.0.1:0", Hosts: []string{"a.example"}}, "--expose as well"},
		{"not exposed, behind a proxy", Options{Addr: "127.0.0.1:0", TrustedProxies: []string{"10.0.0.2"}}, "--expose as well"},
	} {
		if _, err := newExposure(tt.options); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: error %v, want %q", tt.what, err, tt.want)
		}
	}
}

// keyPair writes a certificate for pongwatch.example.com that signed itself.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"pongwatch.example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// An exposed process speaks TLS with readers, who see no page of access iam, and goes on to
// work: its own requests come by another way.
func TestAnExposedProcess(t *testing.T) {
	t.Parallel()
	cert, key := keyPair(t)
	var pings atomic.Int32
	redis := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pings.Add(1)
		_, _ = io.WriteString(w, `{"result":"PONG"}`)
	}))
	t.Cleanup(redis.Close)
	own := "127.0.0.1:" + porttest.Free()
	start := func() *Process {
		return startProcess(t, Options{
			Expose: true, Hosts: []string{"pongwatch.example.com"}, TLSCert: cert, TLSKey: key, Own: own, Every: time.Second, Data: t.TempDir(),
		}, map[string]string{"PONGWATCH_CONFIG": fmt.Sprintf("{databases: [{name: cache, url: %q, token: x}]}", redis.URL)})
	}
	p := start()
	if p.URL() != "http://"+own {
		t.Errorf("this machine asks %s, want http://%s", p.URL(), own)
	}
	if second := start(); second.URL() == p.URL() {
		t.Errorf("a second process is asked at %s as well", second.URL())
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "pongwatch.example.com"},
	}}
	get := func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+p.listener.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "pongwatch.example.com"
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for _, path := range []string{"/", "/health", "/api/v1/health/redis", "/metrics", "/badge.svg", "/playbooks/mock"} {
		code, body := get(path)
		if code != http.StatusForbidden || !strings.Contains(body, "access says iam for this page, but nothing guards an exposed address but a token") {
			t.Errorf("GET %s is answered %d %.200s, want 403 with the reason", path, code, body)
		}
	}
	if want := fmt.Sprintf("https://pongwatch.example.com:%d", p.listener.Addr().(*net.TCPAddr).Port); p.config.Links.Dashboard != want {
		t.Errorf("links lead to %s, want %s", p.config.Links.Dashboard, want)
	}
	wait(t, time.Minute, "runs", func() bool { return pings.Load() > 2 })
	// Nor does this machine's own address open them: what reaches it may have been forwarded.
	resp, err := http.Get(p.URL() + "/playbooks/mock")
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("this machine is answered %v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

// One page that asks for a token closes those that are left to IAM, in a process that is not exposed too. The
// reason must not speak of an exposed address there.
func TestAPageLeftToIAMBesideAToken(t *testing.T) {
	t.Parallel()
	redis := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"result":"PONG"}`) }))
	t.Cleanup(redis.Close)
	p := startProcess(t, Options{Data: t.TempDir()}, map[string]string{
		"PONGWATCH_CONFIG": fmt.Sprintf("{databases: [{name: cache, url: %q, token: x}], access: {api: token, tokens: [%s]}}", redis.URL, routeToken),
	})
	resp, err := http.Get(p.URL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "access says iam for this page, but IAM does not guard it; set token or public for it") {
		t.Errorf("the dashboard is answered %d %.200s, want 403 with the reason", resp.StatusCode, body)
	}
}

// 659 posts of strangers in 15 s once used 1,419 commands: each path but three led to a run.
func TestNoStrangerStartsARun(t *testing.T) {
	t.Parallel()
	o := Options{Addr: "127.0.0.1:0", Getenv: func(string) string { return "" }, Out: io.Discard, Logger: slog.New(slog.DiscardHandler)}
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.server.Serve(p.own) }() // without the scheduler
	t.Cleanup(func() {
		_ = p.server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	addr := strings.TrimPrefix(p.URL(), "http://")
	for _, target := range []string{
		"/", "/x", "/HealthCheck", "/HealthCheck/", "/HealthCheck/x", "//HealthCheck", "/healthcheck", "/%48ealthCheck", "/HealthCheck%2f", "/x/../HealthCheck", "/Metrics", "/Metrics/", "/Metrics/x", "//Metrics",
		"/Metrics/../Metrics", "/Alert", "/Alert/", "/Alert/projects/p/topics/t", "//Alert", "/health", "/api/v1/health/redis", "/metrics", "/chart.svg", "/webhook/", "/webhook/Alert", "/webhook//HealthCheck", "/AlertWebhook",
		"http://" + addr + "/HealthCheck", "http://" + addr + "/", "/?x=/HealthCheck", "/;/HealthCheck", "/./HealthCheck", "*",
	} {
		for _, header := range []string{
			"", "X-Cloudscheduler: true\r\nX-Cloudscheduler-Scheduletime: " + time.Now().UTC().Format(time.RFC3339) + "\r\n", "Authorization: Bearer\r\n", "Authorization: Bearer x\r\n",
			"X-Http-Method-Override: GET\r\n", "X-Serverless-Authorization: Bearer " + strings.Repeat("a", 26) + "\r\n", "Authorization: Bearer e30.e30.SIGNATURE_REMOVED_BY_GOOGLE\r\n",
		} {
			for _, method := range []string{"POST", "post", "PUT", "OPTIONS"} {
				if target == "*" && method != "OPTIONS" {
					continue
				}
				code := raw(t, addr, method+" "+target+" HTTP/1.1\r\nHost: "+addr+"\r\n"+header+"Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
				if code == http.StatusOK && method != "OPTIONS" && target != "*" {
					t.Errorf("%s %s with %q is answered %d", method, target, header, code)
				}
			}
		}
	}
	if counts := p.demo.redis.CommandCounts(); len(counts) != 0 {
		t.Errorf("strangers used %v", counts)
	}
}

// raw sends a request as it stands and returns the answer's status.
func raw(t *testing.T, addr, request string) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
