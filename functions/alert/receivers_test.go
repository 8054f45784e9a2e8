package alert_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
)

func TestReceiversAreBuiltAndTheRestSaysWhyNot(t *testing.T) {
	secret := config.Inline("xoxb-secret")
	cfg := &config.Config{Receivers: []config.Receiver{
		{Name: "slack-bot", Slack: &config.Slack{BotToken: secret, Channel: "C0123456789", Buttons: true}},
		{Name: "slack-hook", Slack: &config.Slack{Webhook: secret}},
		{Name: "mail", Email: &config.Email{Host: "smtp.example.com", Port: 587, From: "a@example.com", To: []string{"alice@example.com", "bob@example.com"}}},
		{Name: "pager", PagerDuty: &config.PagerDuty{RoutingKey: secret}},
		{Name: "hook", Webhook: &config.Webhook{URL: secret, Keys: []config.Secret{secret}}},

		{Name: "no-channel", Slack: &config.Slack{BotToken: secret}},
		{Name: "loopback", Slack: &config.Slack{BotToken: secret, Channel: "C0123456789", APIURL: "http://127.0.0.1:1/"}},
		{Name: "found-bad", Slack: &config.Slack{Webhook: secret}, Problems: config.Problems{{Key: "receivers[7].slack.webhook", What: "is no reference", Stops: true}}},
	}}
	receivers, problems := alert.Receivers(cfg, alert.ReceiverOptions{})
	var got []string
	for address, r := range receivers {
		if r.Name() != address {
			t.Errorf("receiver %q is kept under %q", r.Name(), address)
		}
		got = append(got, address)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"hook", "mail/alice@example.com", "mail/bob@example.com", "pager", "slack-bot", "slack-hook"}, got); diff != "" {
		t.Errorf("receivers (-want +got):\n%s", diff)
	}
	var bad []string
	for address, why := range problems {
		if why == "" {
			t.Errorf("%s: no reason", address)
		}
		bad = append(bad, address)
	}
	slices.Sort(bad)
	if diff := cmp.Diff([]string{"found-bad", "loopback", "no-channel"}, bad); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if _, problems := alert.Receivers(cfg, alert.ReceiverOptions{AllowLoopback: true}); problems["loopback"] != "" {
		t.Errorf("loopback with leave: %s", problems["loopback"])
	}
}

func TestMessageContextFollowsTheConfiguration(t *testing.T) {
	cfg := &config.Config{
		Environment: "production",
		Links:       config.Links{Dashboard: "https://metrics.example.com/"},
		Databases:   []config.Database{{Name: "a", DatabaseID: "id"}, {Name: "b", Environment: "staging"}},
		Inbound:     config.Inbound{URL: "https://inbound.example.com", LinkKeys: []config.Secret{config.Inline("a-key-of-more-than-24-bytes")}},
		Alerting:    config.Alerting{Silences: config.Silences{Choices: []time.Duration{time.Hour}}},
	}
	c := alert.MessageContext(cfg, nil)(t.Context())
	if c.LinkKey.IsZero() || c.Dashboard != "https://metrics.example.com/?database={database}" || c.Playbook != "https://metrics.example.com/playbooks/{cause}" {
		t.Errorf("context %+v", c)
	}
	want := map[string]message.Database{"a": {Environment: "production", ID: "id"}, "b": {Environment: "staging"}}
	if diff := cmp.Diff(want, c.Databases); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
	cfg.Inbound.LinkKeys[0] = config.Inline("short")
	if c := alert.MessageContext(cfg, nil)(t.Context()); !c.LinkKey.IsZero() {
		t.Error("a key that is none signs links")
	}
}
