package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config/document"
)

// lines returns the problems as "line:column key what; example: …".
func lines(ps Problems) []string {
	var out []string
	for _, p := range ps {
		where := fmt.Sprintf("%d:%d ", p.Line, p.Column)
		if p.Database != "" || p.Receiver != "" {
			where += "(" + p.Database + p.Receiver + ") "
		}
		out = append(out, where+p.Evidence())
	}
	return out
}

const good = `
databases:
  - name: prod-cache
    url: https://merry-cat-32748.upstash.io
    token: sm://projects/my-project/secrets/prod-cache-token
receivers:
  - name: slack-oncall
    slack: {webhook: "sm://projects/my-project/secrets/slack-webhook"}
`

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestExamplesAreGoodByParserAndSchema(t *testing.T) {
	s := compileSchema(t)
	for _, name := range []string{"minimal.yaml", "complete.yaml"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("../../examples/config/" + name)
			if err != nil {
				t.Fatal(err)
			}
			c, ps := Parse(false, Document{Name: name, Text: text})
			if len(ps) > 0 || c == nil {
				t.Errorf("problems:\n%v", ps)
			}
			if err := validate(t, s, string(text)); err != nil {
				t.Errorf("schema: %v", err)
			}
			asJSON, err := yaml.YAMLToJSON(text)
			if err != nil {
				t.Fatal(err)
			}
			fromJSON, ps := Parse(false, Document{Name: name, Text: asJSON})
			if len(ps) > 0 || fromJSON.Hash() != c.Hash() {
				t.Errorf("as JSON it is another configuration: %v", ps)
			}
		})
	}
}

// Each rule has a document that breaks it alone. Where `schema` is set, the published
// schema refuses the document too; the others are rules that a schema cannot say.
// stopping are the cases of TestProblems whose problems are fatal or stop their entry; of the others the default stands.
var stopping = map[string]bool{
	"an object where a list belongs":    true,
	"no databases":                      true,
	"a name with capitals":              true,
	"a database without a name":         true,
	"two databases of one name":         true,
	"a TCP URL":                         true,
	"no URL and no mock":                true,
	"a token in clear":                  true,
	"a TCP URL beside a token in clear": true,
	"a reference that is none":          true,
	"a receiver of no kind":             true,
	"a receiver of two kinds":           true,
	"Slack by both ways":                true,
	"a bot without a channel":           true,
	"mail without recipients":           true,
	"a recipient that is no address":    true,
	"a user without a password":         true,
	"a webhook without keys":            true,
}

