package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// ref returns a reference of the project p.
func ref(t *testing.T, name string) Secret {
	t.Helper()
	r, err := secrets.ParseRef("sm://projects/p/secrets/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return reference(r)
}

// slowly is a clock that is at least the floor of a refresh later at each look.
func slowly() func() time.Time {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(15 * time.Second)
		return now
	}
}

// rotating is a Secret Manager in which every access finds the next version.
func rotating() *secrets.Cache {
	n := 0
	return secrets.NewCache(secrets.Source(func(context.Context, string) (secrets.Secret, error) {
		n++
		return secrets.Secret{Data: []byte(fmt.Sprint("https://v", n, ".upstash.io")), Version: fmt.Sprint(n)}, nil
	}), slowly())
}

func TestASecretIsReadOnceAndRefreshedWhenAsked(t *testing.T) {
	cache, s := rotating(), ref(t, "s")
	for i, step := range []struct {
		read func(context.Context, *secrets.Cache) (secrets.Entry, error)
		want string
	}{{s.Get, "1"}, {s.Get, "1"}, {s.Refresh, "2"}, {s.Get, "2"}} {
		e, err := step.read(t.Context(), cache)
		if err != nil || e.Version != step.want || e.Value.Reveal() != "https://v"+step.want+".upstash.io" {
			t.Errorf("step %d: version %s, %v, want %s", i, e.Version, err, step.want)
		}
	}
}

func TestASecretWithoutAReference(t *testing.T) {
	for _, s := range []Secret{Inline("x"), {}} {
		e, err := s.Get(t.Context(), nil)
		if err != nil || e.Version != "" || e.Value.Reveal() != s.value.Reveal() || s.IsReference() || s.IsSet() != (e.Value.Reveal() != "") {
			t.Errorf("%s: entry %+v, %v", s, e, err)
		}
	}
	s := ref(t, "s")
	if !s.IsReference() || !s.IsSet() {
		t.Error("a reference is not set")
	}
	if _, err := s.Get(t.Context(), nil); !errors.Is(err, secrets.ErrUnavailable) || err.Error() != "reading secret sm://projects/p/secrets/s: no secret source is set up: "+secrets.ErrUnavailable.Error() {
		t.Errorf("without a cache: %v", err)
	}
}

func TestASecretPrintsItsReferenceAndNoValue(t *testing.T) {
	const shown = "sm://projects/p/secrets/s"
	for _, c := range []struct {
		s    Secret
		want string
	}{{ref(t, "s"), shown}, {Inline(canary), "[redacted]"}, {Secret{}, ""}} {
		asJSON, err := json.Marshal(c.s)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{c.s.String(), fmt.Sprintf("%v", c.s), fmt.Sprintf("%s", c.s), fmt.Sprintf("%#v", c.s), fmt.Sprintf("%d", c.s), strings.Trim(string(asJSON), `"`), c.s.LogValue().String()} {
			if got != c.want {
				t.Errorf("printed %q, want %q", got, c.want)
			}
		}
		if c.s.LogValue().Kind() != slog.KindString {
			t.Error("a log value is no text")
		}
	}
}

func TestParseText(t *testing.T) {
	for _, c := range []struct {
		name, text string
		plain      bool
		want, what string
	}{
		{"a reference", "sm://projects/p/secrets/s/versions/3", false, "sm://projects/p/secrets/s/versions/3", ""},
		{"a reference in white space", " sm://projects/p/secrets/s\n", false, "sm://projects/p/secrets/s", ""},
		{"nothing", "", false, "", ""},
		{"a value in plain text", "x", false, "", "holds a secret in plain text, want a reference into Secret Manager"},
		{"a value where one may stand", "x", true, "[redacted]", ""},
		{"a reference that is none", "sm://x", true, "", "is no reference into Secret Manager: "},
	} {
		var s Secret
		what, example := s.ParseText(c.text, c.plain)
		if !strings.HasPrefix(what, c.what) || (c.what == "") != (what == "") || s.String() != c.want {
			t.Errorf("%s: %q, problem %q with the example %q", c.name, s, what, example)
		}
	}
}

func TestCredentialsAreReadAnewOnlyWhenRefused(t *testing.T) {
	c, ps := Parse(false, Document{Name: "c", Text: []byte("databases: [{name: a, url: 'sm://projects/p/secrets/url', token: 'sm://projects/p/secrets/token'}]")})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	token := 0
	cache := secrets.NewCache(secrets.Source(func(_ context.Context, name string) (secrets.Secret, error) {
		if strings.Contains(name, "url") {
			return secrets.Secret{Data: []byte("https://a.upstash.io"), Version: "9"}, nil
		}
		token++
		return secrets.Secret{Data: []byte(fmt.Sprint("AX", token)), Version: fmt.Sprint(token)}, nil
	}), slowly())
	for i, step := range []struct {
		refused bool
		want    string
	}{{false, "1"}, {false, "1"}, {true, "2"}, {false, "2"}} {
		got, err := c.Credentials(t.Context(), cache, "a", step.refused)
		if err != nil || got.Version != step.want || got.Token.Reveal() != "AX"+step.want || got.URL != "https://a.upstash.io" {
			t.Errorf("step %d: %+v, %v, want version %s", i, got, err, step.want)
		}
	}
}

