package local

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// post posts as a form of a page would, or as curl does.
func post(t *testing.T, url string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// Every mode can be switched to, and replaces the one before.
func TestModes(t *testing.T) {
	t.Parallel()
	p := startProcess(t, Options{}, nil)
	for _, m := range append(modes[1:len(modes):len(modes)], modes[0]) {
		resp := post(t, p.URL()+"/demo/break?mode="+m.Name, http.Header{})
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"mode":"`+m.Name+`"`) {
			t.Errorf("mode %s: %d %s", m.Name, resp.StatusCode, body)
		}
		if fault := string(p.demo.redis.Fault().Mode); fault != m.Name && (fault != "none" || m.Name != modeMock) {
			t.Errorf("mode %s: the emulator's fault is %s", m.Name, fault)
		}
	}
	// The health answer is kept for five seconds, so only these are waited for.
	for _, mode := range []struct{ name, status string }{{"none", "connected"}, {"auth", "unauthorized"}} {
		if err := p.demo.setMode(mode.name); err != nil {
			t.Fatal(err)
		}
		wait(t, time.Minute, mode.name+" shows as "+mode.status, func() bool { return p.status(t) == mode.status })
	}
}

// An app that stayed in memory says that it is connected, and Redis is. The proof finds it,
// with one message, and a restart of the app ends that.
func TestTheLieOfAnAppInMockModeIsFound(t *testing.T) {
	t.Parallel()
	p := startHurried(t)
	health := func() string {
		resp, err := http.Get(p.URL() + demoAppPath)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	wait(t, time.Minute, "a first run", func() bool { return p.status(t) == "connected" })
	if err := p.demo.setMode(modeMock); err != nil {
		t.Fatal(err)
	}
	wait(t, 60*time.Second, "an alert", func() bool { in := p.demo.received(); return len(in.Slack) > 0 && len(in.Mail) > 0 })
	in := p.demo.received()
	text := in.Slack[0].Text + string(in.Slack[0].Blocks)
	for _, want := range []string{"service demo-app", "what it wrote is not in the real Redis"} {
		if !strings.Contains(text, want) {
			t.Errorf("the alert lacks %q: %s", want, text)
		}
	}
	if body := health(); !strings.Contains(body, "connected") {
		t.Errorf("the app's health page says %s, want its lie", body)
	}
	if err := p.demo.setMode("none"); err != nil {
		t.Fatal(err)
	}
	wait(t, 90*time.Second, "the resolve", func() bool {
		in := p.demo.received()
		return len(in.Slack) > 0 && len(in.Slack[0].Thread) > 0 && len(in.Mail) > 1
	})
	if in := p.demo.received(); len(in.Slack) != 1 || len(in.Slack[0].Thread) != 1 || len(in.Mail) != 2 {
		t.Errorf("%d Slack messages and %d mails, want one opening and one end", len(in.Slack), len(in.Mail))
	}
}

// What a PONG is blind to is found by the write canary, and told once.
func TestCanaryModes(t *testing.T) {
	t.Parallel()
	p := startHurried(t)
	if err := p.demo.setMode("full"); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "an alert", func() bool { return len(p.demo.slack.Messages()) > 0 })
	pings := p.demo.redis.CommandCounts()["PING"]
	wait(t, time.Minute, "more runs", func() bool { return p.demo.redis.CommandCounts()["PING"] > pings+3 })
	if err := p.demo.setMode("none"); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "the resolve", func() bool { return len(p.demo.mail.Mails()) > 1 && len(p.demo.slack.Messages()) > 1 })
	in := p.demo.received()
	if len(in.Slack) != 1 || len(in.Slack[0].Thread) != 1 || len(in.Mail) != 2 {
		t.Errorf("%d Slack messages and %d mails, want an alert and its resolve: %+v", len(in.Slack), len(in.Mail), in)
	}
	if edits := in.Slack[0].Edits; edits != 1 {
		t.Errorf("%d edits, want the resolve's alone: nothing else was news", edits)
	}
}

// A folder that was named remembers what is broken and what was received.
func TestDemonstrationRemembers(t *testing.T) {
	t.Parallel()
	o := Options{
		Addr: "127.0.0.1:0", Data: t.TempDir(), Every: time.Second,
		Getenv: func(string) string { return "" }, Out: io.Discard, Logger: slog.New(slog.DiscardHandler),
	}
	first, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	if err := first.demo.setMode("auth"); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "an alert", func() bool { in := first.demo.received(); return len(in.Slack) == 1 && len(in.Mail) == 1 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	second := startProcess(t, o, nil)
	if in := second.demo.received(); len(in.Slack) != 1 || len(in.Mail) != 1 || second.demo.current() != "auth" {
		t.Errorf("after a restart mode %s, %d Slack messages, %d mails; want auth, 1, 1", second.demo.current(), len(in.Slack), len(in.Mail))
	}
	if err := second.demo.setMode("none"); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "the resolve", func() bool { in := second.demo.received(); return len(in.Slack) == 2 && len(in.Mail) == 2 })
	if in := second.demo.received(); in.Mail[1].InReplyTo != in.Mail[0].MessageID {
		t.Errorf("the resolve replies to %s, want the alert %s", in.Mail[1].InReplyTo, in.Mail[0].MessageID)
	}
}

// A link in a mail acknowledges the incident, its page says what came of it, and Slack's message
// says so. Later the link says what it cannot change any more.
func TestAcknowledgeByLink(t *testing.T) {
	t.Parallel()
	p := startProcess(t, Options{Every: time.Second}, nil)
	if err := p.demo.setMode("auth"); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "an alert", func() bool { in := p.demo.received(); return len(in.Slack) == 1 && len(in.Mail) == 1 })
	link := regexp.MustCompile(regexp.QuoteMeta(p.URL()) + `/webhook/incident\?a=acknowledge\S+`).FindString(p.demo.received().Mail[0].Text)
	if link == "" {
		t.Fatalf("the mail has no link to acknowledge:\n%s", p.demo.received().Mail[0].Text)
	}
	resp := post(t, link, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	page, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "<h1>Acknowledged INC-") || !strings.Contains(string(page), "is down: Redis refuses the token") {
		t.Fatalf("acknowledging: status code %d, want 200, what came of it and what it is about:\n%s", resp.StatusCode, page)
	}
	wait(t, time.Minute, "an edit that says so", func() bool {
		m := p.demo.received().Slack[0]
		return m.Edits > 0 && strings.Contains(m.Text+string(m.Blocks), "Acknowledged")
	})
	look := func() string {
		resp, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		page, _ := io.ReadAll(resp.Body)
		return string(page)
	}
	if page := look(); !strings.Contains(page, "is already acknowledged</h1>") || strings.Contains(page, "<form") {
		t.Errorf("a second look at the link:\n%s", page)
	}
	if err := p.demo.setMode("none"); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "a page that says that it is over", func() bool {
		page := look()
		return strings.Contains(page, "is over</h1>") && !strings.Contains(page, "<form")
	})
}

func TestBreakAnswers(t *testing.T) {
	p := startProcess(t, Options{}, nil)
	tests := []struct {
		name, mode string
		header     http.Header
		code       int
		location   string
	}{
		{"curl gets data", "none", http.Header{"Accept": {"*/*"}}, http.StatusOK, ""},
		{"a form gets its page again", "none", http.Header{"Accept": {"text/html,*/*"}, "Sec-Fetch-Site": {"same-origin"}}, http.StatusSeeOther, "/inbox"},
		{"a mode that does not exist", "explode", http.Header{}, http.StatusBadRequest, ""},
		{"another site's page", "auth", http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := post(t, p.URL()+"/demo/break?mode="+tt.mode, tt.header)
			if resp.StatusCode != tt.code || resp.Header.Get("Location") != tt.location {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, resp.Header.Get("Location"), tt.code, tt.location)
			}
		})
	}
	if mode := p.demo.current(); mode != "none" {
		t.Errorf("mode %q, want none: no refused request may change it", mode)
	}
}

func TestStartRefuses(t *testing.T) {
	taken := startProcess(t, Options{Data: t.TempDir()}, nil)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options Options
		env     map[string]string
		want    string
	}{
		{"an address that others can reach", Options{Addr: "0.0.0.0:0"}, nil, "--expose"},
		{"an address without a port", Options{Addr: "127.0.0.1"}, nil, "such as 127.0.0.1:8080"},
		{"a port that is taken", Options{Addr: strings.TrimPrefix(taken.URL(), "http://")}, nil, "takes any free port"},
		{"an interval below a second", Options{Addr: "127.0.0.1:0", Every: time.Millisecond}, nil, "at least 1s"},
		{"a folder that another process uses", Options{Addr: "127.0.0.1:0", Data: taken.data}, nil, "another process"},
		{"a folder that is a file", Options{Addr: "127.0.0.1:0", Data: file}, nil, "folder for state"},
		{"a configuration that cannot be read", Options{Addr: "127.0.0.1:0"}, map[string]string{"PONGWATCH_CONFIG": "{databases: 7}"}, "databases"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.options
			o.Getenv, o.Out, o.Logger = func(name string) string { return tt.env[name] }, io.Discard, slog.New(slog.DiscardHandler)
			p, err := Start(t.Context(), o)
			if err == nil {
				t.Fatalf("it started; closing: %v", p.close())
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want it to say %q", err, tt.want)
			}
		})
	}
}

// The demonstration's folder is gone at its end; a folder that was named stays.
func TestData(t *testing.T) {
	for _, named := range []bool{false, true} {
		o := Options{Addr: "127.0.0.1:0", Getenv: func(string) string { return "" }, Out: io.Discard, Logger: slog.New(slog.DiscardHandler)}
		if named {
			o.Data = filepath.Join(t.TempDir(), "data")
		}
		p, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(p.data); (err == nil) != named {
			t.Errorf("named %v: after the end the folder: %v", named, err)
		}
	}
}
