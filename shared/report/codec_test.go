package report

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
)

var scheduled = time.Date(2026, 11, 22, 18, 22, 0, 0, time.UTC)

func sample() Report {
	return Report{
		Job: HealthCheck, Region: "us-east4", Shard: "main", Scheduled: scheduled,
		Finished: scheduled.Add(420 * time.Millisecond), Every: time.Minute, Version: "v1.0.0",
		Observations: []Observation{
			{
				Database: "prod-cache", Check: Ping, Source: "us-east4", Status: Fail, Cause: cause.AuthInvalid,
				HTTPStatus: 401, Attempts: 2, Evidence: "WRONGPASS invalid or missing auth token",
				Phases: &Phases{Connect: 1.5, TLS: 9, Wait: 3, Total: 14, Reached: "response"}, TokenVersion: "7",
				At: scheduled, Every: time.Minute,
			},
			{
				Database: "prod-cache", Check: MockMode, Subject: "backend", Source: SourceApp, Status: OK, Clear: true,
				At: scheduled, Every: time.Minute,
			},
			{
				Database: "prod-cache", Check: Memory, Status: Warn, Value: new(0.91), Threshold: new(0.8),
				Unit: Ratio, At: scheduled, Every: 5 * time.Minute,
			},
		},
	}
}

func sampleCommand() Command {
	reopened := 1
	return Command{
		ID: "c1", Action: Silence, Shard: "main", Incident: "INC-7F3A9K", Reopened: &reopened, For: time.Hour,
		By: "U123", Via: "slack", At: scheduled,
	}
}

func sampleSignal() Signal {
	return Signal{
		ID: "s1", Source: SourceEvent, Service: "backend", Revision: "backend-42", Mode: Activated,
		Message: "MOCK MODE ACTIVE", At: scheduled,
	}
}

func TestEveryBodyComesBackAsItWasSent(t *testing.T) {
	published := scheduled.Add(time.Second)
	r, c, s := sample(), sampleCommand(), sampleSignal()
	for _, tc := range []struct {
		name  string
		m     Message
		err   error
		want  Decoded
		shard string
	}{
		{"a report", must(Encode(r)), nil, Decoded{Kind: KindReport, Report: &r}, "main"},
		{"a command for one shard", must(Encode(c)), nil, Decoded{Kind: KindCommand, Command: &c}, "main"},
		{"a signal names no shard", must(Encode(s)), nil, Decoded{Kind: KindSignal, Signal: &s}, ""},
		{"a tick has no body", Tick(), nil, Decoded{Kind: KindTick}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Decode(tc.m, published)
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Published = published
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if got := tc.m.Attributes[attributeShard]; got != tc.shard {
				t.Errorf("shard attribute %q, want %q", got, tc.shard)
			}
		})
	}
}

func must(m Message, err error) Message {
	if err != nil {
		panic(err)
	}
	return m
}

