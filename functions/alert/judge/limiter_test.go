package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// A limiter that is open has an incident of its own, by the rules of mock mode.
func TestEvidenceOfAnOpenLimiter(t *testing.T) {
	seen := func(w *court, source string, of cause.Cause) report.Observation {
		o := w.other(report.Limiter, source, of)
		o.Subject = "backend"
		return o
	}
	says := func(w *court, mode report.Mode) {
		w.step(Evidence{Signal: &report.Signal{ID: "1", Source: report.SourceEvent, Database: "a", Service: "backend", Mode: mode, Limiter: true, At: w.now}})
	}
	// Each letter is a minute: ping, then what the test says ("o" open, "l" limits, "?" unknown).
	play := func(w *court, pings, tests string) {
		for i := range tests {
			o := seen(w, report.SourceProof, "")
			switch tests[i] {
			case 'o':
				o = seen(w, report.SourceProof, cause.LimiterOpen)
			case '?':
				o = seen(w, report.SourceProof, cause.AppUnreachable)
				o.Status = report.Unknown
			}
			w.run("us", pings[i:i+1], o)
			w.now = w.now.Add(time.Minute)
		}
	}
	for _, tt := range []struct {
		name string
		play func(*court)
		want string
	}{
		{"a test opens, two tests close", func(w *court) { play(w, ".....", "lolll") }, "1 opened; 3 resolved"},
		{"what the app does not answer closes nothing", func(w *court) { play(w, ".....", "o????") }, "0 opened"},
		{"an outage explains it", func(w *court) { play(w, "xxxxx", "ooooo") }, ""},
		{"it is left when the outage is over", func(w *court) { play(w, ".xxx....", "looooooo") }, "5 opened"},
		{"an event opens, its end closes", func(w *court) {
			play(w, ".", "l")
			says(w, report.Activated)
			w.now = at(2)
			play(w, ".", "?")
			says(w, report.Deactivated)
		}, "2 opened; 3 resolved"},
		{"two tests since close what an event opened", func(w *court) {
			says(w, report.Activated)
			w.now = at(1)
			play(w, "...", "lll")
		}, "0 opened; 2 resolved"},
		{"an event of mock mode is another matter", func(w *court) {
			play(w, "..", "oo")
			w.signal(report.SourceEvent, "", report.Deactivated, w.now)
		}, "0 opened"},
		{"an app whose limiter is not watched says nothing", func(w *court) {
			w.p.Databases["a"] = policy.Database{Services: []string{"backend"}, Apps: map[string][]string{"backend": {report.SourceApp}}}
			says(w, report.Activated)
			w.now = at(1)
			play(w, "..", "oo")
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCourt(t)
			w.p.Databases["a"] = policy.Database{
				Services: []string{"backend"}, Apps: map[string][]string{"backend": {report.SourceApp, report.SourceProof}}, Limiters: []string{"backend"},
			}
			tt.play(w)
			var got []string
			for _, change := range w.changes {
				if minute, event, ok := strings.Cut(change, " a/limiter/backend "); ok {
					got = append(got, minute+" "+event)
				}
			}
			if strings.Join(got, "; ") != tt.want {
				t.Errorf("changes %v, want %q", w.changes, tt.want)
			}
			for _, inc := range w.s.Incidents {
				if inc.Series.Check == report.Limiter && (inc.Cause != cause.LimiterOpen || inc.Severity != cause.SeverityCritical) {
					t.Errorf("%s of %s, want critical of limiter_open", inc.Severity, inc.Cause)
				}
			}
		})
	}
}
