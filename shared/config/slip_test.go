package config

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// slips calls try with testdata/every-key.yaml in which one key after another has a value
// that none can have, and with each list that has such an item.
func slips(t *testing.T, try func(path string, text []byte)) {
	t.Helper()
	text, err := os.ReadFile("testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]any{"wrong": "§"} // neither a text, a number nor a list
	var walk func(path string, value any, set func(any))
	walk = func(path string, value any, set func(any)) {
		change := func(to any) {
			set(to)
			defer set(value)
			text, err := json.Marshal(doc) // which is YAML, too
			if err != nil {
				t.Fatal(err)
			}
			try(path, text)
		}
		switch value := value.(type) {
		case map[string]any:
			for key := range value {
				walk(strings.TrimPrefix(path+"."+key, "."), value[key], func(to any) { value[key] = to })
			}
			value["wrong"] = "§" // an unknown key
			change(value)
			delete(value, "wrong")
		case []any:
			for i := range value {
				if _, entry := value[i].(map[string]any); entry {
					walk(fmt.Sprintf("%s[%d]", path, i), value[i], func(to any) { value[i] = to })
				} else {
					change([]any{wrong})
				}
			}
		default:
			change(wrong)
		}
	}
	walk("", doc, func(any) {})
}

func TestASlipInAnyKeyButThoseThatReachADatabaseLeavesItsDefault(t *testing.T) {
	vitalOfDatabase := regexp.MustCompile(`^databases\[\d+\]\.(name|url|token)$`)
	n := 0
	slips(t, func(path string, text []byte) {
		n++
		c, ps := Parse(false, Document{Name: "slip", Text: text})
		if c == nil || ps.Err() == nil {
			t.Errorf("%s: problems %v, want one that is not fatal", path, ps)
			return
		}
		d := c.Databases[0]
		stopped := ps.Stops() != nil && d.Problems.Stops() != nil
		if stopped != vitalOfDatabase.MatchString(path) {
			t.Errorf("%s: the database is stopped: %v, by %v", path, stopped, d.Problems)
		}
		names := func(p Problem) bool { return strings.HasPrefix(p.Key, path) && p.What != "" }
		if !slices.ContainsFunc(ps, names) {
			t.Errorf("%s: no problem names the key: %v", path, ps)
		}
		// What stops a receiver is the receiver's to say; everything else the database's config says.
		if ps.Stops() == nil && !slices.ContainsFunc(d.Problems, names) {
			t.Errorf("%s: the database's problems do not name the key: %v", path, d.Problems)
		}
	})
	if n < 200 {
		t.Errorf("%d keys were tried, want every key of the document", n)
	}
}

func TestWhatIsWrongHasItsDefault(t *testing.T) {
	for _, c := range []struct {
		name, text string
		got        func(c *Config) any
		want       string
	}{
		{"a home that is no region is the first", with("regions: [us-east4, europe-west1]", "home: mars"), func(c *Config) any { return c.Databases[0].Home }, "us-east4"},
		{"a database's home is its shard's", one("home: mars") + "regions: [us-east4, europe-west1]\nhome: europe-west1\n", func(c *Config) any { return c.Databases[0].Home }, "europe-west1"},
		{"a shard's home is the first of its regions", one("shard: eu") + "shards: [{name: eu, regions: [europe-west3, europe-west4], home: mars}]\n", func(c *Config) any { return c.Databases[0].Home }, "europe-west3"},
		{"a region that is none is left out", with("regions: [us_east4, europe-west1]"), func(c *Config) any { return c.Regions }, "[europe-west1]"},
		{"an objective in per cent", with("objective: 99.9"), func(c *Config) any { return c.Databases[0].Objective }, "0.999"},
		{"a relative health page leaves its app without one", one("app: {health_url: /health}"), func(c *Config) any { return len(c.Databases[0].Apps[0].HealthURL) }, "0"},
		{"a pattern that does not compile", with("checks: {isolation: {pattern: '('}}"), func(c *Config) any { return c.Databases[0].Checks.Isolation.Pattern }, "^ws:[^:]+:"},
		{"an interval that is no multiple is the next one", with("checks: {write: {every: 7m}}"), func(c *Config) any { return c.Databases[0].Checks.Write.Every }, "10m0s"},
		{"a database's interval that is no multiple is the next one", one("checks: {write: {every: 7m}}") + "checks: {write: {every: 20m}}\n", func(c *Config) any { return c.Databases[0].Checks.Write.Every }, "10m0s"},
		{"a database's check has an interval of the job's, also where the document's own check is off", one("checks: {write: {enabled: true}}") + "checks: {write: {enabled: false, every: 7m}, hit_rate: {every: 7m}}\n", func(c *Config) any { return c.Databases[0].Checks.Write.Every }, "10m0s"},
		{"an interval that is no multiple of a given one is its next one", with("schedule: {metrics: 7m}", "checks: {write: {every: 8m}}"), func(c *Config) any { return c.Databases[0].Checks.Write.Every }, "14m0s"},
		{"an interval of no kind is the next multiple of its default", with("schedule: {metrics: 7m}", "checks: {write: {every: often}}"), func(c *Config) any { return c.Databases[0].Checks.Write.Every }, "21m0s"},
		{"a rule that never opens", with("thresholds: {write: {severity: info, confirm: {runs: 0, close: 7}}}"), func(c *Config) any { return c.Databases[0].Thresholds.Write }, "{info {1 0 0 1 0}}"},
		{"more failures than runs looked at", with("thresholds: {ping: {confirm: {failures: 6}}}"), func(c *Config) any { return c.Databases[0].Thresholds.Ping.Confirm }, "{2 3 5 2 3}"},
		{"latency that closes above its opening", with("thresholds: {latency: {severity: info, open: 1s, close: 2s}}"), func(c *Config) any { return c.Databases[0].Thresholds.Latency.Open }, "600ms"},
		{"a critical latency below its opening", with("thresholds: {latency: {open: 3s}}"), func(c *Config) any { return c.Databases[0].Thresholds.Latency.Open }, "600ms"},
		{"a hit rate that closes below its opening", with("thresholds: {hit_rate: {open: 0.5, close: 0.4}}"), func(c *Config) any { return c.Databases[0].Thresholds.HitRate.Open }, "0.6"},
		{"shares in the wrong order", with("thresholds: {memory: {severity: info, warn: 0.99}}"), func(c *Config) any { return c.Databases[0].Thresholds.Memory }, "{{info {2 0 0 1 0}} 0.8 0.75 0.95 0.9}"},
		{"a database's shares are the document's", one("thresholds: {memory: {warn: 0.99}}") + "thresholds: {memory: {warn: 0.85}}\n", func(c *Config) any { return c.Databases[0].Thresholds.Memory.Warn }, "0.85"},
		{"flapping that stops above its start", with("alerting: {flapping: {start: 20, stop: 21}}"), func(c *Config) any { return c.Alerting.Flapping }, "{true 30 15}"},
		{"a default longer than the longest silence", with("alerting: {silences: {max: 30m, choices: [10m, 2h]}}"), func(c *Config) any { return c.Alerting.Silences }, "{30m0s 30m0s [10m0s 30m0s]}"},
		{"a list of actors without a valid one matches no one, because an empty list is everyone", with("oncall: {actors: 7}"), func(c *Config) any { return len(c.OnCall.Actors) }, "1"},
		{"a route with a condition of no value goes on, because it matches all", with("receivers: [{name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}]", "routes: [{severities: [warnin], receivers: s}]"), func(c *Config) any { return c.Routes[0].Continue }, "true"},
		{"a route with a mistyped condition goes on", with("receivers: [{name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}]", "routes: [{severtiy: warning, receivers: s}]"), func(c *Config) any { return c.Routes[0].Continue }, "true"},
		{"a route with a condition that is like no other goes on", with("receivers: [{name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}]", "routes: [{match: {severity: warning}, receivers: s}]"), func(c *Config) any { return c.Routes[0].Continue }, "true"},
		{"a route with conditions of no kind goes on", with("receivers: [{name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}]", "routes: [{databases: {a: b}, receivers: s}]"), func(c *Config) any { return c.Routes[0].Continue }, "true"},
		{"a route with one condition of two ends the search", with("receivers: [{name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}]", "routes: [{severities: [warnin, critical], receivers: s}]"), func(c *Config) any { return c.Routes[0].Continue }, "false"},
		{"a route with a slip elsewhere ends the search", with("receivers: [{name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}]", "routes: [{severities: [critical], receivers: s, fallbak: s}]"), func(c *Config) any { return c.Routes[0].Continue }, "false"},
		{"someone who is on call without a key matches no one", with("oncall: alice"), func(c *Config) any { return len(c.OnCall.Actors) }, "1"},
		{"actors under a mistyped key match no one", with("oncall: {actor: [alice@example.com]}"), func(c *Config) any { return len(c.OnCall.Actors) }, "1"},
		{"actors under a key that is like no other match no one", with("oncall: {may: [alice@example.com]}"), func(c *Config) any { return len(c.OnCall.Actors) }, "1"},
		{"actors of a mistyped object match no one", with("on_call: {actors: [alice@example.com]}"), func(c *Config) any { return len(c.OnCall.Actors) }, "1"},
		{"a mistyped key that is plainly another one leaves the actors to everyone", with("oncall: {emial: team@example.com}"), func(c *Config) any { return len(c.OnCall.Actors) }, "0"},
		{"approvers under a mistyped key match no one", with("receivers: [{name: r, slack: {webhook: 'sm://projects/p/secrets/s', approver: U0123456789}}]"), func(c *Config) any { return len(c.Receivers[0].Slack.Approvers) }, "1"},
		{"a list of approvers without a valid one matches no one", with("receivers: [{name: r, slack: {webhook: 'sm://projects/p/secrets/s', approvers: [bob]}}]"), func(c *Config) any { return len(c.Receivers[0].Slack.Approvers) }, "1"},
		{"an approver that is no Slack user matches no one", with("receivers: [{name: r, slack: {webhook: 'sm://projects/p/secrets/s', approvers: bob}}]"), func(c *Config) any { return len(c.Receivers[0].Slack.Approvers) }, "1"},
		{"a window with a database that is none is left out, because without it would silence all", with("maintenance: [{name: w, cron: '0 3 * * *', for: 1h, databases: [A]}, {name: x, cron: '0 3 * * *', for: 1h}]"), func(c *Config) any { return c.Maintenance[0].Name }, "x"},
		{"a read token may not act", with("access: {dashboard: public, tokens: sm://projects/p/secrets/a, act_tokens: [sm://projects/p/secrets/a]}"), func(c *Config) any { return len(c.Access.ActTokens) }, "0"},
		{"a region that is listed twice is one", with("regions: [us-east4, us-east4]"), func(c *Config) any { return c.Regions }, "[us-east4]"},
		{"a page with a wrong word stays closed", with("access: {dashboard: tokn}"), func(c *Config) any { return c.Access.Dashboard }, "token"},
		{"health with a wrong word is left to IAM", with("access: {health: tokn}"), func(c *Config) any { return c.Access.Health }, "iam"},
		{"a shard without a name is left out", with("shards: [{name: A}, {name: eu}]"), func(c *Config) any { return c.Shards[0].Name }, "eu"},
		{"mail on port 25", with("receivers: [{name: r, email: {host: h.example.com, port: 25, from: a@example.com, to: a@example.com}}]"), func(c *Config) any { return c.Receivers[0].Email.Port }, "587"},
		{"one recipient of two", with("receivers: [{name: r, email: {host: h.example.com, from: a@example.com, to: [bob, a@example.com]}}]"), func(c *Config) any { return c.Receivers[0].Email.To }, "[a@example.com]"},
		{"the second app of one name is left out", one("app: [{service: a, health_url: 'https://a.example.com'}, {service: a, health_url: 'https://b.example.com'}]"), func(c *Config) any { return len(c.Databases[0].Apps) }, "1"},
		{"a proof without a key is not asked for", one("app: {health_url: 'https://a.example.com', proof: true}"), func(c *Config) any { return c.Databases[0].Apps[0].Proof }, "false"},
		{"an interval of the proof is the next multiple", one("app: {health_url: 'https://a.example.com', proof: true, proof_every: 7m}") + "proof_key: sm://projects/p/secrets/k\n", func(c *Config) any { return c.Databases[0].Apps[0].ProofEvery }, "10m0s"},
		{"of a key given twice the first is used", with("home: a", "home: b"), func(c *Config) any { return c.Home }, "a"},
	} {
		cfg, ps := Parse(false, Document{Name: "c", Text: []byte(c.text)})
		if cfg == nil || len(ps) == 0 || ps.Stops() != nil {
			t.Errorf("%s: %v", c.name, ps)
			continue
		}
		if got := fmt.Sprint(c.got(cfg)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Terraform writes null for what is not set.
func TestANullKeyIsAsIfItWereNotThere(t *testing.T) {
	c, ps := Parse(false, Document{Name: "c", Text: []byte(with("schedule: {metrics: 10m}", "checks: {hit_rate: {every: null}}"))})
	if len(ps) > 0 || c.Databases[0].Checks.HitRate.Every != 10*time.Minute {
		t.Errorf("problems %v, an interval of %v, want that of the job", ps, c.Databases[0].Checks.HitRate.Every)
	}
}
