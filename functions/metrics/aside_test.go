package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun/cloudruntest"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

const backend = "projects/p/locations/l/services/backend"

// opened stores Alert's state with these incidents.
func (x *fixture) opened(t *testing.T, incidents ...*incident.Incident) {
	t.Helper()
	s := incident.New("main", eight)
	for _, i := range incidents {
		s.Incidents[i.ID] = i
	}
	data, err := incident.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := x.store.Get(t.Context(), incident.StateKey("main"))
	if err != nil {
		doc = store.Doc{Key: incident.StateKey("main")}
	}
	doc.Data, doc.Schema = data, incident.Schema
	if _, err := x.store.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func (x *fixture) last() report.Report { return x.reports.reports[len(x.reports.reports)-1] }

func pinging(id string, since time.Time) *incident.Incident {
	return &incident.Incident{ID: id, Series: report.Series{Database: "cache", Check: report.Ping}, Severity: cause.SeverityCritical, Cause: cause.AuthInvalid, Since: since, Opened: since.Add(time.Minute)}
}

func TestARunPublishesWhatWasChanged(t *testing.T) {
	var logs bytes.Buffer
	x := newFixture(t, "", func(o *metrics.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&logs, nil))
		o.Changes = change.Sources{
			Rollout: func(_ context.Context, service string, since time.Time) (report.Rollout, error) {
				if service != backend || !since.Equal(eight.Add(-time.Hour)) {
					t.Errorf("asked for %s since %v", service, since)
				}
				return report.Rollout{Updated: eight.Add(-3 * time.Minute), Revision: "backend-00042", Percent: 100, Created: eight.Add(-3 * time.Minute)}, nil
			},
			Secret: func(context.Context, string) (string, time.Time, error) {
				return "", time.Time{}, errors.New("access denied")
			},
		}
		o.Config.Databases[0].Apps = append(o.Config.Databases[0].Apps, app(false))
		o.Config.Bundles = append(o.Config.Bundles, reference(t))
		o.Config.Databases[0].Token = reference(t)
	})
	x.run(t, 0)
	want := []report.Change{{At: eight.Add(-3 * time.Minute), Kind: report.Deployed, Databases: []string{"cache"}, What: "backend-00042 got 100 % of the traffic"}}
	if diff := cmp.Diff(want, x.last().Changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(logs.String(), `"event":"changes_failed"`) || !strings.Contains(logs.String(), "access denied") {
		t.Errorf("the source that failed is not logged: %s", logs.String())
	}
}

func TestALimitThatChanged(t *testing.T) {
	for _, on := range []bool{true, false} {
		x := newFixture(t, map[bool]string{true: "changes: limits\n", false: ""}[on])
		x.redis.with(func(d *redis) { d.info = strings.Replace(d.info, "max_data_size:1000", "max_data_size:1048576", 1) })
		x.run(t, 0)
		x.redis.with(func(d *redis) { d.info = strings.Replace(d.info, "max_data_size:1048576", "max_data_size:2097152", 1) })
		x.run(t, 5)
		var got []string
		for _, c := range x.last().Changes {
			got = append(got, c.What)
		}
		want := []string{"the memory limit went from 1 MB to 2 MB between 20:00 and 20:05 UTC"}
		if !on {
			want = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("on %t (-want +got):\n%s", on, diff)
		}
		x.run(t, 65) // it is no longer of the last hour
		if got := x.last().Changes; len(got) > 0 {
			t.Errorf("an hour later: %v", got)
		}
	}
}

