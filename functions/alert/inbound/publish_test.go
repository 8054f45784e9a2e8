package inbound_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// logged returns the lines of a log without their times.
func (f *fixture) logged(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(f.logs.String()) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "time")
		lines = append(lines, m)
	}
	return lines
}

var twoActions = interaction(acknowledge + `,{"action_id":"silence","action_ts":"1.1","selected_option":{"value":"4h0m0s 1|main|` + incidentID + `|1"}}`)

// A publisher that fails at its first or second call: the answer is 503, and the log names the command.
func TestAFailureToPublishIsAnError(t *testing.T) {
	const failed = `{"error":"the command could not be handed over, try again"}` + "\n"
	slackRequest := func(body string) *http.Request {
		return post(message.PathSlack, form, body, slackSigned(body, slackSecret, now))
	}
	tests := []struct {
		name      string
		r         *http.Request
		failFrom  int
		published int
		message   string
		want      string // the answer, or a part of it
	}{
		{"a button", slackRequest(interaction(acknowledge)), 1, 0, "not published", failed},
		{"the first of two buttons: the second is not tried", slackRequest(twoActions), 1, 0, "not published", failed},
		{"the second of two buttons: the first is done", slackRequest(twoActions), 2, 1, "not published", failed},
		{"a link", post(linkQuery(t, report.Acknowledge, nil), form, "", nil), 1, 0, "not published", "<h1>Not sent</h1>\n<p>The request could not be handed over, and nothing has changed. Go back and try again.</p>"},
		{"an event", post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "boot-1", now)), 1, 0, "not published", `{"error":"the event could not be handed over, try again"}` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, configured())
			f.reports.failFrom, f.signals.failFrom = tt.failFrom, tt.failFrom
			w := f.do(tt.r)
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), tt.want) || strings.Contains(w.Body.String(), "gone") {
				t.Errorf("answer %d %s, want 503 with %q and without our reason", w.Code, w.Body, tt.want)
			}
			if len(f.reports.sent)+len(f.signals.sent) != tt.published || f.reports.calls+f.signals.calls != tt.failFrom {
				t.Errorf("%d published in %d calls, want %d in %d", len(f.reports.sent)+len(f.signals.sent), f.reports.calls+f.signals.calls, tt.published, tt.failFrom)
			}
			lines := f.logged(t)
			if len(lines) != tt.failFrom {
				t.Fatalf("logged %v", lines)
			}
			last := lines[len(lines)-1]
			if last["level"] != "ERROR" || last["msg"] != tt.message || last["error"] != "topic is gone" {
				t.Errorf("logged %v", last)
			}
		})
	}
}

func TestWhatIsLogged(t *testing.T) {
	command := func(id, action, via, by string) map[string]any {
		return map[string]any{"level": "INFO", "msg": "published", "event": "command", "id": id, "action": action, "incident": incidentID, "via": via, "by": by}
	}
	f := start(t, configured())
	f.do(post(message.PathSlack, form, twoActions, slackSigned(twoActions, slackSecret, now)))
	f.do(post(linkQuery(t, report.Acknowledge, nil), form, "", nil))
	f.do(post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "boot-1", now)))
	if len(f.reports.sent) != 3 || len(f.signals.sent) != 1 {
		t.Fatalf("published %+v, %+v", f.reports.sent, f.signals.sent)
	}
	ids := []string{f.reports.sent[0].Command.ID, f.reports.sent[1].Command.ID, f.reports.sent[2].Command.ID}
	want := []map[string]any{
		command(ids[0], "acknowledge", "slack", "U0ONCALL"), command(ids[1], "silence", "slack", "U0ONCALL"), command(ids[2], "acknowledge", "link", "link"),
		{"level": "INFO", "msg": "published", "event": "signal", "id": "boot-1", "service": "backend", "mode": "activated"},
	}
	if diff := cmp.Diff(want, f.logged(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f = start(t, configured())
	f.reports.failFrom, f.signals.failFrom = 1, 1
	f.do(post(linkQuery(t, report.Acknowledge, nil), form, "", nil))
	f.do(post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "boot-1", now)))
	want = []map[string]any{
		{"level": "ERROR", "msg": "not published", "event": "command", "id": ids[2], "action": "acknowledge", "incident": incidentID, "via": "link", "by": "link", "error": "topic is gone"},
		{"level": "ERROR", "msg": "not published", "event": "signal", "id": "boot-1", "service": "backend", "mode": "activated", "error": "topic is gone"},
	}
	if diff := cmp.Diff(want, f.logged(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPublishingHasALimit(t *testing.T) {
	f := start(t, configured())
	f.do(post(linkQuery(t, report.Acknowledge, nil), form, "", nil))
	if f.reports.limit <= time.Second || f.reports.limit > 2*time.Second {
		t.Errorf("a publisher has %v, want just under the 2 s that leave Slack's limit of 3 s some room", f.reports.limit)
	}
}

// A click counts only in a workspace and from an app that a receiver names, if one names any.
func TestWhichWorkspaceMayClick(t *testing.T) {
	bot := func(app, team string) config.Receiver {
		return config.Receiver{Slack: &config.Slack{BotToken: config.Inline("xoxb-x"), AppID: app, TeamID: team}}
	}
	hook := func(app, team string) config.Receiver {
		return config.Receiver{Slack: &config.Slack{Webhook: config.Inline("https://hooks.slack.com/services/T9/B9/x"), AppID: app, TeamID: team}}
	}
	tests := []struct {
		name      string
		receivers []config.Receiver
		ok        bool
	}{
		{"the app and the workspace", []config.Receiver{bot("A1", "T1")}, true},
		{"another app", []config.Receiver{bot("A2", "T1")}, false},
		{"another workspace", []config.Receiver{bot("A1", "T2")}, false},
		{"the workspace, of any app", []config.Receiver{bot("", "T1")}, true},
		{"another workspace, of any app", []config.Receiver{bot("", "T2")}, false},
		{"the app, in any workspace", []config.Receiver{bot("A1", "")}, true},
		{"another app, in any workspace", []config.Receiver{bot("A2", "")}, false},
		{"neither is named", []config.Receiver{bot("", "")}, true},
		{"the second receiver's", []config.Receiver{bot("A2", "T2"), {Name: "mail"}, bot("A1", "T1")}, true},
		{"no receiver of Slack's", []config.Receiver{{Name: "mail"}}, true},
		{"a receiver by webhook that names no app has no buttons", []config.Receiver{hook("", "T9")}, true},
		{"beside another app", []config.Receiver{hook("", "T1"), bot("A2", "T2")}, false},
		{"a receiver by webhook of the app", []config.Receiver{hook("A1", "T1"), bot("A2", "T2")}, true},
		{"a receiver by webhook of another app", []config.Receiver{hook("A9", "T1")}, false},
		{"a receiver by webhook of another workspace", []config.Receiver{hook("A1", "T9")}, false},
	}
	body := interaction(acknowledge)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configured()
			cfg.Receivers = tt.receivers
			f := start(t, cfg)
			w := f.do(post(message.PathSlack, form, body, slackSigned(body, slackSecret, now)))
			if ok := w.Code == http.StatusOK && len(f.reports.sent) == 1; ok != tt.ok {
				t.Errorf("answer %d, %d commands; allowed: want %v", w.Code, len(f.reports.sent), tt.ok)
			}
		})
	}
}

