package alert

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestLogEntriesAreSignals(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const resource = `"insertId":"i1","timestamp":"2026-11-22T12:00:00Z","resource":{"type":"cloud_run_revision","labels":{"service_name":"backend","revision_name":"backend-00042-abc"}}`
	activated := report.Signal{
		ID: "i1", Source: report.SourceLogs, Service: "backend", Revision: "backend-00042-abc", Mode: report.Activated,
		Message: "MOCK MODE ACTIVE", At: at,
	}
	with := func(change func(*report.Signal)) report.Signal {
		s := activated
		change(&s)
		return s
	}
	tests := []struct {
		name  string
		entry string
		want  report.Signal
	}{
		{"plain text", `{` + resource + `,"textPayload":"MOCK MODE ACTIVE"}`, activated},
		{
			"plain text in another case, behind an emoji", `{` + resource + `,"textPayload":" ⚠️ Mock mode active, no URL"}`,
			with(func(s *report.Signal) { s.Message = "⚠️ Mock mode active, no URL" }),
		},
		{
			"what the examples log", `{` + resource + `,"jsonPayload":{"message":"MOCK MODE ACTIVE: url_missing","event":"redis_mock_mode_activated","service":"worker","reason":"url_missing"}}`,
			with(func(s *report.Signal) {
				s.Message, s.Service, s.Reason = "MOCK MODE ACTIVE: url_missing", "worker", "url_missing"
			}),
		},
		{
			"the event alone", `{` + resource + `,"jsonPayload":{"event":"redis_mock_mode_activated"}}`,
			with(func(s *report.Signal) { s.Message = "" }),
		},
		{
			"the end", `{` + resource + `,"jsonPayload":{"message":"Redis is connected","event":"redis_mock_mode_deactivated"}}`,
			with(func(s *report.Signal) { s.Message, s.Mode = "Redis is connected", report.Deactivated }),
		},
		{
			"an open limiter", `{` + resource + `,"jsonPayload":{"message":"MOCK MODE ACTIVE","event":"redis_limiter_open_activated"}}`,
			with(func(s *report.Signal) { s.Limiter = true }),
		},
		{
			"the end of that", `{` + resource + `,"jsonPayload":{"event":"redis_limiter_open_deactivated"}}`,
			with(func(s *report.Signal) { s.Message, s.Mode, s.Limiter = "", report.Deactivated, true }),
		},
		{
			"an event of another kind, in a line of mock mode", `{` + resource + `,"jsonPayload":{"message":"MOCK MODE ACTIVE","event":"limiter_open.activated"}}`,
			activated,
		},
		{
			"a container of a cluster", `{"insertId":"i1","timestamp":"2026-11-22T12:00:00Z","resource":{"labels":{"container_name":"api"}},"textPayload":"MOCK MODE ACTIVE"}`,
			with(func(s *report.Signal) { s.Service, s.Revision = "api", "" }),
		},
		{
			"a secret in the line", `{` + resource + `,"textPayload":"MOCK MODE ACTIVE: Authorization: Bearer AXpqAAIncDE0YWJj"}`,
			with(func(s *report.Signal) { s.Message = "MOCK MODE ACTIVE: Authorization: Bearer [redacted]" }),
		},
		{
			"no time of its own", `{"insertId":"i1","resource":{"labels":{"service_name":"backend","revision_name":"backend-00042-abc"}},"textPayload":"MOCK MODE ACTIVE"}`,
			activated,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok, err := logEntry(pushed(tt.entry, at))
			if !ok || err != nil {
				t.Fatalf("ok %t, error %v", ok, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("signal (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogEntriesThatAreNoSignals(t *testing.T) {
	for name, entry := range map[string]string{
		"another line":               `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"hello"}`,
		"a stranger's User-Agent":    `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"203.0.113.9 - - \"GET / HTTP/1.1\" 200 \"MOCK MODE ACTIVE\""}`,
		"a stranger's query":         `{"resource":{"labels":{"service_name":"backend"}},"jsonPayload":{"message":"GET /?q=MOCK MODE ACTIVE"}}`,
		"a stranger's second line":   `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"user agent: x\nMOCK MODE ACTIVE"}`,
		"quoted alone":               `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"\"MOCK MODE ACTIVE\""}`,
		"an exclamation mark before": `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"!MOCK MODE ACTIVE"}`,
		"a level before it":          `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"WARN MOCK MODE ACTIVE"}`,
		"the event as a message":     `{"resource":{"labels":{"service_name":"backend"}},"jsonPayload":{"message":"redis_mock_mode_activated"}}`,
		"another event":              `{"resource":{"labels":{"service_name":"backend"}},"jsonPayload":{"event":"redis_limiter_open"}}`,
		"the event as plain text":    `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"event=redis_mock_mode_activated"}`,
		"text, but a JSON message":   `{"resource":{"labels":{"service_name":"backend"}},"textPayload":"x","jsonPayload":{"message":"MOCK MODE ACTIVE"}}`,
		"a line without a service":   `{"textPayload":"MOCK MODE ACTIVE"}`,
		"no JSON":                    `MOCK MODE ACTIVE`,
		"a message that is no text":  `{"jsonPayload":{"message":{}}}`,
	} {
		if _, ok, err := logEntry(pushed(entry, time.Now())); !ok || !errors.Is(err, errPoison) {
			t.Errorf("%s: ok %t, error %v, want poison", name, ok, err)
		}
	}
	for _, entry := range []string{
		`{"resource":{"labels":{"service_name":"backend"}},"textPayload":"Mock mode active: false"}`,
		`{"resource":{"labels":{"service_name":"backend"}},"jsonPayload":{"message":"MOCK MODE ACTIVE=no"}}`,
	} {
		if sig, ok, err := logEntry(pushed(entry, time.Now())); !ok || err != nil || sig.Mode != "" {
			t.Errorf("%s, a setting that is off: %+v, ok %t, error %v", entry, sig, ok, err)
		}
	}
	e := pushed(`{}`, time.Now())
	e.Message.Attributes = map[string]string{report.AttributeKind: "signal", attributeLogEntry: "x"}
	if _, ok, _ := logEntry(e); ok {
		t.Error("a message of our own is taken for a log entry")
	}
}

func pushed(entry string, at time.Time) envelope {
	var e envelope
	e.Message.Data, e.Message.PublishTime = []byte(entry), at
	e.Message.Attributes = map[string]string{attributeLogEntry: at.Format(time.RFC3339Nano)}
	return e
}

func TestSignalsFindTheirDatabase(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Config = parse(t, strings.Replace(document, "{backend: a}", "{backend: a, worker: b}", 1))
	})
	if got := w.f.databaseOf("worker"); got != "b" {
		t.Errorf("worker uses %q, want b as services says", got)
	}
	m, err := report.Encode(report.Signal{ID: "1", Source: report.SourceEvent, Service: "stranger", Mode: report.Activated, At: w.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if code := w.push(m); code != 200 {
		t.Errorf("a signal of a service that no database names is answered %d, want 200: no retry would help", code)
	}
	w.wantTold("opened") // the one incident about such services
}

// Anyone can make some service of the project log a line.
func TestLinesOfUnknownServicesOpenNothing(t *testing.T) {
	w := newWorld(t, nil)
	for _, line := range []string{`"textPayload":"MOCK MODE ACTIVE"`, `"jsonPayload":{"event":"redis_mock_mode_activated"}`, `"jsonPayload":{"event":"redis_mock_mode_activated","database":"a","service":"stranger"}`} {
		entry := `{"insertId":"1","timestamp":"2026-11-22T12:00:00Z","resource":{"labels":{"service_name":"stranger"}},` + line + `}`
		if code := w.push(report.Message{Data: []byte(entry), Attributes: map[string]string{attributeLogEntry: "2026-11-22T12:00:00Z"}}); code != 200 {
			t.Errorf("%s is answered %d, want 200: no retry would help", line, code)
		}
	}
	if n := w.faulty.Count(storetest.Put); n != 0 || !strings.Contains(w.logs.String(), "signal of a service that no database names") {
		t.Errorf("%d writes, logged %s", n, w.logs)
	}
}

func TestUnknownServicesAreOneIncident(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 300 {
		sig := report.Signal{ID: fmt.Sprint(i), Source: report.SourceEvent, Service: fmt.Sprintf("service-%03d", i), Mode: report.Activated, At: w.clock.Now()}
		if i%2 == 0 {
			sig.Database = "a" // which does not name it either
		}
		m, err := report.Encode(sig)
		if err != nil {
			t.Fatal(err)
		}
		w.push(m)
	}
	state := w.state()
	if len(state.Incidents) != 1 || len(state.Series) != 1 {
		t.Fatalf("%d incidents and %d series, want one each", len(state.Incidents), len(state.Series))
	}
	for _, inc := range state.Incidents {
		if inc.Series != incident.MonitorSeries("services") || inc.Severity != cause.SeverityWarning || !strings.HasPrefix(inc.Observation.Evidence, "signals of mock mode from 100 services that the configuration does not name: service-000, ") {
			t.Errorf("%s of %s says %q", inc.Severity, inc.Series, inc.Observation.Evidence)
		}
	}
	w.clock.Add(25 * time.Hour)
	w.tick()
	for _, inc := range w.state().Incidents {
		if inc.Series == incident.MonitorSeries("services") && inc.Open() {
			t.Error("it is open a day after the last of them spoke")
		}
	}
}
