package alert

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	hooks "github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// The minutes of a row: database a fails from the second to the fifth minute.
const (
	firing    = 1
	resolving = 5
	watched   = 14
)

// deliveryTimeout is far above what loopback takes on a busy machine; where something
// hangs on purpose, hangTimeout ends it.
const (
	deliveryTimeout = 20 * time.Second
	hangTimeout     = 3 * time.Second
)

// deliveryHead is what docs/delivery.md says above its table.
const deliveryHead = `# What survives what

This table is written by a test, which runs one outage from 12:01 to 12:05 against
real servers of Slack and of mail while one thing goes wrong (functions/alert,
TestDeliveryTable; -update writes it anew). Alert hears a report every minute and a
tick half a minute later. A cell says what arrived, and when: opened, resolved, past
(both in one: "was down 12:01–12:05"), other (pongwatch reports on itself), without state, and the end of that (the store was down),
drill. After the clock has stepped back, times are the new clock's.
Alice and Bob get mail by themselves, and stand in for Slack where it refuses for good.

A message that arrives twice is the price of not losing one: the answer was lost after
the other side had accepted. Both have the same incident id, and mails the same Message-ID.

| what goes wrong | Slack | mail to Alice | mail to Bob |
|---|---|---|---|
`

// TestDeliveryTable runs one outage against real servers of Slack and of mail while
// one thing goes wrong, and records what arrived, how often and when. The table is
// committed: nothing may be lost in any row.
func TestDeliveryTable(t *testing.T) {
	t.Parallel()
	rows := []struct {
		what    string
		webhook bool
		hangs   bool
		// at is the minute before which breakIt is called.
		at      int
		breakIt func(*servers)
		// later, where set, is called before this minute.
		mendAt int
		mend   func(*servers)
	}{
		{what: "nothing"},
		{what: "nothing, by incoming webhook", webhook: true},
		{what: "Slack 503 once while firing", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 503}) }},
		{what: "Slack 503 twice while firing", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 503, Times: 2}) }},
		{what: "Slack 503 once while resolving", at: resolving, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 503}) }},
		{what: "Slack 503 twice while resolving", at: resolving, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 503, Times: 2}) }},
		{what: "Slack 503 during the whole outage", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 503, Times: -1}) }, mendAt: resolving + 3, mend: func(s *servers) { s.slack.Mend() }},
		{what: "webhook 503 twice while resolving", webhook: true, at: resolving, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 503, Times: 2}) }},
		{what: "Slack 429, Retry-After 30", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 429, RetryAfter: "30"}) }},
		{what: "Slack 429 without a header", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Status: 429}) }},
		{what: "Slack hangs once", hangs: true, at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Hang: true}) }},
		{what: "Slack resets after accepting", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Drop: true, Accept: true}) }},
		{what: "webhook resets after accepting", webhook: true, at: resolving, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Drop: true, Accept: true}) }},
		{what: "webhook answers 200, but not ok, twice", webhook: true, at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Body: "<html>", Times: 2}) }},
		{what: "Slack channel archived", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Code: "is_archived", Times: -1}) }},
		{what: "Slack channel archived while resolving", at: resolving, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Code: "is_archived", Times: -1}) }},
		{what: "bot token revoked, a new one is stored", at: firing, breakIt: func(s *servers) { s.token = "xoxb-revoked" }},
		{what: "blocks refused", at: firing, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Code: "invalid_blocks"}) }},
		{what: "blocks refused while resolving", at: resolving, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Code: "invalid_blocks"}) }},
		{what: "a person deletes the message", at: firing + 1, breakIt: func(s *servers) { m := s.slack.Messages()[0]; s.slack.Delete(m.Channel, m.TS) }},
		{what: "SMTP 451 once, for Bob", at: firing, breakIt: func(s *servers) {
			s.mail.Fail(emailtest.Fault{Stage: emailtest.StageData, Recipient: "bob@example.com", Code: 451})
		}},
		{what: "SMTP 550 for Bob", at: firing, breakIt: func(s *servers) {
			s.mail.Fail(emailtest.Fault{Stage: emailtest.StageRcpt, Recipient: "bob@example.com", Code: 550, Times: -1})
		}},
		{what: "SMTP refuses connections for 3 min", at: firing, breakIt: func(s *servers) { s.port = 1 }, mendAt: firing + 3, mend: func(s *servers) { s.port = s.mail.Port() }},
		{what: "SMTP hangs before the mail, once, for Bob", hangs: true, at: firing, breakIt: func(s *servers) {
			s.mail.Fail(emailtest.Fault{Stage: emailtest.StageRcpt, Recipient: "bob@example.com", Hang: true})
		}},
		{what: "SMTP answers slowly, for Bob", at: firing, breakIt: func(s *servers) {
			s.mail.Fail(emailtest.Fault{Stage: emailtest.StageData, Recipient: "bob@example.com", Delay: 100 * time.Millisecond, Accept: true})
		}},
		{what: "SMTP drops after accepting, for Bob", at: resolving, breakIt: func(s *servers) {
			s.mail.Fail(emailtest.Fault{Stage: emailtest.StageData, Recipient: "bob@example.com", Drop: true, Accept: true})
		}},
		{what: "store down for 3 min", at: firing, breakIt: func(s *servers) {
			s.world.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
		}, mendAt: firing + 3, mend: func(s *servers) { s.world.faulty.Always(nil) }},
		{what: "damaged file, set aside at a restart", at: firing + 1, breakIt: func(s *servers) {
			s.world.memory = storetest.NewMemory(s.world.clock.Now)
			s.world.f.store = s.world.memory
			if err := s.world.f.TakeOver(t.Context(), "documents.db: invalid database"); err != nil {
				t.Error(err)
			}
		}},
		{what: "SMTP offers no TLS", at: 0, breakIt: func(s *servers) { s.port = s.plain.Port() }},
		{what: "PagerDuty, in the same route, refuses the key", at: 0, breakIt: func(s *servers) { s.pagerStatus = 400; s.configure(withPager) }},
		{what: "PagerDuty, in the same route, is down", at: 0, breakIt: func(s *servers) { s.pagerStatus = 503; s.configure(withPager) }},
		{what: "the Slack receiver is renamed while firing", at: firing + 1, breakIt: func(s *servers) { s.configure(strings.ReplaceAll(deliveryDocument, "slack,", "chat,")) }},
		{what: "the Slack receiver is moved to another channel while firing", at: firing + 1, breakIt: func(s *servers) {
			s.configure(strings.ReplaceAll(deliveryDocument, "secrets/slack", "secrets/other"))
		}},
		{what: "Bob is removed while his mailbox refuses", at: firing, breakIt: func(s *servers) {
			s.mail.Fail(emailtest.Fault{Stage: emailtest.StageRcpt, Recipient: "bob@example.com", Code: 550, Times: -1})
		}, mendAt: firing + 2, mend: func(s *servers) { s.configure(strings.ReplaceAll(deliveryDocument, ", bob@example.com", "")) }},
		{what: "receiver works again: the archived channel is restored after the outage", at: resolving, breakIt: func(s *servers) { s.slack.Fail(slacktest.Fault{Code: "is_archived", Times: -1}) }, mendAt: resolving + 3, mend: func(s *servers) {
			s.slack.Mend()
			s.drill("slack")
		}},
		{what: "the clock steps back an hour while firing", at: firing + 2, breakIt: func(s *servers) { s.world.clock.Add(-time.Hour) }},
	}
	table := make([]string, len(rows))
	t.Run("rows", func(t *testing.T) {
		for i, row := range rows {
			t.Run(row.what, func(t *testing.T) {
				t.Parallel()
				s := newServers(t, row.webhook, row.hangs)
				for minute := range watched {
					if row.breakIt != nil && minute == row.at {
						row.breakIt(s)
					}
					if row.mend != nil && minute == row.mendAt {
						row.mend(s)
					}
					c := cause.Cause("")
					if minute >= firing && minute < resolving {
						c = cause.AuthInvalid
					}
					// Pub/Sub's message and, half a minute later, the tick.
					s.world.push(s.world.report(s.world.ping("a", c)))
					s.world.clock.Add(30 * time.Second)
					s.world.tick()
					s.world.clock.Add(30 * time.Second)
				}
				table[i] = fmt.Sprintf("| %s | %s | %s | %s |", row.what, s.channel(), s.inbox("alice"), s.inbox("bob"))
				s.nothingIsLost(t)
			})
		}
	})
	text := deliveryHead
	for _, line := range table {
		text += line + "\n"
	}
	t.Log("\n" + text)
	goldentest.Compare(t, "../../docs/delivery.md", text)
}

