package preflight_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/internal/texttest"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// canaryToken must appear in no output.
const canaryToken = "AX9sASQgCanaryTokenThatMustNotBeShown0123456789="

// configured makes a configuration for emulators, by database.
func configured(t *testing.T, servers map[string]*upstashtest.Server) *config.Config {
	t.Helper()
	var b strings.Builder
	b.WriteString("version: 1\ndatabases:\n")
	for _, name := range []string{"cache", "queue"} {
		if s := servers[name]; s != nil {
			fmt.Fprintf(&b, "- {name: %s, url: %q, token: %q}\n", name, s.URL(), s.Token())
		}
	}
	c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(b.String())})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return c
}

func status(t *testing.T, r preflight.Record, name string) preflight.Result {
	t.Helper()
	for _, result := range r.Results {
		if result.Name() == name {
			return result
		}
	}
	t.Fatalf("no result %s", name)
	return preflight.Result{}
}

// A run leaves nothing behind and counts its commands as Upstash would bill them.
func TestARunIsSafeOnProduction(t *testing.T) {
	t.Parallel()
	for _, mode := range []upstashtest.Mode{upstashtest.None, upstashtest.Full, upstashtest.ReadonlyToken, upstashtest.ServerError} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s := upstashtest.Start(t, upstashtest.Options{Token: canaryToken})
			c, err := upstash.New(upstash.Options{URL: s.URL(), Token: secrets.New(s.Token()), AllowHTTP: true})
			if err != nil {
				t.Fatal(err)
			}
			do := func(args ...any) upstash.Reply {
				t.Helper()
				reply, err := c.Do(t.Context(), args...)
				if err != nil {
					t.Fatal(err)
				}
				return reply
			}
			do("SET", "ws:42:session:anna", `{"user":"anna"}`)
			do("SET", "sessions:anna@example.com", `{user: "secret of anna"}`)
			before := s.Commands()
			if err := s.Break(upstashtest.Fault{Mode: mode}); err != nil {
				t.Fatal(err)
			}
			record, err := preflight.Run(t.Context(), preflight.Options{
				Config: configured(t, map[string]*upstashtest.Server{"cache": s}), Upstash: upstash.Options{AllowHTTP: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			if used := s.Commands() - before; mode == upstashtest.None && record.Commands != used {
				t.Errorf("it says that %d commands were used, the server counted %d", record.Commands, used)
			}
			if record.Commands > 40 {
				t.Errorf("%d commands used", record.Commands)
			}
			if err := s.Break(upstashtest.Fault{}); err != nil {
				t.Fatal(err)
			}
			if n, err := do("DBSIZE").Int(); err != nil || n != 2 {
				t.Errorf("%d keys afterwards (%v), want the two from before", n, err)
			}
			shown := everyOutput(t, record)
			for _, hidden := range []string{canaryToken, "anna", "secret of"} {
				if strings.Contains(shown, hidden) {
					t.Errorf("an output shows %q:\n%s", hidden, shown)
				}
			}
			if mode != upstashtest.None {
				return
			}
			if f := status(t, record, "security.isolation"); f.Status != preflight.Warn || !strings.Contains(f.Evidence, "sessions:* (1)") {
				t.Errorf("isolation: %+v", f)
			}
			if f := status(t, record, "security.values"); f.Status != preflight.Warn || !strings.Contains(f.Evidence, "1 of 2 sampled values not JSON: sessions:* (1)") {
				t.Errorf("values: %+v", f)
			}
			// Plain http to the emulator is no way to reach a database.
			if f := status(t, record, "security.https"); f.Status != preflight.Fail || len(f.Fix) == 0 {
				t.Errorf("https: %+v", f)
			}
		})
	}
}

func everyOutput(t *testing.T, r preflight.Record) string {
	t.Helper()
	var b bytes.Buffer
	for _, write := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return preflight.WriteTable(b, r) },
		func(b *bytes.Buffer) error { return preflight.WriteJSON(b, r) },
		func(b *bytes.Buffer) error { return preflight.WriteJUnit(b, r) },
		func(b *bytes.Buffer) error { return preflight.WriteMarkdown(b, r) },
	} {
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// One broken database fails its own items only.
func TestDatabasesAreAskedApart(t *testing.T) {
	t.Parallel()
	cache, queue := upstashtest.Start(t, upstashtest.Options{}), upstashtest.Start(t, upstashtest.Options{})
	c := configured(t, map[string]*upstashtest.Server{"cache": cache, "queue": queue})
	queue.Rotate()
	o := preflight.Options{Config: c, Upstash: upstash.Options{AllowHTTP: true}, Only: []string{"database.token", "network.*", "redis.*"}}
	record, err := preflight.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]preflight.Status{
		"database.token/cache": preflight.Pass, "redis.queue/cache": preflight.Pass,
		"database.token/queue": preflight.Fail, "network.ping/queue": preflight.Skipped, "redis.queue/queue": preflight.Skipped,
	} {
		if got := status(t, record, name); got.Status != want {
			t.Errorf("%s: %s (%s %s), want %s", name, got.Status, got.Reason, got.Evidence, want)
		}
	}
	o.Database = "cache"
	if record, err = preflight.Run(t.Context(), o); err != nil || record.Count(preflight.Fail) > 0 || record.Results[0].Database != "" {
		t.Errorf("with one database: %+v, %v", record.Results, err)
	}
}

