package alert

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// newest returns the newest incident of that check.
func (w *sim) newest(check report.Check) *incident.Incident {
	w.t.Helper()
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(w.s.Incidents))) {
		if inc := w.s.Incidents[id]; inc.Series.Check == check {
			return inc
		}
	}
	w.t.Fatalf("no incident of %s", check)
	return nil
}

func TestMockModeKnowsHowRedisIs(t *testing.T) {
	// Each letter is a minute: ping, then what the app says ("m" mock, "c" connected).
	play := func(w *sim, pings, app string) {
		for i := range len(pings) {
			o := w.other("a", report.MockMode, report.SourceApp, report.OK, "")
			if app[i] == 'm' {
				o = w.other("a", report.MockMode, report.SourceApp, report.Fail, cause.Mock)
			}
			w.step(w.report("us", w.ping("a", "us", rune(pings[i])), o))
			w.now = w.now.Add(time.Minute)
		}
	}
	tests := []struct {
		name, pings, app string
		answers, back    bool
		shown            []string
	}{
		{name: "Redis was well all the time", pings: "...", app: "cmm", answers: true},
		{name: "the app fell back before Redis failed", pings: "..xx", app: "cmmm", shown: []string{"backend (app)"}},
		{name: "and is still there when it is over", pings: ".xxx....", app: "cmmmmmmm", answers: true, back: true},
		{name: "and when the outage is forgotten", pings: ".xxx" + "..........." + "...........", app: "cmmmmmmmmmmmmmmmmmmmmmmmmm", answers: true, back: true},
		{name: "the outage was shown first", pings: ".xxx....", app: "ccmmmmmm", answers: true, back: true},
		{name: "Redis goes again", pings: ".xxx....xx", app: "cmmmmmmmmm", shown: []string{"backend (app)"}},
		{name: "the app came back, and fell back for a reason of its own", pings: ".xxx.....", app: "cmmmccccm", answers: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSim(t)
			w.p.Reopen = 0
			play(w, tt.pings, tt.app)
			inc := w.newest(report.MockMode)
			if inc.RedisAnswers != tt.answers || inc.RedisBack.IsZero() == tt.back {
				t.Errorf("Redis answers %t, back since %v; want %t, back %t", inc.RedisAnswers, inc.RedisBack, tt.answers, tt.back)
			}
			if tt.shown != nil && !slices.Equal(w.newest(report.Ping).Mock, tt.shown) {
				t.Errorf("the outage shows %v, want %v", w.newest(report.Ping).Mock, tt.shown)
			}
		})
	}
}

func TestAProofThatIsNeverGivenKeepsNothingOpen(t *testing.T) {
	w := newSim(t)
	w.step(Input{Signal: &report.Signal{ID: "1", Source: report.SourceLogs, Database: "a", Service: "backend", Mode: report.Activated, At: w.now}})
	for range 3 {
		w.now = w.now.Add(time.Minute)
		w.step(w.report("us", w.ping("a", "us", '.'),
			w.other("a", report.MockMode, report.SourceApp, report.OK, ""),
			w.other("a", report.MockMode, report.SourceProof, report.Unknown, cause.AppUnreachable)))
	}
	if w.newest(report.MockMode).Open() {
		t.Error("the log's evidence stands although the app was good twice since")
	}
}
