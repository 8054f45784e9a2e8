package judge

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func (c *court) signal(source, revision string, mode report.Mode, at time.Time) {
	c.t.Helper()
	c.step(Evidence{Signal: &report.Signal{ID: "1", Source: source, Revision: revision, Database: "a", Service: "backend", Mode: mode, At: at, Message: "MOCK MODE ACTIVE", Reason: "url_missing"}})
}

func TestSignalsThatCount(t *testing.T) {
	for _, tt := range []struct {
		name     string
		database string
		after    time.Duration
		want     bool
	}{
		{"now", "a", 0, true},
		{"as far ahead as a signature accepts", "a", 5 * time.Minute, true},
		{"further ahead", "a", 5*time.Minute + 1, false},
		{"a day old", "a", -24 * time.Hour, true},
		{"older", "a", -24*time.Hour - 1, false},
		{"of no database", "", 0, false},
		{"of a database that is not watched", "z", 0, false},
	} {
		w := newCourt(t)
		w.p.Jobs = nil
		w.step(Evidence{Signal: &report.Signal{Source: report.SourceEvent, Database: tt.database, Service: "backend", Mode: report.Activated, At: noon.Add(tt.after)}})
		if got := len(w.changes) == 1; got != tt.want {
			t.Errorf("%s: changes %v", tt.name, w.changes)
		}
	}
}

func TestWhatASignalLeaves(t *testing.T) {
	w := newCourt(t)
	w.signal(report.SourceEvent, "r1", report.Activated, noon)
	want := report.Observation{
		Database: "a", Check: report.MockMode, Subject: "backend", Source: "event@r1", Status: report.Fail, Cause: cause.Mock,
		Evidence: "MOCK MODE ACTIVE", At: noon, Every: mockEvery,
	}
	if diff := cmp.Diff(want, w.of(report.MockMode).Observation); diff != "" {
		t.Errorf("observation (-want +got):\n%s", diff)
	}
	w.step(Evidence{Signal: &report.Signal{Source: report.SourceLogs, Database: "a", Service: "worker", Mode: report.Activated, At: noon, Reason: "url_missing"}})
	worker := report.Series{Database: "a", Check: report.MockMode, Subject: "worker"}
	if src := w.s.Series[worker].Sources[0]; src.Observation.Evidence != "url_missing" || src.Every != mockEvery || !src.Scheduled.Equal(noon) || !w.s.Series[worker].LastBad.Equal(noon) {
		t.Errorf("source %+v", src)
	}
	w.now = at(2)
	w.signal(report.SourceEvent, "r1", report.Deactivated, at(1))
	wantSource := incident.SourceState{Source: "event@r1", Scheduled: at(1), Seen: at(1), Every: mockEvery, Status: report.OK, History: 2, Good: 1}
	if diff := cmp.Diff(wantSource, w.s.Series[mockA].Sources[0]); diff != "" {
		t.Errorf("withdrawn source (-want +got):\n%s", diff)
	}
	if !w.s.Series[mockA].LastOK.Equal(at(1)) {
		t.Errorf("last good %v", w.s.Series[mockA].LastOK)
	}
}

// An app whose page is asked, and of which nothing bad is known, was good when it was asked last.
func TestWhenASignalledAppWasGoodLast(t *testing.T) {
	for _, tt := range []struct {
		name  string
		asked []string
		at    time.Time
		want  time.Time
	}{
		{"its page is asked", []string{report.SourceConfig, report.SourceApp}, at(2), at(1)},
		{"it has none", []string{report.SourceConfig}, at(2), time.Time{}},
		{"it spoke before", []string{report.SourceApp}, at(1), time.Time{}},
	} {
		w := newCourt(t)
		w.p.Databases["a"] = policy.Database{Services: []string{"backend"}, Apps: map[string][]string{"backend": tt.asked}}
		w.life("..")
		w.signal(report.SourceEvent, "", report.Activated, tt.at)
		if got := w.s.Series[mockA].LastOK; !got.Equal(tt.want) {
			t.Errorf("%s: last good at %v, want %v", tt.name, got, tt.want)
		}
	}
}

// An app that restarts all the time repeats itself: that changes nothing for five minutes,
// unless the app was good in between.
func TestASignalThatRepeatsItself(t *testing.T) {
	for _, tt := range []struct {
		name string
		good bool
		at   time.Duration
		want bool
	}{
		{"at once", false, 4*time.Minute + 59*time.Second, false},
		{"after five minutes", false, 5 * time.Minute, true},
		{"after the app was good", true, 2 * time.Minute, true},
	} {
		w := newCourt(t)
		w.signal(report.SourceEvent, "", report.Activated, noon)
		if tt.good {
			w.now = at(1)
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""))
		}
		w.now = noon.Add(tt.at)
		w.signal(report.SourceEvent, "", report.Activated, w.now)
		i := slices.IndexFunc(w.s.Series[mockA].Sources, func(src incident.SourceState) bool { return src.Source == report.SourceEvent })
		if got := w.s.Series[mockA].Sources[i].Scheduled.Equal(w.now); got != tt.want {
			t.Errorf("%s: counts %t", tt.name, got)
		}
	}
}

// An app sends its event as soon as it falls back, before any ping can fail.
func TestASignalWaitsForThePingThatMayExplainIt(t *testing.T) {
	for _, tt := range []struct {
		name, pings string
		want        []string
	}{
		{"Redis is down", ".xx", []string{"2 a/ping opened", "2 a/ping updated"}},
		{"Redis answers", "..", []string{"1 a/mock_mode/backend opened"}},
		{"no ping comes any more", ".____", []string{"3 a/mock_mode/backend opened"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.p.MissAfter = 99
			for i, l := range tt.pings {
				w.now = at(i)
				if l == '_' {
					w.step(Evidence{})
				} else {
					w.run("us", string(l))
				}
				if w.now = w.now.Add(30 * time.Second); i == 0 {
					w.signal(report.SourceEvent, "", report.Activated, w.now)
				}
			}
			w.want(tt.want...)
		})
	}
}

// An event's time is in whole seconds, so that an app that falls back and recovers within one
// sends the same time twice.
func TestOfTwoSignalsInOneSecondTheEndWins(t *testing.T) {
	for _, tt := range []struct {
		name  string
		modes []report.Mode
	}{
		{"the end comes last", []report.Mode{report.Activated, report.Deactivated}},
		{"the end comes first", []report.Mode{report.Deactivated, report.Activated}},
		{"and the beginning is repeated", []report.Mode{report.Activated, report.Deactivated, report.Activated}},
	} {
		w := newCourt(t)
		for _, mode := range tt.modes {
			w.signal(report.SourceEvent, "", mode, noon)
		}
		if src := w.s.Series[mockA].Sources[0]; src.Down {
			t.Errorf("%s: it is in mock mode", tt.name)
		}
	}
}
