package alert

import (
	"slices"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestRegions(t *testing.T) {
	regions := []string{"asia", "eu", "us"}
	for _, c := range []struct {
		name string
		// lives is one letter a minute for each region.
		lives []string
		home  string
		told  string
		// severity of the incident at the end.
		severity cause.Severity
	}{
		{"a majority is down", []string{".xxx", ".xxx", "...."}, "", "2 slack opened", cause.SeverityCritical},
		{"one region alone is a warning", []string{".xxx", "....", "...."}, "", "2 slack opened", cause.SeverityWarning},
		{"the home region alone is critical", []string{".xxx", "....", "...."}, "asia", "2 slack opened", cause.SeverityCritical},
		{"a warning that grows to a majority is raised", []string{".xxxxx", "...xxx", "......"}, "", "2 slack opened; 4 slack raised", cause.SeverityCritical},
		{"a region that says nothing does not vote", []string{".xxxxxxx", ".       ", ".       "}, "", "3 slack opened; 4 slack raised; 6 slack opened", cause.SeverityCritical},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSim(t)
			w.p.Jobs = nil
			for _, r := range regions {
				w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.HealthCheck, Region: r, Every: time.Minute})
			}
			w.p.Databases = map[string]policy.Database{"a": {Home: c.home}}
			for i := range len(c.lives[0]) {
				for n, r := range regions {
					if l := c.lives[n][i]; l != ' ' {
						w.step(w.report(r, w.ping("a", r, rune(l))))
					}
				}
				w.now = w.now.Add(time.Minute)
			}
			w.check(c.told)
			for _, inc := range w.s.Incidents {
				if inc.Series.Database == "a" && inc.Severity != c.severity {
					t.Errorf("severity %s, want %s", inc.Severity, c.severity)
				}
			}
		})
	}
}

// other makes an observation of another check.
func (w *sim) other(db string, check report.Check, source string, status report.Status, c cause.Cause) report.Observation {
	return report.Observation{
		Database: db, Check: check, Subject: map[bool]string{true: "backend"}[check == report.MockMode], Source: source,
		Status: status, Clear: status == report.OK, Cause: c, At: w.now, Every: time.Minute,
	}
}

func TestInhibition(t *testing.T) {
	t.Run("ping explains the database's other checks, pending too, and what still fails afterwards opens", func(t *testing.T) {
		w := newSim(t)
		for _, l := range "xxx......" {
			w.step(w.report("us", w.ping("a", "us", l), w.other("a", report.Write, "", report.Fail, cause.StorageFull)))
			w.now = w.now.Add(time.Minute)
		}
		w.check("1 slack opened; 4 slack resolved; 4 slack opened")
	})
	t.Run("mock mode is shown inside a ping incident and opens one run after it", func(t *testing.T) {
		w := newSim(t)
		for i, l := range "xxx......" {
			obs := []report.Observation{w.ping("a", "us", l)}
			if i >= 2 {
				obs = append(obs, w.other("a", report.MockMode, report.SourceApp, report.Fail, cause.Mock))
			}
			w.step(w.report("us", obs...))
			if i == 2 {
				if got := w.s.Incidents[w.only()].Mock; !slices.Equal(got, []string{"backend (app)"}) {
					t.Errorf("shown inside: %v, want the backend with its evidence", got)
				}
			}
			w.now = w.now.Add(time.Minute)
		}
		w.check("1 slack opened; 4 slack resolved; 4 slack opened")
	})
}

func TestMockEvidence(t *testing.T) {
	sig := func(w *sim, mode report.Mode) {
		w.step(Input{Signal: &report.Signal{ID: "1", Source: report.SourceEvent, Database: "a", Service: "backend", Mode: mode, At: w.now}})
	}
	run := func(w *sim, app report.Status) {
		var c cause.Cause
		if app == report.Fail {
			c = cause.Mock
		}
		w.now = w.now.Add(time.Minute)
		w.step(w.report("us", w.ping("a", "us", '.'), w.other("a", report.MockMode, report.SourceApp, app, c)))
	}
	t.Run("an event opens, its counterpart closes", func(t *testing.T) {
		w := newSim(t)
		sig(w, report.Activated)
		w.now = w.now.Add(time.Minute)
		sig(w, report.Deactivated)
		w.check("0 slack opened; 1 slack resolved")
	})
	t.Run("the app that is good twice since closes what an event said", func(t *testing.T) {
		w := newSim(t)
		sig(w, report.Activated)
		run(w, report.OK)
		run(w, report.OK)
		w.check("0 slack opened; 2 slack resolved")
	})
	t.Run("a source closes only its own evidence", func(t *testing.T) {
		w := newSim(t)
		run(w, report.Fail)
		sig(w, report.Activated)
		w.now = w.now.Add(time.Minute)
		sig(w, report.Deactivated)
		w.check("1 slack opened")
		run(w, report.OK)
		run(w, report.OK)
		w.check("1 slack opened; 4 slack resolved")
	})
	t.Run("an older activation that comes late does not reopen", func(t *testing.T) {
		w := newSim(t)
		sig(w, report.Activated)
		old := w.now
		w.now = w.now.Add(time.Minute)
		sig(w, report.Deactivated)
		w.now = w.now.Add(2 * time.Hour)
		w.step(Input{})
		w.step(Input{Signal: &report.Signal{ID: "2", Source: report.SourceEvent, Database: "a", Service: "backend", Mode: report.Activated, At: old.Add(time.Second)}})
		for _, inc := range w.s.Incidents {
			if inc.Series.Check == report.MockMode && inc.Open() {
				t.Error("reopened by an older signal")
			}
		}
	})
}
