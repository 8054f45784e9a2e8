package metrics_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// keep writes down a resolved incident of mock mode.
func (x *fixture) keep(t *testing.T, service string, since, resolved time.Time) {
	t.Helper()
	id := since.UTC().Format("20060102T150405Z") + "-" + strings.ToUpper(service)
	data, err := incident.EncodeDocument(incident.Document{Shard: "main", Incident: incident.Incident{
		ID: id, Series: report.Series{Database: "cache", Check: report.MockMode, Subject: service},
		Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.Mock, Since: since, Opened: since, Resolved: resolved,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.store.Put(t.Context(), store.Doc{Key: incident.DocumentKey("main", id), Data: data}); err != nil {
		t.Fatal(err)
	}
}

// open makes Alert's state hold an outage in which an app fell back.
func (x *fixture) open(t *testing.T, since time.Time, mock ...string) {
	t.Helper()
	const id = "20261122T195500Z-AAAAAAAAAAAA"
	state := incident.New("main", eight)
	state.Incidents = map[string]*incident.Incident{id: {
		ID: id, Series: report.Series{Database: "cache", Check: report.Ping}, Severity: cause.SeverityCritical,
		Status: report.Fail, Cause: cause.TCPRefused, Since: since, Opened: since, Mock: mock,
	}}
	data, err := incident.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.store.Put(t.Context(), store.Doc{Key: incident.StateKey("main"), Data: data}); err != nil {
		t.Fatal(err)
	}
}

func TestFallbackRate(t *testing.T) {
	x := newFixture(t, "")
	hour := func(h float64) time.Time { return eight.Add(time.Duration(h * float64(time.Hour))) }
	x.keep(t, "backend", hour(-3), hour(-2.5))
	x.keep(t, "worker", hour(-50), hour(-21)) // over lately, begun long before the range
	x.keep(t, "backend", hour(-24*20), hour(-24*20+1))
	x.open(t, hour(-0.1), "backend (app)")

	want := &statistics.Fallback{
		Active: []string{"backend"}, Activations: 2, Minutes: 180 + 30 + 6,
		Days: []statistics.FallbackDay{
			{Date: "2026-11-16"},
			{Date: "2026-11-17"},
			{Date: "2026-11-18"},
			{Date: "2026-11-19"},
			{Date: "2026-11-20", Activations: 1, Minutes: 6 * 60},
			{Date: "2026-11-21", Minutes: 23 * 60},
			{Date: "2026-11-22", Activations: 2, Minutes: 36},
		},
	}
	*x.now = eight
	for _, query := range []string{"", "?range=30d", "?database=cache&range=7d"} {
		got := x.statistics(t, query).Databases[0].Fallback
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
	text := x.get(t, "/metrics").Body.String()
	for _, line := range []string{
		`pongwatch_mock_mode_apps{database="cache"} 1.0`, `pongwatch_mock_mode_activations{database="cache"} 2.0`, `pongwatch_mock_mode_seconds{database="cache"} 12960.0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics does not say %s", line)
		}
	}
	page := x.get(t, "/").Body.String()
	for _, words := range []string{"<dt>Mock mode, 24 h</dt><dd class=\"bad\">on now<small>2 ×</small>", "Fallback rate: 2 × and 3\u00a0h in mock mode in 24&nbsp;h", "<tr><td>2026-11-21</td><td class=\"n\">0 ×</td><td class=\"n\">23\u00a0h</td></tr>"} {
		if !strings.Contains(page, words) {
			t.Errorf("the dashboard does not say %s", words)
		}
	}
}

// A page that polls reads some weeks of documents once, and every ten minutes those that may have changed.
func TestFallbackRateReadsDocumentsOnce(t *testing.T) {
	x := newFixture(t, "")
	var from []string
	x.store.Always(func(c storetest.Call) storetest.Fault {
		if key, ok := strings.CutPrefix(c.Key, "incidents/v1/main/"); ok && c.Op == storetest.Range {
			from = append(from, key)
		}
		return storetest.None
	})
	count := func(want int, reads ...string) {
		t.Helper()
		from = nil
		if f := x.statistics(t, "").Databases[0].Fallback; f == nil || f.Activations != want {
			t.Errorf("fallback %+v, want %d activations", f, want)
		}
		if !slices.Equal(from, reads) {
			t.Errorf("incidents are read from %v, want from %v", from, reads)
		}
	}
	x.keep(t, "worker", eight.Add(-10*24*time.Hour), eight.Add(-9*24*time.Hour))
	count(0, "20261016T000000Z")
	x.keep(t, "backend", eight.Add(-time.Hour), eight.Add(-time.Minute))
	count(0)
	*x.now = x.now.Add(10*time.Minute - 1)
	count(0)
	*x.now = x.now.Add(1)
	count(1, "20261112T200000Z-WORKER~")
	*x.now = x.now.Add(-time.Minute) // the clock was set back
	count(1, "20261122T190000Z-BACKEND~")
	*x.now = x.now.Add(25 * time.Hour)
	count(0, "20261122T190000Z-BACKEND~")
}

func TestAFallbackRateThatCannotBeReadIsLeftOut(t *testing.T) {
	x := newFixture(t, "")
	x.store.Always(func(c storetest.Call) storetest.Fault {
		if strings.HasPrefix(c.Key, "incidents/") {
			return storetest.Unavailable
		}
		return storetest.None
	})
	s := x.statistics(t, "")
	if s.Databases[0].Fallback != nil || !strings.Contains(strings.Join(s.Missing, "; "), "past incidents") {
		t.Errorf("fallback %+v, missing %v; want none, said so", s.Databases[0].Fallback, s.Missing)
	}
	if w := x.get(t, "/metrics"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "mock_mode_activations") {
		t.Errorf("/metrics answers %d with a figure that is not known", w.Code)
	}
	if w := x.get(t, "/"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Fallback rate") {
		t.Errorf("the dashboard answers %d with a figure that is not known", w.Code)
	}
}
