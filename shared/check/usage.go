package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// warnAhead is how long before a figure of the month reaches its limit that is a warning by
	// itself: a quota that is gone is an outage until the next month.
	warnAhead = 24 * time.Hour
	// payAsYouGo is the type of databases that cost by use, in the account and in the configuration.
	payAsYouGo = "payg"
)

// commands judges the share of the month's commands that is used. It asks the account, or else
// adds up what INFO counts to what was known before. A figure that is lost would be taken for
// none used.
func commands(ctx context.Context, t *Target) report.Observation {
	limit, gauge := float64(t.Database.Limits.Commands), report.GaugeMonthCommands
	var used float64
	var begun bool  // counting begins with this run
	var doubt error // why the account, which is exact, did not say it
	var evidence, spent string
	if b := t.bill(ctx); b != nil && b.err == nil {
		if b.MonthlyCommands > 0 {
			limit = float64(b.MonthlyCommands)
			t.figure(report.GaugeCommandsLimit, limit)
		}
		used = float64(b.Commands)
		evidence = fmt.Sprintf("%.0f commands this month", used)
		if dollars := used / 1e6 * config.PlanOf(t.Database.Plan).DollarsPerMillion; dollars > 0 {
			spent = fmt.Sprintf(", about $%.2f", dollars)
		}
		spent += kinds(b.ByType)
	} else {
		if b != nil {
			doubt = b.err
		}
		info, err := t.Info(ctx)
		if err != nil {
			return unknown(err)
		}
		if t.Unread {
			return unknown(&Problem{Cause: cause.MonitorStore, Evidence: "history was not read, and with it how many commands the month has cost"})
		}
		gauge = report.GaugeMonthCommandsSeen
		used, begun = t.seenCommands(info)
		evidence = fmt.Sprintf("at least %.0f commands this month, as far as INFO was seen to count (a lower bound: the management API has the exact number)", used)
	}
	t.figure(gauge, used)
	if limit > 0 {
		evidence += fmt.Sprintf(" of %.0f", limit)
	}
	if doubt != nil {
		evidence += "; not from the account: " + unknown(doubt).Evidence
	}
	o := ok()
	o.Evidence = evidence + spent
	if limit > 0 {
		o = t.judgeMonth(report.Commands, gauge, report.GaugeCommandsHours, used, limit, t.Database.Thresholds.Commands, cause.CommandsHigh, o.Evidence)
		o.Clear = o.Clear && !begun // a count that has only just begun ends nothing
	}
	t.judgeRate(ctx, &o)
	// What is wrong with the account is a warning of its own, unless there is worse.
	if c := accountCause(doubt); c != "" && o.Status == report.OK {
		o.Status, o.Clear, o.Cause = report.Warn, false, c
	}
	return o
}

