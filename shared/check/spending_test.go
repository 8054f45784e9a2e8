package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// limited is an emulated target with every check of a limit on, and its account.
func limited(t *testing.T) (*check.Target, *upstashtest.Server) {
	t.Helper()
	target, server := emulated(t)
	target.Account = account(t, server, server.APIKey())
	on := config.Check{Enabled: true, Every: 5 * time.Minute}
	d := target.Database
	d.Checks.Bandwidth, d.Checks.Budget, d.Checks.Connections = on, on, on
	share := d.Thresholds.Commands
	d.Thresholds.Bandwidth, d.Thresholds.Budget, d.Thresholds.Connections = share, share, share
	d.Limits.Bandwidth = 10 << 30
	return target, server
}

func TestEachLimitIsJudgedByItsShare(t *testing.T) {
	const gb = 1 << 30
	connected := func(n string) func(*check.Target, *upstashtest.Server) {
		return func(_ *check.Target, s *upstashtest.Server) { s.SetInfo("connected_clients", n) }
	}
	month := func(m upstashtest.Month) func(*check.Target, *upstashtest.Server) {
		return func(_ *check.Target, s *upstashtest.Server) { s.SetMonth(m) }
	}
	before := func(c report.Check, change func(*check.Target, *upstashtest.Server)) func(*check.Target, *upstashtest.Server) {
		return func(t *check.Target, s *upstashtest.Server) {
			change(t, s)
			t.Readings = []report.Reading{{At: eight, Checks: map[report.Check]report.Verdict{c: {Status: report.Fail}}}}
		}
	}
	for _, tt := range []struct {
		name     string
		check    report.Check
		change   func(*check.Target, *upstashtest.Server)
		status   report.Status // empty: the check says nothing
		clear    bool
		cause    cause.Cause
		evidence string
	}{
		{"little traffic", report.Bandwidth, month(upstashtest.Month{Bandwidth: gb}), report.OK, true, "", "1.00 GB of 10.00 GB this month"},
		{"traffic between closing and opening", report.Bandwidth, month(upstashtest.Month{Bandwidth: 7.6 * gb}), report.OK, false, "", ""},
		{"traffic from the warning's threshold", report.Bandwidth, month(upstashtest.Month{Bandwidth: 8 * gb}), report.Warn, false, cause.BandwidthHigh, "8.00 GB"},
		{"traffic above the plan's", report.Bandwidth, month(upstashtest.Month{Bandwidth: 18 * gb}), report.Fail, false, cause.BandwidthHigh, "18.00 GB of 10.00 GB"},
		{"critical traffic until below its own closing value", report.Bandwidth, before(report.Bandwidth, month(upstashtest.Month{Bandwidth: 9.2 * gb})), report.Fail, false, cause.BandwidthHigh, ""},
		{"pay-as-you-go traffic above what is included costs money", report.Bandwidth, month(upstashtest.Month{Type: "payg", Bandwidth: 18 * gb}), report.Warn, false, cause.BandwidthHigh, "charged by the gigabyte"},
		{"the configuration's word for pay as you go", report.Bandwidth, func(t *check.Target, s *upstashtest.Server) {
			t.Database.Plan = "payg"
			s.SetMonth(upstashtest.Month{Bandwidth: 18 * gb})
		}, report.Warn, false, cause.BandwidthHigh, "charged by the gigabyte"},
		{"a plan without a limit of traffic", report.Bandwidth, func(t *check.Target, _ *upstashtest.Server) { t.Database.Limits.Bandwidth = 0 }, "", false, "", ""},
		{"traffic without an account", report.Bandwidth, func(t *check.Target, _ *upstashtest.Server) { t.Account = nil }, "", false, "", ""},
		{"traffic of a database without an id", report.Bandwidth, func(t *check.Target, _ *upstashtest.Server) { t.Database.DatabaseID = "" }, "", false, "", ""},
		{"traffic of a suspended database", report.Bandwidth, func(_ *check.Target, s *upstashtest.Server) { s.SetSetting("state", "suspended") }, report.Unknown, false, cause.StatsState, "suspended"},

		{"little of the budget", report.Budget, month(upstashtest.Month{Type: "payg", Budget: 20, Dollars: 2.5}), report.OK, true, "", "$2.50 of $20.00 this month"},
		{"the budget's warning", report.Budget, month(upstashtest.Month{Type: "payg", Budget: 20, Dollars: 16}), report.Warn, false, cause.BudgetHigh, "$16.00 of $20.00"},
		{
			"the budget spent", report.Budget, month(upstashtest.Month{Type: "payg", Budget: 20, Dollars: 19, Counts: map[string][]float64{"GET": {1, 1, 1, 1}, "INCR": {1, 1, 5, 9}}}), report.Fail, false, cause.BudgetHigh,
			"$19.00 of $20.00 this month; mostly INCR 80 %, GET 20 %; INCR grew most",
		},
		{"a fixed plan has no budget", report.Budget, month(upstashtest.Month{Type: "pro", Budget: 20, Dollars: 19}), "", false, "", ""},
		{"a budget without an account", report.Budget, func(t *check.Target, _ *upstashtest.Server) { t.Account = nil }, "", false, "", ""},
		{"the budget of a suspended database", report.Budget, func(_ *check.Target, s *upstashtest.Server) { s.SetSetting("state", "suspended") }, report.Unknown, false, cause.StatsState, "suspended"},

		{"few connections", report.Connections, connected("100"), report.OK, true, "", "100 of 10000 connections"},
		{"many connections", report.Connections, connected("8000"), report.Warn, false, cause.ConnectionsHigh, "8000 of 10000"},
		{"nearly all connections", report.Connections, connected("9500"), report.Fail, false, cause.ConnectionsHigh, ""},
		{"connections that INFO does not count", report.Connections, func(_ *check.Target, s *upstashtest.Server) { s.SetInfo("connected_clients", "many") }, report.OK, false, "", "INFO does not say"},
		{"connections without a limit", report.Connections, func(_ *check.Target, s *upstashtest.Server) { s.SetInfo("maxclients", "0") }, report.OK, false, "", "INFO does not say"},

		{"few commands a second", report.Commands, func(t *check.Target, s *upstashtest.Server) {
			t.Database.Limits.CommandsPerSecond = 10_000
			s.SetInfo("instantaneous_ops_per_sec", "7499")
		}, report.OK, true, "", "commands this month"},
		{"commands a second between closing and opening", report.Commands, func(t *check.Target, s *upstashtest.Server) {
			t.Database.Limits.CommandsPerSecond = 10_000
			s.SetInfo("instantaneous_ops_per_sec", "7500")
		}, report.OK, false, "", "commands this month"},
		{"many commands a second", report.Commands, func(t *check.Target, s *upstashtest.Server) {
			t.Database.Limits.CommandsPerSecond = 10_000
			s.SetInfo("instantaneous_ops_per_sec", "8000")
		}, report.Warn, false, cause.Throttled, "8000 commands a second, and Upstash slows down from 10000"},
		{"commands in dollars and by type", report.Commands, func(t *check.Target, s *upstashtest.Server) {
			t.Database.Plan = "payg"
			s.SetMonthlyCommands(400_000)
			s.SetMonth(upstashtest.Month{Counts: map[string][]float64{"get": {6}, "set": {2}, "ping": {1}, "del": {1}}})
		}, report.Warn, false, cause.CommandsHigh, "about $0.80; mostly GET 60 %, SET 20 %, DEL 10 %"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target, server := limited(t)
			tt.change(target, server)
			got, asked := observe(t, target)[tt.check]
			if asked != (tt.status != "") {
				t.Fatalf("observed %v: %+v", asked, got)
			}
			if got.Status != tt.status || got.Clear != tt.clear || got.Cause != tt.cause || !strings.Contains(got.Evidence, tt.evidence) {
				t.Errorf("%+v, want %s, clear %v, of %q, with %q", got, tt.status, tt.clear, tt.cause, tt.evidence)
			}
		})
	}
}