func TestProblems(t *testing.T) {
	db := func(lines string) string {
		return "databases:\n  - name: a\n    url: https://a.upstash.io\n    token: sm://projects/p/secrets/a\n" + lines
	}
	receiver := func(lines string) string { return db("receivers:\n  - name: r\n" + lines) }
	tests := []struct {
		name   string
		text   string
		schema bool
		want   []string
	}{
		{"an unknown key with a near one", db("") + "receiver: []\n", true, []string{"5:1 receiver is not a key here; did you mean receivers?; example: receivers"}},
		{"an unknown key of a database concerns that database", db("    tokn: x\n"), true, []string{"5:5 (a) databases[0].tokn is not a key here; did you mean token?; example: token"}},
		{"an unknown key with nothing near lists the keys", db("") + "schedule: {zzz: 1}\n", true, []string{"5:12 schedule.zzz is not a key here; the keys are healthcheck, metrics"}},
		{"a key given twice", db("") + "home: a\nhome: b\n", false, []string{"6:1 home is given twice, first in line 5, which is used"}},
		{"an object where a list belongs", "databases: {name: a}\n", true, []string{"1:1 databases is an object, want a list; example: [{name: prod-cache}]", "1:1 databases is empty, so there is nothing to watch; example: [{name: prod-cache, url: https://your-instance.upstash.io, token: sm://projects/my-project/secrets/prod-cache-token}]"}},
		{"no databases", "environment: production\n", true, []string{"0:0 databases is empty, so there is nothing to watch; example: [{name: prod-cache, url: https://your-instance.upstash.io, token: sm://projects/my-project/secrets/prod-cache-token}]"}},
		{"a name with capitals", "databases:\n  - name: Prod\n    url: https://a.upstash.io\n    token: sm://projects/p/secrets/a\n", true, []string{"2:5 (database-1) databases[0].name is not a name of lower-case letters, digits and dashes (at most 63); example: prod-cache"}},
		{"a database without a name", "databases:\n  - url: https://a.upstash.io\n    token: sm://projects/p/secrets/a\n", true, []string{"2:5 (database-1) databases[0].name is missing; example: prod-cache"}},
		{"two databases of one name", db("  - name: a\n    url: https://b.upstash.io\n    token: sm://projects/p/secrets/b\n"), false, []string{"5:5 (a) databases[1].name is the name of databases[0] too; example: a-2"}},
		{"a number where a text belongs", db("    environment: 5\n"), true, []string{"5:5 (a) databases[0].environment is a whole number, want a text; quote it if it is meant as one; example: production"}},
		{"a text where true or false belongs", db("    mock: nope\n"), true, []string{"5:5 (a) databases[0].mock is a text, want true or false; example: false"}},
		{"a duration without a unit", db("") + "schedule: {metrics: 5}\n", true, []string{"5:12 schedule.metrics is a whole number that is not a duration; example: 5m"}},
		{"a duration out of bounds", db("") + "history: {hot_days: 99}\n", true, []string{"5:11 history.hot_days is 99, want from 2 to 14; example: 3"}},
		{"a share above one", db("") + "budget: {share: 7}\n", true, []string{"5:10 budget.share is 7, want from 0.001 to 1; example: 0.07"}},
		{"a size that is none", db("    limits: {memory: lots}\n"), true, []string{"5:14 (a) databases[0].limits.memory is a text that is not a size; example: 256MB"}},
		{"a plan that does not exist", db("    plan: fre\n"), true, []string{"5:5 (a) databases[0].plan is none of free, payg, fixed-250mb, fixed-1gb, fixed-5gb, fixed-10gb, fixed-50gb, fixed-100gb, fixed-500gb, custom; did you mean free?; example: free"}},
		{"a custom plan without limits", db("    plan: custom\n"), false, []string{"2:5 (a) databases[0].limits.memory is missing, which a custom plan needs; example: 256MB"}},
		{"a TCP URL", "databases:\n  - name: a\n    url: rediss://default:x@a.upstash.io:6379\n    token: sm://projects/p/secrets/a\n", false, []string{"3:5 (a) databases[0].url is a rediss:// URL, which belongs to Redis' TCP protocol; want the REST URL; example: https://your-instance.upstash.io"}},
		{"a port at a host of Upstash", "databases:\n  - name: a\n    url: https://a.upstash.io:6379\n    token: sm://projects/p/secrets/a\n", false, []string{"3:5 (a) databases[0].url names port 6379, and Upstash's REST URL has none; 6379 is for Redis' TCP protocol; example: https://your-instance.upstash.io"}},
		{"no URL and no mock", "databases:\n  - name: a\n    token: sm://projects/p/secrets/a\n", false, []string{"2:5 (a) databases[0].url is empty, so the app runs in mock mode if it reads the same setting; example: https://your-instance.upstash.io"}},
		{"a token in clear", "databases:\n  - name: a\n    url: https://a.upstash.io\n    token: AXyz\n", true, []string{"4:5 (a) databases[0].token holds a secret in plain text, want a reference into Secret Manager; example: sm://projects/my-project/secrets/my-secret"}},
		{"a TCP URL beside a token in clear", "databases:\n  - name: a\n    url: rediss://a.upstash.io:6379\n    token: AXyz\n", true, []string{
			"3:5 (a) databases[0].url is a rediss:// URL, which belongs to Redis' TCP protocol; want the REST URL; example: https://your-instance.upstash.io",
			"4:5 (a) databases[0].token holds a secret in plain text, want a reference into Secret Manager; example: sm://projects/my-project/secrets/my-secret",
		}},
		{"a reference that is none", "databases:\n  - name: a\n    url: https://a.upstash.io\n    token: sm://my-project/token\n", true, []string{`4:5 (a) databases[0].token is no reference into Secret Manager: secret reference does not have the right parts: want sm://projects/PROJECT/secrets/SECRET[/versions/VERSION], such as "sm://projects/my-project/secrets/redis-token"`}},
		{"an app without an address", db("    app: {service: backend}\n"), true, []string{"5:5 (a) databases[0].app wants health_url or cloud_run; example: health_url: https://app.example.com/api/v1/health/redis"}},
		{"a proof without a key", db("    app: {health_url: 'https://x.example.com/', proof: true}\n"), false, []string{"5:49 (a) databases[0].app.proof needs health_url here and proof_key in the document; example: proof_key: sm://projects/my-project/secrets/pongwatch-proof-key"}},
		{"a health page over http", db("    app: {health_url: 'http://x.example.com/'}\n"), false, []string{"5:11 (a) databases[0].app.health_url begins with http://, which is only accepted for loopback under `pongwatch local`; want https://; example: https://app.example.com/api/v1/health/redis"}},
		{"a home that is no region", db("") + "regions: [us-east4]\nhome: mars\n", false, []string{"6:1 home is none of the regions us-east4; example: us-east4"}},
		{"an interval that is no multiple", db("") + "checks: {write: {every: 7m}}\n", false, []string{"5:18 checks.write.every is 7m, want a multiple of schedule.metrics, which is 5m; example: 15m"}},
		{"an interval of one database that is no multiple", db("    checks: {write: {every: 7m}}\n"), false, []string{"5:22 (a) databases[0].checks.write.every is 7m, want a multiple of schedule.metrics, which is 5m; example: 15m"}},
		{"a threshold that never opens", db("") + "thresholds: {write: {confirm: {runs: 0}}}\n", false, []string{"5:22 thresholds.write.confirm never opens: runs and failures are both 0; example: runs: 2"}},
		{"more failures than runs looked at", db("") + "thresholds: {ping: {confirm: {failures: 6}}}\n", false, []string{"5:31 thresholds.ping.confirm.failures is 6, more than of, which is 5; example: failures: 3, of: 5"}},
		{"a hit rate that closes below its opening", db("") + "thresholds: {hit_rate: {close: 0.5}}\n", false, []string{"5:25 thresholds.hit_rate.close is 0.5, want at least open, which is 0.6; example: 0.65"}},
		{"memory thresholds in the wrong order", db("    thresholds: {memory: {warn: 0.99}}\n"), false, []string{"5:18 (a) databases[0].thresholds.memory wants warn_close ≤ warn ≤ critical_close ≤ critical; example: warn_close: 0.75, warn: 0.80, critical_close: 0.90, critical: 0.95"}},
		{"latency that closes above its opening", db("") + "thresholds: {latency: {close: 1s}}\n", false, []string{"5:24 thresholds.latency.close is 1s, want at most open, which is 600ms; example: 600ms"}},
		{"flapping that stops above its start", db("") + "alerting: {flapping: {stop: 40}}\n", false, []string{"5:23 alerting.flapping.stop is 40, want less than start, which is 30; example: 15"}},
		{"a choice longer than the longest silence", db("") + "alerting: {silences: {max: 1h, choices: 2h}}\n", false, []string{"5:32 alerting.silences.choices[0] is 2h, more than max, which is 1h; example: 1h"}},
		{"a receiver of no kind", receiver("    pages: false\n"), true, []string{"6:5 (r) receivers[0] says nothing of slack, email, pagerduty or webhook; example: slack: {webhook: sm://projects/my-project/secrets/slack-webhook}"}},
		{"a receiver of two kinds", receiver("    slack: {webhook: 'sm://projects/p/secrets/s'}\n    pagerduty: {routing_key: 'sm://projects/p/secrets/s'}\n"), true, []string{"6:5 (r) receivers[0] is slack and pagerduty in one, want one receiver each"}},
		{"Slack by both ways", receiver("    slack: {webhook: 'sm://projects/p/secrets/s', bot_token: 'sm://projects/p/secrets/s', channel: C0123456789}\n"), true, []string{"7:5 (r) receivers[0].slack has webhook and bot_token, want one of them; example: bot_token: sm://projects/my-project/secrets/slack-bot-token"}},
		{"a bot without a channel", receiver("    slack: {bot_token: 'sm://projects/p/secrets/s'}\n"), true, []string{"7:5 (r) receivers[0].slack.channel is missing, which a bot needs; example: C0123456789"}},
		{"mail on port 25", receiver("    email: {host: smtp.example.com, port: 25, from: a@example.com, to: b@example.com}\n"), true, []string{"7:37 (r) receivers[0].email.port is 25, which Google Cloud closes and which promises no encryption; want 587 or 465; example: 587"}},
		{"mail without recipients", receiver("    email: {host: smtp.example.com, from: a@example.com, to: []}\n"), true, []string{"7:58 (r) receivers[0].email.to is empty; example: [oncall@example.com]"}},
		{"a recipient that is no address", receiver("    email: {host: smtp.example.com, from: a@example.com, to: [bob]}\n"), true, []string{"7:63 (r) receivers[0].email.to[0] is not a mail address, with or without a name; example: [oncall@example.com]"}},
		{"a user without a password", receiver("    email: {host: smtp.example.com, username: u, from: a@example.com, to: b@example.com}\n"), true, []string{"7:5 (r) receivers[0].email wants both username and password, or neither; example: username: alerts@example.com, password: sm://projects/my-project/secrets/smtp-password"}},
		{"a webhook without keys", receiver("    webhook: {url: 'https://x.example.com/'}\n"), true, []string{"7:5 (r) receivers[0].webhook.keys is empty; example: [sm://projects/my-project/secrets/webhook-key]"}},
		{"a fallback that is not configured", receiver("    fallback: x\n    pagerduty: {routing_key: 'sm://projects/p/secrets/s'}\n"), false, []string{"7:5 (r) receivers[0].fallback names a receiver that is not configured"}},
		{"a route without a receiver concerns the receiver that it names", receiver("    pagerduty: {routing_key: 'sm://projects/p/secrets/s'}\n") + "routes: [{receivers: slak}]\n", false, []string{"8:11 (slak) routes[0].receivers names slak, which is not configured; example: r"}},
		{"a service of a database that is not configured", db("") + "services: {backend: b}\n", false, []string{"5:12 (b) services.backend names a database that is not configured; example: a"}},
		{"a window that says both", db("") + "maintenance: [{name: w, cron: '0 3 * * SUN', for: 2h, from: '2026-12-24T22:00'}]\n", true, []string{"5:16 maintenance[0] wants either cron and for, or from and until; example: cron: 0 3 * * SUN, for: 2h"}},
		{"a window that ends before it begins", db("") + "maintenance: [{name: w, from: '2026-12-24T22:00', until: '2026-12-24T21:00'}]\n", false, []string{"5:51 maintenance[0].until is not after from; example: '2026-12-25T06:00'"}},
		{"a cron expression with a wrong hour", db("") + "maintenance: [{name: w, cron: '0 25 * * *', for: 2h}]\n", false, []string{"5:25 maintenance[0].cron has a wrong hour: want *, or 0 to 23, with ranges (1-5), lists (1,3) and steps (*/15); example: 0 3 * * SUN"}},
		{"a zone that does not exist", db("") + "maintenance: [{name: w, cron: '0 2 * * *', for: 2h, zone: Europe/Atlantis}]\n", false, []string{"5:53 maintenance[0].zone is not an IANA time zone; example: Europe/Berlin"}},
		{"a token surface without tokens", db("") + "access: {health: token}\n", false, []string{"5:10 access.health is token, but access.tokens is empty; example: tokens: [sm://projects/my-project/secrets/pongwatch-read-token]"}},
		{"half of the management API", db("") + "management: {email: ops@example.com}\n", true, []string{"5:1 management wants both email and api_key, or neither; example: api_key: sm://projects/my-project/secrets/upstash-api-key"}},
		{"a placeholder that does not exist", db("") + "links: {logs: 'https://x.example.com/{name}'}\n", false, []string{"5:9 links.logs holds a placeholder that does not exist; there are {database}, {database_id}, {shard}, {environment}, {incident}, {check}, {cause}; example: https://console.cloud.google.com/logs/query?project=my-project"}},
		{"an origin with a path", db("") + "access: {cors: 'https://x.example.com/a'}\n", true, []string{"5:10 access.cors is not an origin: scheme and host without a path; example: [https://admin.example.com]"}},
		{"anchors", db("") + "home: &x us-east4\n", false, []string{"5:1 home is an anchor or alias (& or *), which is not supported, want a text; quote it if it is meant as one; example: us-east4"}},
		{"a syntax error", "databases: [\n", false, nil},
		{"several at once, in document order", db("    plan: fre\n    mock: 7\n") + "homme: x\n", true, []string{
			"5:5 (a) databases[0].plan is none of free, payg, fixed-250mb, fixed-1gb, fixed-5gb, fixed-10gb, fixed-50gb, fixed-100gb, fixed-500gb, custom; did you mean free?; example: free",
			"6:5 (a) databases[0].mock is a whole number, want true or false; example: false",
			"7:1 homme is not a key here; did you mean home?; example: home",
		}},
	}
	s := compileSchema(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, ps := Parse(false, Document{Name: "c.yaml", Text: []byte(tt.text)})
			if tt.want == nil {
				if ps.Fatal() == nil || c != nil {
					t.Errorf("problems %v, want a fatal one", ps)
				}
				return
			}
			if diff := cmp.Diff(tt.want, lines(ps)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			for _, p := range ps {
				if stops := p.Fatal || p.Stops; stops != stopping[tt.name] || p.Fatal && (c != nil || p.Database+p.Receiver != "") || p.Stops && p.Database+p.Receiver == "" {
					t.Errorf("%v: fatal is %v, stops is %v", p, p.Fatal, p.Stops)
				}
			}
			if strings.Contains(tt.name, "twice") || strings.Contains(tt.name, "anchors") {
				return
			}
			if err := validate(t, s, tt.text); (err != nil) != tt.schema {
				t.Errorf("schema says %v, want an error: %v", err, tt.schema)
			}
		})
	}
}

