package check_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// emulated is a target of Metrics whose database and account the emulator is.
func emulated(t *testing.T) (*check.Target, *upstashtest.Server) {
	t.Helper()
	server := upstashtest.Start(t, upstashtest.Options{})
	client, err := upstash.New(upstash.Options{URL: server.URL(), Token: secrets.New(server.Token()), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	d := database()
	d.DatabaseID = server.DatabaseID()
	d.Limits.Commands = 500_000
	d.Budget.Share, d.Budget.StopAt = 0.07, 0.95
	on := config.Check{Enabled: true, Every: 5 * time.Minute}
	d.Checks.Commands, d.Checks.RoundTrip = on, on
	d.Checks.Isolation.Check, d.Checks.Isolation.Pattern, d.Checks.Isolation.MaxCommands = on, `^ws:[^:]+:`, 100
	d.Checks.Values.Check, d.Checks.Values.MaxCommands = on, 30
	d.Thresholds.Commands = config.UsageRule{Warn: 0.80, WarnClose: 0.75, Critical: 0.95, CriticalClose: 0.90}
	d.Thresholds.Isolation.Open, d.Thresholds.Values.Open = 1, 1
	target := &check.Target{Database: d, Job: report.Metrics, Region: "us-east4", Now: func() time.Time { return eight }}
	target.SetClient(client, "7", nil)
	return target, server
}

// account is the emulator's, with a key.
func account(t *testing.T, server *upstashtest.Server, key string) *check.Account {
	t.Helper()
	return accountAt(t, server, key, server.ManagementURL())
}

func accountAt(t *testing.T, server *upstashtest.Server, key, url string) *check.Account {
	t.Helper()
	c := config.Default()
	c.Management = config.Management{Email: config.Inline(server.Email()), APIKey: config.Inline(key), URL: url}
	a := check.NewAccount(c, nil, upstash.Options{AllowHTTP: true})
	t.Cleanup(a.Close)
	return a
}

func TestCommandsAreJudgedByTheAccount(t *testing.T) {
	tests := []struct {
		name   string
		month  int64
		before report.Status
		status report.Status
		clear  bool
	}{
		{name: "well below", month: 100_000, status: report.OK, clear: true},
		{name: "between closing and opening", month: 385_000, status: report.OK},
		{name: "from the warning's threshold", month: 400_000, status: report.Warn},
		{name: "from the critical threshold", month: 475_000, status: report.Fail},
		{name: "critical until below its own closing value", month: 460_000, before: report.Fail, status: report.Fail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, server := emulated(t)
			target.Account = account(t, server, server.APIKey())
			server.SetMonthlyCommands(tt.month)
			target.Readings = []report.Reading{{Checks: map[report.Check]report.Verdict{report.Commands: {Status: tt.before}}}}
			got := observe(t, target)[report.Commands]
			if got.Status != tt.status || got.Clear != tt.clear || got.Status.Bad() != (got.Cause == cause.CommandsHigh) {
				t.Errorf("commands = %+v, want %s, clear %v", got, tt.status, tt.clear)
			}
			if want := float64(tt.month) / 500_000; got.Value == nil || *got.Value != want || strings.Contains(got.Evidence, "lower bound") {
				t.Errorf("commands = %+v, want the exact share %v", got, want)
			}
			if r := target.Reading(t.Context(), eight, nil); r.Values[report.GaugeMonthCommands] != float64(tt.month) {
				t.Errorf("the reading has %v", r.Values)
			}
		})
	}
}

// A database whose plan is used up may refuse INFO. What the account says of it is kept all the same.
func TestTheAccountsFiguresAreKeptWithoutInfo(t *testing.T) {
	target, server := emulated(t)
	target.Account = account(t, server, server.APIKey())
	server.SetMonthlyCommands(500_000)
	target.SetClient(nil, "", &check.Problem{Cause: cause.QuotaMonthly})
	got := observe(t, target)[report.Commands]
	r := target.Reading(t.Context(), eight, []report.Observation{got})
	if got.Value == nil || *got.Value != 1 || r.Values[report.GaugeMonthCommands] != 500_000 {
		t.Errorf("commands = %+v, and the reading has %v", got, r.Values)
	}
}

func TestWithoutTheAccountCommandsAreAMarkedLowerBound(t *testing.T) {
	refused := func(t *testing.T, s *upstashtest.Server) *check.Account { return account(t, s, "wrong") }
	tests := []struct {
		name    string
		account func(*testing.T, *upstashtest.Server) *check.Account
		change  func(*check.Target, *upstashtest.Server)
		status  report.Status
		cause   cause.Cause
	}{
		{name: "none is configured", status: report.OK},
		{name: "its key is refused, which lasts", account: refused, status: report.Warn, cause: cause.MonitorManagement},
		{
			name: "it does not know the database", status: report.Warn, cause: cause.StatsState,
			account: func(t *testing.T, s *upstashtest.Server) *check.Account { return account(t, s, s.APIKey()) },
			change:  func(x *check.Target, _ *upstashtest.Server) { x.Database.DatabaseID = "another" },
		},
		{
			name: "it says that the database is suspended", status: report.Warn, cause: cause.StatsState,
			account: func(t *testing.T, s *upstashtest.Server) *check.Account { return account(t, s, s.APIKey()) },
			change:  func(_ *check.Target, s *upstashtest.Server) { s.SetSetting("state", "suspended") },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, server := emulated(t)
			if tt.account != nil {
				target.Account = tt.account(t, server)
			}
			if tt.change != nil {
				tt.change(target, server)
			}
			target.Readings = []report.Reading{{At: eight.Add(-5 * time.Minute), Replica: "10.16.8.4", Values: map[report.Gauge]float64{
				report.GaugeMonthCommandsSeen: 1000, report.GaugeReads: 70, report.GaugeWrites: 10,
			}}}
			server.SetInfo("total_reads_processed", "100")
			server.SetInfo("total_writes_processed", "30")
			got := observe(t, target)[report.Commands]
			if got.Status != tt.status || got.Cause != tt.cause || !strings.Contains(got.Evidence, "at least 1050 commands") || !strings.Contains(got.Evidence, "lower bound") {
				t.Errorf("commands = %+v, want %s of %q that says at least 1050, a lower bound", got, tt.status, tt.cause)
			}
		})
	}
}

