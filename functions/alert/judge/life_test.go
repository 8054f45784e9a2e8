package judge

import (
	"math"
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

func TestLifeOfAPing(t *testing.T) {
	for _, c := range []struct{ name, life, changes string }{
		{"one timeout opens nothing", "..x....", ""},
		{"two timeouts in a row open, two good pings close", "..xx..", "3 opened; 5 resolved"},
		{"three of five open as well", ".x.x.x", "5 opened"},
		{"two of five do not", ".x.x..x..", ""},
		{"what led to one outage does not count towards the next", ".xx..x..", "2 opened; 4 resolved"},
		{"a wrong token opens at once and closes at once", "..a.", "2 opened; 3 resolved"},
		{"unknown neither advances a threshold nor resets it", ".x?x", "3 opened"},
		{"unknown does not resolve", ".xx???.?.", "2 opened; 8 resolved"},
		{"a failure soon after the resolve reopens and needs three good pings", ".xx..xx...", "2 opened; 4 resolved; 6 reopened; 9 resolved"},
		{"a failure 15 minutes after the resolve reopens", ".a." + ok(14) + "a", "1 opened; 2 resolved; 17 reopened"},
		{"a failure 16 minutes after it is a new incident", ".a." + ok(15) + "a", "1 opened; 2 resolved; 18 opened"},
		{"another class of cause is told once it has held for two runs", ".xxx5555", "2 opened; 5 cause_changed"},
		{"a class that is confirmed at once is told at once", ".xxxaa", "2 opened; 4 cause_changed"},
		{"two classes in turn are told once, then updated", ".xx5555xx55", "2 opened; 4 cause_changed; 8 updated; 10 updated"},
		{"a check that flips every run flaps until it settles", strings.Repeat(".x", 10) + ok(30), "5 opened; 6 flapping; 21 updated; 37 updated; 37 resolved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newCourt(t)
			w.life(c.life)
			w.want(split("a/ping", c.changes)...)
		})
	}
}

func TestUnstable(t *testing.T) {
	w := newCourt(t)
	w.p.FlapHigh = math.Inf(1)
	w.life(strings.Repeat("a...", 4) + ok(27))
	opened := split("a/ping", "0 opened; 1 resolved; 4 reopened; 7 resolved; 8 reopened; 11 resolved; 12 unstable; 15 updated")
	w.want(opened...)
	w.life(".") // half an hour after the last failure, which was seen in second 1 of its run
	w.want(append(opened, "43 a/ping resolved")...)
}

func ok(n int) string { return strings.Repeat(".", n) }

func TestWhatAnIncidentHolds(t *testing.T) {
	w := newCourt(t)
	w.life(".xxxaa")
	got := *w.of(report.Ping)
	want := incident.Incident{
		ID: got.ID, Series: report.Series{Database: "a", Check: report.Ping},
		Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.AuthInvalid, Previous: cause.TimeoutResponse,
		CauseTold:   map[cause.Class]time.Time{cause.ClassNetwork: at(2), cause.ClassAuth: at(4)},
		Observation: report.Observation{Database: "a", Check: report.Ping, Source: "us", Status: report.Fail, Cause: cause.AuthInvalid, At: at(5).Add(time.Second), Every: time.Minute},
		Down:        []string{"us"}, Voters: []string{"us"}, Runs: 5,
		Since: at(1).Add(time.Second), LastOK: at(0), Opened: at(2),
	}
	want.CauseTold = got.CauseTold // checked below
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("incident (-want +got):\n%s", diff)
	}
	if len(got.CauseTold) != 2 || !got.CauseTold[cause.TimeoutResponse.Class()].Equal(at(2)) || got.CauseTold[cause.ClassAuth].IsZero() {
		t.Errorf("classes told: %v", got.CauseTold)
	}
	w.life("...aa")
	reopened := w.of(report.Ping)
	if reopened.Reopened != 1 || len(reopened.Reopenings) != 1 || !reopened.Reopenings[0].Equal(at(9)) || !reopened.Resolved.IsZero() || !reopened.Since.Equal(want.Since) ||
		!reopened.LastOK.Equal(at(8).Add(time.Second)) || reopened.Runs != 7 {
		t.Errorf("reopened: %+v", reopened)
	}
}

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// Without a decided answer an incident stays open, and says since when nothing confirms it.
func TestAnIncidentThatNoCheckConfirms(t *testing.T) {
	w := newCourt(t)
	w.life(".xxx" + strings.Repeat("?", 6))
	w.want(split("a/ping", "2 opened; 9 updated")...)
	if inc := w.of(report.Ping); !inc.Open() || !inc.Stale.Equal(at(3).Add(time.Second)) {
		t.Errorf("not confirmed since %v", inc.Stale)
	}
	w.life("x")
	if inc := w.of(report.Ping); !inc.Stale.IsZero() {
		t.Errorf("confirmed, but stale since %v", inc.Stale)
	}
}

