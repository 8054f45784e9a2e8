package config

import (
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
)

func TestURLsAndTokensThatPeoplePaste(t *testing.T) {
	urlCases := []struct {
		text  string
		local bool
		want  string
		cause cause.Cause
	}{
		{"https://a.upstash.io", false, "", ""},
		{"HTTPS://a.upstash.io///", false, "", ""},
		{"https://a.upstash.io:443", false, "", ""},
		{"", false, "is empty, so the app runs in mock mode if it reads the same setting", cause.ConfigMissing},
		{"UPSTASH_REDIS_URL=https://a", false, "begins with the variable's name and =, want the value alone", cause.ConfigWhitespace},
		{"export X=https://a", false, "begins with the variable's name and =, want the value alone", cause.ConfigWhitespace},
		{"'https://a'", false, "holds quotes", cause.ConfigWhitespace},
		{"“https://a”", false, "holds quotes", cause.ConfigWhitespace},
		{"https://a\n", false, "holds a line break", cause.ConfigWhitespace},
		{" https://a", false, "begins or ends with white space", cause.ConfigWhitespace},
		{"https://a b", false, "holds white space", cause.ConfigWhitespace},
		{"https://a\u200bb", false, "holds white space", cause.ConfigWhitespace},
		{"redis://a", false, "is a redis:// URL, which belongs to Redis' TCP protocol; want the REST URL", cause.ConfigScheme},
		{"REDISS://a", false, "is a rediss:// URL, which belongs to Redis' TCP protocol; want the REST URL", cause.ConfigScheme},
		{"a.upstash.io", false, "has no scheme, want https://", cause.ConfigScheme},
		{"ftp://a", false, "does not begin with https://", cause.ConfigScheme},
		{"https://", false, "is not a URL with a host", cause.ConfigInvalid},
		{"https://a:65535", false, "", ""},
		{"https://a:65536", false, "has a port that is not from 1 to 65535; Upstash's REST URL has none", cause.ConfigInvalid},
		{"https://a:0", false, "has a port that is not from 1 to 65535; Upstash's REST URL has none", cause.ConfigInvalid},
		{"https://[::1]:99999", false, "has a port that is not from 1 to 65535; Upstash's REST URL has none", cause.ConfigInvalid},
		{"${UPSTASH_REDIS_REST_URL}", false, "holds ${…}, a variable that was not replaced by its value", cause.ConfigInvalid},
		{"https://${HOST}", false, "holds ${…}, a variable that was not replaced by its value", cause.ConfigInvalid},
		{"$(REDIS_URL)", false, "holds ${…}, a variable that was not replaced by its value", cause.ConfigInvalid},
		{"${{ secrets.URL }}", false, "holds {{…}}, a placeholder of a template that was not replaced by its value", cause.ConfigInvalid},
		{"undefined", false, "is the word undefined, which scripts print where a value is missing", cause.ConfigMissing},
		{"[object Object]", false, "is the word [object Object], which scripts print where a value is missing", cause.ConfigMissing},
		{"{{ .Values.url }}", false, "holds {{…}}, a placeholder of a template that was not replaced by its value", cause.ConfigInvalid},
		{"$REDIS_URL", false, "is the name of a variable with $, which was not replaced by its value", cause.ConfigInvalid},
		{"https://$HOST", false, "is the name of a variable with $, which was not replaced by its value", cause.ConfigInvalid},
		{"'$REDIS_URL'", false, "is the name of a variable with $, which was not replaced by its value", cause.ConfigInvalid},
		{"%REDIS_URL%", false, "is the name of a variable between % signs, which was not replaced by its value", cause.ConfigInvalid},
		{"https://<your-instance>.upstash.io", false, "holds <…>, which stands for a value that is to be filled in", cause.ConfigInvalid},
		{"#{UPSTASH_URL}", false, "holds #{…}, __…__ or @…@, a placeholder that was not replaced by its value", cause.ConfigInvalid},
		{"https://__HOST__", false, "holds #{…}, __…__ or @…@, a placeholder that was not replaced by its value", cause.ConfigInvalid},
		{"UPSTASH_REDIS_REST_URL", false, "is the name of a variable, want its value", cause.ConfigInvalid},
		{"process.env.KV_REST_API_URL", false, "is the name of a variable, want its value", cause.ConfigInvalid},
		{"op://Shop/upstash/url", false, "is a reference to a secret, which was not replaced by its value", cause.ConfigInvalid},
		{"projects/p/secrets/url", false, "is a reference to a secret, which was not replaced by its value", cause.ConfigInvalid},
		{`https://a.upstash.io\n`, false, `ends with \n, a line break that was written out`, cause.ConfigWhitespace},
		{"https://a.upstash.io,", false, "ends with a comma or a semicolon", cause.ConfigWhitespace},
		{"https://a:x", false, "is not a URL with a host", cause.ConfigInvalid},
		{"http://a", true, "begins with http://, which would send the token in plain text; want https://", cause.ConfigScheme},
		{"http://127.0.0.1:8079", false, "is a loopback address, which is only accepted by `pongwatch local` and the command line; want https://", cause.ConfigScheme},
		{"http://127.0.0.1:8079", true, "", ""},
		{"http://localhost", true, "", ""},
		{"http://[::1]:80", true, "", ""},
		{"http://128.0.0.1", true, "begins with http://, which would send the token in plain text; want https://", cause.ConfigScheme},
		{"https://u@a", false, "holds a user or password; the token belongs in its own key", cause.ConfigInvalid},
		{"https://a?x=y", false, "has a query or fragment; the token belongs in its own key", cause.ConfigInvalid},
		{"https://a#x", false, "has a query or fragment; the token belongs in its own key", cause.ConfigInvalid},
		{"https://a/b", false, "has a path; want scheme and host only", cause.ConfigInvalid},
		{"https://console.upstash.com/redis/6a1f2c3d", false, "is the address of Upstash's console; want the REST URL that the console shows", cause.ConfigInvalid},
	}
	for _, c := range urlCases {
		u, p := checkURL(c.text, c.local)
		if c.want == "" {
			if p != nil || u != strings.TrimRight(strings.Replace(c.text, "HTTPS", "https", 1), "/") {
				t.Errorf("%q: %q, %v", c.text, u, p)
			}
			continue
		}
		if p == nil || p.What != c.want || p.Cause != c.cause || p.Key != "url" || p.Example != urlExample || u != "" {
			t.Errorf("%q: %+v, want %q of %s", c.text, p, c.want, c.cause)
		}
	}
	for _, c := range []struct {
		text, want string
		cause      cause.Cause
	}{
		{"AXyz0123==", "", ""},
		{"!~", "", ""},
		{"A$b%c{d}<", "", ""},
		{"<your token>", "holds <…>, which stands for a value that is to be filled in", cause.ConfigInvalid},
		{" $TOKEN ", "is the name of a variable with $, which was not replaced by its value", cause.ConfigInvalid},
		{"null", "is the word null, which scripts print where a value is missing", cause.ConfigMissing},
		{`"undefined"`, "is the word undefined, which scripts print where a value is missing", cause.ConfigMissing},
		{"None", "is the word None, which scripts print where a value is missing", cause.ConfigMissing},
		{"nullify1234567890", "", ""},
		{"{{token}}", "holds {{…}}, a placeholder of a template that was not replaced by its value", cause.ConfigInvalid},
		{"YOUR_TOKEN", "is the name of a variable, want its value", cause.ConfigInvalid},
		{"TOKEN", "", ""},
		{"your-token-here", "is the text of an example or of a hidden value, want the value", cause.ConfigInvalid},
		{"changeme", "is the text of an example or of a hidden value, want the value", cause.ConfigInvalid},
		{"********", "is the text of an example or of a hidden value, want the value", cause.ConfigInvalid},
		{"••••••••", "is the text of an example or of a hidden value, want the value", cause.ConfigInvalid},
		{"xxXyz", "", ""},
		{"arn:aws:secretsmanager:us-east-1:1:secret:x", "is a reference to a secret, which was not replaced by its value", cause.ConfigInvalid},
		{`AXyz\n`, `ends with \n, a line break that was written out`, cause.ConfigWhitespace},
		{"AXyz;", "ends with a comma or a semicolon", cause.ConfigWhitespace},
		{"AXyz%3D%3D", "holds %3D, which is = as URLs write it", cause.ConfigWhitespace},
		{"", "is empty", cause.ConfigMissing},
		{"T=AXyz", "begins with the variable's name and =, want the value alone", cause.ConfigWhitespace},
		{"AXyz`", "holds quotes", cause.ConfigWhitespace},
		{"AX\ryz", "holds a line break", cause.ConfigWhitespace},
		{"AXyz\t", "begins or ends with white space", cause.ConfigWhitespace},
		{"AX yz", "holds white space", cause.ConfigWhitespace},
		{"Bearer AXyz", `begins with "Bearer ", want the token alone`, cause.ConfigWhitespace},
		{"https://a", "is a URL, want the REST token", cause.ConfigInvalid},
		{"AXyz\x7f", "holds characters that no token has", cause.ConfigWhitespace},
		{"AXyzé", "holds characters that no token has", cause.ConfigWhitespace},
		{"AX\x01", "holds characters that no token has", cause.ConfigWhitespace},
	} {
		p := checkToken(c.text)
		if c.want == "" {
			if p != nil {
				t.Errorf("%q: %v", c.text, p)
			}
			continue
		}
		if p == nil || p.What != c.want || p.Cause != c.cause || p.Key != "token" || p.Example != tokenExample {
			t.Errorf("%q: %+v, want %q of %s", c.text, p, c.want, c.cause)
		}
	}
}

