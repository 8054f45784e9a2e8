package upstash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

const testToken = "AX_sASQgODMyMjk5_canary+token/=="

func newTestClient(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(Options{URL: server.URL, Token: secrets.New(testToken), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestPing(t *testing.T) {
	var got *http.Request
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		io.WriteString(w, `{"result":"PONG"}`)
	})
	r := c.Ping(t.Context())
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if got.Method != http.MethodGet || got.URL.String() != "/ping" {
		t.Errorf("asked %s %s, want GET /ping", got.Method, got.URL)
	}
	if auth := got.Header.Get("Authorization"); auth != "Bearer "+testToken {
		t.Errorf("Authorization is %q", auth)
	}
	if e := got.Header.Get("Upstash-Encoding"); e != "" {
		t.Errorf("PING asks for the encoding %q", e)
	}
	p := r.Phases
	if p.Connect <= 0 || p.Wait <= 0 || p.Total < p.Connect+p.Wait || p.DNS != 0 || p.TLS != 0 {
		t.Errorf("phases %+v: want connect and wait only, within the total", p)
	}
	if r.Latency() != p.Wait {
		t.Errorf("latency %v, wait %v", r.Latency(), p.Wait)
	}
}

func TestEveryPingHasAFreshConnection(t *testing.T) {
	seen := map[string]bool{}
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr] = true
		io.WriteString(w, `{"result":"PONG"}`)
	})
	for range 3 {
		if r := c.Ping(t.Context()); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d connections for 3 PINGs", len(seen))
	}
}

func TestDo(t *testing.T) {
	var got []any
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upstash-Encoding") != "base64" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", r.Header)
		}
		got = nil
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		switch got[0] {
		case "SET":
			io.WriteString(w, `{"result":"OK"}`)
		case "GET":
			io.WriteString(w, `{"result":"aMOpbGxv"}`)
		case "MISSING":
			io.WriteString(w, `{"result":null}`)
		case "INCR":
			io.WriteString(w, `{"result":9007199254740993}`)
		case "SCAN":
			io.WriteString(w, `{"result":["MTI=",["a2V5",null,[1]]]}`)
		}
	})
	text := func(args ...any) string {
		t.Helper()
		r, err := c.Do(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Text()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := text("SET", "k", "v", "EX", 60); s != "OK" {
		t.Errorf("SET answers %q", s)
	}
	if diff := cmp.Diff([]any{"SET", "k", "v", "EX", 60.0}, got); diff != "" {
		t.Errorf("sent (-want +got)\n%s", diff)
	}
	if s := text("GET", "k"); s != "héllo" {
		t.Errorf("GET answers %q", s)
	}
	if s := text("INCR", "k"); s != "9007199254740993" {
		t.Errorf("INCR answers %q: want all digits", s)
	}
	if r, err := c.Do(t.Context(), "MISSING"); err != nil || !r.IsNil() {
		t.Errorf("a missing key is %v, %v", r, err)
	}
	r, err := c.Do(t.Context(), "SCAN", 0)
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.Array()
	if err != nil || len(page) != 2 {
		t.Fatalf("SCAN answers %v, %v", page, err)
	}
	if cursor, err := page[0].Int(); cursor != 12 || err != nil {
		t.Errorf("cursor %d, %v", cursor, err)
	}
}

func TestPipelineKeepsTheErrorsApart(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/pipeline" {
			t.Errorf("path %s", r.URL.Path)
		}
		io.WriteString(w, `[{"result":"OK"},{"error":"NOPERM this user has no permissions to run the 'set' command or its subcommand"},{"result":1}]`)
	})
	results, err := c.Pipeline(t.Context(), Command{"SET", "a", 1}, Command{"SET", "b", 2}, Command{"DEL", "a"})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err != nil || results[2].Err != nil {
		t.Errorf("results %+v: want only the second to fail", results)
	}
	if got := CauseOf(results[1].Err); got != cause.ReadonlyToken {
		t.Errorf("the second fails with %q", got)
	}
}

