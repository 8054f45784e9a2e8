package upstashtest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// said is an answer without what differs by the moment.
type said struct {
	Status      int
	Media, Body string
}

// exchange sends a request as "METHOD path", with a body and headers.
func exchange(t *testing.T, s *upstashtest.Server, token, line, body string, headers ...string) said {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	resp, text := ask(t, s, method, path, token, body, headers...)
	return said{resp.StatusCode, resp.Header.Get("Content-Type"), text}
}

// Without a fault, the proxy answers exactly what the database behind it answers.
func TestAProxyPassesEverythingOn(t *testing.T) {
	database := upstashtest.Start(t, upstashtest.Options{})
	observed := 0
	proxy := upstashtest.Start(t, upstashtest.Options{Upstream: database.URL(), Observe: func(*http.Request) { observed++ }})
	tests := []struct {
		name, token, line, body string
		headers                 []string
	}{
		{"a command in the path", database.Token(), "GET /set/a/b%2Fc", "", nil},
		{"its value has its slash", database.Token(), "GET /get/a", "", nil},
		{"arguments in the query keep their order", database.Token(), "POST /set/z?PX=60000&NX", "v", nil},
		{"a query that is no form", database.Token(), "GET /echo?a;b", "", nil},
		{"a command as JSON", database.Token(), "POST /", `["GET","a"]`, nil},
		{"in base64", database.Token(), "POST /", `["GET","a"]`, []string{"Upstash-Encoding: base64"}},
		{"in a format that the database refuses", database.Token(), "POST /", `["GET","a"]`, []string{"Upstash-Response-Format: resp2"}},
		{"in RESP2", database.Token(), "POST /", `["GET","a"]`, []string{"Upstash-Response-Format: resp2"}},
		{"a pipeline with two slashes", database.Token(), "POST //pipeline", `[["GET","a"],["NOPE"]]`, nil},
		{"a transaction", database.Token(), "POST /multi-exec", `[["GET","a"],["INCR","a"]]`, nil},
		{"a body that the database refuses", database.Token(), "POST /", `{}`, nil},
		{"no body at all", database.Token(), "POST /", ``, nil},
		{"a token that the database refuses", "wrong", "GET /ping", "", nil},
		{"the token for reading", database.ReadOnlyToken(), "GET /set/a/b", "", nil},
		{"the token in the query", "wrong", "GET /ping?_token=" + database.Token(), "", nil},
	}
	for _, tt := range tests {
		want := exchange(t, database, tt.token, tt.line, tt.body, tt.headers...)
		if tt.name == "arguments in the query keep their order" {
			exchange(t, database, tt.token, "GET /del/z", "")
		}
		if diff := cmp.Diff(want, exchange(t, proxy, tt.token, tt.line, tt.body, tt.headers...)); diff != "" {
			t.Errorf("%s: (-database +proxy):\n%s", tt.name, diff)
		}
	}
	if observed != len(tests) {
		t.Errorf("%d requests were observed, want %d", observed, len(tests))
	}
}

// Under each fault the proxy answers as the emulator under that fault does, and what the fault
// does not concern comes from the database.
func TestAProxyFailsAsTheEmulatorDoes(t *testing.T) {
	requests := []struct{ line, body string }{
		{"GET /ping", ""},
		{"GET /set/a/1", ""},
		{"GET /get/a", ""},
		{"POST /", `["SET","a","2"]`},
		{"POST /pipeline", `[["SET","a","3"],["GET","a"],["DEL","none"],["GET","b"]]`},
		{"POST /pipeline", `[["GET","a"]]`},
		{"POST /pipeline", `[["SET","a","4"]]`},
		{"POST /multi-exec", `[["GET","a"],["SET","a","5"]]`},
		{"POST /multi-exec", `[["GET","a"]]`},
		{"POST /pipeline", `{}`},
		{"POST /", ``},
	}
	skipped := []upstashtest.Mode{upstashtest.Hang, upstashtest.HangInside, upstashtest.Refuse, upstashtest.Reset, upstashtest.Truncated, upstashtest.ForeignCertificate, upstashtest.Slow}
	for _, mode := range upstashtest.Modes() {
		if slices.Contains(skipped, mode) {
			continue // no answer to compare: the same code with and without an upstream
		}
		emulator, database := upstashtest.Start(t, upstashtest.Options{}), upstashtest.Start(t, upstashtest.Options{})
		proxy := upstashtest.Start(t, upstashtest.Options{Upstream: database.URL()})
		for _, s := range []*upstashtest.Server{emulator, database} {
			exchange(t, s, s.Token(), "GET /set/b/kept", "")
		}
		breakIt(t, emulator, upstashtest.Fault{Mode: mode})
		breakIt(t, proxy, upstashtest.Fault{Mode: mode})
		for _, r := range requests {
			want, got := exchange(t, emulator, emulator.Token(), r.line, r.body), exchange(t, proxy, database.Token(), r.line, r.body)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s %s (-emulator +proxy):\n%s", mode, r.line, r.body, diff)
			}
		}
		breakIt(t, proxy, upstashtest.Fault{})
		if got := exchange(t, proxy, database.Token(), "GET /get/b", "").Body; got != `{"result":"kept"}` {
			t.Errorf("%s, and it is over: %s", mode, got)
		}
	}
}

