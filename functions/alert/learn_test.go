package alert

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// metrics makes the report of a Metrics run.
func (w *sim) metrics(changes []report.Change, impacts ...report.Impact) Input {
	return Input{Report: &report.Report{Job: report.Metrics, Region: "us", Shard: "main", Scheduled: w.now, Finished: w.now, Every: 5 * time.Minute, Changes: changes, Impacts: impacts}}
}

func (w *sim) deployed(ago time.Duration) []report.Change {
	return []report.Change{{At: w.now.Add(-ago), Kind: report.Deployed, Databases: []string{"a"}, What: fmt.Sprintf("deployed at %v", w.now.Add(-ago).Sub(noon))}}
}

func (w *sim) changed() string {
	i := w.newest(report.Ping)
	if i == nil || i.Changed == nil {
		return ""
	}
	return i.Changed.What
}

// rev is the revision that receivers are owed.
func (w *sim) rev() int { return w.newest(report.Ping).Rev }

func TestAChangeIsToldAtTheOpening(t *testing.T) {
	w := newSim(t)
	w.life("..")
	w.step(w.metrics(w.deployed(time.Minute)))
	w.life("aa")
	if got := w.changed(); got != "deployed at 1m0s" {
		t.Errorf("says %q", got)
	}
	w.check("2 slack opened")
}

// Metrics runs every five minutes, so that it may learn of a change after the incident opened.
func TestAChangeThatIsLearnedLaterEditsTheMessage(t *testing.T) {
	w := newSim(t)
	w.life("..aa")
	before := w.rev()
	w.step(w.metrics(w.deployed(2 * time.Minute)))
	if got := w.changed(); got != "deployed at 2m0s" || w.rev() != before+1 {
		t.Errorf("says %q at revision %d, want one more than %d", got, w.rev(), before)
	}
	w.now = w.now.Add(4 * time.Minute)
	w.step(w.metrics([]report.Change{{At: noon.Add(2 * time.Minute), Kind: report.Deployed, Databases: []string{"a"}, What: "deployed at 2m0s"}}))
	if w.rev() != before+1 {
		t.Errorf("what is known edits again: revision %d", w.rev())
	}
	w.check("2 slack opened")
}

func TestAChangeIsForgottenAfterTwoHoursAndKeptInItsIncident(t *testing.T) {
	w := newSim(t)
	w.step(w.metrics(w.deployed(0)))
	w.life("..aa")
	w.now = noon.Add(2*time.Hour + time.Minute)
	w.step(w.metrics(nil))
	if len(w.s.Changes) != 0 || w.changed() != "deployed at 0s" {
		t.Errorf("the state has %v, the incident says %q", w.s.Changes, w.changed())
	}
}

// A rollback replaces what Cloud Run tells, and the culprit was told before.
func TestAnAnswerOfOnCallDoesNotReplaceTheCulprit(t *testing.T) {
	w := newSim(t)
	w.step(w.metrics(w.deployed(time.Minute)))
	w.life("..aa")
	w.step(w.metrics(w.deployed(0)))
	if got := w.changed(); got != "deployed at -1m0s" {
		t.Errorf("says %q", got)
	}
}

func TestChangesAreBounded(t *testing.T) {
	w := newSim(t)
	var many []report.Change
	for i := range 300 {
		many = append(many, report.Change{At: noon.Add(time.Duration(i-300) * time.Second), Kind: report.Account, What: fmt.Sprint(i)})
	}
	w.step(w.metrics(append(many, many...)))
	if n := len(w.s.Changes); n != mostChanges || w.s.Changes[n-1].What != "299" || w.s.Changes[0].What != "200" {
		t.Errorf("%d changes, the first %v", n, w.s.Changes[0])
	}
	w.s.Changes = w.s.Changes[:1]
	step := w.metrics(nil)
	s, _ := Step(w.s, step, w.p, w.now)
	if diff := cmp.Diff(w.s.Changes, s.Changes); diff != "" {
		t.Errorf("a report without changes (-before +after):\n%s", diff)
	}
}

func TestItsOwnConfigurationIsAChange(t *testing.T) {
	w := newSim(t)
	in := func(hash string) Input { return Input{Configuration: hash} }
	w.step(in("a"))
	w.step(in("a"))
	w.step(Input{}) // not asked for
	if len(w.s.Changes) != 0 || w.s.Configuration != "a" {
		t.Errorf("at first: %v of %q", w.s.Changes, w.s.Configuration)
	}
	w.now = w.now.Add(time.Minute)
	w.step(in("b"))
	want := []report.Change{{At: noon.Add(time.Minute), Kind: report.Settings, What: "pongwatch's configuration changed"}}
	if diff := cmp.Diff(want, w.s.Changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheImpactIsItsIncidents(t *testing.T) {
	w := newSim(t)
	w.life("..aa")
	id := w.newest(report.Ping).ID
	impact := func(incident, service string, errs int64) report.Impact {
		return report.Impact{Incident: incident, Service: service, Since: noon, During: report.Traffic{Requests: 100, Errors: errs}}
	}
	before := w.rev()
	w.step(w.metrics(nil, impact("other", "x", 1), impact(id, "backend", 50), impact(id, "web", 0)))
	if got := w.newest(report.Ping).Impacts; len(got) != 2 || got[0].Service != "backend" || got[1].Service != "web" || w.rev() != before+1 {
		t.Errorf("impacts %+v at revision %d", got, w.rev())
	}
	w.now = w.now.Add(time.Minute)
	w.step(w.metrics(nil)) // not measured: the last figures stay
	if got := w.newest(report.Ping).Impacts; len(got) != 2 || w.rev() != before+1 {
		t.Errorf("impacts %+v at revision %d", got, w.rev())
	}
	w.now = w.now.Add(4 * time.Minute)
	w.step(w.metrics(nil, impact(id, "backend", 60)))
	if got := w.newest(report.Ping).Impacts; len(got) != 1 || got[0].During.Errors != 60 {
		t.Errorf("impacts %+v", got)
	}
	w.life("....................")
	s := w.s.Clone()
	w.step(w.metrics(nil, impact(id, "backend", 70)))
	if i := w.s.Incidents[id]; i != nil && (i.Open() || i.Impacts[0].During.Errors == 70) {
		t.Errorf("it is over and was measured: %+v, %v", i.Impacts, s.Incidents[id].Resolved)
	}
}

// An app in mock mode is measured by itself.
func TestTheImpactOfMockModeIsOfItsService(t *testing.T) {
	w := newSim(t)
	series := report.Series{Database: "a", Check: report.MockMode, Subject: "backend"}
	w.s.Incidents["m"] = &incident.Incident{ID: "m", Series: series, Since: noon, Opened: noon}
	w.s.Series[series] = &incident.SeriesState{Incident: "m"}
	s, _ := Step(w.s, w.metrics(nil, report.Impact{Incident: "m", Service: "web"}, report.Impact{Incident: "m", Service: "backend"}), w.p, w.now)
	if got := s.Incidents["m"].Impacts; len(got) != 1 || got[0].Service != "backend" {
		t.Errorf("impacts %+v", got)
	}
}

// The hash goes into a step only where the configuration asks for it.
func TestTheConfigurationIsAskedFor(t *testing.T) {
	for text, want := range map[string]bool{document: false, document + "changes: [configuration]\n": true, document + "changes: [secrets]\n": false} {
		w := newWorld(t, func(o *Options) { o.Config = parse(t, text) })
		w.tick()
		if got := w.state().Configuration != ""; got != want {
			t.Errorf("%t, want %t", got, want)
		}
	}
}
