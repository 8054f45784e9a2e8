package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// validate checks what no single key can tell, and gives every entry what it
// inherits. The decoder has already said what is wrong with single keys.
func (d *decoder) validate() {
	c := d.config
	d.regions("", c.Home, c.Regions)
	d.checks("", c.Checks)
	d.thresholds("thresholds", &c.Thresholds)
	d.flapping()
	d.silences()
	c.Thresholds.Latency.fill()
	d.shards()
	for i := range c.Databases {
		d.database(i)
	}
	d.databases()
	for i := range c.Receivers {
		d.receiver(i)
	}
	d.receivers()
	d.routes()
	d.services()
	for i := range c.Maintenance {
		d.window(fmt.Sprintf("maintenance[%d]", i), &c.Maintenance[i])
	}
	d.keys()
}

// in runs check with the scope of one database or receiver.
func (d *decoder) in(s scope, check func()) {
	outer := d.scope
	d.scope = s
	check()
	d.scope = outer
}

func (d *decoder) regions(path, home string, regions []string) {
	if home != "" && len(regions) > 0 && !slices.Contains(regions, home) {
		d.report(join(path, "home"), "is none of the regions "+strings.Join(regions, ", "), regions[0])
	}
}

func (d *decoder) checks(path string, checks Checks) {
	for _, check := range report.Checks() {
		c, job := checks.Of(check), jobOf(check)
		if every := d.config.Every(job); c.Enabled && c.Every%every != 0 {
			at := join(path, "checks."+string(check)+".every")
			d.report(at, fmt.Sprintf("is %s, want a multiple of schedule.%s, which is %s", text.Short(c.Every), job, text.Short(every)), text.Short(3*every))
		}
	}
}

func (d *decoder) thresholds(path string, t *Thresholds) {
	for _, check := range report.Checks() {
		at, c := path+"."+string(check)+".confirm", t.Of(check).Confirm
		switch {
		case c.Runs == 0 && c.Failures == 0:
			d.report(at, "never opens: runs and failures are both 0", "runs: 2")
		case c.Failures > c.Of:
			d.report(at+".failures", fmt.Sprintf("is %d, more than of, which is %d", c.Failures, c.Of), "failures: 3, of: 5")
		}
	}
	if t.Latency.Close > t.Latency.Open {
		d.report(path+".latency.close", fmt.Sprintf("is %s, want at most open, which is %s", text.Short(t.Latency.Close), text.Short(t.Latency.Open)), text.Short(t.Latency.Open))
	}
	if t.Latency.Critical > 0 && t.Latency.Critical < t.Latency.Open {
		d.report(path+".latency.critical", fmt.Sprintf("is %s, want 0s or at least open, which is %s", text.Short(t.Latency.Critical), text.Short(t.Latency.Open)), "2s")
	}
	if t.HitRate.Close < t.HitRate.Open {
		d.report(path+".hit_rate.close", fmt.Sprintf("is %v, want at least open, which is %v", t.HitRate.Close, t.HitRate.Open), "0.65")
	}
	for name, u := range map[string]UsageRule{"memory": t.Memory, "commands": t.Commands} {
		if !(u.WarnClose <= u.Warn && u.Warn <= u.CriticalClose && u.CriticalClose <= u.Critical) {
			d.report(path+"."+name, "wants warn_close ≤ warn ≤ critical_close ≤ critical", "warn_close: 0.75, warn: 0.80, critical_close: 0.90, critical: 0.95")
		}
	}
}

// fill lets latency close where it opens, if nothing else is said.
func (l *LatencyRule) fill() {
	if l.Close == 0 {
		l.Close = l.Open
	}
}

func (d *decoder) flapping() {
	if f := d.config.Alerting.Flapping; f.Stop >= f.Start {
		d.report("alerting.flapping.stop", fmt.Sprintf("is %v, want less than start, which is %v", f.Stop, f.Start), "15")
	}
}

func (d *decoder) silences() {
	s := d.config.Alerting.Silences
	if s.Default > s.Max {
		d.report("alerting.silences.default", fmt.Sprintf("is %s, more than max, which is %s", text.Short(s.Default), text.Short(s.Max)), text.Short(s.Max))
	}
	for i, c := range s.Choices {
		if c > s.Max {
			d.report(fmt.Sprintf("alerting.silences.choices[%d]", i), fmt.Sprintf("is %s, more than max, which is %s", text.Short(c), text.Short(s.Max)), text.Short(s.Max))
		}
	}
}

func (d *decoder) shards() {
	seen := map[string]bool{}
	for i, s := range d.config.Shards {
		path := fmt.Sprintf("shards[%d]", i)
		if seen[s.Name] {
			d.report(path+".name", "is given to two shards", "")
		}
		seen[s.Name] = true
		d.regions(path, s.Home, d.config.RegionsOf(s.Name))
	}
}

// services drops what maps to a database that does not exist: the signal is logged
// as unmapped, and the problem names the database.
func (d *decoder) services() {
	for service, name := range d.config.Services {
		if d.config.Database(name) != nil {
			continue
		}
		delete(d.config.Services, service)
		d.in(scope{database: orExample(strings.ToLower(shownName(name)), "unknown")}, func() {
			d.report("services."+shown(service), "names a database that is not configured", d.anyDatabase())
		})
	}
}

func (d *decoder) anyDatabase() string {
	if len(d.config.Databases) > 0 {
		return d.config.Databases[0].Name
	}
	return ""
}

func shownName(name string) string {
	if validName(name) {
		return name
	}
	return ""
}

func (d *decoder) window(path string, w *Window) {
	repeated, once := w.Cron != "" || w.For != 0, w.From != "" || w.Until != ""
	switch {
	case d.hasUnder(path):
		return // half of it was left out for what is wrong with it
	case repeated == once:
		d.report(path, "wants either cron and for, or from and until", "cron: 0 3 * * SUN, for: 2h")
	case repeated && (w.Cron == "" || w.For == 0):
		d.report(path, "wants both cron and for", "cron: 0 3 * * SUN, for: 2h")
	case once && (w.From == "" || w.Until == ""):
		d.report(path, "wants both from and until", "from: '2026-12-24T22:00', until: '2026-12-25T06:00'")
	case once:
		if from, until, err := w.Span(); err == nil && !from.Before(until) {
			d.report(path+".until", "is not after from", "'2026-12-25T06:00'")
		}
	}
}

// Span returns the beginning and the end of a window that happens once.
func (w *Window) Span() (from, until time.Time, err error) {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return from, until, fmt.Errorf("loading zone of window %s: %w", w.Name, err)
	}
	if from, err = parseTime(w.From, zone); err != nil {
		return from, until, fmt.Errorf("parsing from of window %s: %w", w.Name, err)
	}
	if until, err = parseTime(w.Until, zone); err != nil {
		return from, until, fmt.Errorf("parsing until of window %s: %w", w.Name, err)
	}
	return from, until, nil
}

// keys checks that what needs a key has one.
func (d *decoder) keys() {
	c := d.config
	if c.Management.Email.IsSet() != c.Management.APIKey.IsSet() {
		d.report("management", "wants both email and api_key, or neither", "api_key: sm://projects/my-project/secrets/upstash-api-key")
	}
	a := reflect.ValueOf(c.Access)
	for _, k := range keysOf(a.Type()) {
		if v := a.FieldByIndex(k.index); v.Type() == reflect.TypeFor[Surface]() && Surface(v.String()) == AccessToken && len(c.Access.Tokens) == 0 {
			d.report("access."+k.name, "is token, but access.tokens is empty", "tokens: [sm://projects/my-project/secrets/pongwatch-read-token]")
		}
	}
}