func TestCredentialsSayWhatCannotBeRead(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"the URL", "databases: [{name: a, url: 'sm://projects/p/secrets/x', token: 'sm://projects/p/secrets/y'}]", "reading url of database a: reading secret sm://projects/p/secrets/x: "},
		{"the token", "databases: [{name: a, url: 'https://a.upstash.io', token: 'sm://projects/p/secrets/y'}]", "reading token of database a: reading secret sm://projects/p/secrets/y: "},
		{"the bundle", "databases: [{name: a}]\ncredentials: sm://projects/p/secrets/z", "reading credentials: reading secret sm://projects/p/secrets/z: "},
		{"the URL beside a bundle", "databases: [{name: a, url: 'sm://projects/p/secrets/x'}]\ncredentials: sm://projects/p/secrets/z", "reading url of database a: reading secret sm://projects/p/secrets/x: "},
	} {
		cfg, ps := Parse(false, Document{Name: "c", Text: []byte(c.text)})
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		if _, err := cfg.Credentials(t.Context(), vault{}.cache(), "a", false); !errors.Is(err, secrets.ErrNotFound) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to begin with %q", c.name, err, c.want)
		}
	}
	c, _ := Parse(false, Document{Name: "c", Text: []byte(database("a"))})
	if _, err := c.Credentials(t.Context(), nil, "b", false); err == nil || err.Error() != `finding credentials: database "b" is not configured` {
		t.Errorf("a database that is not configured: %v", err)
	}
	c, ps := Parse(false, Document{Name: "c", Text: []byte("databases: [{name: a, mock: 7, url: 'rediss://a.upstash.io', token: 7}]")})
	if _, err := c.Credentials(t.Context(), nil, "a", false); !errors.Is(err, ps[1]) {
		t.Errorf("a database with problems: %v, want the first that stops it, %v", err, ps[1])
	}
}

func TestAProblemWithCredentialsNamesItsDatabase(t *testing.T) {
	c, _ := Parse(true, Document{Name: "c", Text: []byte("databases: [{name: a, url: 'sm://projects/p/secrets/url', token: 'sm://projects/p/secrets/token'}, {name: b}]\ncredentials: sm://projects/p/secrets/bundle")})
	for _, v := range []vault{
		{"url": "x", "token": "AX", "bundle": "{}"}, {"url": "https://a", "token": "'", "bundle": `{"b": 5}`}, {"url": "x", "token": "AX", "bundle": "x"}, {"url": "x", "token": "AX", "bundle": `{"b": {"url": "https://a.upstash.io", "token": "'"}}`},
	} {
		for _, name := range []string{"a", "b"} {
			_, err := c.Credentials(t.Context(), v.cache(), name, false)
			if p, ok := errors.AsType[Problem](err); !ok || p.Database != name || !strings.HasPrefix(p.Key, map[string]string{"a": "databases.a.", "b": "credentials"}[name]) || p.Example == "" {
				t.Errorf("%v: %s: %+v", v, name, err)
			}
		}
	}
}

func TestLookUps(t *testing.T) {
	c, ps := Parse(false, Document{Name: "c", Text: []byte(`
regions: [us-east4, europe-west1]
home: europe-west1
schedule: {healthcheck: 30s, metrics: 10m}
shards: [{name: empty, home: us-east4}, {name: eu, regions: [europe-west3, europe-west4]}]
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}
  - {name: b, shard: eu, url: "https://b.upstash.io", token: "sm://projects/p/secrets/b"}
  - {name: c, url: "https://c.upstash.io", token: "sm://projects/p/secrets/c"}
  - {name: d, shard: empty, url: "https://c.upstash.io", token: "sm://projects/p/secrets/c"}
receivers: [{name: r, slack: {webhook: "sm://projects/p/secrets/s"}}, {name: s, slack: {webhook: "sm://projects/p/secrets/s"}}]
`)})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if got := c.ShardNames(); !slices.Equal(got, []string{"empty", "eu", "main"}) {
		t.Errorf("shards %v", got)
	}
	if got := c.InShard("main"); len(got) != 2 || got[0] != &c.Databases[0] || got[1] != &c.Databases[2] {
		t.Errorf("databases of main: %v", got)
	}
	if c.Database("b") != &c.Databases[1] || c.Database("x") != nil || c.Receiver("s") != &c.Receivers[1] || c.Receiver("x") != nil {
		t.Error("a look-up by name finds another")
	}
	for shard, want := range map[string]string{"main": "[us-east4 europe-west1]", "eu": "[europe-west3 europe-west4]", "empty": "[us-east4 europe-west1]", "x": "[us-east4 europe-west1]"} {
		if got := fmt.Sprint(c.RegionsOf(shard)); got != want {
			t.Errorf("regions of %s: %s, want %s", shard, got, want)
		}
	}
	for name, want := range map[string]string{"a": "europe-west1", "b": "europe-west3", "d": "us-east4"} {
		if got := c.Database(name).Home; got != want {
			t.Errorf("home of %s is %s, want %s", name, got, want)
		}
	}
	if c.Every("healthcheck") != 30*time.Second || c.Every("metrics") != 10*time.Minute || c.Every("x") != 30*time.Second || c.Local() {
		t.Errorf("intervals %v and %v, local %v", c.Every("healthcheck"), c.Every("metrics"), c.Local())
	}
	if got := (missing{Intervals: 3, Grace: time.Minute}).After(2 * time.Minute); got != 7*time.Minute {
		t.Errorf("missing after %v", got)
	}
	if local, _ := Parse(true, Document{Name: "c", Text: []byte(good)}); !local.Local() {
		t.Error("a local configuration is not local")
	}
}

