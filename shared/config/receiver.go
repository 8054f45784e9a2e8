package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/config/document"
)

// Receiver is one place to which alerts are delivered: exactly one of slack, email,
// pagerduty and webhook.
type Receiver struct {
	// The name by which routes refer to it.
	Name string `yaml:"name" required:"true" pattern:"name" example:"slack-oncall"`
	// Whether it wakes the on-call engineer. A critical alert counts as delivered only on a receiver that pages.
	Pages bool `yaml:"pages" example:"true"`
	// The receiver that is notified when this one refuses for good.
	Fallback string `yaml:"fallback" pattern:"name" example:"email-oncall"`
	// A Slack channel.
	Slack *Slack `yaml:"slack"`
	// One or more mail addresses.
	Email *Email `yaml:"email"`
	// A PagerDuty service, by Events API v2.
	PagerDuty *PagerDuty `yaml:"pagerduty"`
	// Any address that takes JSON, pongwatch's or Alertmanager's.
	Webhook *Webhook `yaml:"webhook"`

	// Problems are what is wrong with this receiver's entry. One that stops
	// leaves it unused.
	Problems Problems `yaml:"-" json:"-"`
}

// Slack is a channel, reached by an incoming webhook (one message a transition) or
// by a bot (messages edited in place, threads, buttons): exactly one of `webhook`
// and `bot_token`.
type Slack struct {
	// The incoming webhook's URL.
	Webhook Secret `yaml:"webhook" example:"sm://projects/my-project/secrets/slack-webhook"`
	// The bot's token (xoxb-…), with the scope chat:write.
	BotToken Secret `yaml:"bot_token" example:"sm://projects/my-project/secrets/slack-bot-token"`
	// The channel's id, for a bot. A name works only in public channels.
	Channel string `yaml:"channel" pattern:"slack_channel" example:"C0123456789"`
	// Who is mentioned on a critical alert: user ids (U…), user-group ids (S…), "here" or "channel".
	Mention []string `yaml:"mention" single:"true" pattern:"slack_mention" example:"[S0123456789]"`
	// Who may acknowledge and silence by button: user ids (U…) or user-group ids (S…). Empty is everyone in the channel.
	Approvers []string `yaml:"approvers" single:"true" pattern:"slack_member" example:"[U0123456789]"`
	// The Slack app's id. Buttons pressed in other apps are refused. Messages of an incoming webhook have buttons only where it is set.
	AppID string `yaml:"app_id" pattern:"slack_app" example:"A0123456789"`
	// The workspace's id. Buttons pressed in other workspaces are refused.
	TeamID string `yaml:"team_id" pattern:"slack_team" example:"T0123456789"`
	// Whether messages carry buttons. Needs `inbound.slack_signing_secret` and the app's interactivity.
	Buttons bool `yaml:"buttons" example:"true"`
	// The Slack API's address, for GovSlack or a test.
	APIURL string `yaml:"api_url" pattern:"slack_api" example:"https://slack.com/api/"`
}

// Bot reports whether the channel is reached by a bot.
func (s *Slack) Bot() bool { return s.BotToken.IsSet() }

// Email is a submission server and the recipients. TLS is mandatory, whatever the
// server offers.
type Email struct {
	// The submission server.
	Host string `yaml:"host" required:"true" pattern:"host" example:"smtp.example.com"`
	// Its port: 587 begins in plain text and turns to TLS at once, 465 is TLS from the start. Port 25 is closed on Google Cloud.
	Port int `yaml:"port" min:"1" max:"65535" example:"587"`
	// How TLS begins: `starttls`, or `implicit` as on port 465. Empty follows from the port.
	TLS string `yaml:"tls" enum:"starttls,implicit" example:"starttls"`
	// The user. Empty submits without authentication.
	Username Secret `yaml:"username" plain:"true" example:"alerts@example.com"`
	// The password.
	Password Secret `yaml:"password" example:"sm://projects/my-project/secrets/smtp-password"`
	// The sender.
	From string `yaml:"from" required:"true" pattern:"address" example:"pongwatch <alerts@example.com>"`
	// The recipients. Each is delivered to on its own.
	To []string `yaml:"to" required:"true" single:"true" pattern:"address" example:"[oncall@example.com]"`
}

