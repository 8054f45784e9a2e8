package main

import (
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/report"
)

// In the cloud a command travels over the topic of reports.
func TestPublish(t *testing.T) {
	server := pstest.NewServer()
	defer server.Close()
	const topic = "projects/my-project/topics/pongwatch-reports"
	if _, err := server.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	t.Setenv(pubsub.EmulatorVariable, server.Addr)
	tests := []struct {
		name string
		args []string
		want report.Command
	}{
		{
			"the default topic of a project",
			[]string{"ack", "INC-7F3A9K", "--project", "my-project", "--by", "anna"},
			report.Command{Action: report.Acknowledge, Incident: "INC-7F3A9K", By: "anna", Via: "cli"},
		},
		{
			"a topic by its full name, and a shard",
			[]string{"silence", "--database", "prod-cache", "--for", "45m", "--topic", topic, "--shard", "main", "--by", "anna"},
			report.Command{Action: report.Silence, Shard: "main", Series: report.Series{Database: "prod-cache"}, For: 45 * time.Minute, By: "anna", Via: "cli"},
		},
		{
			"an unsilence",
			[]string{"unsilence", "INC-7F3A9K", "--topic", topic, "--by", "anna"},
			report.Command{Action: report.Unsilence, Incident: "INC-7F3A9K", By: "anna", Via: "cli"},
		},
		{
			"a drill of one receiver",
			[]string{"drill", "--receiver", "slack-oncall", "--project", "my-project", "--topic", "pongwatch-reports", "--by", "anna"},
			report.Command{Action: report.Drill, Receiver: "slack-oncall", By: "anna", Via: "cli"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server.ClearMessages()
			expect(t, exitOK, "Published to "+topic, tt.args...)
			got := server.Messages()
			if len(got) != 1 {
				t.Fatalf("%d messages, want 1", len(got))
			}
			d, err := report.Decode(report.Message{Data: got[0].Data, Attributes: got[0].Attributes}, time.Now())
			if err != nil || d.Command == nil {
				t.Fatalf("Alert cannot read it: %v", err)
			}
			if diff := cmp.Diff(tt.want, *d.Command, cmpopts.IgnoreFields(report.Command{}, "ID", "At")); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
			if len(d.Command.ID) < 20 || time.Since(d.Command.At) > time.Minute {
				t.Errorf("id %q at %v, want a random id, now", d.Command.ID, d.Command.At)
			}
		})
	}
	expect(t, exitFailed, "no such topic", "drill", "--project", "another")
	t.Setenv(pubsub.EmulatorVariable, "pubsub.example.com:443")
	expect(t, exitFailed, pubsub.EmulatorVariable, "drill", "--project", "my-project")
}
