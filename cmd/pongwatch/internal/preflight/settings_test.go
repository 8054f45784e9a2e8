package preflight_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Each mistake that people make with the checklist's variables fails its own item.
func TestTheChecklistsVariables(t *testing.T) {
	t.Parallel()
	const url, token = "https://your-instance.upstash.io", "AX9sASQgcanarycanarycanarycanary="
	for name, c := range map[string]struct {
		env  map[string]string
		want map[string]preflight.Status
	}{
		"right": {
			map[string]string{"UPSTASH_REDIS_URL": url, "UPSTASH_REDIS_TOKEN": token, "MOCK_REDIS": "false", "REDIS_MAX_CONNECTIONS": "50"},
			map[string]preflight.Status{"env.variables": preflight.Pass, "database.url": preflight.Pass, "database.token-shape": preflight.Pass, "deploy.mock-off": preflight.Pass},
		},
		"the TCP protocol's URL": {
			map[string]string{"UPSTASH_REDIS_URL": "rediss://default:canary@x.upstash.io:6379", "UPSTASH_REDIS_TOKEN": token},
			map[string]preflight.Status{"env.variables": preflight.Pass, "database.url": preflight.Fail, "database.token-shape": preflight.Skipped},
		},
		"the TCP protocol's URL beside the REST URL": {
			map[string]string{"UPSTASH_REDIS_URL": "rediss://default:canary@x.upstash.io:6379", "UPSTASH_REDIS_REST_URL": url, "UPSTASH_REDIS_REST_TOKEN": token},
			map[string]preflight.Status{"env.variables": preflight.Warn, "database.url": preflight.Pass, "database.token-shape": preflight.Pass},
		},
		"no URL": {
			map[string]string{"UPSTASH_REDIS_TOKEN": token},
			map[string]preflight.Status{"database.url": preflight.Fail, "deploy.mock-off": preflight.Fail},
		},
		"no token": {
			map[string]string{"UPSTASH_REDIS_URL": url},
			map[string]preflight.Status{"database.token-shape": preflight.Fail},
		},
		"a token pasted with its name": {
			map[string]string{"UPSTASH_REDIS_URL": url, "UPSTASH_REDIS_TOKEN": "UPSTASH_REDIS_TOKEN=" + token},
			map[string]preflight.Status{"database.token-shape": preflight.Fail},
		},
		"an unreadable switch": {
			map[string]string{"UPSTASH_REDIS_URL": url, "UPSTASH_REDIS_TOKEN": token, "MOCK_REDIS": "maybe"},
			map[string]preflight.Status{"env.variables": preflight.Fail, "deploy.mock-off": preflight.Fail, "database.url": preflight.Pass},
		},
		"the mock is on": {
			map[string]string{"UPSTASH_REDIS_URL": url, "UPSTASH_REDIS_TOKEN": token, "MOCK_REDIS": "true"},
			map[string]preflight.Status{"env.variables": preflight.Pass, "deploy.mock-off": preflight.Fail, "database.url": preflight.Pass},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			getenv := func(name string) string { return c.env[name] }
			cfg, err := config.Load(t.Context(), config.Options{Getenv: getenv, Local: true})
			if err != nil {
				t.Fatal(err)
			}
			record, err := preflight.Run(t.Context(), preflight.Options{
				Config: cfg, Getenv: getenv, Only: []string{"env.*", "database.url", "database.token-shape", "deploy.mock-off", "security.secret-manager"},
			})
			if err != nil {
				t.Fatal(err)
			}
			for id, want := range c.want {
				if got := status(t, record, id); got.Status != want || want == preflight.Fail && len(got.Fix) == 0 {
					t.Errorf("%s: %+v, want %s", id, got.Finding, want)
				}
			}
			got := status(t, record, "security.secret-manager")
			if got.Status != preflight.Warn {
				t.Errorf("a token in clear: %+v", got.Finding)
			}
			for _, step := range got.Fix {
				if _, ref, ok := strings.Cut(step, "token: "); ok {
					ref, _, _ = strings.Cut(ref, ";")
					if _, err := secrets.ParseRef(ref); err != nil {
						t.Errorf("a step shows the reference %q: %v", ref, err)
					}
				}
			}
			if shown := everyOutput(t, record); strings.Contains(shown, "canary") {
				t.Errorf("a secret is shown:\n%s", shown)
			}
		})
	}
}

// What is deployed counts, not only what the configuration says.
func TestTheDeployedSwitch(t *testing.T) {
	t.Parallel()
	const service = "projects/p/locations/us-east4/services/backend"
	for name, c := range map[string]struct {
		deployed config.Deployment
		err      error
		app      string
		want     preflight.Status
		says     string
	}{
		"off":          {config.Deployment{Variables: []string{"UPSTASH_REDIS_URL"}}, nil, service, preflight.Pass, "as deployed"},
		"on":           {config.Deployment{Variables: []string{"UPSTASH_REDIS_URL"}, Mock: "true"}, nil, service, preflight.Fail, "backend: deployed with MOCK_REDIS on"},
		"no URL":       {config.Deployment{}, nil, service + ", url_variables: CACHE_URL", preflight.Fail, "backend: deployed without CACHE_URL"},
		"another name": {config.Deployment{Variables: []string{"CACHE_URL"}}, nil, service, preflight.Warn, "set app.url_variables"},
		"not readable": {config.Deployment{}, errors.New("access denied: HTTP 403"), service, preflight.Warn, "HTTP 403"},
		"not named":    {config.Deployment{Mock: "true"}, nil, "", preflight.Pass, "MOCK_REDIS is not set, or false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := "health_url: https://app.example.com/health"
			if c.app != "" {
				app = "cloud_run: " + c.app
			}
			cfg, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(
				"databases: [{name: cache, url: https://x.upstash.io, token: canary, app: {service: backend, " + app + "}}]\n",
			)})
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			record, err := preflight.Run(t.Context(), preflight.Options{
				Config: cfg, Only: []string{"deploy.mock-off"},
				Deployments: func(context.Context, string) (config.Deployment, error) { return c.deployed, c.err },
			})
			if err != nil {
				t.Fatal(err)
			}
			got := record.Results[0]
			if got.Status != c.want || !strings.Contains(got.Evidence, c.says) || c.want != preflight.Pass && len(got.Fix) == 0 {
				t.Errorf("%+v, want %s that says %q", got.Finding, c.want, c.says)
			}
		})
	}
}
