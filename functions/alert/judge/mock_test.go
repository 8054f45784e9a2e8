package judge

import (
	"fmt"
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

var mockA = report.Series{Database: "a", Check: report.MockMode, Subject: "backend"}

func TestEvidenceOfMockMode(t *testing.T) {
	on, off := report.Activated, report.Deactivated
	for _, tt := range []struct {
		name string
		play func(*court)
		want string
	}{
		{"an event opens, its counterpart closes", func(w *court) {
			w.signal(report.SourceEvent, "", on, at(0))
			w.now = at(1)
			w.signal(report.SourceEvent, "", off, at(1))
		}, "0 opened; 1 resolved"},
		{"an older one changes nothing, nor one of the same moment", func(w *court) {
			w.now = at(3)
			w.signal(report.SourceEvent, "", off, at(2))
			w.signal(report.SourceEvent, "", on, at(2))
			w.signal(report.SourceEvent, "", on, at(1))
		}, ""},
		{"what one revision says ends nothing of another", func(w *court) {
			w.signal(report.SourceEvent, "r1", on, at(0))
			w.now = at(1)
			w.signal(report.SourceEvent, "r2", off, at(1))
		}, "0 opened"},
		{"a revision that was silent for a quarter of an hour is replaced", func(w *court) {
			w.signal(report.SourceEvent, "r1", on, at(0))
			w.signal(report.SourceEvent, "r2", off, at(1))
			w.now = at(15).Add(-1)
			w.step(Evidence{})
			w.now = at(15)
			w.step(Evidence{})
		}, "0 opened; 15 resolved"},
		{"not by one that spoke before it", func(w *court) {
			w.signal(report.SourceEvent, "r2", off, at(0))
			w.signal(report.SourceEvent, "r1", on, at(1))
			w.now = at(30)
			w.step(Evidence{})
		}, "0 opened"},
		{"nor is one without a revision", func(w *court) {
			w.signal(report.SourceEvent, "", on, at(0))
			w.signal(report.SourceEvent, "r2", off, at(1))
			w.now = at(30)
			w.step(Evidence{})
		}, "0 opened"},
		{"the app that is good twice since closes what the log said", func(w *court) {
			w.signal(report.SourceLogs, "", on, at(0))
			for i := range 2 {
				w.now = at(i + 1)
				w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""))
			}
		}, "0 opened; 2 resolved"},
		{"but not while the proof fails", func(w *court) {
			w.signal(report.SourceLogs, "", on, at(0))
			for i := range 3 {
				w.now = at(i + 1)
				w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""), w.other(report.MockMode, report.SourceProof, cause.Mock))
			}
		}, "0 opened; 1 updated"},
		{"what the app itself says is over after two good answers", func(w *court) {
			for i, of := range []cause.Cause{cause.Mock, "", ""} {
				w.now = at(i)
				w.run("us", ".", w.other(report.MockMode, report.SourceApp, of))
			}
		}, "0 opened; 2 resolved"},
		{"the proof closes what the log said although the page has become unclear", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""))
			w.signal(report.SourceLogs, "", on, at(0))
			for i := range 2 {
				w.now = at(i + 1)
				w.run("us", ".", w.unclear(report.SourceApp), w.other(report.MockMode, report.SourceProof, ""))
			}
		}, "1 opened; 2 resolved"},
		{"and what the page itself said before", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock))
			for i := range 2 {
				w.now = at(i + 1)
				w.run("us", ".", w.unclear(report.SourceApp), w.other(report.MockMode, report.SourceProof, ""))
			}
		}, "0 opened; 2 resolved"},
		{"not while the page still says so", func(w *court) {
			for i := range 3 {
				w.now = at(i)
				w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock), w.other(report.MockMode, report.SourceProof, ""))
			}
		}, "0 opened"},
		{"an app that is good closes what the log said although its proof has become unclear", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceProof, ""))
			w.signal(report.SourceLogs, "", on, at(0))
			for i := range 2 {
				w.now = at(i + 1)
				w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""), w.unclear(report.SourceProof))
			}
		}, "1 opened; 2 resolved"},
		{"but not a proof that has failed before it became unclear", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceProof, cause.Mock))
			w.signal(report.SourceLogs, "", on, at(0))
			for i := range 3 {
				w.now = at(i + 1)
				w.run("us", ".", w.other(report.MockMode, report.SourceApp, ""), w.unclear(report.SourceProof))
			}
		}, "0 opened; 0 updated"},
		{"the event of the end closes what the page said before it became unclear", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock))
			w.now = at(1)
			w.run("us", ".", w.unclear(report.SourceApp))
			w.now = at(2)
			w.signal(report.SourceEvent, "r2", off, at(2))
		}, "0 opened; 2 resolved"},
		{"also one that comes before the page becomes unclear", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock))
			w.now = at(1)
			w.signal(report.SourceEvent, "", off, at(1))
			w.now = at(2)
			w.run("us", ".", w.unclear(report.SourceApp))
		}, "0 opened; 2 resolved"},
		{"not one that is older than what the page said", func(w *court) {
			w.now = at(1)
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock))
			w.signal(report.SourceEvent, "", off, at(0))
			w.now = at(2)
			w.run("us", ".", w.unclear(report.SourceApp))
		}, "1 opened"},
		{"nor one of a page that still says so", func(w *court) {
			w.run("us", ".", w.other(report.MockMode, report.SourceApp, cause.Mock))
			w.now = at(1)
			w.signal(report.SourceEvent, "", off, at(1))
		}, "0 opened"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.p.Jobs = []policy.Job{{Job: report.HealthCheck, Region: "us", Every: time.Hour}}
			tt.play(w)
			w.want(split("a/mock_mode/backend", tt.want)...)
		})
	}
}

