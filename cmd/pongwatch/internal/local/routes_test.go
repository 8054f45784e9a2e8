package local

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// The four ways in which the functions are reached.
const (
	iam     = iota // in the cloud, IAM guards the pages
	open           // in the cloud, pages ask for a token, so that IAM guards nothing
	machine        // `local`, the demonstration, for this machine alone
	exposed        // `local --expose` of a real configuration, behind a proxy and by TLS
)

// A row says for each deployment who reaches a route, by names of people. Everyone else, and
// every method that has no row, is refused. "*" is everyone who gets through to the function
// at all; "-" is a route that the deployment does not have.
type row struct {
	function, pattern, path string
	who                     [4]string
}

const (
	scheduled = "scheduler"
	here      = "this caller reader actor viewer scheduler push slack event vercel link"
	direct    = "reader actor viewer scheduler push slack event vercel link stranger"
)

var routeTable = []row{
	{"healthcheck", "POST /", "/", [4]string{scheduled, scheduled, "caller", "caller"}},
	{"healthcheck", "GET /api/v1/health/redis", "/api/v1/health/redis", [4]string{"viewer scheduler", "reader proxied", here, "reader proxied"}},
	{"healthcheck", "GET /health", "/health", [4]string{"viewer scheduler", "reader proxied", here, "reader proxied"}},
	{"healthcheck", "GET /", "/else", [4]string{"*", "*", "-", "-"}},
	{"metrics", "POST /", "/", [4]string{scheduled, scheduled, "caller", "caller"}},
	{"metrics", "GET /{$}", "/", [4]string{"viewer scheduler", "reader actor proxied", here, "reader actor proxied"}},
	{"metrics", "GET /api/v1/admin/redis-metrics", "/api/v1/admin/redis-metrics", [4]string{"viewer scheduler", "reader actor proxied", here, "reader actor proxied"}},
	{"metrics", "OPTIONS /api/v1/admin/redis-metrics", "/api/v1/admin/redis-metrics", [4]string{"*", "*", "*", "*"}},
	{"metrics", "GET /api/v1/admin/redis-metrics/schema.json", "/api/v1/admin/redis-metrics/schema.json", [4]string{"viewer scheduler", "reader actor proxied", here, "reader actor proxied"}},
	{"metrics", "GET /metrics", "/metrics", [4]string{"viewer scheduler", "reader actor proxied", here, "reader actor proxied"}},
	{"metrics", "GET /chart.svg", "/chart.svg", [4]string{"viewer scheduler", "*", here, "*"}},
	{"metrics", "GET /badge.svg", "/badge.svg", [4]string{"viewer scheduler", "*", here, "*"}},
	{"metrics", "POST /act", "/act", [4]string{"", "actor", here, "actor this caller"}}, // IAM does not say who a reader is
	{"metrics", "GET /playbooks", "/playbooks", [4]string{"viewer scheduler", "", here, ""}},
	{"metrics", "GET /playbooks/{cause}", "/playbooks/mock", [4]string{"viewer scheduler", "", here, ""}}, // left to IAM, which guards neither
	{"metrics", "GET /assets/{name...}", "/assets/app.css", [4]string{"*", "*", "*", "*"}},
	{"metrics", "GET /", "/else", [4]string{"*", "*", "*", "*"}},
	{"alert", "POST /", "/Alert", [4]string{"push", "push", "caller", "caller"}},
	{"alert", "GET /", "/Alert", [4]string{"*", "*", "-", "-"}},
	{"inbound", "GET /{$}", "/", [4]string{"*", "*", "*", "*"}},
	{"inbound", "POST /slack/interactions", "/slack/interactions", [4]string{"slack", "slack", "", "slack"}}, // without a secret in the demonstration
	{"inbound", "POST /events", "/events", [4]string{"event", "event", "", "event"}},
	{"inbound", "POST /vercel", "/vercel", [4]string{"vercel", "vercel", "", "vercel"}},
	{"inbound", "GET /incident", "/incident", [4]string{"link", "link", "link", "link"}},
	{"inbound", "POST /incident", "/incident", [4]string{"link", "link", "link", "link"}},
	{"local", "POST /api/v1/commands", "/api/v1/commands", [4]string{"-", "-", here, "this caller"}},
	{"local", "GET /inbox", "/inbox", [4]string{"-", "-", here, "-"}},
	{"local", "GET /inbox.json", "/inbox.json", [4]string{"-", "-", here, "-"}},
	{"local", "GET /inbox/mail/{number}", "/inbox/mail/0", [4]string{"-", "-", "", "-"}}, // there is none yet
	{"local", "GET /inbox/inbox.css", "/inbox/inbox.css", [4]string{"-", "-", here, "-"}},
	{"local", "GET /inbox/inbox.js", "/inbox/inbox.js", [4]string{"-", "-", here, "-"}},
	{"local", "GET /inbox/icon.svg", "/inbox/icon.svg", [4]string{"-", "-", here, "-"}},
	{"local", "POST /demo/break", "/demo/break", [4]string{"-", "-", here, "-"}},
	{"local", "GET /demo/configuration", "/demo/configuration", [4]string{"-", "-", here, "-"}},
	{"local", "GET /demo/app/health", "/demo/app/health", [4]string{"-", "-", here, "-"}},
	{"local", "POST /demo/app/health", "/demo/app/health", [4]string{"-", "-", "", "-"}}, // for who has the proof's key
}