func TestDecodeSaysWhetherARetryCanHelp(t *testing.T) {
	edit := func(change func(*Message)) Message {
		m := must(Encode(sample()))
		change(&m)
		return m
	}
	bomb := func() []byte {
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		for range maxDecoded/1024 + 1 {
			_, _ = zw.Write(bytes.Repeat([]byte{' '}, 1024)) // into memory
		}
		_ = zw.Close()
		return buf.Bytes()
	}
	for _, tc := range []struct {
		name string
		m    Message
		want error
	}{
		{"a newer version is not malformed: this code is too old", edit(func(m *Message) { m.Attributes[attributeVersion] = "2" }), ErrNewer},
		{"no version", edit(func(m *Message) { delete(m.Attributes, attributeVersion) }), ErrMalformed},
		{"a version that is no number", edit(func(m *Message) { m.Attributes[attributeVersion] = "one" }), ErrMalformed},
		{"a kind that no version writes", edit(func(m *Message) { m.Attributes[AttributeKind] = "gossip" }), ErrMalformed},
		{"not gzip", edit(func(m *Message) { m.Data = []byte(`{"job":"healthcheck"}`) }), ErrMalformed},
		{"cut short", edit(func(m *Message) { m.Data = m.Data[:len(m.Data)/2] }), ErrMalformed},
		{"expands beyond the bound", edit(func(m *Message) { m.Data = bomb() }), ErrTooLarge},
		{"a report that is read as a command", edit(func(m *Message) { m.Attributes[AttributeKind] = string(KindCommand) }), ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Decode(tc.m, scheduled); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func TestEncodeRefusesWhatItsReaderWould(t *testing.T) {
	report := func(change func(*Report)) error {
		r := sample()
		change(&r)
		_, err := Encode(r)
		return err
	}
	command := func(change func(*Command)) error {
		c := sampleCommand()
		change(&c)
		_, err := Encode(c)
		return err
	}
	signal := func(change func(*Signal)) error {
		s := sampleSignal()
		change(&s)
		_, err := Encode(s)
		return err
	}
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"an unknown job", report(func(r *Report) { r.Job = "ping" }), `job "ping"`},
		{"no shard", report(func(r *Report) { r.Shard = "" }), "shard is empty"},
		{"no scheduled time", report(func(r *Report) { r.Scheduled = time.Time{} }), "scheduled is missing"},
		{"an observation of nothing", report(func(r *Report) { r.Observations[1].Database = "" }), "observations[1].database"},
		{"a check outside the closed set", report(func(r *Report) { r.Observations[0].Check = "uptime" }), `"uptime" is not a check`},
		{"a status outside the closed set", report(func(r *Report) { r.Observations[0].Status = "bad" }), `status "bad"`},
		{"evidence that was not cut", report(func(r *Report) { r.Observations[0].Evidence = strings.Repeat("x", 301) }), "301 bytes"},
		{"an observation that never says when it is silent", report(func(r *Report) { r.Observations[2].Every = 0 }), "observations[2].every"},
		{"a command without an id cannot be idempotent", command(func(c *Command) { c.ID = "" }), "id is empty"},
		{"a command of no person", command(func(c *Command) { c.By = "" }), "by is empty"},
		{"at no time", command(func(c *Command) { c.At = time.Time{} }), "at is missing"},
		{"acknowledging nothing", command(func(c *Command) { c.Action, c.Incident = Acknowledge, "" }), "needs an incident"},
		{"silencing nothing", command(func(c *Command) { c.Incident = "" }), "an incident or a database"},
		{"unsilencing nothing", command(func(c *Command) { c.Action, c.Incident = Unsilence, "" }), "an incident or a database"},
		{"a silence longer than a day", command(func(c *Command) { c.For = 25 * time.Hour }), "at most 24h"},
		{"an action outside the closed set", command(func(c *Command) { c.Action = "reboot" }), `action "reboot"`},
		{"a signal that is no outside evidence", signal(func(s *Signal) { s.Source = SourceProof }), `source "proof"`},
		{"a signal of no service", signal(func(s *Signal) { s.Service = "" }), "service is empty"},
		{"a signal of no mode", signal(func(s *Signal) { s.Mode = "on" }), `mode "on"`},
		{"a signal at no time", signal(func(s *Signal) { s.At = time.Time{} }), "at is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", tc.err, tc.want)
			}
		})
	}
}

func TestAReportThatWouldNotFitIsRefused(t *testing.T) {
	r := sample()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 12_000 {
		noise := make([]byte, 0, MaxEvidence)
		for len(noise) < MaxEvidence {
			noise = append(noise, byte('!'+random.IntN(90)))
		}
		r.Observations = append(r.Observations, Observation{
			Database: fmt.Sprint("db-", i), Check: Ping, Status: Fail, Evidence: string(noise), At: scheduled, Every: time.Minute,
		})
	}
	if _, err := Encode(r); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

func TestCutEvidence(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain text stays", "ERR max requests limit exceeded", "ERR max requests limit exceeded"},
		{"lines become one", "a\r\nb\tc", "a b c"},
		{"control and direction-changing characters go", "a\x00b\x1b[31m\u202ec\u2066d", "ab[31mcd"},
		{"invalid UTF-8 is replaced", "a\xffb", "a\uFFFDb"},
		{"long text is cut at a rune", strings.Repeat("é", 200), strings.Repeat("é", 148) + "…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := CutEvidence(tc.in)
			if got != tc.want {
				t.Errorf("CutEvidence(%q) = %q, want %q", tc.in, got, tc.want)
			}
			if len(got) > MaxEvidence || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
			}
		})
	}
}

func TestSeriesIsItsOwnText(t *testing.T) {
	for _, s := range []Series{
		{Database: "prod-cache", Check: Ping},
		{Database: "prod-cache", Check: MockMode, Subject: "backend"},
		{Database: MonitorDatabase, Check: Monitor},
	} {
		got, ok := ParseSeries(s.String())
		if !ok || got != s {
			t.Errorf("ParseSeries(%q) = %v, %v", s, got, ok)
		}
	}
	for _, text := range []string{"", "prod-cache", "/ping", "prod-cache/uptime"} {
		if s, ok := ParseSeries(text); ok {
			t.Errorf("ParseSeries(%q) = %v, want none", text, s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range []Message{must(Encode(sample())), must(Encode(sampleCommand())), must(Encode(sampleSignal())), Tick()} {
		f.Add(m.Data, m.Attributes[AttributeKind], m.Attributes[attributeVersion])
	}
	f.Fuzz(func(t *testing.T, data []byte, kind, version string) {
		d, err := Decode(Message{Data: data, Attributes: map[string]string{AttributeKind: kind, attributeVersion: version}}, scheduled)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("error %v is none that a reader acts on", err)
			}
			return
		}
		if d.Report != nil {
			if _, err := Encode(*d.Report); err != nil && !errors.Is(err, ErrTooLarge) {
				t.Errorf("a report that was read cannot be written: %v", err)
			}
		}
	})
}