func TestARunMeasuresTheImpactOfOpenIncidents(t *testing.T) {
	google := cloudruntest.Start()
	t.Cleanup(google.Close)
	began := eight.Add(-10 * time.Minute)
	for m := range 70 {
		minute := cloudruntest.Minute{At: eight.Add(time.Duration(m-69) * time.Minute), Answers: map[string]int64{"2xx": 100}, Latency: 80}
		if minute.At.After(began) {
			minute.Answers, minute.Latency = map[string]int64{"2xx": 59, "5xx": 41}, 900
		}
		google.Add(backend, minute)
	}
	clients := gcp.NewClients(gcp.Environment{MonitoringEmulator: google.Addr()})
	x := newFixture(t, "", func(o *metrics.Options) {
		o.Traffic = clients.Traffic
		o.Config.Databases[0].Apps = append(o.Config.Databases[0].Apps, app(true))
	})
	x.run(t, -5)
	if n := len(google.Asked()); n > 0 || x.last().Impacts != nil {
		t.Errorf("%d requests while nothing is open", n)
	}
	over, drill, other := pinging("over", began), pinging("drill", began), pinging("other", began)
	over.Resolved, drill.Drill, other.Series.Database = eight, true, "elsewhere"
	mock := pinging("mock", began)
	mock.Series = report.Series{Database: "cache", Check: report.MockMode, Subject: "another"}
	again := pinging("again", began.Add(-time.Hour))
	again.Again, again.Severity = began, cause.SeverityWarning
	x.opened(t, pinging("open", began), over, drill, other, mock, again)
	x.run(t, 0)
	want := report.Impact{
		Incident: "open", Service: "backend", Since: began,
		During: report.Traffic{Requests: 1000, Errors: 410, P95: 900}, Before: report.Traffic{Requests: 6000, P95: 80}, Own: 11,
	}
	second := want
	second.Incident = "again"
	if diff := cmp.Diff([]report.Impact{want, second}, x.last().Impacts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Apps are asked as often as the check of mock mode says.
	for own, c := range map[int64]config.Check{3: {Enabled: true, Every: 5 * time.Minute}, 0: {Every: time.Minute}} {
		y := newFixture(t, "", func(o *metrics.Options) {
			o.Traffic = clients.Traffic
			o.Config.Databases[0].Apps, o.Config.Databases[0].Checks.MockMode = append(o.Config.Databases[0].Apps, app(true)), c
		})
		y.opened(t, pinging("open", began))
		y.run(t, 0)
		if got := y.last().Impacts; len(got) != 1 || got[0].Own != own {
			t.Errorf("with apps asked %+v: %+v, want %d own requests", c, got, own)
		}
	}
}

// Where the configuration asks for neither, a run reads nothing more and publishes nothing more.
func TestARunThatIsNotAskedTo(t *testing.T) {
	x := newFixture(t, "", func(o *metrics.Options) {
		o.Traffic = func(context.Context, string, time.Time, time.Time) (report.Traffic, error) {
			t.Error("traffic was read")
			return report.Traffic{}, nil
		}
		o.Config.Databases[0].Apps = append(o.Config.Databases[0].Apps, app(false))
	})
	x.opened(t, pinging("open", eight.Add(-time.Hour)))
	before := len(x.store.Calls())
	x.run(t, 0)
	for _, c := range x.store.Calls()[before:] {
		if strings.HasPrefix(c.Key, "state/") {
			t.Errorf("the run reads %s", c.Key)
		}
	}
	if r := x.last(); r.Changes != nil || r.Impacts != nil {
		t.Errorf("published %v and %v", r.Changes, r.Impacts)
	}
}

// What cannot be measured says nothing, and the run goes on.
func TestWhatCannotBeMeasured(t *testing.T) {
	tests := []struct {
		name   string
		since  time.Time
		answer func(from, to time.Time) (report.Traffic, error)
		want   int
		logged string
	}{
		{"no data", eight.Add(-9 * time.Minute), func(time.Time, time.Time) (report.Traffic, error) {
			return report.Traffic{}, cloudrun.ErrNoData
		}, 0, ""},
		{"no data of before", eight.Add(-9 * time.Minute), func(from, _ time.Time) (report.Traffic, error) {
			if from.Before(eight.Add(-time.Hour)) {
				return report.Traffic{}, fmt.Errorf("reading: %w", cloudrun.ErrNoData)
			}
			return report.Traffic{Requests: 9}, nil
		}, 1, ""},
		{"denied", eight.Add(-9 * time.Minute), func(time.Time, time.Time) (report.Traffic, error) {
			return report.Traffic{}, cloudrun.ErrDenied
		}, 0, "access denied"},
		{"denied of before", eight.Add(-9 * time.Minute), func(from, _ time.Time) (report.Traffic, error) {
			if from.Before(eight.Add(-time.Hour)) {
				return report.Traffic{}, cloudrun.ErrDenied
			}
			return report.Traffic{Requests: 9}, nil
		}, 0, "access denied"},
		{"too early", eight.Add(-30 * time.Second), func(time.Time, time.Time) (report.Traffic, error) {
			return report.Traffic{}, errors.New("was asked")
		}, 0, ""},
		{"for two days: the last one is measured, and the hour before the failure", eight.Add(-48 * time.Hour), func(from, to time.Time) (report.Traffic, error) {
			if !from.Equal(eight.Add(-24*time.Hour)) && !from.Equal(eight.Add(-49*time.Hour)) {
				return report.Traffic{}, fmt.Errorf("asked from %v to %v", from, to)
			}
			return report.Traffic{Requests: 9}, nil
		}, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var logs bytes.Buffer
			x := newFixture(t, "", func(o *metrics.Options) {
				o.Logger = slog.New(slog.NewJSONHandler(&logs, nil))
				o.Traffic = func(_ context.Context, service string, from, to time.Time) (report.Traffic, error) {
					if service != backend {
						t.Errorf("asked for %s", service)
					}
					return tt.answer(from, to)
				}
				o.Config.Databases[0].Apps = append(o.Config.Databases[0].Apps, app(true))
			})
			x.opened(t, pinging("open", tt.since))
			if got := x.run(t, 0)[report.Memory].Status; got != report.OK {
				t.Errorf("memory is %s", got)
			}
			if got := x.last().Impacts; len(got) != tt.want {
				t.Errorf("impacts %+v, want %d", got, tt.want)
			}
			if said := logs.String(); strings.Contains(said, "impact_failed") != (tt.logged != "") || !strings.Contains(said, tt.logged) {
				t.Errorf("logged %s, want %q", said, tt.logged)
			}
		})
	}
}

