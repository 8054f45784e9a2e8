package local

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

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
	if c == nil || problems.Err() != nil {
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
