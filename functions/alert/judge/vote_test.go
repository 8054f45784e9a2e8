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

// voter returns a source that reported at noon; since is in minutes, 0 for one that is up.
func voter(name string, since int, of cause.Cause) incident.SourceState {
	src := incident.SourceState{Source: name, Scheduled: noon, Every: time.Minute, Status: report.OK}
	if since > 0 {
		src.Status, src.Cause, src.Down, src.Since, src.Runs = report.Fail, of, true, at(since), since
		src.Observation = &report.Observation{Source: name, Cause: of}
	}
	return src
}

func TestAggregate(t *testing.T) {
	up := func(name string) incident.SourceState { return voter(name, 0, "") }
	down := func(name string) incident.SourceState { return voter(name, 3, cause.TimeoutResponse) }
	warns := func(name string) incident.SourceState {
		src := voter(name, 3, cause.Slow)
		src.Status = report.Warn
		return src
	}
	silent := func(name string) incident.SourceState {
		src := down(name)
		src.Scheduled = noon.Add(-3*time.Minute - slack - 1)
		return src
	}
	type want struct {
		status       report.Status
		down, voters []string
		alone        bool
	}
	for _, tt := range []struct {
		name    string
		check   report.Check
		sources []incident.SourceState
		heard   []string
		home    string
		want    want
	}{
		{"no source: nothing is known", report.Ping, nil, nil, "", want{status: report.Unknown}},
		{"one region that is up", report.Ping, []incident.SourceState{up("us")}, nil, "", want{status: report.OK, voters: []string{"us"}}},
		{"the only region is down", report.Ping, []incident.SourceState{down("us")}, nil, "", want{status: report.Fail, down: []string{"us"}, voters: []string{"us"}}},
		{"half of the regions are no majority", report.Ping, []incident.SourceState{down("eu"), up("us")}, nil, "", want{report.Warn, []string{"eu"}, []string{"eu", "us"}, true}},
		{"a region without a source was good, and votes", report.Ping, []incident.SourceState{down("us")}, []string{"eu", "us"}, "", want{report.Warn, []string{"us"}, []string{"eu", "us"}, true}},
		{"two of three are a majority", report.Ping, []incident.SourceState{down("asia"), down("eu"), up("us")}, nil, "", want{report.Fail, []string{"asia", "eu"}, []string{"asia", "eu", "us"}, false}},
		{"the home region alone is enough", report.Ping, []incident.SourceState{down("eu"), up("us")}, nil, "eu", want{report.Fail, []string{"eu"}, []string{"eu", "us"}, false}},
		{"a region that is silent does not vote", report.Ping, []incident.SourceState{silent("eu"), down("us")}, nil, "", want{report.Fail, []string{"us"}, []string{"us"}, false}},
		{"all are silent: nothing is known", report.Ping, []incident.SourceState{silent("eu")}, nil, "", want{status: report.Unknown}},
		{"a far region is slow, home is not", report.Latency, []incident.SourceState{up("eu"), warns("us")}, nil, "eu", want{status: report.OK, voters: []string{"eu"}}},
		{"home is slow, far regions are not", report.Latency, []incident.SourceState{warns("eu"), up("us")}, nil, "eu", want{report.Warn, []string{"eu"}, []string{"eu"}, false}},
		{"home has no source, so it was fast", report.Latency, []incident.SourceState{warns("us")}, []string{"eu", "us"}, "eu", want{status: report.OK, voters: []string{"eu"}}},
		{"home is silent: the others vote", report.Latency, []incident.SourceState{silent("eu"), warns("us")}, nil, "eu", want{report.Warn, []string{"us"}, []string{"us"}, false}},
		{"of other checks one failing source is enough", report.MockMode, []incident.SourceState{up("app"), up("event"), down("logs")}, nil, "", want{report.Fail, []string{"logs"}, []string{"app", "event", "logs"}, false}},
		{"and it counts however long it says nothing", report.MockMode, []incident.SourceState{silent("logs")}, nil, "", want{report.Fail, []string{"logs"}, []string{"logs"}, false}},
		{"regions that reported have no vote on them", report.Write, []incident.SourceState{down("")}, []string{"eu"}, "", want{report.Fail, []string{""}, []string{""}, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := aggregate(tt.check, tt.sources, tt.heard, tt.home, noon)
			if diff := cmp.Diff(tt.want, want{v.status, v.down, v.voters, v.alone}, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if (v.lead == nil) != (len(tt.want.down) == 0) {
				t.Errorf("lead %v with %v down", v.lead, v.down)
			}
		})
	}
}

func TestTheLeadIsTheMostInformativeSource(t *testing.T) {
	warning := voter("c", 1, cause.TimeoutResponse)
	warning.Status = report.Warn
	bare := voter("a", 1, cause.AuthInvalid)
	bare.Observation = nil
	for _, tt := range []struct {
		name        string
		sources     []incident.SourceState
		lead, seen  string
		since, runs int
	}{
		{"of equals the one that has failed for longest", []incident.SourceState{voter("a", 5, cause.TimeoutResponse), voter("b", 2, cause.TimeoutResponse), voter("c", 3, cause.TimeoutResponse)}, "b", "b", 2, 5},
		{"a failure before a warning", []incident.SourceState{warning, voter("d", 4, cause.TimeoutResponse)}, "d", "d", 1, 4},
		{"a severe cause before a mild one", []incident.SourceState{voter("a", 1, cause.Slow), voter("b", 4, cause.AuthInvalid)}, "b", "b", 1, 4},
		{"one that has no observation leaves the word to another", []incident.SourceState{bare, voter("b", 4, cause.Slow)}, "a", "b", 1, 4},
	} {
		v := aggregate(report.MockMode, tt.sources, nil, "", noon)
		if v.lead.Source != tt.lead || v.cause != v.lead.Cause || v.seen.Source != tt.seen || !v.since.Equal(at(tt.since)) || v.runs != tt.runs {
			t.Errorf("%s: lead %s, seen %s, since %v, %d runs", tt.name, v.lead.Source, v.seen.Source, v.since, v.runs)
		}
	}
}

func TestASourceIsHeardForThreeIntervals(t *testing.T) {
	src := incident.SourceState{Scheduled: noon, Every: time.Minute}
	if !heard(&src, noon.Add(3*time.Minute+slack)) || heard(&src, noon.Add(3*time.Minute+slack+1)) {
		t.Error("heard is not exactly three intervals and the slack")
	}
	if heard(&incident.SourceState{Every: 1 << 60}, noon) {
		t.Error("a source that never reported is heard")
	}
}

func TestSeverity(t *testing.T) {
	critical, warning := policy.Rule{Severity: cause.SeverityCritical}, policy.Rule{Severity: cause.SeverityWarning}
	for _, tt := range []struct {
		name   string
		rule   policy.Rule
		status report.Status
		cause  cause.Cause
		want   cause.Severity
	}{
		{"the check's", critical, report.Fail, cause.Slow, cause.SeverityCritical},
		{"raised by the cause", warning, report.Fail, cause.AuthInvalid, cause.SeverityCritical},
		{"capped by a warning", critical, report.Warn, cause.AuthInvalid, cause.SeverityWarning},
	} {
		if got := Severity(tt.rule, tt.status, tt.cause); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// regions plays one letter a minute for database a in each region.
func regions(t *testing.T, home string, lives map[string]string) *court {
	w := newCourt(t)
	w.p.Jobs = nil
	names := []string{"asia", "eu", "us"}
	for _, name := range names {
		w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.HealthCheck, Region: name, Every: time.Minute})
	}
	w.p.Databases = map[string]policy.Database{"a": {Home: home}}
	for i := range lives["us"] {
		for _, name := range names {
			if l := lives[name][i : i+1]; l != "_" {
				w.run(name, l)
			}
		}
		w.now = w.now.Add(time.Minute)
	}
	return w
}

func TestRegionsVote(t *testing.T) {
	for _, tt := range []struct {
		name     string
		home     string
		lives    map[string]string
		changes  string
		severity cause.Severity
	}{
		{"a majority is down", "", map[string]string{"asia": ".xxx", "eu": ".xxx", "us": "...."}, "2 opened", cause.SeverityCritical},
		{"one region alone is a warning", "", map[string]string{"asia": ".xxx", "eu": "....", "us": "...."}, "2 opened", cause.SeverityWarning},
		{"the home region alone is critical", "asia", map[string]string{"asia": ".xxx", "eu": "....", "us": "...."}, "2 opened", cause.SeverityCritical},
		{"a warning that grows to a majority is raised", "", map[string]string{"asia": ".xxxxx", "eu": "...xxx", "us": "......"}, "2 opened; 4 raised", cause.SeverityCritical},
		{"a region that has yet to report on the run is waited for, one interval", "", map[string]string{"asia": ".xxx", "eu": ".___", "us": ".___"}, "3 opened", cause.SeverityWarning},
		{"a region that comes back says so", "", map[string]string{"asia": ".xxx..", "eu": ".xxxx.", "us": "......"}, "2 opened; 5 updated", cause.SeverityCritical},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := regions(t, tt.home, tt.lives)
			w.want(split("a/ping", tt.changes)...)
			if inc := w.of(report.Ping); inc.Severity != tt.severity {
				t.Errorf("severity %s, want %s", inc.Severity, tt.severity)
			}
		})
	}
}

// Two regions see one fault in different runs: the first one waits for the other to confirm it.
func TestARegionThatIsNotConfirmedYetIsWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		name, us, eu string
		want         []string
	}{
		{"the other one confirms it", ".xxx", "..xx", []string{"3 a/ping opened"}},
		{"the other one was bad once only", ".xxx", "..x.", []string{"3 a/ping opened"}},
		{"the other one is good", ".xx", "...", []string{"2 a/ping opened"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute})
			for i := range tt.us {
				w.now = at(i)
				w.run("us", tt.us[i:i+1])
				w.now = w.now.Add(time.Second)
				w.run("eu", tt.eu[i:i+1])
			}
			var got []string
			for _, change := range w.changes {
				minute, rest, _ := strings.Cut(change, " ")
				minute, _, _ = strings.Cut(minute, ".")
				got = append(got, minute+" "+rest)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if inc := w.of(report.Ping); tt.name == "the other one confirms it" && inc.Status != report.Fail {
				t.Errorf("opened as %s", inc.Status)
			}
		})
	}
}
