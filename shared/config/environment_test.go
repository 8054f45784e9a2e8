package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// environ returns what the pairs of name and value make the environment be.
func environ(pairs ...string) func(string) string {
	env := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return env[name] }
}

// names returns the names of the pairs.
func names(pairs []string) []string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, pairs[i])
	}
	return out
}

func TestEveryVariableReachesItsKey(t *testing.T) {
	c, ps := fromEnvironment(environ(
		"UPSTASH_REDIS_URL", "https://a.upstash.io", "UPSTASH_REDIS_TOKEN", "AXyz", "MOCK_REDIS", "true",
		"SLACK_BOT_TOKEN", "xoxb-1", "SLACK_CHANNEL", "C01234",
		"SMTP_HOST", "smtp.example.com", "SMTP_PORT", "2525", "SMTP_USERNAME", "user", "SMTP_PASSWORD", "password", "SMTP_FROM", "a@example.com", "ALERT_EMAIL_TO", "b@example.com, c@example.com",
	), nil, true)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	db, slack, mail := c.Databases[0], c.Receivers[0].Slack, c.Receivers[1].Email
	got := fmt.Sprint(db.Name, db.Shard, db.URL.value.Reveal(), db.Token.value.Reveal(), db.Mock, c.Receivers[0].Name, slack.BotToken.value.Reveal(), slack.Channel,
		c.Receivers[1].Name, mail.Host, mail.Port, mail.Username.value.Reveal(), mail.Password.value.Reveal(), mail.From, mail.To)
	want := fmt.Sprint("redis", "main", "https://a.upstash.io", "AXyz", true, "slack", "xoxb-1", "C01234",
		"email", "smtp.example.com", 2525, "user", "password", "a@example.com", []string{"b@example.com", "c@example.com"})
	if got != want {
		t.Errorf("configuration %s, want %s", got, want)
	}
	c, ps = fromEnvironment(environ("UPSTASH_REDIS_REST_URL", "https://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN", "AXyz", "SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B/x"), nil, true)
	if len(ps) > 0 || c.Databases[0].URL.value.Reveal() != "https://a.upstash.io" || c.Databases[0].Token.value.Reveal() != "AXyz" || c.Receivers[0].Slack.Webhook.value.Reveal() != "https://hooks.slack.com/services/T/B/x" {
		t.Errorf("configuration %+v, problems %v", c, ps)
	}
}

