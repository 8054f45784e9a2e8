package judge

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

const reports = "_pongwatch/monitor/reports"

func TestAJobThatIsSilentIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		life    string
		changes string
	}{
		{"five minutes are not too long", "._____", ""},
		{"after them it is missing", ".______", "6 opened"},
		{"a run ends it", ".______..", "6 opened; 7 resolved"},
		{"two intervals late is on time", ".__.__.", ""},
		{"one that has never run is waited for as long", "______", ""},
		{"and is missing then", "_______", "6 opened"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.life(tt.life)
			w.want(split(reports, tt.changes)...)
		})
	}
	w := newCourt(t)
	w.life(".______")
	inc := w.of(report.Monitor)
	if got, want := inc.Observation.Evidence, "healthcheck in us: last run 2026-11-22 12:00:00 UTC, expected every 1 min"; got != want {
		t.Errorf("evidence %q, want %q", got, want)
	}
	if inc.Cause != cause.MonitorMissingReports || inc.Status != report.Fail || !inc.Since.Equal(noon) || !slices.Equal(inc.Down, []string{"healthcheck@us"}) {
		t.Errorf("incident %+v", inc)
	}
	w = newCourt(t)
	w.p.Jobs = []policy.Job{{Job: report.Metrics, Every: 5 * time.Minute}}
	w.life(strings.Repeat("_", 30))
	if got, want := w.of(report.Monitor).Observation.Evidence, "metrics: no run seen yet, expected every 5 min"; got != want {
		t.Errorf("evidence %q, want %q", got, want)
	}
}

func TestJobsThatAreExpected(t *testing.T) {
	t.Run("without a list, those that were seen", func(t *testing.T) {
		w := newCourt(t)
		w.p.Jobs = nil
		w.life(".______")
		w.want(split(reports, "6 opened")...)
	})
	t.Run("a job without a region may run anywhere", func(t *testing.T) {
		w := newCourt(t)
		w.p.Jobs = []policy.Job{{Job: report.HealthCheck, Every: time.Minute}}
		for i := range 20 {
			w.run([]string{"eu", "us"}[i/10], ".")
			w.now = w.now.Add(time.Minute)
		}
		w.want()
		w.life("______")
		w.want(split(reports, "25 opened")...)
	})
	t.Run("what is no longer configured is forgotten, and missed no more", func(t *testing.T) {
		w := newCourt(t)
		w.life(".______")
		w.p.Jobs = []policy.Job{{Job: report.HealthCheck, Region: "eu", Every: time.Hour}}
		w.life("__")
		w.want(split(reports, "6 opened; 7 resolved")...)
		if got := slices.Sorted(maps.Keys(w.s.Jobs)); !slices.Equal(got, []string{"healthcheck@eu"}) {
			t.Errorf("jobs %v", got)
		}
	})
	t.Run("an Alert that was dead gives the jobs time", func(t *testing.T) {
		w := newCourt(t)
		w.life("..")
		w.now = at(60)
		w.life("___.")
		w.want()
		w.life("____")
		w.want()
	})
}

func TestASeriesWithoutAnAnswerIsMissing(t *testing.T) {
	network := incident.MonitorSeries(subjectNetwork)
	for _, tt := range []struct {
		name string
		// open is the series of an incident that is open meanwhile.
		open    *report.Series
		check   report.Check
		late    string // a job that is late
		explain bool
		status  report.Status // of the incident
	}{
		{"no incident says why", nil, report.Ping, "", false, ""},
		{"its own does", &pingA, report.Ping, "", true, ""},
		{"its database's ping does", &pingA, report.Write, "", true, ""},
		{"its database's configuration does", &report.Series{Database: "a", Check: report.ConfigLoad}, report.Ping, "", true, report.Fail},
		{"a setting whose default is used does not", &report.Series{Database: "a", Check: report.ConfigLoad}, report.Ping, "", false, report.Warn},
		{"another database's does not", &report.Series{Database: "b", Check: report.Ping}, report.Ping, "", false, ""},
		{"the network does, for a ping", &network, report.Ping, "", true, ""},
		{"and not for what Metrics asks", &network, report.Write, "", false, ""},
		{"a quota does, for what Metrics asks", &report.Series{Database: "a", Check: report.Commands}, report.Write, "", true, ""},
		{"and not for a ping", &report.Series{Database: "a", Check: report.Commands}, report.Ping, "", false, ""},
		{"refused writes do, for a round trip", &report.Series{Database: "a", Check: report.Write}, report.RoundTrip, "", true, ""},
		{"and not for what only reads", &report.Series{Database: "a", Check: report.Write}, report.HitRate, "", false, ""},
		{"the late job of its region does", nil, report.Ping, "healthcheck@us", true, ""},
		{"that of another region does not", nil, report.Ping, "healthcheck@eu", false, ""},
		{"a late job without a region does", nil, report.Write, "metrics@", true, ""},
		{"another late job does not", nil, report.Write, "healthcheck@us", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &shard{State: new(incident.New("main", noon)), policy: policy.Default(), now: at(6).Add(1), fresh: map[report.Series]bool{}}
			key := report.Series{Database: "a", Check: tt.check}
			s.Series[key] = &incident.SeriesState{Sources: []incident.SourceState{{Source: "us", Every: time.Minute, UnknownSince: at(1)}}}
			if tt.open != nil {
				s.Incidents["open"] = &incident.Incident{ID: "open", Status: tt.status}
				s.series(*tt.open).Incident = "open"
			}
			s.missingSeries(map[string]bool{tt.late: tt.late != ""})
			_, missed := s.Series[incident.MonitorSeries(subjectReports)]
			if missed == tt.explain {
				t.Errorf("missed %t", missed)
			}
		})
	}
}

