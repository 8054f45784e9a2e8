package alert

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// These tests count what people hear through the whole function: from the message of
// Pub/Sub, over the stored state, to the receivers.

// TestAHundredDatabasesAtOnce: all databases of a shard fail in the same minute.
// Slack and mail get one message each that names all of them, and one resolve.
func TestAHundredDatabasesAtOnce(t *testing.T) {
	t.Parallel()
	const databases = 100
	var b strings.Builder
	b.WriteString("regions: [us]\ndatabases:\n")
	for i := range databases {
		fmt.Fprintf(&b, "  - {name: db-%03d, region: us-east-1, url: \"https://a.upstash.io\", token: \"sm://projects/p/secrets/a\"}\n", i)
	}
	b.WriteString(deliveryDocument[strings.Index(deliveryDocument, "receivers:"):])
	for mode, webhook := range map[string]bool{"bot": false, "webhook": true} {
		t.Run(mode, func(t *testing.T) {
			s := newServersOf(t, b.String(), webhook, false)
			for minute := range 20 {
				c := cause.Cause("")
				if minute >= firing && minute < resolving {
					c = cause.AuthInvalid
				}
				var obs []report.Observation
				for i := range databases {
					obs = append(obs, s.world.ping(fmt.Sprintf("db-%03d", i), c))
				}
				s.world.push(s.world.report(obs...))
				s.world.push(metrics(t, s.world))
				s.world.clock.Add(30 * time.Second)
				s.world.tick()
				s.world.clock.Add(30 * time.Second)
			}
			messages := s.slack.Messages()
			if len(messages) != 2 {
				t.Fatalf("Slack has %d messages, want the opening and the resolve", len(messages))
			}
			opening := messages[0].Content
			if !webhook { // the first is edited, the second is the reply
				if len(messages[0].Edits) == 0 || messages[1].ThreadTS != messages[0].TS {
					t.Fatalf("the bot's message was edited %d times, the second is a reply to %q", len(messages[0].Edits), messages[1].ThreadTS)
				}
				opening = messages[0].Edits[0]
			}
			listed := map[string]string{"Slack": string(opening.Blocks)}
			for _, who := range []string{"alice", "bob"} {
				var mails []string
				for _, m := range s.mail.Mails() {
					if m.To[0] == who+"@example.com" {
						mails = append(mails, m.Text)
					}
				}
				if len(mails) != 2 || !strings.Contains(mails[1], "All 100 databases are up again") {
					t.Fatalf("%s has %d mails, want the opening and the resolve", who, len(mails))
				}
				listed["the mail to "+who] = mails[0]
			}
			for where, text := range listed {
				for i := range databases {
					if name := fmt.Sprintf("db-%03d", i); !strings.Contains(text, name) {
						t.Errorf("%s does not name %s", where, name)
					}
				}
			}
			if text := messages[1].Text; !strings.Contains(text, "All 100 databases are up again") {
				t.Errorf("the resolve says %q", text)
			}
		})
	}
}

// diary writes down when its owner was disturbed, in minutes since noon, and counts
// the silent edits.
type diary struct {
	name  string
	clock func() time.Time

	mu     sync.Mutex
	heard  []string
	silent int
}

func (r *diary) Name() string { return r.name }

func (r *diary) Deliver(_ context.Context, m message.Message, _ message.Ref) (message.Ref, message.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Loud {
		r.heard = append(r.heard, fmt.Sprintf("%d %s", int(r.clock().Sub(noon)/time.Minute), m.Event))
	} else {
		r.silent++
	}
	return message.Ref{ID: m.ID}, message.Outcome{Result: message.Delivered}, nil
}

const noiseDocument = `
regions: [us]
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}
receivers:
  - {name: slack, slack: {webhook: "sm://projects/p/secrets/slack"}}
  - {name: mail, email: {host: smtp.example.com, from: p@example.com, to: [x@example.com]}}
  - {name: boss, email: {host: smtp.example.com, from: p@example.com, to: [boss@example.com]}}
routes:
  - {receivers: [slack, mail], escalate_to: [boss]}
`

// TestNoiseIsHeardOnce: each letter is a minute of database a, "." good, "x" bad.
// Every receiver hears exactly this, whatever is edited silently.
func TestNoiseIsHeardOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, life, oncall, boss string }{
		{
			"it flips every run for two hours: one open, one flapping notice, one escalation, reminders at their interval",
			strings.Repeat(".x", 60),
			"5 opened; 6 flapping; 35 reminder; 95 reminder",
			"20 escalated; 35 reminder; 95 reminder",
		},
		{
			"five minutes down, five up, for eight hours: twelve notifications",
			strings.Repeat("xxxxx.....", 48) + strings.Repeat(".", 40),
			"1 opened; 6 resolved; 11 reopened; 17 resolved; 21 reopened; 27 resolved; 31 unstable; 61 reminder; 121 reminder; 241 reminder; 481 reminder; 504 resolved",
			"31 escalated; 61 reminder; 121 reminder; 241 reminder; 481 reminder; 504 resolved",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			diaries := map[string]*diary{}
			w := newWorld(t, func(o *Options) {
				o.Config, o.Receivers = parse(t, noiseDocument), map[string]message.Receiver{}
				for _, name := range []string{"slack", "mail/x@example.com", "boss/boss@example.com"} {
					diaries[name] = &diary{name: name, clock: o.Now}
					o.Receivers[name] = diaries[name]
				}
			})
			for _, letter := range c.life {
				w.push(w.report(w.ping("a", map[rune]cause.Cause{'x': cause.TimeoutResponse}[letter])))
				w.push(metrics(t, w))
				w.clock.Add(30 * time.Second)
				w.tick()
				w.clock.Add(30 * time.Second)
			}
			for name, want := range map[string]string{"slack": c.oncall, "mail/x@example.com": c.oncall, "boss/boss@example.com": c.boss} {
				if diff := cmp.Diff(want, strings.Join(diaries[name].heard, "; ")); diff != "" {
					t.Errorf("%s heard (-want +got):\n%s", name, diff)
				}
				if n := len(diaries[name].heard); n > 12 {
					t.Errorf("%s heard %d notifications, want no more than 12", name, n)
				}
			}
			t.Logf("%d silent edits in Slack", diaries["slack"].silent)
		})
	}
}

