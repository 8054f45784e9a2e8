package metrics_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/gcp/gcptest"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
	"github.com/pongwatch/pongwatch/shared/version"
)

func TestTheDeployedFunctionSaysWhatItsSetUpLacks(t *testing.T) {
	environment := map[string]string{}
	ask := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		log := gcptest.Stderr(t, func() {
			metrics.Handler(func(key string) string { return environment[key] }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		})
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"error":"set-up failed, see the log"}`+"\n" || !strings.Contains(log, want) {
			t.Errorf("answered %d %s, logged %q; want 503 without the reason, and a log that names %s", w.Code, w.Body, log, want)
		}
	}
	ask("PONGWATCH_CONFIG")
	const configured = `{%s "databases": [{"name": "cache", "url": "https://fake.upstash.io", "token": "sm://projects/p/secrets/s"}]}`
	environment["PONGWATCH_CONFIG"] = fmt.Sprintf(configured, "")
	ask("PONGWATCH_TOPIC_REPORTS")
	environment["PONGWATCH_TOPIC_REPORTS"], environment["PUBSUB_EMULATOR_HOST"] = "projects/p/topics/reports", "127.0.0.1:9"
	ask("GOOGLE_CLOUD_PROJECT")
	environment["GOOGLE_CLOUD_PROJECT"], environment["FIRESTORE_EMULATOR_HOST"] = "p", "127.0.0.1:9"
	ask("PONGWATCH_AUDIENCE")
	environment["PONGWATCH_AUDIENCE"] = "https://metrics.example.com"
	ask("access.invokers")
	environment["PONGWATCH_CONFIG"] = fmt.Sprintf(configured, `"access": {"badges": "public", "invokers": ["scheduler@p.iam.gserviceaccount.com"]},`)
	ask("Region is empty")
}

// deployed is the function as the framework starts it, from its environment. Google's
// services are on this machine, and all but Secret Manager refuse every call.
type deployed struct {
	http.Handler
	secrets *secretmanagertest.Server
}

// sesame is a read token, scheduler may start runs.
const (
	sesame    = "sesame-of-twenty-four-characters"
	scheduler = "scheduler@p.iam.gserviceaccount.com"
	audience  = "https://metrics.example.com"
)

const readToken, databaseToken = "projects/p/secrets/read", "projects/p/secrets/cache"

// deploy starts it with more keys of the configuration, and of its database.
func deploy(t *testing.T, more string, database ...string) deployed {
	t.Helper()
	google, err := secretmanagertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(google.Close)
	google.AddVersion(readToken, []byte(sesame))
	environment := map[string]string{
		"PONGWATCH_CONFIG": fmt.Sprintf(`{%s "databases": [{"name": "cache", "url": "https://eu1-cache-12345.upstash.io", "token": "sm://%s"%s}]}`, more, databaseToken, strings.Join(database, "")),
		"PONGWATCH_REGION": "mars-north1", "PONGWATCH_TOPIC_REPORTS": "projects/p/topics/reports", "GOOGLE_CLOUD_PROJECT": "p", "K_REVISION": "metrics-00007-abc",
		"PONGWATCH_AUDIENCE":                    audience,
		"PONGWATCH_SECRETMANAGER_EMULATOR_HOST": google.Addr(), "FIRESTORE_EMULATOR_HOST": google.Addr(), "PUBSUB_EMULATOR_HOST": google.Addr(),
	}
	return deployed{metrics.Handler(func(key string) string { return environment[key] }), google}
}

func (d deployed) ask(t *testing.T, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// Each surface is set alone, against a configuration that leaves the others to IAM, so that
// one that is mistaken for another shows.
func TestTheDeployedFunctionGuardsEachPageByItsOwnSurface(t *testing.T) {
	paths := map[string]string{
		"dashboard": "/", "api": "/api/v1/admin/redis-metrics/schema.json", "openmetrics": "/metrics?range=none", "badges": "/badge.svg?range=none", "playbooks": "/playbooks/mock",
	}
	let := map[string]int{"dashboard": http.StatusServiceUnavailable, "api": http.StatusOK, "openmetrics": http.StatusBadRequest, "badges": http.StatusBadRequest, "playbooks": http.StatusOK}
	for surface := range paths {
		for _, way := range []string{"public", "token"} {
			d := deploy(t, fmt.Sprintf(`"access": {%q: %q, "tokens": ["sm://%s"], "invokers": ["scheduler@p.iam.gserviceaccount.com"]},`, surface, way, readToken))
			for of, path := range paths {
				want, withToken := http.StatusForbidden, http.StatusForbidden
				switch {
				case of == surface && way == "public":
					want, withToken = let[of], let[of]
				case of == surface:
					want, withToken = http.StatusUnauthorized, let[of]
				}
				if w := d.ask(t, http.MethodGet, path, ""); w.Code != want {
					t.Errorf("%s is %s: GET %s is answered %d, want %d: %.200s", surface, way, path, w.Code, want, w.Body)
				}
				if w := d.ask(t, http.MethodGet, path, "", "Authorization", "Bearer "+sesame); w.Code != withToken {
					t.Errorf("%s is %s: GET %s with the token is answered %d, want %d: %.200s", surface, way, path, w.Code, withToken, w.Body)
				}
			}
			if surface == "badges" || surface == "api" {
				also := map[string]string{"badges": "/chart.svg?range=none", "api": "/api/v1/admin/redis-metrics?range=none"}[surface]
				want := map[string]int{"public": http.StatusBadRequest, "token": http.StatusUnauthorized}[way]
				if w := d.ask(t, http.MethodGet, also, ""); w.Code != want {
					t.Errorf("%s is %s: GET %s is answered %d, want %d", surface, way, also, w.Code, want)
				}
			}
			// One open page opens the service, so a run wants Scheduler's own token.
			if w := d.ask(t, http.MethodPost, "/", `{"shard":"main"}`); w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden {
				t.Errorf("%s is %s: a run that no one signed is answered %d: %s", surface, way, w.Code, w.Body)
			}
		}
	}
	d := deploy(t, `"access": {"invokers": ["`+scheduler+`"]},`)
	for _, path := range []string{"/playbooks/mock", "/api/v1/admin/redis-metrics/schema.json"} {
		if w := d.ask(t, http.MethodGet, path, ""); w.Code != http.StatusOK {
			t.Errorf("behind IAM GET %s is answered %d", path, w.Code)
		}
	}
	for email, want := range map[string]int{scheduler: http.StatusBadRequest, "reader@example.com": http.StatusForbidden} {
		if w := d.ask(t, http.MethodPost, "/", `{"shard":"none"}`, "Authorization", "Bearer "+oidctest.Verified(email, audience)); w.Code != want {
			t.Errorf("behind IAM a run of an unknown shard by %s is answered %d: %s", email, w.Code, w.Body)
		}
	}
	if w := d.ask(t, http.MethodGet, "/assets/app.css", ""); w.Code != http.StatusOK {
		t.Errorf("assets are answered %d", w.Code)
	}
}

func TestTheDeployedFunctionsTokensCannotBeRead(t *testing.T) {
	d := deploy(t, fmt.Sprintf(`"access": {"playbooks": "token", "tokens": ["sm://%s"], "invokers": ["scheduler@p.iam.gserviceaccount.com"]},`, "projects/p/secrets/absent"))
	if w := d.ask(t, http.MethodGet, "/playbooks/mock", "", "Authorization", "Bearer "+sesame); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "absent") {
		t.Errorf("answered %d %s, want 503 without the secret's name", w.Code, w.Body)
	}
}

// What the environment says arrives in answers, and what is configured is asked for.
func TestTheDeployedFunctionHasItsEnvironmentAndSecrets(t *testing.T) {
	const account = "projects/p/secrets/account"
	d := deploy(t, fmt.Sprintf(`"management": {"email": "ops@example.com", "api_key": "sm://%s"}, "access": {"invokers": [%q]},`, account, scheduler),
		`, "database_id": "6b5a1d2e", "checks": {"commands": {"every": "5m"}}, "budget": {"override": true}`)
	w := d.ask(t, http.MethodGet, "/api/v1/admin/redis-metrics", "")
	var s struct {
		Version   string
		Missing   []string
		Databases []struct{ Home string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != http.StatusServiceUnavailable || s.Version != version.Release || len(s.Databases) != 1 || s.Databases[0].Home != "mars-north1" || len(s.Missing) == 0 {
		t.Errorf("answered %d %.300s (%v), want the revision and the region, and that the store refuses", w.Code, w.Body, err)
	}
	if w := d.ask(t, http.MethodPost, "/", `{"shard":"main"}`, "Authorization", "Bearer "+oidctest.Verified(scheduler, audience)); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "could not be published") {
		t.Errorf("a run whose topic refuses is answered %d %s", w.Code, w.Body)
	}
	for _, name := range []string{databaseToken, account} {
		if d.secrets.Accesses(name) == 0 {
			t.Errorf("a run does not read %s", name)
		}
	}
}
