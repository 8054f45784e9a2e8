package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestCredentialsMayLieInSeveralSecrets(t *testing.T) {
	pair := func(names ...string) string {
		var entries []string
		for _, name := range names {
			entries = append(entries, fmt.Sprintf(`%q: {"url": "https://%s.upstash.io", "token": "AX%s"}`, name, name, name))
		}
		return "{" + strings.Join(entries, ", ") + "}"
	}
	tests := []struct {
		name  string
		vault vault
		// token is what b gets, or cause what is wrong with it; neither is an error of the source.
		token string
		cause cause.Cause
	}{
		{"in the first", vault{"one": pair("a", "b"), "two": pair("c")}, "AXb", ""},
		{"in the last", vault{"one": pair("a"), "two": pair("b", "c")}, "AXb", ""},
		{"in the last, beside one that cannot be read", vault{"two": pair("b")}, "AXb", ""},
		{"in the last, beside a broken one", vault{"one": "{", "two": pair("b")}, "AXb", ""},
		{"in none", vault{"one": pair("a"), "two": pair("c")}, "", cause.ConfigMissing},
		{"in none, beside a broken one that may have had it", vault{"one": pair("a"), "two": "{"}, "", cause.ConfigInvalid},
		{"in none, beside one that cannot be read and may have it", vault{"two": pair("a")}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, ps := Parse(false, Document{Name: "c", Text: []byte("databases: [{name: a}, {name: b}]\ncredentials: [sm://projects/p/secrets/one, sm://projects/p/secrets/two]")})
			if len(ps) > 0 {
				t.Fatal(ps)
			}
			for _, refused := range []bool{false, true} {
				got, err := c.Credentials(t.Context(), tt.vault.cache(), "b", refused)
				p, isProblem := errors.AsType[Problem](err)
				switch {
				case tt.token != "" && (err != nil || got.Token.Reveal() != tt.token):
					t.Errorf("%v, %v; want %s", got, err, tt.token)
				case tt.cause != "" && p.Cause != tt.cause:
					t.Errorf("error %v, want %s", err, tt.cause)
				case tt.token == "" && tt.cause == "" && (isProblem || !errors.Is(err, secrets.ErrNotFound)):
					t.Errorf("error %v, want the source's", err)
				}
			}
		})
	}
}

func TestABundleThatIsNotOneSaysWhatIsWrong(t *testing.T) {
	for content, want := range map[string]string{
		`[]`:           "credentials is not a JSON object of databases",
		`{"a": "AXa"}`: "credentials.a is not an object with url and token",
	} {
		c, _ := Parse(false, Document{Name: "c", Text: []byte("databases: [{name: a}]\ncredentials: sm://projects/p/secrets/one")})
		_, err := c.Credentials(t.Context(), vault{"one": content}.cache(), "a", false)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "AXa") {
			t.Errorf("%s: error %v, want %q without the content", content, err, want)
		}
	}
}

func TestASilenceIsOfADurationThatIsAllowed(t *testing.T) {
	silences := Silences{Default: time.Hour, Max: 4 * time.Hour}
	for text, want := range map[string]time.Duration{"": time.Hour, "1s": time.Second, "4h": 4 * time.Hour, "4h1s": 0, "0s": 0, "-1h": 0, "long": 0, "7": 0} {
		got, err := silences.For(text)
		if got != want || (err == nil) != (want > 0) || err != nil && !strings.Contains(err.Error(), "at most 4h0m0s") {
			t.Errorf("For(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestATokenThatWasRefusedIsReadAgainFromItsOwnSecret(t *testing.T) {
	reads := map[string]int{}
	cache := secrets.NewCache(secrets.Source(func(_ context.Context, name string) (secrets.Secret, error) {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "projects/p/secrets/"), "/versions/latest")
		reads[name]++
		return secrets.Secret{Data: fmt.Appendf(nil, `{%q: {"url": "https://x.upstash.io", "token": "AX"}}`, map[string]string{"one": "a", "two": "b"}[name]), Version: "1"}, nil
	}), slowly())
	c, _ := Parse(false, Document{Name: "c", Text: []byte("databases: [{name: a}, {name: b}]\ncredentials: [sm://projects/p/secrets/one, sm://projects/p/secrets/two]")})
	for range 3 {
		if _, err := c.Credentials(t.Context(), cache, "b", true); err != nil {
			t.Fatal(err)
		}
	}
	if reads["one"] != 1 || reads["two"] != 4 {
		t.Errorf("reads %v, want one of the other secret, and one more of b's own for each refusal", reads)
	}
}

func TestTooFewSecretsForTheTokensAreAProblem(t *testing.T) {
	for _, tt := range []struct{ databases, secrets, want int }{{400, 1, 0}, {500, 1, 0}, {1200, 1, 2}, {1200, 2, 0}, {10_000, 2, 13}} {
		var text strings.Builder
		text.WriteString("credentials: [")
		for i := range tt.secrets {
			fmt.Fprintf(&text, "sm://projects/p/secrets/s%d,", i)
		}
		text.WriteString("]\ndatabases:\n")
		for i := range tt.databases {
			fmt.Fprintf(&text, "- {name: customer-%05d-production, shard: s%d}\n", i, i/250)
		}
		c, ps := Parse(false, Document{Name: "c", Text: []byte(text.String())})
		if c == nil || (len(ps) > 0) != (tt.want > 0) || tt.want > 0 && !strings.Contains(ps[0].Error(), fmt.Sprintf("want at least %d", tt.want)) {
			t.Errorf("%d databases in %d secrets: %v, want at least %d", tt.databases, tt.secrets, ps, tt.want)
		}
	}
}

func TestTheSecretsWithADatabasesCredentials(t *testing.T) {
	const bundles = "credentials: [sm://projects/p/secrets/one, sm://projects/p/secrets/two]\n"
	tests := []struct {
		name, document string
		want           []string
	}{
		{"a token of its own", `databases: [{name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}]`, []string{"projects/p/secrets/a"}},
		{"URL and token", `databases: [{name: a, url: "sm://projects/p/secrets/u", token: "sm://projects/p/secrets/a"}]`, []string{"projects/p/secrets/u", "projects/p/secrets/a"}},
		{"both in one", `databases: [{name: a, url: "sm://projects/p/secrets/a", token: "sm://projects/p/secrets/a"}]`, []string{"projects/p/secrets/a"}},
		{"a version that is fixed never changes", `databases: [{name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a/versions/3"}]`, nil},
		{"bundles", bundles + `databases: [{name: a, url: "https://a.upstash.io"}]`, []string{"projects/p/secrets/one", "projects/p/secrets/two"}},
		{"a token of its own beside bundles", bundles + `databases: [{name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}]`, []string{"projects/p/secrets/a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := Parse(false, Document{Name: "test", Text: []byte(tt.document)})
			if c == nil {
				t.Fatal(problems)
			}
			if got := c.CredentialSecrets(c.Database("a")); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
