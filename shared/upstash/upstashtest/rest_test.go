package upstashtest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/redistest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

const (
	standard = "AXstandard="
	readOnly = "AXreadonly="
)

func start(t *testing.T, o upstashtest.Options) *upstashtest.Server {
	t.Helper()
	o.Token, o.ReadOnlyToken = standard, readOnly
	return upstashtest.Start(t, o)
}

// ask makes one request; headers are "Name: value" lines after the token.
func ask(t *testing.T, s *upstashtest.Server, method, target, token, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// TestREST is one conversation: each line is asked in turn, of one database.
func TestREST(t *testing.T) {
	s := start(t, upstashtest.Options{})
	tests := []struct {
		name, method, target, token, body string
		headers                           []string
		status                            int
		want                              string
	}{
		{"a command as a path", "GET", "/set/foo/bar", standard, "", nil, 200, `{"result":"OK"}`},
		{"in any case", "GET", "/GeT/foo", standard, "", nil, 200, `{"result":"bar"}`},
		{"with encoded arguments", "GET", "/set/a%2Fb/x%20y%3F", standard, "", nil, 200, `{"result":"OK"}`},
		{"that arrive decoded", "POST", "/", standard, `["GET","a/b"]`, nil, 200, `{"result":"x y?"}`},
		{"a body as the last argument, then the query", "POST", "/set/foo?EX=100", standard, "a value", nil, 200, `{"result":"OK"}`},
		{"which sets an expiry", "GET", "/ttl/foo", standard, "", nil, 200, `{"result":100}`},
		{"and the value", "GET", "/get/foo", standard, "", nil, 200, `{"result":"a value"}`},
		{"PUT is POST", "PUT", "/set/foo", standard, "put", nil, 200, `{"result":"OK"}`},
		{"a flag in the query", "POST", "/set/foo?NX", standard, "again", nil, 200, `{"result":null}`},
		{"HEAD answers without a body", "HEAD", "/ping", standard, "", nil, 200, ""},
		{"other methods", "DELETE", "/ping", standard, "", nil, 405, ""},
		{"a command as a JSON array, with numbers", "POST", "/", standard, `["SET","n",1.50,"EX",60]`, nil, 200, `{"result":"OK"}`},
		{"keeps the numbers' text", "GET", "/get/n", standard, "", nil, 200, `{"result":"1.50"}`},
		{"a body that is no command", "POST", "/", standard, `{"a":1}`, nil, 400, `{"error":"expected JSON array"}`},
		{"a body that is null", "POST", "/", standard, `null`, nil, 400, `{"error":"expected JSON array"}`},
		{"a body that is no JSON", "POST", "/", standard, `["SET"`, nil, 400, `{"error":"ERR the body is not JSON"}`},
		{"an empty command", "POST", "/", standard, `[]`, nil, 400, `{"error":"ERR empty command"}`},
		{"no body", "POST", "/", standard, ``, nil, 400, `{"error":"EOF"}`},
		{"an argument that is null", "POST", "/", standard, `["SET","a",null]`, nil, 400, `{"error":"ERR null args are not supported"}`},
		{"an argument that is an array", "POST", "/", standard, `["SET","a",["b"]]`, nil, 400, `{"error":"ERR unsupported arg type: \"[\": json.Delim"}`},
		{"a pipeline without its path", "POST", "/", standard, `[["SET","a","b"],["GET","a"]]`, nil, 400, `{"error":"ERR unsupported arg type: \"[\": json.Delim"}`},
		{"null inside of a pipeline", "POST", "/pipeline", standard, `[["SET","a",null]]`, nil, 400, `{"error":"ERR null args are not supported"}`},
		{"a boolean keeps its text", "POST", "/", standard, `["ECHO",true]`, nil, 200, `{"result":"true"}`},
		{"an argument that is an object", "POST", "/", standard, `["SET","a",{"b":1}]`, nil, 400, `{"error":"ERR unsupported arg type: \"{\": json.Delim"}`},
		{"neither path nor body", "GET", "/", standard, "", nil, 400, `{"error":"EOF"}`},
		{"Redis' own errors", "GET", "/get", standard, "", nil, 400, `{"error":"ERR wrong number of arguments for 'get' command"}`},
		{"a nil", "GET", "/get/none", standard, "", nil, 200, `{"result":null}`},
		{"an array", "GET", "/mget/n/none", standard, "", nil, 200, `{"result":["1.50",null]}`},

		{"no token", "GET", "/ping", "", "", nil, 401, `{"error":"WRONGPASS invalid or missing auth token. See https://docs.upstash.com/redis/troubleshooting/http_unauthorized for details."}`},
		{"the token without its padding", "GET", "/ping", strings.TrimSuffix(standard, "="), "", nil, 401, `{"error":"WRONGPASS invalid or missing auth token. See https://docs.upstash.com/redis/troubleshooting/http_unauthorized for details."}`},
		{"a small bearer", "GET", "/ping", "", "", []string{"Authorization: bearer " + standard}, 200, `{"result":"PONG"}`},
		{"a token without bearer", "GET", "/ping", "", "", []string{"Authorization: " + standard}, 200, `{"result":"PONG"}`},
		{"the token in the query", "GET", "/ping?_token=" + standard, "", "", nil, 200, `{"result":"PONG"}`},
		{"is no argument", "GET", "/echo/x?_token=" + standard, "", "", nil, 200, `{"result":"x"}`},
		{"the read-only token reads", "GET", "/get/n", readOnly, "", nil, 200, `{"result":"1.50"}`},
		{"and does not write", "GET", "/set/n/2", readOnly, "", nil, 400, `{"error":"NOPERM this user has no permissions to run the 'set' command or its subcommand"}`},
		{"nor scan", "GET", "/scan/0", readOnly, "", nil, 400, `{"error":"NOPERM this user has no permissions to run the 'scan' command or its subcommand"}`},
		{"and is default_ro", "GET", "/acl/whoami", readOnly, "", nil, 200, `{"result":"default_ro"}`},
		{"another subcommand of ACL", "POST", "/", standard, `["ACL","LIST"]`, nil, 400, `{"error":"ERR Command is not available: 'ACL LIST'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}`},

		{"base64, but not OK", "POST", "/pipeline", standard, `[["SET","b","OK"],["GET","b"],["ECHO","PONG"],["STRLEN","b"],["GET","none"],["MGET","b","none"]]`, []string{"Upstash-Encoding: base64"}, 200, `[{"result":"OK"},{"result":"OK"},{"result":"UE9ORw=="},{"result":2},{"result":null},{"result":["T0s=",null]}]`},
		{"base64 does not encode errors", "GET", "/get", standard, "", []string{"Upstash-Encoding: base64"}, 400, `{"error":"ERR wrong number of arguments for 'get' command"}`},
		{"bytes that are not UTF-8", "GET", "/set/bin/%FF", standard, "", nil, 200, `{"result":"OK"}`},
		{"are replaced", "GET", "/get/bin", standard, "", nil, 200, `{"result":"\ufffd"}`},
		{"unless base64 is asked for", "GET", "/get/bin", standard, "", []string{"Upstash-Encoding: base64"}, 200, `{"result":"/w=="}`},
		{"RESP2", "POST", "/pipeline", standard, `[["PING"],["GET","n"],["GET","none"],["MGET","n"],["INCR","n"],["STRLEN","n"]]`, []string{"Upstash-Response-Format: resp2"}, 200, "+PONG\r\n$4\r\n1.50\r\n$-1\r\n*1\r\n$4\r\n1.50\r\n-ERR value is not an integer or out of range\r\n:4\r\n"},
		{"RESP2 excludes base64", "GET", "/ping", standard, "", []string{"Upstash-Response-Format: resp2", "Upstash-Encoding: base64"}, 400, `{"error":"ERR base64 and resp2 exclude each other"}`},
		{"another format", "GET", "/ping", standard, "", []string{"Upstash-Response-Format: resp3"}, 400, `{"error":"ERR unsupported Upstash-Response-Format"}`},
		{"an encoding that there is not", "GET", "/ping", standard, "", []string{"Upstash-Encoding: hex"}, 400, `{"error":"ERR unsupported Upstash-Encoding"}`},

		{"a pipeline keeps errors apart", "POST", "/pipeline", standard, `[["SET","p",1],["INCR","b"],["INCR","p"]]`, nil, 200, `[{"result":"OK"},{"error":"ERR value is not an integer or out of range"},{"result":2}]`},
		{"an empty pipeline", "POST", "/pipeline", standard, `[]`, nil, 400, `{"error":"ERR empty command"}`},
		{"a pipeline without a body", "POST", "/pipeline", standard, ``, nil, 400, `{"error":"EOF"}`},
		{"a pipeline that is an object", "POST", "/pipeline", standard, `{}`, nil, 400, `{"error":"expected JSON array"}`},
		{"a command of a pipeline that is a word", "POST", "/pipeline", standard, `["PING"]`, nil, 400, `{"error":"expected JSON array"}`},
		{"a slash too many", "POST", "//pipeline", standard, `[["PING"]]`, nil, 200, `[{"result":"PONG"}]`},
		{"two slashes and a command", "GET", "//ping", standard, "", nil, 200, `{"result":"PONG"}`},
		{"a browser asks first", "OPTIONS", "/pipeline", "", "", nil, 200, ""},
		{"a transaction", "POST", "/multi-exec", standard, `[["SET","t",1],["INCR","t"],["GET","none"]]`, nil, 200, `[{"result":"OK"},{"result":2},{"result":null}]`},
		{"an error inside a transaction", "POST", "/multi-exec", standard, `[["SET","t","x"],["INCR","t"]]`, nil, 200, `[{"result":"OK"},{"error":"ERR value is not an integer or out of range"}]`},
		{"a transaction that is discarded", "POST", "/multi-exec", standard, `[["SET","t",1],["SLOWLOG"]]`, nil, 400, `{"error":"ERR Command is not available: 'SLOWLOG'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}`},
		{"has not begun", "GET", "/get/t", standard, "", nil, 200, `{"result":"x"}`},

		{"a command that Upstash lacks", "GET", "/slowlog/get", standard, "", nil, 400, `{"error":"ERR Command is not available: 'SLOWLOG'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}`},
		{"a subcommand that Upstash lacks", "GET", "/memory/stats", standard, "", nil, 400, `{"error":"ERR Command is not available: 'MEMORY STATS'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}`},
		{"a path that people try", "GET", "/health", standard, "", nil, 400, `{"error":"ERR Command is not available: 'HEALTH'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}`},
		{"a command that REST lacks", "GET", "/multi", standard, "", nil, 400, `{"error":"ERR Command \"MULTI\" is not allowed in REST or it has a special context path"}`},
		{"a blocking one", "GET", "/blpop/q/1", standard, "", nil, 400, `{"error":"ERR Command \"BLPOP\" is not allowed in REST or it has a special context path"}`},
		{"a blocking read of a stream", "GET", "/xread/block/10/streams/x/0", standard, "", nil, 400, `{"error":"ERR Command \"XREAD\" is not allowed in REST or it has a special context path"}`},
		{"CONFIG knows one parameter", "GET", "/config/get/notify-keyspace-events", standard, "", nil, 200, `{"result":["notify-keyspace-events",""]}`},
		{"and nothing of the others", "GET", "/config/get/maxmemory", standard, "", nil, 200, `{"result":[]}`},
		{"and cannot be set", "GET", "/config/set/maxmemory/1", standard, "", nil, 400, `{"error":"ERR Command is not available: 'CONFIG SET'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}`},
		{"a section of INFO that is none", "GET", "/info/persistent", standard, "", nil, 200, `{"result":"# persistent\r\n"}`},
		{"a script with Upstash's flag", "POST", "/", standard, `["EVAL","#!lua flags=allow-key-locking\nreturn redis.call('GET', KEYS[1])",1,"p"]`, nil, 200, `{"result":"2"}`},
		{"and by the name of its own text", "POST", "/", standard, `["EVALSHA","67baf049a82d670e8e08333751ef016ab522f7ff",1,"p"]`, nil, 200, `{"result":"2"}`},
		{"a script that was not loaded", "POST", "/", standard, `["EVALSHA","1b2a4b3a4c0a2b2ac4b8e0e4cc31a7eb8f9a2a11",0]`, nil, 400, `{"error":"NOSCRIPT No matching script. Please use EVAL."}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, s, tt.method, tt.target, tt.token, tt.body, tt.headers...)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
			// Go 1.27's encoding/json writes U+FFFD itself, earlier ones its escape.
			body = strings.ReplaceAll(body, "\ufffd", `\ufffd`)
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if tt.status == 405 && resp.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}

// Over a real Redis, a script loses Upstash's flag and keeps the others.
func TestScriptsKeepTheFlagsOfRedis(t *testing.T) {
	s := start(t, upstashtest.Options{Redis: redistest.Start(t).Addr})
	const readOnly = "ERR Write commands are not allowed from read-only scripts."
	for flags, want := range map[string]string{
		"allow-key-locking":           `{"result":"OK"}`,
		"allow-key-locking,no-writes": readOnly,
		"no-writes,allow-key-locking": readOnly,
		"no-writes":                   readOnly,
		"allow-oom,allow-key-locking": `{"result":"OK"}`,
		"allow-key-locking,no-such":   "Unexpected flag in script shebang: no-such",
	} {
		script := "#!lua flags=" + flags + `\nreturn redis.call('SET', KEYS[1], 1)`
		if _, body := ask(t, s, "POST", "/", standard, `["EVAL","`+script+`",1,"k"]`); !strings.Contains(body, want) {
			t.Errorf("flags=%s: %s, want %s", flags, body, want)
		}
	}
}

func TestRotationRevokesBothTokens(t *testing.T) {
	s := start(t, upstashtest.Options{})
	fresh := s.Rotate()
	for token, want := range map[string]int{standard: 401, readOnly: 401, fresh: 200, s.ReadOnlyToken(): 200} {
		if resp, _ := ask(t, s, "GET", "/ping", token, ""); resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
	}
}

func TestSyncTokenChangesWithEachAnswer(t *testing.T) {
	s := start(t, upstashtest.Options{})
	first, _ := ask(t, s, "GET", "/ping", standard, "", "Upstash-Sync-Token: ")
	second, _ := ask(t, s, "GET", "/ping", standard, "", "Upstash-Sync-Token: "+first.Header.Get("Upstash-Sync-Token"))
	if a, b := first.Header.Get("Upstash-Sync-Token"), second.Header.Get("Upstash-Sync-Token"); a == "" || a == b {
		t.Errorf("sync tokens %q and %q", a, b)
	}
}

func TestBilledCommands(t *testing.T) {
	s := start(t, upstashtest.Options{})
	ask(t, s, "GET", "/ping", standard, "")
	ask(t, s, "GET", "/info", standard, "")
	ask(t, s, "GET", "/set/a/1", readOnly, "")
	if n := s.Commands(); n != 0 {
		t.Errorf("%d commands billed for PING, INFO and a refused SET", n)
	}
	ask(t, s, "POST", "/pipeline", standard, `[["SET","a",1],["GET","a"],["PING"]]`)
	if n := s.Commands(); n != 2 {
		t.Errorf("%d commands billed for a pipeline of SET, GET and PING", n)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	s := start(t, upstashtest.Options{})
	resp, body := ask(t, s, "POST", "/set/a", standard, strings.Repeat("x", 10<<20+5))
	const want = `{"error":"ERR max request size exceeded. Limit: 10485760 bytes, Actual: 10485765 bytes. See https://upstash.com/docs/redis/troubleshooting/max_request_size_exceeded for details"}`
	if resp.StatusCode != 413 || body != want {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, body := ask(t, s, "POST", "/set/a", standard, strings.Repeat("x", 10<<20)); resp.StatusCode != 200 {
		t.Errorf("a request of the limit: %d %.200s", resp.StatusCode, body)
	}
}

// TestAPipelineIsBoundedByItsCommands: each command and each reply counts by itself.
func TestAPipelineIsBoundedByItsCommands(t *testing.T) {
	s := start(t, upstashtest.Options{})
	large := strings.Repeat("x", 6<<20)
	resp, body := ask(t, s, "POST", "/pipeline", standard, `[["SET","a","`+large+`"],["SET","b","`+large+`"]]`)
	if resp.StatusCode != 200 || body != `[{"result":"OK"},{"result":"OK"}]` {
		t.Errorf("two commands of 6 MB: %d %.200s", resp.StatusCode, body)
	}
	resp, body = ask(t, s, "POST", "/pipeline", standard, `[["MGET","a","b"],["STRLEN","a"]]`)
	const want = `[{"error":"ERR max request size exceeded. Limit: 10485760 bytes, Actual: 12582918 bytes. See https://upstash.com/docs/redis/troubleshooting/max_request_size_exceeded for details"},{"result":6291456}]`
	if resp.StatusCode != 200 || body != want {
		t.Errorf("a reply of 12 MB: %d %.300s", resp.StatusCode, body)
	}
	if resp, body := ask(t, s, "POST", "/multi-exec", standard, `[["MGET","a","b"],["STRLEN","a"]]`); resp.StatusCode != 200 || body != want {
		t.Errorf("a reply of 12 MB in a transaction: %d %.300s", resp.StatusCode, body)
	}
	if resp, body := ask(t, s, "POST", "/pipeline", standard, `[["GET","a"],["GET","b"]]`); resp.StatusCode != 200 || len(body) < 12<<20 {
		t.Errorf("two replies of 6 MB: %d and %d bytes", resp.StatusCode, len(body))
	}
	if resp, body := ask(t, s, "POST", "/pipeline", standard, `[["PING"],["SET","a","`+large+large+`"]]`); resp.StatusCode != 413 {
		t.Errorf("a command of 12 MB: %d %.200s", resp.StatusCode, body)
	}
}

// TestTTLIsRoundedAsRedisDoes: miniredis cuts fractions off.
func TestTTLIsRoundedAsRedisDoes(t *testing.T) {
	s := start(t, upstashtest.Options{})
	for _, tt := range []struct{ set, ask, want string }{
		{`["SET","k",1,"PX",99600]`, `["TTL","k"]`, `{"result":100}`},
		{`["SET","k",1,"PX",100400]`, `["TTL","k"]`, `{"result":100}`},
		{`["SET","k",1]`, `["TTL","k"]`, `{"result":-1}`},
		{`["DEL","k"]`, `["TTL","k"]`, `{"result":-2}`},
		{`["SET","k",1,"PXAT",4102444799600]`, `["EXPIRETIME","k"]`, `{"result":4102444800}`},
		{`["PING"]`, `["TTL"]`, `{"error":"ERR wrong number of arguments for 'ttl' command"}`},
	} {
		ask(t, s, "POST", "/", standard, tt.set)
		if _, body := ask(t, s, "POST", "/", standard, tt.ask); body != tt.want {
			t.Errorf("%s after %s: %s, want %s", tt.ask, tt.set, body, tt.want)
		}
	}
	if _, body := ask(t, s, "POST", "/multi-exec", standard, `[["SET","k",1,"PX",99600],["TTL","k"]]`); body != `[{"result":"OK"},{"result":100}]` {
		t.Errorf("in a transaction: %s", body)
	}
}

func TestABrowserMayAsk(t *testing.T) {
	s := start(t, upstashtest.Options{})
	resp, _ := ask(t, s, "OPTIONS", "/pipeline", "", "", "Origin: https://app.example.com", "Access-Control-Request-Headers: authorization")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Headers": "authorization", "Access-Control-Allow-Methods": "HEAD, GET, POST, PUT",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestEveryCommandOfAStoppedDatabaseIsRefused(t *testing.T) {
	for mode, want := range map[upstashtest.Mode]string{
		upstashtest.Suspended:   "ERR This database has been suspended for exceeding the defined budget limit.",
		upstashtest.PlanLimit:   "ERR This database has reached current Fixed plan limits.",
		upstashtest.RateLimited: "ERR Your database has been temporarily rate-limited",
		upstashtest.Connections: "ERR max concurrent connections exceeded",
		upstashtest.Loading:     "LOADING Redis is loading",
	} {
		s := start(t, upstashtest.Options{})
		breakIt(t, s, upstashtest.Fault{Mode: mode})
		for _, path := range []string{"/ping", "/get/a", "/set/a/1", "/info"} {
			if resp, body := ask(t, s, "GET", path, standard, ""); resp.StatusCode != 400 || !strings.HasPrefix(body, `{"error":"`+want) {
				t.Errorf("%s %s: %d %s", mode, path, resp.StatusCode, body)
			}
		}
	}
}
