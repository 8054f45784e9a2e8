package judge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

var pingA = report.Series{Database: "a", Check: report.Ping}

func TestTheAgeOfAReportDecidesWhatItMayChange(t *testing.T) {
	for _, tt := range []struct {
		name string
		// after is when the report was scheduled, from now.
		after         time.Duration
		counts, noted bool
	}{
		{"now", 0, true, true},
		{"a minute ahead: a clock may be a little fast", time.Minute, true, true},
		{"further ahead: refused", time.Minute + time.Millisecond, false, false},
		{"the run that was seen last: known", -time.Minute, false, false},
		{"an earlier one: known", -2 * time.Minute, false, false},
		{"ten minutes old, and known", -10 * time.Minute, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.life(".")
			now := w.now
			w.now = now.Add(tt.after)
			r := w.report("us", "a")
			w.now = now
			w.step(Evidence{Report: r})
			if counts := len(w.changes) == 1; counts != tt.counts {
				t.Errorf("changes %v", w.changes)
			}
			want := incident.JobState{Scheduled: noon, Every: time.Minute}
			if tt.noted {
				want.Scheduled = now.Add(tt.after)
			}
			if diff := cmp.Diff(want, w.s.Jobs["healthcheck@us"]); diff != "" {
				t.Errorf("job (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStaleReportOfANewRunIsNotedAndChangesNoStatus(t *testing.T) {
	w := newCourt(t)
	w.life(".")
	r := w.report("us", "a") // of 12:01
	w.now = at(11).Add(time.Millisecond)
	w.step(Evidence{Report: r})
	w.step(Evidence{Report: w.report("us", ".")})
	w.want()
	fresh := newCourt(t)
	r = fresh.report("us", "", fresh.other(report.Write, "", cause.StorageFull)) // of noon
	fresh.now = at(10)
	fresh.step(Evidence{Report: r})
	fresh.want("10 a/write opened") // ten minutes old is not yet stale
}

// A stale report moves the beginning of an open failure back, not beyond what is known.
func TestBackdate(t *testing.T) {
	opened := func(t *testing.T) *court {
		w := newCourt(t)
		w.life(".")
		w.now = at(30)
		w.run("us", "a")
		return w
	}
	for _, tt := range []struct {
		name   string
		letter string
		at     int
		// since and lastOK in minutes.
		since, lastOK int
	}{
		{"a failure between", "x", 10, 10, 0},
		{"a good result between", ".", 10, 30, 10},
		{"a failure before the last good result", "x", 0, 30, 0},
		{"a good result that is as old as the last", ".", 0, 30, 0},
		{"an answer that is none", "?", 10, 30, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := opened(t)
			w.s.Series[pingA].LastOK, w.of(report.Ping).LastOK, w.of(report.Ping).Since = at(0).Add(time.Second), at(0).Add(time.Second), at(30).Add(time.Second)
			now := w.now
			w.now = at(tt.at)
			r := w.report("us", tt.letter)
			w.now = now.Add(time.Minute)
			w.step(Evidence{Report: r})
			inc := w.of(report.Ping)
			if !inc.Since.Equal(at(tt.since).Add(time.Second)) || !inc.LastOK.Equal(at(tt.lastOK).Add(time.Second)) || !w.s.Series[pingA].LastOK.Equal(inc.LastOK) {
				t.Errorf("since %v, last ok %v and %v of the series", inc.Since, inc.LastOK, w.s.Series[pingA].LastOK)
			}
		})
	}
	t.Run("a failure after the beginning", func(t *testing.T) {
		w := opened(t)
		s := &shard{State: &w.s, policy: w.p, now: w.now}
		s.backdate(report.Observation{Database: "a", Check: report.Ping, Status: report.Fail, At: at(31)})
		s.backdate(report.Observation{Database: "b", Check: report.Ping, Status: report.Fail, At: at(1)}) // without an incident
		if inc := w.of(report.Ping); !inc.Since.Equal(at(30).Add(time.Second)) {
			t.Errorf("since %v", inc.Since)
		}
	})
}

func TestOnlyWhatTheConfigurationKnowsIsObserved(t *testing.T) {
	for _, tt := range []struct {
		name      string
		databases map[string]policy.Database
		want      bool
	}{
		{"all checks are on", map[string]policy.Database{"a": {}}, true},
		{"this check is on", map[string]policy.Database{"a": {Checks: []report.Check{report.Write, report.Ping}}}, true},
		{"it is off", map[string]policy.Database{"a": {Checks: []report.Check{report.Write}}}, false},
		{"the database is another's", map[string]policy.Database{"b": {}}, false},
		{"the configuration cannot be read", nil, true},
	} {
		w := newCourt(t)
		w.p.Databases = tt.databases
		w.run("us", "a")
		if got := len(w.changes) == 1; got != tt.want {
			t.Errorf("%s: changes %v", tt.name, w.changes)
		}
	}
}

func TestASeriesRemembersWhenItWasGood(t *testing.T) {
	t.Run("it was absent: good at the run before, or when its check was last due", func(t *testing.T) {
		for every, want := range map[time.Duration]time.Time{time.Minute: at(1), 5 * time.Minute: at(-3), 0: at(1)} {
			w := newCourt(t)
			w.life("..")
			o := w.other(report.Write, "", cause.StorageFull)
			o.Every = every
			w.run("us", ".", o)
			if got := w.of(report.Write).LastOK; !got.Equal(want) {
				t.Errorf("every %v: last good %v, want %v", every, got, want)
			}
		}
	})
	t.Run("nothing is known of a series in the first run", func(t *testing.T) {
		w := newCourt(t)
		w.run("us", "a")
		if got := w.of(report.Ping).LastOK; !got.IsZero() {
			t.Errorf("last good %v", got)
		}
	})
	t.Run("while it is kept, its latest results", func(t *testing.T) {
		w := newCourt(t)
		w.life("a.")
		ss := w.s.Series[pingA]
		if !ss.LastBad.Equal(at(0).Add(time.Second)) || !ss.LastOK.Equal(at(1).Add(time.Second)) {
			t.Errorf("last bad %v, last good %v", ss.LastBad, ss.LastOK)
		}
	})
}

func TestUnknownIsNoted(t *testing.T) {
	w := newCourt(t)
	w.life("x??")
	src := w.s.Series[pingA].Sources[0]
	if !src.UnknownSince.Equal(at(1).Add(time.Second)) || !src.Seen.Equal(at(2).Add(time.Second)) || !src.Scheduled.Equal(at(0)) || src.Bad != 1 {
		t.Errorf("source %+v", src)
	}
	w.life("x")
	if src := w.s.Series[pingA].Sources[0]; !src.UnknownSince.IsZero() {
		t.Errorf("unknown since %v after a result", src.UnknownSince)
	}
}

// Two regions' runs of the same minute are two sources; each counts its own run once.
func TestEachSourceCountsItsOwnRuns(t *testing.T) {
	w := newCourt(t)
	w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute})
	w.run("us", "x")
	w.run("eu", "x")
	w.run("eu", "x")
	sources := w.s.Series[pingA].Sources
	if len(sources) != 2 || sources[0].Source != "eu" || sources[0].Bad != 1 || sources[1].Source != "us" || sources[1].Bad != 1 {
		t.Errorf("sources %+v", sources)
	}
	// The job of a region is new, and its source is not: a run that it knows counts no more.
	delete(w.s.Jobs, "healthcheck@eu")
	w.run("eu", "x")
	if got := w.s.Series[pingA].Sources[0].Bad; got != 1 {
		t.Errorf("a run counts %d times", got)
	}
}

func TestPrune(t *testing.T) {
	long := at(0).Add(-7 * time.Hour)
	good := incident.SourceState{Source: "us", Scheduled: noon, Status: report.OK}
	with := func(edit func(*incident.SourceState)) incident.SeriesState {
		src := good
		edit(&src)
		return incident.SeriesState{Sources: []incident.SourceState{src}, LastBad: long}
	}
	for _, tt := range []struct {
		name string
		ss   incident.SeriesState
		kept bool
	}{
		{"plainly good", with(func(*incident.SourceState) {}), false},
		{"without a source", incident.SeriesState{}, false},
		{"down", with(func(src *incident.SourceState) { src.Down = true }), true},
		{"bad", with(func(src *incident.SourceState) { src.Bad = 1 }), true},
		{"unknown", with(func(src *incident.SourceState) { src.UnknownSince = noon }), true},
		{"of an incident that is kept", incident.SeriesState{Incident: "kept"}, true},
		{"of one that is not", incident.SeriesState{Incident: "gone"}, false},
		{"bad a quarter of an hour ago: it may reopen", incident.SeriesState{LastBad: at(-15)}, true},
		{"bad longer ago", incident.SeriesState{LastBad: at(-15).Add(-1)}, false},
		{"with a past of six hours: it may flap", incident.SeriesState{LastBad: at(-360), Sources: []incident.SourceState{{History: 4}}}, true},
		{"with a longer past", incident.SeriesState{LastBad: at(-360).Add(-1), Sources: []incident.SourceState{{History: 4}}}, false},
		{"a signal of the last day: an older one must not look new", with(func(src *incident.SourceState) { src.Source, src.Scheduled = report.SourceEvent, at(-24*60) }), true},
		{"of the logs as well", with(func(src *incident.SourceState) { src.Source = report.SourceLogs + "@r1" }), true},
		{"a signal of longer ago", with(func(src *incident.SourceState) { src.Source, src.Scheduled = report.SourceEvent, at(-24*60).Add(-1) }), false},
	} {
		s := incident.New("main", noon)
		s.Incidents["kept"] = &incident.Incident{ID: "kept"}
		s.Series[pingA] = &tt.ss
		Prune(&s, policy.Default(), noon)
		if _, kept := s.Series[pingA]; kept != tt.kept {
			t.Errorf("%s: kept %t", tt.name, kept)
		}
	}
}

// An observation comes anew with each report, but evidence of mock mode and about the
// monitor itself comes once.
func TestPruneDropsObservationsThatComeAgain(t *testing.T) {
	for _, tt := range []struct {
		series report.Series
		down   bool
		kept   bool
	}{
		{pingA, true, false},
		{report.Series{Database: "a", Check: report.MockMode, Subject: "x"}, true, true},
		{report.Series{Database: "a", Check: report.MockMode, Subject: "x"}, false, false},
		{incident.MonitorSeries("reports"), true, true},
		{incident.MonitorSeries("reports"), false, false},
	} {
		s := incident.New("main", noon)
		s.Series[tt.series] = &incident.SeriesState{Sources: []incident.SourceState{{Down: tt.down, Bad: 1, Observation: &report.Observation{}}}}
		Prune(&s, policy.Default(), noon)
		if kept := s.Series[tt.series].Sources[0].Observation != nil; kept != tt.kept {
			t.Errorf("%v, down %t: kept %t", tt.series, tt.down, kept)
		}
	}
}

func TestMockModeIsWatchedOnlyOfConfiguredServices(t *testing.T) {
	for _, tt := range []struct {
		name     string
		services []string
		want     bool
	}{
		{"all where none is configured by name", nil, true},
		{"one that is named", []string{"backend"}, true},
		{"another one", []string{"worker"}, false},
		{"none", []string{}, false},
	} {
		w := newCourt(t)
		w.p.Databases["a"] = policy.Database{Services: tt.services}
		w.signal(report.SourceEvent, "", report.Activated, w.now)
		w.signal(report.SourceEvent, "", report.Activated, w.now)
		if _, got := w.s.Series[mockA]; got != tt.want {
			t.Errorf("%s: watched %t, want %t", tt.name, got, tt.want)
		}
	}
}
