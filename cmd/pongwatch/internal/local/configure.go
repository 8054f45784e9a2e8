package local

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
)

// configure reads the configuration, or starts the demonstration where there is none.
func (p *Process) configure(ctx context.Context) (err error) {
	env := gcp.ReadEnvironment(p.options.Getenv)
	p.google = gcp.NewClients(env)
	p.secrets = p.google.Secrets()
	p.config, err = config.Load(ctx, config.Options{
		Getenv: p.options.Getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: p.secrets, Local: true,
	})
	if err == nil {
		budget.Enforce(p.config)
		p.adapt(p.config)
		return nil
	}
	if !errors.Is(err, config.ErrEmpty) {
		return err
	}
	if p.demo, err = startDemo(); err != nil {
		return err
	}
	env.SecretManagerEmulator = p.demo.secrets.Addr()
	p.secrets = gcp.NewClients(env).Secrets()
	c, problems := config.Parse(true, config.Document{Name: "demonstration", Text: []byte(p.demo.document(p.URL()))})
	if len(problems) > 0 {
		return fmt.Errorf("the demonstration's configuration: %w", problems)
	}
	p.config = c
	p.adapt(c)
	return nil
}

// region is the name of this machine's region.
const region = "local"

// adapt fits a configuration that was written for the cloud to one machine: there is one
// region, this one, and pages and links are this process's.
func (p *Process) adapt(c *config.Config) {
	if p.options.Every > 0 {
		c.Schedule.HealthCheck = p.options.Every
	}
	c.Regions, c.Home = []string{region}, region
	for i := range c.Shards {
		c.Shards[i].Regions, c.Shards[i].Home = nil, ""
	}
	for i := range c.Databases {
		c.Databases[i].Home = region
		if every, checks := p.options.Every, &c.Databases[i].Checks; every > 0 {
			checks.Ping.Every, checks.Latency.Every, checks.MockMode.Every = every, every, every
		}
	}
	if c.Links.Dashboard == "" {
		c.Links.Dashboard = p.pages()
	}
	if c.Inbound.URL == "" {
		c.Inbound.URL = p.pages() + "/webhook"
	}
}