func TestAProblemOfOneLeavesTheRestWorking(t *testing.T) {
	c, ps := Parse(false, Document{Name: "c.yaml", Text: []byte(`
databases:
  - {name: one, url: "https://one.upstash.io", token: "sm://projects/p/secrets/one"}
  - {name: two, url: "rediss://two.upstash.io:6379", token: "sm://projects/p/secrets/two"}
  - {name: three, url: "https://three.upstash.io", token: "sm://projects/p/secrets/three"}
  - {name: four, mock: true}
receivers:
  - {name: slack, slack: {webhook: https://hooks.slack.com/services/T/B/x}}
  - {name: mail, email: {host: smtp.example.com, from: a@example.com, to: b@example.com}}
`)})
	if err := ps.Fatal(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"one": true, "two": false, "three": true, "four": true} {
		if got := c.Database(name).Problems.Err() == nil; got != want {
			t.Errorf("database %s watchable = %v, want %v", name, got, want)
		}
	}
	if p := c.Database("two").Problems[0]; p.Cause != cause.ConfigScheme {
		t.Errorf("cause of two = %s, want %s", p.Cause, cause.ConfigScheme)
	}
	if _, mock := c.Database("four").MockEvidence(); !mock {
		t.Error("four: no mock evidence")
	}
	if c.Receiver("slack").Usable() || !c.Receiver("mail").Usable() {
		t.Errorf("usable: slack %v, mail %v, want only mail", c.Receiver("slack").Usable(), c.Receiver("mail").Usable())
	}
}

