package check

import (
	"fmt"
	"slices"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// stopped returns why checks that cost commands are not asked in this run, or nil: the
// database cannot be asked, the configuration is above its budget, an earlier check of
// this run failed in a way that keeps others away, or the quota is nearly used up.
func (t *Target) stopped() error {
	if t.client == nil {
		return t.unasked()
	}
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
	stopAt := t.Database.Budget.StopAt
	if used, known := t.usedShare(); stopAt > 0 && known && used >= stopAt {
		return &Problem{Cause: cause.MonitorBudget, Evidence: fmt.Sprintf(
			"not asked: %.0f %% of the month's commands are used, and checks that cost commands stop at %.0f %% (budget.stop_at)", used*100, stopAt*100)}
	}
	return nil
}

// usedShare returns the share of the month's commands that is used, by the newest figure.
func (t *Target) usedShare() (float64, bool) {
	share := func(values map[report.Gauge]float64) (float64, bool) {
		limit := float64(t.Database.Limits.Commands)
		if quota := values[report.GaugeCommandsLimit]; quota > 0 {
			limit = quota
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
	for _, r := range slices.Backward(t.past()) {
		if r.At.Before(month(t.now())) {
			break
		}
		if s, known := share(r.Values); known {
			return s, true
		}
	}
	return 0, false
}

// keepsAway reports whether nothing more is asked in this run after such a cause, because
// it would fail in the same way, wait as long, or cost what is not there. The write canary
// must still find a read-only token.
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

// figure keeps a figure that a check found, for the reading.
func (t *Target) figure(g report.Gauge, v float64) {
	if t.figures == nil {
		t.figures = map[report.Gauge]float64{}
	}
	t.figures[g] = v
}