// An account that does not answer for once must not look like one that says that nothing
// is used: that would resolve what is open, and let checks spend what is left.
func TestAnAccountThatFailsOnceForgetsNothing(t *testing.T) {
	for name, change := range map[string]func(*check.Target){
		"in the hour before":  func(x *check.Target) { x.Readings = readOf(10 * time.Minute) },
		"in the hours before": func(x *check.Target) { x.Earlier = readOf(3 * time.Hour) },
	} {
		t.Run("it told "+name, func(t *testing.T) {
			target, server := emulated(t)
			answers := http.NewServeMux()
			answers.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
			down := httptest.NewServer(answers)
			t.Cleanup(down.Close)
			target.Account = accountAt(t, server, server.APIKey(), down.URL)
			change(target)
			server.SetInfo("total_reads_processed", "50")
			all := observe(t, target)
			got := all[report.Commands]
			if got.Status != report.Fail || got.Cause != cause.CommandsHigh || !strings.Contains(got.Evidence, "at least 480010 commands") {
				t.Errorf("commands = %+v, want a failure by what was known", got)
			}
			if got := all[report.Isolation]; got.Status != report.Unknown || got.Cause != cause.MonitorBudget {
				t.Errorf("isolation = %+v, want it stopped above 95 %%", got)
			}
		})
	}
}

// readOf is a reading in which the account told of 480,000 commands.
func readOf(ago time.Duration) []report.Reading {
	return []report.Reading{{At: eight.Add(-ago), Replica: "10.16.8.4", Values: map[report.Gauge]float64{
		report.GaugeMonthCommands: 480_000, report.GaugeReads: 40, report.GaugeWrites: 0,
	}, Checks: map[report.Check]report.Verdict{report.Commands: {Status: report.Fail}}}}
}

