package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// payAsYouGo is the type of databases that cost by use, in the account and in the configuration.
const payAsYouGo = "payg"

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
	o := t.judgeMonth(report.Bandwidth, report.GaugeMonthBandwidth, report.GaugeBandwidthHours, used, limit, t.Database.Thresholds.Bandwidth,
		cause.BandwidthHigh, fmt.Sprintf("%s of %s this month", gigabytes(used), gigabytes(limit)))
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

// connections judges the share of the plan's TCP connections that are open.
func connections(t *Target, info upstash.Info) report.Observation {
	if !info.Connections.Known || !info.MaxConnections.Known || info.MaxConnections.N == 0 {
		return report.Observation{Status: report.OK, Evidence: "INFO does not say how many connections there may be"}
	}
	open, most := float64(info.Connections.N), float64(info.MaxConnections.N)
	t.figure(report.GaugeConnectionsLimit, most)
	return t.judgeShare(report.Connections, open/most, t.Database.Thresholds.Connections, cause.ConnectionsHigh, fmt.Sprintf("%.0f of %.0f connections", open, most))
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

// spending says what the month's commands cost, and of which type they are.
func spending(s upstash.Stats, plan string) string {
	dollars := float64(s.Commands) / 1e6 * config.PlanOf(plan).DollarsPerMillion
	if dollars == 0 {
		return kinds(s.ByType)
	}
	return fmt.Sprintf(", about $%.2f%s", dollars, kinds(s.ByType))
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
		k := kind{name: strings.ToUpper(strings.Map(commandRune, c.Name))}
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

// commandRune keeps what names of commands consist of.
func commandRune(r rune) rune {
	if r == '.' || r == '_' || r == '-' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return -1
}

func gigabytes(n float64) string { return fmt.Sprintf("%.2f GB", n/(1<<30)) }
