package metrics_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestEachSurfaceHasItsOwnAccess(t *testing.T) {
	const api, page, openMetrics, badge, playbook = "/api/v1/admin/redis-metrics", "/", "/metrics", "/badge.svg?database=cache", "/playbooks/mock"
	for _, tt := range []struct {
		name, access string
		want         map[string]int
	}{
		{
			"IAM guards the function, which asks for nothing", "{}",
			map[string]int{api: 200, page: 200, openMetrics: 200, badge: 200, playbook: 200},
		},
		{
			"each page is as its access says", "{api: token, dashboard: token, openmetrics: token, badges: public, playbooks: public, tokens: [sesame]}",
			map[string]int{api: 401, page: 401, openMetrics: 401, badge: 200, playbook: 200},
		},
		{
			"one open page opens no other", "{badges: public}",
			map[string]int{api: 403, page: 403, openMetrics: 403, badge: 200, playbook: 403},
		},
		{
			"nor does one that wants a token", "{dashboard: token, tokens: [sesame]}",
			map[string]int{api: 403, page: 401, openMetrics: 403, badge: 403, playbook: 403},
		},
		{
			"health is a page of another function", "{health: public}",
			map[string]int{api: 200, page: 200, openMetrics: 200, badge: 200, playbook: 200},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newFixture(t, "access: "+tt.access+"\n", func(o *metrics.Options) {
				o.Readers.Tokens = func(context.Context) ([]secrets.Value, error) { return []secrets.Value{secrets.New("sesame")}, nil }
			})
			for path, want := range tt.want {
				if w := x.get(t, path); w.Code != want {
					t.Errorf("GET %s without a token is answered %d, want %d", path, w.Code, want)
				}
			}
		})
	}
}

func TestGuardedPagesWithoutTokensToCompareAreClosed(t *testing.T) {
	x := newFixture(t, "access: {api: token, dashboard: token, openmetrics: token, badges: token, playbooks: token, tokens: [sesame]}\n", func(o *metrics.Options) {
		o.Readers.Tokens = func(context.Context) ([]secrets.Value, error) { return nil, errDown }
	})
	for _, path := range append([]string{"/playbooks/mock", "/api/v1/admin/redis-metrics/schema.json"}, pages...) {
		w := x.ask(t, http.MethodGet, path, http.Header{"Authorization": {"Bearer sesame"}})
		if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), errDown.Error()) {
			t.Errorf("GET %s is answered %d %.200s, want 503 without the reason", path, w.Code, w.Body)
		}
	}
}

func TestRunsAreGuardedByAuthorize(t *testing.T) {
	x := newFixture(t, "", func(o *metrics.Options) {
		o.Authorize = func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		}
	})
	if w := x.post(t, 4*60+10); w.Code != http.StatusForbidden || len(x.reports.reports) != 0 || x.store.Count(storetest.Put) != 0 || x.store.Count(storetest.Get) != 0 {
		t.Errorf("a refused run is answered %d, with %d reports and %d reads", w.Code, len(x.reports.reports), x.store.Count(storetest.Get))
	}
	if w := x.get(t, "/playbooks/mock"); w.Code != http.StatusOK {
		t.Errorf("pages are answered %d by the guard of runs", w.Code)
	}
}
