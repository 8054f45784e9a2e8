package judge

import (
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// unclear is an answer of the app of database a that says neither.
func (c *court) unclear(source string) report.Observation {
	o := c.other(report.MockMode, source, cause.AppUnreachable)
	o.Status = report.Unknown
	return o
}

// Evidence that nothing can withdraw and nothing confirms is stale after a quarter of an hour.
func TestStaleEvidenceOfMockMode(t *testing.T) {
	for _, tt := range []struct {
		name  string
		begin func(*court)
		// then is what each later run has to say about mock mode.
		then func(*court, int) []report.Observation
		want bool
	}{
		{
			"the page says mock, then nothing that is understood", func(w *court) { w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock)) },
			func(w *court, _ int) []report.Observation { return []report.Observation{w.unclear(report.SourceApp)} }, true,
		},
		{
			"it is not asked any more", func(w *court) { w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock)) },
			func(*court, int) []report.Observation { return nil }, true,
		},
		{
			"it says so to this day", func(w *court) { w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock)) },
			func(w *court, _ int) []report.Observation {
				return []report.Observation{w.other(report.MockMode, report.SourceApp, cause.Mock)}
			}, false,
		},
		{
			"a proof that fails is not given any more", func(w *court) { w.run("us", ".", w.other(report.MockMode, report.SourceProof, cause.Mock)) },
			func(w *court, _ int) []report.Observation { return []report.Observation{w.unclear(report.SourceProof)} }, true,
		},
		{"the log said so once, and the page has become unclear after one good answer", func(w *court) {
			w.signal(report.SourceLogs, "", report.Activated, w.now)
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""))
		}, func(w *court, _ int) []report.Observation { return []report.Observation{w.unclear(report.SourceApp)} }, true},
		{"the event is repeated", func(w *court) {
			w.signal(report.SourceEvent, "", report.Activated, w.now)
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""))
		}, func(w *court, minute int) []report.Observation {
			if minute%5 == 0 {
				w.signal(report.SourceEvent, "", report.Activated, w.now)
			}
			return []report.Observation{w.unclear(report.SourceApp)}
		}, false},
		{
			"the log said so once, of an app that has no page", func(w *court) { w.signal(report.SourceLogs, "", report.Activated, w.now) },
			func(*court, int) []report.Observation { return nil }, false,
		},
		{
			"or one that was never understood", func(w *court) { w.signal(report.SourceLogs, "", report.Activated, w.now) },
			func(w *court, _ int) []report.Observation { return []report.Observation{w.unclear(report.SourceApp)} }, false,
		},
		{"the configuration says so", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock), w.other(report.MockMode, report.SourceConfig, cause.Mock))
		}, func(w *court, _ int) []report.Observation {
			return []report.Observation{w.unclear(report.SourceApp), w.other(report.MockMode, report.SourceConfig, cause.Mock)}
		}, false},
	} {
		w := newCourt(t)
		tt.begin(w)
		stale := func() (since time.Time) {
			for _, inc := range w.s.Incidents {
				if inc.Series == mockA {
					since = inc.Stale
				}
			}
			return since
		}
		for minute := 1; minute <= 15; minute++ {
			if !stale().IsZero() {
				t.Errorf("%s: stale before minute %d", tt.name, minute)
			}
			w.now = at(minute)
			w.run("us", ".", tt.then(w, minute)...)
		}
		if since := stale(); since.Equal(noon) != tt.want || since.IsZero() == tt.want {
			t.Errorf("%s: stale since %v", tt.name, since)
		}
		for i := range 20 { // no health check asks: that says nothing about the app
			w.now = at(16 + i)
			w.step(Evidence{})
		}
		if since := stale(); since.IsZero() == tt.want {
			t.Errorf("%s: without health checks, stale since %v", tt.name, since)
		}
		w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock))
		if since := stale(); !since.IsZero() || !w.of(report.MockMode).Open() {
			t.Errorf("%s: stale since %v although it was confirmed", tt.name, since)
		}
	}
}
