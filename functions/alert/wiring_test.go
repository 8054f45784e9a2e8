package alert

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

var pingOfA = report.Series{Database: "a", Check: report.Ping}

// wired is a configuration in which everything that reaches a policy is set.
const wired = `
regions: [us, eu]
home: eu
schedule: {healthcheck: 2m, metrics: 10m}
shards: [{name: main, regions: [eu, asia], home: asia}]
databases:
  - {name: a, environment: staging, region: us-east-1, home: eu, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}
receivers:
  - name: slack
    fallback: mail
    slack: {bot_token: "sm://projects/p/secrets/slack", channel: C0ALERTS00, api_url: "https://slack-gov.com/api/", mention: [here], approvers: [U0ALICE000], app_id: A0123456789, team_id: T0123456789, buttons: true}
  - name: hook
    slack: {webhook: "sm://projects/p/secrets/hook"}
  - name: mail
    pages: false
    email: {host: smtp.example.com, port: 587, tls: starttls, username: u, password: "sm://projects/p/secrets/p", from: p@example.com, to: [x@example.com, y@example.com]}
  - {name: pager, pagerduty: {routing_key: "sm://projects/p/secrets/pager", url: "https://events.eu.pagerduty.com/v2/enqueue"}}
  - {name: web, webhook: {url: "https://hooks.example.com/x", keys: ["sm://projects/p/secrets/key"]}}
  - {name: am, webhook: {url: "https://hooks.example.com/y", format: alertmanager, username: u, password: "sm://projects/p/secrets/basic"}}
routes:
  - environments: [staging, test]
    databases: ["a*", b]
    severities: [critical, warning]
    receivers: [slack, mail]
    fallback: [hook, web]
    escalate_to: [pager, web]
    escalate_after: 7m
    reminders: {critical: [31m, 1h], acknowledged: [3h, 4h], warning: [5h, 6h]}
  - {receivers: [slack]}
maintenance:
  - {name: weekly, cron: "0 3 * * SUN", for: 2h, zone: Europe/Berlin, environments: [staging, test], databases: ["a*", b], reason: upgrade}
  - {name: once, from: "2026-12-24T22:00", until: "2026-12-25T06:00", zone: Europe/Berlin, environments: [staging, test], databases: ["a*", b], reason: holidays}
inbound: {url: "https://inbound.example.com", slack_signing_secret: "sm://projects/p/secrets/signing", link_keys: ["sm://projects/p/secrets/link"]}
`

// leaves calls visit with every exported field below v that holds no struct, and its path. What the parser
// notes for itself is no key.
func leaves(v reflect.Value, path string, visit func(path string, leaf reflect.Value)) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		leaves(v.Elem(), path, visit)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[config.Secret]():
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				leaves(v.Field(i), path+"."+f.Name, visit)
			}
		}
	default:
		visit(path, v)
	}
}

// changed sets a leaf to another value, and returns what sets it back.
func changed(t *testing.T, path string, leaf reflect.Value) (restore func()) {
	t.Helper()
	before := reflect.New(leaf.Type()).Elem()
	before.Set(leaf)
	switch leaf.Kind() {
	case reflect.String:
		leaf.SetString(leaf.String() + "x")
	case reflect.Bool:
		leaf.SetBool(!leaf.Bool())
	case reflect.Int, reflect.Int64:
		leaf.SetInt(leaf.Int() + 1)
	case reflect.Float64:
		leaf.SetFloat(leaf.Float() + 1)
	case reflect.Slice:
		if leaf.Len() > 0 {
			leaf.Set(leaf.Slice(1, leaf.Len()))
		} else {
			leaf.Set(reflect.MakeSlice(leaf.Type(), 1, 1))
		}
	case reflect.Struct: // a secret
		leaf.Set(reflect.ValueOf(config.Inline("another")))
	default:
		t.Fatalf("%s is a %s, for which this test has no other value", path, leaf.Kind())
	}
	return func() { leaf.Set(before) }
}

// arrive checks that each leaf below root changes what look returns, but for those that
// end in one of elsewhere, which must not.
func arrive(t *testing.T, root reflect.Value, path string, elsewhere []string, look func() any) {
	t.Helper()
	n := 0
	leaves(root, path, func(path string, leaf reflect.Value) {
		n++
		before := look()
		restore := changed(t, path, leaf)
		arrives := !reflect.DeepEqual(before, look())
		restore()
		other := false
		for _, suffix := range elsewhere {
			other = other || strings.HasSuffix(path, suffix)
		}
		if arrives == other {
			t.Errorf("%s: arrives %t, want %t", path, arrives, !other)
		}
	})
	if n == 0 {
		t.Errorf("%s has no fields", path)
	}
}

