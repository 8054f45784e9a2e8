package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// discarding are the options of a process whose output is not read.
func discarding(data string, env map[string]string) Options {
	return Options{
		Addr: "127.0.0.1:0", Data: data, Out: io.Discard, Logger: slog.New(slog.DiscardHandler),
		Getenv: func(name string) string { return env[name] },
	}
}

// A folder whose files cannot be used is refused, with the file's name.
func TestDataThatCannotBeUsed(t *testing.T) {
	folder := func(name string) func(string) error {
		return func(data string) error { return os.Mkdir(filepath.Join(data, name), 0o700) }
	}
	file := func(name, content string) func(string) error {
		return func(data string) error { return os.WriteFile(filepath.Join(data, name), []byte(content), 0o600) }
	}
	tests := []struct {
		name    string
		prepare func(data string) error
		want    string
	}{
		{"the documents are a folder", folder("documents.db"), "documents.db"},
		{"the queue is a folder", folder("queue.db"), "opening the queue"},
		{"the memory is a folder", folder("demonstration.json"), "reading the demonstration's memory"},
		{"the memory has a mode that does not exist", file("demonstration.json", `{"mode":"explode"}`), "breaking the demonstration as before"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := t.TempDir()
			if err := tt.prepare(data); err != nil {
				t.Fatal(err)
			}
			p, err := Start(t.Context(), discarding(data, nil))
			if err == nil {
				t.Fatalf("it started; closing: %v", p.close())
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want it to say %q", err, tt.want)
			}
		})
	}
}

// A queue that another process holds is refused by name.
func TestQueueOfAnotherProcess(t *testing.T) {
	data := t.TempDir()
	db, err := bolt.Open(filepath.Join(data, "queue.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := Start(t.Context(), discarding(data, nil)); err == nil || !strings.Contains(err.Error(), "queue.db: another process holds it") {
		t.Errorf("error %v, want the holder named", err)
	}
}

// A break that cannot be remembered is not reported as done.
func TestBreakThatCannotBeSaved(t *testing.T) {
	p := startProcess(t, Options{Data: t.TempDir()}, nil)
	p.demo.memory.path = filepath.Join(t.TempDir(), "no", "demonstration.json")
	resp := post(t, p.URL()+"/demo/break?mode=auth", http.Header{})
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), "saving the demonstration's memory") {
		t.Errorf("%d %s, want 500 with the reason", resp.StatusCode, body)
	}
	p.demo.memory.path = ""
	if mode := p.demo.current(); mode != "auth" {
		t.Errorf("mode %s, want auth: it is in force", mode)
	}
}

// A process that cannot serve ends with the reason, and removes its folder.
func TestRunThatCannotServe(t *testing.T) {
	p, err := Start(t.Context(), discarding("", nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = p.listener.Close()
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serving: ") {
		t.Errorf("Run: %v, want why it does not serve", err)
	}
	if _, err := os.Stat(p.data); !os.IsNotExist(err) {
		t.Errorf("its temporary folder: %v, want it removed", err)
	}
}

// A topic whose file takes no more, as on a full disk, goes on in memory.
func TestTopicOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	db := openDB(t, path)
	newTopic(t, db, nil)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	synctest.Test(t, func(t *testing.T) {
		var got []string
		tries := 0
		topic := &topic{name: "reports", db: db, logger: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1), pending: map[uint64]*delivery{}}
		topic.push = func(_ context.Context, envelope []byte) error {
			if tries++; tries == 1 {
				return errors.New("status code 503")
			}
			var p pushed
			if err := json.Unmarshal(envelope, &p); err != nil {
				return err
			}
			got = append(got, string(p.Message.Data))
			return nil
		}
		stop := start(t, topic, time.Second)
		for _, text := range []string{"one", "two"} {
			if err := topic.Publish(t.Context(), report.Message{Data: []byte(text)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		stop()
		if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" || topic.waiting() != 0 {
			t.Errorf("%d wait, delivered (-want +got):\n%s", topic.waiting(), diff)
		}
	})
}

// A topic whose file is closed takes nothing.
func TestTopicWithoutItsFile(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "queue.db"))
	topic := newTopic(t, db, nil)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := topic.Publish(t.Context(), report.Tick()); !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		t.Errorf("publishing: %v, want the file's error", err)
	}
	if n := topic.waiting(); n != 0 {
		t.Errorf("%d messages wait, want none of what was not stored", n)
	}
	if _, err := openTopic(db, "signals", newCaller(""), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "topic signals") {
		t.Errorf("opening: %v, want the topic named", err)
	}
}

