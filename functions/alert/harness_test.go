package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const document = `
regions: [us]
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}
  - {name: b, url: "https://b.upstash.io", token: "sm://projects/p/secrets/b"}
  - {name: c, url: "https://c.upstash.io", token: "sm://projects/p/secrets/c"}
services: {backend: a}
receivers:
  - {name: slack, fallback: mail, slack: {webhook: "sm://projects/p/secrets/slack"}}
  - {name: mail, email: {host: smtp.example.com, from: p@example.com, to: [x@example.com]}}
routes:
  - {receivers: [slack]}
`

func parse(t testing.TB, text string) *config.Config {
	t.Helper()
	c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(text)})
	if c == nil {
		t.Fatal(problems)
	}
	return c
}

// fake is a receiver that keeps what it took and answers as told.
type fake struct {
	name string
	// edits says that it changes what it has sent, as a bot does and a webhook or a mail cannot.
	edits bool

	mu sync.Mutex
	// answers are used up one by one; then everything is delivered.
	answers []message.Outcome
	// during runs while something is being delivered.
	during func(message.Message)
	got    []string
	tries  int
}

func (r *fake) Name() string { return r.name }

func (r *fake) Deliver(_ context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if r.during != nil {
		r.during(m)
	}
	if len(r.answers) > 0 {
		o := r.answers[0]
		r.answers = r.answers[1:]
		if o.Result != message.Delivered {
			return prev, o, fmt.Errorf("fake: %s", o.Reason)
		}
	}
	if !m.Loud && !r.edits {
		return prev, message.Outcome{Result: message.Delivered, Unsent: true}, nil
	}
	if m.Loud {
		r.got = append(r.got, string(m.Event))
	}
	if prev.IsZero() {
		prev.ID = fmt.Sprintf("%s-%d", r.name, r.tries)
	}
	return prev, message.Outcome{Result: message.Delivered}, nil
}

// world is an Alert function over a store and receivers that can be disturbed.
type world struct {
	t      testing.TB
	f      *Function
	memory *storetest.Memory
	faulty *storetest.Faulty
	slack  *fake
	mail   *fake
	logs   *bytes.Buffer
	clock  *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newWorld(t testing.TB, edit func(*Options)) *world {
	t.Helper()
	w := &world{
		t: t, clock: &clock{now: noon}, slack: &fake{name: "slack"}, mail: &fake{name: "mail/x@example.com"}, logs: &bytes.Buffer{},
	}
	w.memory = storetest.NewMemory(w.clock.Now)
	w.faulty = storetest.NewFaulty(w.memory)
	o := Options{
		Config: parse(t, document), Store: w.faulty, Now: w.clock.Now,
		Receivers: map[string]message.Receiver{w.slack.name: w.slack, w.mail.name: w.mail},
		Authorize: func(h http.Handler) http.Handler { return h },
		Jitter:    func(time.Duration) time.Duration { return 0 },
		Logger:    slog.New(slog.NewJSONHandler(&locked{w: w.logs}, nil)),
	}
	if edit != nil {
		edit(&o)
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.f = f
	return w
}

type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// push posts a message as Pub/Sub would and returns the status.
func (w *world) push(m report.Message) int {
	w.t.Helper()
	var e envelope
	e.Message.Data, e.Message.Attributes, e.Message.MessageID, e.Message.PublishTime = m.Data, m.Attributes, "1", w.clock.Now()
	body, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.post(body)
}

func (w *world) post(body []byte) int {
	rec := httptest.NewRecorder()
	w.f.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/Alert", bytes.NewReader(body)))
	return rec.Code
}

func (w *world) tick() int { return w.push(report.Tick()) }

func (w *world) report(obs ...report.Observation) report.Message {
	w.t.Helper()
	now := w.clock.Now()
	m, err := report.Encode(report.Report{
		Job: report.HealthCheck, Region: "us", Shard: "main", Scheduled: now, Finished: now, Every: time.Minute, Observations: obs,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) ping(database string, c cause.Cause) report.Observation {
	o := report.Observation{
		Database: database, Check: report.Ping, Source: "us", Status: report.OK, Clear: true, At: w.clock.Now(), Every: time.Minute, Attempts: 3,
	}
	if c != "" {
		o.Status, o.Clear, o.Cause = report.Fail, false, c
	}
	return o
}

// minute publishes a report about database a and lets a minute pass.
func (w *world) minute(c cause.Cause) int {
	w.t.Helper()
	code := w.push(w.report(w.ping("a", c)))
	w.clock.Add(time.Minute)
	return code
}

func (w *world) state() incident.State {
	w.t.Helper()
	doc, err := w.memory.Get(context.Background(), incident.StateKey("main"))
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) docs(prefix string) []store.Doc {
	from, to := store.Prefix(prefix)
	var out []store.Doc
	for d, err := range w.memory.Range(context.Background(), from, to) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}