func TestCountingThatBeginsAnewEndsNothing(t *testing.T) {
	target, _ := emulated(t)
	if got := observe(t, target)[report.Commands]; got.Status != report.OK || got.Clear {
		t.Errorf("the first reading's commands = %+v, want ok, and not clear", got)
	}
	target, _ = emulated(t)
	target.Unread = true
	if got := observe(t, target)[report.Commands]; got.Status != report.Unknown || got.Cause != cause.MonitorStore {
		t.Errorf("without history commands = %+v, want unknown", got)
	}
	if _, recorded := target.Reading(t.Context(), eight, nil).Values[report.GaugeMonthCommandsSeen]; recorded {
		t.Error("without history a figure is recorded, on which the next run builds")
	}
}

func TestTheLowerBoundNeverCountsTwice(t *testing.T) {
	reading := func(back time.Duration, replica string, seen, reads float64) report.Reading {
		return report.Reading{At: eight.Add(-back), Replica: replica, Values: map[report.Gauge]float64{
			report.GaugeMonthCommandsSeen: seen, report.GaugeReads: reads, report.GaugeWrites: 0,
		}}
	}
	const a, b = "10.16.8.4", "10.16.8.5"
	tests := []struct {
		name string
		past []report.Reading
		want string
	}{
		{"the first reading has seen nothing", nil, "at least 0 "},
		{"another replica's word stands", []report.Reading{reading(time.Minute, b, 500, 3)}, "at least 500 "},
		{"the same replica's growth is added to what it had then", []report.Reading{reading(10*time.Minute, a, 100, 40), reading(time.Minute, b, 130, 3)}, "at least 160 "},
		{"and not to what another saw meanwhile", []report.Reading{reading(10*time.Minute, a, 100, 40), reading(time.Minute, b, 900, 3)}, "at least 900 "},
		{"a counter that was reset has grown by what it is", []report.Reading{reading(time.Minute, a, 1000, 5000)}, "at least 1100 "},
		{"last month does not count", []report.Reading{reading(23*24*time.Hour, a, 9000, 40)}, "at least 0 "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, server := emulated(t)
			target.Readings = tt.past
			server.SetInfo("total_reads_processed", "100")
			server.SetInfo("total_writes_processed", "0")
			if got := observe(t, target)[report.Commands]; !strings.Contains(got.Evidence, tt.want) {
				t.Errorf("evidence %q, want %q", got.Evidence, tt.want)
			}
		})
	}
}

func TestCommandsWarnADayBeforeTheyRunOut(t *testing.T) {
	const month = 300_000
	run := func(perHour float64, now time.Time) (report.Observation, report.Reading) {
		target, server := emulated(t)
		target.Now = func() time.Time { return now }
		target.Account = account(t, server, server.APIKey())
		server.SetMonthlyCommands(month)
		for back := 60 * time.Minute; back > 0; back -= 5 * time.Minute {
			target.Readings = append(target.Readings, report.Reading{
				At: now.Add(-back), Values: map[report.Gauge]float64{report.GaugeMonthCommands: month - perHour*back.Hours()},
			})
		}
		o := observe(t, target)[report.Commands]
		return o, target.Reading(t.Context(), now, nil)
	}
	o, r := run(20_000, eight) // 200,000 are left: ten hours
	if o.Status != report.Warn || o.Cause != cause.CommandsHigh || o.Clear || !strings.Contains(o.Evidence, "used up in 10 h") {
		t.Errorf("commands = %+v, want a warning that says ten hours", o)
	}
	if left := r.Values[report.GaugeCommandsHours]; math.Abs(left-10) > 0.1 {
		t.Errorf("the reading says %v hours, want 10", left)
	}
	if o, r := run(100, eight); o.Status != report.OK || !o.Clear || r.Values[report.GaugeCommandsHours] != 0 {
		t.Errorf("commands = %+v, want ok: the month ends before", o)
	}
	if o, _ := run(20_000, time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)); o.Status != report.OK {
		t.Errorf("commands = %+v, want ok: in four hours counting begins anew", o)
	}
}