// While an unstable incident is good, its messages say so, and when it fails again.
func TestAnUnstableIncidentFollowsItsSeries(t *testing.T) {
	w := newCourt(t)
	w.p.FlapHigh = math.Inf(1)
	w.life(strings.Repeat("a...", 4))
	if inc := w.of(report.Ping); !inc.Open() || !inc.Good.Equal(at(15)) {
		t.Fatalf("good since %v", inc.Good)
	}
	w.life("a")
	if inc := w.of(report.Ping); !inc.Good.IsZero() || w.changes[len(w.changes)-1] != "16 a/ping updated" {
		t.Errorf("good since %v, changes %v", inc.Good, w.changes)
	}
}

// An open incident's messages follow its latest observation as a routine change.
func TestAFailureThatGoesOnIsRoutine(t *testing.T) {
	w := newCourt(t)
	w.life(".xx")
	changes := w.step(Evidence{Report: w.report("us", "x")})
	want := []incident.Change{{ID: w.of(report.Ping).ID, Event: incident.Updated, Routine: true}}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("a run that fails alike (-want +got):\n%s", diff)
	}
	if runs := w.of(report.Ping).Runs; runs != 3 {
		t.Errorf("%d failed runs, want 3", runs)
	}
	w.now = w.now.Add(time.Minute)
	if changes := w.step(Evidence{}); len(changes) != 0 {
		t.Errorf("a minute without a run changes %v", changes)
	}
}

func TestReopeningsOfLongAgoDoNotMakeUnstable(t *testing.T) {
	w := newCourt(t)
	w.p.FlapHigh, w.p.UnstableWithin = math.Inf(1), 10*time.Minute
	w.life(strings.Repeat("a....", 5)) // reopened at 5, 10, 15 and 20
	if inc := w.of(report.Ping); inc.Unstable != true || len(inc.Reopenings) != 3 {
		t.Errorf("three reopenings in ten minutes: unstable %t, reopenings %v", inc.Unstable, inc.Reopenings)
	}
	w = newCourt(t)
	w.p.FlapHigh, w.p.UnstableWithin = math.Inf(1), 9*time.Minute
	w.life(strings.Repeat("a....", 5))
	if inc := w.of(report.Ping); inc.Unstable || len(inc.Reopenings) != 2 {
		t.Errorf("two in nine minutes: unstable %t, reopenings %v", inc.Unstable, inc.Reopenings)
	}
}

func TestADrillEndsByTime(t *testing.T) {
	w := newCourt(t)
	w.p.Jobs = nil
	w.s.Incidents["drill"] = &incident.Incident{ID: "drill", Series: incident.MonitorSeries("drill-1"), Drill: true, Opened: noon}
	w.now = at(15).Add(-time.Second)
	w.step(Evidence{})
	w.want()
	w.now = at(15)
	w.step(Evidence{})
	w.want("15 _pongwatch/monitor/drill-1 resolved")
}