func TestOfACheck(t *testing.T) {
	c := Default()
	i := 0
	for check, p := range c.Checks.all() {
		i++
		p.Every = time.Duration(i)
		if got := c.Checks.Of(check); got != *p {
			t.Errorf("%s: %+v, want %+v", check, got, *p)
		}
	}
	if got := c.Checks.Of("monitor"); got != (Check{}) {
		t.Errorf("monitor: %+v", got)
	}
	for check, r := range map[report.Check]*Rule{
		report.Ping: &c.Thresholds.Ping.Rule, report.Latency: &c.Thresholds.Latency.Rule, report.Write: &c.Thresholds.Write, report.MockMode: &c.Thresholds.MockMode,
		report.HitRate: &c.Thresholds.HitRate.Rule, report.Memory: &c.Thresholds.Memory.Rule, report.Commands: &c.Thresholds.Commands.Rule, report.Eviction: &c.Thresholds.Eviction,
		report.Isolation: &c.Thresholds.Isolation.Rule, report.Values: &c.Thresholds.Values.Rule, report.RoundTrip: &c.Thresholds.RoundTrip,
		report.ConfigLoad: &c.Thresholds.Config, report.Monitor: &c.Thresholds.Monitor,
	} {
		i++
		r.Confirm.Runs = i
		if got := c.Thresholds.Rules()[check]; got != *r {
			t.Errorf("%s: %+v, want %+v", check, got, *r)
		}
	}
	for _, check := range report.Checks() {
		if c.Thresholds.Rules()[check] == (Rule{}) {
			t.Errorf("%s has no rule", check)
		}
	}
}

func TestWhatAReceiverSpeaks(t *testing.T) {
	for want, r := range map[string]Receiver{"slack": {Slack: &Slack{}}, "email": {Email: &Email{}}, "pagerduty": {PagerDuty: &PagerDuty{}}, "webhook": {Webhook: &Webhook{}}, "": {}} {
		if got := r.Kind(); got != want {
			t.Errorf("kind %q, want %q", got, want)
		}
	}
	if (&Slack{Webhook: Inline("x")}).Bot() || !(&Slack{BotToken: Inline("x")}).Bot() {
		t.Error("a webhook is a bot, or a bot is none")
	}
	m := Management{Email: Inline("x")}
	if m.Configured() || (Management{APIKey: Inline("x")}).Configured() {
		t.Error("half of the management API is configured")
	}
	if m.APIKey = Inline("y"); !m.Configured() {
		t.Error("the management API is not configured")
	}
}

func TestMockEvidence(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"a mock", ", mock: true, url: https://a.upstash.io, token: sm://projects/p/secrets/a", "mock: true (MOCK_REDIS) is configured"},
		{"a mock without a URL", ", mock: true", "mock: true (MOCK_REDIS) is configured"},
		{"no URL", "", "no URL is configured (UPSTASH_REDIS_URL), so an app with the same settings runs in mock mode"},
		{"a wrong URL", ", url: x, token: sm://projects/p/secrets/a", ""},
		{"a URL of the wrong kind", ", url: 5, token: sm://projects/p/secrets/a", ""},
		{"a URL", ", url: https://a.upstash.io, token: sm://projects/p/secrets/a", ""},
	} {
		cfg, ps := Parse(false, Document{Name: "c", Text: []byte("databases: [{name: a" + c.keys + "}]")})
		if ps.Fatal() != nil {
			t.Fatal(ps)
		}
		if got, mock := cfg.Databases[0].MockEvidence(); got != c.want || mock != (c.want != "") {
			t.Errorf("%s: evidence %q, %v, want %q", c.name, got, mock, c.want)
		}
	}
}