// The greeting names what is watched, who is notified and what is wrong.
func TestGreet(t *testing.T) {
	database := `{name: %s, url: "https://%s.upstash.io", token: x}`
	one := fmt.Sprintf(database, "cache", "cache")
	two := one + ", " + fmt.Sprintf(database, "queue", "queue")
	receivers := `receivers: [{name: slack-oncall, slack: {webhook: "https://hooks.slack.com/services/T/B/x"}}, {name: second, slack: {webhook: "https://hooks.slack.com/services/T/B/y"}}]`
	tests := []struct {
		name, document string
		every          time.Duration
		want           []string
	}{
		{"one database and no receiver", "{databases: [" + one + "]}", 0, []string{
			"pongwatch watches cache and notifies no one: set SLACK_WEBHOOK_URL, or SMTP_HOST, SMTP_FROM and ALERT_EMAIL_TO, to be notified.\n", "ping every 1m0s, state in DATA\n", "Try:\n  curl -f URL/api/v1/health/redis\n",
		}},
		{"two databases and receivers", "{databases: [" + two + "], " + receivers + "}", 7 * time.Second, []string{
			"pongwatch watches 2 databases and notifies slack-oncall, second.\n", "ping every 7s, ",
		}},
		{"half of a mail configuration", "{databases: [" + one + "], receivers: [{name: email-oncall, email: {host: smtp.example.com}}]}", 0, []string{
			"notifies no one: ", "It cannot notify email-oncall: see the problems below.\n",
		}},
		{"a problem of one database", "{databases: [" + one + ", {name: bad, url: \"rediss://x\", token: x}]}", 0, []string{
			"\nThe configuration has 1 problem:\n  ", "databases[1].url",
		}},
		{"two problems", "{databases: [" + one + ", {name: bad, url: \"rediss://x\", token: x, plan: fre}]}", 0, []string{"\nThe configuration has 2 problems:\n"}},
		{"the demonstration", "", 0, []string{
			"pongwatch demonstrates itself", "  inbox      URL/inbox ", "ping every 5s, state in DATA\n", "modes: none, auth, quota, full, readonly, slow, hang, refuse, 5xx, mock\n", "pongwatch incidents --url URL",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			o := discarding(t.TempDir(), map[string]string{"PONGWATCH_CONFIG": tt.document})
			o.Out, o.Every = &out, tt.every
			p, err := Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.close() }()
			p.greet()
			text := strings.NewReplacer(p.URL(), "URL", p.data, "DATA").Replace(out.String())
			for _, want := range append(tt.want, "  dashboard  URL/\n") {
				if !strings.Contains(text, want) {
					t.Errorf("it lacks %q:\n%s", want, text)
				}
			}
			if tt.document != "" && strings.Contains(text, "/inbox") {
				t.Errorf("it offers an inbox that is not served:\n%s", text)
			}
		})
	}
}

// What was written for the cloud has one region here, and keeps the addresses it names.
func TestAdapt(t *testing.T) {
	for _, every := range []time.Duration{0, 7 * time.Second} {
		p := &Process{options: Options{Every: every}, caller: newCaller("http://127.0.0.1:8080")}
		c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(`
regions: [us-east4, eu-west1]
home: us-east4
shards: [{name: main}, {name: eu, regions: [eu-west1, us-east4], home: eu-west1}]
databases:
  - {name: a, url: "https://a.upstash.io", token: x}
  - {name: b, url: "https://b.upstash.io", token: x, shard: eu}
`)})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		configured := c.Databases[1].Checks.Ping.Every
		p.adapt(c)
		for _, s := range c.Shards {
			if len(s.Regions) != 0 || s.Home != "" {
				t.Errorf("shard %s: regions %v, home %q; want the process's own", s.Name, s.Regions, s.Home)
			}
		}
		if diff := cmp.Diff([]string{region}, c.Regions); diff != "" || c.Home != region {
			t.Errorf("regions %v, home %s; want %s", c.Regions, c.Home, region)
		}
		want := configured
		if every > 0 {
			want = every
			if c.Schedule.HealthCheck != every {
				t.Errorf("scheduled every %v, want %v", c.Schedule.HealthCheck, every)
			}
		}
		for _, d := range c.Databases {
			if d.Home != region || d.Checks.Ping.Every != want || d.Checks.Latency.Every != want || d.Checks.MockMode.Every != want {
				t.Errorf("%s: home %s, checks every %v, %v, %v; want %s and %v", d.Name, d.Home, d.Checks.Ping.Every, d.Checks.Latency.Every, d.Checks.MockMode.Every, region, want)
			}
		}
		if c.Links.Dashboard != "http://127.0.0.1:8080" || c.Inbound.URL != "http://127.0.0.1:8080/webhook" {
			t.Errorf("links %s and %s, want this process's", c.Links.Dashboard, c.Inbound.URL)
		}
		c.Links.Dashboard, c.Inbound.URL = "https://pages.example.com", "https://hook.example.com"
		p.adapt(c)
		if c.Links.Dashboard != "https://pages.example.com" || c.Inbound.URL != "https://hook.example.com" {
			t.Errorf("links %s and %s, want those of the configuration", c.Links.Dashboard, c.Inbound.URL)
		}
	}
}

