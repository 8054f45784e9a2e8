package local

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func demoKey(t *testing.T, letter string) signature.Key {
	t.Helper()
	key, err := signature.ParseKey("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32))))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What falls back, when, and for how long.
func TestDemoAppFallsBack(t *testing.T) {
	key := demoKey(t, "k")
	redis, err := upstashtest.New(upstashtest.Options{TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	a := newDemoApp(redis.URL(), redis.Token(), redis.CA(), key)
	breakRedis := func(mode upstashtest.Mode) {
		t.Helper()
		if err := redis.Break(upstashtest.Fault{Mode: mode}); err != nil {
			t.Fatal(err)
		}
	}
	nonces := 0
	// proof asks for one and says whether Redis has it.
	proof := func() bool {
		t.Helper()
		nonces++
		nonce := fmt.Sprintf("nonce%015d", nonces)
		before := redis.CommandCounts()["SET"]
		w := ask(t, a, key, time.Now(), `{"type":"mock_mode.proof","data":{"nonce":"`+nonce+`"}}`)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"proof":"`+nonce+`"`) || !strings.Contains(w.Body.String(), `"status":"connected"`) {
			t.Fatalf("the proof is answered with %d %s", w.Code, w.Body)
		}
		return redis.CommandCounts()["SET"] > before
	}
	if !proof() {
		t.Error("while all is well the nonce is not in Redis")
	}
	for _, mode := range []upstashtest.Mode{upstashtest.AuthInvalid, upstashtest.ServerError, upstashtest.Refuse, upstashtest.QuotaMonthly} {
		breakRedis(mode)
		a.ping(t.Context())
		breakRedis(upstashtest.None)
		a.ping(t.Context())
		if proof() {
			t.Errorf("after %s it uses Redis again by itself", mode)
		}
		a.restart()
		if !proof() {
			t.Errorf("after %s and a restart it does not use Redis", mode)
		}
	}
	breakRedis(upstashtest.ServerError)
	proof() // a write that fails falls back, too
	breakRedis(upstashtest.None)
	if proof() {
		t.Error("after a failed write it uses Redis again by itself")
	}
	for range memoryMost {
		a.set(t.Context(), fmt.Sprint(nonces), "x")
		nonces++
	}
	if len(a.memory) > memoryMost {
		t.Errorf("it keeps %d values in memory", len(a.memory))
	}
}

// A request that fails after a restart says nothing about the app that has started.
func TestDemoAppRestartedDuringARequest(t *testing.T) {
	reached, answer := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached <- true
		<-answer
		http.Error(w, "bad gateway", http.StatusBadGateway)
	}))
	defer server.Close()
	a := newDemoApp(server.URL, "token", nil, demoKey(t, "k"))
	stored := make(chan bool)
	go func() { stored <- a.set(context.Background(), "key", "value") }()
	<-reached
	a.restart()
	answer <- true
	if <-stored {
		t.Error("the write counts as stored")
	}
	if a.memory != nil {
		t.Error("the restarted app fell back")
	}
}

// What is not signed by pongwatch, or is no request for a proof, writes nothing.
func TestDemoAppRefuses(t *testing.T) {
	key := demoKey(t, "k")
	a := newDemoApp("http://127.0.0.1:1", "token", nil, key)
	good := `{"type":"mock_mode.proof","data":{"nonce":"abcdefghijklmnop"}}`
	for _, tt := range []struct {
		name, body string
		key        signature.Key
		at         time.Time
		code       int
	}{
		{"a proof", good, key, time.Now(), 200},
		{"another key", good, demoKey(t, "o"), time.Now(), 401},
		{"an old request", good, key, time.Now().Add(-10 * time.Minute), 401},
		{"another type", strings.Replace(good, "proof", "truth", 1), key, time.Now(), 401},
		{"a short nonce", strings.Replace(good, "abcdefghijklmnop", "abcdefghijklmno", 1), key, time.Now(), 401},
		{"no JSON", "{", key, time.Now(), 401},
		{"too long", good + strings.Repeat(" ", 5<<10), key, time.Now(), 401},
	} {
		a.restart()
		if w := ask(t, a, tt.key, tt.at, tt.body); w.Code != tt.code || strings.Contains(w.Body.String(), `"proof"`) != (tt.code == 200) {
			t.Errorf("%s: %d %s, want %d", tt.name, w.Code, w.Body, tt.code)
		}
		if (len(a.memory) > 0) != (tt.code == 200) {
			t.Errorf("%s: it wrote %d values", tt.name, len(a.memory))
		}
	}
}

// ask posts a signed body to the app.
func ask(t *testing.T, a *demoApp, key signature.Key, at time.Time, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, demoAppPath, strings.NewReader(body))
	if err := signature.Sign(r.Header, []signature.Key{key}, "id", at, []byte(body)); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}