func TestInheritance(t *testing.T) {
	c, ps := Parse(false, Document{Name: "c.yaml", Text: []byte(`
environment: staging
regions: [us-east4, europe-west1]
thresholds: {latency: {open: 300ms, close: 300ms}}
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a", thresholds: {latency: {close: 200ms}}}
  - {name: b, url: "https://b.upstash.io", token: "sm://projects/p/secrets/b", shard: eu, environment: production, plan: payg, limits: {commands: 7}}
shards: [{name: eu, regions: europe-west1}]
`)})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	a, b := c.Database("a"), c.Database("b")
	got := fmt.Sprintln(a.Environment, a.Home, a.Thresholds.Latency.Open, a.Thresholds.Latency.Close, a.Limits.Memory, a.Limits.Commands, a.Checks.Write.Every)
	if want := "staging us-east4 300ms 200ms 256MB 500000 15m0s\n"; got != want {
		t.Errorf("a: %s, want %s", got, want)
	}
	got = fmt.Sprintln(b.Environment, b.Home, b.Thresholds.Latency.Open, b.Thresholds.Latency.Close, b.Limits.Memory, b.Limits.Commands)
	if want := "production europe-west1 300ms 300ms 100GB 7\n"; got != want {
		t.Errorf("b: %s, want %s", got, want)
	}
	if diff := cmp.Diff([]string{"eu", "main"}, c.ShardNames()); diff != "" {
		t.Error(diff)
	}
}