// A pipeline of which nothing is refused is one request to the database, as it is without a fault.
func TestAProxyKeepsAPipelineWhole(t *testing.T) {
	var paths []string
	database := upstashtest.Start(t, upstashtest.Options{Observe: func(r *http.Request) { paths = append(paths, r.URL.Path) }})
	proxy := upstashtest.Start(t, upstashtest.Options{Upstream: database.URL()})
	for _, mode := range []upstashtest.Mode{upstashtest.Full, upstashtest.WritePaused, upstashtest.ReadonlyToken} {
		paths = nil
		breakIt(t, proxy, upstashtest.Fault{Mode: mode})
		want := said{http.StatusOK, "application/json", `[{"result":null},{"result":null}]`}
		if diff := cmp.Diff(want, exchange(t, proxy, database.Token(), "POST /pipeline", `[["GET","a"],["GET","b"]]`)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
		if diff := cmp.Diff([]string{"/pipeline"}, paths); diff != "" {
			t.Errorf("%s: requests to the database (-want +got):\n%s", mode, diff)
		}
	}
}

// Of a pipeline that is refused in part, an answer about the whole request is no item.
func TestAProxyJudgesTheDatabasesStatus(t *testing.T) {
	items := said{http.StatusOK, "application/json", `[{"error":"READONLY Writes are temporarily rejected due to server upgrade"},{"error":"ERR x"}]`}
	gone := said{http.StatusBadGateway, "text/html; charset=utf-8", "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"}
	for status, want := range map[int]said{200: items, 400: items, 401: gone, 429: gone, 503: gone} {
		database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, `{"error":"ERR x"}`)
		}))
		defer database.Close()
		proxy := upstashtest.Start(t, upstashtest.Options{Upstream: database.URL})
		breakIt(t, proxy, upstashtest.Fault{Mode: upstashtest.WritePaused})
		if diff := cmp.Diff(want, exchange(t, proxy, "any", "POST /pipeline", `[["SET","a","1"],["GET","a"]]`)); diff != "" {
			t.Errorf("HTTP %d (-want +got):\n%s", status, diff)
		}
	}
}

// What a proxy cannot do it says.
func TestAProxyAtItsLimits(t *testing.T) {
	database := upstashtest.Start(t, upstashtest.Options{})
	proxy := upstashtest.Start(t, upstashtest.Options{Upstream: database.URL()})
	breakIt(t, proxy, upstashtest.Fault{Mode: upstashtest.Full})
	for _, tt := range []struct {
		name, path, body, want string
		status                 int
	}{
		{"a pipeline in RESP2 of which a part is refused", "/pipeline", `[["SET","a","1"],["GET","a"]]`, "a proxy cannot refuse parts", 400},
		{"one that is refused as a whole", "/pipeline", `[["SET","a","1"]]`, "-ERR DB capacity quota exceeded", 200},
		{"one of which nothing is refused", "/pipeline", `[["GET","a"]]`, "$-1\r\n", 200},
		{"a command that is refused", "/", `["SET","a","1"]`, "-ERR DB capacity quota exceeded", 400},
	} {
		got := exchange(t, proxy, database.Token(), "POST "+tt.path, tt.body, "Upstash-Response-Format: resp2")
		if got.Status != tt.status || !strings.Contains(got.Body, tt.want) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	database.Close()
	for _, body := range []string{`[["GET","a"]]`, `[["SET","a","1"],["GET","a"]]`} {
		if got := exchange(t, proxy, "any", "POST /pipeline", body); got.Status != http.StatusBadGateway || got.Media != "text/html; charset=utf-8" {
			t.Errorf("with the database gone, %s: %+v", body, got)
		}
	}
	for _, address := range []string{"usw1-x.upstash.io", "rediss://x.upstash.io", "https://u:p@x.upstash.io", "https://x.upstash.io?a=b", "::"} {
		if _, err := upstashtest.New(upstashtest.Options{Upstream: address}); err == nil || !strings.Contains(err.Error(), "want a REST URL such as https://") || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v, want a refusal with an example", address, err)
		}
	}
}
