package inbound_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/report"
)

// seeing starts a function that may see outcomes, as in `local`.
func seeing(t *testing.T, outcome func(report.Command, time.Duration) (inbound.Outcome, bool)) *fixture {
	t.Helper()
	f := &fixture{}
	var err error
	f.Handler, err = inbound.New(inbound.Options{
		Config: configured(), Reports: &f.reports, Signals: &f.signals, AllowLoopback: true, Now: func() time.Time { return now },
		Logger: slog.New(slog.NewJSONHandler(&f.logs, nil)),
		Outcome: func(_ context.Context, c report.Command, wait time.Duration) (inbound.Outcome, bool) {
			return outcome(c, wait)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A page says what is known of a link's incident before a press, and what came of it after one. It
// then asks nothing.
func TestThePageSaysWhatIsKnown(t *testing.T) {
	over := inbound.Outcome{Title: "INC-7F3A9K is <over>", Text: "It ended at 18:26 UTC. Nothing has changed."}
	for _, tt := range []struct {
		name  string
		known bool
		post  bool
		want  string
		wait  time.Duration
	}{
		{"known before a press", true, false, "<h1>INC-7F3A9K is &lt;over&gt;</h1>\n<p>It ended at 18:26 UTC. Nothing has changed.</p>", 0},
		{"known after a press", true, true, "<h1>INC-7F3A9K is &lt;over&gt;</h1>", 3 * time.Second},
		{"not known before a press", false, false, "<h1>Acknowledge INC-7F3A9K?</h1>", 0},
		{"not known after a press", false, true, "<h1>Asked to acknowledge INC-7F3A9K</h1>", 3 * time.Second},
	} {
		var asked []report.Command
		var waited time.Duration
		f := seeing(t, func(c report.Command, wait time.Duration) (inbound.Outcome, bool) {
			asked, waited = append(asked, c), wait
			return over, tt.known
		})
		r := httptest.NewRequest(http.MethodGet, linkQuery(t, report.Acknowledge, nil), nil)
		if tt.post {
			r = post(linkQuery(t, report.Acknowledge, nil), form, "", nil)
		}
		w := f.do(r)
		if asks := !tt.known && !tt.post; w.Code != http.StatusOK || !strings.Contains(w.Body.String(), tt.want) || strings.Contains(w.Body.String(), "<form") != asks {
			t.Errorf("%s: answer %d, want %q and a form: %v\n%s", tt.name, w.Code, tt.want, asks, w.Body)
		}
		if len(asked) != 1 || asked[0].Incident != incidentID || asked[0].Reopened == nil || *asked[0].Reopened != 1 || (asked[0].ID != "") != tt.post || waited != tt.wait {
			t.Errorf("%s: asked about %+v for %v", tt.name, asked, waited)
		}
		if tt.post && asked[0].ID != f.reports.sent[0].Command.ID {
			t.Errorf("%s: asked about the command %s, sent %s", tt.name, asked[0].ID, f.reports.sent[0].Command.ID)
		}
	}
}

// The person in Slack hears the same, alone.
func TestPeopleInSlackHearWhatCameOfIt(t *testing.T) {
	var said []string
	slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		said = append(said, body.Text)
	}))
	defer slack.Close()
	f := seeing(t, func(_ report.Command, wait time.Duration) (inbound.Outcome, bool) {
		if wait != time.Second {
			t.Errorf("waited %v; Slack gives three seconds in all", wait)
		}
		return inbound.Outcome{Title: "Acknowledged INC-7F3A9K", Text: "Reminders become rare."}, true
	})
	body := answerable(slack.URL)
	if w := f.do(post(message.PathSlack, form, body, slackSigned(body, slackSecret, now))); w.Code != http.StatusOK {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	if len(said) != 1 || said[0] != "Acknowledged INC-7F3A9K. Reminders become rare.\n> 🔴 prod-cache is down · INC-7F3A9K" {
		t.Errorf("answers %q", said)
	}
}

// Alert refuses links where `oncall.actors` does not list them. The page says so and asks nothing.
func TestALinkThatMayNotActSaysSo(t *testing.T) {
	cfg := configured()
	for _, tt := range []struct {
		actors []string
		want   int
	}{{nil, 200}, {[]string{"anna", "link"}, 200}, {[]string{"anna"}, 403}, {[]string{""}, 403}} {
		cfg.OnCall.Actors = tt.actors
		f := start(t, cfg)
		q := linkQuery(t, report.Acknowledge, nil)
		for _, r := range []*http.Request{httptest.NewRequest(http.MethodGet, q, nil), post(q, form, "", nil)} {
			w := f.do(r)
			if w.Code != tt.want || (tt.want == 403) != strings.Contains(w.Body.String(), "<h1>Links may not do this</h1>") || tt.want == 403 && len(f.reports.sent) > 0 {
				t.Errorf("actors %q: %s answers %d and sends %d commands, want %d:\n%s", tt.actors, r.Method, w.Code, len(f.reports.sent), tt.want, w.Body)
			}
		}
	}
}
