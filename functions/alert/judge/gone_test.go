package judge

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Whatever an incident is about, removing it from the configuration closes it, and only it.
func TestEveryKindOfSubjectThatIsNoLongerConfiguredIsClosed(t *testing.T) {
	all := []string{report.SourceConfig, report.SourceApp, report.SourceProof}
	of := func(check report.Check, subject, source string) report.Observation {
		return report.Observation{Database: "a", Check: check, Subject: subject, Source: source, Status: report.Fail, Cause: cause.ConfigInvalid, At: noon, Every: time.Minute}
	}
	mock := func(subject, source string) report.Observation { return of(report.MockMode, subject, source) }
	monitor := func(subject, source string) report.Observation {
		o := of(report.Monitor, subject, source)
		o.Database = report.MonitorDatabase
		return o
	}
	edit := func(change func(*policy.Database)) func(*court) {
		return func(w *court) {
			db := w.p.Databases["a"]
			db.Apps = maps.Clone(db.Apps)
			change(&db)
			w.p.Databases["a"] = db
		}
	}
	without := func(service string) func(*court) {
		return edit(func(db *policy.Database) {
			db.Services = slices.DeleteFunc(slices.Clone(db.Services), func(s string) bool { return s == service })
			delete(db.Apps, service)
		})
	}
	asks := func(sources ...string) func(*court) {
		return edit(func(db *policy.Database) { db.Apps["backend"] = sources })
	}
	jobs := func(all ...policy.Job) func(*court) { return func(w *court) { w.p.Jobs = all } }
	us, eu := policy.Job{Job: report.HealthCheck, Region: "us", Every: time.Minute}, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute}
	metrics := policy.Job{Job: report.Metrics, Every: time.Minute}
	for _, tt := range []struct {
		name   string
		seen   report.Observation
		remove func(*court)
		// want is what closes it, empty where it stays open.
		want incident.Event
	}{
		{"a database", of(report.Write, "", ""), func(w *court) { delete(w.p.Databases, "a") }, incident.NoLongerWatched},
		{"another database", of(report.Write, "", ""), func(w *court) { delete(w.p.Databases, "b") }, ""},
		{"a check", of(report.Write, "", ""), edit(func(db *policy.Database) { db.Checks = []report.Check{report.Ping} }), incident.NoLongerWatched},
		{"another check", of(report.Write, "", ""), edit(func(db *policy.Database) { db.Checks = []report.Check{report.Write} }), ""},
		{"an app in mock mode", mock("backend", report.SourceApp), without("backend"), incident.NoLongerWatched},
		{"another app", mock("backend", report.SourceApp), without("worker"), ""},
		{"an app that is left as a service that sends signals", mock("backend", report.SourceApp), edit(func(db *policy.Database) { delete(db.Apps, "backend") }), incident.NoLongerWatched},
		{"its signals", mock("backend", "event@r1"), edit(func(db *policy.Database) { delete(db.Apps, "backend") }), ""},
		{"the app whose page is not understood", of(report.ConfigLoad, "backend", "healthcheck@us"), without("backend"), incident.NoLongerWatched},
		{"another app than that", of(report.ConfigLoad, "backend", "healthcheck@us"), without("worker"), ""},
		{"that page", of(report.ConfigLoad, "backend", "healthcheck@us"), asks(report.SourceConfig), incident.NoLongerWatched},
		{"the page that said mock", mock("backend", report.SourceApp), asks(report.SourceConfig), incident.NoLongerWatched},
		{"the proof that failed", mock("backend", report.SourceProof), asks(report.SourceConfig, report.SourceApp), incident.NoLongerWatched},
		{"the proof, where the page said so", mock("backend", report.SourceApp), asks(report.SourceConfig, report.SourceApp), ""},
		{"an open limiter", of(report.Limiter, "backend", report.SourceProof), edit(func(db *policy.Database) { db.Limiters = nil }), incident.NoLongerWatched},
		{"the proof of mock mode of that app", of(report.Limiter, "backend", report.SourceProof), asks(report.SourceConfig), ""},
		{"the database without an app, once it has one", mock("", report.SourceConfig), func(*court) {}, incident.NoLongerWatched},
		{"a region with a bad setting", of(report.ConfigLoad, "", "healthcheck@eu"), jobs(us, metrics), incident.NoLongerWatched},
		{"another region", of(report.ConfigLoad, "", "healthcheck@us"), jobs(us, metrics), ""},
		{"the region of metrics, which has moved", of(report.ConfigLoad, "", "metrics@asia"), func(w *court) {
			w.s.Jobs["metrics@eu"] = incident.JobState{Scheduled: w.now, Every: time.Minute}
			w.now = at(102)
		}, incident.NoLongerWatched},
		{"metrics, which may have moved", of(report.ConfigLoad, "", "metrics@asia"), func(w *court) {
			w.s.Jobs["metrics@eu"] = incident.JobState{Scheduled: w.now, Every: time.Minute}
			w.now = at(100)
		}, ""},
		{"a job of the monitor's", monitor("", "healthcheck@eu"), jobs(us, metrics), incident.NoLongerWatched},
		{"another job than that", monitor("", "healthcheck@us"), jobs(us, metrics), ""},
	} {
		w := newCourt(t)
		w.p.MissAfter = 99
		w.p.Rules[report.Monitor] = policy.Rule{Severity: cause.SeverityWarning, Threshold: policy.Threshold{Open: 1, Close: 2}}
		w.p.Jobs = []policy.Job{us, eu, metrics}
		w.p.Databases["a"] = policy.Database{Services: []string{"backend", "worker"}, Apps: map[string][]string{"backend": all, "worker": all}, Limiters: []string{"backend"}}
		if tt.seen.Check == report.MockMode && tt.seen.Subject == "" {
			w.p.Databases["a"] = policy.Database{Services: []string{}}
		}
		tt.seen.At = noon.Add(-time.Minute) // a signal waits for a later ping
		w.run("us", "..", tt.seen)
		if len(w.changes) != 1 {
			t.Fatalf("%s: opened %v", tt.name, w.changes)
		}
		w.changes = nil
		if tt.seen.Subject == "" && tt.seen.Check == report.MockMode {
			w.p.Databases["a"] = policy.Database{Services: []string{"backend"}, Apps: map[string][]string{"backend": all}}
		}
		tt.remove(w)
		for range 2 {
			w.step(Evidence{})
		}
		var want []string
		if tt.want != "" {
			want = []string{fmt.Sprintf("%v %s %s", w.now.Sub(noon).Minutes(), tt.seen.Series(), tt.want)}
		}
		if diff := cmp.Diff(want, w.changes); diff != "" {
			t.Errorf("%s is removed: changes (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A region that failed alone, and is removed, did not get well.
func TestARegionThatFailedIsRemoved(t *testing.T) {
	us, eu := policy.Job{Job: report.HealthCheck, Region: "us", Every: time.Minute}, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute}
	for _, tt := range []struct {
		name, us string
		want     []string
	}{
		{"alone", ".....", []string{"1 a/ping opened", "4 a/ping no_longer_watched"}},
		{"with all others", ".xxxx", []string{"2 a/ping opened", "4 a/ping updated"}},
	} {
		w := newCourt(t)
		w.p.Jobs = []policy.Job{us, eu}
		w.p.Databases["a"] = policy.Database{Home: "us"}
		for i, l := range tt.us {
			if i == 4 {
				w.p.Jobs = []policy.Job{us}
			} else {
				w.run("eu", "x")
			}
			w.run("us", string(l))
			w.now = w.now.Add(time.Minute)
		}
		if diff := cmp.Diff(tt.want, w.changes); diff != "" {
			t.Errorf("%s: changes (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTheMonitorForgetsWhatIsNoLongerConfigured(t *testing.T) {
	us, eu := policy.Job{Job: report.HealthCheck, Region: "us", Every: time.Minute}, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute}
	anywhere := policy.Job{Job: report.HealthCheck, Every: time.Minute}
	t.Run("the region whose network fails", func(t *testing.T) {
		w := newCourt(t)
		w.p.Jobs = []policy.Job{us, eu}
		w.s.Canary["eu"] = noon
		w.step(Evidence{Findings: []Finding{{Subject: subjectNetwork, Source: "eu", Cause: cause.MonitorNetwork}}})
		w.p.Jobs = []policy.Job{us}
		w.step(Evidence{})
		w.want("0 _pongwatch/monitor/network opened", "0 _pongwatch/monitor/network no_longer_watched")
		if len(w.s.Canary) != 0 {
			t.Errorf("canary %v", w.s.Canary)
		}
	})
	for _, tt := range []struct {
		name          string
		before, after policy.Job
	}{
		{"a region", eu, us}, {"a job that ran anywhere and has a region now", anywhere, us}, {"a job that had a region and runs anywhere", eu, anywhere},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.p.Jobs = []policy.Job{tt.before}
			w.run("eu", "..")
			w.now = at(1)
			w.life("______")
			w.want("6 _pongwatch/monitor/reports opened")
			w.p.Jobs = []policy.Job{tt.after}
			w.run("us", "..")
			w.want("6 _pongwatch/monitor/reports opened", "7 _pongwatch/monitor/reports resolved")
		})
	}
}