func TestMultiExecDiscarded(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/multi-exec" {
			t.Errorf("path %s", r.URL.Path)
		}
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"ERR max daily request limit exceeded. Limit: 10000, Usage: 10001."}`)
	})
	_, err := c.MultiExec(t.Context(), Command{"SET", "a", 1})
	var e *Error
	if !errors.As(err, &e) || e.Cause != cause.QuotaDaily || e.Status != 400 {
		t.Errorf("error %#v", err)
	}
	const want = "multi-exec: quota_daily: HTTP 400: 10,001 of 10,000 commands used: ERR max daily request limit exceeded. Limit: 10000, Usage: 10001."
	if err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
}

func TestRepliesThatAreNotUpstashs(t *testing.T) {
	tests := []struct{ name, body string }{
		{"no JSON", "hello"},
		{"no result", `{"data":1}`},
		{"a string that is not base64", `{"result":"not base64!"}`},
		{"an object, which Redis does not have", `{"result":{"a":1}}`},
		{"nothing", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, tt.body) })
			if _, err := c.Do(t.Context(), "GET", "k"); CauseOf(err) != cause.NotUpstash {
				t.Errorf("Do: %v", err)
			}
			if _, err := c.Pipeline(t.Context(), Command{"GET", "k"}); CauseOf(err) != cause.NotUpstash {
				t.Errorf("Pipeline: %v", err)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := false
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed = true
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if got := CauseOf(c.Ping(t.Context()).Err); got != cause.NotUpstash {
		t.Errorf("Ping: %q", got)
	}
	if _, err := c.Do(t.Context(), "GET", "k"); CauseOf(err) != cause.NotUpstash {
		t.Errorf("Do: %v", err)
	}
	if followed {
		t.Error("the token went to another address")
	}
}

func TestBodiesAreBounded(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := strings.Repeat("x", 1<<20)
		for range maxReply>>20 + 2 {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	})
	if got := CauseOf(c.Ping(t.Context()).Err); got != cause.NotUpstash {
		t.Errorf("an endless answer to PING is %q", got)
	}
	if _, err := c.Do(t.Context(), "GET", "k"); CauseOf(err) != cause.RequestTooBig {
		t.Errorf("an endless answer to GET is %v", err)
	}
}

func TestTheCallersContextEndsTheCall(t *testing.T) {
	arrived := make(chan struct{})
	c := newTestClient(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	err := c.Ping(ctx).Err
	if CauseOf(err) != cause.Interrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v: want interrupted and context.Canceled", err)
	}
}

func TestNewNamesPasteMistakes(t *testing.T) {
	const ok = "https://us1-merry-cat-32748.upstash.io"
	tests := []struct {
		name, url, token string
		allowHTTP        bool
		want             cause.Cause
	}{
		{"as it should be", ok, "token==", false, ""},
		{"with a slash", ok + "/", "token", false, ""},
		{"no URL", "", "token", false, cause.ConfigMissing},
		{"no token", ok, "", false, cause.ConfigMissing},
		{"the TCP URL", "rediss://default:secret@host:6379", "token", false, cause.ConfigScheme},
		{"the TCP URL without TLS", "redis://host:6379", "token", false, cause.ConfigScheme},
		{"http", "http://host.upstash.io", "token", false, cause.ConfigScheme},
		{"http is allowed for loopback only", "http://host.upstash.io", "token", true, cause.ConfigScheme},
		{"http on loopback", "http://127.0.0.1:8080", "token", true, ""},
		{"http on loopback that is not allowed", "http://localhost:8080", "token", false, cause.ConfigScheme},
		{"no scheme", "us1-merry-cat-32748.upstash.io", "token", false, cause.ConfigScheme},
		{"a URL with a line break", ok + "\n", "token", false, cause.ConfigWhitespace},
		{"a URL in quotes", `"` + ok + `"`, "token", false, cause.ConfigWhitespace},
		{"a token with a line break", ok, "token\n", false, cause.ConfigWhitespace},
		{"a token in quotes", ok, `"token"`, false, cause.ConfigWhitespace},
		{"a token outside ASCII", ok, "tok\u200ben", false, cause.ConfigWhitespace},
		{"a URL with a password", "https://user:secret@host", "token", false, cause.ConfigInvalid},
		{"a URL with the token", ok + "?_token=secret", "token", false, cause.ConfigInvalid},
		{"a URL that cannot be parsed", "https://host:secret", "token", false, cause.ConfigInvalid},
		{"a URL without a host", "https://", "token", false, cause.ConfigInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Options{URL: tt.url, Token: secrets.New(tt.token), AllowHTTP: tt.allowHTTP})
			if got := CauseOf(err); got != tt.want {
				t.Errorf("New: %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error quotes the URL: %v", err)
			}
		})
	}
}

func TestNothingPrintsTheToken(t *testing.T) {
	// The URL may hold what belongs in the token.
	o := Options{URL: "https://host/" + testToken, Token: secrets.New(testToken)}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewManagement("ops@example.com", Options{Token: secrets.New(testToken)})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "options", o, "client", c, "management", m)
	for _, v := range []any{o, &o, c, m, []any{o, c, m}} {
		fmt.Fprintf(&log, "%v %+v %#v %s %q %x", v, v, v, v, v, v)
	}
	for _, form := range []string{"canary", fmt.Sprintf("%x", testToken)} {
		if strings.Contains(log.String(), form) {
			t.Errorf("printed: %s", log.String())
		}
	}
}
