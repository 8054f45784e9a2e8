package cloudrun_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun/cloudruntest"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestRollout(t *testing.T) {
	now := time.Date(2026, 11, 22, 18, 21, 0, 0, time.UTC)
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	old := cloudruntest.Revision{Name: "backend-00041", Created: ago(600)}
	fresh := cloudruntest.Revision{Name: "backend-00042", Created: ago(4)}
	share := func(r cloudruntest.Revision, percent int) cloudruntest.Revision { r.Percent = percent; return r }
	failed := fresh
	failed.Failed = true
	tests := []struct {
		name      string
		updated   time.Time
		revisions []cloudruntest.Revision
		want      report.Rollout
		asked     int
	}{
		{"all of the traffic", ago(3), []cloudruntest.Revision{old, share(fresh, 100)}, report.Rollout{Updated: ago(3), Revision: "backend-00042", Percent: 100, Created: ago(4)}, 2},
		{"a share of it: the latest, not the largest", ago(3), []cloudruntest.Revision{share(old, 95), share(fresh, 5)}, report.Rollout{Updated: ago(3), Revision: "backend-00042", Percent: 5, Created: ago(4)}, 2},
		{"rolled back: the one that serves", ago(3), []cloudruntest.Revision{share(old, 100), fresh}, report.Rollout{Updated: ago(3), Revision: "backend-00041", Percent: 100, Created: ago(600)}, 2},
		{"the latest failed", ago(3), []cloudruntest.Revision{share(old, 100), failed}, report.Rollout{Updated: ago(3), Revision: "backend-00041", Percent: 100, Created: ago(600), Failed: true}, 2},
		{"unchanged: one request", ago(61), []cloudruntest.Revision{share(old, 100)}, report.Rollout{Updated: ago(61)}, 1},
		{"no traffic", ago(3), []cloudruntest.Revision{old}, report.Rollout{Updated: ago(3)}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, client := start(t)
			server.Deploy(service, tt.revisions...)
			server.Update(service, tt.updated)
			got, err := client.Rollout(t.Context(), service, now.Add(-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(server.Asked()) != tt.asked {
				t.Errorf("asked for %v, want %d", server.Asked(), tt.asked)
			}
		})
	}
	server, client := start(t)
	server.Fail(http.StatusForbidden)
	if _, err := client.Rollout(t.Context(), service, now); !errors.Is(err, cloudrun.ErrDenied) {
		t.Errorf("denied: %v", err)
	}
}
