package healthcheck_test

import (
	"fmt"
	"testing"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun/cloudruntest"
	"github.com/pongwatch/pongwatch/shared/report"
)

// How an app is deployed is evidence of the run, whatever its health page says; what
// may not be read is unknown.
func TestTheDeploymentIsRead(t *testing.T) {
	const service = "projects/app-project/locations/us-east4/services/backend"
	url := cloudruntest.Variable{Name: "UPSTASH_REDIS_URL", Value: "https://x.upstash.io"}
	tests := []struct {
		name      string
		variables []cloudruntest.Variable
		status    int
		want      report.Status
	}{
		{"as it should be", []cloudruntest.Variable{url}, 0, report.OK},
		{"MOCK_REDIS is on", []cloudruntest.Variable{url, {Name: "MOCK_REDIS", Value: "true"}}, 0, report.Fail},
		{"no URL under a name that is known", nil, 0, report.Unknown},
		{"denied", []cloudruntest.Variable{url}, 403, report.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run := cloudruntest.Start()
			defer run.Close()
			run.Deploy(service, cloudruntest.Revision{Name: "r1", Percent: 100, Variables: tt.variables})
			run.Fail(tt.status)
			clients := gcp.NewClients(gcp.Environment{CloudRunEmulator: run.Addr()})
			at, to := &clock{at: eight}, &topic{}
			c := parse(t, fmt.Sprintf("databases:\n- {name: cache, url: %q, token: sesame, app: {service: backend, cloud_run: %s}}\n", serve(t, pong()), service))
			o := options(t, c, memory(at.now), to)
			o.Now = at.now
			o.Deployments = clients.Environment
			f, err := healthcheck.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if code, body := post(t, f, eight); code != 200 {
				t.Fatalf("the run is answered %d %s", code, body)
			}
			got := find(t, to.last(t), "cache", report.MockMode)
			if got.Status != tt.want || got.Source != report.SourceConfig || got.Subject != "backend" {
				t.Errorf("mock_mode = %+v, want %s of config", got, tt.want)
			}
		})
	}
}
