package alert

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/internal/texttest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// refusers are receivers whose other side answers with whatever said holds.
func refusers(t *testing.T, said *atomic.Value) []message.Receiver {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		words, _ := said.Load().(string)
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			http.Error(w, words, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": "x" + words, "needed": words, "response_metadata": map[string]any{"messages": []string{words}}})
	}))
	t.Cleanup(s.Close)
	address := message.Fixed(secrets.New(s.URL))
	hook, err := webhook.New(webhook.Options{Name: "hook", URL: address, Alertmanager: true, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	bot, err := slack.New(slack.Options{Name: "slack", Token: message.Fixed(secrets.New("xoxb-x")), Channel: "C0ALERTS", APIURL: s.URL + "/api/", AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	return []message.Receiver{hook, bot}
}

// taking are receivers that deliver, and a func that returns all texts of the last message.
func taking(t *testing.T) (receivers []message.Receiver, shown func(t *rapid.T) map[string]string) {
	t.Helper()
	mails, err := emailtest.New(emailtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	chat, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = mails.Close(), chat.Close() })
	mail, err := email.New(email.Options{
		Name: "mail", Host: mails.Host(), Port: mails.Port(), RootCAs: mails.RootCAs(), From: "pongwatch <alerts@example.com>", To: "alice@example.com",
		Username: message.Fixed(secrets.New(mails.Username())), Password: message.Fixed(secrets.New(mails.Password())),
	})
	if err != nil {
		t.Fatal(err)
	}
	bot, err := slack.New(slack.Options{Name: "slack", Token: message.Fixed(secrets.New(chat.Token())), Channel: "C0ALERTS", APIURL: chat.APIURL(), AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	return []message.Receiver{mail, bot}, func(t *rapid.T) map[string]string {
		out := map[string]string{}
		got := mails.Mails()[len(mails.Mails())-1]
		out["mail's subject"] = got.Subject
		if got.Header.Get("Bcc") != "" {
			t.Errorf("the mail has the headers %v", got.Header)
		}
		for n, line := range strings.Split(strings.ReplaceAll(got.Text, "\r\n", "\n"), "\n") {
			out[fmt.Sprint("mail's line ", n)] = line
		}
		post := chat.Messages()[len(chat.Messages())-1]
		var blocks any
		if err := json.Unmarshal(post.Blocks, &blocks); err != nil {
			t.Fatal(err)
		}
		collect(out, "Slack", blocks)
		out["Slack's text"] = post.Text
		return out
	}
}

// collect adds every line of every text inside of v.
func collect(out map[string]string, at string, v any) {
	switch v := v.(type) {
	case string:
		for n, line := range strings.Split(v, "\n") {
			out[fmt.Sprint(at, " line ", n)] = line
		}
	case []any:
		for n, item := range v {
			collect(out, fmt.Sprint(at, ".", n), item)
		}
	case map[string]any:
		for key, item := range v {
			collect(out, at+"."+key, item)
		}
	}
}

// Whatever a database, an app, a person or a receiver's own server says, nothing of it reaches a
// mail's headers, Slack or a log as it came. No renderer has a rule of its own for that.
func TestOutsideTextComesThroughOneDoor(t *testing.T) {
	t.Parallel()
	var words atomic.Value
	refuse := refusers(t, &words)
	take, shown := taking(t)
	at := time.Date(2026, 11, 22, 18, 22, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		said := texttest.Hostile(t, "said")
		words.Store(said)
		fit := func(what, text string, limit int) {
			t.Helper()
			if why := texttest.Unfit(text, limit); why != "" {
				t.Errorf("%s: %s: %.200q", what, why, text)
			}
		}
		decode := func(kind report.Kind, body any) report.Decoded { // Encode would refuse what a stranger sends
			t.Helper()
			var data bytes.Buffer
			zw := gzip.NewWriter(&data)
			if err := errors.Join(json.NewEncoder(zw).Encode(body), zw.Close()); err != nil {
				t.Fatal(err)
			}
			m := report.Message{Data: data.Bytes(), Attributes: report.Tick().Attributes}
			m.Attributes[report.AttributeKind] = string(kind)
			d, err := report.Decode(m, at)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		o := decode(report.KindReport, report.Report{
			Job: report.HealthCheck, Region: "us-east4", Shard: "main", Scheduled: at, Finished: at, Every: time.Minute,
			Observations: []report.Observation{{
				Database: "prod-cache", Check: report.MockMode, Subject: "x" + said, Source: "x" + said, Status: report.Fail, Cause: cause.Mock, Evidence: said, At: at, Every: time.Minute,
			}},
		}).Report.Observations[0]
		c := decode(report.KindCommand, report.Command{ID: "1", Action: report.Drill, Shard: "main", By: "x" + said, Via: "cli", Reason: said, At: at}).Command
		line, err := json.Marshal(map[string]any{
			"insertId": said, "timestamp": at, "resource": map[string]any{"labels": map[string]string{"revision_name": said}},
			"jsonPayload": map[string]string{"event": "redis_mock_mode_activated", "service": "x" + said, "reason": said, "message": said, "database": said},
		})
		if err != nil {
			t.Fatal(err)
		}
		sig, _, err := logEntry(pushed(string(line), at))
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"id": sig.ID, "service": sig.Service, "revision": sig.Revision, "reason": sig.Reason, "message": sig.Message, "database": sig.Database} {
			fit("log entry's "+what, text, report.MaxEvidence)
		}

		n := messagetest.Notice(incident.Opened, cause.Mock)
		n.Incident.Observation, n.Incident.Series.Subject = o, o.Subject
		n.Incident.Down, n.Incident.Mock = []string{o.Source}, []string{sig.Service}
		n.Incident.Ack = &incident.Ack{By: c.By, Via: c.Via, At: at}
		n.Incident.Suppressed, n.Incident.Window = "maintenance", c.Reason
		for _, r := range refuse {
			_, outcome, err := r.Deliver(t.Context(), message.Render(n, messagetest.Context()), message.Ref{})
			if err == nil {
				t.Fatal("a refusal is a delivery")
			}
			fit("refusal", err.Error(), 1<<10)
			n.Instead, n.Why = "slack-oncall", outcome.Reason
		}
		m := message.Render(n, messagetest.Context())
		for _, text := range []string{m.Subject, m.Headline, m.Push, m.Tag} {
			fit("message", text, 1<<10)
		}
		for _, r := range take {
			if _, outcome, err := r.Deliver(t.Context(), m, message.Ref{}); err != nil {
				t.Fatalf("%+v: %v", outcome, err)
			}
		}
		for what, text := range shown(t) {
			fit(what, text, 4<<10)
		}

		payload, err := json.Marshal(map[string]any{
			"type": "block_actions", "api_app_id": said, "team": map[string]string{"id": said}, "channel": map[string]string{"id": said},
			"user": map[string]string{"id": "U0ALICE"}, "message": map[string]string{"text": said}, "response_url": said,
		})
		if err != nil {
			t.Fatal(err)
		}
		i, err := slack.ParseInteraction([]byte(url.Values{"payload": {string(payload)}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{i.App, i.Team, i.Channel, i.Message, i.ResponseURL} {
			fit("interaction", text, 4<<10)
		}
	})
}
