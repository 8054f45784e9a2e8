package message

import (
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestMockEvidenceNamesEachKindOnce(t *testing.T) {
	const fake = "Users are logged out at random, jobs disappear and rate limits do not hold, yet no error is shown. The app uses an in-memory fake in place of Redis"
	tests := []struct {
		name, want string
		down       []string
	}{
		{"nothing is known", fake + ".", nil},
		{"no revision", fake + ": the app says so and its log says so.", []string{"app", "logs"}},
		{"each kind once", fake + ": it sent the event and its log says so.", []string{"event@r1", "event@r2", "logs@r1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := impact(incident.Incident{Series: report.Series{Database: "a", Check: report.MockMode, Subject: "backend"}, Cause: cause.Mock, Down: tt.down}, false, time.Time{})
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSourcesHaveTheirRevision(t *testing.T) {
	const want = "app, event of r1, logs of r2, metrics@us-east4 and proof"
	if got := sources([]string{"app", "event@r1", "logs@r2", "metrics@us-east4", "proof"}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStaleMockModeSaysSo(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 40, 0, 0, time.UTC)
	m := Render(incident.Notice{Events: []incident.Event{incident.Updated}, Now: at.Add(time.Hour), Next: at.Add(2 * time.Hour), Incident: &incident.Incident{
		Series: report.Series{Database: "cache", Check: report.MockMode, Subject: "backend"}, Cause: cause.Mock, Severity: cause.SeverityCritical,
		Since: at.Add(-time.Hour), Opened: at.Add(-time.Hour), Stale: at,
	}}, Context{})
	if want := "CRITICAL cache: service backend is in mock mode, since 17:40 UTC, not confirmed since 18:40 UTC"; m.Headline != want {
		t.Errorf("headline %q, want %q", m.Headline, want)
	}
	if want := "No reminders until it is confirmed again. A proof, or the app's event of the end, closes it."; m.Next != want {
		t.Errorf("next %q, want %q", m.Next, want)
	}
}
