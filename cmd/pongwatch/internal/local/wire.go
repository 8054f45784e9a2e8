package local

import (
	"context"
	"net/http"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// handler wires the functions by hand, each with what it may have in the cloud.
func (p *Process) handler() (http.Handler, error) {
	var f functions
	healthCheck := &swappable{}
	deploy := func(c *config.Config) error {
		h, err := p.newHealthCheck(c)
		if err != nil {
			return err
		}
		healthCheck.set(h)
		return nil
	}
	if err := deploy(p.config); err != nil {
		return nil, err
	}
	f.healthCheck = healthCheck
	if p.demo != nil {
		p.demo.setMock = func(mock bool) error {
			c, err := p.demoConfig(mock)
			if err != nil {
				return err
			}
			return deploy(c)
		}
	}
	todo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "not yet", 503) })
	f.metrics, f.inbound = todo, todo
	var err error
	if f.alert, err = p.newAlert(p.config); err != nil {
		return nil, err
	}
	return newMux(f, p.caller, p.demo), nil
}

func (p *Process) newHealthCheck(c *config.Config) (http.Handler, error) {
	return healthcheck.New(healthcheck.Options{
		Config: c, Region: region, Reports: p.reports, Store: p.store,
		Resolve: check.FromConfig(c, p.secrets), Upstash: p.upstash(), Logger: p.options.Logger,
	})
}

func (p *Process) newAlert(c *config.Config) (http.Handler, error) {
	rs, err := p.receivers(c)
	if err != nil {
		return nil, err
	}
	return alert.New(alert.Options{
		Config: c, Store: p.store, Receivers: rs, Lease: p.options.Lease, Observe: p.options.Observe, Logger: p.options.Logger,
		Context: func(context.Context) message.Context {
			return message.Context{Playbook: p.URL() + "/playbooks/{cause}", Dashboard: p.URL()}
		},
	})
}

// upstash is the template of the clients: loopback needs no TLS, and the
// demonstration's authority is trusted by nobody else.
func (p *Process) upstash() upstash.Options {
	o := upstash.Options{AllowHTTP: true}
	if p.demo != nil {
		o.RootCAs = p.demo.redis.CA()
	}
	return o
}
