package healthcheck_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// keys lists the paths of a document's values, with how to set each.
func keys(path string, value any, set func(any), add func(path string, value any, set func(any))) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			keys(strings.TrimPrefix(path+"."+key, "."), inner, func(to any) { value[key] = to }, add)
		}
	case []any:
		for i, inner := range value {
			if _, entry := inner.(map[string]any); entry {
				keys(fmt.Sprintf("%s[%d]", path, i), inner, func(to any) { value[i] = to }, add)
				continue
			}
			add(path, value, set)
			return
		}
	default:
		add(path, value, set)
	}
}

// Every key of the document is wrong once. Only its name, URL and token keep a database
// from being asked.
func TestASlipInAKeyStopsNeitherThePingNorThePage(t *testing.T) {
	text, err := os.ReadFile("../../shared/config/testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	url := serve(t, pong())
	keys("", doc, nil, func(path string, value any, set func(any)) {
		switch path {
		case "databases[0].name", "databases[0].url", "databases[0].token":
			return
		}
		set(map[string]any{"wrong": 7})
		defer set(value)
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		c, problems := config.Parse(false, config.Document{Name: "slip.yaml", Text: text})
		if c == nil {
			t.Errorf("%s: %v", path, problems)
			return
		}
		// The document switches most checks off, and has pages outside this machine.
		d := &c.Databases[0]
		d.Mock, d.Apps, d.Checks, d.Home = false, nil, config.Default().Checks, region
		c.Access.Health, c.Alerting.Canary.Enabled = config.AccessPublic, false
		to := &topic{}
		at := &clock{at: eight}
		o := options(t, c, memory(at.now), to)
		o.Now = at.now
		o.Resolve = func(context.Context, *config.Database, bool) (config.Credentials, error) {
			return config.Credentials{URL: url, Token: secrets.New("sesame")}, nil
		}
		h, err := healthcheck.New(o)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		if code, body := postTo(t, h, d.Shard); code != http.StatusOK {
			t.Errorf("%s: the run answers %d: %s", path, code, body)
			return
		}
		if o := find(t, to.last(t), d.Name, report.Ping); o.Status != report.OK {
			t.Errorf("%s: ping is %s: %s", path, o.Status, o.Evidence)
		}
		settings := find(t, to.last(t), d.Name, report.ConfigLoad)
		if problems.Stops() == nil && (settings.Status != report.Warn || !strings.Contains(settings.Evidence, strings.TrimSuffix(path, "[0]"))) {
			t.Errorf("%s: config is %s: %s", path, settings.Status, settings.Evidence)
		}
		if code, body := get(t, h, redisPath+"?database="+d.Name); code != http.StatusOK || body["status"] != "connected" {
			t.Errorf("%s: the page answers %d: %v", path, code, body)
		}
	})
}

func postTo(t *testing.T, h http.Handler, shard string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{"shard":"`+shard+`"}`))
	r.Header.Set("X-CloudScheduler-ScheduleTime", eight.Format(time.RFC3339))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
