package healthcheck_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestTheNetworkCanary(t *testing.T) {
	closed := "http://127.0.0.1:1"
	tests := []struct {
		name     string
		database string
		canary   http.HandlerFunc
		hourly   bool // whether the run is the one of the hour
		asked    bool
		want     report.Status
	}{
		{"all is well: once an hour", "", answering(http.StatusNoContent, ""), true, true, report.OK},
		{"all is well otherwise: not asked", "", answering(http.StatusNoContent, ""), false, false, ""},
		{"two databases fail and it answers: the databases are down", closed, answering(http.StatusNoContent, ""), false, true, report.OK},
		{"two databases fail and it does not answer: the network is", closed, nil, false, true, report.Fail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int32
			canary := closed
			if tt.canary != nil {
				canary = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); tt.canary(w, r) }))
			}
			url := tt.database
			if url == "" {
				url = serve(t, pong())
			}
			document := fmt.Sprintf("databases:\n- {name: a, url: %q, token: x}\n- {name: b, url: %q, token: x}\n", url, url)
			document += fmt.Sprintf("alerting: {canary: {url: %q}}\n", canary)
			c, problems := config.Parse(true, config.Document{Name: "test.yaml", Text: []byte(document)})
			if c == nil {
				t.Fatal(problems)
			}
			to := &topic{}
			o, scheduled := options(t, c, memory(nil), to), canaryRun(t, tt.hourly)
			o.Now = from(scheduled)
			f, err := healthcheck.NewHurried(o, 20)
			if err != nil {
				t.Fatal(err)
			}
			post(t, f, scheduled)
			var got *report.Observation
			for _, o := range to.last(t).Observations {
				if o.Subject == "network" {
					got = &o
				}
			}
			if (got != nil) != tt.asked || tt.canary != nil && (asked.Load() > 0) != tt.asked {
				t.Fatalf("observed %v after %d questions, want asked %v", got, asked.Load(), tt.asked)
			}
			if got != nil && (got.Status != tt.want || got.Database != report.MonitorDatabase || got.Check != report.Monitor) {
				t.Errorf("canary = %+v, want %s of the monitor", *got, tt.want)
			}
		})
	}
}

// canaryRun returns a run in which the canary is asked though all is well, or not.
func canaryRun(t *testing.T, due bool) time.Time {
	t.Helper()
	for minute := range 60 {
		at := eight.Add(-time.Duration(minute) * time.Minute)
		if check.Due(check.Spec{Every: time.Hour}, report.MonitorDatabase, at, time.Minute) == due {
			return at
		}
	}
	t.Fatal("no run of an hour asks the canary")
	return time.Time{}
}