func TestMissingSeriesBoundaries(t *testing.T) {
	judge := func(after time.Duration, ss *incident.SeriesState, check report.Check) *incident.SeriesState {
		s := &shard{State: new(incident.New("main", noon)), policy: policy.Default(), now: noon.Add(after), fresh: map[report.Series]bool{}}
		s.Series[report.Series{Database: "a", Check: check}] = ss
		s.missingSeries(nil)
		return s.Series[incident.MonitorSeries(subjectReports)]
	}
	unknown := func(sources ...incident.SourceState) *incident.SeriesState {
		return &incident.SeriesState{Sources: sources}
	}
	silent := incident.SourceState{Every: time.Minute, UnknownSince: noon}
	rare := incident.SourceState{Source: "eu", Every: 2 * time.Minute, UnknownSince: at(1)}
	heard := incident.SourceState{Source: "us", Every: time.Minute}
	for _, tt := range []struct {
		name   string
		after  time.Duration
		ss     *incident.SeriesState
		check  report.Check
		status report.Status // empty: not missed
	}{
		{"five minutes are not too long", 5 * time.Minute, unknown(silent), report.Ping, ""},
		{"longer is a failure of ping", 5*time.Minute + 1, unknown(silent), report.Ping, report.Fail},
		{"and a warning of a check that is one", 5*time.Minute + 1, unknown(silent), report.Eviction, report.Warn},
		{"the latest and rarest of several sources counts", 9 * time.Minute, unknown(silent, rare), report.Ping, ""},
		{"until it is too long", 9*time.Minute + 1, unknown(silent, rare), report.Ping, report.Fail},
		{"one source that answers is enough", time.Hour, unknown(silent, heard), report.Ping, ""},
		{"signals have no runs", time.Hour, unknown(silent), report.MockMode, ""},
	} {
		got := judge(tt.after, tt.ss, tt.check)
		switch {
		case tt.status == "" && got != nil, tt.status != "" && got == nil:
			t.Errorf("%s: %+v", tt.name, got)
		case got != nil && (got.Sources[0].Status != tt.status || !strings.HasSuffix(got.Sources[0].Observation.Evidence, " UTC")):
			t.Errorf("%s: %+v", tt.name, got.Sources[0])
		}
	}
}

func TestASeriesIsMissedUntilItAnswersOrIsGone(t *testing.T) {
	for name, end := range map[string]func(*court){
		"it answers": func(w *court) { w.life("...") },
		"it is forgotten": func(w *court) {
			delete(w.s.Series, pingA)
			w.life("__")
		},
	} {
		w := newCourt(t)
		w.life(".???????")
		w.want(split(reports, "7 opened")...)
		if got, want := w.of(report.Monitor).Observation.Evidence, "ping of a gives no answer since 2026-11-22 12:01:01 UTC"; got != want {
			t.Errorf("evidence %q, want %q", got, want)
		}
		end(w)
		if inc := w.of(report.Monitor); inc.Open() {
			t.Errorf("%s: still missed", name)
		}
	}
}

func TestWhatIsNoLongerConfiguredIsClosed(t *testing.T) {
	t.Run("a database", func(t *testing.T) {
		w := newCourt(t)
		w.run("us", "ax")
		delete(w.p.Databases, "a")
		delete(w.p.Databases, "b")
		w.step(Evidence{})
		w.step(Evidence{})
		w.want("0 a/ping opened", "0 a/ping no_longer_watched")
		if inc := w.of(report.Ping); !inc.Gone || !inc.Resolved.Equal(noon) || len(w.s.Series) != 0 {
			t.Errorf("incident %+v, series %v", inc, w.s.Series)
		}
		w.p.Databases["a"] = policy.Database{}
		w.now = at(1)
		w.run("us", "a")
		w.want("0 a/ping opened", "0 a/ping no_longer_watched", "1 a/ping opened") // it is not continued
	})
	t.Run("nothing, where the configuration cannot be read", func(t *testing.T) {
		w := newCourt(t)
		w.run("us", "a")
		w.p.Databases = nil
		w.step(Evidence{})
		w.want("0 a/ping opened")
	})
	t.Run("a shard, with the monitor's own series", func(t *testing.T) {
		w := newCourt(t)
		w.step(Evidence{Findings: []Finding{{Subject: "state", Source: "state", Cause: cause.MonitorState, Evidence: "kept"}}})
		w.p.Databases = map[string]policy.Database{}
		w.step(Evidence{})
		w.want("0 _pongwatch/monitor/state opened", "0 _pongwatch/monitor/state no_longer_watched")
		if len(w.s.Series)+len(w.s.Jobs) != 0 {
			t.Errorf("left: %v, %v", w.s.Series, w.s.Jobs)
		}
		w.life("_______")
		w.want("0 _pongwatch/monitor/state opened", "0 _pongwatch/monitor/state no_longer_watched") // its jobs are not missed
	})
	t.Run("the vote of a region", func(t *testing.T) {
		w := newCourt(t)
		w.run("eu", "x")
		w.run("us", "x")
		w.step(Evidence{})
		if diff := cmp.Diff(1, len(w.s.Series[pingA].Sources)); diff != "" || w.s.Series[pingA].Sources[0].Source != "us" {
			t.Errorf("sources %+v, want us alone", w.s.Series[pingA].Sources)
		}
	})
}
