package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// warnAhead is how long before the month's commands run out that is a warning by
// itself: a quota that is gone is an outage until the next month.
const warnAhead = 24 * time.Hour

// usage is how many commands a month has cost so far.
type usage struct {
	used float64
	// exact says that the account reported it. Otherwise it was seen of one replica, and
	// there may be more.
	exact bool
	// limit is the quota, 0 without one.
	limit float64
	// begun says that counting began with this run: nothing is known of before.
	begun bool
	// bill is what the account said, nil where it did not.
	bill *bill
	// doubt is why it is not exact although it should be.
	doubt error
}

// commands judges the share of the month's commands that is used.
func commands(ctx context.Context, t *Target) report.Observation {
	u, err := t.usage(ctx)
	if err != nil {
		return unknown(err)
	}
	o := report.Observation{Status: report.OK, Clear: true, Evidence: u.describe()}
	if u.bill != nil {
		o.Evidence += spending(u.bill.Stats, t.Database.Plan)
	}
	if u.limit > 0 {
		gauge := report.GaugeMonthCommands
		if !u.exact {
			gauge = report.GaugeMonthCommandsSeen
		}
		o = t.judgeMonth(report.Commands, gauge, report.GaugeCommandsHours, u.used, u.limit, t.Database.Thresholds.Commands, cause.CommandsHigh, o.Evidence)
		o.Clear = o.Clear && !u.begun // a count that has only just begun ends nothing
	}
	t.judgeRate(ctx, &o)
	// What is wrong with the account is a warning of its own, unless there is worse.
	if c := accountCause(u.doubt); c != "" && o.Status == report.OK {
		o.Status, o.Clear, o.Cause = report.Warn, false, c
	}
	return o
}

// describe marks a figure that is only what was seen.
func (u usage) describe() string {
	text := fmt.Sprintf("%.0f commands this month", u.used)
	if !u.exact {
		text = fmt.Sprintf("at least %.0f commands this month, as far as INFO was seen to count (a lower bound: the management API has the exact number)", u.used)
	}
	if u.limit > 0 {
		text = fmt.Sprintf("%s of %.0f", text, u.limit)
	}
	if u.doubt != nil {
		text += "; not from the account: " + evidence(u.doubt)
	}
	return text
}

// usage asks the account, or else adds up what INFO counts to what was known before. A
// figure that is lost would be taken for none used.
func (t *Target) usage(ctx context.Context) (usage, error) {
	u := usage{limit: float64(t.Database.Limits.Commands)}
	if b := t.bill(ctx); b != nil {
		if b.err == nil {
			if b.MonthlyCommands > 0 {
				u.limit = float64(b.MonthlyCommands)
				t.figure(report.GaugeCommandsLimit, u.limit)
			}
			u.used, u.exact = float64(b.Commands), true
			u.bill = b
			t.figure(report.GaugeMonthCommands, u.used)
			return u, nil
		}
		u.doubt = b.err
	}
	info, err := t.Info(ctx)
	if err != nil {
		return u, err
	}
	if t.Unread {
		return u, &Problem{Cause: cause.MonitorStore, Evidence: "history was not read, and with it how many commands the month has cost"}
	}
	u.used, u.begun = t.seenCommands(info)
	t.figure(report.GaugeMonthCommandsSeen, u.used)
	return u, nil
}

// seenCommands adds what the replica has counted since its last reading to what had
// been seen by then, or what the account had said. Reads and writes are what is billed;
// total_commands_processed may count PING and INFO too. What no reading saw is missing,
// so it is a lower bound. begun says that no reading knows anything.
func (t *Target) seenCommands(info upstash.Info) (most float64, begun bool) {
	first := month(t.now())
	now := report.Reading{Values: gauges(info)}
	begun = true
	for _, r := range slices.Backward(t.past()) {
		seen, known := monthCommands(r.Values)
		if !known || r.At.Before(first) {
			continue
		}
		most, begun = max(most, seen), false
		if r.Replica == info.LocalMember {
			reads, _ := now.Growth(r, report.GaugeReads)
			writes, _ := now.Growth(r, report.GaugeWrites)
			return max(most, seen+reads+writes), false
		}
	}
	return most, begun
}

// monthCommands is what a reading knows of the month's commands: what the account said,
// or else what was seen.
func monthCommands(values map[report.Gauge]float64) (used float64, known bool) {
	if used, known = values[report.GaugeMonthCommands]; known {
		return used, true
	}
	used, known = values[report.GaugeMonthCommandsSeen]
	return used, known
}

// month is when the month began. Upstash documents that quotas are monthly, not in
// which zone; UTC differs by hours at most.
func month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// accountCause is what is worth telling of an account that did not answer: what lasts.
// A timeout passes by itself, and the lower bound serves meanwhile.
func accountCause(err error) cause.Cause {
	if err == nil {
		return ""
	}
	if c := problemCause(err); c == cause.StatsState {
		return c
	}
	if _, ok := errors.AsType[*Problem](err); ok {
		return cause.MonitorManagement
	}
	if e, ok := errors.AsType[*upstash.Error](err); ok && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) {
		return cause.MonitorManagement
	}
	return ""
}

// remaining is a forecast in the unit that suits its certainty.
func remaining(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 72*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	default:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
}
