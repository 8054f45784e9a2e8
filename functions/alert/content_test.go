package alert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// command publishes a command as the command line would.
func (w *world) command(c report.Command) {
	w.t.Helper()
	c.ID, c.By, c.At = fmt.Sprint("c", w.clock.Now().Unix()), "anna", w.clock.Now()
	m, err := report.Encode(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.push(m)
}

// keep keeps the messages that a receiver takes, quiet ones too.
func (r *fake) keep() *[]message.Message {
	var kept []message.Message
	r.during = func(m message.Message) { kept = append(kept, m) }
	return &kept
}

func (w *world) document(database string) incident.Document {
	w.t.Helper()
	for _, doc := range w.docs("incidents/v1/main/") {
		d, err := incident.DecodeDocument(doc.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		if d.Series.Database == database {
			return d
		}
	}
	w.t.Fatalf("no document of %s", database)
	return incident.Document{}
}

func TestAnAcknowledgeIsInTheMessageAndTheDocument(t *testing.T) {
	w := newWorld(t, nil)
	messages := w.slack.keep()
	w.minute(cause.AuthInvalid)
	w.command(report.Command{Action: report.Acknowledge, Incident: w.only(), Via: "cli"})
	w.tick()
	last := (*messages)[len(*messages)-1]
	if last.State != message.Acknowledged || last.Loud || !slices.ContainsFunc(last.Notes, func(n message.Note) bool {
		return n.By == "anna" && n.Via == "cli" && n.At.Equal(w.clock.Now())
	}) {
		t.Errorf("state %s, notes %+v, want it acknowledged by anna", last.State, last.Notes)
	}
	want := &incident.Ack{By: "anna", Via: "cli", At: w.clock.Now()}
	if diff := cmp.Diff(want, w.document("a").Ack); diff != "" {
		t.Errorf("document's acknowledge (-want +got):\n%s", diff)
	}
}

func TestTheFallbackSaysWhyItIsTold(t *testing.T) {
	w := newWorld(t, nil)
	messages := w.mail.keep()
	w.slack.answers = slices.Repeat([]message.Outcome{{Result: message.Refused, Reason: "channel_not_found"}}, 9)
	w.minute(cause.AuthInvalid)
	var said []string
	for _, m := range *messages {
		if m.Database == "a" {
			for _, n := range m.Notes {
				said = append(said, n.Text)
			}
			for _, e := range m.Evidence {
				said = append(said, e.Label+": "+e.Text)
			}
		}
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "because slack did not take a message") || !strings.Contains(text, "error of slack: channel_not_found") {
		t.Errorf("mail says %q, want who it stands in for and why", text)
	}
	told := w.document("a").Told
	if told["slack"].Refused != "channel_not_found" || told["mail/x@example.com"].At.IsZero() {
		t.Errorf("document says %+v", told)
	}
	monitor := w.document(report.MonitorDatabase)
	if monitor.Cause != cause.MonitorReceiver || monitor.Observation.Evidence != "slack: channel_not_found" {
		t.Errorf("the monitor's own incident: %s, %q", monitor.Cause, monitor.Observation.Evidence)
	}
	// A receiver that cannot be built says why, or that it is not configured.
	for problem, want := range map[string]string{"port 25 is closed": "port 25 is closed", "": "the receiver is not configured"} {
		w := newWorld(t, func(o *Options) {
			delete(o.Receivers, "slack")
			if problem != "" {
				o.Problems = map[string]string{"slack": problem}
			}
		})
		w.minute(cause.AuthInvalid)
		if got := w.document("a").Told["slack"].Refused; got != want {
			t.Errorf("refused because %q, want %q", got, want)
		}
	}
}

func TestADrillReachesWhomItIsFor(t *testing.T) {
	for _, tt := range []struct {
		receiver    string
		slack, mail []string
	}{{"", []string{"drill", "resolved"}, []string{"drill", "resolved"}}, {"mail/x@example.com", nil, []string{"drill", "resolved"}}} {
		w := newWorld(t, nil)
		messages := w.mail.keep()
		w.command(report.Command{Action: report.Drill, Receiver: tt.receiver})
		m := (*messages)[0]
		if !m.Drill || m.Cause != cause.Drill || m.Shard != "main" || !strings.Contains(fmt.Sprint(m.Evidence), "asked for by anna") {
			t.Errorf("message %+v, want a drill that anna asked for", m)
		}
		w.clock.Add(15 * time.Minute)
		w.tick()
		if diff := cmp.Diff([][]string{tt.slack, tt.mail}, [][]string{w.slack.got, w.mail.got}); diff != "" {
			t.Errorf("a drill for %q told (-want +got):\n%s", tt.receiver, diff)
		}
		for _, doc := range w.docs("incidents/v1/main/") {
			d, err := incident.DecodeDocument(doc.Data)
			if err != nil || !d.Drill || d.Resolved.IsZero() {
				t.Errorf("document %+v, %v", d, err)
			}
		}
	}
}

// The lines that Cloud Monitoring counts and alerts on, and people search for.
func TestLogLines(t *testing.T) {
	type line = map[string]any
	for _, tt := range []struct {
		event, level string
		play         func(*world)
		want         line
	}{
		{"undelivered", "ERROR", func(w *world) {
			w.slack.answers = slices.Repeat([]message.Outcome{{Result: message.Later, Reason: "503"}}, 9)
			w.minute(cause.AuthInvalid)
			w.clock.Add(3 * time.Minute)
			w.tick()
		}, line{"shard": "main", "since": "2026-11-22T12:00:00Z", "receivers": line{"slack": "503", "mail/x@example.com": ""}}},
		{"transition", "INFO", func(w *world) { w.minute(cause.AuthInvalid) }, line{
			"shard": "main", "transition": "opened", "series": "a/ping", "incident_severity": "critical", "cause": "auth_invalid", "withheld": "",
		}},
		{"delivery", "INFO", func(w *world) { w.minute(cause.AuthInvalid) }, line{
			"shard": "main", "receiver": "slack", "about": "opened", "revision": 1.0, "outcome": "delivered", "error": "", "retry_after_ms": 0.0, "took_ms": 0.0,
		}},
		{"delivery", "WARN", func(w *world) {
			w.slack.answers = []message.Outcome{{Result: message.Later, Reason: "503", RetryAfter: 7 * time.Second}}
			w.minute(cause.AuthInvalid)
		}, line{"outcome": "later", "error": "503", "retry_after_ms": 7000.0}},
		{"delivery", "WARN", func(w *world) {
			w.slack.answers = []message.Outcome{{Result: message.Unknown}}
			w.minute(cause.AuthInvalid)
		}, line{"outcome": "unknown", "error": "fake: "}},
		{"delivery", "ERROR", func(w *world) {
			w.slack.answers = []message.Outcome{{Result: message.Refused, Reason: "revoked"}}
			w.minute(cause.AuthInvalid)
		}, line{"outcome": "refused", "error": "revoked"}},
		{"poison", "ERROR", func(w *world) { w.post([]byte("hello")) }, line{"msg": "message cannot be read"}},
		{"newer", "ERROR", func(w *world) {
			w.push(report.Message{Attributes: map[string]string{"v": "2", "kind": "report", "shard": "main"}})
		}, line{"kind": "report"}},
		{"retry", "WARN", func(w *world) {
			w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
			w.tick()
		}, line{"message_id": "1"}},
		{"store_down", "ERROR", func(w *world) {
			w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
			w.minute(cause.AuthInvalid)
		}, line{"shard": "main", "databases": 1.0, "receiver": "slack", "outcome": "delivered"}},
		{"set_aside", "ERROR", func(w *world) {
			if _, err := w.memory.Put(w.t.Context(), store.Doc{Key: incident.StateKey("main"), Data: []byte("not a state")}); err != nil {
				w.t.Fatal(err)
			}
			w.tick()
		}, line{"shard": "main"}},
		{"clock", "WARN", func(w *world) {
			w.clock.Add(2 * time.Minute)
			m := w.report(w.ping("a", ""))
			w.clock.Add(-2 * time.Minute)
			w.push(m)
		}, line{"ahead_ms": 120000.0}},
		{"signal", "WARN", func(w *world) {
			m, err := report.Encode(report.Signal{ID: "1", Source: report.SourceEvent, Service: "stranger", Mode: report.Activated, At: w.clock.Now()})
			if err != nil {
				w.t.Fatal(err)
			}
			w.push(m)
		}, line{"service": "stranger"}},
		{"command", "INFO", func(w *world) { w.command(report.Command{Action: report.Drill, Via: "cli"}) }, line{"action": "drill", "by": "anna", "via": "cli"}},
		{"command", "WARN", func(w *world) {
			w.f.config.OnCall.Actors = []string{"bob"}
			w.command(report.Command{Action: report.Drill, Via: "cli"})
		}, line{"msg": "command refused", "by": "anna"}},
		{"heartbeat", "WARN", func(w *world) {
			w.f.options.Heartbeat = func(ctx context.Context) error { return errors.New("HTTP 502") }
			w.tick()
		}, line{"msg": "heartbeat failed", "error": "HTTP 502"}},
	} {
		t.Run(tt.event+" "+tt.level, func(t *testing.T) {
			w := newWorld(t, nil)
			tt.play(w)
			for _, got := range w.lines(tt.event) {
				same := got["level"] == tt.level
				for key, want := range tt.want {
					same = same && cmp.Equal(want, got[key])
				}
				if same {
					return
				}
			}
			t.Errorf("logged\n%s\nwant %s at %s with %v", w.logs, tt.event, tt.level, tt.want)
		})
	}
}

// Terraform counts and leaves out lines by their event: Alert must write those.
func TestTerraformFiltersKnowTheEventsOfAlert(t *testing.T) {
	text, err := os.ReadFile("../../terraform/monitoring.tf")
	if err != nil {
		t.Fatal(err)
	}
	counted := regexp.MustCompile(`service_name=\\"\$\{var\.prefix\}-alert\\" AND jsonPayload\.event=\\"(\w+)\\"`).FindAllStringSubmatch(string(text), -1)
	if len(counted) != 1 || counted[0][1] != eventUndelivered {
		t.Errorf("Terraform counts %q of Alert, want %q alone", counted, eventUndelivered)
	}
	left := regexp.MustCompile(`severity>=ERROR AND NOT jsonPayload\.event=\\"(\w+)\\"`).FindAllStringSubmatch(string(text), -1)
	if len(left) != 1 || left[0][1] != eventUndelivered {
		t.Errorf("of the errors Terraform leaves out %q, want %q alone, which has a policy of its own", left, eventUndelivered)
	}
}
