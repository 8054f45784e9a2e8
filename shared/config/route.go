package config

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config/document"
)

// Route sends the alerts that match all of its conditions to its receivers. An empty
// condition matches everything. Where that is because it could not be understood, the routes
// below are asked as well, so that no alert is lost to the one that matches too much.
type Route struct {
	// The environments that match. An alert about pongwatch itself has the environment of the document.
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
	last := -1 // the route behind which no other is asked
	var named []string
	for i, r := range c.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		if len(r.Receivers) == 0 && !v.Bad(at+".receivers") {
			v.Report(at+".receivers", "is empty", "[slack-oncall, email-oncall]")
		}
		v.applies(at, r.Databases, r.Environments)
		for name, list := range map[string]*[]string{"receivers": &r.Receivers, "fallback": &r.Fallback, "escalate_to": &r.EscalateTo} {
			var known []string
			for _, receiver := range *list {
				if c.Receiver(receiver) != nil {
					known = append(known, receiver)
				} else if receiver != "" { // else the decoder has said so
					question, _ := document.Suggest(receiver, c.receiverNames())
					v.In(document.Scope{Receiver: receiver}, func() {
						v.Report(at+"."+name, "names "+receiver+", which is not configured"+question, firstOf(c.receiverNames()))
					})
				}
			}
			*list = known
		}
		for name, empty := range map[string]bool{"environments": len(r.Environments) == 0, "databases": len(r.Databases) == 0, "severities": len(r.Severities) == 0} {
			if empty && v.Unread(at+"."+name) {
				r.Continue = true
			}
		}
		v.escalation(at+".escalate_to", r)
		if len(r.Receivers) == 0 {
			continue
		}
		kept = append(kept, r)
		if last >= 0 {
			v.Notice(at, fmt.Sprintf("is never asked, because routes[%d] matches everything and does not continue", last), "")
			continue
		}
		named = slices.Concat(named, r.Receivers, r.Fallback, r.EscalateTo)
		if len(r.Environments)+len(r.Databases)+len(r.Severities) == 0 && !r.Continue {
			last = i
		}
	}
	c.Routes = kept
	for i, r := range c.Receivers {
		isFallback := slices.ContainsFunc(c.Receivers, func(of Receiver) bool { return of.Fallback == r.Name })
		if last >= 0 && !slices.Contains(named, r.Name) && !isFallback { // otherwise what matches no route reaches it
			v.In(document.Scope{Receiver: r.Name}, func() {
				v.Notice(fmt.Sprintf("receivers[%d]", i), "is notified of nothing, because no route that is asked names it", "")
			})
		}
	}
}

// applies reports what no database has of the conditions at that path, because the route or the window applies
// to less than was meant. A misspelling is a problem. Anything else may be for a database that is still to come, or
// of another project that shares the document, and is a notice.
func (v *validator) applies(at string, databases, environments []string) {
	var names, used []string
	for _, d := range v.config.Databases {
		names, used = append(names, d.Name), append(used, d.Environment)
	}
	report := func(key, given, what string, known []string) {
		question, near := document.Suggest(given, known)
		what = "has " + given + ", " + what + question
		if near == "" {
			v.Notice(at+"."+key, what, firstOf(known))
		} else {
			v.Report(at+"."+key, what, near)
		}
	}
	for _, pattern := range databases {
		if !slices.ContainsFunc(names, func(name string) bool { ok, _ := path.Match(pattern, name); return ok }) {
			report("databases", pattern, "which matches no database", names)
		}
	}
	for _, environment := range environments {
		if !slices.Contains(used, environment) {
			report("environments", environment, "which no database is in", used)
		}
	}
}

// escalation says what becomes of escalate_to beside a receiver that escalates by itself.
func (v *validator) escalation(at string, r Route) {
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
			v.Notice(at, "is notified only while PagerDuty ("+name+") has not taken the incident; once it has, PagerDuty escalates by itself", "")
			return
		}
	}
}
