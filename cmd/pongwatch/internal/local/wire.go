package local

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/version"
)

// handler wires the functions by hand, each with what it may have in the cloud.
func (p *Process) handler() (http.Handler, error) {
	// Loopback needs no TLS, and only the demonstration's clients trust its authorities.
	redis, mailRoots := upstash.Options{AllowHTTP: true, RootCAs: p.options.RootCAs}, p.options.RootCAs
	if p.demo != nil {
		redis.RootCAs, mailRoots = p.demo.redis.CA(), p.demo.mail.RootCAs()
	}

	healthCheck, err := healthcheck.New(healthcheck.Options{
		Config: p.config, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(p.config, p.secrets), Deployments: p.deployments, Upstash: redis, Version: version.Release,
		ReadTokens: access.FromConfig(p.config, p.secrets), Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up HealthCheck: %w", err)
	}
	pages, err := metrics.New(metrics.Options{
		Config: p.config, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(p.config, p.secrets), ProofKeys: check.ProofKeys(p.config, p.secrets), Upstash: redis,
		Account: check.NewAccount(p.config, p.secrets, redis), Build: version.Read(),
		ReadTokens: access.FromConfig(p.config, p.secrets), Logger: p.options.Logger,
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
		Observe:   p.options.Observe, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up Alert: %w", err)
	}
	i, err := inbound.New(inbound.Options{
		Config: p.config, Secrets: p.secrets, Reports: p.reports, Signals: p.signals, State: p.state, AllowLoopback: true, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up AlertWebhook: %w", err)
	}
	mux := newMux(functions{healthCheck: healthCheck, metrics: pages, alert: p.alert, inbound: i}, p.caller, p.demo)
	mux.Handle(CommandsPath, commands(p.reports, time.Now))
	return mux, nil
}

// state returns what Alert remembers of a shard.
func (p *Process) state(ctx context.Context, shard string) (incident.State, error) {
	doc, err := p.store.Get(ctx, incident.StateKey(shard))
	if err != nil {
		return incident.State{}, err
	}
	return incident.Decode(doc.Data)
}
