package local

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// handler wires the functions by hand, each with what it may have in the cloud.
func (p *Process) handler() (http.Handler, error) {
	// Loopback needs no TLS, and only the demonstration's clients trust its authorities.
	redis, mailRoots := upstash.Options{AllowHTTP: true, RootCAs: p.options.RootCAs}, p.options.RootCAs
	if p.demo != nil {
		redis.RootCAs, mailRoots = p.demo.redis.CA(), p.demo.mail.RootCAs()
	}

	var healthCheck, pages swappable
	deploy := func(c *config.Config) error {
		h, err := healthcheck.New(healthcheck.Options{
			Config: c, Region: region, Reports: p.reports, Store: p.store,
			Resolve: check.FromConfig(c, p.secrets), Deployments: p.deployments, Upstash: redis,
			ReadTokens: access.FromConfig(c, p.secrets), Logger: p.options.Logger,
		})
		if err != nil {
			return fmt.Errorf("setting up HealthCheck: %w", err)
		}
		m, err := metrics.New(metrics.Options{
			Config: c, Region: region, Reports: p.reports, Store: p.store,
			Resolve: check.FromConfig(c, p.secrets), ProofKeys: check.ProofKeys(c, p.secrets), Upstash: redis,
			Account:    check.NewAccount(c, p.secrets, redis),
			ReadTokens: access.FromConfig(c, p.secrets), Logger: p.options.Logger,
		})
		if err != nil {
			return fmt.Errorf("setting up Metrics: %w", err)
		}
		healthCheck.set(h)
		pages.set(m)
		return nil
	}
	if err := deploy(p.config); err != nil {
		return nil, err
	}
	if p.demo != nil {
		// An operator would change the configuration and deploy it.
		p.demo.setMock = func(mock bool) error {
			c, err := p.demoConfig(mock)
			if err != nil {
				return err
			}
			return deploy(c)
		}
	}

	options := alert.ReceiverOptions{
		Cache: p.secrets, AllowLoopback: true, MailRoots: mailRoots, Logger: p.options.Logger,
	}
	receivers, problems := alert.Receivers(p.config, options)
	a, err := alert.New(alert.Options{
		Config: p.config, Store: p.store, Receivers: receivers, Problems: problems,
		Context: alert.MessageContext(p.config, p.secrets), Trend: alert.Trend(p.config, history.New(p.store)),
		Heartbeat: alert.Heartbeat(p.config, options),
		Lease:     p.options.Lease, Observe: p.options.Observe, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up Alert: %w", err)
	}
	i, err := inbound.New(inbound.Options{
		Config: p.config, Secrets: p.secrets, Reports: p.reports, Signals: p.signals, AllowLoopback: true, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up AlertWebhook: %w", err)
	}
	mux := newMux(functions{healthCheck: &healthCheck, metrics: &pages, alert: a, inbound: i}, p.caller, p.demo)
	mux.Handle(CommandsPath, commands(p.reports, time.Now))
	return mux, nil
}
