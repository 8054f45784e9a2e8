package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// vault is a Secret Manager: resource names without the version to texts.
type vault map[string]string

func (v vault) cache() *secrets.Cache {
	return secrets.NewCache(secrets.Source(func(_ context.Context, name string) (secrets.Secret, error) {
		name, _, _ = strings.Cut(name, "/versions/")
		text, ok := v[strings.TrimPrefix(name, "projects/p/secrets/")]
		if !ok {
			return secrets.Secret{}, secrets.ErrNotFound
		}
		return secrets.Secret{Data: []byte(text), Version: "7"}, nil
	}), nil)
}

func options(env map[string]string, files map[string]string, v vault) Options {
	return Options{
		Getenv: func(name string) string { return env[name] },
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
		Secrets: v.cache(),
	}
}

func database(name string) string {
	return fmt.Sprintf("databases: [{name: %s, url: 'https://%s.upstash.io', token: 'sm://projects/p/secrets/%s'}]\n", name, name, name)
}

func TestLoadFindsDocuments(t *testing.T) {
	files := map[string]string{"a.yaml": database("a"), "dir/b.yaml": database("b")}
	held := vault{"doc": database("c")}
	tests := []struct {
		name, value string
		want        []string
		wantErr     string
	}{
		{"YAML in the variable", database("x"), []string{"x"}, ""},
		{"YAML with a comment first", "# mine\n" + database("x"), []string{"x"}, ""},
		{"JSON in the variable", `{"databases":[{"name":"x","url":"https://x.upstash.io","token":"sm://projects/p/secrets/x"}]}`, []string{"x"}, ""},
		{"a file", "a.yaml", []string{"a"}, ""},
		{"a reference", "sm://projects/p/secrets/doc", []string{"c"}, ""},
		{"a list with commas", "a.yaml, sm://projects/p/secrets/doc", []string{"a", "c"}, ""},
		{"a list with line breaks", "a.yaml\ndir/b.yaml\n", []string{"a", "b"}, ""},
		{"a file that is not there", "c.yaml", nil, "loading configuration: PONGWATCH_CONFIG names c.yaml, which does not exist; example: sm://projects/my-project/secrets/pongwatch-config,pongwatch.yaml"},
		{"a secret pasted in place of a name is not quoted", "AXxxSECRETxx", nil, "loading configuration: PONGWATCH_CONFIG names a file, which does not exist; example: sm://projects/my-project/secrets/pongwatch-config,pongwatch.yaml"},
		{"a list of objects", "- {a: b}", nil, "loading configuration: PONGWATCH_CONFIG:1:1: the document is a list, want an object; example: databases: […]\n" +
			"databases is empty, so there is nothing to watch; example: [{name: prod-cache, url: https://your-instance.upstash.io, token: sm://projects/my-project/secrets/prod-cache-token}]"},
		{"a secret that is not there", "sm://projects/p/secrets/nope", nil, "loading configuration: reading document: reading secret sm://projects/p/secrets/nope: secret or version not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Load(t.Context(), options(map[string]string{EnvConfig: tt.value}, files, held))
			if got := fmt.Sprint(err); tt.wantErr != "" && got != tt.wantErr || tt.wantErr == "" && err != nil {
				t.Fatalf("error %q, want %q", got, tt.wantErr)
			}
			var names []string
			if c != nil {
				for _, d := range c.Databases {
					names = append(names, d.Name)
				}
			}
			if diff := cmp.Diff(tt.want, names); diff != "" {
				t.Errorf("databases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadFailures(t *testing.T) {
	const example = "; example: sm://projects/my-project/secrets/pongwatch-config,pongwatch.yaml"
	broken := errors.New("permission denied")
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat("a.yaml,", n), ",") }
	for _, tt := range []struct {
		name, value string
		change      func(*Options)
		want        string // what the error ends with; empty loads
	}{
		{"as many documents as may be", "b.yaml," + many(99), nil, ""},
		{"more documents", "b.yaml," + many(200), nil, "PONGWATCH_CONFIG lists 201 documents, want from 1 to 200" + example},
		{"no document", " , ,\n", nil, "PONGWATCH_CONFIG lists 0 documents, want from 1 to 200" + example},
		{"a list in brackets is a name", "[]", nil, "PONGWATCH_CONFIG names a file, which does not exist" + example},
		{"a name in quotes", `"b.yaml"`, nil, "PONGWATCH_CONFIG holds quotes" + example},
		{"a document in one line behind a byte order mark", "\ufeff{\"databases\":[{\"name\":\"a\",\"url\":\"https://a.upstash.io\",\"token\":\"sm://projects/p/secrets/a\"}]}", nil, ""},
		{"a reference that is none", "sm://x", nil, "PONGWATCH_CONFIG holds no reference into Secret Manager: secret reference does not have the right parts: want sm://projects/PROJECT/secrets/SECRET[/versions/VERSION], such as \"sm://projects/my-project/secrets/redis-token\"" + example},
		{"a reference without a source", "sm://projects/p/secrets/doc", func(o *Options) { o.Secrets = nil }, "reading document: reading secret sm://projects/p/secrets/doc: no secret source is set up: " + secrets.ErrUnavailable.Error()},
		{"a reference that is not there", "sm://projects/p/secrets/x", nil, "reading document: reading secret sm://projects/p/secrets/x: " + secrets.ErrNotFound.Error()},
		{"a file that cannot be read", "b.yaml", func(o *Options) { o.ReadFile = func(string) ([]byte, error) { return nil, broken } }, "reading document: permission denied"},
		{"a name without a dot is not quoted", "secret", nil, "PONGWATCH_CONFIG names a file, which does not exist" + example},
		{"nor one with an equals sign", "TOKEN=a.b", nil, "PONGWATCH_CONFIG names a file, which does not exist" + example},
		{"nor one of 200 characters", strings.Repeat("a", 195) + ".yaml", nil, "PONGWATCH_CONFIG names a file, which does not exist" + example},
		{"one of 199 is", strings.Repeat("a", 194) + ".yaml", nil, "PONGWATCH_CONFIG names " + strings.Repeat("a", 194) + ".yaml, which does not exist" + example},
		{"a path is", "etc/pongwatch", nil, "PONGWATCH_CONFIG names etc/pongwatch, which does not exist" + example},
		{"two that do not exist", "x.yaml,y.yaml", nil, "PONGWATCH_CONFIG names x.yaml, which does not exist" + example + "\nPONGWATCH_CONFIG names y.yaml, which does not exist" + example},
		{"a document with a fatal problem", "bad.yaml", nil, "loading configuration: bad.yaml:1:1: homme is not a key here; did you mean home?; example: home\n" +
			"databases is empty, so there is nothing to watch; example: [{name: prod-cache, url: https://your-instance.upstash.io, token: sm://projects/my-project/secrets/prod-cache-token}]"},
		{"a document in the variable that ends with a colon", "databases:", nil, "databases is empty, so there is nothing to watch; example: [{name: prod-cache, url: https://your-instance.upstash.io, token: sm://projects/my-project/secrets/prod-cache-token}]"},
		{"a document with Windows' line ends", "databases:\r\n- name: a\r\n  url: https://a.upstash.io\r\n  token: sm://projects/p/secrets/a\r\n", nil, ""},
	} {
		o := options(map[string]string{EnvConfig: tt.value}, map[string]string{"a.yaml": "", "b.yaml": database("b"), "bad.yaml": "homme: x\n"}, vault{"doc": database("c")})
		if tt.change != nil {
			tt.change(&o)
		}
		c, err := Load(t.Context(), o)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || c != nil || !strings.HasSuffix(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "loading configuration: ")):
			t.Errorf("%s: error %v, want it to end with %q", tt.name, err, tt.want)
		}
		if ps, ok := errors.AsType[Problems](err); ok && ps.Fatal() == nil {
			t.Errorf("%s: no problem is fatal: %v", tt.name, ps)
		}
	}
	if _, err := Load(t.Context(), Options{Getenv: func(string) string { return "b.yaml" }, ReadFile: func(string) ([]byte, error) { return nil, broken }}); !errors.Is(err, broken) {
		t.Errorf("error %v, want it to wrap the failure of the file", err)
	}
}