// metrics is what Metrics reports where it has found nothing.
func metrics(t *testing.T, w *world) report.Message {
	t.Helper()
	now := w.clock.Now()
	m, err := report.Encode(report.Report{Job: report.Metrics, Region: "us", Shard: "main", Scheduled: now, Finished: now, Every: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBothJobsStop: HealthCheck and Metrics worked, and stop together. Nothing comes
// but the tick each minute, and an instance of Alert that has just started.
func TestBothJobsStop(t *testing.T) {
	w := newWorld(t, nil)
	for range 10 {
		w.push(w.report(w.ping("a", ""), w.ping("b", ""), w.ping("c", "")))
		w.push(metrics(t, w))
		w.clock.Add(time.Minute)
	}
	stopped := w.clock.Now().Add(-time.Minute) // the last report
	w.wantTold()
	restarted := newWorld(t, func(o *Options) {
		o.Store, o.Now = w.faulty, w.clock.Now
		o.Receivers = map[string]message.Receiver{w.slack.name: w.slack, w.mail.name: w.mail}
	})
	for len(w.slack.got) == 0 && w.clock.Now().Sub(stopped) < time.Hour {
		if code := restarted.tick(); code != http.StatusOK {
			t.Fatalf("the tick was answered %d", code)
		}
		if len(w.slack.got) == 0 {
			w.clock.Add(time.Minute)
		}
	}
	w.wantTold("opened")
	if took := w.clock.Now().Sub(stopped); took > 6*time.Minute {
		t.Errorf("told %v after the last report, want within 6 min", took)
	}
	for range 15 { // Metrics is missed later, and is edited in
		restarted.tick()
		w.clock.Add(time.Minute)
	}
	w.wantTold("opened")
	for _, inc := range w.state().Incidents {
		if inc.Series.Database != report.MonitorDatabase || inc.Series.Check != report.Monitor || inc.Severity != cause.SeverityCritical {
			t.Errorf("incident of %s, %s; want only a critical one of the monitor", inc.Series, inc.Severity)
		}
		var silent []string
		for _, src := range w.state().Series[inc.Series].Sources {
			if src.Down {
				silent = append(silent, src.Source)
			}
		}
		slices.Sort(silent)
		if diff := cmp.Diff([]string{"healthcheck@us", "metrics@"}, silent); diff != "" {
			t.Errorf("silent jobs (-want +got):\n%s", diff)
		}
	}
}

// TestStoreDownForHalfAnHour: without a store two instances, which is how many run,
// tell of an outage of three databases once each per slot of half an hour, in one
// message. When the store is back the outage is told as always, once.
func TestStoreDownForHalfAnHour(t *testing.T) {
	w := newWorld(t, nil)
	other := newWorld(t, func(o *Options) {
		o.Store, o.Now = w.faulty, w.clock.Now
		o.Receivers = map[string]message.Receiver{w.slack.name: w.slack, w.mail.name: w.mail}
	})
	minute := func(at *world, c cause.Cause) int {
		code := at.push(w.report(w.ping("a", c), w.ping("b", c), w.ping("c", c)))
		at.tick()
		w.clock.Add(time.Minute)
		return code
	}
	minute(w, "")
	minute(w, "")
	w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	var sends int
	for i := range 30 {
		m := w.report(w.ping("a", cause.TimeoutResponse), w.ping("b", cause.TimeoutResponse), w.ping("c", cause.TimeoutResponse))
		for range 5 { // Pub/Sub asks again and again, now this instance and now that
			for _, at := range []*world{w, other} {
				if code := at.push(m); code != http.StatusServiceUnavailable {
					t.Fatalf("minute %d: status %d, want 503", i, code)
				}
			}
		}
		w.clock.Add(time.Minute)
		sends = w.slack.tries
	}
	// 12:02 to 12:31 is in two slots.
	if want := 2 * 2; sends != want {
		t.Errorf("%d messages, want %d: one per instance and slot", sends, want)
	}
	w.faulty.Always(nil)
	minute(w, cause.TimeoutResponse)
	minute(w, cause.TimeoutResponse)
	minute(w, "")
	minute(w, "")
	minute(w, "")
	// The store's end, by the instance that found it, then the outage and its end.
	w.wantTold("opened", "opened", "opened", "opened", string(incident.Resolved), string(incident.Opened), string(incident.Resolved))
}
