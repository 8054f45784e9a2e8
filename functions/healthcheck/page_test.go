package healthcheck_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// A run that asks an app reports whether its page was understood. One in which that is not
// due reports nothing of it, because no news must not look like good news.
func TestAReportSaysWhetherAPageIsUnderstood(t *testing.T) {
	app := serve(t, answering(200, `{"status":"ok"}`))
	at := &clock{at: eight}
	to := &topic{}
	o := options(t, parse(t, fmt.Sprintf(`
databases: [{name: cache, url: %q, token: x, app: {service: backend, health_url: '%s/health'}}]
checks: {mock_mode: {every: 10m}}
`, serve(t, pong()), app)), memory(at.now), to)
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range 10 {
		post(t, f, at.now())
		asked, own := 0, 0
		for _, o := range to.last(t).Observations {
			switch {
			case o.Check == report.MockMode && o.Source == report.SourceApp:
				asked++
				if o.Status != report.Unknown {
					t.Errorf("%+v, want unknown", o)
				}
			case o.Check == report.ConfigLoad && o.Subject == "":
				own++
				if o.Status != report.OK {
					t.Errorf("%+v, want the settings to be fine", o)
				}
			case o.Check == report.ConfigLoad:
				seen++
				if asked == 0 || o.Subject != "backend" || o.Status != report.Fail || o.Cause != cause.ConfigInvalid || !strings.Contains(o.Evidence, "match: {path: ") {
					t.Errorf("%+v, want a failure of backend with a match to paste", o)
				}
			}
		}
		if own != 1 {
			t.Errorf("%d observations of the settings, want 1", own)
		}
		at.add(time.Minute)
	}
	if seen != 1 {
		t.Errorf("%d observations of the page in ten runs, want 1", seen)
	}
}

// Redis is connected, whatever a page does not say of the app's limiter.
func TestAPageThatSaysNothingOfTheLimiterIsNoFault(t *testing.T) {
	at := &clock{at: eight}
	to := &topic{}
	o := options(t, parse(t, fmt.Sprintf(`
databases: [{name: cache, url: %q, token: x, app: {service: backend, health_url: '%s/health', limiter: true}}]
proof_key: whsec_cHJvb2Yta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE=
`, serve(t, pong()), serve(t, answering(200, `{"status":"connected"}`)))), memory(at.now), to)
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	post(t, f, at.now())
	var got []report.Status
	for _, o := range to.last(t).Observations {
		if o.Check == report.Limiter && o.Source == report.SourceApp && o.Subject == "backend" {
			got = append(got, o.Status)
		}
	}
	if len(got) != 1 || got[0] != report.Unknown {
		t.Errorf("the report says %v of the limiter, want unknown", got)
	}
	if code, body := get(t, f, redisPath); code != 200 || body["status"] != "connected" {
		t.Errorf("answered %d %v, want connected", code, body)
	}
}
