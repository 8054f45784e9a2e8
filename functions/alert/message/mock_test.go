package message

import (
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestMockEvidenceNamesKindsAndRevisions(t *testing.T) {
	const fake = "The app uses an in-memory fake in place of Redis"
	tests := []struct {
		name, want string
		down       []string
	}{
		{"nothing is known", fake + ".", nil},
		{"no revision", fake + ": the app says so and its log says so.", []string{"app", "logs"}},
		{"each kind once", fake + ": it sent the event and its log says so (revision r1 and r2).", []string{"event@r1", "event@r2", "logs@r1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := impact(incident.Incident{Series: report.Series{Database: "a", Check: report.MockMode, Subject: "backend"}, Cause: cause.Mock, Down: tt.down})
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
