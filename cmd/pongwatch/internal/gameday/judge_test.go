package gameday

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

const page = "https://app.example.com/page"

// at is a moment of a trial, in seconds from the break.
func at(seconds float64) time.Time {
	return time.Date(2026, 11, 22, 18, 22, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// played is a trial that was broken at 0, with 10 s of patience and 20 s for alerts. A zero
// restored is not restored yet.
func played(restored, ended float64) trial {
	t := trial{Fault: Faults()[0], pages: []string{page}, patience: 10 * time.Second, alertPatience: 20 * time.Second, began: at(-5), broken: at(0)}
	if restored > 0 {
		t.restored = at(restored)
	}
	if ended > 0 {
		t.ended = at(ended)
	}
	return t
}

// answers are a user's, each half a second long: "ok@1", or "HTTP 500@2".
func answers(script ...string) (e evidence) {
	for _, s := range script {
		problem, when, _ := strings.Cut(s, "@")
		var began float64
		_, _ = fmt.Sscan(when, &began)
		if problem == "ok" {
			problem = ""
		}
		e.answers = append(e.answers, answer{page, at(began), at(began + 0.5), problem})
	}
	return e
}

// saying adds what the health page says, within a tenth of a second: "connected@1", "mock@2",
// "down@3" with HTTP 503, or "silence@4".
func (e evidence) saying(script ...string) evidence {
	for _, s := range script {
		what, when, _ := strings.Cut(s, "@")
		var began float64
		_, _ = fmt.Sscan(when, &began)
		o := map[string]report.Observation{
			"connected": {Status: report.OK, HTTPStatus: 200},
			"mock":      {Status: report.Fail, HTTPStatus: 200, Evidence: "it says mock"},
			"down":      {Status: report.Unknown, HTTPStatus: 503, Evidence: "it says down"},
			"silence":   {Status: report.Unknown, Evidence: "no answer within 4s"},
		}[what]
		e.words = append(e.words, word{at(began), at(began + 0.1), o})
	}
	return e
}

// seen adds what pongwatch knew then.
func (e evidence) seen(when float64, open, over []incidents.Incident) evidence {
	e.sightings = append(e.sightings, sighting{at(when), open, over})
	return e
}

func incident(c cause.Cause, told ...incidents.Told) []incidents.Incident {
	return []incidents.Incident{{ID: "INC-1", FullID: "1", Cause: c, State: incidents.StateOpen, Told: told}}
}

func told(d incidents.Delivery, when float64) incidents.Told {
	return incidents.Told{Receiver: "slack", Delivery: d, At: at(when)}
}

const (
	passes  = preflight.Pass
	fails   = preflight.Fail
	skipped = preflight.Skipped
	waits   = preflight.Status("")
)

func TestWhatIsSeenOfTheAppIsJudged(t *testing.T) {
	good := []string{"ok@1", "ok@2", "ok@3", "ok@4", "ok@5"}
	partial := played(0, 0)
	partial.Partial = true
	tests := []struct {
		name     string
		trial    trial
		e        evidence
		now      float64
		question int
		want     preflight.Status
		text     string
	}{
		{"nothing is seen yet", played(0, 0), evidence{}, 1, noticed, waits, ""},
		{"the page says mock", played(0, 0), answers().saying("connected@1", "mock@2"), 3, noticed, passes, "it says mock"},
		{"an error page is notice enough", played(0, 0), answers().saying("down@2"), 3, noticed, passes, "it says down"},
		{"silence is not", played(0, 0), answers().saying("silence@2"), 11, noticed, fails, "does not notice within 10 s: no answer within 4s"},
		{"what was requested before the break says nothing", played(0, 0), answers().saying("mock@-0.05"), 1, noticed, waits, ""},
		{"the page says connected all along", played(0, 0), answers().saying("connected@1", "connected@9"), 11, noticed, fails, "its health page says connected"},
		{"it notices too late", played(0, 0), answers().saying("connected@1", "mock@10"), 11, noticed, fails, "its health page says connected"},
		{"it need not notice where it can read", partial, answers(), 1, noticed, skipped, ""},

		{"served since it noticed", played(0, 0), answers(good...).saying("mock@0.5"), 6, fallback, passes, "3 answers in a row"},
		{"not enough answers since it noticed", played(0, 0), answers(good...).saying("mock@3.5"), 6, fallback, waits, ""},
		{"an error before it noticed is for users alone", played(0, 0), answers(append([]string{"HTTP 500@0.2"}, good...)...).saying("mock@0.8"), 6, fallback, passes, ""},
		{"an error in between starts the count again", played(0, 0), answers("ok@1", "ok@2", "HTTP 500@3", "ok@4", "ok@5").saying("mock@0.5"), 6, fallback, waits, ""},
		{"errors until the end", played(0, 0), answers("ok@1", "ok@2", "HTTP 500@3", "ok@4", "ok@5").saying("mock@0.5"), 11, fallback, fails, "HTTP 500 at https://app.example.com/page"},
		{"no answer at all", played(0, 0), answers().saying("mock@0.5"), 11, fallback, fails, "no answers"},
		{"it never notices and serves", played(0, 0), answers(good...).saying("connected@1"), 11, fallback, passes, ""},
		{"as long as it may still notice, that is open", played(0, 0), answers(good...).saying("connected@1"), 9, fallback, waits, ""},
		{"answers after the end of the fault do not count", played(4, 0), answers(good...).saying("mock@2.5"), 6, fallback, fails, ""},
		{"it can read, and is served since the break", partial, answers(good...), 6, fallback, passes, ""},

		{"it says mock", played(0, 0), answers().saying("mock@2"), 3, says, passes, "it says mock"},
		{"it serves and says down", played(0, 0), answers(good...).saying("down@0.5"), 11, says, fails, `never says "mock": it says down`},
		{"it does not serve and says down", played(0, 0), answers("HTTP 500@1").saying("down@0.5"), 11, says, passes, "it says down"},
		{"it does not serve and says connected", played(0, 0), answers("HTTP 500@1").saying("connected@0.5"), 11, says, fails, "its health page says connected"},

		{"no errors, and it lasts", played(0, 0), answers(good...), 6, users, waits, ""},
		{"no errors to the end", played(4, 6), answers(good...), 6, users, passes, "5 requests, the slowest 0.5 s"},
		{"an error decides at once", played(0, 0), answers("ok@1", "HTTP 500@2"), 3, users, fails, "1 of 2 requests: HTTP 500"},
		{"an error of before the break is not counted", played(4, 6), answers(append([]string{"HTTP 500@-3"}, good...)...), 6, users, passes, "5 requests"},
		{"a request that the break met is", played(4, 6), answers(append([]string{"HTTP 500@-0.2"}, good...)...), 6, users, fails, "1 of 6"},
		{"an error while it comes back is", played(4, 6), answers(append(good, "HTTP 502@5.2")...), 6, users, fails, "1 of 6"},

		{"not restored yet", played(0, 0), answers(good...).saying("connected@1"), 6, recovery, waits, ""},
		{"connected, and served", played(0.5, 0), answers(good...).saying("connected@0.8"), 6, recovery, passes, "connected again"},
		{"connected, and not served yet", played(0.5, 0), answers(good...).saying("connected@3"), 6, recovery, waits, ""},
		{"connected, and never served", played(0.5, 0), answers("HTTP 500@4").saying("connected@3"), 14, recovery, fails, "its pages do not come back: HTTP 500"},
		{"what was requested before the end does not count", played(1, 0), answers(good...).saying("connected@0.95", "mock@2"), 6, recovery, waits, ""},
		{"in mock mode for ever", played(0.5, 0), answers(good...).saying("mock@1"), 11, recovery, fails, "does not come back within 10 s: it says mock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.trial.judge(tt.e, at(tt.now))[tt.question]
			if c.Status != tt.want || !strings.Contains(c.Reason+": "+c.Evidence, tt.text) {
				t.Errorf("%s %q: %s, %s; want %s with %q", questions[tt.question].ID, c.Status, c.Reason, c.Evidence, tt.want, tt.text)
			}
			if c.Status == preflight.Fail && len(c.Fix) == 0 {
				t.Error("a failure without a fix")
			}
		})
	}
}

func TestWhatPongwatchToldIsJudged(t *testing.T) {
	right, wrong := cause.TCPRefused, cause.DNSTemporary
	done, pending, failed := told(incidents.DeliveryDone, 3), told(incidents.DeliveryPending, 3), told(incidents.DeliveryFailed, 3)
	failed.Error = "channel_not_found"
	over := func(t ...incidents.Told) []incidents.Incident { return incident(right, t...) }
	before := played(0, 0)
	before.before = map[string]incidents.Incident{"1": incident(right, done)[0]}
	stillOpen := played(0, 0)
	stillOpen.stillOpen = "INC-0 (slow) was open before"
	notNamed := played(0, 0)
	notNamed.notAsked = "no running pongwatch was named"
	restored := played(5, 0)
	tests := []struct {
		name     string
		trial    trial
		e        evidence
		now      float64
		question int
		want     preflight.Status
		text     string
	}{
		{"nothing yet", played(0, 0), evidence{}.seen(1, nil, nil), 1, alert, waits, ""},
		{"it opened, and a receiver took it", played(0, 0), evidence{}.seen(3, incident(right, done), nil), 3, alert, passes, "INC-1 to slack"},
		{"it is on its way", played(0, 0), evidence{}.seen(3, incident(right, pending), nil), 3, alert, waits, ""},
		{"it never arrives", played(0, 0), evidence{}.seen(3, incident(right, failed), nil), 21, alert, fails, "INC-1 is open, and slack: failed channel_not_found"},
		{"there is no receiver", played(0, 0), evidence{}.seen(3, incident(right), nil), 21, alert, fails, "no receiver was notified"},
		{"another cause", played(0, 0), evidence{}.seen(3, incident(wrong, done), nil), 21, alert, fails, "no alert says tcp_refused: INC-1 says dns_temporary"},
		{"another cause at first", played(0, 0), evidence{}.seen(3, incident(wrong, done), nil).seen(4, incident(right, done), nil), 21, alert, passes, ""},
		{"no incident", played(0, 0), evidence{}.seen(3, nil, nil), 21, alert, fails, "no incident of the database opened"},
		{"what was told before the break is no alert", before, evidence{}.seen(3, incident(right, done), nil), 4, alert, waits, ""},
		{"an incident of before that is told again is", before, evidence{}.seen(8, incident(right, told(incidents.DeliveryDone, 7)), nil), 8, alert, passes, ""},
		{"what came after the end is none", played(2, 0), evidence{}.seen(3, incident(right, done), nil), 4, alert, fails, ""},
		{"it comes too late", played(0, 0), evidence{}.seen(20.5, incident(right, done), nil), 21, alert, fails, ""},
		{"an incident was open before", stillOpen, evidence{}.seen(3, incident(right, done), nil), 4, alert, fails, "INC-0 (slow) was open before"},
		{"no pongwatch is named", notNamed, evidence{}, 1, alert, skipped, "no running pongwatch was named"},

		{"not restored yet", played(0, 0), evidence{}.seen(3, incident(right, done), nil), 3, resolve, waits, ""},
		{"still open", restored, evidence{}.seen(3, incident(right, done), nil).seen(6, incident(right, done), nil), 6, resolve, waits, ""},
		{"over, and told", restored, evidence{}.seen(3, incident(right, done), nil).seen(7, nil, over(done)), 7, resolve, passes, "every receiver"},
		{"over, and not told yet", restored, evidence{}.seen(3, incident(right, done), nil).seen(7, nil, over(pending)), 7, resolve, waits, ""},
		{"over, and never told", restored, evidence{}.seen(3, incident(right, done), nil).seen(7, nil, over(pending)), 26, resolve, fails, "INC-1 is resolved, and slack has not been notified"},
		{"a receiver that refused the alert is not waited for", restored, evidence{}.seen(3, incident(right, done), nil).seen(7, nil, over(done, failed)), 7, resolve, passes, ""},
		{"it stays open", restored, evidence{}.seen(3, incident(right, done), nil).seen(24, incident(right, done), nil), 26, resolve, fails, "no resolve within 20 s: INC-1 is open"},
		{"there is nothing to resolve", restored, evidence{}.seen(3, nil, nil).seen(7, nil, nil), 7, resolve, fails, "no incident of the database opened"},
		{"no pongwatch is named, at the end", notNamed, evidence{}, 1, resolve, skipped, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.trial.judge(tt.e, at(tt.now))[tt.question]
			if c.Status != tt.want || !strings.Contains(c.Reason+": "+c.Evidence, tt.text) {
				t.Errorf("%s %q: %s, %s; want %s with %q", questions[tt.question].ID, c.Status, c.Reason, c.Evidence, tt.want, tt.text)
			}
		})
	}
}