func TestChecksFollowTheSchedule(t *testing.T) {
	c, ps := Parse(false, Document{Name: "c.yaml", Text: []byte(good + "schedule: {healthcheck: 30s, metrics: 10m}\nchecks: {memory: {every: 30m}}\n")})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	k := c.Database("prod-cache").Checks
	got := fmt.Sprintln(k.Ping.Every, k.MockMode.Every, k.HitRate.Every, k.Memory.Every, k.Write.Every, k.RoundTrip.Every)
	if want := "30s 30s 10m0s 30m0s 20m0s 1h0m0s\n"; got != want {
		t.Errorf("intervals %s, want %s", got, want)
	}
}

func BenchmarkParse500(b *testing.B) {
	var text strings.Builder
	text.WriteString("databases:\n")
	for i := range maxDatabases {
		fmt.Fprintf(&text, "  - {name: d%d, url: 'https://d%d.upstash.io', token: 'sm://projects/p/secrets/d%d', app: {health_url: 'https://x.example.com/'}}\n", i, i, i)
	}
	document := Document{Name: "c.yaml", Text: []byte(text.String())}
	b.SetBytes(int64(len(document.Text)))
	for b.Loop() {
		if c, ps := Parse(false, document); c == nil {
			b.Fatal(ps)
		}
	}
}

func TestDocumentsAreMerged(t *testing.T) {
	one := "regions: [us-east4]\nhistory: {hot_days: 2}\ndatabases: [{name: a, url: 'https://a.upstash.io', token: 'sm://projects/p/secrets/a'}]\n"
	two := "regions: [us-east4]\nhistory: {sample_days: 7}\ndatabases: [{name: b, url: 'https://b.upstash.io', token: 'sm://projects/p/secrets/b', plan: fre}]\n"
	c, ps := Parse(false, Document{Name: "one.yaml", Text: []byte(one)}, Document{Name: "two.yaml", Text: []byte(two)})
	if len(ps) != 1 || ps[0].File != "two.yaml" || ps[0].Database != "b" {
		t.Errorf("problems %v, want the plan's, in two.yaml", ps)
	}
	if len(c.Databases) != 2 || c.History.HotDays != 2 || c.History.SampleDays != 7 {
		t.Errorf("merged: %d databases, %+v", len(c.Databases), c.History)
	}

	_, ps = Parse(false, Document{Name: "one.yaml", Text: []byte(one)}, Document{Name: "two.yaml", Text: []byte("history: {hot_days: 3}\nregions: [x]\n")})
	want := []string{
		"1:11 history.hot_days has another value at one.yaml:2:11; example: give it in one of the two documents",
		"2:1 regions has another value at one.yaml:1:1; example: give it in one of the two documents",
	}
	if diff := cmp.Diff(want, lines(ps)); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
}

