// Package budget works out what watching costs: Upstash's commands a month by check
// and region, and Google Cloud's dollars by line. It is arithmetic over a
// configuration: the checks' own intervals and costs, and price lists.
//
// A month is 30 days. Upstash's documents disagree on whether PING and INFO are billed:
// the price list says they are not (https://upstash.com/pricing/redis, FAQ), the
// billing page makes no exception (https://upstash.com/docs/redis/overall/billing). So
// there are two figures. A budget is kept by the price list; the upper bound is shown.
package budget

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Month is the month that all figures are about.
const Month = 30 * 24 * time.Hour

// Line is what one check of a database costs in a month. Checks that share a command
// share a line.
type Line struct {
	// Checks are named as in the configuration.
	Checks []report.Check `json:"checks"`
	// What tells it apart: "proof of backend", "PING", "INFO". Empty for the others.
	What string `json:"what,omitempty"`
	// Region is from where it is asked, empty for Metrics, which runs in one.
	Region string `json:"region,omitempty"`
	// Every is the interval, in nanoseconds.
	Every time.Duration `json:"every"`
	// Runs is how often that is in a month.
	Runs int64 `json:"runs"`
	// Least and Most are the commands of a month by the price list.
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
	// Upper is Most with PING and INFO.
	Upper int64 `json:"upper"`
}

// Database is what watching one database costs in a month.
type Database struct {
	Name  string `json:"name"`
	Plan  string `json:"plan"`
	Lines []Line `json:"lines"`
	// Least, Most and Upper are the lines' sums.
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
	Upper int64 `json:"upper"`
	// Quota is the plan's commands a month, 0 without a quota.
	Quota int64 `json:"quota"`
	// Allowed is how many commands the budget allows, and Override that more is accepted.
	Allowed  int64 `json:"allowed"`
	Override bool  `json:"override,omitempty"`
	// Dollars is what Most costs where the plan bills each command.
	Dollars float64 `json:"dollars"`
}

// Over reports whether the configuration needs more than its budget.
func (d Database) Over() bool { return d.Most > d.Allowed }

// Share is the part of the quota that so many commands are, 0 without a quota.
func (d Database) Share(commands int64) float64 {
	if d.Quota == 0 {
		return 0
	}
	return float64(commands) / float64(d.Quota)
}

// Commands works out every database's commands.
func Commands(c *config.Config) []Database {
	out := make([]Database, 0, len(c.Databases))
	for i := range c.Databases {
		out = append(out, ofDatabase(c, &c.Databases[i]))
	}
	return out
}

func ofDatabase(c *config.Config, db *config.Database) Database {
	d := Database{
		Name: db.Name, Plan: db.Plan, Quota: db.Limits.Commands, Override: db.Budget.Override,
		Allowed: db.Budget.Commands,
	}
	if d.Quota > 0 {
		d.Allowed = int64(db.Budget.Share * float64(d.Quota))
	}
	d.Lines = append(d.Lines, pings(c, db)...)
	d.Lines = append(d.Lines, infos(c, db)...)
	d.Lines = append(d.Lines, billed(c, db)...)
	for _, l := range d.Lines {
		d.Least, d.Most, d.Upper = d.Least+l.Least, d.Most+l.Most, d.Upper+l.Upper
	}
	d.Dollars = config.PlanOf(db.Plan).DollarsPerMillion * float64(d.Most) / 1e6
	return d
}

// pings are HealthCheck's: one PING a run and region for ping and latency.
func pings(c *config.Config, db *config.Database) []Line {
	var out []Line
	for _, region := range c.RegionsOf(db.Shard, "") {
		l := Line{What: "PING", Region: region}
		for _, s := range check.Specs(report.HealthCheck, db, c.Every(report.HealthCheck)) {
			if s.Check != report.Ping && s.Check != report.Latency {
				continue
			}
			l.Checks = append(l.Checks, s.Check)
			if l.Every == 0 || s.Every < l.Every {
				l.Every = s.Every
			}
		}
		if len(l.Checks) > 0 {
			l.Runs = runs(l.Every)
			l.Upper = l.Runs
			out = append(out, l)
		}
	}
	return out
}

// infos are Metrics': one INFO a run, which serves several checks and the history.
func infos(c *config.Config, db *config.Database) []Line {
	every := c.Every(report.Metrics)
	l := Line{What: "INFO", Every: every, Runs: runs(every), Upper: runs(every)}
	for _, s := range check.Specs(report.Metrics, db, every) {
		if slices.Contains([]report.Check{report.HitRate, report.Memory, report.Eviction, report.Connections}, s.Check) {
			l.Checks = append(l.Checks, s.Check)
		}
	}
	return []Line{l}
}

// billed are Metrics' checks that cost commands, and the one that asks the account.
func billed(c *config.Config, db *config.Database) []Line {
	var out []Line
	for _, s := range check.Specs(report.Metrics, db, c.Every(report.Metrics)) {
		if s.Commands == 0 && s.Check != report.Commands {
			continue
		}
		n := runs(s.Every)
		l := Line{
			Checks: []report.Check{s.Check}, Every: s.Every, Runs: n,
			Least: n * int64(s.Least), Most: n * int64(s.Commands), Upper: n * int64(s.Commands),
		}
		if s.Source == report.SourceProof {
			l.What = "proof of " + s.Subject
		}
		out = append(out, l)
	}
	return out
}

// runs is how often a month something happens at that interval.
func runs(every time.Duration) int64 { return int64(Month / every) }

// Name is how a person calls the line.
func (l Line) Name() string {
	checks := make([]string, len(l.Checks))
	for i, c := range l.Checks {
		checks[i] = string(c)
	}
	name := strings.Join(checks, ", ")
	switch {
	case name == "":
		return l.What
	case l.What == "":
		return name
	default:
		return fmt.Sprintf("%s (%s)", name, l.What)
	}
}
