package local

import (
	"context"
	"fmt"
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
func (p *Process) handler() (*access.Mux, error) {
	// Loopback needs no TLS, and only the demonstration's clients trust its authorities.
	redis, mailRoots := upstash.Options{AllowHTTP: true, RootCAs: p.options.RootCAs}, p.options.RootCAs
	if p.demo != nil {
		redis.RootCAs, mailRoots = p.demo.redis.CA(), p.demo.mail.RootCAs()
	}

	readers := access.Readers{
		Tokens: access.FromConfig(p.config, p.secrets), Open: p.exposure.open, Why: "nothing guards an exposed address but a token", Logger: p.options.Logger,
	}
	healthCheck, err := healthcheck.New(healthcheck.Options{
		Config: p.config, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(p.config, p.secrets), Deployments: healthcheck.Deployments(p.google), Upstash: redis, Version: version.Release,
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
		Authorize: p.caller.only, Readers: readers, Logger: p.options.Logger,
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
	return newMux(all, commands(p.reports, time.Now), p.demo, p.URL(), p.exposure), nil
}

// state returns what Alert remembers of a shard.
func (p *Process) state(ctx context.Context, shard string) (incident.State, error) {
	doc, err := p.store.Get(ctx, incident.StateKey(shard))
	if err != nil {
		return incident.State{}, err
	}
	return incident.Decode(doc.Data)
}