// mounted are local's routes that lead to a function's own, with the path's prefix.
var mounted = map[string]string{
	"/api/v1/health/redis": "healthcheck", "/health": "healthcheck", "POST /HealthCheck": "healthcheck", "POST /Alert": "alert", "/webhook/": "inbound", "/": "metrics",
}

// through says who gets to a function at all.
func through(deployment int, function, who string) bool {
	switch deployment {
	case iam: // the members of run.invoker
		return map[string]string{"healthcheck": "viewer scheduler", "metrics": "viewer scheduler", "alert": "push"}[function] == "" ||
			has(map[string]string{"healthcheck": "viewer scheduler", "metrics": "viewer scheduler", "alert": "push"}[function], who)
	case machine:
		return has(here, who)
	case exposed:
		return has(direct+" this caller proxied", who)
	}
	return true
}

func has(list, who string) bool { return slices.Contains(strings.Fields(list), who) }

const (
	routeToken  = "a-read-token-of-24-chars"
	actToken    = "an-act-token-of-24-chars"
	routeSlack  = "8f742231b10e8888abcd99yyyzzz85a5"
	routeEvent  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	routeLink   = "a-link-key-of-more-than-24-bytes"
	routeHost   = "pongwatch.example.com"
	routeAud    = "https://function-1.us-east4.run.app"
	accountOf   = "@p.iam.gserviceaccount.com"
	interaction = `{"type":"block_actions","user":{"id":"U1"},"actions":[{"action_id":"acknowledge","action_ts":"1.1","value":"1|main|20261122T182201Z-7F3A9K2M4QXT|1"}]}`
)

// people are who asks, and what they have.
var people = []string{"stranger", "reader", "actor", "viewer", "scheduler", "push", "slack", "event", "vercel", "link", "this", "caller", "forwarded", "wronghost", "proxied"}

