package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestAck(t *testing.T) {
	f := newFakeLocal(t, "prod-cache", "stage")
	ids := f.fail("prod-cache", "stage")
	id := ids[0]
	// As people write it: without prefix, in lower case.
	written := strings.ToLower(strings.TrimPrefix(id, "INC-"))
	out := expect(t, exitOK, "Done.", "ack", "--by", "anna", written, "--url", f.URL)
	if !strings.Contains(out, id+" is ") || !strings.Contains(out, "Redis refuses the token") {
		t.Errorf("it does not say what was acknowledged:\n%s", out)
	}
	c := f.one()
	want := report.Command{Action: report.Acknowledge, Shard: "main", By: "anna", Via: "cli"}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreFields(report.Command{}, "ID", "At", "Incident")); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	if len(c.ID) < 20 || incident.ShortID(c.Incident) != id || c.Incident == id {
		t.Errorf("command %s for %s, want a random id and the full id of %s", c.ID, c.Incident, id)
	}

	expect(t, exitOK, "anna acknowledged it at", "ack", id, "--url", f.URL)
	if n := len(f.asked); n != 1 {
		t.Errorf("%d commands were asked, want none for what is acknowledged already", n-1)
	}
	expect(t, exitNo, "there is no open incident INC-000000; open are\n  INC-", "ack", "INC-000000", "--url", f.URL)
}

