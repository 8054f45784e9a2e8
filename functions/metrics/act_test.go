package metrics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// commands keeps what is published, or refuses it.
type commands struct {
	got []report.Command
	err error
}

func (c *commands) Publish(_ context.Context, m report.Message) error {
	if c.err != nil {
		return c.err
	}
	d, err := report.Decode(m, eight)
	if err == nil {
		c.got = append(c.got, *d.Command)
	}
	return err
}

// actors knows the person of a header, which stands for a token.
func actors(r *http.Request) (string, bool) { by := r.Header.Get("X-By"); return by, by != "" }

const openID = "20261122T195500Z-AAAAAAAAAAAA"

func newActing(t *testing.T, more string) (*fixture, *commands) {
	t.Helper()
	to := &commands{}
	x := newFixture(t, more, func(o *metrics.Options) { o.Reports, o.Actor = to, actors })
	x.fill(t, 5)
	return x, to
}

func (x *fixture) press(t *testing.T, by string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/act", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-By", by)
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	return w
}

func TestAFormOfTheDashboardBecomesACommand(t *testing.T) {
	form := func(change map[string]string) url.Values {
		v := url.Values{"action": {"acknowledge"}, "shard": {"main"}, "incident": {openID}, "reopened": {"0"}, "back": {"database=cache&range=6h"}}
		for name, value := range change {
			v.Set(name, value)
		}
		return v
	}
	acknowledge := report.Command{Action: report.Acknowledge, Shard: "main", Incident: openID, Reopened: new(0), By: "anna", Via: "dashboard", At: eight.Add(10 * time.Second)}
	silence := acknowledge
	silence.Action, silence.For = report.Silence, 4*time.Hour
	default1h := silence
	default1h.For = time.Hour
	group := acknowledge
	group.Reopened = nil
	for _, tt := range []struct {
		name, by string
		form     url.Values
		code     int
		want     *report.Command
		says     string
	}{
		{"an acknowledge is of this life of the incident", "anna", form(nil), 303, &acknowledge, ""},
		{"of a group it is of any", "anna", form(map[string]string{"reopened": ""}), 303, &group, ""},
		{"a silence has its duration", "anna", form(map[string]string{"action": "silence", "for": "4h0m0s"}), 303, &silence, ""},
		{"or the default", "anna", form(map[string]string{"action": "silence"}), 303, &default1h, ""},
		{"a longer one than allowed", "anna", form(map[string]string{"action": "silence", "for": "48h"}), 400, nil, "want one such as"},
		{"another action is none of the page's", "anna", form(map[string]string{"action": "drill"}), 400, nil, "want acknowledge or silence"},
		{"a shard that there is not", "anna", form(map[string]string{"shard": "other"}), 400, nil, "is not configured, want one such as"},
		{"no incident", "anna", form(map[string]string{"incident": ""}), 400, nil, "acknowledge needs an incident"},
		{"a life that is no number", "anna", form(map[string]string{"reopened": "x"}), 400, nil, "want a number"},
		{"a page that is no query", "anna", form(map[string]string{"back": "%zz"}), 400, nil, "reading back"},
		{"more than a form", "anna", form(map[string]string{"back": strings.Repeat("x", 5000)}), 400, nil, "reading the form"},
		{"who may not act", "", form(nil), 403, nil, "a read token may not act"},
		{"who is not among oncall.actors", "eve", form(nil), 403, nil, "oncall.actors"},
	} {
		x, to := newActing(t, "oncall: {actors: [anna]}\n")
		w := x.press(t, tt.by, tt.form)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s: %d %s, want %d that says %q", tt.name, w.Code, w.Body, tt.code, tt.says)
		}
		if tt.want == nil {
			if len(to.got) > 0 {
				t.Errorf("%s: %+v is published", tt.name, to.got)
			}
			continue
		}
		if len(to.got) != 1 || to.got[0].ID == "" {
			t.Fatalf("%s: %+v is published, want one command with an id", tt.name, to.got)
		}
		id := to.got[0].ID
		to.got[0].ID = ""
		if diff := cmp.Diff(*tt.want, to.got[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		back, err := url.Parse(w.Header().Get("Location"))
		if err != nil || back.IsAbs() || back.Host != "" || back.Path != "./" || back.Query().Get("range") != "6h" || back.Query().Get("command") != id {
			t.Errorf("%s: it leads to %v, %v; want back to the page", tt.name, back, err)
		}
		// A second press is the same command, a press of another person is another.
		x.press(t, tt.by, tt.form)
		if to.got[1].ID != id {
			t.Errorf("%s: a second press is the command %s, want %s", tt.name, to.got[1].ID, id)
		}
	}
}

func TestACommandThatIsNotSentIsSaid(t *testing.T) {
	x, to := newActing(t, "")
	to.err = errors.New("topic unavailable at 10.0.0.1")
	w := x.press(t, "anna", url.Values{"action": {"acknowledge"}, "shard": {"main"}, "incident": {openID}})
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "nothing has changed") || strings.Contains(w.Body.String(), "10.0.0.1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOnlyWhoMayActSeesTheButtons(t *testing.T) {
	x, _ := newActing(t, "oncall: {actors: [anna]}\n")
	tags := map[string]bool{}
	for by, want := range map[string]bool{"anna": true, "eve": false, "": false} {
		w := x.ask(t, http.MethodGet, "/", http.Header{"X-By": {by}})
		page := w.Body.String()
		if strings.Contains(page, `action="act"`) != want || strings.Contains(page, "<code>pongwatch ack INC-AAAAAA</code>") == want {
			t.Errorf("the page of %q has buttons: %v", by, !want)
		}
		tags[w.Header().Get("ETag")] = true
	}
	if len(tags) != 3 {
		t.Error("two people have the same tag for pages that differ")
	}
}

func TestThePageSaysWhatCameOfIt(t *testing.T) {
	x, _ := newActing(t, "")
	ask := func(action, id, command string) string {
		q := url.Values{"asked": {action}, "incident": {id}, "command": {command}}
		return x.ask(t, http.MethodGet, "/?"+q.Encode(), http.Header{"X-By": {"anna"}}).Body.String()
	}
	says := func(what, page, want string) {
		t.Helper()
		if !strings.Contains(page, want) {
			t.Errorf("%s: the page does not say %q", what, want)
		}
	}
	pending := ask("acknowledge", openID, "c1")
	says("while Alert has not come to it", pending, "Asked to acknowledge INC-AAAAAA. This page shows it within a few seconds.")
	says("while Alert has not come to it", pending, `data-refresh="1000"`)
	if page := ask("acknowledge", "20261122T195500Z-ZZZZZZZZZZZZ<b>", "c1"); strings.Contains(page, "Asked to") || strings.Contains(page, "ZZZZZZ") {
		t.Error("a link shows an incident that there is not")
	}
	if page := ask("drill", openID, "c1"); strings.Contains(page, "Asked to") {
		t.Error("a link shows an action that there is not")
	}

	doc, err := x.store.Get(t.Context(), "state/v1/main")
	if err != nil {
		t.Fatal(err)
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		t.Fatal(err)
	}
	i := s.Incidents[openID]
	change := func(f func()) {
		f()
		data, err := incident.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		x.put(t, "state/v1/main", data)
	}
	change(func() {
		i.Ack, s.Commands = &incident.Ack{By: "anna", Via: "dashboard", At: eight}, map[string]time.Time{"c1": eight, "c2": eight}
	})
	page := ask("acknowledge", openID, "c1")
	says("once it is acknowledged", page, "INC-AAAAAA is acknowledged by anna.")
	if strings.Contains(page, `value="acknowledge"`) {
		t.Error("what is acknowledged can be acknowledged")
	}
	change(func() { i.SilencedUntil, i.SilencedBy = eight.Add(time.Hour), "anna" })
	says("once it is silenced", ask("silence", openID, "c2"), "INC-AAAAAA is silenced until 21:00 UTC. If it is still failing then, you are notified.")
	says("what Alert refused stays asked", ask("silence", openID, "c3"), "Asked to silence INC-AAAAAA.")
	change(func() { i.Resolved = eight })
	says("when it is over", ask("acknowledge", openID, "c1"), "INC-AAAAAA is over.")
}

func TestABrowserIsAnsweredByPages(t *testing.T) {
	x := newFixture(t, "")
	html := http.Header{"Accept": {"text/html,application/xhtml+xml"}}
	for _, tt := range []struct {
		path, says, home string
		code             int
	}{
		{"/playbooks", `<a href="./playbooks/auth_invalid">Redis refuses the token</a>`, `href="./"`, 200},
		{"/playbooks/auth_invalid", `href="../playbooks"`, `href="../"`, 200},
		{"/elsewhere", "Nothing is here", `href="./"`, 404},
		{"/deep/er/", "Nothing is here", `href="../../"`, 404},
		{"/?database=none", "database none is not configured", `href="./"`, 404},
		{"/?range=none", "range &#34;none&#34; is not known", `href="./"`, 400},
	} {
		w := x.ask(t, http.MethodGet, tt.path, html)
		if body := w.Body.String(); w.Code != tt.code || !strings.Contains(w.Header().Get("Content-Type"), "text/html") || !strings.Contains(body, tt.says) || !strings.Contains(body, tt.home) {
			t.Errorf("%s: %d %s", tt.path, w.Code, body)
		}
	}
}