// withPager is the document with PagerDuty beside the others.
var withPager = strings.NewReplacer("routes:", "  - {name: pager, pagerduty: {routing_key: \"sm://projects/p/secrets/pager\"}}\nroutes:", "[slack, mail]", "[slack, mail, pager]").Replace(deliveryDocument)

// configure replaces the function by one with another configuration, over the same store.
func (s *servers) configure(document string) {
	o := s.options
	o.Config = parse(s.world.t, document)
	f, err := New(o)
	if err != nil {
		s.world.t.Fatal(err)
	}
	s.world.f = f
}

// drill asks for a drill of one receiver.
func (s *servers) drill(receiver string) {
	m, err := report.Encode(report.Command{ID: "drill", Action: report.Drill, Receiver: receiver, By: "alice", At: s.world.clock.Now()})
	if err != nil {
		s.world.t.Fatal(err)
	}
	s.world.push(m)
}

// servers are a Slack, a mail server and one without TLS, with an Alert before them.
type servers struct {
	world *world
	slack *slacktest.Server
	mail  *emailtest.Server
	plain *emailtest.Server
	// port is where mail is submitted; token is what the bot believes its token to be.
	port  int
	token string
	limit time.Duration
	// pagerStatus is what PagerDuty answers.
	pagerStatus int
	options     Options
}

