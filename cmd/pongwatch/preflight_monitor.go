package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// monitor is the running pongwatch that preflight checks.
type monitor struct {
	reader
	// health reads HealthCheck where its address is not that of Metrics.
	health         reader
	project, topic string
}

// open checks the addresses.
func (m *monitor) open() error {
	if m.health.url != "" {
		m.health.tokenEnv = m.tokenEnv
		if err := m.health.open("--health-url"); err != nil {
			return err
		}
	}
	return m.reader.open("--url")
}

// Name returns the address.
func (m *monitor) Name() string { return m.url }

// Get reads a page.
func (m *monitor) Get(ctx context.Context, path string) (preflight.Page, error) {
	r := &m.reader
	if m.health.url != "" && strings.Contains(path, "/health") {
		r = &m.health
	}
	a, err := r.send(ctx, http.MethodGet, path, nil)
	return preflight.Page{Status: a.status, HTML: a.media == "text/html", Body: a.body}, err
}

// Drill orders a drill, of a local process by a post, in the cloud by the topic. It waits
// until every receiver has taken the drill or refused it.
func (m *monitor) Drill(ctx context.Context) (drill incidents.Incident, err error) {
	c := report.Command{ID: rand.Text(), Action: report.Drill, By: whoami(), Via: "cli", At: time.Now().UTC()}
	switch {
	case m.project != "":
		err = publish(ctx, "projects/"+m.project+"/topics/"+m.topic, c)
	case m.loopback:
		_, err = m.post(ctx, c)
	default:
		err = fmt.Errorf("%w: --project was not given", preflight.ErrNoDrill)
	}
	if err != nil {
		return drill, err
	}
	if !m.poll(ctx, waitForReceivers, func(v incidents.View) (settled bool) {
		drill, settled = findDrill(v, c.ID)
		return settled
	}) && drill.ID == "" {
		return drill, fmt.Errorf("no effect within %v", waitForReceivers)
	}
	return drill, nil
}

// demonstration takes over the configuration of the demonstration that runs at --url.
// Another pongwatch has none there, and that is no error.
func (p *preflightFlags) demonstration(ctx context.Context, env gcp.Environment) error {
	if !p.monitor.loopback {
		return nil
	}
	page, err := p.monitor.Get(ctx, local.DemonstrationPath)
	if err != nil {
		return fmt.Errorf("nothing answers at %s: start \"pongwatch local\", or name its address with --url (%w)", p.monitor.url, err)
	}
	if page.Status != http.StatusOK {
		return nil
	}
	var d local.Demonstration
	if err := json.Unmarshal(page.Body, &d); err != nil {
		return fmt.Errorf("reading the demonstration's configuration: %w", err)
	}
	c, problems := config.Parse(true, config.Document{Name: "demonstration", Text: []byte(d.Document)})
	if len(problems) > 0 {
		return fmt.Errorf("reading the demonstration's configuration: %w", problems)
	}
	if host, _, _ := strings.Cut(d.SecretManager, ":"); !outbound.IsLoopback(host) {
		return errors.New("reading the demonstration's configuration: its Secret Manager is not on this machine")
	}
	env.SecretManagerEmulator = d.SecretManager
	p.o.Config, p.o.Secrets = c, gcp.NewClients(env).Secrets()
	roots := x509.NewCertPool()
	if roots.AppendCertsFromPEM([]byte(d.Authority)) {
		p.o.Upstash.RootCAs = roots
	}
	return nil
}
