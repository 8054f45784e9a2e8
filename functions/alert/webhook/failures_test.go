package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Every status by what follows from it. A credential that was refused is read again, and is not
// sent twice.
func TestEveryStatus(t *testing.T) {
	for code, want := range map[int]struct {
		result message.Result
		calls  int
	}{
		200: {message.Delivered, 1}, 204: {message.Delivered, 1}, 299: {message.Delivered, 1},
		300: {message.Refused, 1}, 304: {message.Refused, 1}, 400: {message.Refused, 1}, 402: {message.Refused, 1}, 405: {message.Refused, 1},
		401: {message.Refused, 1}, 403: {message.Refused, 1}, 404: {message.Refused, 1}, 410: {message.Refused, 1},
		408: {message.Later, 1}, 429: {message.Later, 1}, 428: {message.Refused, 1}, 499: {message.Refused, 1},
		500: {message.Later, 1}, 503: {message.Later, 1}, 599: {message.Later, 1},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			c := catch(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
			for _, r := range []message.Receiver{generic(t, c.URL), pagerDuty(t, c.URL)} {
				c.bodies = nil
				prev := message.Ref{ID: "before"}
				ref, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), prev)
				wanted := message.Outcome{Result: want.result}
				if want.result != message.Delivered {
					wanted.Reason = fmt.Sprintf("HTTP %d", code)
				}
				if got != wanted || (err == nil) != (want.result == message.Delivered) || len(c.bodies) != want.calls {
					t.Errorf("%s: %+v, %v after %d calls; want %+v after %d", r.Name(), got, err, len(c.bodies), wanted, want.calls)
				}
				if (ref == prev) != (err != nil) {
					t.Errorf("%s: reference %+v with error %v", r.Name(), ref, err)
				}
			}
		})
	}
}

func TestAWaitIsPassedOn(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "3600": time.Hour, "3601": time.Hour + time.Second, "99999": 6 * time.Hour, "-1": 0, "": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0, "1.5": 0,
	} {
		for code, waits := range map[int]bool{429: true, 503: true, 408: true, 400: false} {
			c := catch(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(code)
			})
			for _, r := range []message.Receiver{generic(t, c.URL), pagerDuty(t, c.URL)} {
				_, got, _ := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
				if waits && got.RetryAfter != want || !waits && got.RetryAfter != 0 {
					t.Errorf("%s: HTTP %d with Retry-After %q: %v, want %v", r.Name(), code, header, got.RetryAfter, want)
				}
			}
		}
	}
}

// An answer is quoted up to 150 characters, in one line and without the key.
func TestAnswersAreQuotedInPart(t *testing.T) {
	for _, over := range []int{0, 1} {
		c := catch(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, "a\r\nb"+strings.Repeat("é", 147+over))
		})
		_, got, _ := pagerDuty(t, c.URL).Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
		quoted := strings.TrimPrefix(got.Reason, "HTTP 400 ")
		if utf8.RuneCountInString(quoted) != 150 || !strings.HasPrefix(quoted, "a bé") || strings.HasSuffix(quoted, "…") != (over == 1) {
			t.Errorf("%d over: %q", over, got.Reason)
		}
	}
}

// failing is a credential that cannot be read from its nth read on.
func failing(value string, after int) (message.Credential, *[]bool) {
	var reads []bool
	return func(_ context.Context, refused bool) (secrets.Value, error) {
		if reads = append(reads, refused); len(reads) > after {
			return secrets.Value{}, errors.New("secret store down")
		}
		return secrets.New(value), nil
	}, &reads
}

