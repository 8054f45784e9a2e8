package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

// published keeps what was published, or refuses to.
type published struct {
	messages []report.Message
	err      error
}

func (p *published) Publish(_ context.Context, m report.Message) error {
	if p.err != nil {
		return p.err
	}
	p.messages = append(p.messages, m)
	return nil
}

// command returns the one command that was published.
func (p *published) command(t *testing.T) report.Command {
	t.Helper()
	if len(p.messages) != 1 {
		t.Fatalf("%d messages were published, want 1", len(p.messages))
	}
	d, err := report.Decode(p.messages[0], time.Now())
	if err != nil || d.Command == nil {
		t.Fatalf("decoding %+v: %v", d, err)
	}
	return *d.Command
}

// postCommand asks as this machine's curl would, unless edit changes the request.
func postCommand(h http.Handler, body string, edit func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080"+CommandsPath, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("Content-Type", "application/json")
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var commandTime = time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)

var commandConfig = &config.Config{
	Databases: []config.Database{{Name: "prod-cache"}, {Name: "stage"}},
	Receivers: []config.Receiver{{Name: "slack", Slack: &config.Slack{}}, {Name: "mail", Email: &config.Email{To: []string{"a@example.com", "b@example.com"}}}},
}

func newCommands(reports report.Publisher) http.Handler {
	var e exposure
	mux := access.NewMux("")
	mux.Handle("POST "+CommandsPath, e.thisMachine(), commands(commandConfig, reports, func() time.Time { return commandTime }))
	return e.guard(mux)
}

func TestCommandsTakes(t *testing.T) {
	tests := []struct {
		name, body string
		want       report.Command
	}{
		{
			"an acknowledge of the command line",
			`{"id":"c1","action":"acknowledge","incident":"INC-7F3A9K","by":"anna@laptop","via":"cli"}`,
			report.Command{ID: "c1", Action: report.Acknowledge, Incident: "INC-7F3A9K", By: "anna@laptop", Via: "cli"},
		},
		{
			"a silence whose duration is text",
			`{"id":"c1","action":"silence","series":{"database":"prod-cache","check":"ping"},"for":"2h","reason":"known","by":"anna"}`,
			report.Command{ID: "c1", Action: report.Silence, Series: report.Series{Database: "prod-cache", Check: report.Ping}, For: 2 * time.Hour, Reason: "known", By: "anna", Via: "http"},
		},
		{
			"a silence whose duration is in nanoseconds, as on the topic",
			`{"id":"c1","action":"silence","incident":"INC-7F3A9K","for":60000000000,"by":"anna"}`,
			report.Command{ID: "c1", Action: report.Silence, Incident: "INC-7F3A9K", For: time.Minute, By: "anna", Via: "http"},
		},
		{
			"neither the channel nor the time can be forged",
			`{"id":"c1","action":"drill","by":"anna","via":"slack","at":"2020-01-01T00:00:00Z"}`,
			report.Command{ID: "c1", Action: report.Drill, By: "anna", Via: "http"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.At = commandTime
			var p published
			w := postCommand(newCommands(&p), tt.body, nil)
			if w.Code != http.StatusAccepted {
				t.Fatalf("%d %s, want 202", w.Code, w.Body)
			}
			if diff := cmp.Diff(tt.want, p.command(t)); diff != "" {
				t.Errorf("published (-want +got):\n%s", diff)
			}
			var answered CommandRequest
			if err := json.Unmarshal(w.Body.Bytes(), &answered); err != nil {
				t.Fatal(err)
			}
			answered.Command.For = time.Duration(answered.For)
			if diff := cmp.Diff(tt.want, answered.Command); diff != "" {
				t.Errorf("answered (-want +got):\n%s", diff)
			}
			if tt.want.For == 2*time.Hour && !strings.Contains(w.Body.String(), `"for":"2h"`) {
				t.Errorf("answered %s, want the duration as it was sent", w.Body)
			}
		})
	}
}

// A name that is not configured is answered at once, with those that are.
func TestCommandsKnowTheNames(t *testing.T) {
	tests := []struct {
		name, body, want string // want is empty for a command that is taken
	}{
		{"a database that is there", `{"action":"silence","series":{"database":"stage"},"for":"1h","by":"anna"}`, ""},
		{"the monitor's own series", `{"action":"silence","series":{"database":"_pongwatch"},"for":"1h","by":"anna"}`, ""},
		{"one that is not", `{"action":"silence","series":{"database":"nosuch"},"for":"1h","by":"anna"}`, `there is no database \"nosuch\"; want one of prod-cache, stage`},
		{"one that is not, to end its silence", `{"action":"unsilence","series":{"database":"nosuch"},"by":"anna"}`, `there is no database`},
		{"a receiver", `{"action":"drill","receiver":"slack","by":"anna"}`, ""},
		{"one of a receiver's addresses", `{"action":"drill","receiver":"mail/b@example.com","by":"anna"}`, ""},
		{"a receiver that is not there", `{"action":"drill","receiver":"nosuch","by":"anna"}`, `there is no receiver \"nosuch\"; want one of slack, mail/a@example.com, mail/b@example.com`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p published
			w := postCommand(newCommands(&p), tt.body, nil)
			if tt.want == "" && w.Code != http.StatusAccepted || tt.want != "" && (w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), tt.want)) {
				t.Errorf("%d %s, want %q", w.Code, w.Body, tt.want)
			}
		})
	}
}

