package local

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const (
	demoService = "demo-app"
	// demoAppPath is the app's health page; a POST asks it for a proof.
	demoAppPath = "/demo/app/health"
	// appTimeout is more than the mode "slow" takes, because that app waits.
	appTimeout = 5 * time.Second
	// memoryMost bounds what the app keeps in memory.
	memoryMost = 1000
)

// demoApp is the app that the demonstration watches. When Redis fails it goes on in memory,
// and stays there until it is restarted. Its health page says "connected" all the same, so
// that only a proof finds out.
type demoApp struct {
	client     *http.Client
	url, token string
	proofKey   signature.Key

	mu     sync.Mutex
	memory map[string]string // nil while it uses Redis
	starts int
}

func newDemoApp(url, token string, roots *x509.CertPool, proofKey signature.Key) *demoApp {
	return &demoApp{
		client: &http.Client{Timeout: appTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
		url:    url, token: token, proofKey: proofKey,
	}
}

// restart makes the app use Redis again.
func (a *demoApp) restart() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.memory = nil
	a.starts++
}

// ping uses Redis as each of the app's requests does.
func (a *demoApp) ping(ctx context.Context) { a.do(ctx, "PING") }

// set stores a value for a minute, in Redis or in its place.
func (a *demoApp) set(ctx context.Context, key, value string) (stored bool) {
	if a.do(ctx, "SET", key, value, "EX", "60") {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.memory == nil {
		return false // it was restarted meanwhile
	}
	if len(a.memory) >= memoryMost {
		clear(a.memory)
	}
	a.memory[key] = value
	return true
}

// do sends a command to Redis, and falls back if that fails.
func (a *demoApp) do(ctx context.Context, command ...string) (done bool) {
	a.mu.Lock()
	fellBack, start := a.memory != nil, a.starts
	a.mu.Unlock()
	if fellBack {
		return false
	}
	err := a.post(ctx, command)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.memory == nil && a.starts == start {
		a.memory = map[string]string{}
	}
	return err == nil
}

func (a *demoApp) post(ctx context.Context, command []string) error {
	body, err := json.Marshal(command)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct{ Error string }
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer)
	if err == nil && (resp.StatusCode != http.StatusOK || answer.Error != "") {
		err = fmt.Errorf("status code %d: %s", resp.StatusCode, answer.Error)
	}
	return err
}

// ServeHTTP serves the health page, and proves by the contract of docs/mock-mode.md.
func (a *demoApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := map[string]string{"status": "connected"} // whatever it uses
	if r.Method != http.MethodPost {
		a.ping(r.Context())
		job.WriteJSON(w, http.StatusOK, answer)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<10))
	if err == nil {
		_, err = signature.Verify(r.Header, []signature.Key{a.proofKey}, body, time.Now())
	}
	var request struct {
		Type string
		Data struct{ Nonce string }
	}
	if err == nil {
		err = json.Unmarshal(body, &request)
	}
	if err != nil || request.Type != "mock_mode.proof" || len(request.Data.Nonce) < 16 {
		job.WriteError(w, http.StatusUnauthorized, "want a signed request for a proof")
		return
	}
	nonce := request.Data.Nonce
	if a.set(r.Context(), "ws:_pongwatch:proof:"+nonce, nonce) {
		answer["proof"] = nonce
	}
	job.WriteJSON(w, http.StatusOK, answer)
}
