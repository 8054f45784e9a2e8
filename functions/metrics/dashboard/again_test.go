package dashboard_test

import (
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
)

func TestADatabaseThatFailsAgain(t *testing.T) {
	v := viewOf(func(s *statistics.Statistics) {
		s.Databases[0].Status = statistics.Down
		s.Incidents.Open = []incidents.Incident{{Database: "a", Since: now.Add(-time.Hour), Again: now.Add(-time.Minute)}}
	}, "a")
	if got, want := v.Headline(), "a is down since 19:59 UTC (1\u00a0min)"; got != want {
		t.Errorf("headline %q, want %q", got, want)
	}
}
