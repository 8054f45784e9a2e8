package alert

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/config"
)

// beatAddress is where the test binary sends one heartbeat when it runs itself.
const beatAddress = "HEARTBEAT_OF_TEST"

// The rules of production hold for a host that is not this machine: its name, over TLS,
// through the proxy of the environment. The proxy connects to a server of the test. Go
// reads a proxy's environment once, so that the heartbeat is sent by another process.
func TestTheHeartbeatReachesAHostBeyondThisMachine(t *testing.T) {
	if address := os.Getenv(beatAddress); address != "" {
		cfg := &config.Config{Heartbeat: config.Heartbeat{URL: config.Inline(address)}}
		if err := Heartbeat(cfg, ReceiverOptions{})(t.Context()); err != nil {
			t.Error(err)
		}
		return
	}
	for _, tt := range []struct {
		name, address string
		// reached is what the proxy and then the server saw, failure what is said otherwise.
		reached []string
		failure string
	}{
		{"by its name", "https://example.com" + secretPath, []string{"CONNECT example.com:443", "GET " + secretPath + " pongwatch"}, ""},
		{"by its name in capitals, with space around it", " https://EXAMPLE.com:8443" + secretPath + "\n", []string{"CONNECT EXAMPLE.com:8443", "GET " + secretPath + " pongwatch"}, ""},
		{"not under another name's certificate", "https://example.org" + secretPath, []string{"CONNECT example.org:443"}, "certificate is valid for"},
		{"not in plain text", "http://example.com" + secretPath, nil, "want https"},
		{"not this machine", "http://127.0.0.1:1" + secretPath, nil, "want https"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var reached []string
			note := func(text string) {
				mu.Lock()
				defer mu.Unlock()
				reached = append(reached, text)
			}
			server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				note(r.Method + " " + r.URL.Path + " " + r.UserAgent())
			}))
			t.Cleanup(server.Close)
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				note(r.Method + " " + r.Host)
				tunnel(t, w, server.Listener.Addr().String())
			}))
			t.Cleanup(proxy.Close)
			roots := filepath.Join(t.TempDir(), "roots.pem")
			if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheHeartbeatReachesAHostBeyondThisMachine$")
			self.Env = []string{beatAddress + "=" + tt.address, "HTTPS_PROXY=" + proxy.URL, "HTTP_PROXY=" + proxy.URL, "SSL_CERT_FILE=" + roots, "SSL_CERT_DIR=" + t.TempDir()}
			out, err := self.CombinedOutput()
			if (err != nil) != (tt.failure != "") || !strings.Contains(string(out), tt.failure) || strings.Contains(string(out), "canary") {
				t.Errorf("%v, want a failure with %q and without the address:\n%s", err, tt.failure, out)
			}
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(tt.reached, reached); diff != "" {
				t.Errorf("reached (-want +got):\n%s", diff)
			}
		})
	}
}

// tunnel connects what asked a proxy with a server.
func tunnel(t *testing.T, w http.ResponseWriter, address string) {
	to, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = to.Close() }()
	w.WriteHeader(http.StatusOK)
	from, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = from.Close() }()
	go func() { _, _ = io.Copy(to, from) }() // either side may hang up
	_, _ = io.Copy(from, to)
}
