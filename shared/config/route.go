package config

import (
	"path"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Route sends the alerts that match all of its conditions to its receivers. An empty
// condition matches everything.
type Route struct {
	// The environments that match.
	Environments []string `yaml:"environments" single:"true" pattern:"name" example:"[production]"`
	// The databases that match, by name or with * and ?.
	Databases []string `yaml:"databases" single:"true" pattern:"glob" example:"['prod-*']"`
	// The severities that match.
	Severities []cause.Severity `yaml:"severities" single:"true" enum:"critical,warning,info" example:"[critical]"`
	// The receivers that are told.
	Receivers []string `yaml:"receivers" required:"true" single:"true" pattern:"name" example:"[slack-oncall, email-oncall]"`
	// The receivers that are told in place of one that refuses for good and has no fallback of its own.
	Fallback []string `yaml:"fallback" single:"true" pattern:"name" example:"[email-oncall]"`
	// The receivers that are told as well, when a critical alert has not been acknowledged for `escalate_after`.
	EscalateTo []string `yaml:"escalate_to" single:"true" pattern:"name" example:"[email-managers]"`
	// In place of `alerting.escalate_after`.
	EscalateAfter time.Duration `yaml:"escalate_after" min:"1s" max:"24h" example:"15m"`
	// In place of `alerting.reminders`.
	Reminders Reminders `yaml:"reminders"`
	// Whether the routes below are asked as well.
	Continue bool `yaml:"continue" example:"false"`
}

// Matches reports whether alerts of that database, environment and severity take this route.
func (r *Route) Matches(database, environment string, severity cause.Severity) bool {
	return anyOf(r.Environments, environment) && anyOf(r.Severities, severity) &&
		(len(r.Databases) == 0 || slices.ContainsFunc(r.Databases, func(glob string) bool {
			ok, err := path.Match(glob, database)
			return ok && err == nil
		}))
}

// RoutesFor returns the routes that alerts of that database, environment and severity
// take: the first that matches and, while one says `continue`, the next. Where none
// matches it is one route to every receiver, since no alert may go nowhere.
func (c *Config) RoutesFor(database, environment string, severity cause.Severity) []Route {
	var out []Route
	for _, r := range c.Routes {
		if !r.Matches(database, environment, severity) {
			continue
		}
		out = append(out, r)
		if !r.Continue {
			break
		}
	}
	if len(out) == 0 {
		all := Route{EscalateAfter: c.Alerting.EscalateAfter, Reminders: c.Alerting.Reminders}
		for _, r := range c.Receivers {
			all.Receivers = append(all.Receivers, r.Name)
		}
		out = append(out, all)
	}
	return out
}

func anyOf[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }
