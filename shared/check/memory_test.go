package check_test

import (
	"math"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/report"
)

// What was critical stays so until the closing value is passed, also after readings that were
// not answered, and where the check is asked rarely.
func TestAnUnansweredReadingDoesNotForgetThatItIsCritical(t *testing.T) {
	failed := report.Reading{At: eight.Add(-10 * time.Minute), Checks: map[report.Check]report.Verdict{report.Commands: {Status: report.Fail, Value: new(0.96)}}}
	unanswered := report.Reading{At: eight.Add(-5 * time.Minute), Checks: map[report.Check]report.Verdict{report.Commands: {Status: report.Unknown}}}
	other := report.Reading{At: eight.Add(-5 * time.Minute)}
	for name, set := range map[string]func(*check.Target){
		"the reading before was not answered": func(t *check.Target) { t.Readings = []report.Reading{failed, unanswered} },
		"two were not":                        func(t *check.Target) { t.Readings = []report.Reading{failed, unanswered, unanswered} },
		"it was judged before the last hour":  func(t *check.Target) { t.Earlier, t.Readings = []report.Reading{failed}, []report.Reading{other} },
		"and what was since was not answered": func(t *check.Target) { t.Earlier, t.Readings = []report.Reading{failed}, []report.Reading{unanswered} },
		"it was known from before a long gap": func(t *check.Target) { t.Earlier = []report.Reading{failed} },
	} {
		target, server := emulated(t)
		target.Account = account(t, server, server.APIKey())
		server.SetMonthlyCommands(460_000) // 92 %
		set(target)
		if got := observe(t, target)[report.Commands]; got.Status != report.Fail {
			t.Errorf("%s: 92 %% after 96 %% is %s, want fail until 90 %%", name, got.Status)
		}
	}
}

// Growth that follows a flat time is forecast as soon as an hour of it was seen.
func TestGrowthAfterAFlatTimeIsForetold(t *testing.T) {
	const perHour = quota / 20.0
	for _, grown := range []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 13 * time.Hour} {
		var points []check.Point
		const step = 5 * time.Minute
		for at := eight.Add(-25 * time.Hour); !at.After(eight); at = at.Add(step) {
			points = append(points, check.Point{At: at, Value: 1000 + perHour*max(0, (grown-eight.Sub(at)).Hours())})
		}
		want := (quota - points[len(points)-1].Value) / perHour
		got, known := check.Forecast(sparse(points), quota, eight)
		if !known || math.Abs(got.Hours()-want)/want > 0.1 {
			t.Errorf("after %s of growth the quota is full in %s, %v; want %.1f h", grown, got, known, want)
		}
	}
}
