package gameday

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Question is a column of the matrix.
type Question struct {
	// ID is stable, Title says what is true when it passes.
	ID, Title string
	// Points are what a pass is worth.
	Points int
	fix    string
}

// The places of the questions.
const (
	users = iota
	noticed
	fallback
	says
	recovery
	alert
	resolve
)

var questions = [...]Question{
	users:    {"users", "users get no errors", 25, "Catch what the Redis client throws, give it a timeout of two seconds or so, and serve without Redis."},
	noticed:  {"noticed", "the app notices", 15, "Have the health page ask Redis, or say how the last command ended."},
	fallback: {"fallback", "the app serves without Redis", 15, "Serve from memory while Redis is gone; examples/ has a client that does."},
	says:     {"says", "its health page says so", 15, `Answer {"status":"mock"} while Redis is replaced by memory: docs/mock-mode.md.`},
	recovery: {"recovery", "it is back without a restart", 15, "Try Redis again from time to time, such as every 30 seconds, and return to it when it answers."},
	alert:    {"alert", "the alert has the right cause", 10, "Read the incident in pongwatch: is the check on, is it silenced, and do its receivers accept?"},
	resolve:  {"resolve", "the resolve arrives", 5, "An incident that pongwatch holds open, as flapping or to reopen it, ends late: docs/gameday.md has the settings."},
}

// Questions returns the columns of the matrix.
func Questions() []Question { return slices.Clone(questions[:]) }

// The questions that are decided while the fault lasts, and after it.
var (
	whileBroken = []int{noticed, fallback, says, alert}
	afterwards  = []int{recovery, resolve}
)

// trial is one fault as it is played. Everything is judged by the moments at which the proxy
// was broken and restored; a moment that has not come is zero.
type trial struct {
	Fault
	pages                          []string
	patience, alertPatience        time.Duration
	began, broken, restored, ended time.Time
	appLost, notAsked, stillOpen   string                        // why the app, or pongwatch, cannot be judged
	before                         map[string]incidents.Incident // by FullID
}

// settled is how many answers in a row are enough to say that a page is served.
const settled = 3

// notReady returns why an app is not well, by what was seen since from; "" where it is.
func (t *trial) notReady(e evidence, from time.Time) string {
	connected, last := t.connected(e, from, time.Time{})
	if connected.IsZero() {
		return "the app's health page does not say connected: " + cmp.Or(last, "no answer yet")
	}
	if at, problem := t.served(e, connected, time.Time{}); at.IsZero() {
		return cmp.Or(problem, "its pages are not answered yet")
	}
	return ""
}

// decided reports whether these questions have an answer.
func (t *trial) decided(e evidence, now time.Time, which []int) bool {
	cells := t.judge(e, now)
	return !slices.ContainsFunc(which, func(q int) bool { return cells[q].Status == "" })
}

// judge answers every question. What only time can tell has no status yet.
func (t *trial) judge(e evidence, now time.Time) []Cell {
	cells := make([]Cell, len(questions))
	cells[noticed] = t.judgeNoticed(e, now)
	since := t.broken
	if cells[noticed].Status == preflight.Pass {
		since = t.broken.Add(cells[noticed].after)
	}
	cells[fallback] = t.judgeFallback(e, now, since, cells[noticed].Status)
	cells[says] = t.judgeSays(e, now, cells[fallback].Status)
	cells[users] = t.judgeUsers(e)
	cells[recovery] = t.judgeRecovery(e, now)
	cells[alert], cells[resolve] = t.judgeAlert(e, now), t.judgeResolve(e, now)
	for i := range cells {
		c := &cells[i]
		if c.Question, c.Points = questions[i].ID, questions[i].Points; c.after > 0 {
			c.Seconds = c.after.Seconds()
		}
		if t.appLost != "" && i < alert {
			*c = Cell{Question: c.Question, Points: c.Points, Finding: preflight.Finding{Status: preflight.Fail, Reason: "the app has not come back from the cause before", Evidence: t.appLost}}
		}
		if c.Status == preflight.Fail && len(c.Fix) == 0 {
			c.Fix = []string{questions[i].fix}
		}
	}
	return cells
}

func undecided() Cell { return Cell{} }

func pass(after time.Duration, format string, args ...any) Cell {
	return Cell{after: after, Finding: preflight.Finding{Status: preflight.Pass, Evidence: fmt.Sprintf(format, args...)}}
}

func fail(reason, evidence string) Cell {
	return Cell{Finding: preflight.Finding{Status: preflight.Fail, Reason: reason, Evidence: evidence}}
}

func notAsked(reason string) Cell {
	return Cell{Finding: preflight.Finding{Status: preflight.Skipped, Reason: reason}}
}

const canRead = "the app can still use Redis"

