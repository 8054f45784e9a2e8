package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// receiver checks one entry.
func (d *decoder) receiver(i int) {
	r := &d.config.Receivers[i]
	path := fmt.Sprintf("receivers[%d]", i)
	if !validName(r.Name) {
		r.Name = fmt.Sprintf("receiver-%d", i+1)
	}
	d.in(scope{receiver: r.Name}, func() {
		var kinds []string
		for _, k := range []struct {
			kind  Kind
			given bool
			check func(string)
		}{
			{KindSlack, r.Slack != nil, func(at string) { d.slack(at, r.Slack) }},
			{KindEmail, r.Email != nil, func(at string) { d.email(at, r.Email) }},
			{KindPagerDuty, r.PagerDuty != nil, func(string) {}},
			{KindWebhook, r.Webhook != nil, func(at string) { d.webhook(at, r.Webhook) }},
		} {
			if k.given {
				kinds = append(kinds, string(k.kind))
				k.check(path + "." + string(k.kind))
			}
		}
		switch {
		case len(kinds) == 0 && !d.hasUnder(path):
			d.report(path, "says nothing of slack, email, pagerduty or webhook", "slack: {webhook: sm://projects/my-project/secrets/slack-webhook}")
		case len(kinds) > 1:
			d.report(path, "is "+strings.Join(kinds, " and ")+" in one, want one receiver each", "")
		}
	})
}

// hasUnder reports whether there is a problem with a key below path.
func (d *decoder) hasUnder(path string) bool {
	for bad := range d.bad {
		if strings.HasPrefix(bad, path+".") {
			return true
		}
	}
	return false
}

func (d *decoder) slack(path string, s *Slack) {
	webhook, bot := s.Webhook.IsSet(), s.BotToken.IsSet()
	switch {
	case webhook && bot:
		d.report(path, "has webhook and bot_token, want one of them", "bot_token: sm://projects/my-project/secrets/slack-bot-token")
	case !webhook && !bot && !d.hasUnder(path):
		d.report(path, "wants webhook or bot_token", "webhook: sm://projects/my-project/secrets/slack-webhook")
	case bot && s.Channel == "" && !d.hasUnder(path):
		d.report(path+".channel", "is missing, which a bot needs", "C0123456789")
	}
	if s.Webhook.IsSet() && !s.Webhook.IsReference() {
		if what := checkSlackWebhook(s.Webhook.value.Reveal(), d.local); what != "" {
			d.report(path+".webhook", what, "https://hooks.slack.com/services/T…/B…/…")
		}
	}
	if s.BotToken.IsSet() && !s.BotToken.IsReference() {
		switch text := s.BotToken.value.Reveal(); {
		case pasted(text) != "":
			d.report(path+".bot_token", pasted(text), "xoxb-…")
		case !strings.HasPrefix(text, "xoxb-"):
			d.report(path+".bot_token", "does not begin with xoxb-, so it is no bot token", "xoxb-…")
		}
	}
}

func checkSlackWebhook(text string, local bool) string {
	if what := pasted(text); what != "" {
		return what
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return "is not a URL with a host"
	case local && loopback(u.Hostname()):
		return ""
	case u.Scheme != "https" || u.Hostname() != "hooks.slack.com" && u.Hostname() != "hooks.slack-gov.com":
		return "is not the URL of a Slack incoming webhook"
	}
	return ""
}

func (d *decoder) email(path string, e *Email) {
	if e.Port == 25 {
		d.report(path+".port", "is 25, which Google Cloud closes and which promises no encryption; want 587 or 465", "587")
	}
	if e.TLS == "" {
		e.TLS = "starttls"
		if e.Port == 465 {
			e.TLS = "implicit"
		}
	}
	if e.Username.IsSet() != e.Password.IsSet() && !d.hasUnder(path) {
		d.report(path, "wants both username and password, or neither", "username: alerts@example.com, password: sm://projects/my-project/secrets/smtp-password")
	}
	if len(e.To) == 0 && !d.hasUnder(path) {
		d.report(path+".to", "is empty", "[oncall@example.com]")
	}
	seen := map[string]bool{}
	for i, to := range e.To {
		if seen[strings.ToLower(to)] {
			d.report(fmt.Sprintf("%s.to[%d]", path, i), "is listed twice", "")
		}
		seen[strings.ToLower(to)] = true
	}
}

func (d *decoder) webhook(path string, w *Webhook) {
	if w.URL.IsSet() && !w.URL.IsReference() {
		if what := checkAddress(w.URL.value.Reveal(), d.local); what != "" {
			d.report(path+".url", what, "https://hooks.example.com/pongwatch")
		}
	}
	if len(w.Keys) == 0 && !d.hasUnder(path) {
		d.report(path+".keys", "is empty", "[sm://projects/my-project/secrets/webhook-key]")
	}
}

// receivers checks the list as a whole.
func (d *decoder) receivers() {
	c := d.config
	first := map[string]int{}
	kept := c.Receivers[:0:0]
	for i, r := range c.Receivers {
		d.in(scope{receiver: r.Name}, func() {
			path := fmt.Sprintf("receivers[%d]", i)
			if j, ok := first[r.Name]; ok {
				d.report(path+".name", fmt.Sprintf("is the name of receivers[%d] too", j), r.Name+"-2")
				return
			}
			first[r.Name] = i
			switch {
			case r.Fallback == r.Name && r.Fallback != "":
				d.report(path+".fallback", "is the receiver itself", "email-oncall")
				r.Fallback = ""
			case r.Fallback != "" && c.Receiver(r.Fallback) == nil:
				d.report(path+".fallback", "names a receiver that is not configured", c.anyReceiver(r.Name))
				r.Fallback = ""
			}
			kept = append(kept, r)
		})
	}
	c.Receivers = kept
}

func (c *Config) anyReceiver(other string) string {
	for _, r := range c.Receivers {
		if r.Name != other {
			return r.Name
		}
	}
	return ""
}

// routes drops receivers that do not exist; the problem names them. A route that is
// left without any is dropped, so that its alerts find the next, or everybody.
func (d *decoder) routes() {
	c := d.config
	kept := c.Routes[:0:0]
	for i, r := range c.Routes {
		path := fmt.Sprintf("routes[%d]", i)
		for name, list := range map[string]*[]string{"receivers": &r.Receivers, "fallback": &r.Fallback, "escalate_to": &r.EscalateTo} {
			*list = slices.DeleteFunc(slices.Clone(*list), func(receiver string) bool {
				if c.Receiver(receiver) != nil {
					return false
				}
				if receiver != "" { // else the decoder has said so
					d.in(scope{receiver: receiver}, func() {
						what := "names " + receiver + ", which is not configured"
						if near := nearest(receiver, c.receiverNames()); near != "" {
							what += "; did you mean " + near + "?"
						}
						d.report(path+"."+name, what, c.anyReceiver(""))
					})
				}
				return true
			})
		}
		if len(r.Receivers) > 0 {
			kept = append(kept, r)
		}
	}
	c.Routes = kept
}

func (c *Config) receiverNames() []string {
	names := make([]string, len(c.Receivers))
	for i, r := range c.Receivers {
		names[i] = r.Name
	}
	return names
}