// Each credential fails in turn, at its first read and at its second.
func TestCredentialsThatFail(t *testing.T) {
	for _, after := range []int{0, 1} {
		for _, which := range []string{"url", "first key", "second key", "routing key"} {
			t.Run(fmt.Sprint(which, " at read ", after+1), func(t *testing.T) {
				c := catch(t, status(http.StatusNotFound))
				o := webhook.Options{Name: "hook", URL: fixed(c.URL), Keys: []message.Credential{fixed(newKey), fixed(oldKey)}, AllowLoopback: true}
				p := webhook.PagerDutyOptions{Name: "p", RoutingKey: fixed("key"), URL: c.URL, AllowLoopback: true}
				var reads *[]bool
				switch which {
				case "url":
					o.URL, reads = failing(c.URL, after)
				case "first key":
					o.Keys[0], reads = failing(newKey, after)
				case "second key":
					o.Keys[1], reads = failing(oldKey, after)
				default:
					p.RoutingKey, reads = failing("key", after)
				}
				var r message.Receiver
				r, err := webhook.New(o)
				if which == "routing key" {
					r, err = webhook.NewPagerDuty(p)
				}
				if err != nil {
					t.Fatal(err)
				}
				prev := message.Ref{ID: "before"}
				ref, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), prev)
				if want := (message.Outcome{Result: message.Later, Reason: "secret store down"}); err == nil || got != want || ref != prev {
					t.Errorf("%+v %+v, %v; want %+v", ref, got, err, want)
				}
				if want := []bool{false, true}[:after+1]; !slices.Equal(*reads, want) || len(c.bodies) != after {
					t.Errorf("reads %v and %d calls, want %v and %d", *reads, len(c.bodies), want, after)
				}
			})
		}
	}
	c := catch(t, nil)
	for _, key := range []string{"", "whsec_%%%"} {
		r, err := webhook.New(webhook.Options{Name: "hook", URL: fixed(c.URL), Keys: []message.Credential{fixed(key)}, AllowLoopback: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err == nil || got.Result != message.Refused || len(c.bodies) > 0 {
			t.Errorf("key %q: %+v, %v, %d calls; want refused without a call", key, got, err, len(c.bodies))
		}
	}
}

// PagerDuty takes an incident that was over at once in two calls: what fails in the
// second leaves the old reference, so that both are repeated.
func TestTheSecondOfTwoCallsFails(t *testing.T) {
	n := 0
	c := catch(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n > 1 {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	ref, got, err := pagerDuty(t, c.URL).Deliver(t.Context(), render(incident.Past, cause.AuthInvalid), message.Ref{})
	if err == nil || got.Result != message.Refused || ref != (message.Ref{}) || n != 2 {
		t.Errorf("%+v %+v, %v after %d calls", ref, got, err, n)
	}
}

// full is a message in which every field differs from every other.
func full() message.Message {
	at := func(minute int) time.Time { return time.Date(2026, 11, 22, 18, minute, 0, 0, time.UTC) }
	return message.Message{
		ID: "id", Short: "INC-1", Shard: "eu", Revision: 7, Event: incident.Reminder, Events: []incident.Event{incident.Raised, incident.Reminder},
		State: message.Unstable, Severity: cause.SeverityWarning, Cause: cause.Slow, Check: "latency", Database: "db", Environment: "staging", Drill: true, Loud: true,
		Headline: "headline", Push: "push", News: "news", Impact: "impact", Notes: []message.Note{{Text: "note", By: "ann"}},
		Facts: []message.Fact{{Label: "fact", Text: "value"}}, Evidence: []message.Evidence{{Label: "evidence", Text: "<quoted> & more"}},
		Members:    []message.Member{{Database: "db2", Short: "INC-2", Open: true, Cause: cause.Mock, Since: at(3)}, {Database: "db3", Short: "INC-3", Since: at(4)}},
		CauseTitle: "title", CauseText: "text", Fix: []message.Step{{Text: "one"}, {Text: "two", Commands: []string{"run this"}}}, Next: "next",
		Links:   []message.Link{{Label: "Playbook", URL: "https://p"}, {Label: "Dashboard", URL: "https://d?a=1&b=2"}},
		Actions: []message.Action{{Label: "Acknowledge", URL: "https://inbound/?sig=1"}},
		Since:   at(0), Until: at(1), At: at(2),
	}
}

// fields is the one JSON body that a receiver sends, by key.
func fields(t *testing.T, r message.Receiver, c *catcher, m message.Message) map[string]any {
	t.Helper()
	c.bodies = nil
	if _, _, err := r.Deliver(t.Context(), m, message.Ref{}); err != nil || len(c.bodies) != 1 {
		t.Fatalf("%v, %d bodies", err, len(c.bodies))
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(c.bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// Each field of a message arrives under its own key, and no signed link does.
func TestEveryFieldArrives(t *testing.T) {
	c := catch(t, nil)
	type object = map[string]any
	list := func(all ...any) []any { return all }
	want := object{"version": 1.0, "type": "incident.reminder", "timestamp": "2026-11-22T18:02:00Z", "data": object{
		"incident": "id", "short_id": "INC-1", "shard": "eu", "revision": 7.0, "events": list("raised", "reminder"), "state": "unstable", "severity": "warning",
		"drill": true, "database": "db", "environment": "staging", "check": "latency", "cause": "slow", "since": "2026-11-22T18:00:00Z", "until": "2026-11-22T18:01:00Z",
		"title": "headline", "summary": "push", "news": "news", "impact": "impact", "facts": list(object{"label": "fact", "text": "value"}), "notes": list("note by ann."),
		"evidence": list(object{"label": "evidence", "text": "<quoted> & more"}), "cause_title": "title", "fix": list("one", "two"), "commands": list("run this"), "next": "next",
		"members": list(
			object{"database": "db2", "short_id": "INC-2", "open": true, "cause": "mock_active", "since": "2026-11-22T18:03:00Z"},
			object{"database": "db3", "short_id": "INC-3", "open": false, "since": "2026-11-22T18:04:00Z"}),
		"links": list(object{"label": "Playbook", "text": "https://p"}, object{"label": "Dashboard", "text": "https://d?a=1&b=2"}),
	}}
	want["data"].(object)["members"].([]any)[0].(object)["cause"] = string(cause.Mock)
	if diff := cmp.Diff(want, fields(t, generic(t, c.URL), c, full())); diff != "" {
		t.Errorf("webhook (-want +got):\n%s", diff)
	}
	if !strings.Contains(c.bodies[0], "<quoted> & more") {
		t.Errorf("the body escapes what JSON need not: %s", c.bodies[0])
	}
	m := full()
	m.Until = time.Time{}
	if data := fields(t, generic(t, c.URL), c, m)["data"].(object); data["until"] != nil {
		t.Errorf("an end before the end: %v", data["until"])
	}

	want = object{
		"routing_key": "routing-key", "event_action": "trigger", "dedup_key": "pongwatch/id", "client": "pongwatch", "client_url": "https://d?a=1&b=2",
		"payload": object{
			"summary": "headline · INC-1", "source": "db", "severity": "info", "timestamp": "2026-11-22T18:00:00Z", "component": "db", "group": "eu", "class": "slow",
			"custom_details": object{
				"incident": "INC-1", "what_to_do": list("one", "two", "run this"), "likely_cause": "title", "next": "next", "impact": "impact", "news": "news", "environment": "staging",
				"fact": "value", "evidence: evidence": "<quoted> & more", "databases": "  " + strings.Join(full().MemberLines(), "\n  ") + "\n",
			},
		},
		"links": list(object{"href": "https://p", "text": "Playbook"}, object{"href": "https://d?a=1&b=2", "text": "Dashboard"}),
	}
	if diff := cmp.Diff(want, fields(t, pagerDuty(t, c.URL), c, full())); diff != "" {
		t.Errorf("PagerDuty (-want +got):\n%s", diff)
	}
	m = full()
	m.State, m.Opening, m.Loud, m.Events = message.Acknowledged, false, false, []incident.Event{incident.Acknowledged}
	want = object{"routing_key": "routing-key", "event_action": "acknowledge", "dedup_key": "pongwatch/id"}
	if diff := cmp.Diff(want, fields(t, pagerDuty(t, c.URL), c, m)); diff != "" {
		t.Errorf("an acknowledge (-want +got):\n%s", diff)
	}
}

func TestPagerDutysOwnFields(t *testing.T) {
	c := catch(t, nil)
	p := pagerDuty(t, c.URL)
	payload := func(change func(*message.Message)) map[string]any {
		m := full()
		m.Drill = false
		change(&m)
		return fields(t, p, c, m)["payload"].(map[string]any)
	}
	for severity, want := range map[cause.Severity]string{cause.SeverityCritical: "critical", cause.SeverityWarning: "warning", cause.SeverityInfo: "info", "": "warning"} {
		if got := payload(func(m *message.Message) { m.Severity = severity })["severity"]; got != want {
			t.Errorf("severity %q is %v, want %s", severity, got, want)
		}
		if got := payload(func(m *message.Message) { m.Severity, m.Drill = severity, true })["severity"]; got != "info" {
			t.Errorf("a drill of severity %q is %v, want info", severity, got)
		}
	}
	if got := payload(func(m *message.Message) { m.Database = "" }); got["source"] != "shard eu" || got["component"] != nil {
		t.Errorf("a group comes from %v, component %v", got["source"], got["component"])
	}
	for _, over := range []int{0, 1} {
		summary, _ := payload(func(m *message.Message) { m.Headline = strings.Repeat("é", 1024-len(" | INC-1")+over) })["summary"].(string)
		if utf8.RuneCountInString(summary) != 1024 || strings.HasSuffix(summary, "…") != (over == 1) {
			t.Errorf("%d over: a summary of %d characters", over, utf8.RuneCountInString(summary))
		}
	}
	details, _ := payload(func(m *message.Message) { m.Impact, m.News, m.Environment, m.Members = "", "", "", nil })["custom_details"].(map[string]any)
	for _, key := range []string{"impact", "news", "environment", "databases"} {
		if _, ok := details[key]; ok {
			t.Errorf("%s is there without a value", key)
		}
	}
}

// What PagerDuty is told depends on what is news, and on what it knows of the incident.
func TestPagerDutysActions(t *testing.T) {
	ack, joined, resolved := incident.Acknowledged, incident.Joined, incident.Resolved
	for _, tt := range []struct {
		name          string
		state         message.State
		opening, loud bool
		events        []incident.Event
		generation    int
		prev          message.Ref
		want          string
		ref           message.Ref
	}{
		{name: "an opening triggers", state: message.Open, opening: true, loud: true, want: "trigger id"},
		{name: "news is added to the alert's log", state: message.Open, loud: true, want: "trigger id"},
		{name: "a silent edit says nothing", state: message.Open},
		{name: "unstable is news", state: message.Unstable, loud: true, want: "trigger id"},
		{name: "a silence says nothing", state: message.Silenced},
		{name: "what is acknowledged already is opened acknowledged", state: message.Acknowledged, opening: true, want: "trigger id, acknowledge id", ref: message.Ref{Thread: "1"}},
		{name: "an acknowledge is sent", state: message.Acknowledged, events: []incident.Event{ack}, want: "acknowledge id", ref: message.Ref{Thread: "1"}},
		{name: "and is sent once, whatever is edited later", state: message.Acknowledged, events: []incident.Event{incident.Updated}, prev: message.Ref{ID: "id", Thread: "1"}},
		{name: "nor is it sent with another one's acknowledge", state: message.Acknowledged, events: []incident.Event{ack}, prev: message.Ref{ID: "id", Thread: "1"}},
		{name: "later members are an alert of their own", state: message.Open, loud: true, events: []incident.Event{joined}, generation: 2, prev: message.Ref{ID: "id", Thread: "1"}, want: "trigger id/2", ref: message.Ref{Thread: "1"}},
		{name: "an acknowledge is of all alerts without one", state: message.Acknowledged, events: []incident.Event{ack}, generation: 2, prev: message.Ref{ID: "id", Thread: "1"}, want: "acknowledge id/1, acknowledge id/2", ref: message.Ref{Thread: "3"}},
		{name: "what is over is opened and resolved", state: message.Resolved, opening: true, loud: true, want: "trigger id, resolve id"},
		{name: "the end is the end of all alerts", state: message.Resolved, loud: true, events: []incident.Event{resolved}, generation: 1, prev: message.Ref{ID: "id"}, want: "resolve id, resolve id/1", ref: message.Ref{Channel: "1", Thread: "1"}},
		{name: "but of those that are over", state: message.Resolved, loud: true, events: []incident.Event{resolved}, generation: 1, prev: message.Ref{ID: "id", Channel: "1", Thread: "1"}, want: "resolve id/1", ref: message.Ref{Channel: "1", Thread: "1"}},
		{name: "what failed again before its end was told is ended first, as an acknowledged alert would notify no one", state: message.Open, loud: true, events: []incident.Event{incident.Reopened, resolved}, prev: message.Ref{ID: "id", Thread: "1"}, want: "resolve id, trigger id"},
		{name: "what is gone is opened and resolved", state: message.Gone, opening: true, loud: true, want: "trigger id, resolve id"},
		{name: "what is gone is resolved", state: message.Gone, loud: true, want: "resolve id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := catch(t, nil)
			m := full()
			m.State, m.Opening, m.Loud, m.Events, m.Generation = tt.state, tt.opening, tt.loud, tt.events, tt.generation
			ref, got, err := pagerDuty(t, c.URL).Deliver(t.Context(), m, tt.prev)
			tt.ref.ID = "id"
			if tt.want == "" {
				tt.ref = tt.prev
			}
			if err != nil || got != (message.Outcome{Result: message.Delivered, Unsent: tt.want == ""}) || ref != tt.ref {
				t.Errorf("%+v %+v, %v; want %+v", ref, got, err, tt.ref)
			}
			var actions []string
			for _, body := range c.bodies {
				var e struct {
					Action string `json:"event_action"`
					Key    string `json:"dedup_key"`
				}
				if err := json.Unmarshal([]byte(body), &e); err != nil {
					t.Fatal(err)
				}
				actions = append(actions, e.Action+" "+strings.TrimPrefix(e.Key, "pongwatch/"))
			}
			if strings.Join(actions, ", ") != tt.want {
				t.Errorf("%v, want %q", actions, tt.want)
			}
		})
	}
}

// The id of a webhook's message is that of one receiver, incident and revision.
func TestIDsTellMessagesApart(t *testing.T) {
	c := catch(t, nil)
	id := func(name string, change func(*message.Message)) string {
		r, err := webhook.New(webhook.Options{Name: name, URL: fixed(c.URL), Keys: []message.Credential{fixed(newKey)}, AllowLoopback: true, Now: func() time.Time { return messagetest.Now }})
		if err != nil {
			t.Fatal(err)
		}
		m := full()
		change(&m)
		ref, _, err := r.Deliver(t.Context(), m, message.Ref{})
		if err != nil || ref.ID != c.heads[len(c.heads)-1].Get("webhook-id") || !strings.HasPrefix(ref.ID, "msg_") {
			t.Fatalf("%+v, %v", ref, err)
		}
		return ref.ID
	}
	same := id("hook", func(*message.Message) {})
	if again := id("hook", func(m *message.Message) { m.Headline = "another" }); again != same {
		t.Errorf("a repetition has id %s, want %s", again, same)
	}
	for what, other := range map[string]string{
		"revision": id("hook", func(m *message.Message) { m.Revision++ }), "incident": id("hook", func(m *message.Message) { m.ID = "id2" }), "receiver": id("hook2", func(*message.Message) {}),
	} {
		if other == same {
			t.Errorf("another %s has the same id", what)
		}
	}
}
