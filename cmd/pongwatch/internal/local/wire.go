package local

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/version"
)

// handler wires the functions by hand, each with what it may have in the cloud.
func (p *Process) handler() (*access.Mux, error) {
	// Loopback needs no TLS, and only the demonstration's clients trust its authorities.
	redis, mailRoots := upstash.Options{AllowHTTP: true, RootCAs: p.options.RootCAs}, p.options.RootCAs
	if p.demo != nil {
		redis.RootCAs, mailRoots = p.demo.redis.CA(), p.demo.mail.RootCAs()
	}

	readers := access.Readers{
		Tokens: access.FromConfig(p.config, p.secrets), Open: p.exposure.open, Logger: p.options.Logger,
	}
	if p.exposure.open {
		readers.Why = "nothing guards an exposed address but a token"
	}
	// A person at this machine may act, as on the command line, and who has a token for it.
	byToken := access.ByToken(access.ActFromConfig(p.config, p.secrets))
	actor := func(r *http.Request) (string, bool) {
		if p.exposure.direct(r) {
			return cmp.Or(p.options.By, "local"), true
		}
		return byToken(r)
	}
	pageReaders := readers
	pageReaders.Actor = byToken
	var links []dashboard.Link
	if p.demo != nil {
		links = []dashboard.Link{{Name: "Inbox", URL: "inbox"}}
	}
	healthCheck, err := healthcheck.New(healthcheck.Options{
		Config: p.config, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(p.config, p.secrets), Deployments: p.google.Environment, Upstash: redis, Version: version.Release,
		Authorize: p.caller.only, Readers: readers, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up HealthCheck: %w", err)
	}
	account := check.NewAccount(p.config, p.secrets, redis)
	pages, err := metrics.New(metrics.Options{
		Config: p.config, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(p.config, p.secrets), ProofKeys: check.ProofKeys(p.config, p.secrets), Upstash: redis,
		Account: account, Changes: metrics.Changes(p.config, p.google, account), Traffic: p.google.Traffic, Build: version.Read(),
		Authorize: p.caller.only, Actor: actor, Readers: pageReaders, Links: links, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up Metrics: %w", err)
	}

	options := alert.ReceiverOptions{
		Cache: p.secrets, AllowLoopback: true, MailRoots: mailRoots, Logger: p.options.Logger,
	}
	receivers, problems := alert.Receivers(p.config, options)
	p.alert, err = alert.New(alert.Options{
		Config: p.config, Store: p.store, Folder: p.data, Receivers: receivers, Problems: problems,
		Context: alert.MessageContext(p.config, p.secrets), Trend: alert.Trend(p.config, history.New(p.store)),
		Heartbeat: alert.Heartbeat(p.config, options),
		Authorize: p.caller.only, Observe: p.options.Observe, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up Alert: %w", err)
	}
	i, err := inbound.New(inbound.Options{
		Config: p.config, Secrets: p.secrets, Reports: p.reports, Signals: p.signals, Outcome: outcomes(p.state, time.Now), AllowLoopback: true, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up AlertWebhook: %w", err)
	}
	all := functions{healthCheck: healthCheck, metrics: pages, alert: p.alert, inbound: i}
	return newMux(all, commands(p.config, p.reports, time.Now), p.demo, p.URL(), p.exposure), nil
}

// state returns what Alert remembers of a shard.
func (p *Process) state(ctx context.Context, shard string) (incident.State, error) {
	doc, err := p.store.Get(ctx, incident.StateKey(shard))
	if err != nil {
		return incident.State{}, err
	}
	return incident.Decode(doc.Data)
}

// functions are the four entry points, as the cloud deploys them.
type functions struct {
	healthCheck, metrics, alert, inbound access.Guarded
}

// newMux mounts the functions where one port can tell them apart. Alone in a service
// of its own, each answers at any path.
func newMux(f functions, commands http.Handler, d *demo, base string, e exposure) *access.Mux {
	mux := access.NewMux("")
	mux.Mount("/api/v1/health/redis", f.healthCheck)
	mux.Mount("/health", f.healthCheck)
	mux.Mount("POST /HealthCheck", f.healthCheck)
	mux.Mount("POST /Alert", f.alert)
	mux.Mount("/webhook/", f.inbound)
	mux.Mount("/", f.metrics)
	mux.Handle("POST "+CommandsPath, e.thisMachine(), commands)
	if d != nil {
		inbox.Mount(mux, e.thisMachine(), d.received, &inbox.Demo{Modes: modes, Current: d.current})
		mux.Handle("POST /demo/break", e.thisMachine(), http.HandlerFunc(d.breakHandler))
		mux.Handle("GET "+DemonstrationPath, e.thisMachine(), d.configurationHandler(base))
		mux.Handle("GET "+demoAppPath, e.thisMachine(), d.app)
		mux.Handle("POST "+demoAppPath, e.thisMachine(), d.app)
	}
	return mux
}
