package policy

import (
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/cron"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Default returns the policy of a configuration in which no key is given. It knows no databases,
// so that nothing is closed as no longer watched.
func Default() Policy {
	p := Of(config.Default(), "")
	p.Databases, p.Elsewhere = nil, nil
	return p
}

// Of returns what the configuration says about a shard. A shard that is not configured
// has no databases, which closes its open incidents.
func Of(c *config.Config, shard string) Policy {
	p := Policy{
		Shift: time.Minute, Stale: 10 * time.Minute, SignalAge: 24 * time.Hour, Replaced: 15 * time.Minute,
		CauseQuiet: time.Hour, Keep: 72 * time.Hour, DrillFor: 15 * time.Minute,
	}
	p.Environment, p.Rules = c.Environment, rules(&c.Thresholds)
	p.Databases = map[string]Database{}
	p.Elsewhere = map[string]string{}
	for i := range c.Databases {
		if d := &c.Databases[i]; d.Shard == shard {
			p.Databases[d.Name] = database(c, d)
		} else {
			p.Elsewhere[d.Name] = d.Shard
		}
	}
	if len(p.Databases) > 0 {
		p.Jobs = jobs(c, shard)
	}
	p.Receivers = receivers(c)
	p.Routes = routes(c)
	p.Windows = windows(c)

	a := c.Alerting
	p.Reminders, p.EscalateAfter = Reminders(a.Reminders), a.EscalateAfter
	p.Reopen = a.ReopenWithin
	p.UnstableAfter, p.UnstableWithin, p.Settle = a.Unstable.Reopenings, a.Unstable.Within, a.Unstable.StableFor
	p.FlapHigh, p.FlapLow = a.Flapping.Start, a.Flapping.Stop
	if !a.Flapping.Enabled {
		p.FlapHigh = math.Inf(1)
	}
	p.GroupAt, p.JoinQuiet = a.Grouping.Databases, a.Grouping.JoinWithin
	if !a.Grouping.Enabled {
		p.GroupAt = 0
	}
	p.MissAfter, p.Grace = a.Missing.Intervals, a.Missing.Grace
	p.EditEvery, p.UndeliveredAfter, p.SilenceMost = a.EditEvery, a.UndeliveredAfter, a.Silences.Max
	p.CanaryWithin, p.CanaryDatabases = a.Canary.Within, a.Canary.Databases
	return p
}

func jobs(c *config.Config, shard string) []Job {
	out := []Job{{Job: report.Metrics, Every: c.Every(report.Metrics)}} // it runs once, wherever that is
	for _, region := range c.RegionsOf(shard, "") {
		out = append(out, Job{Job: report.HealthCheck, Region: region, Every: c.Every(report.HealthCheck)})
	}
	return out
}

func database(c *config.Config, d *config.Database) Database {
	db := Database{Environment: d.Environment, Home: d.Home, Region: d.Region, Rules: rules(&d.Thresholds), Services: []string{}, Apps: map[string][]string{}}
	for service, name := range c.Services {
		if name == d.Name {
			db.Services = append(db.Services, service)
		}
	}
	for _, app := range d.Apps {
		db.Services = append(db.Services, app.Service)
		asked := []string{report.SourceConfig}
		if app.HealthURL != "" {
			asked = append(asked, report.SourceApp)
		}
		if app.Proof {
			asked = append(asked, report.SourceProof)
		}
		db.Apps[app.Service] = asked
		if app.Limiter {
			db.Limiters = append(db.Limiters, app.Service)
		}
	}
	slices.Sort(db.Services)
	for _, check := range report.Checks() {
		if on := d.Checks.Of(check); on.Enabled || on == (config.Check{}) {
			db.Checks = append(db.Checks, check)
		}
	}
	return db
}

func rules(t *config.Thresholds) map[report.Check]Rule {
	out := map[report.Check]Rule{}
	for check, r := range t.Rules() {
		rule := Rule{
			Severity: r.Severity,
			Threshold: Threshold{
				Open: r.Confirm.Runs, OpenBad: r.Confirm.Failures, OpenOf: r.Confirm.Of,
				Close: r.Confirm.Close, Reclose: r.Confirm.CloseReopened,
			},
		}
		if check == report.Ping {
			rule.Classes = map[cause.Class]Threshold{}
			for _, class := range t.Ping.Immediate {
				rule.Classes[class] = Threshold{Open: 1, Close: 1, Reclose: r.Confirm.CloseReopened}
			}
		}
		out[check] = rule
	}
	return out
}

// expand turns receivers' names into addresses.
func expand(c *config.Config, names []string) []string {
	var out []string
	for _, name := range names {
		if r := c.Receiver(name); r != nil {
			out = append(out, Addresses(r)...)
		}
	}
	return out
}

func receivers(c *config.Config) map[string]Receiver {
	out := map[string]Receiver{}
	for i := range c.Receivers {
		r := &c.Receivers[i]
		answers := Receiver{Pages: r.Pages, Reminds: r.PagerDuty != nil, Fallback: expand(c, []string{r.Fallback}), Settings: r.Hash(), Place: r.Place()}
		for _, address := range Addresses(r) {
			out[address] = answers
		}
	}
	return out
}

func routes(c *config.Config) []Route {
	var out []Route
	for _, r := range c.Routes {
		own := Reminders(r.Reminders)
		out = append(out, Route{
			Environments: r.Environments, Databases: r.Databases, Severities: r.Severities, Continue: r.Continue,
			Receivers: expand(c, r.Receivers), Fallback: expand(c, r.Fallback), Escalate: expand(c, r.EscalateTo),
			EscalateAfter: r.EscalateAfter, Reminders: &own,
		})
	}
	return out
}

// Addresses returns the outbox addresses of a configured receiver.
func Addresses(r *config.Receiver) []string {
	if r.Email == nil || len(r.Email.To) == 0 {
		return []string{r.Name}
	}
	var all []string
	for _, to := range r.Email.To {
		all = append(all, r.Name+"/"+to)
	}
	return all
}

// windows leaves out invalid windows, which the configuration has reported.
func windows(c *config.Config) []Window {
	var out []Window
	for _, w := range c.Maintenance {
		zone, err := time.LoadLocation(w.Zone)
		if err != nil {
			continue
		}
		window := Window{Name: w.Name, Reason: w.Reason, Databases: w.Databases, Environments: w.Environments, Zone: zone, For: w.For}
		if w.Cron != "" {
			window.Cron, err = cron.Parse(w.Cron)
		} else {
			window.Start, window.End, err = w.Span()
		}
		if err == nil {
			out = append(out, window)
		}
	}
	return out
}