// The answer to an unknown name lists at most ten of those that there are.
func TestUnknownNameIsAnsweredWithSomeThatThereAre(t *testing.T) {
	const ten = "db-00, db-01, db-02, db-03, db-04, db-05, db-06, db-07, db-08, db-09"
	tests := []struct {
		name      string
		databases int
		want      string
	}{
		{"db-01", 12, ""},
		{"db-11", 12, ""},
		{"", 12, ""},
		{report.MonitorDatabase, 12, ""},
		{"db-x", 2, `there is no database "db-x"; want one of db-00, db-01`},
		{"db-x", 10, `there is no database "db-x"; want one of ` + ten},
		{"db-x", 12, `there is no database "db-x"; want one of ` + ten + " and 2 more"},
	}
	for _, tt := range tests {
		c := &config.Config{}
		for i := range tt.databases {
			c.Databases = append(c.Databases, config.Database{Name: fmt.Sprintf("db-%02d", i)})
		}
		if got := unknownName(c, report.Command{Series: report.Series{Database: tt.name}}); got != tt.want {
			t.Errorf("%q of %d: %q, want %q", tt.name, tt.databases, got, tt.want)
		}
	}
}

// A command without an id gets one, so that it can be looked up.
func TestCommandsNames(t *testing.T) {
	var p published
	w := postCommand(newCommands(&p), `{"action":"drill","by":"anna"}`, nil)
	if c := p.command(t); len(c.ID) < 20 || !strings.Contains(w.Body.String(), c.ID) {
		t.Errorf("id %q, answer %s; want a random id, answered", c.ID, w.Body)
	}
}

func TestCommandsRefuses(t *testing.T) {
	const drill = `{"action":"drill","by":"anna"}`
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	tests := []struct {
		name, body string
		edit       func(*http.Request)
		code       int
		want       string
	}{
		{"a form, which any web page can send", drill, set("Content-Type", "application/x-www-form-urlencoded"), 415, "application/json"},
		{"text that is JSON, which any web page can send", drill, set("Content-Type", "text/plain"), 415, "application/json"},
		{"no content type", drill, func(r *http.Request) { r.Header.Del("Content-Type") }, 415, "application/json"},
		{"another machine", drill, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:50000" }, 421, "on this machine only"},
		{"a name that was made point here", drill, func(r *http.Request) { r.Host = "evil.example:8080" }, 421, "on this machine only"},
		{"another site's script", drill, set("Origin", "https://evil.example"), 403, "cross-origin"},
		{"another site, as browsers say it", drill, set("Sec-Fetch-Site", "cross-site"), 403, "cross-origin"},
		{"a look", drill, func(r *http.Request) { r.Method = http.MethodGet }, 405, "Not Allowed"},
		{"nothing", ``, nil, 400, `{"action":"drill","by":"anna"}`},
		{"no JSON", `drill`, nil, 400, `reading the command`},
		{"a misspelled key", `{"action":"drill","by":"anna","reciever":"slack"}`, nil, 400, `reciever`},
		{"two commands", drill + drill, nil, 400, "follows"},
		{"an unknown action", `{"action":"explode","by":"anna"}`, nil, 400, "want acknowledge, silence, unsilence or drill"},
		{"no name", `{"action":"drill"}`, nil, 400, "by is empty"},
		{"too long a silence", `{"action":"silence","incident":"INC-7F3A9K","by":"anna","for":"25h"}`, nil, 400, "at most 24h"},
		{"a duration that is none", `{"action":"silence","incident":"INC-7F3A9K","by":"anna","for":"soon"}`, nil, 400, `"2h"`},
		{"a flood", `{"action":"drill","by":"` + strings.Repeat("a", maxCommand) + `"}`, nil, 400, "too large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p published
			w := postCommand(newCommands(&p), tt.body, tt.edit)
			if w.Code != tt.code || !strings.Contains(strings.ReplaceAll(w.Body.String(), `\"`, `"`), tt.want) {
				t.Errorf("%d %s, want %d with %q", w.Code, w.Body, tt.code, tt.want)
			}
			if len(p.messages) != 0 {
				t.Errorf("it was published all the same")
			}
		})
	}
}

// What cannot be stored is not accepted.
func TestCommandsStoresBeforeItAnswers(t *testing.T) {
	w := postCommand(newCommands(&published{err: errors.New("disk full")}), `{"action":"drill","by":"anna"}`, nil)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "disk full") {
		t.Errorf("%d %s, want 503 with the reason", w.Code, w.Body)
	}
}

func FuzzReadCommand(f *testing.F) {
	for _, seed := range []string{
		`{"action":"drill","by":"anna"}`, `{"action":"silence","series":{"database":"a"},"for":"2h","by":"anna"}`,
		`{"for":1e300}`, `{"for":-1}`, `{"reopened":0}`, `{"at":"x"}`, `[]`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c, err := readCommand(strings.NewReader(body), commandTime)
		if err != nil {
			return
		}
		if c.ID == "" || !c.At.Equal(commandTime) || c.Via != "cli" && c.Via != "http" {
			t.Errorf("%q gives %+v, want an id, the server's time and a channel", body, c)
		}
		m, err := report.Encode(c)
		if err != nil {
			return
		}
		// What was accepted is what Alert reads.
		if d, err := report.Decode(m, commandTime); err != nil || d.Command == nil {
			t.Errorf("%q is accepted and cannot be read back: %v", body, err)
		}
	})
}
