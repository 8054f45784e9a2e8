package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// one is the database of the documents below; the lines are more of its keys.
func one(lines ...string) string {
	return "databases:\n  - name: a\n    url: https://a.upstash.io\n    token: sm://projects/p/secrets/a\n" + indented("    ", lines)
}

// with is a document of one database and more top-level keys.
func with(lines ...string) string { return one() + indented("", lines) }

// receiving is a document with a receiver r of these keys.
func receiving(lines ...string) string {
	return one() + "receivers:\n  - name: r\n" + indented("    ", lines)
}

func indented(by string, lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(by + l + "\n")
	}
	return b.String()
}

// evidence returns the problems of a document without their places.
func evidence(local bool, text string) []string {
	_, ps := Parse(local, Document{Name: "c.yaml", Text: []byte(text)})
	var out []string
	for _, p := range ps {
		out = append(out, p.Evidence())
	}
	return out
}

type rule struct {
	name, text string
	want       []string // none: the document is good
}

func (r rule) check(t *testing.T, local bool) {
	t.Helper()
	if diff := cmp.Diff(r.want, evidence(local, r.text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", r.name, diff)
	}
}

func TestRulesOfRegionsAndShards(t *testing.T) {
	const regions = "regions: [us-east4, europe-west1]"
	for _, r := range []rule{
		{"a home among the regions", with(regions, "home: europe-west1"), nil},
		{"a region twice", with("regions: [us-east4, europe-west1, us-east4]"), []string{"regions[2] is listed twice"}},
		{"a shard's region twice", with("shards: [{name: eu, regions: [a, a]}]"), []string{"shards[0].regions[1] is listed twice"}},
		{"a home without regions", with("home: mars"), nil},
		{"a home that is none of the regions", with(regions, "home: mars"), []string{"home is none of the regions us-east4, europe-west1; example: us-east4"}},
		{"a database's home", one("home: mars") + regions + "\n", []string{"databases[0].home is none of the regions us-east4, europe-west1; example: us-east4"}},
		{"a shard's home among its own regions", with(regions, "shards: [{name: eu, regions: europe-west3, home: europe-west3}]"), nil},
		{"a shard's home among the document's regions alone", with(regions, "shards: [{name: eu, regions: europe-west3, home: us-east4}]"), []string{"shards[0].home is none of the regions europe-west3; example: europe-west3"}},
		{"a shard's home among the document's regions, without its own", with(regions, "shards: [{name: eu, home: us-east4}]"), nil},
		{"two shards of one name", with("shards: [{name: eu}, {name: us}, {name: eu}]"), []string{"shards[2].name is given to two shards"}},
		{"a service of a database that is configured", with("services: {backend: a}"), nil},
		{"a service of another one", with("services: {backend: b}"), []string{"services.backend names a database that is not configured; example: a"}},
		{"a service with an odd name of a database with an odd name", with("services: {'b d': B}"), []string{"services.(a key with odd characters) names a database that is not configured; example: a"}},
	} {
		r.check(t, false)
	}
}

func TestAnUnmappedServiceIsDroppedAndNamesItsDatabase(t *testing.T) {
	for name, want := range map[string]string{"b": "b", "B": "unknown"} {
		c, ps := Parse(false, Document{Name: "c", Text: []byte(with("services: {backend: " + name + ", worker: a}"))})
		if len(ps) != 1 || ps[0].Database != want || len(c.Services) != 1 || c.Services["worker"] != "a" {
			t.Errorf("database %s: problems %+v, services %v", name, ps, c.Services)
		}
	}
}

func TestRulesOfChecksAndThresholds(t *testing.T) {
	thresholds := func(text string) string { return with("thresholds: {" + text + "}") }
	const usage = " wants warn_close ≤ warn ≤ critical_close ≤ critical; example: warn_close: 0.75, warn: 0.80, critical_close: 0.90, critical: 0.95"
	for _, r := range []rule{
		{"an interval that is a multiple", with("checks: {write: {every: 25m}, ping: {every: 7m}}"), nil},
		{"an interval of Metrics that is none", with("checks: {write: {every: 7m}}"), []string{"checks.write.every is 7m, want a multiple of schedule.metrics, which is 5m; example: 15m"}},
		{"an interval of HealthCheck that is none", with("checks: {mock_mode: {every: 90s}}"), []string{"checks.mock_mode.every is 1m30s, want a multiple of schedule.healthcheck, which is 1m; example: 3m"}},
		{"an interval shorter than the job's", with("checks: {ping: {every: 30s}}"), []string{"checks.ping.every is 30s, want a multiple of schedule.healthcheck, which is 1m; example: 3m"}},
		{"an interval of a check that does not run", with("checks: {write: {enabled: false, every: 7m}}"), nil},
		{"an interval of a database", one("checks: {values: {every: 7m}}"), []string{"databases[0].checks.values.every is 7m, want a multiple of schedule.metrics, which is 5m; example: 15m"}},
		{"a wrong interval of the document is not every database's", with("checks: {write: {every: 7m}, memory: {every: 11m}}"), []string{
			"checks.write.every is 7m, want a multiple of schedule.metrics, which is 5m; example: 15m",
			"checks.memory.every is 11m, want a multiple of schedule.metrics, which is 5m; example: 15m",
		}},
		{"opens by failures alone", thresholds("write: {confirm: {runs: 0, failures: 1, of: 1}}"), nil},
		{"opens by runs alone", thresholds("latency: {confirm: {runs: 1, failures: 0}}"), nil},
		{"never opens", thresholds("ping: {confirm: {runs: 0, failures: 0}}"), []string{"thresholds.ping.confirm never opens: runs and failures are both 0; example: runs: 2"}},
		{"the monitor never opens", thresholds("monitor: {confirm: {runs: 0}}"), []string{"thresholds.monitor.confirm never opens: runs and failures are both 0; example: runs: 2"}},
		{"as many failures as are looked at", thresholds("config: {confirm: {failures: 5, of: 5}}"), nil},
		{"more failures than are looked at", thresholds("config: {confirm: {failures: 6, of: 5}}"), []string{"thresholds.config.confirm.failures is 6, more than of, which is 5; example: failures: 3, of: 5"}},
		{"latency closes where it opens", thresholds("latency: {open: 600ms, close: 600ms}"), nil},
		{"latency closes above", thresholds("latency: {open: 600ms, close: 601ms}"), []string{"thresholds.latency.close is 601ms, want at most open, which is 600ms; example: 600ms"}},
		{"latency is critical where it opens", thresholds("latency: {open: 2s}"), nil},
		{"latency is critical below", thresholds("latency: {open: 2001ms}"), []string{"thresholds.latency.critical is 2s, want 0s or at least open, which is 2.001s; example: 2s"}},
		{"latency is never critical", thresholds("latency: {open: 3s, critical: 0s}"), nil},
		{"a hit rate closes where it opens", thresholds("hit_rate: {close: 0.6}"), nil},
		{"a hit rate closes below", thresholds("hit_rate: {close: 0.59}"), []string{"thresholds.hit_rate.close is 0.59, want at least open, which is 0.6; example: 0.65"}},
		{"all shares of memory are one", thresholds("memory: {warn_close: 0.8, warn: 0.8, critical_close: 0.8, critical: 0.8}"), nil},
		{"a warning of memory closes above its opening", thresholds("memory: {warn_close: 0.81}"), []string{"thresholds.memory" + usage}},
		{"memory is critical again before it warns", thresholds("memory: {warn: 0.91}"), []string{"thresholds.memory" + usage}},
		{"critical memory closes above its opening", thresholds("memory: {critical_close: 0.96}"), []string{"thresholds.memory" + usage}},
		{"commands in the wrong order", thresholds("commands: {warn: 0.91}"), []string{"thresholds.commands" + usage}},
		{"a database's threshold", one("thresholds: {hit_rate: {close: 0.1}}"), []string{"databases[0].thresholds.hit_rate.close is 0.1, want at least open, which is 0.6; example: 0.65"}},
		{"a wrong threshold of the document is not every database's", thresholds("hit_rate: {close: 0.1}"), []string{"thresholds.hit_rate.close is 0.1, want at least open, which is 0.6; example: 0.65"}},
	} {
		r.check(t, false)
	}
}

func TestRulesOfAlertingAndMaintenance(t *testing.T) {
	window := func(text string) string { return with("maintenance: [{name: w" + text + "}]") }
	const (
		either = "maintenance[0] wants either cron and for, or from and until; example: cron: 0 3 * * SUN, for: 2h"
		both   = "maintenance[0] wants both cron and for; example: cron: 0 3 * * SUN, for: 2h"
		span   = "maintenance[0] wants both from and until; example: from: '2026-12-24T22:00', until: '2026-12-25T06:00'"
		after  = "maintenance[0].until is not after from; example: '2026-12-25T06:00'"
	)
	for _, r := range []rule{
		{"a heartbeat without https", with("heartbeat: {url: hc-ping.com/1}"), []string{"heartbeat.url is not a URL with a host; example: https://hc-ping.com/your-uuid"}},
		{"a heartbeat in plain text", with("heartbeat: {url: http://hc-ping.com/1}"), []string{"heartbeat.url does not begin with https://; example: https://hc-ping.com/your-uuid"}},
		{"a heartbeat of a shell", with("heartbeat: {url: $HEARTBEAT}"), []string{"heartbeat.url is the name of a variable with $, which was not replaced by its value; example: https://hc-ping.com/your-uuid"}},
		{"a heartbeat", with("heartbeat: {url: https://user@hc-ping.com/1?x=y}"), nil},
		{"flapping stops just below its start", with("alerting: {flapping: {start: 30, stop: 29.9}}"), nil},
		{"flapping stops at its start", with("alerting: {flapping: {start: 30, stop: 30}}"), []string{"alerting.flapping.stop is 30, want less than start, which is 30; example: 15"}},
		{"silences as long as the longest", with("alerting: {silences: {default: 2h, max: 2h, choices: [1h, 2h]}}"), nil},
		{"a default above the longest", with("alerting: {silences: {default: 121m, max: 2h, choices: [1h]}}"), []string{"alerting.silences.default is 2h1m, more than max, which is 2h; example: 2h"}},
		{"a choice above the longest", with("alerting: {silences: {max: 2h, choices: [1h, 121m]}}"), []string{"alerting.silences.choices[1] is 2h1m, more than max, which is 2h; example: 2h"}},
		{"a window that repeats", window(", cron: 0 3 * * *, for: 1h"), nil},
		{"a window that happens once", window(", from: '2026-12-24T22:00', until: '2026-12-24T22:01'"), nil},
		{"a window without times", window(""), []string{either}},
		{"a window of both forms", window(", cron: 0 3 * * *, for: 1h, from: '2026-12-24T22:00', until: '2026-12-25T06:00'"), []string{either}},
		{"a length beside a time", window(", for: 1h, until: '2026-12-25T06:00'"), []string{either}},
		{"a schedule without a length", window(", cron: 0 3 * * *"), []string{both}},
		{"a length without a schedule", window(", for: 1h"), []string{both}},
		{"a beginning without an end", window(", from: '2026-12-24T22:00'"), []string{span}},
		{"an end without a beginning", window(", until: '2026-12-24T22:00'"), []string{span}},
		{"an end at the beginning", window(", from: '2026-12-24T22:00', until: '2026-12-24T22:00'"), []string{after}},
		{"an end in another zone before the beginning", window(", from: '2026-12-24T22:00', until: '2026-12-24T22:30+02:00'"), []string{after}},
		{"in the zone of the beginning it is after it", window(", zone: Europe/Berlin, from: '2026-12-24T22:00', until: '2026-12-24T21:30Z'"), nil},
		{"a window with a wrong key says that alone", window(", cron: x, for: 1h"), []string{"maintenance[0].cron is not five fields: minute, hour, day of month, month, day of week; example: 0 3 * * SUN"}},
		{"a cron expression with a wrong day", window(", cron: 0 3 32 * *, for: 1h"), []string{"maintenance[0].cron has a wrong day of month: want *, or 1 to 31, with ranges (1-5), lists (1,3) and steps (*/15); example: 0 3 * * SUN"}},
		{"an odd space between fields", window(", cron: \"0 3 1 * *\\u00a0*\", for: 1h"), []string{"maintenance[0].cron has a wrong number of fields: 6, want 5: minute, hour, day of month, month, day of week; example: 0 3 * * SUN"}},
		{"a time that no calendar has", window(", from: '2026-02-30T22:00', until: '2026-12-25T06:00'"), []string{"maintenance[0].from is a time that no calendar has; example: '2026-12-24T22:00'"}},
		{"seconds and an offset", window(", from: '2026-12-24T22:00:01', until: '2026-12-25T06:00:00+01:00'"), nil},
	} {
		r.check(t, false)
	}
}

func TestRulesOfDatabases(t *testing.T) {
	app := func(text string) string { return one("app: {" + text + "}") }
	const (
		page   = "health_url: 'https://x.example.com/'"
		proof  = " needs health_url here and proof_key in the document; example: proof_key: sm://projects/my-project/secrets/pongwatch-proof-key"
		wants  = " wants health_url or cloud_run; example: health_url: https://app.example.com/api/v1/health/redis"
		key    = "proof_key: sm://projects/p/secrets/proof\n"
		url    = "https://a.upstash.io"
		token  = "sm://projects/p/secrets/a"
		noURL  = "databases[0].url is empty, so the app runs in mock mode if it reads the same setting; example: https://your-instance.upstash.io"
		noAuth = "databases[0].token is empty; example: the REST token as the Upstash console shows it, without quotes"
		bundle = "credentials: sm://projects/p/secrets/bundle\n"
	)
	entry := func(keys string) string { return "databases: [{name: a" + keys + "}]\n" }
	for _, r := range []rule{
		{"a check that is no object says what is one", with("checks: {ping: 1m}"), []string{"checks.ping is a text, want an object; example: {enabled: true}"}},
		{"checks in a list", with("checks: [ping]"), []string{"checks is a list, want an object; example: {ping: {enabled: true}}"}},
		{"an environment with a name", with("environment: {name: production}"), []string{"environment is an object, want a text; example: production"}},
		{"routes by name", with("routes: {all: {receivers: s}}"), []string{"routes is an object, want a list; example: [{receivers: [slack-oncall, email-oncall]}]"}},
		{"a custom plan with its space", one("plan: custom", "limits: {memory: 1B}"), nil},
		{"a custom plan whose space has no unit", one("plan: custom", "limits: {memory: 256}"), []string{"databases[0].limits.memory is 256 bytes, because a number without a unit is bytes; want a unit; example: 256MB"}},
		{"limits that Terraform writes as texts", one("limits: {memory: '268435456', bandwidth: '10'}"), []string{"databases[0].limits.bandwidth is 10 bytes, because a number without a unit is bytes; want a unit; example: 10GB"}},
		{"a custom plan without", one("plan: custom", "limits: {commands: 1}"), []string{"databases[0].limits.memory is missing, which a custom plan needs; example: 256MB"}},
		{"another plan without", one("plan: payg"), nil},
		{"URL and token", entry(", url: '" + url + "', token: '" + token + "'"), nil},
		{"neither URL nor token", entry(""), []string{noAuth, noURL}},
		{"neither, with a bundle", entry("") + bundle, nil},
		{"a URL with a bundle", entry(", url: '"+url+"'") + bundle, nil},
		{"a token with a bundle lacks its URL", entry(", token: '"+token+"'") + bundle, []string{noURL}},
		{"a URL alone", entry(", url: '" + url + "'"), []string{noAuth}},
		{"a token alone", entry(", token: '" + token + "'"), []string{noURL}},
		{"a mock without a URL is a state", entry(", mock: true"), nil},
		{"a mock with a URL and without a token", entry(", mock: true, url: '" + url + "'"), []string{noAuth}},
		{"a wrong URL and no token", entry(", url: 'x://y'"), []string{noAuth, "databases[0].url does not begin with https://; example: https://your-instance.upstash.io"}},
		{"a URL of the wrong kind says that alone", entry(", url: 5, token: '" + token + "'"), []string{"databases[0].url is a whole number, want a text; example: https://merry-cat-32748.upstash.io"}},
		{"a token of the wrong kind says that alone", entry(", url: '" + url + "', token: 5"), []string{"databases[0].token is a whole number, want a text; example: sm://projects/my-project/secrets/prod-cache-token"}},
		{"an app with a page", app(page), nil},
		{"an app on Cloud Run", app("cloud_run: projects/p/locations/l/services/s"), nil},
		{"an app with neither", app("service: x"), []string{"databases[0].app" + wants}},
		{"an app with a wrong page says that alone", app("health_url: x"), []string{"databases[0].app.health_url is not an https:// URL; example: https://app.example.com/api/v1/health/redis"}},
		{"an app with a wrong service of Cloud Run says that alone", app("cloud_run: x"), []string{"databases[0].app.cloud_run is not the full name of a Cloud Run service; example: projects/my-project/locations/us-east4/services/backend"}},
		{"a proof", app(page+", proof: true") + key, nil},
		{"a proof without the key", app(page + ", proof: true"), []string{"databases[0].app.proof" + proof}},
		{"a proof without a page", app("cloud_run: projects/p/locations/l/services/s, proof: true") + key, []string{"databases[0].app.proof" + proof}},
		{"a proof at an interval that is no multiple", app(page+", proof: true, proof_every: 7m") + key, []string{"databases[0].app.proof_every is 7m, want a multiple of schedule.metrics, which is 5m; example: 15m"}},
		{"a limiter", app(page+", limiter: true") + key, nil},
		{"a limiter without the key", app(page + ", limiter: true"), []string{"databases[0].app.limiter" + proof}},
		{"a limiter without a page", app("cloud_run: projects/p/locations/l/services/s, limiter: true") + key, []string{"databases[0].app.limiter" + proof}},
		{"a limiter at an interval that is no multiple", app(page+", limiter: true, limiter_every: 7m") + key, []string{"databases[0].app.limiter_every is 7m, want a multiple of schedule.metrics, which is 5m; example: 15m"}},
		{"an interval without a proof", app(page+", proof_every: 7m") + key, nil},
		{"an impact", app("cloud_run: projects/p/locations/l/services/s, impact: true"), nil},
		{"an impact of no Cloud Run service", app(page + ", impact: true"), []string{"databases[0].app.impact needs cloud_run, whose requests are counted; example: cloud_run: projects/my-project/locations/us-east4/services/backend"}},
		{"changes", app("cloud_run: projects/p/locations/l/services/s") + "changes: [deployments, secrets, limits, configuration]\n", nil},
		{"changes of the account", one() + "changes: audit_log\nmanagement: {email: a@example.com, api_key: sm://projects/p/secrets/k}\n", nil},
		{"changes of an account that is not configured", one() + "changes: [secrets, audit_log]\n", []string{"changes has audit_log, which needs management; example: management: {email: ops@example.com, api_key: sm://projects/my-project/secrets/upstash-api-key}"}},
		{"a match", app(page + ", match: {path: $.a, connected: up}"), nil},
		{"a match without a page", app("cloud_run: projects/p/locations/l/services/s, match: {path: $.a, connected: up}"), []string{"databases[0].app.match needs health_url, whose page it reads; example: health_url: https://app.example.com/health"}},
		{"a match with a wrong page says that alone", app("health_url: x, match: {path: $.a, connected: up}"), []string{"databases[0].app.health_url is not an https:// URL; example: https://app.example.com/api/v1/health/redis"}},
		{"a match without words for connected", app(page + ", match: {path: $.a}"), []string{"databases[0].app.match.connected is missing; example: [upstash]"}},
		{"two apps", one("app: [{service: x, " + page + "}, {service: y, " + page + "}]"), nil},
		{"two apps of one service", one("app: [{service: x, " + page + "}, {service: x, " + page + "}]"), []string{"databases[0].app[1].service is given to two apps of this database; example: worker"}},
		{"the second app with neither", one("app: [{service: x, " + page + "}, {service: y}]"), []string{"databases[0].app[1]" + wants}},
	} {
		r.check(t, false)
	}
}

func TestTwoDatabasesOfOneName(t *testing.T) {
	text := one() + "  - {name: b, url: https://b.upstash.io, token: sm://projects/p/secrets/b}\n  - {name: a, url: https://c.upstash.io, token: sm://projects/p/secrets/c}\n"
	c, ps := Parse(false, Document{Name: "c", Text: []byte(text)})
	if len(ps) != 1 || ps[0].Evidence() != "databases[2].name is the name of databases[0] too; example: a-2" || ps[0].Database != "a" {
		t.Fatalf("problems %+v", ps)
	}
	if len(c.Databases) != 2 || c.Databases[0].Name != "a" || c.Databases[1].Name != "b" || len(c.Databases[0].Problems) != 1 || len(c.Databases[1].Problems) != 0 {
		t.Errorf("databases %+v", c.Databases)
	}
}

func TestAShardHoldsFiveHundredDatabases(t *testing.T) {
	document := func(main, eu int) string {
		var b strings.Builder
		b.WriteString("databases:\n")
		for i := range main + eu {
			shard := "main"
			if i >= main {
				shard = "eu"
			}
			fmt.Fprintf(&b, "  - {name: d%d, shard: %s, url: https://d.upstash.io, token: sm://projects/p/secrets/d}\n", i, shard)
		}
		return b.String()
	}
	for _, r := range []rule{
		{"500 in each of two", document(500, 500), nil},
		{"501 in one", document(501, 1), []string{"databases[500].shard is main, which already has 500 databases; example: shard: main-2"}},
		{"two more than 500 are said once", document(502, 0), []string{"databases[500].shard is main, which already has 500 databases; example: shard: main-2"}},
	} {
		r.check(t, false)
	}
}

func TestRulesOfAccess(t *testing.T) {
	const tokens = "tokens: [sm://projects/p/secrets/read]"
	rules := []rule{
		{"management", with("management: {email: a@b.c, api_key: sm://projects/p/secrets/k}"), nil},
		{"a key without a mail address", with("management: {api_key: sm://projects/p/secrets/k}"), []string{"management wants both email and api_key, or neither; example: api_key: sm://projects/my-project/secrets/upstash-api-key"}},
		{"a mail address without a key", with("management: {email: a@b.c}"), []string{"management wants both email and api_key, or neither; example: api_key: sm://projects/my-project/secrets/upstash-api-key"}},
		{"everything public", with("access: {health: public, dashboard: public, api: public, openmetrics: public, badges: public, playbooks: public}"), nil},
	}
	const open = "access: {dashboard: token, api: token, openmetrics: token, badges: token, playbooks: token, " + tokens + ", act_tokens: "
	rules = append(rules,
		rule{"a token that acts", with(open + "sm://projects/p/secrets/act}"), nil},
		rule{"a read token that acts", with(open + "[sm://projects/p/secrets/act, sm://projects/p/secrets/read]}"), []string{"access.act_tokens has one of access.tokens, with which everyone who reads would act; it may only read; example: [sm://projects/my-project/secrets/pongwatch-act-token]"}},
		rule{"a token that acts behind IAM", with("access: {act_tokens: sm://projects/p/secrets/act}"), []string{"access.act_tokens change nothing while access.dashboard is iam, which does not say who reads; example: dashboard: token"}},
	)
	pages := []string{"api", "badges", "dashboard", "openmetrics", "playbooks"}
	for _, key := range append(pages, "health") {
		var rest []string // of Metrics, which are left to IAM
		if others := slices.DeleteFunc(slices.Clone(pages), func(k string) bool { return k == key }); key != "health" {
			rest = []string{"access leaves to iam: " + strings.Join(others, ", ") + ", which answer 403, because IAM cannot guard some pages of Metrics alone; example: " + others[0] + ": token"}
		}
		rules = append(rules,
			rule{key + " by token", with("access: {" + key + ": token, " + tokens + "}"), rest},
			rule{key + " by token without tokens", with("access: {" + key + ": token}"), append(rest, "access."+key+" is token, but access.tokens is empty; example: tokens: [sm://projects/my-project/secrets/pongwatch-read-token]")},
		)
	}
	for _, r := range rules {
		r.check(t, false)
	}
	for _, key := range []string{"health", "dashboard", "api", "openmetrics", "badges", "playbooks"} {
		c, _ := Parse(false, Document{Name: "c", Text: []byte(with("access: {" + key + ": public}"))})
		if c.Access.MetricsOpen() != (key != "health") {
			t.Errorf("with a public %s Metrics is open: %v", key, c.Access.MetricsOpen())
		}
	}
	if Default().Access.MetricsOpen() {
		t.Error("Metrics is open by default")
	}
}
