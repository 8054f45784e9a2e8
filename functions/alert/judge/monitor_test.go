package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// network is a run in which pongwatch's own network was asked too.
func (c *court) network(letters string, status report.Status) {
	c.t.Helper()
	c.run("us", letters, report.Observation{
		Database: report.MonitorDatabase, Check: report.Monitor, Subject: subjectNetwork, Source: "us", Status: status, Clear: status == report.OK, At: c.now, Every: time.Minute,
	})
	c.now = c.now.Add(time.Minute)
}

func TestTheCanaryExplainsFailuresOnlyIfItProvesSomething(t *testing.T) {
	const network = "_pongwatch/monitor/network"
	for _, tt := range []struct {
		name string
		play func(*court)
		want []string
	}{
		{"it worked before and fails with two databases", func(w *court) {
			w.network("..", report.OK)
			w.network("xx", report.Fail)
			w.network("xx", report.Fail)
			w.network("..", report.OK)
		}, split(network, "1 opened; 3 resolved")},
		{"a warning of it is a failure as well", func(w *court) {
			w.network("..", report.OK)
			w.network("xx", report.Warn)
		}, split(network, "1 opened")},
		{"it is over when fewer databases fail, without being asked", func(w *court) {
			w.network("..", report.OK)
			w.network("xx", report.Fail)
			w.life(".")
		}, split(network, "1 opened; 2 resolved")},
		{"two that fail without it being asked say nothing of it", func(w *court) {
			w.network("..", report.OK)
			w.network("xx", report.Fail)
			w.run("us", "xx")
		}, split(network, "1 opened")},
		{"it never worked", func(w *court) {
			w.network("xx", report.Fail)
			w.network("xx", report.Fail)
		}, []string{"1 a/ping opened", "1 b/ping opened"}},
		{"it worked a day ago", func(w *court) {
			w.network("..", report.OK)
			w.p.Jobs = nil
			w.now = at(24 * 60)
			w.network("xx", report.Fail)
		}, split(network, "1440 opened")},
		{"it worked longer ago", func(w *court) {
			w.network("..", report.OK)
			w.p.Jobs = []policy.Job{{Job: report.HealthCheck, Region: "us", Every: 24 * time.Hour}}
			w.now = at(24*60 + 1)
			w.network("aa", report.Fail)
		}, []string{"1441 a/ping opened", "1441 b/ping opened"}},
		{"one database alone fails", func(w *court) {
			w.network("..", report.OK)
			w.network("x.", report.Fail)
			w.network("x.", report.Fail)
		}, []string{"2 a/ping opened"}},
		{"failures of another class are not the network's", func(w *court) {
			w.network("..", report.OK)
			w.network("aa", report.Fail)
		}, []string{"1 a/ping opened", "1 b/ping opened"}},
		{"Metrics does not ask it", func(w *court) {
			w.network("..", report.OK)
			r := w.report("us", "xx", report.Observation{Database: report.MonitorDatabase, Check: report.Monitor, Subject: subjectNetwork, Source: "us", Status: report.Fail})
			r.Job = report.Metrics
			w.step(Evidence{Report: r})
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			tt.play(w)
			w.want(tt.want...)
		})
	}
	w := newCourt(t)
	w.network("....", report.OK)
	w.network("x.xx", report.Fail)
	inc := w.of(report.Monitor)
	if got, want := inc.Observation.Evidence, "us cannot reach the network; unseen: a, c, d"; got != want || !inc.Since.Equal(at(1)) || inc.Cause != cause.MonitorNetwork {
		t.Errorf("since %v, cause %s, evidence %q; want %q", inc.Since, inc.Cause, got, want)
	}
	if src := w.s.Series[pingA].Sources[0]; src.UnknownSince.IsZero() || src.Bad != 0 {
		t.Errorf("the ping that it hides: %+v, want unknown", src)
	}
}

func TestFindings(t *testing.T) {
	bad := Finding{Subject: "receivers", Source: "slack", Cause: cause.MonitorReceiver, Evidence: "slack: revoked"}
	w := newCourt(t)
	w.p.Jobs = nil
	w.step(Evidence{Findings: []Finding{bad, {Subject: "receivers", Source: "mail"}}})
	want := report.Observation{
		Database: report.MonitorDatabase, Check: report.Monitor, Subject: "receivers", Source: "slack", Status: report.Fail,
		Cause: cause.MonitorReceiver, Evidence: "slack: revoked", At: noon, Every: time.Minute,
	}
	if diff := cmp.Diff(want, w.of(report.Monitor).Observation); diff != "" {
		t.Errorf("observation (-want +got):\n%s", diff)
	}

	w.now = at(10)
	if changes := w.step(Evidence{Findings: []Finding{bad}}); len(changes) != 0 {
		t.Errorf("the same once more changes %v", changes)
	}
	bad.Evidence = "slack: " + strings.Repeat("x", 1000)
	if changes := w.step(Evidence{Findings: []Finding{bad}}); len(changes) != 1 || !changes[0].Routine {
		t.Errorf("more that is known of it changes %v", changes)
	}
	if o := w.of(report.Monitor).Observation; len(o.Evidence) > report.MaxEvidence || !strings.HasPrefix(o.Evidence, "slack: xx") || !o.At.Equal(at(10)) {
		t.Errorf("observation %+v", o)
	}
	if inc := w.of(report.Monitor); !inc.Since.Equal(noon) {
		t.Errorf("since %v, want noon", inc.Since)
	}

	second := Finding{Subject: "receivers", Source: "mail", Cause: cause.MonitorReceiver}
	w.step(Evidence{Findings: []Finding{second, {Subject: "receivers", Source: "slack"}}})
	if inc := w.of(report.Monitor); !inc.Open() || len(inc.Down) != 1 || inc.Down[0] != "mail" {
		t.Errorf("one of two is over: %+v", inc)
	}
	w.step(Evidence{Findings: []Finding{{Subject: "receivers", Source: "mail"}, {Subject: "state", Source: "state"}}})
	if inc := w.of(report.Monitor); inc.Open() {
		t.Error("both are over and the incident is open")
	}
	if ss := w.s.Series[incident.MonitorSeries("receivers")]; !ss.LastOK.Equal(at(10)) || !ss.LastBad.Equal(at(10)) {
		t.Errorf("series %+v", ss)
	}
}