// An app that has not come back loses its questions of the next cause, and pongwatch's stay.
func TestAnAppThatIsLost(t *testing.T) {
	lost := played(0, 0)
	lost.appLost = "it says mock"
	cells := lost.judge(evidence{}.seen(3, incident(cause.TCPRefused, told(incidents.DeliveryDone, 3)), nil), at(4))
	for i, c := range cells {
		want := map[bool]preflight.Status{true: fails, false: passes}[i < alert]
		if i != resolve && c.Status != want {
			t.Errorf("%s: %s, want %s", c.Question, c.Status, want)
		}
	}
}

func TestAGameDayBeginsWithAWellApp(t *testing.T) {
	well := []string{"ok@-4", "ok@-3", "ok@-2"}
	tests := []struct {
		name, want string
		e          evidence
	}{
		{"nothing is known", "does not say connected: no answer yet", evidence{}},
		{"in mock mode", "does not say connected: it says mock", answers(well...).saying("mock@-5")},
		{"connected, and not served", "HTTP 500 at " + page, answers("HTTP 500@-4").saying("connected@-5")},
		{"connected, and not served yet", "not answered yet", answers(well[:2]...).saying("connected@-5")},
		{"what was asked before it began does not count", "does not say connected", answers(well...).saying("connected@-6")},
		{"connected and served", "", answers(well...).saying("connected@-5")},
	}
	for _, tt := range tests {
		trial := played(0, 0)
		if got := trial.notReady(tt.e, trial.began); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