// Each shard has jobs and an incident of its own.
func TestSeveralShards(t *testing.T) {
	t.Parallel()
	healthy, broken := upstashtest.Start(t, upstashtest.Options{}), upstashtest.Start(t, upstashtest.Options{})
	if err := broken.Break(upstashtest.Fault{Mode: upstashtest.Mode("auth")}); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, Options{Data: t.TempDir(), Every: time.Second}, map[string]string{"PONGWATCH_CONFIG": fmt.Sprintf(`
shards: [{name: main}, {name: eu}]
databases:
  - {name: here, url: %q, token: %q}
  - {name: there, url: %q, token: %q, shard: eu}
`, healthy.URL(), healthy.Token(), broken.URL(), broken.Token())})
	type answer struct {
		Incidents struct {
			Open []struct{ Shard, Database, Check string }
		}
		Databases []struct {
			Name   string
			ReadAt time.Time `json:"read_at"`
		}
	}
	var got answer
	wait(t, time.Minute, "an incident of shard eu, and the figures of shard main", func() bool {
		resp, err := http.Get(p.URL() + "/api/v1/admin/redis-metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got = answer{}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		// The database that fails comes first, and has no figures.
		return len(got.Incidents.Open) > 0 && len(got.Databases) == 2 && !got.Databases[1].ReadAt.IsZero()
	})
	if open := got.Incidents.Open; len(open) != 1 || open[0].Shard != "eu" || open[0].Database != "there" || open[0].Check != "ping" {
		t.Errorf("open is %+v, want the ping of there in shard eu", open)
	}
	for _, job := range []string{"HealthCheck", "Metrics"} {
		for _, shard := range []string{"main", "eu"} {
			if err := p.caller.post(t.Context(), "/"+job, nil, []byte(`{"shard":"`+shard+`"}`)); err != nil {
				t.Errorf("%s of shard %s: %v", job, shard, err)
			}
		}
	}
}

// Other commands read what the demonstration watches, and no secret with it.
func TestDemonstrationConfiguration(t *testing.T) {
	p, err := Start(t.Context(), discarding("", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.close() }()
	read := func() Demonstration {
		w := httptest.NewRecorder()
		p.demo.configurationHandler(p.URL())(w, httptest.NewRequest(http.MethodGet, DemonstrationPath, nil))
		var d Demonstration
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		for _, secret := range []string{p.demo.redis.Token(), p.demo.redis.APIKey(), p.demo.slack.Token()} {
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("it holds a secret:\n%s", w.Body)
			}
		}
		return d
	}
	d := read()
	if d.SecretManager != p.demo.secrets.Addr() || !strings.Contains(d.Authority, "BEGIN CERTIFICATE") {
		t.Errorf("Secret Manager %s, authority %s", d.SecretManager, d.Authority)
	}
	for _, mode := range []string{"none", modeMock} {
		if err := p.demo.setMode(mode); err != nil {
			t.Fatal(err)
		}
		c, problems := config.Parse(true, config.Document{Name: "demonstration", Text: []byte(read().Document)})
		if len(problems) > 0 || c.Databases[0].Mock || !c.Databases[0].Apps[0].Proof {
			t.Errorf("in mode %s: %v, mock %v; want an app that proves, and no flag", mode, problems, c.Databases[0].Mock)
		}
	}
}

// curl reads the mode that is in force and what to expect of it.
func TestBreakAnswer(t *testing.T) {
	p, err := Start(t.Context(), discarding("", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.close() }()
	w := httptest.NewRecorder()
	p.demo.breakHandler(w, httptest.NewRequest(http.MethodPost, "/demo/break?mode=slow", nil))
	var m inbox.Mode
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m.Name != "slow" || m.Label != "Slow" || !strings.Contains(m.Expect, "1.2 seconds") {
		t.Errorf("%s, want the mode with its label and what to expect", w.Body)
	}
	w = httptest.NewRecorder()
	p.demo.breakHandler(w, httptest.NewRequest(http.MethodPost, "/demo/break?mode=explode", nil))
	if want := `there is no mode "explode"; want one of none, auth, `; !strings.Contains(w.Body.String(), want) {
		t.Errorf("%s, want %q", w.Body, want)
	}
}

// A stop waits for a push in flight, and says that it stops.
func TestRunSaysThatItStops(t *testing.T) {
	var out strings.Builder
	o := discarding("", nil)
	o.Out = &out
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
	if !strings.HasSuffix(out.String(), "stopping\n") {
		t.Errorf("it ends with %q", out.String())
	}
}