// seenCommands adds what the replica has counted since its last reading to what had
// been seen by then, or what the account had said. Reads and writes are what is billed;
// total_commands_processed may count PING and INFO too. What no reading saw is missing,
// so it is a lower bound. begun says that no reading knows anything.
func (t *Target) seenCommands(info upstash.Info) (most float64, begun bool) {
	now := report.Reading{Values: gauges(info)}
	begun = true
	for _, r := range slices.Backward(t.past()) {
		seen, known := monthCommands(r.Values)
		if !known || r.At.Before(month(t.now())) {
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
	if c := unknown(err).Cause; c == cause.StatsState {
		return c
	}
	_, ours := errors.AsType[*Problem](err)
	e, answered := errors.AsType[*upstash.Error](err)
	if ours || answered && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) {
		return cause.MonitorManagement
	}
	return ""
}

// judgeRate warns where the commands a second are near those from which Upstash slows
// down, unless there is worse.
func (t *Target) judgeRate(ctx context.Context, o *report.Observation) {
	limit := float64(t.Database.Limits.CommandsPerSecond)
	info, err := t.Info(ctx)
	if err != nil || !info.OpsPerSecond.Known || limit <= 0 || o.Status != report.OK {
		return
	}
	if rate, rule := float64(info.OpsPerSecond.N), t.Database.Thresholds.Commands; rate >= rule.Warn*limit {
		o.Status, o.Clear, o.Cause = report.Warn, false, cause.Throttled
		o.Evidence = fmt.Sprintf("%.0f commands a second, and Upstash slows down from %.0f; %s", rate, limit, o.Evidence)
	} else if rate >= rule.WarnClose*limit {
		o.Clear = false
	}
}

// bandwidth judges the share of the month's traffic that is used. Only the account counts
// it, so that a database without an account has no observation.
func bandwidth(ctx context.Context, t *Target) []report.Observation {
	b := t.bill(ctx)
	limit := float64(t.Database.Limits.Bandwidth)
	switch {
	case b == nil || limit <= 0:
		return nil
	case b.err != nil:
		return []report.Observation{unknown(b.err)}
	case b.Bandwidth == nil:
		return nil
	}
	used := *b.Bandwidth
	t.figure(report.GaugeMonthBandwidth, used)
	t.figure(report.GaugeBandwidthLimit, limit)
	const gigabyte = 1 << 30
	o := t.judgeMonth(report.Bandwidth, report.GaugeMonthBandwidth, report.GaugeBandwidthHours, used, limit, t.Database.Thresholds.Bandwidth,
		cause.BandwidthHigh, fmt.Sprintf("%.2f GB of %.2f GB this month", used/gigabyte, limit/gigabyte))
	if b.Type == payAsYouGo || t.Database.Plan == payAsYouGo {
		// What is beyond costs money, and stops nothing but the budget.
		o.Evidence += "; what is beyond is charged by the gigabyte"
		if o.Status == report.Fail {
			o.Status = report.Warn
		}
	}
	return []report.Observation{o}
}

// spent judges the share of the budget that the month has cost. A database without a
// budget has no observation.
func spent(ctx context.Context, t *Target) []report.Observation {
	b := t.bill(ctx)
	switch {
	case b == nil:
		return nil
	case b.err != nil:
		return []report.Observation{unknown(b.err)}
	case b.Type != payAsYouGo || b.Budget <= 0 || b.Dollars == nil:
		return nil
	}
	t.figure(report.GaugeMonthDollars, *b.Dollars)
	t.figure(report.GaugeBudget, b.Budget)
	return []report.Observation{t.judgeMonth(report.Budget, report.GaugeMonthDollars, report.GaugeBudgetHours, *b.Dollars, b.Budget, t.Database.Thresholds.Budget,
		cause.BudgetHigh, fmt.Sprintf("$%.2f of $%.2f this month%s", *b.Dollars, b.Budget, kinds(b.ByType)))}
}

// judgeMonth judges a figure of the month by its share of a limit, and by how soon it reaches it,
// where that is before the month's end, at which counting begins anew.
func (t *Target) judgeMonth(c report.Check, figure, hours report.Gauge, used, limit float64, rule config.UsageRule, high cause.Cause, evidence string) report.Observation {
	o := t.judgeShare(c, used/limit, rule, high, evidence)
	now := t.now()
	left, known := forecast(append(t.course(figure, month(now)), point{now, used}), limit, now)
	if !known || !now.Add(left).Before(month(now).AddDate(0, 1, 0)) {
		return o
	}
	t.figure(hours, left.Hours())
	o.Evidence = fmt.Sprintf("%s; used up in %s at this rate", o.Evidence, remaining(left))
	if left <= warnAhead && o.Status == report.OK {
		o.Status, o.Cause = report.Warn, high
	}
	if left <= 2*warnAhead {
		o.Clear = false
	}
	return o
}

// kinds says which types of command are the most of the newest counts, and which has grown
// most from their first half to their second.
func kinds(counts []upstash.CommandCount) string {
	type kind struct {
		name         string
		total, grown float64
	}
	var all []kind
	sum := 0.0
	for _, c := range counts {
		k := kind{name: strings.ToUpper(c.Name)}
		for i, p := range c.Points {
			k.total += p.Count
			if middle := len(c.Points) / 2; i >= len(c.Points)-middle {
				k.grown += p.Count
			} else if i < middle {
				k.grown -= p.Count
			}
		}
		if k.total > 0 && k.name != "" {
			all = append(all, k)
			sum += k.total
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.SortFunc(all, func(a, b kind) int { return cmp.Or(cmp.Compare(b.total, a.total), strings.Compare(a.name, b.name)) })
	var most []string
	for _, k := range all[:min(3, len(all))] {
		most = append(most, fmt.Sprintf("%.20s %.0f %%", k.name, k.total/sum*100))
	}
	text := "; mostly " + strings.Join(most, ", ")
	if grown := slices.MaxFunc(all, func(a, b kind) int { return cmp.Compare(a.grown, b.grown) }); grown.grown > 0 {
		text += fmt.Sprintf("; %.20s grew most", grown.name)
	}
	return text
}

// usedShare returns the share of the month's commands that is used, by the newest figure.
func (t *Target) usedShare() (float64, bool) {
	known := append(t.past(), report.Reading{At: t.now(), Values: t.figures})
	for _, r := range slices.Backward(known) {
		if r.At.Before(month(t.now())) {
			break
		}
		limit := cmp.Or(max(r.Values[report.GaugeCommandsLimit], 0), float64(t.Database.Limits.Commands))
		if used, known := monthCommands(r.Values); known && limit > 0 {
			return used / limit, true
		}
	}
	return 0, false
}