func TestLoadKeepsProblemsOfOneEntry(t *testing.T) {
	c, err := Load(t.Context(), options(map[string]string{EnvConfig: one("plan: fre")}, nil, nil))
	if err != nil || len(c.Problems) != 1 || len(c.Databases[0].Problems) != 1 || c.Problems[0].File != EnvConfig {
		t.Errorf("configuration %+v, %v", c, err)
	}
}

func TestLoadTellsWhatToSetWhenNothingIsConfigured(t *testing.T) {
	for name, env := range map[string]map[string]string{"nothing": {}, "only what names no database": {"MOCK_REDIS": "false", "SLACK_WEBHOOK_URL": "x"}} {
		_, err := Load(t.Context(), options(env, nil, nil))
		if !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), "UPSTASH_REDIS_URL") {
			t.Errorf("%s: error %v, want ErrEmpty naming UPSTASH_REDIS_URL", name, err)
		}
	}
}

// A TCP URL of Upstash is named where nothing else is there, without its password.
func TestLoadNamesATCPURLWhereNothingElseIsThere(t *testing.T) {
	env := map[string]string{"REDIS_URL": "rediss://default:hunter2secret@merry-cat.upstash.io:6379", "OTHER": "redis://localhost:6379"}
	o := options(env, nil, nil)
	o.Environ = func() []string { return []string{"REDIS_URL=" + env["REDIS_URL"], "OTHER=" + env["OTHER"]} }
	_, err := Load(t.Context(), o)
	if !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), "; REDIS_URL is for Redis' TCP protocol, and Upstash's console shows REST URL and token beside it") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

