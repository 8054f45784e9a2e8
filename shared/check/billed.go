package check

import (
	"fmt"
	"slices"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// stopped is why checks that cost commands are not asked in this run, or nil: the
// configuration is above its budget, the quota is nearly used up, or the database has
// just not let itself be asked. PING and INFO go on.
func (t *Target) stopped() error {
	for _, p := range t.Database.Problems {
		if p.Cause == cause.MonitorBudget && !p.Notice {
			return &Problem{Cause: cause.MonitorBudget, Evidence: "not asked: " + p.Evidence()}
		}
	}
	if t.trouble != nil {
		return t.trouble
	}
	if t.infoErr != nil && keepsAway(problemCause(t.infoErr)) {
		return t.infoErr
	}
	stopAt, used, known := t.Database.Budget.StopAt, 0.0, false
	if stopAt > 0 {
		used, known = t.usedShare()
	}
	if !known || used < stopAt {
		return nil
	}
	return &Problem{Cause: cause.MonitorBudget, Evidence: fmt.Sprintf(
		"not asked: %.0f %% of the month's commands are used, and checks that cost commands stop at %.0f %% (budget.stop_at)", used*100, stopAt*100)}
}

// usedShare is the share of the month's commands by the newest word on it.
func (t *Target) usedShare() (float64, bool) {
	share := func(values map[report.Gauge]float64) (float64, bool) {
		limit := float64(t.Database.Limits.Commands)
		if told := values[report.GaugeCommandsLimit]; told > 0 {
			limit = told
		}
		used, known := monthCommands(values)
		if !known || limit <= 0 {
			return 0, false
		}
		return used / limit, true
	}
	if s, known := share(t.figures); known {
		return s, true
	}
	first := month(t.now())
	for _, r := range slices.Backward(t.past()) {
		if r.At.Before(first) {
			break
		}
		if s, known := share(r.Values); known {
			return s, true
		}
	}
	return 0, false
}

// keepsAway says that after such a cause nothing more is to be asked in this run: it
// would fail alike, wait for as long, or cost what is not there. A read-only token is
// for the write canary to find.
func keepsAway(c cause.Cause) bool {
	switch c.Class() {
	case cause.ClassNetwork, cause.ClassQuota, cause.ClassProvider:
		return c != cause.WritePaused
	case cause.ClassAuth:
		return c != cause.ReadonlyToken
	default:
		return false
	}
}

// billed runs a check that costs commands. Where they are stopped it sees a target
// that cannot be asked, and says so of each of its series.
func (t *Target) billed(run func() []report.Observation) []report.Observation {
	if t.client == nil {
		return run()
	}
	if err := t.stopped(); err != nil {
		client, problem := t.client, t.problem
		defer func() { t.client, t.problem = client, problem }()
		t.client, t.problem = nil, err
		return run()
	}
	observations := run()
	for _, o := range observations {
		if o.Status == report.Unknown && keepsAway(o.Cause) {
			t.trouble = &Problem{Cause: o.Cause, Evidence: o.Evidence}
		}
	}
	return observations
}

// figure keeps a figure that a check found, for the reading.
func (t *Target) figure(g report.Gauge, v float64) {
	if t.figures == nil {
		t.figures = map[report.Gauge]float64{}
	}
	t.figures[g] = v
}