const deliveryDocument = `
regions: [us]
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}
receivers:
  - {name: slack, fallback: mail, slack: {webhook: "sm://projects/p/secrets/slack"}}
  - {name: mail, email: {host: smtp.example.com, from: p@example.com, to: [alice@example.com, bob@example.com]}}
routes:
  - {receivers: [slack, mail]}
`

func newServers(t *testing.T, webhook, hangs bool) *servers {
	t.Helper()
	return newServersOf(t, deliveryDocument, webhook, hangs)
}

func newServersOf(t *testing.T, document string, webhook, hangs bool) *servers {
	t.Helper()
	s := &servers{limit: deliveryTimeout}
	if hangs {
		s.limit = hangTimeout
	}
	s.world = newWorld(t, func(o *Options) {
		var err error
		if s.slack, err = slacktest.New(slacktest.Options{Now: o.Now}); err != nil {
			t.Fatal(err)
		}
		if s.mail, err = emailtest.New(emailtest.Options{Now: o.Now}); err != nil {
			t.Fatal(err)
		}
		if s.plain, err = emailtest.New(emailtest.Options{Now: o.Now, NoTLS: true}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _, _ = s.slack.Close(), s.mail.Close(), s.plain.Close() })
		s.port, s.token = s.mail.Port(), s.slack.Token()
		o.Config = parse(t, document)
		channel := slack.Options{Name: "slack", AllowLoopback: true, Timeout: s.limit}
		if webhook {
			channel.Webhook = message.Fixed(secrets.New(s.slack.WebhookURL("alerts")))
		} else {
			channel.APIURL, channel.Channel = s.slack.APIURL(), "C0ALERTS"
			channel.Token = func(_ context.Context, refused bool) (secrets.Value, error) {
				if refused {
					s.token = s.slack.Token()
				}
				return secrets.New(s.token), nil
			}
		}
		o.Receivers = map[string]message.Receiver{}
		for _, name := range []string{"slack", "chat"} { // the same channel
			channel.Name = name
			receiver, err := slack.New(channel)
			if err != nil {
				t.Fatal(err)
			}
			o.Receivers[name] = receiver
		}
		duty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(s.pagerStatus) }))
		t.Cleanup(duty.Close)
		o.Receivers["pager"], err = hooks.NewPagerDuty(hooks.PagerDutyOptions{Name: "pager", URL: duty.URL, AllowLoopback: true, RoutingKey: message.Fixed(secrets.New("routing-key"))})
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"alice", "bob"} {
			r := &submitter{servers: s, to: who + "@example.com"}
			o.Receivers[r.Name()] = r
		}
		s.options = *o
	})
	return s
}