func TestCustomersVariables(t *testing.T) {
	base := map[string]string{"UPSTASH_REDIS_URL": "https://a.upstash.io/", "UPSTASH_REDIS_TOKEN": "AXyz=="}
	with := func(pairs ...string) map[string]string {
		env := maps.Clone(base)
		for i := 0; i < len(pairs); i += 2 {
			env[pairs[i]] = pairs[i+1]
		}
		return env
	}
	tests := []struct {
		name  string
		env   map[string]string
		cloud bool
		want  []string // problems
		check func(*Config) bool
	}{
		{name: "URL and token", env: base},
		{name: "Upstash's own names", env: map[string]string{"UPSTASH_REDIS_REST_URL": "https://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN": "AXyz"}},
		{
			name: "a TCP URL beside the REST URL", env: with("UPSTASH_REDIS_URL", "rediss://default:pw@a.upstash.io:6379", "UPSTASH_REDIS_REST_URL", "https://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN", "AXrest"),
			want:  []string{"0:0 (redis) UPSTASH_REDIS_URL is a rediss:// URL, so UPSTASH_REDIS_REST_URL is used"},
			check: func(c *Config) bool { return c.Databases[0].Token.value.Reveal() == "AXrest" },
		},
		{
			name: "a TCP URL alone", env: with("UPSTASH_REDIS_URL", "rediss://default:pw@a.upstash.io:6379"),
			want:  []string{"0:0 (redis) UPSTASH_REDIS_URL is a rediss:// URL, which belongs to Redis' TCP protocol; want the REST URL; example: https://your-instance.upstash.io"},
			check: func(c *Config) bool { return c.Databases[0].Problems[0].Cause == cause.ConfigScheme },
		},
		{name: "mock mode without URL is a state", env: map[string]string{"MOCK_REDIS": "True"}, check: func(c *Config) bool { _, mock := c.Databases[0].MockEvidence(); return mock }},
		{name: "mock mode with quotes, with URL", env: with("MOCK_REDIS", `"1"`), check: func(c *Config) bool { return c.Databases[0].Mock && c.Databases[0].Problems.Err() == nil }},
		{name: "mock mode off", env: with("MOCK_REDIS", "off"), check: func(c *Config) bool { return !c.Databases[0].Mock }},
		{name: "mock mode unreadable", env: with("MOCK_REDIS", "maybe"), want: []string{"0:0 (redis) MOCK_REDIS is neither true nor false; example: false"}},
		{name: "connections mean nothing, and nothing is wrong", env: with("REDIS_MAX_CONNECTIONS", "50"), want: []string{"0:0 (redis) REDIS_MAX_CONNECTIONS has no meaning over REST, which keeps no connections; it is ignored"}, check: func(c *Config) bool { return c.Databases[0].Problems.Err() == nil }},
		{name: "a quoted token", env: with("UPSTASH_REDIS_TOKEN", `"AXyz"`), want: []string{"0:0 (redis) UPSTASH_REDIS_TOKEN holds quotes; example: the REST token as the Upstash console shows it, without quotes"}},
		{name: "a token with its name", env: with("UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_TOKEN=AXyz"), want: []string{"0:0 (redis) UPSTASH_REDIS_TOKEN begins with the variable's name and =, want the value alone; example: the REST token as the Upstash console shows it, without quotes"}},
		{name: "loopback over http", env: with("UPSTASH_REDIS_URL", "http://127.0.0.1:8079")},
		{name: "another host over http", env: with("UPSTASH_REDIS_URL", "http://a.upstash.io"), want: []string{"0:0 (redis) UPSTASH_REDIS_URL begins with http://, which would send the token in plain text; want https://; example: https://your-instance.upstash.io"}},
		{name: "a token in clear in the cloud", env: base, cloud: true, want: []string{"0:0 (redis) UPSTASH_REDIS_TOKEN holds a secret in plain text, want a reference into Secret Manager; example: sm://projects/my-project/secrets/my-secret"}},
		{
			name: "Slack by webhook, mail with two recipients",
			env: with("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B/x", "SMTP_HOST", "smtp.example.com", "SMTP_PORT", "465", "SMTP_USERNAME", "u", "SMTP_PASSWORD", "p",
				"SMTP_FROM", "a@example.com", "ALERT_EMAIL_TO", "b@example.com, c@example.com"),
			check: func(c *Config) bool {
				e := c.Receiver("email").Email
				return len(c.Receivers) == 2 && e.TLS == "implicit" && len(e.To) == 2 && !c.Receiver("slack").Slack.Bot()
			},
		},
		{name: "Slack by bot without a channel", env: with("SLACK_BOT_TOKEN", "xoxb-1"), want: []string{"0:0 (slack) SLACK_CHANNEL is missing, which a bot needs; example: C0123456789"}},
		{name: "mail without server, sender and with a bad recipient", env: with("ALERT_EMAIL_TO", "bob"), want: []string{
			"0:0 (email) ALERT_EMAIL_TO is not a mail address, with or without a name; example: oncall@example.com",
			"0:0 (email) SMTP_FROM is missing; example: pongwatch <alerts@example.com>",
			"0:0 (email) SMTP_HOST is missing; example: smtp.example.com",
		}},
		{name: "a port that is no number", env: with("SMTP_HOST", "h", "SMTP_FROM", "a@example.com", "ALERT_EMAIL_TO", "b@example.com", "SMTP_PORT", "x"), want: []string{"0:0 (email) SMTP_PORT is a text, want a whole number; example: 587"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(tt.env, nil, nil)
			o.Local = !tt.cloud
			c, err := Load(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(c.Problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if tt.check != nil && !tt.check(c) {
				t.Errorf("configuration is not as wanted: %+v", c)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	held := vault{
		"token": "AXtoken==", "quoted": `"AX"`, "url": "https://own.upstash.io", "tcp": "redis://x:6379", "broken": "{AXbroken",
		"bundle": `{"b": {"url": "https://b.upstash.io", "token": "AXb"}, "half": {"url": "https://h.upstash.io"}, "odd": "AXodd"}`,
	}
	tests := []struct {
		name, database, bundle string
		url, token             string
		cause                  cause.Cause
		key                    string
	}{
		{name: "own keys", database: "{name: a, url: 'https://a.upstash.io/', token: 'sm://projects/p/secrets/token'}", url: "https://a.upstash.io", token: "AXtoken=="},
		{name: "both by reference", database: "{name: a, url: 'sm://projects/p/secrets/url', token: 'sm://projects/p/secrets/token'}", url: "https://own.upstash.io", token: "AXtoken=="},
		{name: "from the bundle", database: "{name: b}", bundle: "bundle", url: "https://b.upstash.io", token: "AXb"},
		{name: "the bundle's token with a URL of its own", database: "{name: b, url: 'https://o.upstash.io'}", bundle: "bundle", url: "https://o.upstash.io", token: "AXb"},
		{name: "own token beside a bundle", database: "{name: b, url: 'https://o.upstash.io', token: 'sm://projects/p/secrets/token'}", bundle: "bundle", url: "https://o.upstash.io", token: "AXtoken=="},
		{name: "not in the bundle", database: "{name: c}", bundle: "bundle", cause: cause.ConfigMissing, key: "credentials.c.url"},
		{name: "half in the bundle", database: "{name: half}", bundle: "bundle", cause: cause.ConfigMissing, key: "credentials.half.token"},
		{name: "an odd entry of the bundle", database: "{name: odd}", bundle: "bundle", cause: cause.ConfigInvalid, key: "credentials.odd"},
		{name: "a broken bundle", database: "{name: b}", bundle: "broken", cause: cause.ConfigInvalid, key: "credentials"},
		{name: "a quoted token in the secret", database: "{name: a, url: 'https://a.upstash.io', token: 'sm://projects/p/secrets/quoted'}", cause: cause.ConfigWhitespace, key: "databases.a.token"},
		{name: "a TCP URL in the secret", database: "{name: a, url: 'sm://projects/p/secrets/tcp', token: 'sm://projects/p/secrets/token'}", cause: cause.ConfigScheme, key: "databases.a.url"},
		{name: "mock mode without URL", database: "{name: a, mock: true}", cause: cause.ConfigMissing, key: "databases.a.url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := "databases: [" + tt.database + "]\n"
			if tt.bundle != "" {
				text += "credentials: sm://projects/p/secrets/" + tt.bundle + "\n"
			}
			c, ps := Parse(false, Document{Name: "c", Text: []byte(text)})
			if len(ps) > 0 {
				t.Fatal(ps)
			}
			for _, refused := range []bool{false, true} {
				got, err := c.Credentials(t.Context(), held.cache(), c.Databases[0].Name, refused)
				if tt.cause != "" {
					var p Problem
					if !errors.As(err, &p) || p.Cause != tt.cause || p.Key != tt.key {
						t.Fatalf("error %v, want %s of %s", err, tt.cause, tt.key)
					}
					if strings.Contains(err.Error(), "AX") {
						t.Errorf("the error tells the secret: %v", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got.URL != tt.url || got.Token.Reveal() != tt.token || got.Version != "7" {
					t.Errorf("got %s %s version %s, want %s %s version 7", got.URL, got.Token.Reveal(), got.Version, tt.url, tt.token)
				}
			}
		})
	}
}

func TestCredentialsPassOnTheSourcesError(t *testing.T) {
	c, _ := Parse(false, Document{Name: "c", Text: []byte(database("a"))})
	if _, err := c.Credentials(t.Context(), vault{}.cache(), "a", false); !errors.Is(err, secrets.ErrNotFound) {
		t.Errorf("error %v, want secrets.ErrNotFound", err)
	}
	if _, err := c.Credentials(t.Context(), nil, "a", false); !errors.Is(err, secrets.ErrUnavailable) {
		t.Errorf("without a cache: error %v, want secrets.ErrUnavailable", err)
	}
	if _, err := c.Credentials(t.Context(), nil, "b", false); err == nil {
		t.Error("a database that is not configured has credentials")
	}
}

const canary = "c4naryS3cret"

// A secret planted wherever a text can stand appears in no problem, no form of the
// configuration and no hash.
func TestSecretsAreNeverShown(t *testing.T) {
	templates := []string{
		"databases: [{name: a, url: 'https://a.upstash.io', token: '%s'}]",
		"databases: [{name: a, url: 'https://a.upstash.io', token: '\"%s\"'}]",
		"databases: [{name: a, url: 'https://u:%s@a.upstash.io', token: x}]",
		"databases: [{name: a, url: 'https://a.upstash.io?_token=%s', token: x}]",
		"databases: [{name: a, url: 'rediss://default:%s@a.upstash.io:6379', token: x}]",
		"databases: [{name: a, url: '%s', token: x}]",
		"databases: [{name: '%s!', url: 'https://a.upstash.io', token: x}]",
		"databases: [{name: a, url: 'https://a.upstash.io', token: {%s!: 1}}]",
		"databases: [{name: a, plan: '%s', url: 'https://a.upstash.io', token: x}]",
		"databases: [{name: a, app: {health_url: 'https://u:%s@x'}, url: 'https://a.upstash.io', token: x}]",
		"databases: [{name: a, url: 'https://a.upstash.io', token: 'sm://%s'}]",
		"databases: [{name: a}]\ncredentials: '%s'",
		"databases: [{name: a}]\nproof_key: ['%s']",
		"databases: [{name: a}]\nreceivers: [{name: r, slack: {webhook: 'https://hooks.slack.com/services/%s'}}]",
		"databases: [{name: a}]\nreceivers: [{name: r, slack: {webhook: 'https://x.example.com/%s'}}]",
		"databases: [{name: a}]\nreceivers: [{name: r, slack: {bot_token: '%s', channel: '%s'}}]",
		"databases: [{name: a}]\nreceivers: [{name: r, email: {host: h, username: u, password: '%s', from: a@b, to: a@b}}]",
		"databases: [{name: a}]\nreceivers: [{name: r, webhook: {url: 'https://x.example.com/%s', keys: ['%s']}}]",
		"databases: [{name: a}]\nheartbeat: {url: 'https://hc.example.com/%s'}\nmanagement: {email: a@b, api_key: '%s'}",
		"databases: [{name: a}]\naccess: {tokens: '%s'}\ninbound: {link_keys: ['%s'], event_keys: '%s', slack_signing_secret: '%s'}",
		"databases: \"%s", "token: %s: x", "- %s", "%s", "x: &%s y", "%s!: 1", "? %s", "services: {'%s!': x}",
		"databases: [{name: a}]\nmanagement: {url: 'https://u:%s@x.example.com'}",
	}
	for _, template := range templates {
		text := strings.ReplaceAll(template, "%s", canary)
		for _, local := range []bool{false, true} {
			c, ps := Parse(local, Document{Name: "c.yaml", Text: []byte(text)})
			shown := []string{ps.Error(), fmt.Sprintf("%v %+v %#v %q", ps, ps, ps, ps)}
			asJSON, _ := json.Marshal(ps)
			shown = append(shown, string(asJSON))
			if c != nil {
				asJSON, _ = json.Marshal(c)
				shown = append(shown, string(asJSON), fmt.Sprintf("%v %+v %#v", *c, *c, *c), c.Hash())
				_, err := c.Credentials(t.Context(), nil, "a", false)
				shown = append(shown, fmt.Sprint(err))
			}
			for _, s := range shown {
				if i := strings.Index(s, canary); i >= 0 {
					t.Errorf("local %v, %s: shown in …%s", local, template, s[max(0, i-120):min(len(s), i+40)])
				}
			}
		}
	}
}