func TestGoodSince(t *testing.T) {
	app := func(good int, minute int) incident.SourceState {
		return incident.SourceState{Source: report.SourceApp, Every: time.Minute, Scheduled: at(minute), Good: good}
	}
	proof := func(edit func(*incident.SourceState)) incident.SourceState {
		src := app(9, 9)
		src.Source = report.SourceProof
		edit(&src)
		return src
	}
	same := func(*incident.SourceState) {}
	unclear := func(src incident.SourceState) incident.SourceState {
		src.UnknownSince = at(9)
		return src
	}
	for _, tt := range []struct {
		name    string
		sources []incident.SourceState
		want    int
	}{
		{"neither is asked", []incident.SourceState{{Source: report.SourceLogs, Good: 5, Scheduled: at(9), Every: time.Minute}}, 0},
		{"the app, as often as it was", []incident.SourceState{app(2, 9)}, 2},
		{"but not what it was before", []incident.SourceState{app(5, 2)}, 3},
		{"at that very moment it was not yet", []incident.SourceState{app(5, 0)}, 0},
		{"the worse of both", []incident.SourceState{app(2, 9), proof(same)}, 2},
		{"the worse of both, the other way round", []incident.SourceState{app(9, 9), proof(func(src *incident.SourceState) { src.Good = 1 })}, 1},
		{"a proof that was never given says nothing", []incident.SourceState{app(2, 9), proof(func(src *incident.SourceState) { src.Scheduled = time.Time{} })}, 2},
		{"an app that is unclear by now leaves it to the proof", []incident.SourceState{unclear(app(0, 2)), proof(same)}, 9},
		{"a proof that is unclear leaves it to the app", []incident.SourceState{app(2, 9), unclear(proof(func(src *incident.SourceState) { src.Good = 1 }))}, 2},
		{"one of whom neither is clear", []incident.SourceState{unclear(app(2, 9)), unclear(proof(func(src *incident.SourceState) { src.Good = 1 }))}, 1},
		{"an app alone that is unclear by now", []incident.SourceState{unclear(app(2, 9))}, 2},
		{"a proof that has failed and is unclear by now", []incident.SourceState{app(2, 9), unclear(proof(func(src *incident.SourceState) { src.Down = true }))}, 0},
		{"one that is down", []incident.SourceState{app(2, 9), proof(func(src *incident.SourceState) { src.Down = true })}, 0},
		{"one that is bad", []incident.SourceState{app(2, 9), proof(func(src *incident.SourceState) { src.Bad = 1 })}, 0},
		{"one without an interval", []incident.SourceState{app(2, 9), proof(func(src *incident.SourceState) { src.Every = 0 })}, 0},
	} {
		if got := goodSince(&incident.SeriesState{Sources: tt.sources}, noon); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestRevisionsAreBounded(t *testing.T) {
	full := func() *incident.SeriesState {
		ss := &incident.SeriesState{Sources: []incident.SourceState{{Source: report.SourceApp}}}
		for i := range maxRevisions {
			ss.Sources = append(ss.Sources, incident.SourceState{Source: fmt.Sprintf("event@r%d", i), Scheduled: at(10 + i), Down: i == 0})
		}
		return ss
	}
	names := func(ss *incident.SeriesState) string {
		var out []string
		for _, src := range ss.Sources {
			out = append(out, strings.TrimPrefix(src.Source, "event@"))
		}
		return strings.Join(out, " ")
	}
	sig := report.Signal{Source: report.SourceEvent, Revision: "new"}
	for _, tt := range []struct {
		name string
		edit func(*incident.SeriesState)
		sig  report.Signal
		want string
	}{
		{"the oldest whose evidence is over goes", func(*incident.SeriesState) {}, sig, "app r0 r2 r3 r4 r5 r6 r7"},
		{"of those that stand, the oldest", func(ss *incident.SeriesState) {
			for i := range ss.Sources {
				ss.Sources[i].Down = true
			}
			ss.Sources[3].Scheduled = noon
		}, sig, "app r0 r1 r3 r4 r5 r6 r7"},
		{"a revision that is known needs no room", func(*incident.SeriesState) {}, report.Signal{Source: report.SourceEvent, Revision: "r5"}, "app r0 r1 r2 r3 r4 r5 r6 r7"},
		{"nor does another kind of evidence", func(*incident.SeriesState) {}, report.Signal{Source: report.SourceLogs, Revision: "new"}, "app r0 r1 r2 r3 r4 r5 r6 r7"},
		{"nor one where there is room", func(ss *incident.SeriesState) { ss.Sources = ss.Sources[:maxRevisions] }, sig, "app r0 r1 r2 r3 r4 r5 r6"},
	} {
		ss := full()
		tt.edit(ss)
		boundRevisions(ss, tt.sig)
		if got := names(ss); got != tt.want {
			t.Errorf("%s: left %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Each letter is a minute: the ping, then what the app says ("m" mock, "c" connected).
func TestMockModeAndItsOutageKnowOneAnother(t *testing.T) {
	for _, tt := range []struct {
		name, pings, app string
		answers, back    bool
		shown            []string
	}{
		{name: "Redis was well all the time", pings: "...", app: "cmm", answers: true},
		{name: "the app fell back before Redis failed", pings: "..xx", app: "cmmm", shown: []string{"backend (app)"}},
		{name: "and is still there when it is over", pings: ".xxx....", app: "cmmmmmmm", answers: true, back: true},
		{name: "the outage was shown first", pings: ".xxx....", app: "ccmmmmmm", answers: true, back: true},
		{name: "Redis goes again", pings: ".xxx....xx", app: "cmmmmmmmmm", shown: []string{"backend (app)"}},
		{name: "the app came back, and fell back for a reason of its own", pings: ".xxx.....", app: "cmmmccccm", answers: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.p.Reopen = 0
			for i, l := range tt.pings {
				of := cause.Cause("")
				if tt.app[i] == 'm' {
					of = cause.Mock
				}
				w.run("us", string(l), w.other(report.MockMode, report.SourceApp, of))
				w.now = w.now.Add(time.Minute)
			}
			inc := w.of(report.MockMode)
			if inc.RedisAnswers != tt.answers || inc.RedisBack.IsZero() == tt.back {
				t.Errorf("Redis answers %t, back since %v; want %t, back %t", inc.RedisAnswers, inc.RedisBack, tt.answers, tt.back)
			}
			if tt.shown != nil && !slices.Equal(w.of(report.Ping).Mock, tt.shown) {
				t.Errorf("the outage shows %v, want %v", w.of(report.Ping).Mock, tt.shown)
			}
		})
	}
}

func TestAnOutageShowsEachServiceWithItsEvidence(t *testing.T) {
	w := newCourt(t)
	w.life(".xx")
	for _, revision := range []string{"r1", "r2"} {
		w.signal(report.SourceEvent, revision, report.Activated, w.now)
		w.signal(report.SourceLogs, revision, report.Activated, w.now)
	}
	w.step(Evidence{Signal: &report.Signal{Source: report.SourceEvent, Database: "a", Service: "api", Mode: report.Activated, At: w.now}})
	if diff := cmp.Diff([]string{"api (event)", "backend (event, logs)"}, w.of(report.Ping).Mock); diff != "" {
		t.Errorf("the outage shows (-want +got):\n%s", diff)
	}
	s := &shard{State: &w.s, policy: w.p, now: w.now}
	s.attachMock(mockA)
	s.attachMock(report.Series{Database: "b", Check: report.MockMode, Subject: "x"}) // has no outage
	s.attachMock(report.Series{Database: "a", Check: report.Write})
	if len(s.changes) != 0 {
		t.Errorf("what is shown already changes %v", s.changes)
	}
	if i, found := mockAt(w.of(report.Ping), "worker"); found || i != 2 {
		t.Errorf("a service that is not shown is found at %d, %t", i, found)
	}
}
