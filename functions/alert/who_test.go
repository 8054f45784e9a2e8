package alert

import (
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestWhoMayAct(t *testing.T) {
	s, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.SetGroup("S0ONCALL00", "U0ALICE")
	channel, err := slack.New(slack.Options{Name: "slack", Token: message.Fixed(secrets.New(s.Token())), Channel: "C0ALERTS", APIURL: s.APIURL(), AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	receiver := func(approvers ...string) []config.Receiver {
		return []config.Receiver{{Name: "slack", Slack: &config.Slack{Approvers: approvers}}, {Name: "other", Slack: &config.Slack{}}}
	}
	tests := []struct {
		name      string
		receivers []config.Receiver
		actors    []string
		via, by   string
		want      bool
	}{
		{"any member of the channel, where no list says otherwise", receiver(), nil, "slack", "U0EVE", true},
		{"a listed user", receiver("U0BOB"), nil, "slack", "U0BOB", true},
		{"a user who is not listed", receiver("U0BOB"), nil, "slack", "U0EVE", false},
		{"a member of a listed group", receiver("U0BOB", "S0ONCALL00"), nil, "slack", "U0ALICE", true},
		{"a user outside the group", receiver("S0ONCALL00"), nil, "slack", "U0EVE", false},
		{"a group that Slack does not know", receiver("S0OTHER000"), nil, "slack", "U0ALICE", false},
		{"a group of a receiver whose channel cannot be asked", []config.Receiver{{Name: "broken", Slack: &config.Slack{Approvers: []string{"S0ONCALL00"}}}}, nil, "slack", "U0ALICE", false},
		{"any user of the command line, without a list", receiver("U0BOB"), nil, "cli", "eve", true},
		{"a listed user of the command line", receiver(), []string{"alice@example.com"}, "cli", "alice@example.com", true},
		{"another one", receiver(), []string{"alice@example.com"}, "cli", "eve", false},
		{"a link, without a list", receiver("U0BOB"), nil, "link", "link", true},
		{"a link, with a list that does not hold it", receiver(), []string{"alice@example.com"}, "link", "link", false},
		{"a link, with a list that holds it", receiver(), []string{"alice@example.com", "link"}, "link", "link", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newWorld(t, func(o *Options) {
				o.Config.Receivers, o.Config.OnCall.Actors = tt.receivers, tt.actors
				o.Receivers = map[string]message.Receiver{"slack": channel}
			}).f
			got, err := f.mayAct(t.Context(), report.Command{By: tt.by, Via: tt.via})
			if err != nil || got != tt.want {
				t.Errorf("mayAct = %v, %v; want %v", got, err, tt.want)
			}
		})
	}
	t.Run("no one, while Slack does not answer", func(t *testing.T) {
		s.Fail(slacktest.Fault{Status: 503, Times: -1})
		f := newWorld(t, func(o *Options) {
			o.Config.Receivers = receiver("S0THIRD000")
			o.Receivers = map[string]message.Receiver{"slack": channel}
		}).f
		if got, err := f.mayAct(t.Context(), report.Command{By: "U0ALICE", Via: "slack"}); err == nil || got {
			t.Errorf("mayAct = %v, %v; want an error", got, err)
		}
	})
}