// A group is acknowledged as a whole.
func TestAckGroup(t *testing.T) {
	f := newFakeLocal(t, "a", "b", "c")
	f.fail("a", "b", "c")
	s, err := openReader(t, f.URL).statistics(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Incidents.Groups) != 1 {
		t.Fatalf("%d groups, want 1", len(s.Incidents.Groups))
	}
	expect(t, exitOK, "is a group of 3 incidents: auth", "ack", s.Incidents.Groups[0].ID, "--url", f.URL)
	s, err = openReader(t, f.URL).statistics(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range s.Incidents.Open {
		if i.Acknowledged == nil {
			t.Errorf("%s is not acknowledged", i.ID)
		}
	}
}

func openReader(t *testing.T, url string) *reader {
	t.Helper()
	r := &reader{url: url}
	if err := r.open("--url"); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSilence(t *testing.T) {
	f := newFakeLocal(t, "prod-cache", "stage")
	id := f.fail("prod-cache")[0]
	expect(t, exitOK, "(2 h), as ", "silence", id, "--for", "2h", "--reason", "Upstash is on it", "--url", f.URL)
	c := f.one()
	if c.For != 2*time.Hour || c.Reason != "Upstash is on it" || incident.ShortID(c.Incident) != id || c.Series.Database != "" {
		t.Errorf("asked %+v, want two hours for the incident with the reason", c)
	}
	out := expect(t, exitNo, "", "incidents", "--url", f.URL)
	for _, want := range []string{"silenced until", "Silences in force", "Upstash is on it"} {
		if !strings.Contains(out, want) {
			t.Errorf("incidents lacks %q:\n%s", want, out)
		}
	}
	expect(t, exitOK, "Done.", "unsilence", id, "--url", f.URL)
	expect(t, exitOK, "nothing to do", "unsilence", id, "--url", f.URL)
}

func TestSilenceDatabase(t *testing.T) {
	f := newFakeLocal(t, "prod-cache", "stage")
	expect(t, exitOK, "Asked to silence stage latency until", "silence", "--database", "stage", "--check", "latency", "--url", f.URL)
	c := f.one()
	if diff := cmp.Diff(report.Series{Database: "stage", Check: report.Latency}, c.Series); diff != "" || c.For != time.Hour || c.Incident != "" {
		t.Errorf("asked %+v, want an hour for stage's latency", c)
	}
	expect(t, exitNo, `there is no database "prod"; want one of prod-cache, stage`, "silence", "--database", "prod", "--url", f.URL)
	expect(t, exitOK, "Done.", "silence", "--database", report.MonitorDatabase, "--url", f.URL)
	expect(t, exitOK, "nothing to do", "unsilence", "--database", "stage", "--check", "ping", "--url", f.URL)
	expect(t, exitOK, "Done.", "unsilence", "--database", "stage", "--url", f.URL)
	expect(t, exitOK, "nothing to do", "unsilence", "--database", "stage", "--url", f.URL)
}

// A member that its group's silence covers says where that silence is.
func TestUnsilenceMember(t *testing.T) {
	f := newFakeLocal(t, "a", "b", "c")
	member := f.fail("a", "b", "c")[0]
	s, err := openReader(t, f.URL).statistics(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	group := s.Incidents.Groups[0].ID
	expect(t, exitOK, "Done.", "silence", group, "--url", f.URL)
	expect(t, exitNo, "pongwatch unsilence "+group, "unsilence", member, "--url", f.URL)
	expect(t, exitOK, "Done.", "unsilence", group, "--url", f.URL)
}

func TestDrill(t *testing.T) {
	tests := []struct {
		name                 string
		refusing, hesitating string
		args                 []string
		code                 int
		want                 []string
	}{
		{"everybody takes it", "", "", nil, exitOK, []string{"delivered  email-oncall/a@example.com  at ", "delivered  slack-oncall                at "}},
		{"one receiver", "", "", []string{"--receiver", "slack-oncall"}, exitOK, []string{"to slack-oncall", "delivered  slack-oncall  at "}},
		{"one refuses for good", "slack-oncall", "", nil, exitNo, []string{"failed     slack-oncall                channel_not_found", "delivered  email"}},
		{"one takes it later", "", "email-oncall/a@example.com", []string{"--wait", "300ms"}, exitNo, []string{"pending    email-oncall/a@example.com  since ", "1 try: 451 try again later", "delivered  slack"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeLocal(t, "prod-cache")
			f.refusing, f.hesitating = tt.refusing, tt.hesitating
			code, out, problems := pongwatch(t, append([]string{"drill", "--url", f.URL}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d\n%s", code, tt.code, problems)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("it lacks %q:\n%s", want, out)
				}
			}
		})
	}
	f := newFakeLocal(t, "prod-cache")
	expect(t, exitNo, `is there a receiver "pager"?`, "drill", "--receiver", "pager", "--wait", "1ms", "--url", f.URL)
}

// Alert is late: the command is stored, which is said, with an exit code of its own.
func TestNoEffect(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	id := f.fail("prod-cache")[0]
	f.deaf = true
	expect(t, exitNo, "is stored", "ack", id, "--wait", "10ms", "--url", f.URL)
	expect(t, exitOK, "Stored as command ", "ack", id, "--wait", "0", "--url", f.URL)
}

// Where reading needs a token, a command is taken all the same; with the token its
// effect is seen.
func TestCommandWhereReadingIsDenied(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	id := f.fail("prod-cache")[0]
	f.denied = true
	expect(t, exitOK, "Stored as command ", "silence", id, "--url", f.URL)
	t.Setenv("READ_TOKEN", "sesame")
	expect(t, exitOK, "Done.", "ack", id, "--url", f.URL, "--token-env", "READ_TOKEN")
	expect(t, exitFailed, "--token-env", "incidents", "--url", f.URL)
	t.Setenv("READ_TOKEN", "wrong-token")
	_, _, problems := pongwatch(t, "incidents", "--url", f.URL, "--token-env", "READ_TOKEN")
	if !strings.Contains(problems, "the token in READ_TOKEN is not accepted") || strings.Contains(problems, "wrong-token") {
		t.Errorf("it says %q, want the variable named and not the token", problems)
	}
}

func TestCommandMistakes(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer other.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer elsewhere.Close()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no incident", []string{"ack"}, "such as INC-7F3A9K"},
		{"no id", []string{"ack", "prod-cache"}, `"prod-cache" is not an incident's id`},
		{"two ids", []string{"ack", "INC-7F3A9K", "INC-7F3A9L"}, `unexpected argument "INC-7F3A9L"`},
		{"too long a silence", []string{"silence", "INC-7F3A9K", "--for", "25h"}, "at most 24h"},
		{"a silence for no time", []string{"silence", "INC-7F3A9K", "--for", "0s"}, "more than 0"},
		{"a silence for a word", []string{"silence", "INC-7F3A9K", "--for", "tomorrow"}, "2h or 45m"},
		{"a silence of nothing", []string{"silence"}, "--database NAME"},
		{"a silence of two things", []string{"silence", "INC-7F3A9K", "--database", "a"}, "want one of them"},
		{"a check without its database", []string{"silence", "--check", "ping"}, "--check needs --database"},
		{"an unknown check", []string{"silence", "--database", "a", "--check", "pong"}, "want one of ping, latency"},
		{"an argument for a drill", []string{"drill", "slack-oncall"}, `unexpected argument "slack-oncall"`},
		{"both ways at once", []string{"drill", "--url", "http://127.0.0.1:1", "--project", "p"}, "want one of them"},
		{"a topic without its project", []string{"drill", "--topic", "reports"}, "projects/PROJECT/topics/reports"},
		{"a topic with two projects", []string{"drill", "--project", "p", "--topic", "projects/q/topics/reports"}, "names its project"},
		{"an address that is none", []string{"drill", "--url", "local"}, "http://127.0.0.1:8080"},
		{"an address with a password", []string{"drill", "--url", "https://me:secret@example.com"}, "--url: want an address"},
		{"an address with a query", []string{"incidents", "--url", "https://metrics.example.com/?database=a"}, "--url: want an address"},
		{"an address with a part of a page", []string{"incidents", "--url", "https://metrics.example.com/#usage"}, "--url: want an address"},
		{"an address of another scheme", []string{"incidents", "--url", "ftp://metrics.example.com"}, "--url: want an address"},
		{"another machine", []string{"drill", "--url", "https://metrics.example.com"}, "--project PROJECT"},
		{"another machine in plain text", []string{"incidents", "--url", "http://metrics.example.com"}, "want https://"},
		{"nothing listens there", []string{"drill", "--url", "http://127.0.0.1:1"}, `start "pongwatch local"`},
		{"another server there", []string{"drill", "--url", other.URL}, "is not pongwatch"},
		{"a server that redirects", []string{"incidents", "--url", elsewhere.URL}, "answers 302"},
		{"a name that is empty", []string{"drill", "--by", "\u202e "}, "--by is empty"},
		{"a variable without a token", []string{"incidents", "--token-env", "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE: the variable is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := pongwatch(t, tt.args...)
			if code != exitFailed || !strings.Contains(stderr, tt.want) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 2 and %q", code, stdout, stderr, tt.want)
			}
			if strings.Contains(stderr, "secret") {
				t.Errorf("it repeats a password: %q", stderr)
			}
		})
	}
}

// The id of another shard is no incident of the one that is asked for.
func TestAmbiguous(t *testing.T) {
	v := incidents.View{Open: []incidents.Incident{
		{ID: "INC-7F3A9K", FullID: "20261122T182201Z-7F3A9K2M4QXT", Shard: "main", Database: "a", Check: report.Ping},
		{ID: "INC-7F3A9K", FullID: "20261122T182301Z-7F3A9KAAAAAA", Shard: "other", Database: "b", Check: report.Ping},
	}}
	a := newAsker(&cobra.Command{}, 0)
	var out strings.Builder
	a.SetOut(&out)
	c := report.Command{Incident: "INC-7F3A9K"}
	err := a.resolve(v, &c)
	if _, no := errors.AsType[negative](err); !no {
		t.Fatalf("an ambiguous id: %v, want it refused", err)
	}
	for _, want := range []string{"20261122T182201Z-7F3A9K2M4QXT  a ping", "20261122T182301Z-7F3A9KAAAAAA  b ping"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it lacks the candidate %q:\n%v", want, err)
		}
	}
	c.Shard = "other"
	if err := a.resolve(v, &c); err != nil || c.Incident != "20261122T182301Z-7F3A9KAAAAAA" {
		t.Errorf("with its shard: %v, %s; want the one in that shard", err, c.Incident)
	}
}

// A name is cut, so that it fits a message.
func TestLongName(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	expect(t, exitOK, "", "drill", "--by", strings.Repeat("a", 200)+"\n", "--wait", "0", "--url", f.URL)
	if by := f.one().By; utf8.RuneCountInString(by) != maxBy || !strings.HasPrefix(by, "aaa") {
		t.Errorf("asked by %q, want %d characters", by, maxBy)
	}
}

func TestWhoami(t *testing.T) {
	if name, host, ok := strings.Cut(whoami(), "@"); !ok || name == "" || host == "" || strings.Contains(host, ".") {
		t.Errorf("%q, want user@host", whoami())
	}
}

func TestReason(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"what pongwatch says", `{"error":"the queue is full"}`, ": the queue is full"},
		{"what it says cannot move the cursor", "{\"error\":\"a\\u001b[2Jb\"}", ": a[2Jb"},
		{"the page of another server", "<html>", ""},
	}
	for _, tt := range tests {
		if got := reason([]byte(tt.body)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
