package local

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
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

// deployment is the functions as one of the four ways has them.
type deployment struct {
	number      int
	local       bool
	google      *oidctest.Issuer
	callerToken string
	linkKey     string
	// functions answer by name; of local, the one server does.
	functions map[string]http.Handler
	routes    map[string][]access.Route
}

const routeDocument = `
databases: [{name: cache, url: %[1]q, token: x, app: {service: backend, health_url: %[1]q}}]
access: {health: %[2]s, dashboard: %[2]s, api: %[2]s, openmetrics: %[2]s, badges: %[3]s, playbooks: iam, tokens: [` + routeToken + `], act_tokens: [` + actToken + `]}
inbound: {slack_signing_secret: ` + routeSlack + `, event_keys: [` + routeEvent + `], link_keys: [` + routeLink + `]}
alerting: {canary: {enabled: false}}
`

func pongs(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"result":"PONG"}`) }))
	t.Cleanup(server.Close)
	return server.URL
}

// cloud builds the functions one by one, as they are deployed.
func cloud(t *testing.T, number int) *deployment {
	t.Helper()
	google, err := oidctest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	surface, badges := "iam", "iam"
	if number == open {
		surface, badges = "token", "public"
	}
	c, problems := config.Parse(true, config.Document{Name: "routes.yaml", Text: fmt.Appendf(nil, routeDocument, pongs(t), surface, badges)})
	if c == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	guard := func(account string) func(http.Handler) http.Handler {
		v, err := oidc.New(oidc.Options{Audience: routeAud, Emails: []string{account + accountOf}, BehindIAM: number == iam, HTTPClient: google.Client()})
		if err != nil {
			t.Fatal(err)
		}
		return v.Middleware
	}
	memory, to := storetest.NewMemory(nil), &published{}
	readers, actor := access.Readers{Tokens: access.FromConfig(c, nil)}, access.ByToken(access.ActFromConfig(c, nil))
	pageReaders := readers
	pageReaders.Actor = actor
	health, err := healthcheck.New(healthcheck.Options{
		Config: c, Region: "r", Reports: to, Store: memory, Resolve: check.FromConfig(c, nil), Authorize: guard("scheduler"), Readers: readers,
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := metrics.New(metrics.Options{
		Config: c, Region: "r", Reports: to, Store: memory, Resolve: check.FromConfig(c, nil), Authorize: guard("scheduler"), Actor: actor, Readers: pageReaders,
	})
	if err != nil {
		t.Fatal(err)
	}
	decides, err := alert.New(alert.Options{Config: c, Store: memory, Receivers: map[string]message.Receiver{}, Authorize: guard("push")})
	if err != nil {
		t.Fatal(err)
	}
	hook, err := inbound.New(inbound.Options{Config: c, Reports: to, Signals: to})
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{number: number, google: google, linkKey: routeLink, functions: map[string]http.Handler{}, routes: map[string][]access.Route{}}
	for name, f := range map[string]access.Guarded{"healthcheck": health, "metrics": pages, "alert": decides, "inbound": hook} {
		d.functions[name], d.routes[name] = f, f.Routes()
		if number == iam {
			d.functions[name] = cloudRun(t, google, name, f)
		}
	}
	return d
}

// cloudRun stands for IAM: it lets the function's invokers through, and replaces the signature.
func cloudRun(t *testing.T, google *oidctest.Issuer, function string, next http.Handler) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "stranger"
		for _, name := range []string{"viewer", "scheduler", "push"} {
			v, err := oidc.New(oidc.Options{Audience: routeAud, Emails: []string{name + accountOf}, HTTPClient: google.Client()})
			if err != nil {
				t.Error(err)
			}
			if _, err := v.Caller(r); err == nil {
				who = name
			}
		}
		if !through(iam, function, who) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if who != "stranger" {
			r.Header.Set("Authorization", "Bearer "+oidctest.Verified(who+accountOf, routeAud))
		}
		next.ServeHTTP(w, r)
	})
}

// process is `local`, of which one server has all functions.
func process(t *testing.T, number int) *deployment {
	t.Helper()
	google, err := oidctest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	o, env := Options{Addr: "127.0.0.1:0", Data: t.TempDir(), Out: io.Discard, Logger: slog.New(slog.DiscardHandler)}, ""
	if number == exposed {
		o.Expose, o.Hosts, o.TrustedProxies = true, []string{routeHost}, []string{"10.0.0.2"}
		env = fmt.Sprintf(routeDocument, pongs(t), "token", "public")
	}
	o.Getenv = func(name string) string { return map[string]string{"PONGWATCH_CONFIG": env}[name] }
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	mux, err := p.handler()
	if err != nil {
		t.Fatal(err)
	}
	runProcess(t, p) // otherwise a run waits for the demonstration's app, and a link for Alert
	d := &deployment{
		number: number, local: true, google: google, callerToken: p.caller.token, linkKey: routeLink,
		functions: map[string]http.Handler{}, routes: map[string][]access.Route{"local": mux.Routes()},
	}
	if number == machine {
		entry, err := p.config.Inbound.LinkKeys[0].Get(t.Context(), p.secrets)
		if err != nil {
			t.Fatal(err)
		}
		d.linkKey = entry.Value.Reveal()
	}
	for _, r := range routeTable {
		d.functions[r.function] = p.exposure.guard(mux)
	}
	return d
}

// at returns where a row's route is served: `local` has one server for all functions.
func (d *deployment) at(r row) string {
	switch {
	case d.local && r.function == "healthcheck" && r.pattern == "POST /":
		return "/HealthCheck"
	case d.local && r.function == "inbound":
		return "/webhook" + r.path
	}
	return r.path
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
