package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
)

// openIncidents reads what `pongwatch incidents --json` prints.
func openIncidents(t *testing.T, url string) incidents.View {
	t.Helper()
	code, stdout, stderr := pongwatch(t, "incidents", "--json", "--url", url)
	var v incidents.View
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || code == exitFailed {
		t.Fatalf("incidents: %d %s %v", code, stderr, err)
	}
	return v
}

// slackAbout returns the messages about an incident, replies not included.
func slackAbout(in inbox.Inbox, id string) []inbox.Slack {
	return slices.DeleteFunc(slices.Clone(in.Slack), func(m inbox.Slack) bool {
		return !strings.Contains(m.Text+string(m.Blocks), id)
	})
}

// A person handles an incident of the demonstration from the command line, and Slack
// and the mailbox show it: one message that is edited, nothing told while silenced,
// and a drill that reaches every receiver once.
func TestHandlingAnIncident(t *testing.T) {
	t.Parallel()
	p := startLocal(t, nil)
	eventually(t, time.Minute, "connected", func() string { return health(t, p.url) }, is("connected"))
	expect(t, exitOK, "Nothing is open.", "incidents", "--url", p.url)

	breakDemo(t, p.url, "auth")
	v := eventually(t, time.Minute, "an incident that everybody was told of", func() incidents.View { return openIncidents(t, p.url) },
		func(v incidents.View) bool {
			return len(v.Open) == 1 && len(v.Open[0].Told) == 2 && v.Deliveries.Pending == 0
		})
	id := v.Open[0].ID
	out := expect(t, exitNo, "", "incidents", "--url", p.url)
	for _, want := range []string{id + "  critical  demo-cache [demonstration]  ping", "auth_invalid: Redis refuses the token", "slack-oncall at ", "email-oncall/oncall@example.com at "} {
		if !strings.Contains(out, want) {
			t.Errorf("incidents lacks %q:\n%s", want, out)
		}
	}

	// Acknowledged: the message that Slack has is edited, nothing new is posted.
	expect(t, exitOK, "Done.", "ack", id, "--by", "anna@laptop", "--url", p.url)
	in := eventually(t, time.Minute, "the acknowledge in Slack", func() inbox.Inbox { return readInbox(t, p.url) }, func(in inbox.Inbox) bool {
		about := slackAbout(in, id)
		return len(about) == 1 && about[0].Edits > 0 && strings.Contains(about[0].Text+string(about[0].Blocks), "anna@laptop")
	})
	if len(in.Slack) != 1 || len(in.Slack[0].Thread) != 0 || len(in.Mail) != 1 {
		t.Errorf("%d Slack messages, %d replies, %d mails after the acknowledge; want the alert alone, edited", len(in.Slack), len(in.Slack[0].Thread), len(in.Mail))
	}
	if v := openIncidents(t, p.url); v.Open[0].State != incidents.StateAcknowledged || v.Open[0].Acknowledged.Via != "cli" {
		t.Errorf("state %s, acknowledged %+v; want acknowledged by the command line", v.Open[0].State, v.Open[0].Acknowledged)
	}

	// Silenced, and then not.
	expect(t, exitOK, "Done.", "silence", id, "--for", "2h", "--reason", "known", "--url", p.url)
	if v := openIncidents(t, p.url); v.Open[0].State != incidents.StateSilenced || len(v.Silences) != 1 || v.Silences[0].Reason != "known" {
		t.Errorf("state %s, silences %+v; want it silenced", v.Open[0].State, v.Silences)
	}
	expect(t, exitOK, "Done.", "unsilence", id, "--url", p.url)
	if v := openIncidents(t, p.url); v.Open[0].State != incidents.StateAcknowledged || len(v.Silences) != 0 {
		t.Errorf("state %s, silences %+v; want them ended", v.Open[0].State, v.Silences)
	}

	// A drill reaches every receiver once. The end of the silence may still be on its way.
	out = expect(t, exitOK, "delivered  slack-oncall", "drill", "--url", p.url)
	if !strings.Contains(out, "delivered  email-oncall/oncall@example.com") {
		t.Errorf("the drill's mail is not said to be delivered:\n%s", out)
	}
	slack, mail := 0, 0
	after := readInbox(t, p.url)
	for _, m := range after.Slack {
		if strings.Contains(m.Text, "] DRILL ") {
			slack++
		}
	}
	for _, m := range after.Mail {
		if strings.Contains(m.Subject, "DRILL ") {
			mail++
		}
	}
	if slack != 1 || mail != 1 {
		t.Errorf("%d Slack messages and %d mails are marked as a drill, want one each", slack, mail)
	}

	// Resolved: silences and acknowledges hide no resolve.
	breakDemo(t, p.url, "none")
	eventually(t, time.Minute, "the resolve, behind the end of the silence", func() inbox.Inbox { return readInbox(t, p.url) }, func(in inbox.Inbox) bool {
		about := slackAbout(in, id)
		return len(about) == 1 && len(about[0].Thread) == 2 && strings.Contains(about[0].Thread[1].Text, "up again")
	})
	expect(t, exitOK, "Nothing is open.", "incidents", "--url", p.url)
	// The demonstration soon forgets what is over, so that it is resolved or no open one.
	expect(t, exitNo, id, "ack", id, "--url", p.url)
}

// What was accepted is carried out, once, also when the process is killed right after
// it answered.
func TestCommandSurvivesKill(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := startLocal(t, nil, "--data", data)
	expect(t, exitOK, "Stored as command ", "drill", "--wait", "0", "--url", p.url)
	p.kill()

	p = startLocal(t, nil, "--data", data)
	v := eventually(t, time.Minute, "the drill of before the kill", func() incidents.View { return openIncidents(t, p.url) },
		func(v incidents.View) bool { return len(v.Drills) > 0 && v.Deliveries.Pending == 0 })
	if len(v.Drills) != 1 || len(v.Commands) != 1 {
		t.Errorf("%d drills by %d commands, want one by one", len(v.Drills), len(v.Commands))
	}
	expect(t, exitOK, "Done.", "ack", v.Drills[0].ID, "--url", p.url)
}
