package preflight_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
)

// monitor is a pongwatch that answers what it is told.
type monitor struct {
	pages map[string]preflight.Page
	drill incidents.Incident
	err   error
}

func (monitor) Name() string { return "https://pongwatch.example.com" }

func (m monitor) Get(_ context.Context, path string) (preflight.Page, error) {
	p, ok := m.pages[path]
	if !ok {
		return p, errors.New("connection refused")
	}
	return p, nil
}

func (m monitor) Drill(context.Context) (incidents.Incident, error) { return m.drill, m.err }

const (
	health     = "/api/v1/health/redis"
	statistics = "/api/v1/admin/redis-metrics"
)

func answer(status int, body string) preflight.Page {
	return preflight.Page{Status: status, HTML: strings.HasPrefix(body, "<"), Body: []byte(body)}
}

const (
	complete = `{"generated_at":"2026-11-22T20:00:00Z","databases":[{"name":"cache","read_at":"2026-11-22T19:58:00Z",
		"fallback":{"activations_24h":0,"minutes_24h":0},"regions":[{"region":"us-east4","last":{"at":"2026-11-22T19:59:00Z","status":"ok"},"series":{"p50_ms":[null,12.5]}}]}],"incidents":{}}`
	stale = `{"generated_at":"2026-11-22T20:00:00Z","databases":[{"name":"cache",
		"regions":[{"region":"us-east4","last":{"at":"2026-11-22T12:00:00Z","status":"ok"},"series":{"p50_ms":[null]}}]}],"incidents":{}}`
	wasMock = `{"generated_at":"2026-11-22T20:00:00Z","databases":[{"name":"cache","fallback":{"activations_24h":1,"minutes_24h":20}}],"incidents":{"resolved":[
		{"id":"INC-7F3A9K","check":"mock_mode","subject":"backend","since":"2026-11-22T18:00:00Z","resolved":"2026-11-22T18:20:00Z"}]}}`
	// wasOut is an outage that an app came through in mock mode.
	wasOut = `{"generated_at":"2026-11-22T20:00:00Z","databases":[{"name":"cache","fallback":{"activations_24h":1,"minutes_24h":20}}],"incidents":{},"past_incidents":[
		{"id":"INC-AAAAAA","check":"ping","since":"2026-11-22T19:00:00Z","resolved":"2026-11-22T19:20:00Z"},
		{"id":"INC-7F3A9K","check":"ping","mock":["backend (app)"],"since":"2026-11-22T18:00:00Z","resolved":"2026-11-22T18:20:00Z"}]}`
	isOut  = `{"generated_at":"2026-11-22T20:00:00Z","databases":[],"incidents":{"open":[{"id":"INC-7F3A9K","check":"ping","mock":["backend (app)"]}]}}`
	isMock = `{"generated_at":"2026-11-22T20:00:00Z","databases":[],"incidents":{"open":[{"id":"INC-7F3A9K","check":"mock_mode"}]}}`
	chart  = "<!doctype html><h2>Redis Performance</h2>"
)

func TestARunningPongwatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		item     string
		path     string
		page     preflight.Page
		want     preflight.Status
		evidence string
	}{
		"connected passes":                        {"health.connected", health, answer(200, `{"status":"connected"}`), preflight.Pass, "connected"},
		"degraded warns":                          {"health.connected", health, answer(200, `{"status":"degraded","cause":"slow"}`), preflight.Warn, "degraded"},
		"unauthorized fails with its cause":       {"health.connected", health, answer(503, `{"status":"unauthorized","cause":"auth_invalid"}`), preflight.Fail, "unauthorized"},
		"a log-in page is no health":              {"health.connected", health, answer(200, `<html>log in`), preflight.Fail, "HTTP 200"},
		"jobs on time pass":                       {"monitor.jobs", "/health", answer(200, `{"status":"ok","jobs":[{"job":"metrics","shard":"main","state":"ok"}]}`), preflight.Pass, "1 jobs"},
		"a late job fails by name":                {"monitor.jobs", "/health", answer(503, `{"status":"late","jobs":[{"job":"metrics","shard":"main","state":"never"}]}`), preflight.Fail, "metrics of shard main is never"},
		"complete statistics pass":                {"monitor.metrics", statistics, answer(200, complete), preflight.Pass, "1 database"},
		"old pings and no figures are incomplete": {"monitor.metrics", statistics, answer(200, stale), preflight.Fail, "a recent ping of cache, the figures of cache"},
		"no access fails":                         {"monitor.metrics", statistics, answer(403, `{"error":"no"}`), preflight.Fail, "HTTP 403"},
		"no app in mock mode passes":              {"metrics.fallback", statistics, answer(200, complete), preflight.Pass, "0 activations, 0.0 min"},
		"an unknown fallback rate fails":          {"metrics.fallback", statistics, answer(200, stale), preflight.Fail, "cache"},
		"an app in mock mode in an outage fails":  {"metrics.fallback", statistics, answer(200, isOut), preflight.Fail, "INC-7F3A9K"},
		"an outage with a fallback is one":        {"app.fallback", statistics, answer(200, wasOut), preflight.Pass, "INC-7F3A9K of backend (app): activated 2026-11-22 18:00 UTC, recovered 2026-11-22 18:20 UTC"},
		"an outage without is none":               {"app.fallback", statistics, answer(200, strings.Replace(wasOut, `"mock":["backend (app)"],`, "", 1)), preflight.Manual, ""},
		"one that is not over is for a person":    {"app.fallback", statistics, answer(200, isMock), preflight.Manual, ""},
		"an app in mock mode fails":               {"metrics.fallback", statistics, answer(200, isMock), preflight.Fail, "INC-7F3A9K"},
		"an app lately in mock mode warns":        {"metrics.fallback", statistics, answer(200, wasMock), preflight.Warn, "1 activation, 20.0 min in mock mode in 24 h; INC-7F3A9K of backend: activated 2026-11-22 18:00 UTC, recovered 2026-11-22 18:20 UTC"},
		"an activation that ended is a fallback":  {"app.fallback", statistics, answer(200, wasMock), preflight.Pass, "recovered 2026-11-22 18:20 UTC"},
		"no activation is for a person":           {"app.fallback", statistics, answer(200, complete), preflight.Manual, ""},
		"a page without the chart fails":          {"monitor.dashboard", "/", answer(200, "<!doctype html>"), preflight.Fail, "Redis Performance"},
		"no page fails":                           {"monitor.dashboard", "/other", answer(200, ""), preflight.Fail, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, err := preflight.Run(t.Context(), preflight.Options{Monitor: monitor{pages: map[string]preflight.Page{c.path: c.page}}, Only: []string{c.item}})
			if err != nil {
				t.Fatal(err)
			}
			got := record.Results[0]
			if got.Status != c.want || !strings.Contains(got.Evidence, c.evidence) || got.Status == preflight.Fail && len(got.Fix) == 0 {
				t.Errorf("%+v, want %s with %q", got.Finding, c.want, c.evidence)
			}
		})
	}
}

func TestTheChartNeedsData(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]preflight.Status{complete: preflight.Pass, stale: preflight.Fail} {
		m := monitor{pages: map[string]preflight.Page{"/": answer(200, chart), statistics: answer(200, body)}}
		record, err := preflight.Run(t.Context(), preflight.Options{Monitor: m, Only: []string{"monitor.dashboard"}})
		if err != nil || record.Results[0].Status != want {
			t.Errorf("%+v, %v; want %s", record.Results, err, want)
		}
	}
}

func TestDrills(t *testing.T) {
	t.Parallel()
	told := func(deliveries ...incidents.Delivery) incidents.Incident {
		i := incidents.Incident{ID: "INC-7F3A9K"}
		for _, d := range deliveries {
			i.Told = append(i.Told, incidents.Told{Receiver: "slack-oncall", Delivery: d, Error: map[bool]string{true: "channel_not_found"}[d == incidents.DeliveryFailed]})
		}
		return i
	}
	for name, c := range map[string]struct {
		monitor monitor
		want    preflight.Status
	}{
		"taken by all passes":             {monitor{drill: told(incidents.DeliveryDone, incidents.DeliveryDone)}, preflight.Pass},
		"refused by one fails":            {monitor{drill: told(incidents.DeliveryDone, incidents.DeliveryFailed)}, preflight.Fail},
		"still pending fails":             {monitor{drill: told(incidents.DeliveryPending)}, preflight.Fail},
		"no receiver fails":               {monitor{drill: told()}, preflight.Fail},
		"no answer fails":                 {monitor{err: errors.New("connection refused")}, preflight.Fail},
		"not to be ordered is for people": {monitor{err: preflight.ErrNoDrill}, preflight.Manual},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, err := preflight.Run(t.Context(), preflight.Options{Monitor: c.monitor, Only: []string{"alerting.drill"}})
			if err != nil || record.Results[0].Status != c.want || len(record.Results[0].Fix) == 0 && c.want != preflight.Pass {
				t.Errorf("%+v, %v; want %s", record.Results, err, c.want)
			}
		})
	}
}
