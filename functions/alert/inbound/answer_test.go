package inbound_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const about = "[production] CRITICAL prod-cache is down: <b>Redis</b> refuses the token, since 18:22 UTC"

// Every page about a link names environment, database and fault, and leads back.
func TestPagesNameTheIncidentAndLeadBack(t *testing.T) {
	cfg := configured()
	cfg.Links.Dashboard = "https://pongwatch.example.com/"
	said := func(l *signature.Link) { l.About = about }
	for name, tt := range map[string]struct {
		r    *http.Request
		want string
	}{
		"asks":         {httptest.NewRequest(http.MethodGet, linkQuery(t, report.Acknowledge, said), nil), "<h1>Acknowledge INC-7F3A9K?</h1>"},
		"acknowledged": {post(linkQuery(t, report.Acknowledge, said), form, "", nil), "<h1>Asked to acknowledge INC-7F3A9K</h1>"},
		"silenced":     {post(linkQuery(t, report.Silence, said), form, "for=4h", nil), "<h1>Asked to silence INC-7F3A9K for 4 h</h1>"},
		"expired": {httptest.NewRequest(http.MethodGet, linkQuery(t, report.Acknowledge, func(l *signature.Link) { l.About, l.Expires = about, now.Add(-time.Hour) }), nil),
			"<p>It was good until " + now.Add(-time.Hour).Format("2006-01-02 15:04:05") + " UTC, and nothing has changed. Use the link in the latest message, or the command line: pongwatch ack INC-7F3A9K.</p>"},
	} {
		page := start(t, cfg).do(tt.r).Body.String()
		for _, want := range []string{tt.want, "<strong>[production] CRITICAL prod-cache is down: &lt;b&gt;Redis&lt;/b&gt; refuses the token, since 18:22 UTC</strong>", `<a href="https://pongwatch.example.com/">Back to the dashboard</a>`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: page lacks %q:\n%s", name, want, page)
			}
		}
	}
	page := start(t, configured()).do(httptest.NewRequest(http.MethodGet, linkQuery(t, report.Acknowledge, nil), nil)).Body.String()
	if strings.Contains(page, "<strong>") || strings.Contains(page, "<a ") {
		t.Errorf("a page without a dashboard has a link to nowhere:\n%s", page)
	}
}

// What a link says of its incident is signed: no one can put other words on the page.
func TestWhatALinkSaysIsSigned(t *testing.T) {
	q := linkQuery(t, report.Acknowledge, func(l *signature.Link) { l.About = about })
	forged := strings.Replace(q, url.QueryEscape("CRITICAL"), "WARNING", 1)
	if w := start(t, configured()).do(httptest.NewRequest(http.MethodGet, forged, nil)); forged == q || w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "WARNING") {
		t.Errorf("answer %d to forged words: %s", w.Code, w.Body)
	}
}

// Who presses a button is told, alone, what was asked for or that they may not.
func TestPeopleInSlackAreAnswered(t *testing.T) {
	asked := "Asked to acknowledge INC-7F3A9K. The message shows it within a few seconds. If it does not, the incident is over, or it has reopened since that message.\n> 🔴 prod-cache is down · INC-7F3A9K"
	refused := "You are not among the approvers of pongwatch, so nothing changes. Ask one of them, or have your user id U0ONCALL added to `approvers`.\n> 🔴 prod-cache is down · INC-7F3A9K"
	for _, tt := range []struct {
		name      string
		approvers [][]string // of each receiver
		want      string
	}{
		{"everyone may", [][]string{nil}, asked},
		{"an approver", [][]string{{"U0OTHER", "U0ONCALL"}}, asked},
		{"an approver of another channel", [][]string{{"U0OTHER"}, {"U0ONCALL"}}, asked},
		{"perhaps a member of a user group", [][]string{{"U0OTHER", "S0123456789"}}, asked},
		{"no approver", [][]string{{"U0OTHER"}, nil}, refused},
	} {
		var bodies []map[string]any
		slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %v", tt.name, err)
			}
			bodies = append(bodies, body)
		}))
		cfg := configured()
		cfg.Receivers = nil
		for _, approvers := range tt.approvers {
			cfg.Receivers = append(cfg.Receivers, config.Receiver{Name: "r", Slack: &config.Slack{BotToken: config.Inline("xoxb-x"), AppID: "A1", TeamID: "T1", Approvers: approvers}})
		}
		f := start(t, cfg)
		body := answerable(slack.URL)
		if w := f.do(post(message.PathSlack, form, body, slackSigned(body, slackSecret, now))); w.Code != http.StatusOK || w.Body.Len() != 0 || len(f.reports.sent) != 1 {
			t.Errorf("%s: answer %d %s, %d commands", tt.name, w.Code, w.Body, len(f.reports.sent))
		}
		want := []map[string]any{{"response_type": "ephemeral", "replace_original": false, "text": tt.want}}
		if diff := cmp.Diff(want, bodies); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		slack.Close()
	}
}

// A response URL elsewhere is not followed, and costs the command nothing.
func TestAnswersGoToSlackAlone(t *testing.T) {
	f := start(t, configured())
	body := answerable("https://evil.example/steal")
	if w := f.do(post(message.PathSlack, form, body, slackSigned(body, slackSecret, now))); w.Code != http.StatusOK || len(f.reports.sent) != 1 {
		t.Errorf("answer %d, %d commands", w.Code, len(f.reports.sent))
	}
	if !strings.Contains(f.logs.String(), "a person in Slack was not answered") || strings.Contains(f.logs.String(), "steal") {
		t.Errorf("log %s", &f.logs)
	}
}

func answerable(responseURL string) string {
	return url.Values{"payload": {`{"type":"block_actions","api_app_id":"A1","team":{"id":"T1"},"channel":{"id":"C1"},"user":{"id":"U0ONCALL"},` +
		`"message":{"text":"🔴 prod-cache is down · INC-7F3A9K"},"response_url":"` + responseURL + `","actions":[` + acknowledge + `]}`}}.Encode()
}