// PagerDuty is a service's integration of type Events API v2.
type PagerDuty struct {
	// The integration key.
	RoutingKey Secret `yaml:"routing_key" required:"true" example:"sm://projects/my-project/secrets/pagerduty-routing-key"`
	// The Events API's address, for the EU region or a test.
	URL string `yaml:"url" pattern:"pagerduty_api" example:"https://events.pagerduty.com/v2/enqueue"`
}

// Webhook is an address that takes JSON: pongwatch's own, signed as Standard Webhooks has
// it, or Alertmanager's, which most on-call products take.
type Webhook struct {
	// The format: "pongwatch" with "keys", or "alertmanager" with "token", or with "username" and "password". Empty is "pongwatch".
	Format string `yaml:"format" enum:"pongwatch,alertmanager" example:"pongwatch"`
	// The address, or a reference to a secret that holds it where it is one itself.
	URL Secret `yaml:"url" required:"true" plain:"true" example:"https://hooks.example.com/pongwatch"`
	// The signing keys ("whsec_" and base64) of the format "pongwatch". While one is replaced by another both sign, so that the receiver may hold either.
	Keys []Secret `yaml:"keys" single:"true" example:"[sm://projects/my-project/secrets/webhook-key]"`
	// The bearer token that the other side expects, for the format "alertmanager".
	Token Secret `yaml:"token" example:"sm://projects/my-project/secrets/webhook-token"`
	// The user of HTTP Basic, for the format "alertmanager".
	Username Secret `yaml:"username" plain:"true" example:"pongwatch"`
	// The password of HTTP Basic.
	Password Secret `yaml:"password" example:"sm://projects/my-project/secrets/webhook-password"`
}

// Kind returns the key that says where the receiver delivers, such as "slack", and "" for an entry that has none.
func (r *Receiver) Kind() string {
	if kinds := r.kinds(); len(kinds) > 0 {
		return kinds[0]
	}
	return ""
}

func (r *Receiver) kinds() []string {
	var out []string
	for i, set := range []bool{r.Slack != nil, r.Email != nil, r.PagerDuty != nil, r.Webhook != nil} {
		if set {
			out = append(out, []string{"slack", "email", "pagerduty", "webhook"}[i])
		}
	}
	return out
}

// Usable reports whether nothing in the configuration forbids to use the receiver.
func (r *Receiver) Usable() bool { return r.Problems.Stops() == nil }

func (r *Receiver) check(v *validator, path string, _ any) {
	r.Name = v.Scope.Receiver
	switch kinds := r.kinds(); {
	case len(kinds) == 0 && !v.StopUnder(path):
		v.Report(path, "says nothing of slack, email, pagerduty or webhook", "slack: {webhook: sm://projects/my-project/secrets/slack-webhook}")
	case len(kinds) > 1:
		v.Report(path, "is "+strings.Join(kinds, " and ")+" in one, want one receiver each", "")
	}
}

// inline reports what check finds in a secret that the document itself holds.
func (v *validator) inline(path string, s Secret, example string, check func(text string) (what string)) {
	if s.IsSet() && !s.IsReference() {
		if what := check(s.value.Reveal()); what != "" {
			v.Report(path, what, example)
		}
	}
}

func (s *Slack) check(v *validator, path string, _ any) {
	webhook, bot := s.Webhook.IsSet(), s.BotToken.IsSet()
	switch {
	case webhook && bot:
		v.Report(path, "has webhook and bot_token, want one of them", "bot_token: sm://projects/my-project/secrets/slack-bot-token")
	case !webhook && !bot && !v.StopUnder(path):
		v.Report(path, "wants webhook or bot_token", "webhook: sm://projects/my-project/secrets/slack-webhook")
	case bot && s.Channel == "" && !v.StopUnder(path):
		v.Report(path+".channel", "is missing, which a bot needs", "C0123456789")
	}
	s.Approvers = v.failClosed(path+".approvers", s.Approvers)
	v.inline(path+".webhook", s.Webhook, "https://hooks.slack.com/services/T…/B…/…", hiddenURL(func(u *url.URL) string {
		switch {
		case v.config.local && loopback(u.Hostname()), u.Scheme == "https" && strings.HasPrefix(u.Path, "/services/") && (u.Hostname() == "hooks.slack.com" || u.Hostname() == "hooks.slack-gov.com"):
			return ""
		}
		return "is not the URL of a Slack incoming webhook"
	}))
	v.inline(path+".bot_token", s.BotToken, "xoxb-…", func(text string) string {
		if what := cmp.Or(unexpanded(text), pasted(text)); what != "" || strings.HasPrefix(text, "xoxb-") {
			return what
		}
		return "does not begin with xoxb-, so it is not a bot token"
	})
}

