package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// monitor is the running pongwatch that preflight asks.
type monitor struct {
	reader
	// health is HealthCheck's address where it is not the same as Metrics'.
	health         string
	project, topic string
}

// open checks the addresses.
func (m *monitor) open() error {
	if m.health != "" {
		h := reader{url: m.health, tokenEnv: m.tokenEnv}
		if err := h.open(); err != nil {
			return fmt.Errorf("--health-url: %w", err)
		}
		m.health = h.url
	}
	return m.reader.open()
}

// Name returns the address.
func (m *monitor) Name() string { return m.url }

// Get asks for a page.
func (m *monitor) Get(ctx context.Context, path string) (preflight.Page, error) {
	at := *m
	if m.health != "" && strings.Contains(path, "/health") {
		at.url = m.health
		if err := at.reader.open(); err != nil {
			return preflight.Page{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url+path, nil)
	if err != nil {
		return preflight.Page{}, outbound.Error(err, m.token)
	}
	if !m.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+m.token.Reveal())
	}
	resp, err := at.client.Do(req)
	if err != nil {
		return preflight.Page{}, outbound.Error(err, m.token)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatistics))
	if err != nil {
		return preflight.Page{}, outbound.Error(err, m.token)
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return preflight.Page{Status: resp.StatusCode, HTML: media == "text/html", Body: body}, nil
}

// Drill orders a drill: of a local process by a post, in the cloud by the topic.
func (m *monitor) Drill(ctx context.Context) (incidents.Incident, error) {
	c := report.Command{ID: rand.Text(), Action: report.Drill, By: whoami(), Via: "cli", At: time.Now().UTC()}
	switch {
	case m.project != "":
		if err := publish(ctx, "projects/"+m.project+"/topics/"+m.topic, c); err != nil {
			return incidents.Incident{}, err
		}
	case m.loopback():
		body, err := json.Marshal(local.CommandRequest{Command: c})
		if err != nil {
			return incidents.Incident{}, err
		}
		if _, err := m.do(ctx, http.MethodPost, local.CommandsPath, body); err != nil {
			return incidents.Incident{}, err
		}
	default:
		return incidents.Incident{}, fmt.Errorf("%w: --project was not given", preflight.ErrNoDrill)
	}
	return m.drilled(ctx, c.ID)
}

// drilled waits until every receiver has taken the drill or refused it.
func (m *monitor) drilled(ctx context.Context, id string) (incidents.Incident, error) {
	ctx, cancel := context.WithTimeout(ctx, waitForReceivers)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var last incidents.Incident
	for {
		if s, err := m.statistics(ctx); err == nil {
			at := slices.IndexFunc(s.Incidents.Drills, func(d incidents.Incident) bool { return d.Subject == incident.DrillSubject(id) })
			if at >= 0 {
				last = s.Incidents.Drills[at]
				if !slices.ContainsFunc(last.Told, func(t incidents.Told) bool { return t.Delivery == incidents.DeliveryPending }) {
					return last, nil
				}
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			if last.ID == "" {
				return last, fmt.Errorf("no effect within %v", waitForReceivers)
			}
			return last, nil
		}
	}
}

// demonstration makes the configuration of the demonstration that runs at --url this
// one's own. Another pongwatch has nothing of the kind, and that is no error.
func (p *preflightFlags) demonstration(ctx context.Context, env gcp.Environment) error {
	if !p.monitor.loopback() {
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
	if !outbound.IsLoopback(hostOf(d.SecretManager)) {
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

func hostOf(address string) string {
	host, _, _ := strings.Cut(address, ":")
	return host
}