func TestProblemsOfTheEnvironmentNameTheVariable(t *testing.T) {
	const url, token = "UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN"
	good := []string{url, "https://a.upstash.io", token, "AXyz"}
	slack := func(pairs ...string) []string { return append(append([]string{}, good...), pairs...) }
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"a URL alone", []string{url, "https://a.upstash.io"}, []string{"UPSTASH_REDIS_TOKEN is empty; example: " + tokenExample}},
		{"a token alone", []string{token, "AXyz"}, []string{"UPSTASH_REDIS_URL is empty, so the app runs in mock mode if it reads the same setting; example: " + urlExample}},
		{"a token under Upstash's own name beside a URL belongs to another URL", []string{url, "https://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN", "AX"}, []string{
			"UPSTASH_REDIS_REST_TOKEN is set without UPSTASH_REDIS_REST_URL, so it is not used; UPSTASH_REDIS_URL goes with UPSTASH_REDIS_TOKEN",
			"UPSTASH_REDIS_TOKEN is empty; example: " + tokenExample,
		}},
		{"two pairs of one database", []string{url, "https://a.upstash.io", token, "AX", "KV_REST_API_URL", "https://a.upstash.io/", "KV_REST_API_TOKEN", "AX"}, nil},
		{"two whole pairs of two databases", []string{url, "https://a.upstash.io", token, "AX", "KV_REST_API_URL", "https://b.upstash.io", "KV_REST_API_TOKEN", "AX"}, []string{
			"KV_REST_API_URL and KV_REST_API_TOKEN are another database than UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, which are used; an app may use either",
		}},
		{"two pairs of one URL with two tokens", []string{url, "https://a.upstash.io", token, "AX", "UPSTASH_REDIS_REST_URL", "https://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN", "AY"}, []string{
			"UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN are another database than UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, which are used; an app may use either",
		}},
		{"a pair that a script could not fill, and one that is right", []string{url, "undefined", token, "undefined", "KV_REST_API_URL", "https://a.upstash.io", "KV_REST_API_TOKEN", "AX"}, []string{
			"UPSTASH_REDIS_URL is the word undefined, which scripts print where a value is missing, so KV_REST_API_URL and KV_REST_API_TOKEN are used; an app may use either",
		}},
		{"a token in quotes, and a pair that is right", []string{url, "https://a.upstash.io", token, "'AX'", "KV_REST_API_URL", "https://a.upstash.io", "KV_REST_API_TOKEN", "AX"}, []string{
			"UPSTASH_REDIS_TOKEN holds quotes, so KV_REST_API_URL and KV_REST_API_TOKEN are used; an app may use either",
		}},
		{"two pairs of one host in another case", []string{url, "https://A.upstash.io", token, "AX", "KV_REST_API_URL", "https://a.upstash.io", "KV_REST_API_TOKEN", "AX"}, nil},
		{"a whole pair after half a one", []string{url, "https://a.upstash.io", "KV_REST_API_URL", "https://b.upstash.io", "KV_REST_API_TOKEN", "AX"}, nil},
		{"Vercel's pair", []string{"KV_REST_API_URL", "https://a.upstash.io", "KV_REST_API_TOKEN", "AX"}, nil},
		{"Vercel's pair with a prefix", []string{"CACHE_KV_REST_API_URL", "https://a.upstash.io", "CACHE_KV_REST_API_TOKEN", "AX"}, nil},
		{"half of Vercel's pair with a prefix", []string{"CACHE_KV_REST_API_URL", "https://a.upstash.io"}, []string{"CACHE_KV_REST_API_TOKEN is empty; example: " + tokenExample}},
		{"two pairs with a prefix", []string{"B_KV_REST_API_URL", "https://b.upstash.io", "B_KV_REST_API_TOKEN", "AX", "A_KV_REST_API_URL", "https://a.upstash.io", "A_KV_REST_API_TOKEN", "AX"}, []string{
			"B_KV_REST_API_URL and B_KV_REST_API_TOKEN are another database than A_KV_REST_API_URL and A_KV_REST_API_TOKEN, which are used; an app may use either",
		}},
		{"a blank variable is no variable", []string{url, " \t", token, "''", "KV_REST_API_URL", "https://a.upstash.io", "KV_REST_API_TOKEN", "AX", "SLACK_WEBHOOK_URL", " ", "SMTP_HOST", "\"\"", "REDIS_MAX_CONNECTIONS", " "}, nil},
		{"what is trimmed", []string{url, " https://a.upstash.io", token, "AX\n", "SLACK_BOT_TOKEN", "xoxb-1 ", "SLACK_CHANNEL", "C01234"}, []string{
			"SLACK_BOT_TOKEN begins or ends with white space, which pongwatch leaves out and the app may not; example: the value without it",
			"UPSTASH_REDIS_TOKEN begins or ends with white space, which pongwatch leaves out and the app may not; example: the value without it",
			"UPSTASH_REDIS_URL begins or ends with white space, which pongwatch leaves out and the app may not; example: the value without it",
		}},
		{"a variable in a variable", []string{url, "${REDIS_URL}", token, "$REDIS_TOKEN"}, []string{
			"UPSTASH_REDIS_TOKEN is the name of a variable with $, which was not replaced by its value; example: " + tokenExample,
			"UPSTASH_REDIS_URL holds ${…}, a variable that was not replaced by its value; example: " + urlExample,
		}},
		{"a token under both names beside a URL", []string{url, "https://a.upstash.io", token, "AX", "UPSTASH_REDIS_REST_TOKEN", "'AX'"}, nil},
		{"a URL under both names", []string{url, "https://a.upstash.io", token, "AX", "UPSTASH_REDIS_REST_URL", "x"}, nil},
		{"a URL under Upstash's own name", []string{"UPSTASH_REDIS_REST_URL", "x", token, "AX"}, []string{
			"UPSTASH_REDIS_REST_TOKEN is empty; example: " + tokenExample, "UPSTASH_REDIS_REST_URL has no scheme, want https://; example: " + urlExample,
			"UPSTASH_REDIS_TOKEN is set without UPSTASH_REDIS_URL, so it is not used; UPSTASH_REDIS_REST_URL goes with UPSTASH_REDIS_REST_TOKEN",
		}},
		{"a TCP URL beside the other, whose token is missing", []string{url, "redis://x", "UPSTASH_REDIS_REST_URL", "https://a.upstash.io", token, "AX"}, []string{
			"UPSTASH_REDIS_REST_TOKEN is empty; example: " + tokenExample, "UPSTASH_REDIS_URL is a redis:// URL, so UPSTASH_REDIS_REST_URL is used",
		}},
		{"a TCP URL alone", []string{url, "REDIS://x", token, "AX"}, []string{"UPSTASH_REDIS_URL is a redis:// URL, which belongs to Redis' TCP protocol; want the REST URL; example: " + urlExample}},
		{"Slack by both ways", slack("SLACK_WEBHOOK_URL", "x", "SLACK_BOT_TOKEN", "xoxb-1", "SLACK_CHANNEL", "C01234"), []string{"SLACK_WEBHOOK_URL is ignored, since SLACK_BOT_TOKEN is set too"}},
		{"a wrong webhook", slack("SLACK_WEBHOOK_URL", "https://example.com"), []string{"SLACK_WEBHOOK_URL is not the URL of a Slack incoming webhook; example: https://hooks.slack.com/services/T…/B…/…"}},
		{"a wrong bot token", slack("SLACK_BOT_TOKEN", "x", "SLACK_CHANNEL", "C01234"), []string{"SLACK_BOT_TOKEN does not begin with xoxb-, so it is not a bot token; example: xoxb-…"}},
		{"a bot token of white space is none", slack("SLACK_BOT_TOKEN", " "), nil},
		{"a server alone", slack("SMTP_HOST", "h"), []string{"ALERT_EMAIL_TO is missing; example: oncall@example.com", "SMTP_FROM is missing; example: pongwatch <alerts@example.com>"}},
		{"a wrong port, and the tenth recipient", slack("SMTP_HOST", "h", "SMTP_FROM", "a@b.c", "SMTP_PORT", "25", "ALERT_EMAIL_TO", "a@b.c,b@b.c,c@b.c,d@b.c,e@b.c,f@b.c,g@b.c,h@b.c,i@b.c,x"), []string{
			"ALERT_EMAIL_TO is not a mail address, with or without a name; example: oncall@example.com",
			"SMTP_PORT is 25, which Google Cloud closes and which promises no encryption; want 587 or 465; example: 587",
		}},
		{"a user without a password", slack("SMTP_HOST", "h", "SMTP_FROM", "a@b.c", "ALERT_EMAIL_TO", "a@b.c", "SMTP_USERNAME", "u"), []string{"SMTP_USERNAME wants both username and password, or neither; example: username: alerts@example.com, password: sm://projects/my-project/secrets/smtp-password"}},
		{"a mock that is unreadable names a database", []string{"MOCK_REDIS", "maybe", token, "AX"}, []string{
			"MOCK_REDIS is neither true nor false; example: false",
			"UPSTASH_REDIS_URL is empty, so the app runs in mock mode if it reads the same setting; example: " + urlExample,
		}},
		{"the number of connections", slack("REDIS_MAX_CONNECTIONS", "1"), []string{"REDIS_MAX_CONNECTIONS has no meaning over REST, which keeps no connections; it is ignored"}},
	} {
		cfg, ps := fromEnvironment(environ(c.pairs...), names(c.pairs), true)
		var got []string
		for _, p := range ps {
			got = append(got, p.Evidence())
			if p.File != "environment" || p.Line != 0 || p.Column != 0 || p.Fatal || (p.Database == "") == (p.Receiver == "") {
				t.Errorf("%s: problem %+v, want it in the environment, of one database or receiver", c.name, p)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		for _, p := range ps {
			atDatabase, atReceiver := slices.Contains(cfg.Databases[0].Problems, p), false
			for _, r := range cfg.Receivers {
				atReceiver = atReceiver || r.Name == p.Receiver && slices.Contains(r.Problems, p)
			}
			// What stops a receiver is the receiver's; a slip in its settings is every database's, too.
			if atReceiver != (p.Receiver != "") || atDatabase != (p.Receiver == "" || !p.Stops && !p.Notice) {
				t.Errorf("%s: %v is at its database: %v, at its receiver: %v", c.name, p, atDatabase, atReceiver)
			}
		}
		if len(cfg.Problems) != len(ps) {
			t.Errorf("%s: the configuration has %d of %d problems", c.name, len(cfg.Problems), len(ps))
		}
	}
}

func TestNoticesOfTheEnvironmentForbidNothing(t *testing.T) {
	c, ps := fromEnvironment(environ(
		"UPSTASH_REDIS_URL", "redis://x", "UPSTASH_REDIS_REST_URL", "https://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN", "AX", "REDIS_MAX_CONNECTIONS", "5",
		"SLACK_WEBHOOK_URL", "x", "SLACK_BOT_TOKEN", "xoxb-1", "SLACK_CHANNEL", "C01234",
	), nil, true)
	if len(ps) != 3 || ps.Err() != nil || c.Databases[0].Problems.Err() != nil || !c.Receivers[0].Usable() {
		t.Errorf("problems %v", ps)
	}
	for _, p := range ps {
		if want := map[string]cause.Cause{"UPSTASH_REDIS_URL": cause.ConfigScheme}[p.Key]; !p.Notice || want != "" && p.Cause != want {
			t.Errorf("%+v is no notice", p)
		}
	}
	if _, err := c.Credentials(t.Context(), nil, "redis", false); err != nil {
		t.Errorf("credentials: %v", err)
	}
}

func TestParseMock(t *testing.T) {
	for value, want := range map[string]string{
		"": "false", "0": "false", "false": "false", "No": "false", "off": "false", "n": "false", "f": "false", "disabled": "false", ` "false" `: "false",
		"1": "true", "TRUE": "true", "yes": "true", "on": "true", "y": "true", "t": "true", "enabled": "true", "'1'\n": "true",
		"maybe": "unknown", "2": "unknown", "tr ue": "unknown",
	} {
		mock, known := parseMock(value)
		got := fmt.Sprint(mock)
		if !known {
			got = "unknown"
		}
		if got != want || !known && mock {
			t.Errorf("parseMock(%q) = %s, want %s", value, got, want)
		}
	}
}

// Whatever a variable holds arrives as it is, but for white space around it.
func TestAnyTokenArrivesAsItIs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		token := rapid.String().Draw(r, "token")
		c, ps := fromEnvironment(environ("UPSTASH_REDIS_URL", "https://a.upstash.io", "UPSTASH_REDIS_TOKEN", token), nil, true)
		if c == nil {
			r.Fatalf("no configuration: %v", ps)
		}
		if got := c.Databases[0].Token.value.Reveal(); got != strings.TrimSpace(token) {
			r.Fatalf("token %q arrives as %q", token, got)
		}
	})
}