func (e *Email) check(v *validator, path string, _ any) {
	if e.Port == 25 {
		v.Report(path+".port", "is 25, which Google Cloud closes and which promises no encryption; want 587 or 465", "587")
		e.Port = 587
	}
	switch {
	case e.Port == 465 && e.TLS == "starttls":
		v.Report(path+".tls", "is starttls with port 465, where TLS begins with the first byte; want implicit, or port 587", "implicit")
		e.TLS = "implicit"
	case e.TLS == "" && e.Port == 465:
		e.TLS = "implicit"
	case e.TLS == "":
		e.TLS = "starttls"
	}
	if e.Username.IsSet() != e.Password.IsSet() && !v.StopUnder(path) {
		v.Report(path, "wants both username and password, or neither", "username: alerts@example.com, password: sm://projects/my-project/secrets/smtp-password")
	}
	if len(e.To) == 0 && !v.StopUnder(path) {
		v.Report(path+".to", "is empty", "[oncall@example.com]")
	}
	for i, to := range e.To {
		if slices.ContainsFunc(e.To[:i], func(other string) bool { return strings.EqualFold(other, to) }) {
			v.Report(fmt.Sprintf("%s.to[%d]", path, i), "is listed twice", "")
		}
	}
}

func (w *Webhook) check(v *validator, path string, _ any) {
	v.inline(path+".url", w.URL, "https://hooks.example.com/pongwatch", func(text string) string { return checkAddress(text, v.config.local) })
	if v.BadUnder(path) {
		if w.Format != FormatAlertmanager && len(w.Keys) == 0 {
			v.StopUnder(path) // one of them is why
		}
		return
	}
	basic, alertmanager := w.Username.IsSet() || w.Password.IsSet(), w.Format == FormatAlertmanager
	switch {
	case alertmanager && len(w.Keys) > 0:
		v.Report(path+".keys", "sign only the format pongwatch; Alertmanager's format has a token, or username and password", "token: sm://projects/my-project/secrets/webhook-token")
	case alertmanager && w.Username.IsSet() != w.Password.IsSet():
		v.Report(path, "wants both username and password, or neither", "username: pongwatch, password: sm://projects/my-project/secrets/webhook-password")
	case alertmanager && basic && w.Token.IsSet():
		v.Report(path, "has a token and a username, want one of them", "token: sm://projects/my-project/secrets/webhook-token")
	case !alertmanager && len(w.Keys) == 0:
		v.Report(path+".keys", "is empty", "[sm://projects/my-project/secrets/webhook-key]")
	case !alertmanager && (basic || w.Token.IsSet()):
		v.Report(path, "has a token or a username, which only the format alertmanager sends", "format: alertmanager")
	}
}

// receivers checks the list as a whole.
func (v *validator) receivers() {
	c := v.config
	first := map[string]int{}
	kept := c.Receivers[:0:0]
	for i, r := range c.Receivers {
		v.In(document.Scope{Receiver: r.Name}, func() {
			path := fmt.Sprintf("receivers[%d]", i)
			if j, ok := first[r.Name]; ok {
				v.Report(path+".name", fmt.Sprintf("is the name of receivers[%d] too", j), r.Name+"-2")
				return
			}
			first[r.Name] = i
			switch {
			case r.Fallback == "":
			case r.Fallback == r.Name:
				v.Report(path+".fallback", "is the receiver itself", "email-oncall")
				r.Fallback = ""
			case c.Receiver(r.Fallback) == nil:
				others := slices.DeleteFunc(c.receiverNames(), func(name string) bool { return name == r.Name })
				v.Report(path+".fallback", "names a receiver that is not configured", firstOf(others))
				r.Fallback = ""
			}
			kept = append(kept, r)
		})
	}
	c.Receivers = kept
}

func (c *Config) receiverNames() []string {
	names := make([]string, len(c.Receivers))
	for i, r := range c.Receivers {
		names[i] = r.Name
	}
	return names
}

// firstOf returns the first name, for an example, or "".
func firstOf(names []string) string {
	for _, name := range names {
		return name
	}
	return ""
}