func TestEveryFieldOfTheConfigurationReachesThePolicy(t *testing.T) {
	c := parse(t, wired)
	policy := func() any { return policy.Of(c, "main") }
	at := func(pointer any) reflect.Value { return reflect.ValueOf(pointer).Elem() }

	arrive(t, at(&c.Alerting), "alerting", []string{
		".RotationNotice",                // HealthCheck judges it
		".Silences.Default",              // of commands that say nothing else
		".Silences.Choices",              // of messages
		".Canary.Enabled", ".Canary.URL", // HealthCheck asks it
	}, policy)
	arrive(t, at(&c.Routes[0]), "routes[0]", nil, policy)
	arrive(t, at(&c.Maintenance[0]), "maintenance[0]", []string{".From", ".Until"}, policy)
	arrive(t, at(&c.Maintenance[1]), "maintenance[1]", nil, policy)
	for path, field := range map[string]any{
		"environment": &c.Databases[0].Environment, "region": &c.Databases[0].Region, "home": &c.Databases[0].Home,
		"shard's regions": &c.Shards[0].Regions, "schedule": &c.Schedule,
		"pages": &c.Receivers[0].Pages, "fallback": &c.Receivers[0].Fallback, "name": &c.Receivers[0].Name, "recipients": &c.Receivers[2].Email.To,
	} {
		if path == "schedule" {
			arrive(t, at(field), path, []string{".Tick", ".Timeout"}, policy)
			continue
		}
		arrive(t, at(field), path, nil, policy)
	}
	before := policy()
	c.Receivers[3].PagerDuty, c.Receivers[3].Webhook = nil, &config.Webhook{}
	if reflect.DeepEqual(before, policy()) {
		t.Error("PagerDuty is a receiver like others: it reminds and escalates by itself")
	}
}

func TestTheNearestHomeReachesThePolicy(t *testing.T) {
	text := wired
	for _, tt := range []struct{ of, old, with, want string }{
		{"the database's own", "", "", "eu"},
		{"the shard's", " home: eu, url:", " url:", "asia"},
		{"that of all", "regions: [eu, asia], home: asia", "regions: [us, eu]", "eu"},
		{"the first region", "home: eu\n", "", "us"},
	} {
		text = strings.Replace(text, tt.old, tt.with, 1)
		if got := policy.Of(parse(t, text), "main").Databases["a"].Home; got != tt.want {
			t.Errorf("%s: home %q, want %q", tt.of, got, tt.want)
		}
	}
}

// Producers judge values; how many results of how many count is Alert's business.
func TestEveryThresholdOfTimeReachesThePolicy(t *testing.T) {
	c := parse(t, wired)
	for path, thresholds := range map[string]*config.Thresholds{"thresholds": &c.Thresholds, "databases[0].thresholds": &c.Databases[0].Thresholds} {
		n := 0
		leaves(reflect.ValueOf(thresholds), path, func(path string, leaf reflect.Value) {
			ours := strings.HasSuffix(path, ".Severity") || strings.Contains(path, ".Confirm.") || strings.HasSuffix(path, ".Immediate")
			before := policy.Of(c, "main")
			restore := changed(t, path, leaf)
			defer restore()
			if arrives := !reflect.DeepEqual(before, policy.Of(c, "main")); arrives != ours {
				t.Errorf("%s: arrives %t, want %t", path, arrives, ours)
			}
			if ours {
				n++
			}
		})
		checks := len(report.Checks()) - 1 // the limiter has the rule of mock_mode
		if want := checks*6 + 1; n != want {
			t.Errorf("%s: %d fields of %d checks, want %d", path, n, checks, want)
		}
	}
	leaves(reflect.ValueOf(&c.Databases[0].Checks), "checks", func(path string, leaf reflect.Value) {
		before := policy.Of(c, "main")
		restore := changed(t, path, leaf)
		defer restore()
		if arrives := !reflect.DeepEqual(before, policy.Of(c, "main")); arrives != strings.HasSuffix(path, ".Enabled") {
			t.Errorf("%s: arrives %t", path, arrives)
		}
	})
}

// fingerprint replaces each credential of a receiver's options by what it reads.
func fingerprint(t *testing.T, options any) any {
	t.Helper()
	read := func(c message.Credential) string {
		if c == nil {
			return "none"
		}
		v, err := c(t.Context(), false)
		return v.Reveal() + fmt.Sprint(err)
	}
	out := map[string]any{}
	v := reflect.ValueOf(options)
	for i := range v.NumField() {
		switch field := v.Field(i).Interface().(type) {
		case message.Credential:
			out[v.Type().Field(i).Name] = read(field)
		case []message.Credential:
			var all []string
			for _, c := range field {
				all = append(all, read(c))
			}
			out[v.Type().Field(i).Name] = all
		default:
			out[v.Type().Field(i).Name] = field
		}
	}
	return out
}

