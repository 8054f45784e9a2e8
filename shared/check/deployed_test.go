package check_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

const backend = "projects/p/locations/us-east4/services/backend"

func TestTheDeploymentIsEvidence(t *testing.T) {
	with := func(mock string, names ...string) config.Deployment {
		return config.Deployment{Variables: names, Mock: mock}
	}
	tests := []struct {
		name       string
		more       string // of the database's configuration
		variables  string // the app's url_variables
		deployment config.Deployment
		err        error
		want       report.Status
		evidence   string
	}{
		{name: "all is there", deployment: with("false", "MOCK_REDIS", "UPSTASH_REDIS_URL"), want: report.OK},
		{name: "Upstash's own name", deployment: with("", "UPSTASH_REDIS_REST_URL"), want: report.OK},
		{name: "MOCK_REDIS is on", deployment: with("True", "MOCK_REDIS", "UPSTASH_REDIS_URL"), want: report.Fail, evidence: "deployed with MOCK_REDIS on"},
		{name: "the URL is missing", deployment: with("", "PORT"), want: report.Unknown, evidence: "deployed without UPSTASH_REDIS_URL, UPSTASH_REDIS_REST_URL, KV_REST_API_URL; set app.url_variables"},
		{name: "Vercel's name", deployment: with("", "KV_REST_API_URL"), want: report.OK},
		{name: "Vercel's name with a prefix", deployment: with("", "CACHE_KV_REST_API_URL"), want: report.OK},
		{name: "a name that the configuration gives", variables: "[CACHE_URL, OTHER]", deployment: with("", "OTHER"), want: report.OK},
		{name: "none of the names that the configuration gives", variables: "[CACHE_URL, OTHER]", deployment: with("", "UPSTASH_REDIS_URL"), want: report.Fail, evidence: "deployed without CACHE_URL or OTHER (app.url_variables)"},
		{name: "none of those, but a mounted file", variables: "CACHE_URL", deployment: config.Deployment{Mounted: true}, want: report.Unknown, evidence: "mounted as a file"},
		{name: "the URL may be in a mounted file", deployment: config.Deployment{Mounted: true}, want: report.Unknown, evidence: "mounted as a file"},
		{name: "MOCK_REDIS on, in spite of the file", deployment: config.Deployment{Mounted: true, Mock: "1"}, want: report.Fail},
		{name: "MOCK_REDIS is a secret", deployment: config.Deployment{Variables: []string{"MOCK_REDIS", "UPSTASH_REDIS_URL"}, Hidden: true}, want: report.Unknown, evidence: "not read"},
		{name: "MOCK_REDIS is a word", deployment: with("perhaps", "MOCK_REDIS", "UPSTASH_REDIS_URL"), want: report.Unknown, evidence: "neither true nor false"},
		{name: "denied", err: errors.New("access denied: HTTP 403: grant roles/run.viewer on it"), want: report.Unknown, evidence: "Cloud Run service backend: access denied: HTTP 403: grant roles/run.viewer"},
		{name: "an error that quotes a token", err: errors.New("Authorization: Bearer AXpqAAIncDE0YWJj"), want: report.Unknown, evidence: "[redacted]"},
		{name: "the configuration's own word comes first", more: ", mock: true", deployment: with("", "UPSTASH_REDIS_URL"), want: report.Fail, evidence: "mock: true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(
				"databases: [{name: cache, url: https://cache.upstash.io, token: t, app: {service: backend, cloud_run: " + backend + ", url_variables: " + cmp.Or(tt.variables, "[]") + "}" + tt.more + "}]\n",
			)})
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			target := &check.Target{
				Database: &c.Databases[0], Job: report.HealthCheck, Region: "us-east4", Now: func() time.Time { return eight },
				Apps: check.NewApps(c, nil),
				Deployments: func(_ context.Context, service string) (config.Deployment, error) {
					if service != backend {
						t.Errorf("asked for %s", service)
					}
					return tt.deployment, tt.err
				},
			}
			o := mockFrom(t, target, report.SourceConfig)
			if o.Status != tt.want || o.Subject != "backend" || !strings.Contains(o.Evidence, tt.evidence) || strings.Contains(o.Evidence, "AXpq") {
				t.Errorf("%+v, want %s with %q", o, tt.want, tt.evidence)
			}
			if (o.Status == report.Fail) != (o.Cause == cause.Mock) {
				t.Errorf("status %s with cause %s", o.Status, o.Cause)
			}
		})
	}
}

func TestADeploymentThatHangsOrPanicsIsUnknown(t *testing.T) {
	c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(
		"databases: [{name: cache, url: https://cache.upstash.io, token: t, app: {service: backend, cloud_run: " + backend + "}}]\n",
	)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	for name, deployments := range map[string]check.Deployments{
		"panics": func(context.Context, string) (config.Deployment, error) { panic("AXpqAAIncDE0YWJj") },
		"hangs": func(ctx context.Context, _ string) (config.Deployment, error) {
			<-ctx.Done()
			return config.Deployment{}, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			if name == "hangs" {
				cancel()
			}
			defer cancel()
			target := &check.Target{Database: &c.Databases[0], Job: report.HealthCheck, Now: func() time.Time { return eight }, Deployments: deployments}
			target.AskApps(ctx)
			if o := mockFrom(t, target, report.SourceConfig); o.Status != report.Unknown || strings.Contains(o.Evidence, "AXpq") {
				t.Errorf("%+v, want unknown", o)
			}
		})
	}
}