func TestSlackSecretsInPlainText(t *testing.T) {
	const (
		webhook = "; example: https://hooks.slack.com/services/T…/B…/…"
		bot     = "; example: xoxb-…"
	)
	for _, c := range []struct{ name, keys, want string }{
		{"a webhook", "webhook: https://hooks.slack.com/services/T/B/x", ""},
		{"a webhook of GovSlack", "webhook: https://hooks.slack-gov.com/services/T/B/x", ""},
		{"a webhook of this machine", "webhook: http://127.0.0.1:9000/x", ""},
		{"a webhook over http", "webhook: http://hooks.slack.com/services/T/B/x", "receivers[0].slack.webhook is not the URL of a Slack incoming webhook" + webhook},
		{"a webhook elsewhere", "webhook: https://example.com/services/T/B/x", "receivers[0].slack.webhook is not the URL of a Slack incoming webhook" + webhook},
		{"a webhook of a workflow", "webhook: https://hooks.slack.com/triggers/T/1/x", "receivers[0].slack.webhook is not the URL of a Slack incoming webhook" + webhook},
		{"a webhook without a host", "webhook: https://", "receivers[0].slack.webhook is not a URL with a host" + webhook},
		{"a quoted webhook", `webhook: '"https://hooks.slack.com/x"'`, "receivers[0].slack.webhook holds quotes" + webhook},
		{"a bot token", "bot_token: xoxb-1, channel: C01234", ""},
		{"a webhook of a template", "webhook: '{{ webhook }}'", "receivers[0].slack.webhook holds {{…}}, a placeholder of a template that was not replaced by its value" + webhook},
		{"a bot token of a shell", "bot_token: $TOKEN, channel: C01234", "receivers[0].slack.bot_token is the name of a variable with $, which was not replaced by its value" + bot},
		{"a user token", "bot_token: xoxp-1, channel: C01234", "receivers[0].slack.bot_token does not begin with xoxb-, so it is not a bot token" + bot},
		{"a quoted bot token", `bot_token: '"xoxb-1"', channel: C01234`, "receivers[0].slack.bot_token holds quotes" + bot},
	} {
		want := []string{c.want}
		if c.want == "" {
			want = nil
		}
		rule{c.name, receiving("slack: {" + c.keys + "}"), want}.check(t, true)
	}
	rule{
		"a webhook of this machine in the cloud", receiving("slack: {webhook: http://127.0.0.1:9000/x}"),
		[]string{"receivers[0].slack.webhook holds a secret in plain text, want a reference into Secret Manager; example: sm://projects/my-project/secrets/my-secret"},
	}.check(t, false)
}