func TestWhatPingExplains(t *testing.T) {
	full := func(w *court) report.Observation { return w.other(report.Write, "", cause.StorageFull) }
	mock := func(w *court) report.Observation { return w.other(report.MockMode, report.SourceApp, cause.Mock) }
	for _, tt := range []struct {
		name, pings string
		other       func(*court) report.Observation
		changes     []string
	}{
		{"a failure beside a good ping opens", "..", full, []string{"0 a/write opened"}},
		{"a pending ping holds it back", "x", full, nil},
		{"an open one as well, and afterwards it opens", "xx..", full, []string{"1 a/ping opened", "3 a/ping resolved", "3 a/write opened"}},
		{"a pending ping holds mock mode back, so that one fault is one incident", "x", mock, nil},
		{"and shows it once the ping is confirmed", "xx", mock, []string{"1 a/ping opened", "1 a/ping updated"}},
		{"a ping that was bad once gives the app one more run to come back", "x.", mock, nil},
		{"an app that stays in mock mode opens then", "x..", mock, []string{"2 a/mock_mode/backend opened"}},
		{"an unknown ping explains nothing", "?", mock, []string{"0 a/mock_mode/backend opened"}},
		{
			"an open ping shows mock mode, which opens one run after it", "xx...", func(w *court) report.Observation {
				if w.now.Before(at(2)) {
					return w.other(report.MockMode, report.SourceApp, "")
				}
				return mock(w)
			},
			[]string{"1 a/ping opened", "2 a/ping updated", "3 a/mock_mode/backend opened", "3 a/ping resolved"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			for _, l := range tt.pings {
				w.run("us", string(l), tt.other(w))
				w.now = w.now.Add(time.Minute)
			}
			w.want(tt.changes...)
		})
	}
	t.Run("refused writes explain a round trip that fails by them", func(t *testing.T) {
		w := newCourt(t)
		refused := func(of cause.Cause) report.Observation { return w.other(report.Write, "", of) }
		broken := func() report.Observation { return w.other(report.RoundTrip, "", cause.RoundTripFailed) }
		w.run("us", ".", refused(cause.CommandBlocked), broken())
		w.want("0 a/write opened")
		w.now = at(1)
		w.run("us", ".", refused(""), broken())
		w.want("0 a/write opened", "1 a/round_trip opened", "1 a/write resolved")
		w.now = at(2)
		w.run("us", ".", refused(cause.CommandBlocked), broken())
		if !w.explained[w.of(report.RoundTrip).ID] {
			t.Error("an open round trip is reminded of beside the writes")
		}
	})
	t.Run("a database that is full is not nearly full", func(t *testing.T) {
		for of, want := range map[cause.Cause][]string{cause.StorageFull: {"0 a/write opened"}, cause.ReadonlyToken: {"0 a/write opened", "1 a/memory opened"}} {
			w := newCourt(t)
			for range 4 {
				w.run("us", ".", w.other(report.Write, "", of), w.other(report.Memory, "", cause.MemoryHigh))
				w.now = w.now.Add(time.Minute)
			}
			w.want(want...)
		}
	})
	t.Run("an incident that was open before is explained", func(t *testing.T) {
		w := newCourt(t)
		w.run("us", ".", full(w), mock(w))
		for range 2 {
			w.now = w.now.Add(time.Minute)
			w.run("us", "x", full(w), mock(w))
		}
		if diff := cmp.Diff(map[string]bool{w.of(report.Write).ID: true}, w.explained); diff != "" {
			t.Errorf("explained (-want +got):\n%s", diff)
		}
	})
}

// What was seen while ping held it back may be over: it takes a new bad result.
func TestWhatWasHeldBackNeedsANewResult(t *testing.T) {
	w := newCourt(t)
	w.run("us", "a", w.other(report.Write, "", cause.StorageFull))
	w.now = at(1)
	w.run("us", ".")
	w.want("0 a/ping opened", "1 a/ping resolved")
	w.now = at(2)
	w.run("us", ".", w.other(report.Write, "", cause.StorageFull))
	w.want("0 a/ping opened", "1 a/ping resolved", "2 a/write opened")
}

