package local

import (
	"crypto/x509"
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
	var healthCheck, metrics swappable
	deploy := func(c *config.Config) error {
		h, err := p.newHealthCheck(c)
		if err != nil {
			return err
		}
		m, err := p.newMetrics(c)
		if err != nil {
			return err
		}
		healthCheck.set(h)
		metrics.set(m)
		return nil
	}
	if err := deploy(p.config); err != nil {
		return nil, err
	}
	if p.demo != nil {
		// What an operator would change and deploy.
		p.demo.setMock = func(mock bool) error {
			c, err := p.demoConfig(mock)
			if err != nil {
				return err
			}
			return deploy(c)
		}
	}
	a, err := p.newAlert(p.config)
	if err != nil {
		return nil, err
	}
	i, err := inbound.New(inbound.Options{
		Config: p.config, Secrets: p.secrets, Reports: p.reports, Signals: p.signals, Logger: p.options.Logger,
	})
	if err != nil {
		return nil, wired("AlertWebhook", err)
	}
	mux := newMux(functions{healthCheck: &healthCheck, metrics: &metrics, alert: a, inbound: i}, p.caller, p.demo)
	mux.Handle(CommandsPath, commands(p.reports, time.Now))
	return mux, nil
}

func (p *Process) newHealthCheck(c *config.Config) (http.Handler, error) {
	f, err := healthcheck.New(healthcheck.Options{
		Config: c, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(c, p.secrets), Deployments: p.deployments, Upstash: p.upstash(),
		ReadTokens: access.FromConfig(c, p.secrets), Logger: p.options.Logger,
	})
	return f, wired("HealthCheck", err)
}

func (p *Process) newMetrics(c *config.Config) (http.Handler, error) {
	f, err := metrics.New(metrics.Options{
		Config: c, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(c, p.secrets), ProofKeys: check.ProofKeys(c, p.secrets), Upstash: p.upstash(),
		Account:    check.NewAccount(c, p.secrets, p.upstash()),
		ReadTokens: access.FromConfig(c, p.secrets), Logger: p.options.Logger,
	})
	return f, wired("Metrics", err)
}

func (p *Process) newAlert(c *config.Config) (http.Handler, error) {
	options := alert.ReceiverOptions{
		Cache: p.secrets, AllowLoopback: true, MailRoots: p.mailRoots(), Logger: p.options.Logger,
	}
	receivers, problems := alert.Receivers(c, options)
	f, err := alert.New(alert.Options{
		Config: c, Store: p.store, Receivers: receivers, Problems: problems,
		Context: alert.MessageContext(c, p.secrets), Trend: alert.Trend(c, history.New(p.store)),
		Heartbeat: alert.Heartbeat(c, options),
		Lease:     p.options.Lease, Observe: p.options.Observe, Logger: p.options.Logger,
	})
	return f, wired("Alert", err)
}

func wired(name string, err error) error {
	if err != nil {
		return fmt.Errorf("setting up %s: %w", name, err)
	}
	return nil
}

// upstash is the template of the clients: loopback needs no TLS, and the
// demonstration's authority is trusted by nobody else.
func (p *Process) upstash() upstash.Options {
	o := upstash.Options{AllowHTTP: true, RootCAs: p.options.RootCAs}
	if p.demo != nil {
		o.RootCAs = p.demo.redis.CA()
	}
	return o
}

func (p *Process) mailRoots() *x509.CertPool {
	if p.demo != nil {
		return p.demo.mail.RootCAs()
	}
	return p.options.RootCAs
}
