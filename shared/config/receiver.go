package config

// Kind is what a receiver speaks.
type Kind string

// The kinds of receivers.
const (
	KindSlack     Kind = "slack"
	KindEmail     Kind = "email"
	KindPagerDuty Kind = "pagerduty"
	KindWebhook   Kind = "webhook"
)

// Receiver is one place to which alerts are delivered: exactly one of slack, email,
// pagerduty and webhook.
type Receiver struct {
	// The name by which routes refer to it.
	Name string `yaml:"name" required:"true" pattern:"name" example:"slack-oncall"`
	// Whether somebody is woken by it. A critical alert counts as delivered only on a receiver that pages.
	Pages bool `yaml:"pages" example:"true"`
	// The receiver that is told when this one refuses for good.
	Fallback string `yaml:"fallback" pattern:"name" example:"email-oncall"`
	// A Slack channel.
	Slack *Slack `yaml:"slack"`
	// One or more mail addresses.
	Email *Email `yaml:"email"`
	// A PagerDuty service, by Events API v2.
	PagerDuty *PagerDuty `yaml:"pagerduty"`
	// Any address that takes signed JSON.
	Webhook *Webhook `yaml:"webhook"`

	// Problems are what is wrong with this receiver's entry. While there are any that
	// are no notices it cannot be used.
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
	// Who may acknowledge and silence by button: user ids (U…) or user-group ids (S…). Empty is everybody in the channel.
	Approvers []string `yaml:"approvers" single:"true" pattern:"slack_member" example:"[U0123456789]"`
	// The Slack app's id. Buttons pressed in other apps are refused.
	AppID string `yaml:"app_id" pattern:"slack_app" example:"A0123456789"`
	// The workspace's id. Buttons pressed in other workspaces are refused.
	TeamID string `yaml:"team_id" pattern:"slack_team" example:"T0123456789"`
	// Whether messages carry buttons. Needs `inbound.slack_signing_secret` and the app's interactivity.
	Buttons bool `yaml:"buttons" example:"true"`
	// The Slack API's address, for GovSlack or a test.
	APIURL string `yaml:"api_url" pattern:"url" example:"https://slack.com/api/"`
}

// Bot reports whether the channel is reached by a bot.
func (s *Slack) Bot() bool { return s.BotToken.IsSet() }

// Email is a submission server and the recipients. TLS is mandatory, whatever the
// server offers.
type Email struct {
	// The submission server.
	Host string `yaml:"host" required:"true" pattern:"host" example:"smtp.example.com"`
	// Its port: 587 begins in clear and turns to TLS at once, 465 is TLS from the start. Port 25 is closed on Google Cloud.
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
	URL string `yaml:"url" pattern:"url" example:"https://events.pagerduty.com/v2/enqueue"`
}

// Webhook is an address that takes JSON, signed as Standard Webhooks has it.
type Webhook struct {
	// The address, or a reference to a secret that holds it where it is one itself.
	URL Secret `yaml:"url" required:"true" plain:"true" example:"https://hooks.example.com/pongwatch"`
	// The signing keys ("whsec_" and base64). While one is replaced by another both sign, so that the receiver may hold either.
	Keys []Secret `yaml:"keys" required:"true" single:"true" example:"[sm://projects/my-project/secrets/webhook-key]"`
}

// Kind returns what the receiver speaks, and "" for an entry that says nothing.
func (r *Receiver) Kind() Kind {
	switch {
	case r.Slack != nil:
		return KindSlack
	case r.Email != nil:
		return KindEmail
	case r.PagerDuty != nil:
		return KindPagerDuty
	case r.Webhook != nil:
		return KindWebhook
	}
	return ""
}

// Usable reports whether nothing in the configuration forbids to use the receiver.
func (r *Receiver) Usable() bool { return !r.Problems.Any() }