// A day of readings in which a figure grew by so much an hour foretells when its limit is
// reached, which is a warning of its own a day before.
func TestAFigureOfTheMonthWarnsADayBeforeItsLimit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		check   report.Check
		figure  report.Gauge
		hours   report.Gauge
		perHour float64
		status  report.Status
		left    float64
	}{
		{"traffic that lasts 10 hours", report.Bandwidth, report.GaugeMonthBandwidth, report.GaugeBandwidthHours, 0.5 * (1 << 30), report.Warn, 10},
		{"traffic that lasts 40 hours", report.Bandwidth, report.GaugeMonthBandwidth, report.GaugeBandwidthHours, 0.125 * (1 << 30), report.OK, 40},
		{"a budget that lasts 10 hours", report.Budget, report.GaugeMonthDollars, report.GaugeBudgetHours, 1, report.Warn, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target, server := limited(t)
			now := map[report.Gauge]float64{report.GaugeMonthBandwidth: 5 << 30, report.GaugeMonthDollars: 10}
			server.SetMonth(upstashtest.Month{Type: map[report.Check]string{report.Budget: "payg"}[tt.check], Budget: 20, Bandwidth: now[report.GaugeMonthBandwidth], Dollars: now[report.GaugeMonthDollars]})
			for back := 110 * time.Minute; back > 0; back -= 5 * time.Minute {
				target.Readings = append(target.Readings, report.Reading{At: eight.Add(-back), Values: map[report.Gauge]float64{tt.figure: now[tt.figure] - tt.perHour*back.Hours()}})
			}
			got := observe(t, target)[tt.check]
			if got.Status != tt.status || got.Clear || !strings.Contains(got.Evidence, "used up in") {
				t.Errorf("%+v, want %s that does not close, with a forecast", got, tt.status)
			}
			left := target.Reading(t.Context(), eight, nil).Values[tt.hours]
			if left < tt.left-0.1 || left > tt.left+0.1 {
				t.Errorf("%v hours left, want %v", left, tt.left)
			}
		})
	}
}

func TestAValueNearTheLargestReplyIsFound(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limit  config.Limits
		status report.Status
	}{
		{"a small one", config.Limits{Request: 10 << 20}, report.OK},
		{"one from four fifths on", config.Limits{Request: 25_000}, report.Warn},
		{"without a limit", config.Limits{}, report.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target, server := emulated(t)
			target.Database.Checks.Values.Every = 5 * time.Minute
			fill(t, server, map[string]string{"ws:1:big": `"` + strings.Repeat("x", 20_000) + `"`})
			target.Database.Limits.Request = tt.limit.Request
			got := observe(t, target)[report.Values]
			if got.Status != tt.status || (got.Cause == cause.RequestTooBig) != (tt.status == report.Warn) || tt.status == report.Warn && !strings.Contains(got.Evidence, "ws:*") {
				t.Errorf("%+v, want %s", got, tt.status)
			}
		})
	}
}
