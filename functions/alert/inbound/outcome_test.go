package inbound_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// known is a state whose incident is in its first life since a reopening, as the link says.
func known(edit func(*incident.State, *incident.Incident)) incident.State {
	s := incident.New("main", now)
	s.Incidents[incidentID] = &incident.Incident{ID: incidentID, Reopened: 1}
	if edit != nil {
		edit(&s, s.Incidents[incidentID])
	}
	return s
}

// seeing starts a function that may read states, as in `local`.
func seeing(t *testing.T, cfg *config.Config, state func() (incident.State, error)) *fixture {
	t.Helper()
	f := &fixture{}
	var err error
	f.Handler, err = inbound.New(inbound.Options{
		Config: cfg, Reports: &f.reports, Signals: &f.signals, AllowLoopback: true, Now: func() time.Time { return now },
		Logger: slog.New(slog.NewJSONHandler(&f.logs, nil)),
		State: func(_ context.Context, shard string) (incident.State, error) {
			if shard != "main" {
				t.Errorf("the state of shard %q was read, want main", shard)
			}
			return state()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Where the state may be read, a link whose incident is over, reopened or acknowledged says
// exactly that, before a press and after it.
func TestAStaleLinkSaysWhy(t *testing.T) {
	group := func(resolved time.Time) incident.State {
		s := incident.New("main", now)
		s.Groups[incidentID] = &incident.Group{ID: incidentID, Resolved: resolved}
		return s
	}
	for _, tt := range []struct {
		name   string
		action report.Action
		state  incident.State
		want   []string
	}{
		{"over", report.Acknowledge, known(func(_ *incident.State, i *incident.Incident) { i.Resolved = now.Add(-4 * time.Minute) }),
			[]string{"<h1>INC-7F3A9K is over</h1>", "<p>It ended at 18:26 UTC. Nothing has changed.</p>"}},
		{"over, of another day, to be silenced", report.Silence, known(func(_ *incident.State, i *incident.Incident) { i.Resolved = now.Add(-24 * time.Hour) }),
			[]string{"<h1>INC-7F3A9K is over</h1>", "<p>It ended at 2026-11-21 18:30 UTC. Nothing has changed.</p>"}},
		{"reopened", report.Acknowledge, known(func(_ *incident.State, i *incident.Incident) { i.Reopened, i.Again = 2, now.Add(-time.Minute) }),
			[]string{"<h1>INC-7F3A9K has failed again</h1>", "<p>It was reopened and has failed since 18:29 UTC; this message is of an earlier failure. Nothing has changed. Use the latest message.</p>"}},
		{"acknowledged by a person", report.Acknowledge, known(func(_ *incident.State, i *incident.Incident) {
			i.Ack = &incident.Ack{By: "<anna>", Via: "cli", At: now.Add(-time.Minute)}
		}), []string{"<h1>INC-7F3A9K is already acknowledged</h1>", "<p>Acknowledged by &lt;anna&gt; at 18:29 UTC. Nothing has changed.</p>"}},
		{"acknowledged by another link", report.Acknowledge, known(func(_ *incident.State, i *incident.Incident) {
			i.Ack = &incident.Ack{By: "link", Via: "link", At: now.Add(-time.Minute)}
		}), []string{"<p>Acknowledged by a person with the link at 18:29 UTC. Nothing has changed.</p>"}},
		{"forgotten", report.Acknowledge, incident.New("main", now),
			[]string{"<h1>INC-7F3A9K is not open</h1>", "<p>It ended some time ago, or its data was set aside. Nothing has changed.</p>"}},
		{"a group that is over", report.Acknowledge, group(now.Add(-time.Minute)), []string{"<h1>INC-7F3A9K is over</h1>", "<p>It ended at 18:29 UTC. Nothing has changed.</p>"}},
	} {
		f := seeing(t, configured(), func() (incident.State, error) { return tt.state, nil })
		q := linkQuery(t, tt.action, func(l *signature.Link) {
			if tt.name == "a group that is over" {
				l.Reopened = message.AnyLife
			}
		})
		for _, r := range []*http.Request{httptest.NewRequest(http.MethodGet, q, nil), post(q, form, "", nil)} {
			w := f.do(r)
			for _, want := range tt.want {
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), "<form") {
					t.Errorf("%s: %s answers %d, want %q without a form:\n%s", tt.name, r.Method, w.Code, want, w.Body)
				}
			}
		}
	}
}

// An acknowledged incident can still be silenced, and an open one asks first.
func TestALinkThatStillCanActAsks(t *testing.T) {
	f := seeing(t, configured(), func() (incident.State, error) {
		return known(func(_ *incident.State, i *incident.Incident) { i.Ack = &incident.Ack{By: "anna", At: now} }), nil
	})
	if w := f.do(httptest.NewRequest(http.MethodGet, linkQuery(t, report.Silence, nil), nil)); !strings.Contains(w.Body.String(), "<h1>Silence INC-7F3A9K?</h1>") {
		t.Errorf("page:\n%s", w.Body)
	}
	f = seeing(t, configured(), func() (incident.State, error) { return known(nil), nil })
	if w := f.do(httptest.NewRequest(http.MethodGet, linkQuery(t, report.Acknowledge, nil), nil)); !strings.Contains(w.Body.String(), "<h1>Acknowledge INC-7F3A9K?</h1>") {
		t.Errorf("page:\n%s", w.Body)
	}
}

// After a press the page waits for Alert and says what came of it, or what was asked for if Alert
// does not come to it in time.
func TestThePageSaysWhatCameOfIt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		action report.Action
		after  time.Duration // of Alert
		alert  func(s *incident.State, id string)
		err    error
		want   string
		took   time.Duration
	}{
		{"acknowledged", report.Acknowledge, 200 * time.Millisecond, func(s *incident.State, id string) {
			s.Commands[id] = now
			s.Incidents[incidentID].Ack = &incident.Ack{By: "link", Via: "link", At: now}
		}, nil, "<h1>Acknowledged INC-7F3A9K</h1>\n<p>Reminders become rare and the incident is not escalated.</p>", 200 * time.Millisecond},
		{"silenced for as long as the policy allows", report.Silence, 200 * time.Millisecond, func(s *incident.State, id string) {
			s.Commands[id] = now
			s.Silences = []incident.Silence{{ID: "another", Until: now.Add(9 * time.Hour)}, {ID: id, Incident: incidentID, Until: now.Add(30 * time.Minute)}}
		}, nil, "<h1>Silenced INC-7F3A9K</h1>\n<p>You get no new messages about it until 19:00 UTC.</p>", 200 * time.Millisecond},
		{"it ends while the page waits", report.Acknowledge, time.Second, func(s *incident.State, _ string) {
			s.Incidents[incidentID].Resolved = now
		}, nil, "<h1>INC-7F3A9K is over</h1>", time.Second},
		{"Alert does not come to it", report.Acknowledge, time.Hour, nil, nil, "<h1>Asked to acknowledge INC-7F3A9K</h1>", 3 * time.Second},
		{"the state cannot be read", report.Acknowledge, time.Hour, nil, errors.New("disk"), "<h1>Asked to acknowledge INC-7F3A9K</h1>", 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var f *fixture
				f = seeing(t, configured(), func() (incident.State, error) {
					s := known(nil)
					if time.Since(began) >= tt.after && len(f.reports.sent) == 1 {
						tt.alert(&s, f.reports.sent[0].Command.ID)
					}
					return s, tt.err
				})
				w := f.do(post(linkQuery(t, tt.action, nil), form, "", nil))
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), tt.want) {
					t.Errorf("page lacks %q:\n%s", tt.want, w.Body)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
			})
		})
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
	f := seeing(t, configured(), func() (incident.State, error) {
		return known(func(_ *incident.State, i *incident.Incident) { i.Reopened, i.Again = 2, now.Add(-time.Minute) }), nil
	})
	body := answerable(slack.URL)
	if w := f.do(post(message.PathSlack, form, body, slackSigned(body, slackSecret, now))); w.Code != http.StatusOK {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	const want = "INC-7F3A9K has failed again. It was reopened and has failed since 18:29 UTC; this message is of an earlier failure. Nothing has changed. Use the latest message.\n> 🔴 prod-cache is down · INC-7F3A9K"
	if len(said) != 1 || said[0] != want {
		t.Errorf("answers %q, want %q", said, want)
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