// judgeNoticed wants a health page that says anything but connected.
func (t *trial) judgeNoticed(e evidence, now time.Time) Cell {
	if t.Partial {
		return notAsked(canRead)
	}
	deadline, last := t.broken.Add(t.patience), ""
	for _, w := range e.words {
		switch {
		case w.began.Before(t.broken) || w.ended.After(deadline):
		case w.Status != report.OK && w.HTTPStatus != 0:
			return pass(w.ended.Sub(t.broken), "%s", w.Evidence)
		default:
			last = said(w)
		}
	}
	if now.Before(deadline) {
		return undecided()
	}
	return fail("the app does not notice within "+text.Duration(t.patience), cmp.Or(last, "its health page does not answer"))
}

// judgeFallback wants pages that are served once the app had time to notice.
func (t *trial) judgeFallback(e evidence, now, since time.Time, hasNoticed preflight.Status) Cell {
	if hasNoticed == "" {
		return undecided()
	}
	at, problem := t.served(e, since, t.restored)
	switch {
	case !at.IsZero():
		return pass(0, "%d answers in a row from each page", settled)
	case now.Before(since.Add(t.patience)) && t.restored.IsZero():
		return undecided()
	}
	return fail("users are not served", cmp.Or(problem, "no answers"))
}

// judgeSays wants the word mock. An app that does not fall back need only say that Redis is down.
func (t *trial) judgeSays(e evidence, now time.Time, served preflight.Status) Cell {
	if t.Partial {
		return notAsked(canRead)
	}
	deadline, last, failing := t.broken.Add(t.patience), "", ""
	for _, w := range e.words {
		switch {
		case w.began.Before(t.broken) || w.ended.After(deadline):
		case w.Status == report.Fail:
			return pass(w.ended.Sub(t.broken), "%s", w.Evidence)
		default:
			if last = said(w); w.Status == report.Unknown && w.HTTPStatus >= 400 {
				failing = last
			}
		}
	}
	switch {
	case now.Before(deadline) || served == "":
		return undecided()
	case served == preflight.Fail && failing != "":
		return pass(0, "%s", failing)
	}
	return fail(`its health page never says "mock"`, cmp.Or(last, "it does not answer"))
}

// judgeUsers wants no error from the break to the end.
func (t *trial) judgeUsers(e evidence) Cell {
	asked, wrong, slowest := 0, 0, time.Duration(0)
	first := ""
	for _, a := range e.answers {
		if a.ended.Before(t.broken) {
			continue
		}
		asked++
		slowest = max(slowest, a.ended.Sub(a.began))
		if a.problem != "" {
			wrong++
			first = cmp.Or(first, a.problem+" at "+Shown(a.page))
		}
	}
	switch {
	case wrong > 0:
		return fail("users get errors", fmt.Sprintf("%d of %s: %s", wrong, text.Count(asked, "request", "requests"), first))
	case t.ended.IsZero():
		return undecided()
	}
	return pass(0, "%s, the slowest %.1f s", text.Count(asked, "request", "requests"), slowest.Seconds())
}

// judgeRecovery wants a health page that says connected, and pages that are served.
func (t *trial) judgeRecovery(e evidence, now time.Time) Cell {
	if t.restored.IsZero() {
		return undecided()
	}
	deadline := t.restored.Add(t.patience)
	connected, last := t.connected(e, t.restored, deadline)
	if connected.IsZero() {
		if now.Before(deadline) {
			return undecided()
		}
		return fail("the app does not come back within "+text.Duration(t.patience), cmp.Or(last, "its health page does not answer"))
	}
	at, problem := t.served(e, connected, time.Time{})
	switch {
	case !at.IsZero():
		return pass(connected.Sub(t.restored), "connected again")
	case now.Before(connected.Add(t.patience)):
		return undecided()
	}
	return fail("its pages do not come back", cmp.Or(problem, "no answers"))
}

// connected returns when the health page said connected, by a request since from and an answer
// until the deadline, and else what it said last. A zero deadline is none.
func (t *trial) connected(e evidence, from, deadline time.Time) (at time.Time, last string) {
	for _, w := range e.words {
		switch {
		case w.began.Before(from) || !deadline.IsZero() && w.ended.After(deadline):
		case w.Status == report.OK:
			return w.ended, ""
		default:
			last = said(w)
		}
	}
	return time.Time{}, last
}

// served returns when each page had enough answers in a row, by requests since from and answers
// until to, and else the last problem. A zero to is no limit.
func (t *trial) served(e evidence, from, to time.Time) (at time.Time, problem string) {
	inRow := map[string]int{}
	for _, a := range e.answers {
		switch {
		case a.began.Before(from) || !to.IsZero() && a.ended.After(to) || inRow[a.page] >= settled:
		case a.problem != "":
			inRow[a.page], problem = 0, a.problem+" at "+Shown(a.page)
		default:
			inRow[a.page]++
			at = a.ended
		}
	}
	for _, page := range t.pages {
		if inRow[page] < settled {
			return time.Time{}, problem
		}
	}
	return at, ""
}

// said is a word as a person reads it.
func said(w word) string {
	if w.Status == report.OK {
		return "its health page says connected"
	}
	return w.Evidence
}
