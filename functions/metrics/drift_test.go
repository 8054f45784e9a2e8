package metrics_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// A run warns of what the account says otherwise, and of databases there that nothing watches, once
// and not from each shard.
func TestARunComparesTheConfigurationWithTheAccount(t *testing.T) {
	watched := upstashtest.Start(t, upstashtest.Options{DatabaseID: "watched"})
	watched.Join(upstashtest.Start(t, upstashtest.Options{DatabaseID: "forgotten"}))
	watched.SetSetting("type", "payg")
	x := newFixture(t, fmt.Sprintf("- {name: real, url: %q, token: %q, database_id: watched}\n- {name: other, shard: second, url: \"http://127.0.0.1:9\", token: sesame, database_id: gone}\n", watched.URL(), watched.Token()),
		func(o *metrics.Options) {
			o.Config.Management = config.Management{Email: config.Inline(watched.Email()), APIKey: config.Inline(watched.APIKey()), URL: watched.ManagementURL()}
			o.Account = check.NewAccount(o.Config, nil, upstash.Options{AllowHTTP: true})
		})
	x.run(t, 0)
	got := map[string]report.Observation{}
	for _, o := range x.reports.reports[0].Observations {
		if o.Check == report.ConfigLoad {
			got[o.Database] = o
		}
	}
	if o := got["real"]; o.Status != report.Warn || o.Cause != cause.ConfigDrift || !strings.Contains(o.Evidence, "plan is free in the configuration, and payg in the account") {
		t.Errorf("real = %+v, want the other plan", o)
	}
	if o := got["cache"]; o.Status != report.OK || !o.Clear {
		t.Errorf("cache = %+v, want ok: it is of no account", o)
	}
	if o := got[report.MonitorDatabase]; o.Status != report.Warn || !strings.HasSuffix(o.Evidence, "nothing watches: emulated") {
		t.Errorf("the account = %+v, want a warning of the forgotten database", o)
	}
}