// submitter is a mail receiver whose server can move.
type submitter struct {
	servers *servers
	to      string
}

func (r *submitter) Name() string { return "mail/" + r.to }

func (r *submitter) Deliver(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	s := r.servers
	receiver, err := email.New(email.Options{
		Name: r.Name(), Host: s.mail.Host(), Port: s.port, RootCAs: s.mail.RootCAs(), From: "pongwatch@example.com", To: r.to, Timeout: s.limit,
		Username: message.Fixed(secrets.New(s.mail.Username())), Password: message.Fixed(secrets.New(s.mail.Password())),
	})
	if err != nil {
		return prev, message.Outcome{Result: message.Refused, Reason: err.Error()}, err
	}
	return receiver.Deliver(ctx, m, prev)
}

// channel says what the channel shows of database a's incident, in the order in
// which it came.
func (s *servers) channel() string {
	var got []string
	for _, m := range s.slack.Messages() {
		first := m.Content
		if len(m.Edits) > 0 {
			first = m.Edits[0]
		}
		if m.ThreadTS != "" {
			got = append(got, "reply "+what(first.Text)+clockTime(first.At))
			continue
		}
		got = append(got, what(first.Text)+clockTime(first.At))
	}
	return strings.Join(got, ", ")
}

func (s *servers) inbox(who string) string {
	var got []string
	for _, m := range append(s.mail.Mails(), s.plain.Mails()...) {
		if m.To[0] == who+"@example.com" {
			got = append(got, what(m.Text)+clockTime(m.At))
		}
	}
	return strings.Join(got, ", ")
}

func clockTime(at time.Time) string { return strings.TrimSuffix(at.Format(" 15:04:05"), ":00") }

func what(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	switch {
	case strings.Contains(line, "othing is wrong"):
		return "drill"
	case strings.Contains(line, "pongwatch itself"):
		return "other"
	case strings.Contains(line, "store down"):
		return "without state"
	case strings.Contains(line, "store works again"):
		return "end of that"
	case strings.Contains(line, "a is down"):
		return "opened"
	case strings.Contains(line, "a is up again"):
		return "resolved"
	case strings.Contains(line, "a was down"):
		return "past"
	}
	return line
}

// nothingIsLost: each of Slack and the two mailboxes has heard of the beginning and
// the end, or its stand-in has.
func (s *servers) nothingIsLost(t *testing.T) {
	t.Helper()
	all := map[string]string{"slack": s.channel(), "alice": s.inbox("alice"), "bob": s.inbox("bob")}
	heard := 0
	for who, got := range all {
		complete := strings.Contains(got, "past") || strings.Contains(got, "opened") && strings.Contains(got, "resolved")
		if complete {
			heard++
		}
		if n := strings.Count(got, "opened"); n > 2 {
			t.Errorf("%s: opened %d times: %s", who, n, got)
		}
	}
	if heard < 1 {
		t.Errorf("no receiver was told both ends: %v", all)
	}
}