// ask makes the request of one of them.
func (d *deployment) ask(t *testing.T, method, path, who string) *http.Request {
	t.Helper()
	body, kind, query := "", "application/json", ""
	header := http.Header{}
	switch who {
	case "reader", "proxied":
		header.Set("Authorization", "Bearer "+routeToken)
	case "actor":
		header.Set("Authorization", "Bearer "+actToken)
	case "viewer", "scheduler", "push":
		token, err := d.google.Token(oidctest.ClaimsOf(who+accountOf, routeAud, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		header.Set("Authorization", "Bearer "+token)
	case "caller":
		header.Set("Authorization", "Bearer "+d.callerToken)
	case "slack":
		body, kind = url.Values{"payload": {interaction}}.Encode(), "application/x-www-form-urlencoded"
		slacktest.Sign(header, routeSlack, time.Now(), []byte(body))
	case "event":
		body = `{"type":"mock_mode.activated","data":{"service":"backend"}}`
		key, err := signature.ParseKey(routeEvent)
		if err == nil {
			err = signature.Sign(header, []signature.Key{key}, "boot-1", time.Now(), []byte(body))
		}
		if err != nil {
			t.Fatal(err)
		}
	case "vercel":
		body = "[]"
		mac := hmac.New(sha1.New, []byte(routeEvent))
		mac.Write([]byte(body))
		header.Set("X-Vercel-Signature", hex.EncodeToString(mac.Sum(nil)))
	case "link":
		key, err := signature.ParseKey(d.linkKey)
		if err != nil {
			t.Fatal(err)
		}
		q, err := signature.SignLink(key, signature.Link{
			Purpose: message.LinkPurpose, Shard: "main", Incident: "20261122T182201Z-7F3A9K2M4QXT", Action: string(report.Acknowledge), Expires: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		query, kind = "?"+q.Encode(), "application/x-www-form-urlencoded"
	case "forwarded":
		header.Set("X-Forwarded-For", "127.0.0.1")
	}
	r := httptest.NewRequest(method, path+query, strings.NewReader(body))
	r.Header = header
	r.Header.Set("Content-Type", kind)
	r.Host, r.RemoteAddr, r.TLS = routeHost, "203.0.113.9:50000", &tls.ConnectionState{}
	if d.local && has(here, who) && (d.number == machine || has("this caller", who)) || who == "wronghost" || who == "forwarded" {
		r.Host, r.RemoteAddr, r.TLS = "127.0.0.1:8080", "127.0.0.1:50000", nil
	}
	switch who {
	case "wronghost":
		r.Host = "evil.example:8080"
	case "proxied":
		r.RemoteAddr, r.Host, r.TLS = "10.0.0.2:50000", "127.0.0.1:8080", nil
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Header.Set("X-Forwarded-Host", routeHost)
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	return r
}

// expected returns who reaches the path of row of by method: as its own row says, or else as
// that of the whole function does.
func (d *deployment) expected(of row, method string) string {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	rest := ""
	for _, r := range routeTable {
		verb, pattern, _ := strings.Cut(r.pattern, " ")
		if verb != method || r.who[d.number] == "-" || !d.local && r.function != of.function {
			continue
		}
		if d.at(r) == d.at(of) {
			return r.who[d.number]
		}
		if pattern == "/" && method == http.MethodPost && (!d.local || of.function != "inbound" && r.function == "metrics") {
			rest = r.who[d.number]
		}
	}
	return rest
}

// Every route of every function and of `local`, by every method, asked by everyone. A route
// that the table does not name fails it, so that nobody adds one without saying who may use it.
func TestWhoReachesWhat(t *testing.T) {
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "QUERY"}
	for number, name := range []string{"behind IAM", "open", "this machine", "exposed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d *deployment
			if number < machine {
				d = cloud(t, number)
			} else {
				d = process(t, number)
			}
			assertEachRouteHasARow(t, d)
			for _, row := range routeTable {
				if row.who[number] == "-" {
					continue
				}
				for _, method := range methods {
					want := d.expected(row, method)
					for _, who := range people {
						reached := through(number, row.function, who) && (want == "*" || has(want, who))
						w := httptest.NewRecorder()
						d.functions[row.function].ServeHTTP(w, d.ask(t, method, d.at(row), who))
						if got := letIn(w, row.path); got != reached {
							t.Errorf("%s: %s %s by %s is answered %d %.120q; want it let in: %t", row.function, method, d.at(row), who, w.Code, w.Body, reached)
						}
					}
				}
			}
		})
	}
}

// letIn reports whether an answer is the handler's and not a refusal.
func letIn(w *httptest.ResponseRecorder, path string) bool {
	switch w.Code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusMisdirectedRequest:
		return false
	case http.StatusNotFound:
		return path == "/else"
	case http.StatusServiceUnavailable:
		return !strings.Contains(w.Body.String(), "not configured")
	}
	return true
}

func assertEachRouteHasARow(t *testing.T, d *deployment) {
	t.Helper()
	known := map[string]bool{}
	for _, r := range routeTable {
		if r.who[d.number] != "-" {
			known[r.function+" "+r.pattern] = true
		}
	}
	for function, routes := range d.routes {
		for _, r := range routes {
			if sub := mounted[r.Pattern]; function == "local" && sub != "" && r.Guard == "routes of its own" {
				continue
			}
			if !known[function+" "+r.Pattern] {
				t.Errorf("%s: no row says who reaches %q, which is guarded by %q", function, r.Pattern, r.Guard)
			}
			delete(known, function+" "+r.Pattern)
		}
		for left := range known {
			if strings.HasPrefix(left, function+" ") {
				t.Errorf("the table has %q, which is not served", left)
			}
		}
	}
}