// The record to sign has every item with the customer's line, result, evidence, time,
// and once the version and the configuration.
func TestTheRecordCanBeSigned(t *testing.T) {
	t.Parallel()
	s := upstashtest.Start(t, upstashtest.Options{})
	c := configured(t, map[string]*upstashtest.Server{"cache": s})
	now := time.Date(2026, 1, 20, 9, 30, 0, 0, time.UTC)
	record, err := preflight.Run(t.Context(), preflight.Options{
		Config: c, Upstash: upstash.Options{AllowHTTP: true}, Version: "v1.2.3", Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := preflight.WriteMarkdown(&b, record); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"v1.2.3", c.Hash(), "| Signed |", "Signature", "2026-01-20T09:30:00Z"} {
		if !strings.Contains(page, want) {
			t.Errorf("the record lacks %q", want)
		}
	}
	rows := map[string][]string{}
	for line := range strings.Lines(page) {
		cells := unescaped.Split(strings.TrimSpace(line), -1)
		if len(cells) == 8 {
			rows[strings.TrimSpace(cells[1])] = cells
		}
	}
	unescape := strings.NewReplacer(`\`, "")
	for _, i := range preflight.Items() {
		cells := rows[i.ID]
		if cells == nil {
			t.Errorf("no row for %s", i.ID)
			continue
		}
		for _, line := range i.Lines {
			if !strings.Contains(unescape.Replace(cells[2]), line) {
				t.Errorf("%s: the row has %q, want the customer's line %q", i.ID, cells[2], line)
			}
		}
		for at, what := range map[int]string{3: "result", 4: "evidence", 5: "time"} {
			if strings.TrimSpace(cells[at]) == "" {
				t.Errorf("%s: no %s", i.ID, what)
			}
		}
	}
}

// unescaped finds the bars between cells.
var unescaped = regexp.MustCompile(` ?\| ?`)

// What others wrote, such as the name of a key, is text in every form.
func TestUntrustedTextStaysText(t *testing.T) {
	t.Parallel()
	record := preflight.Record{Results: []preflight.Result{{
		ID: "x", Lines: []string{"a | b"},
		Finding: preflight.Finding{Status: preflight.Fail, Reason: "a]]>&<b> | c |", Evidence: "`$(rm)` [link](http://x)"},
	}}}
	var table, page, junit strings.Builder
	for _, err := range []error{preflight.WriteTable(&table, record), preflight.WriteMarkdown(&page, record), preflight.WriteJUnit(&junit, record)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, active := range []string{"<b>", " | c |", " [link]"} {
		if strings.Contains(page.String(), active) {
			t.Errorf("the record has %q as markup:\n%s", active, page.String())
		}
	}
	if err := xml.Unmarshal([]byte(junit.String()), &struct{ XMLName xml.Name }{}); err != nil {
		t.Errorf("JUnit: %v\n%s", err, junit.String())
	}
}

// parsed is JUnit XML as build servers read it, declared apart from what is written.
type parsed struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Tests int `xml:"tests,attr"`
		Cases []struct {
			Name    string  `xml:"name,attr"`
			Class   string  `xml:"classname,attr"`
			Seconds float64 `xml:"time,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
				Type    string `xml:"type,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestJUnitIsReadBack(t *testing.T) {
	t.Parallel()
	s := upstashtest.Start(t, upstashtest.Options{})
	if err := s.Break(upstashtest.Fault{Mode: upstashtest.Full}); err != nil {
		t.Fatal(err)
	}
	record, err := preflight.Run(t.Context(), preflight.Options{
		Config: configured(t, map[string]*upstashtest.Server{"cache": s}), Upstash: upstash.Options{AllowHTTP: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := preflight.WriteJUnit(&b, record); err != nil {
		t.Fatal(err)
	}
	var got parsed
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != len(record.Results) || got.Failures != record.Count(preflight.Fail) || got.Skipped != record.Count(preflight.Manual)+record.Count(preflight.Skipped) {
		t.Errorf("%d tests, %d failures, %d skipped; want as in %s", got.Tests, got.Failures, got.Skipped, preflight.Summary(record))
	}
	n := 0
	for _, suite := range got.Suites {
		if suite.Tests != len(suite.Cases) {
			t.Errorf("a suite of %d tests has %d", suite.Tests, len(suite.Cases))
		}
		for _, c := range suite.Cases {
			want := record.Results[n]
			n++
			if c.Name != want.ID || !strings.HasPrefix(c.Class, "preflight.") || (c.Failure != nil) != (want.Status == preflight.Fail) {
				t.Errorf("case %+v, want %s %s", c, want.ID, want.Status)
			}
			if c.Name == "redis.write" && (c.Failure == nil || c.Failure.Type != "storage_full" || !strings.Contains(c.Failure.Text, want.Fix[0])) {
				t.Errorf("redis.write: %+v, want the cause and the fix", c.Failure)
			}
		}
	}
}

// A used-up quota says nothing about the token, so that PING runs all the same and
// names the cause.
func TestAnItemThatCannotTellBlocksNoOther(t *testing.T) {
	t.Parallel()
	s := upstashtest.Start(t, upstashtest.Options{})
	if err := s.Break(upstashtest.Fault{Mode: upstashtest.ServerError}); err != nil {
		t.Fatal(err)
	}
	record, err := preflight.Run(t.Context(), preflight.Options{
		Config: configured(t, map[string]*upstashtest.Server{"cache": s}), Upstash: upstash.Options{AllowHTTP: true}, Only: []string{"database.token", "network.*", "redis.write"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]preflight.Status{"database.token": preflight.Skipped, "network.ping": preflight.Fail, "redis.write": preflight.Skipped} {
		if got := status(t, record, id); got.Status != want {
			t.Errorf("%s: %+v, want %s", id, got.Finding, want)
		}
	}
}

// A token is redacted where another program's text quotes it.
func TestAQuotedTokenIsRedacted(t *testing.T) {
	t.Parallel()
	s := upstashtest.Start(t, upstashtest.Options{Token: canaryToken})
	record, err := preflight.Run(t.Context(), preflight.Options{
		Config: configured(t, map[string]*upstashtest.Server{"cache": s}), Upstash: upstash.Options{AllowHTTP: true},
		Monitor: monitor{err: errors.New("refused: " + canaryToken)}, Only: []string{"alerting.drill"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if shown := everyOutput(t, record); strings.Contains(shown, canaryToken) || !strings.Contains(record.Results[0].Evidence, "refused: ") {
		t.Errorf("the token is shown, or nothing is quoted:\n%s", shown)
	}
}

// A pongwatch at the given address, or what stands in its place, reaches neither the terminal nor
// the record's other forms with anything but words.
func TestOutsideTextComesThroughOneDoor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		said := texttest.Hostile(t, "said")
		page := func(v any) preflight.Page {
			body, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return preflight.Page{Status: http.StatusOK, Body: body}
		}
		record, err := preflight.Run(t.Context(), preflight.Options{
			Only: []string{"health.connected", "monitor.*", "alerting.drill"},
			Monitor: monitor{
				pages: map[string]preflight.Page{
					health:     page(map[string]any{"status": said, "cause": said, "evidence": said}),
					"/health":  page(map[string]any{"status": "late", "jobs": []any{map[string]string{"job": said, "shard": said, "state": said}}}),
					statistics: page(map[string]any{"generated_at": "2026-11-22T20:00:00Z", "missing": []string{said}, "databases": []any{map[string]string{"name": said}}}),
				},
				drill: incidents.Incident{ID: "x", Told: []incidents.Told{{Receiver: said, Delivery: incidents.DeliveryPending, Error: said}}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var table, markdown, junit strings.Builder
		if err := errors.Join(preflight.WriteTable(&table, record), preflight.WriteMarkdown(&markdown, record), preflight.WriteJUnit(&junit, record)); err != nil {
			t.Fatal(err)
		}
		for what, out := range map[string]string{"table": table.String(), "record": markdown.String(), "JUnit": junit.String()} {
			for line := range strings.Lines(out) {
				if why := texttest.Unfit(strings.TrimSuffix(line, "\n"), 32<<10); why != "" {
					t.Errorf("%s: %s: %.200q", what, why, line)
				}
			}
		}
		for _, result := range record.Results {
			if why := texttest.Unfit(result.Reason+" "+result.Evidence, 8<<10); why != "" {
				t.Errorf("%s: %s", result.ID, why)
			}
		}
	})
}