// What a person wants to know afterwards is how long it was really down.
func TestDowntimeIsTheSumOfTheBadStretches(t *testing.T) {
	for _, tt := range []struct {
		name, life string
		again      int // minute, 0 for never
		want       time.Duration
	}{
		{"one stretch", "aaaa.....", 0, 4 * time.Minute},
		{"two, ten minutes apart", "aaaa..........aaa....", 14, (4 + 5) * time.Minute},
		{"three", "a.....a......a....", 13, (1 + 3 + 3) * time.Minute},
		{"still open", "aaaa..........aaa", 14, (4 + 3) * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.p.FlapHigh, w.p.UnstableAfter = math.Inf(1), 99
			w.life(tt.life)
			inc := w.of(report.Ping)
			if got := inc.Duration(w.now).Round(time.Minute); got != tt.want {
				t.Errorf("down for %v, want %v", got, tt.want)
			}
			again := time.Time{}
			if tt.again > 0 {
				again = at(tt.again).Add(time.Second)
			}
			if !inc.Again.Equal(again) || !inc.Since.Equal(at(0).Add(time.Second)) {
				t.Errorf("since %v, again since %v, want %v", inc.Since, inc.Again, again)
			}
		})
	}
}

func TestTheGoodTimeOfAnUnstableIncidentIsNoDowntime(t *testing.T) {
	w := newCourt(t)
	w.p.FlapHigh, w.p.UnstableAfter, w.p.Settle = math.Inf(1), 1, 10*time.Minute
	w.life("a...." + "a" + strings.Repeat(".", 20))
	inc := w.of(report.Ping)
	if got := inc.Duration(w.now).Round(time.Minute); inc.Open() || got != (1+3)*time.Minute {
		t.Errorf("open %t, down for %v, want 4 minutes", inc.Open(), got)
	}
}

// A message has the evidence of its cause, whichever source reported last.
func TestAnIncidentHasTheEvidenceOfItsCause(t *testing.T) {
	us, eu := policy.Job{Job: report.HealthCheck, Region: "us", Every: time.Minute}, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute}
	for _, tt := range []struct {
		name, us, eu string // each letter is a minute
		want         cause.Cause
	}{
		{"another cause once", ".xx5", "", cause.TimeoutResponse},
		{"another cause twice", ".xx55", "", cause.Provider5xx},
		{"the source that showed it is good, and the other has yet to report", ".aaa..", ".xxxxx", cause.TimeoutResponse},
	} {
		w := newCourt(t)
		w.p.Jobs = []policy.Job{us}
		if tt.eu != "" {
			w.p.Jobs = append(w.p.Jobs, eu)
		}
		for i := range tt.us {
			if tt.eu != "" {
				w.run("eu", tt.eu[i:i+1])
			}
			w.now = w.now.Add(10 * time.Second)
			w.run("us", tt.us[i:i+1])
			if i > 1 {
				if inc := w.of(report.Ping); inc.Observation.Cause != inc.Cause {
					t.Errorf("%s, minute %d: the cause is %s, the evidence is of %s by %s", tt.name, i, inc.Cause, inc.Observation.Cause, inc.Observation.Source)
				}
			}
			w.now = w.now.Add(50 * time.Second)
		}
		if tt.eu != "" {
			w.run("eu", "x")
		}
		if inc := w.of(report.Ping); inc.Cause != tt.want || inc.Observation.Cause != tt.want {
			t.Errorf("%s: the cause is %s, the evidence is of %s; want %s", tt.name, inc.Cause, inc.Observation.Cause, tt.want)
		}
	}
}

// An answer that is not known neither advances nor resets anything, at any moment of a life.
func TestAnUnansweredReadingChangesNoThreshold(t *testing.T) {
	play := func(letters string) []string {
		w := newCourt(t)
		w.p.MissAfter = 99
		w.life(letters)
		var events []string
		for _, change := range w.changes {
			_, event, _ := strings.Cut(change, " ")
			events = append(events, event)
		}
		return events
	}
	const life = ".xx.xx..x.x.xxx....x.x..xx.."
	want := play(life)
	for i := range len(life) {
		if got := play(life[:i] + "?" + life[i:]); !slices.Equal(got, want) {
			t.Errorf("unknown before minute %d: %v, want %v", i, got, want)
		}
	}
}
