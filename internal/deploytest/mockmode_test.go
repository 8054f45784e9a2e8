package deploytest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// sinkFilter is the filter of Terraform's sink, of an installation with the default prefix.
func sinkFilter(t *testing.T) string {
	t.Helper()
	block := regexp.MustCompile(`(?s)mock_mode_filter = .*?\]\)\)`).FindString(read(t, "terraform/logsink.tf"))
	var parts []string
	for _, line := range regexp.MustCompile(`(?m)^    ("(?:[^"\\]|\\.)*"),$`).FindAllStringSubmatch(block, -1) {
		text, err := unquote(line[1])
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, strings.ReplaceAll(text, "${var.prefix}", "pongwatch"))
	}
	if len(parts) < 3 {
		t.Fatalf("terraform/logsink.tf has the filter's parts %q", parts)
	}
	return strings.Join(parts, " AND ")
}

// The documentation's table of log lines is true of the sink's filter and of Alert: both take
// the same lines, and none in which a stranger can have put the words.
func TestTheSinkAlertAndTheDocumentationAgreeOnMockMode(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs/mock-mode.md"), "## The log line")
	rows := regexp.MustCompile("(?m)^\\| `(.*)` \\| (yes|no)(, as the end)?").FindAllStringSubmatch(section, -1)
	if len(rows) < 8 {
		t.Fatalf("docs/mock-mode.md has %d rows", len(rows))
	}
	filter := sinkFilter(t)
	for _, row := range rows {
		line, counts, ends := row[1], row[2] == "yes", row[3] != ""
		entry := map[string]any{
			"insertId": "1", "timestamp": time.Now().UTC().Format(time.RFC3339),
			"resource": map[string]any{"type": "cloud_run_revision", "labels": map[string]any{"service_name": "backend"}},
		}
		// Cloud Run turns a line of JSON into jsonPayload.
		var payload map[string]any
		if json.Unmarshal([]byte(line), &payload) == nil {
			entry["jsonPayload"] = payload
		} else {
			entry["textPayload"] = line
		}
		for _, service := range []string{"backend", "another-app", "pongwatch-alert"} {
			entry["resource"].(map[string]any)["labels"] = map[string]any{"service_name": service}
			matched, err := matchesFilter(filter, entry)
			if err != nil {
				t.Fatal(err)
			}
			if want := counts && service != "pongwatch-alert"; matched != want {
				t.Errorf("%s of %s: the filter takes it: %t, want %t", line, service, matched, want)
			}
			if opened, want := opensAnIncident(t, entry), counts && !ends && service == "backend"; opened != want {
				t.Errorf("%s of %s: Alert opens an incident: %t, want %t", line, service, opened, want)
			}
		}
	}
}

// opensAnIncident pushes a log entry to Alert, which knows the service backend.
func opensAnIncident(t *testing.T, entry map[string]any) bool {
	t.Helper()
	c, problems := config.Parse(true, config.Document{Name: "test.yaml", Text: []byte("databases: [{name: a, url: 'https://a.upstash.io', token: x}]\nservices: {backend: a}\n")})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	memory := storetest.NewMemory(nil)
	f, err := alert.New(alert.Options{Config: c, Store: memory, Receivers: map[string]message.Receiver{}, Authorize: func(h http.Handler) http.Handler { return h }})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"message": map[string]any{
		"data": data, "messageId": "1", "attributes": map[string]string{"logging.googleapis.com/timestamp": entry["timestamp"].(string)}, "publishTime": time.Now().UTC(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body))))
	if w.Code != http.StatusOK {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	doc, err := memory.Get(t.Context(), incident.StateKey("main"))
	if err != nil {
		return false // nothing came of it
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		t.Fatal(err)
	}
	return len(s.Incidents) > 0
}