// costly are the checks that cost commands.
var costly = []report.Check{report.Write, report.RoundTrip, report.Isolation, report.Values}

func TestChecksThatCostCommandsStopBeforeTheQuotaIsGone(t *testing.T) {
	over := config.Problem{Key: "databases[0].budget", What: "is too small", Cause: cause.MonitorBudget}
	tests := []struct {
		name   string
		change func(*testing.T, *check.Target, *upstashtest.Server)
		cause  cause.Cause
		asked  bool
	}{
		{"below the share they are asked", func(t *testing.T, x *check.Target, s *upstashtest.Server) {
			x.Account = account(t, s, s.APIKey())
			s.SetMonthlyCommands(474_000)
		}, "", true},
		{"from the share on they are not", func(t *testing.T, x *check.Target, s *upstashtest.Server) {
			x.Account = account(t, s, s.APIKey())
			s.SetMonthlyCommands(475_000)
		}, cause.MonitorBudget, false},
		{"an earlier reading's word holds", func(_ *testing.T, x *check.Target, _ *upstashtest.Server) {
			x.Database.Checks.Commands.Enabled = false
			x.Readings = []report.Reading{{At: eight.Add(-5 * time.Minute), Values: map[report.Gauge]float64{report.GaugeMonthCommands: 480_000}}}
		}, cause.MonitorBudget, false},
		{"last month's does not", func(_ *testing.T, x *check.Target, _ *upstashtest.Server) {
			x.Database.Checks.Commands.Enabled = false
			x.Readings = []report.Reading{{At: eight.Add(-30 * 24 * time.Hour), Values: map[report.Gauge]float64{report.GaugeMonthCommands: 480_000}}}
		}, "", true},
		{"a plan without a quota has no share", func(t *testing.T, x *check.Target, s *upstashtest.Server) {
			x.Database.Limits.Commands = 0
			s.SetMonthlyCommands(480_000)
		}, "", true},
		{"a configuration above its budget pays for nothing", func(_ *testing.T, x *check.Target, _ *upstashtest.Server) {
			x.Database.Problems = config.Problems{over}
		}, cause.MonitorBudget, false},
		{"a quota that is gone", func(_ *testing.T, _ *check.Target, s *upstashtest.Server) {
			_ = s.Break(upstashtest.Fault{Mode: upstashtest.QuotaMonthly})
		}, cause.QuotaMonthly, false},
		{"a refused token", func(_ *testing.T, _ *check.Target, s *upstashtest.Server) {
			_ = s.Break(upstashtest.Fault{Mode: upstashtest.AuthInvalid})
		}, cause.AuthInvalid, false},
		{"the provider's trouble", func(_ *testing.T, _ *check.Target, s *upstashtest.Server) {
			_ = s.Break(upstashtest.Fault{Mode: upstashtest.ServerError})
		}, cause.Provider5xx, false},
		{"no connection", func(_ *testing.T, _ *check.Target, s *upstashtest.Server) {
			_ = s.Break(upstashtest.Fault{Mode: upstashtest.Refuse})
		}, cause.TCPRefused, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, server := emulated(t)
			tt.change(t, target, server)
			got := observe(t, target)
			for _, c := range costly {
				o := got[c]
				switch {
				case tt.asked && o.Status != report.OK:
					t.Errorf("%s = %+v, want it asked, and ok", c, o)
				case !tt.asked && (o.Status != report.Unknown || o.Cause != tt.cause || o.Evidence == ""):
					t.Errorf("%s = %+v, want unknown of %s that says why", c, o, tt.cause)
				}
			}
			if n := server.Commands(); (n > 0) != tt.asked {
				t.Errorf("%d commands were billed", n)
			}
		})
	}
}

func TestAHangingDatabaseIsWaitedForOnce(t *testing.T) {
	requests := 0
	target := target(t, report.Metrics, func(w http.ResponseWriter, r *http.Request) {
		requests++
		answer(http.StatusBadGateway, "")(w, r)
	})
	observe(t, target)
	if requests != 1 {
		t.Errorf("%d requests, want INFO's alone", requests)
	}
}