func TestWhatAnEventMaySay(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	event := func(kind, service, database, revision, reason, text string) string {
		b, err := json.Marshal(map[string]any{"type": "mock_mode." + kind, "data": map[string]string{
			"service": service, "database": database, "revision": revision, "reason": reason, "message": text,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	signal := func(change func(*report.Signal)) *report.Signal {
		s := &report.Signal{ID: "1", Source: report.SourceEvent, Service: "backend", Mode: report.Activated, At: now}
		change(s)
		return s
	}
	tests := []struct {
		name, body string
		want       *report.Signal // nil is refused
	}{
		{"mock mode ended", event("deactivated", "backend", "", "", "", ""), signal(func(s *report.Signal) { s.Mode = report.Deactivated })},
		{"a database", event("activated", "backend", "prod-cache", "", "", ""), signal(func(s *report.Signal) { s.Database = "prod-cache" })},
		{"the longest service", event("activated", long(100), "", "", "", ""), signal(func(s *report.Signal) { s.Service = long(100) })},
		{"a longer service", event("activated", long(101), "", "", "", ""), nil},
		{"the longest database", event("activated", "backend", long(63), "", "", ""), signal(func(s *report.Signal) { s.Database = long(63) })},
		{"a longer database", event("activated", "backend", long(64), "", "", ""), nil},
		{"a revision of 100 characters", event("activated", "backend", "", long(100), "", ""), signal(func(s *report.Signal) { s.Revision = long(100) })},
		{"a longer revision is cut", event("activated", "backend", "", long(101), "", ""), signal(func(s *report.Signal) { s.Revision = long(99) + "…" })},
		{"a longer reason is cut", event("activated", "backend", "", "", long(101), ""), signal(func(s *report.Signal) { s.Reason = long(99) + "…" })},
		{"a secret in the reason", event("activated", "backend", "", "", "xoxb-1-2-abc is bad", ""), signal(func(s *report.Signal) { s.Reason = "[redacted] is bad" })},
		{"a secret in the revision", event("activated", "backend", "", "xoxb-1-2-abc", "", ""), signal(func(s *report.Signal) { s.Revision = "[redacted]" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, configured())
			w := f.do(post(message.PathEvents, "application/json", tt.body, eventSigned(tt.body, eventKey, "1", now)))
			if tt.want == nil {
				if w.Code != http.StatusBadRequest || len(f.signals.sent) != 0 {
					t.Errorf("answer %d %s", w.Code, w.Body)
				}
				return
			}
			if w.Code != http.StatusAccepted {
				t.Fatalf("answer %d %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(tt.want, f.signals.sent[0].Signal); diff != "" {
				t.Errorf("signal (-want +got):\n%s", diff)
			}
		})
	}
}