// A state that cannot be read is logged; ten services at most are measured, of the worst incidents.
func TestAMassFailureIsMeasuredInPart(t *testing.T) {
	var logs bytes.Buffer
	var mu sync.Mutex
	asked := 0
	x := newFixture(t, "", func(o *metrics.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&logs, nil))
		o.Traffic = func(context.Context, string, time.Time, time.Time) (report.Traffic, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return report.Traffic{Requests: 1}, nil
		}
		o.Config.Databases[0].Apps = append(o.Config.Databases[0].Apps, app(true))
	})
	var all []*incident.Incident
	for i := range 30 {
		one := pinging(fmt.Sprintf("id-%02d", i), eight.Add(-time.Hour))
		if i != 7 {
			one.Severity = cause.SeverityWarning
		}
		all = append(all, one)
	}
	x.opened(t, all...)
	x.run(t, 0)
	if got := x.last().Impacts; len(got) != 10 || asked != 20 || got[0].Incident != "id-07" || got[1].Incident != "id-29" {
		t.Errorf("%d impacts after %d requests: %+v", len(got), asked, got)
	}
	doc, err := x.store.Get(t.Context(), incident.StateKey("main"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Data = []byte("damaged")
	if _, err := x.store.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	x.run(t, 5)
	if !strings.Contains(logs.String(), "impact_failed") || x.last().Impacts != nil {
		t.Errorf("logged %s", logs.String())
	}
}

func app(impact bool) config.App {
	return config.App{Service: "backend", HealthURL: "https://app.example.com/health", CloudRun: backend, Impact: impact}
}

func reference(t *testing.T) config.Secret {
	t.Helper()
	var s config.Secret
	if what, _ := s.ParseText("sm://projects/p/secrets/token", false); what != "" {
		t.Fatal(what)
	}
	return s
}
