// Package outboundtest is an internet on this machine: tests reach their servers under
// the host names of production, over TLS and through an HTTP proxy, with clients that
// allow no loopback.
package outboundtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Internet serves hosts by name.
type Internet struct {
	proxy, server *httptest.Server
	folder        string

	mu    sync.Mutex
	hosts map[string]http.Handler
	asked []string
}

// Start makes the process use the internet: it sets HTTPS_PROXY and SSL_CERT_FILE, which
// Go reads only once. Call it in TestMain, before the first request.
func Start() (*Internet, error) {
	i := &Internet{hosts: map[string]http.Handler{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if i.folder, err = os.MkdirTemp("", "outboundtest"); err != nil {
		return nil, err
	}
	roots := filepath.Join(i.folder, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	i.server = httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	i.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	i.server.TLS = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: authority.NotAfter, DNSNames: []string{hello.ServerName}}
		der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), key)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	}}
	i.server.StartTLS()
	i.proxy = httptest.NewServer(http.HandlerFunc(i.connect))
	for name, value := range map[string]string{
		"HTTPS_PROXY": i.proxy.URL, "https_proxy": "", "NO_PROXY": "", "no_proxy": "",
		"SSL_CERT_FILE": roots, "SSL_CERT_DIR": i.folder,
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// Close ends the servers.
func (i *Internet) Close() {
	i.proxy.Close()
	i.server.Close()
	_ = os.RemoveAll(i.folder)
}

// Handle serves a host, in lower case; nil takes it away.
func (i *Internet) Handle(host string, h http.Handler) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hosts[host] = h
}

// Asked returns the hosts and ports to which clients wanted a connection since the last
// call, sorted.
func (i *Internet) Asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	asked := slices.Sorted(slices.Values(i.asked))
	i.asked = nil
	return asked
}

func (i *Internet) host(name string) http.Handler {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hosts[strings.ToLower(name)]
}

func (i *Internet) serve(w http.ResponseWriter, r *http.Request) {
	i.host(r.TLS.ServerName).ServeHTTP(w, r)
}

// connect is the proxy: it tunnels to the server for every host that is handled.
func (i *Internet) connect(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked = append(i.asked, r.Host)
	i.mu.Unlock()
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil || r.Method != http.MethodConnect || i.host(name) == nil {
		http.Error(w, "no such host", http.StatusBadGateway)
		return
	}
	var dialer net.Dialer
	server, err := dialer.DialContext(r.Context(), "tcp", i.server.Listener.Addr().String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}