func TestPatterns(t *testing.T) {
	long := strings.Repeat("a", 600)
	for name, c := range map[string]struct{ good, bad []string }{
		"name":          {[]string{"a", "0", "a-b", long[:63]}, []string{"-a", "A", "a_b", long[:64], "a.b"}},
		"id":            {[]string{"a", "A-0", long[:64]}, []string{long[:65], "a_b", ""}},
		"service":       {[]string{"Backend", "a.b_c-d", long[:63]}, []string{".a", "_a", long[:64], "a b"}},
		"cloud_run":     {[]string{"projects/p/locations/l/services/s"}, []string{"projects/p/locations/l/services/", "projects/p/services/s", "/projects/p/locations/l/services/s", "projects/p/locations/l/services/s/"}},
		"url":           {[]string{"https://a", "https://a/b?c"}, []string{"a", "ftp://a", "https://a b", "https://u@a", "http://a", "http://127.0.0.1", "https:///x", "https://a:65536"}},
		"variable":      {[]string{"A", "_a", "CACHE_URL2"}, []string{"1A", "A-B", "", "A B"}},
		"template":      {[]string{"https://a/{database}/{database_id}/{shard}/{environment}/{incident}/{check}/{cause}", "https://{shard}.example.com"}, []string{"https://a/{}", "https://a/{name}", "http://a/{shard}"}},
		"origin":        {[]string{"https://a", "http://a:80"}, []string{"https://a/", "a", "https://*.example.com", "https://Admin.example.com", "https://u@a"}},
		"host":          {[]string{"a", "smtp.example.com", "2001:db8::1", long[:253]}, []string{"-a", "a.", "a b", long[:254], "https://a", "smtp.example.com:465"}},
		"slack_api":     {[]string{"https://slack.com/api/", "https://slack-gov.com/api/"}, []string{"https://my-team.slack.com/api/", "http://slack.com/api/"}},
		"pagerduty_api": {[]string{"https://events.eu.pagerduty.com/v2/enqueue"}, []string{"https://api.pagerduty.com", "https://127.0.0.1/v2/enqueue"}},
		"email":         {[]string{"a@b"}, []string{"a", "a@b@c", "<a@b>", "a @b", `"a"@b`}},
		"address":       {[]string{"a@b.c", "A B <a@b.c>"}, []string{"a", "a@b\n", "A <a@b", "a b@c d"}},
		"regexp":        {[]string{"^a+$", long[:500]}, []string{"(", long[:501]}},
		"jsonpath":      {[]string{"$", "$.a['b'][0]", "$..redis[?@.status == 'up'].mode", "$" + strings.Repeat(".a", 100)}, []string{"a.b", "$.", "$[", "$..a..b", "$" + strings.Repeat(".a", 101)}},
		"glob":          {[]string{"a*", "?", long[:63]}, []string{"[a]", "A", long[:64]}},
		"slack_channel": {[]string{"C01234", "G01234", "D01234", "#general", "general", "#" + long[:80], "C" + strings.Repeat("0", 20)}, []string{"General", "#-a", "##a", "#" + long[:81], "C" + strings.Repeat("0", 21)}},
		"slack_member":  {[]string{"U01234", "S01234", "W01234"}, []string{"C01234", "U0123", "here", "U" + strings.Repeat("0", 21)}},
		"slack_mention": {[]string{"U01234", "S01234", "here", "channel"}, []string{"everyone", "C01234", "heres"}},
		"slack_app":     {[]string{"A01234"}, []string{"A0123", "B01234", "A" + strings.Repeat("0", 21)}},
		"slack_team":    {[]string{"T01234", "E01234"}, []string{"A01234", "T0123"}},
		"zone":          {[]string{"UTC", "Europe/Berlin", "Etc/GMT+1"}, []string{"Local", "Europe/Atlantis", "../x", ""}},
		"time":          {[]string{"2026-12-24T22:00", "2026-12-24T22:00Z", "2026-12-24T22:00:01", "2026-12-24T22:00:01+01:00", "2026-12-24T22:00+01:00"}, []string{"2026-12-24", "2026-12-24 22:00", "2026-02-30T22:00", "2026-12-24T25:00"}},
		"cron":          {[]string{"* * * * *", "0  3 * * SUN"}, []string{"* * * *", "* * * * * *", "60 * * * *", " * * * * *"}},
	} {
		p := patterns[name]
		for _, text := range c.good {
			if what := p.check(text, false); what != "" {
				t.Errorf("%s: %.80q %s", name, text, what)
			}
		}
		for _, text := range c.bad {
			if p.check(text, false) == "" {
				t.Errorf("%s: %.80q is accepted", name, text)
			}
		}
	}
	for name := range patterns {
		if patterns[name].want == "" {
			t.Errorf("pattern %s does not say what it wants", name)
		}
	}
	if what := patterns["url"].check("http://127.0.0.1:80/x", true); what != "" {
		t.Errorf("an address of this machine on it: %s", what)
	}
	if patterns["url"].check("http://a", true) == "" {
		t.Error("another host over http is accepted on one machine")
	}
}
