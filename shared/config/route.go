package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config/document"
)

// Route sends the alerts that match all of its conditions to its receivers. An empty
// condition matches everything. Where that is because it could not be understood, the routes
// below are asked as well, so that no alert is lost to the one that matches too much.
type Route struct {
	// The environments that match.
	Environments []string `yaml:"environments" single:"true" pattern:"name" example:"[production]"`
	// The databases that match, by name or with * and ?.
	Databases []string `yaml:"databases" single:"true" pattern:"glob" example:"['prod-*']"`
	// The severities that match.
	Severities []cause.Severity `yaml:"severities" single:"true" enum:"critical,warning,info" example:"[critical]"`
	// The receivers that are notified.
	Receivers []string `yaml:"receivers" required:"true" single:"true" pattern:"name" example:"[slack-oncall, email-oncall]"`
	// The receivers that are notified in place of one that refuses for good and has no fallback of its own.
	Fallback []string `yaml:"fallback" single:"true" pattern:"name" example:"[email-oncall]"`
	// The receivers that are notified as well, when a critical alert has not been acknowledged for `escalate_after`. While a PagerDuty receiver of the route has taken the alert, PagerDuty escalates instead.
	EscalateTo []string `yaml:"escalate_to" single:"true" pattern:"name" example:"[email-managers]"`
	// In place of `alerting.escalate_after`.
	EscalateAfter time.Duration `yaml:"escalate_after" min:"1s" max:"24h" example:"15m"`
	// In place of `alerting.reminders`.
	Reminders reminders `yaml:"reminders"`
	// Whether the routes below are asked as well.
	Continue bool `yaml:"continue" example:"false"`
}

// routes drops receivers that do not exist; the problem names them. A route that is
// left without any is dropped, so that its alerts find the next, or every receiver.
func (v *validator) routes() {
	c := v.config
	kept := c.Routes[:0:0]
	for i, r := range c.Routes {
		if path := fmt.Sprintf("routes[%d].receivers", i); len(r.Receivers) == 0 && !v.Bad(path) {
			v.Report(path, "is empty", "[slack-oncall, email-oncall]")
		}
		for name, list := range map[string]*[]string{"receivers": &r.Receivers, "fallback": &r.Fallback, "escalate_to": &r.EscalateTo} {
			var known []string
			for _, receiver := range *list {
				if c.Receiver(receiver) != nil {
					known = append(known, receiver)
				} else if receiver != "" { // else the decoder has said so
					what := "names " + receiver + ", which is not configured"
					if near := document.Nearest(receiver, c.receiverNames()); near != "" {
						what += "; did you mean " + near + "?"
					}
					v.In(document.Scope{Receiver: receiver}, func() {
						v.Report(fmt.Sprintf("routes[%d].%s", i, name), what, firstOf(c.receiverNames()))
					})
				}
			}
			*list = known
		}
		for name, empty := range map[string]bool{"environments": len(r.Environments) == 0, "databases": len(r.Databases) == 0, "severities": len(r.Severities) == 0} {
			if empty && v.Unread(fmt.Sprintf("routes[%d].%s", i, name)) {
				r.Continue = true
			}
		}
		v.escalation(fmt.Sprintf("routes[%d].escalate_to", i), r)
		if len(r.Receivers) > 0 {
			kept = append(kept, r)
		}
	}
	c.Routes = kept
}

// escalation says what becomes of escalate_to beside a receiver that escalates by itself.
func (v *validator) escalation(path string, r Route) {
	if len(r.EscalateTo) == 0 {
		return
	}
	told := slices.Clone(r.Receivers)
	for _, other := range v.config.Routes { // one that continues is notified together with others
		if r.Continue || other.Continue {
			told = append(told, other.Receivers...)
		}
	}
	for _, name := range told {
		if receiver := v.config.Receiver(name); receiver != nil && receiver.PagerDuty != nil {
			v.Report(path, "is notified only while PagerDuty ("+name+") has not taken the incident; once it has, PagerDuty escalates by itself", "").Notice = true
			return
		}
	}
}