func TestNullIsAsIfAbsent(t *testing.T) {
	c, ps := Parse(false, Document{Name: "c.json", Text: []byte(`{"databases": [{"name": "a", "url": "https://a.upstash.io", "token": "sm://projects/p/secrets/a", "plan": null, "app": null}], "routes": null}`)})
	if len(ps) > 0 || c.Databases[0].Plan != "free" {
		t.Errorf("problems %v", ps)
	}
}

func TestBoundsOfADocument(t *testing.T) {
	many := "databases:\n"
	for i := range maxDatabases + 1 {
		many += fmt.Sprintf("  - {name: d%d, url: 'https://d%d.upstash.io', token: 'sm://projects/p/secrets/d'}\n", i, i)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"too large":          {strings.Repeat("#", document.MaxSize+1), "the document has 12582913 bytes, more than 12582912; example: several documents in PONGWATCH_CONFIG"},
		"too deep":           {strings.Repeat("[", 1e6), "the document is nested more than 200 levels deep"},
		"too deep by dashes": {strings.Repeat("- ", 1e5), "the document is nested more than 200 levels deep"},
		"too many databases": {many, "databases[500].shard is main, which already has 500 databases; example: shard: main-2"},
		"no object":          {"just text", "the document is a text, want an object; example: databases: […]"},
		"tab indentation":    {"databases:\n\t- a\n", "the document is neither YAML nor JSON: found character '\t' that cannot start any token; example: databases:\n  - name: prod-cache"},
	} {
		_, ps := Parse(false, Document{Name: "c", Text: []byte(tt.text)})
		if len(ps) == 0 || ps[0].Evidence() != tt.want && ps[len(ps)-1].Evidence() != tt.want {
			t.Errorf("%s: %v, want %q", name, ps, tt.want)
		}
	}
}

func TestHashChangesWithSettingsOnly(t *testing.T) {
	parse := func(text string) string {
		t.Helper()
		c, ps := Parse(true, Document{Name: "c", Text: []byte(text)})
		if c == nil {
			t.Fatal(ps)
		}
		return c.Hash()
	}
	h := parse(good)
	if h != parse("# a comment\n"+good) || h != parse(strings.Replace(good, "    url", "    plan: free\n    url", 1)) {
		t.Error("the hash changes with a comment or a default that is spelled out")
	}
	if h == parse(strings.Replace(good, "merry", "sad", 1)) || h == parse(good+"home: x\n") {
		t.Error("the hash does not change with a setting")
	}
	inline := strings.Replace(good, "sm://projects/my-project/secrets/prod-cache-token", "AXone", 1)
	if parse(inline) != parse(strings.Replace(inline, "AXone", "AXtwo", 1)) {
		t.Error("the hash tells of a secret in clear")
	}
	if len(h) != 12 {
		t.Errorf("hash %q, want 12 digits", h)
	}
	if _, err := json.Marshal(Default()); err != nil {
		t.Error(err)
	}
}