func TestEveryFieldOfTheConfigurationReachesItsReceiver(t *testing.T) {
	c := parse(t, wired)
	for i := range c.Receivers { // secrets that can be read here
		leaves(reflect.ValueOf(&c.Receivers[i]), "", func(path string, leaf reflect.Value) {
			switch secret := leaf.Addr().Interface().(type) {
			case *config.Secret:
				if secret.IsSet() {
					*secret = config.Inline("secret of " + path)
				}
			case *[]config.Secret:
				for k := range *secret {
					(*secret)[k] = config.Inline(fmt.Sprint("key ", k))
				}
			}
		})
	}
	o := ReceiverOptions{}
	bot, hook, mail, pager, web := c.Receivers[0].Slack, c.Receivers[1].Slack, c.Receivers[2].Email, c.Receivers[3].PagerDuty, c.Receivers[4].Webhook
	inbound := []string{".Approvers", ".AppID", ".TeamID"} // of those who press buttons
	arrive(t, reflect.ValueOf(bot), "bot", append(inbound, ".Webhook"), func() any { return fingerprint(t, slackOptions(c, bot, "slack", o)) })
	arrive(t, reflect.ValueOf(&hook.Webhook), "hook", nil, func() any { return fingerprint(t, slackOptions(c, hook, "hook", o)) })
	mail.TLS = "implicit"
	arrive(t, reflect.ValueOf(mail), "mail", []string{".To"}, func() any { return fingerprint(t, emailOptions(mail, "mail/x@example.com", o)) })
	arrive(t, reflect.ValueOf(pager), "pager", nil, func() any { return fingerprint(t, pagerDutyOptions(pager, "pager", o)) })
	am := c.Receivers[5].Webhook
	arrive(t, reflect.ValueOf(am), "am", nil, func() any { return fingerprint(t, webhookOptions(am, "am", o)) })
	arrive(t, reflect.ValueOf(web), "web", []string{".Format", ".Password"}, func() any { return fingerprint(t, webhookOptions(web, "web", o)) })

	if got := emailOptions(mail, "mail/x@example.com", o); got.To != "x@example.com" || got.Name != "mail/x@example.com" || !got.ImplicitTLS {
		t.Errorf("mail goes to %q as %q, TLS from the start %t", got.To, got.Name, got.ImplicitTLS)
	}
	c.Inbound.SlackSigningSecret = config.Secret{}
	if slackOptions(c, bot, "slack", o).Buttons {
		t.Error("there are buttons whose press no function can verify")
	}
	// What is the same for all of a kind.
	o.AllowLoopback = true
	for name, options := range map[string]any{
		"slack": slackOptions(c, bot, "name", o), "pager": pagerDutyOptions(pager, "name", o), "web": webhookOptions(web, "name", o),
	} {
		if v := reflect.ValueOf(options); !v.FieldByName("AllowLoopback").Bool() || v.FieldByName("Name").String() != "name" {
			t.Errorf("%s: %+v lacks its name or leave for loopback", name, options)
		}
	}
}

// Every field of a policy has another value than the default's where the configuration says so.
func TestNoFieldOfThePolicyIsForgotten(t *testing.T) {
	p := reflect.ValueOf(policy.Of(parse(t, wired), "main"))
	notConfigured := map[string]time.Duration{"Shift": time.Minute, "Stale": 10 * time.Minute, "SignalAge": 24 * time.Hour, "Replaced": 15 * time.Minute}
	for i := range p.NumField() {
		name := p.Type().Field(i).Name
		// The document has one shard.
		if want, ok := notConfigured[name]; ok && p.Field(i).Interface() != want || p.Field(i).IsZero() && name != "Elsewhere" {
			t.Errorf("%s is %v", name, p.Field(i).Interface())
		}
	}
	if got := policy.Of(parse(t, wired), "other").Elsewhere["a"]; got != "main" {
		t.Errorf("a is elsewhere in %q, want main", got)
	}
	if got := policy.Of(parse(t, wired), "main").Rule(pingOfA).Classes[cause.ClassAuth].Open; got != 1 {
		t.Errorf("a wrong token opens after %d results, want 1", got)
	}
}

// A button in a message of an incoming webhook is pressed in vain unless an app takes it.
func TestAnIncomingWebhookHasLinksInPlaceOfButtons(t *testing.T) {
	secret := config.Inline("xoxb-1")
	c := &config.Config{}
	c.Inbound.SlackSigningSecret = secret
	for _, tt := range []struct {
		name  string
		slack config.Slack
		want  bool
	}{
		{"a bot", config.Slack{BotToken: secret, Buttons: true}, true},
		{"a webhook", config.Slack{Webhook: secret, Buttons: true}, false},
		{"a webhook whose app is named", config.Slack{Webhook: secret, Buttons: true, AppID: "A0123456789"}, true},
		{"a bot without buttons", config.Slack{BotToken: secret}, false},
	} {
		if got := slackOptions(c, &tt.slack, "slack", ReceiverOptions{}).Buttons; got != tt.want {
			t.Errorf("%s: buttons %t, want %t", tt.name, got, tt.want)
		}
	}
}
