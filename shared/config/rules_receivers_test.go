package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRulesOfReceivers(t *testing.T) {
	email := func(text string) string {
		return receiving("email: {host: smtp.example.com, from: a@example.com" + text + "}")
	}
	two := func(first, second string) string {
		return one() + "receivers:\n  - {name: r, slack: {webhook: 'sm://projects/p/secrets/s'}" + first + "}\n  - {name: " + second + ", slack: {webhook: 'sm://projects/p/secrets/s'}}\n"
	}
	const (
		hook   = "sm://projects/p/secrets/hook"
		nobody = "receivers[0] says nothing of slack, email, pagerduty or webhook; example: slack: {webhook: sm://projects/my-project/secrets/slack-webhook}"
		pair   = "receivers[0].email wants both username and password, or neither; example: username: alerts@example.com, password: sm://projects/my-project/secrets/smtp-password"
	)
	for _, r := range []rule{
		{"no kind", receiving("pages: true"), []string{nobody}},
		{"no kind but a wrong key says that alone", receiving("slak: x"), []string{"receivers[0].slak is not a key here; did you mean slack?; example: slack"}},
		{"three kinds", receiving("slack: {webhook: '"+hook+"'}", "email: {host: h, from: a@b, to: c@d}", "webhook: {url: https://x.example.com/, keys: '"+hook+"'}"), []string{"receivers[0] is slack and email and webhook in one, want one receiver each"}},
		{"Slack by webhook", receiving("slack: {webhook: '" + hook + "'}"), nil},
		{"Slack by bot", receiving("slack: {bot_token: '" + hook + "', channel: C01234}"), nil},
		{"Slack by neither", receiving("slack: {channel: C01234}"), []string{"receivers[0].slack wants webhook or bot_token; example: webhook: sm://projects/my-project/secrets/slack-webhook"}},
		{"Slack by neither with a wrong key says that alone", receiving("slack: {webhook: 5}"), []string{"receivers[0].slack.webhook is a whole number, want a text; example: sm://projects/my-project/secrets/slack-webhook"}},
		{"Slack by both", receiving("slack: {webhook: '" + hook + "', bot_token: '" + hook + "'}"), []string{"receivers[0].slack has webhook and bot_token, want one of them; example: bot_token: sm://projects/my-project/secrets/slack-bot-token"}},
		{"a bot without a channel", receiving("slack: {bot_token: '" + hook + "'}"), []string{"receivers[0].slack.channel is missing, which a bot needs; example: C0123456789"}},
		{"a bot with a wrong channel says that alone", receiving("slack: {bot_token: '" + hook + "', channel: '!'}"), []string{"receivers[0].slack.channel is not a channel id (C…) or a channel's name; example: C0123456789"}},
		{"a webhook needs no channel", receiving("slack: {webhook: '" + hook + "'}"), nil},
		{"mail", email(", to: b@example.com"), nil},
		{"mail with a password", email(", to: b@example.com, username: u, password: '" + hook + "'"), nil},
		{"mail with a user alone", email(", to: b@example.com, username: u"), []string{pair}},
		{"mail with a password alone", email(", to: b@example.com, password: '" + hook + "'"), []string{pair}},
		{"mail with a wrong password says that alone", email(", to: b@example.com, username: u, password: 5"), []string{"receivers[0].email.password is a whole number, want a text; example: sm://projects/my-project/secrets/smtp-password"}},
		{"mail without a recipient", email(", to: []"), []string{"receivers[0].email.to is empty; example: [oncall@example.com]"}},
		{"mail without recipients", email(""), []string{"receivers[0].email.to is missing; example: [oncall@example.com]"}},
		{"mail to one twice", email(", to: [b@example.com, c@example.com, B@Example.com]"), []string{"receivers[0].email.to[2] is listed twice"}},
		{"mail by port 465 that does not begin with TLS", email(", to: b@example.com, port: 465, tls: starttls"), []string{"receivers[0].email.tls is starttls with port 465, where TLS begins with the first byte; want implicit, or port 587; example: implicit"}},
		{"mail by port 25", email(", to: b@example.com, port: 25"), []string{"receivers[0].email.port is 25, which Google Cloud closes and which promises no encryption; want 587 or 465; example: 587"}},
		{"mail with TLS that is on", email(", to: b@example.com, tls: true"), []string{"receivers[0].email.tls is true or false, want one of starttls, implicit; example: starttls"}},
		{"mail by port 26", email(", to: b@example.com, port: 26"), nil},
		{"a webhook", receiving("webhook: {url: https://x.example.com/, keys: '" + hook + "'}"), nil},
		{"a webhook by reference", receiving("webhook: {url: '" + hook + "', keys: '" + hook + "'}"), nil},
		{"a webhook over http", receiving("webhook: {url: http://x.example.com/, keys: '" + hook + "'}"), []string{"receivers[0].webhook.url begins with http://, which is only accepted for loopback under `pongwatch local`; want https://; example: https://hooks.example.com/pongwatch"}},
		{"a webhook without keys", receiving("webhook: {url: https://x.example.com/, keys: []}"), []string{"receivers[0].webhook.keys is empty; example: [sm://projects/my-project/secrets/webhook-key]"}},
		{"a webhook with a wrong key says that alone", receiving("webhook: {url: https://x.example.com/, keys: [], x: 1}"), []string{"receivers[0].webhook.x is not a key here; the keys are format, keys, password, token, url, username"}},
		{"Alertmanager's format with a token", receiving("webhook: {url: https://x.example.com/, format: alertmanager, token: '" + hook + "'}"), nil},
		{"Alertmanager's format with a user", receiving("webhook: {url: https://x.example.com/, format: alertmanager, username: u, password: '" + hook + "'}"), nil},
		{"Alertmanager's format with a secret address alone", receiving("webhook: {url: '" + hook + "', format: alertmanager}"), nil},
		{"Alertmanager's format with keys", receiving("webhook: {url: https://x.example.com/, format: alertmanager, keys: '" + hook + "'}"), []string{"receivers[0].webhook.keys sign only the format pongwatch; Alertmanager's format has a token, or username and password; example: token: sm://projects/my-project/secrets/webhook-token"}},
		{"Alertmanager's format with half a login", receiving("webhook: {url: https://x.example.com/, format: alertmanager, username: u}"), []string{"receivers[0].webhook wants both username and password, or neither; example: username: pongwatch, password: sm://projects/my-project/secrets/webhook-password"}},
		{"Alertmanager's format with both proofs", receiving("webhook: {url: https://x.example.com/, format: alertmanager, username: u, password: '" + hook + "', token: '" + hook + "'}"), []string{"receivers[0].webhook has a token and a username, want one of them; example: token: sm://projects/my-project/secrets/webhook-token"}},
		{"pongwatch's format with a token", receiving("webhook: {url: https://x.example.com/, keys: '" + hook + "', token: '" + hook + "'}"), []string{"receivers[0].webhook has a token or a username, which only the format alertmanager sends; example: format: alertmanager"}},
		{"a format that does not exist says that alone", receiving("webhook: {url: https://x.example.com/, format: opsgenie}"), []string{"receivers[0].webhook.format is none of pongwatch, alertmanager; example: pongwatch"}},
		{"PagerDuty", receiving("pagerduty: {routing_key: '" + hook + "'}"), nil},
		{"PagerDuty without a key", receiving("pagerduty: {}"), []string{"receivers[0].pagerduty.routing_key is missing; example: sm://projects/my-project/secrets/pagerduty-routing-key"}},
		{"a fallback", two(", fallback: s", "s"), nil},
		{"a fallback on itself", two(", fallback: r", "s"), []string{"receivers[0].fallback is the receiver itself; example: email-oncall"}},
		{"a fallback that is not configured", two(", fallback: x", "s"), []string{"receivers[0].fallback names a receiver that is not configured; example: s"}},
		{"two receivers of one name", two("", "r"), []string{"receivers[1].name is the name of receivers[0] too; example: r-2"}},
		{"a route", two("", "s") + "routes: [{receivers: [r, s], fallback: s, escalate_to: r}]\n", nil},
		{"routes to receivers that are not configured", two("", "s") + "routes: [{receivers: [r, s, t1], fallback: tx, escalate_to: ty}, {receivers: slack}]\n", []string{
			"routes[0].receivers names t1, which is not configured; example: r",
			"routes[0].fallback names tx, which is not configured; example: r",
			"routes[0].escalate_to names ty, which is not configured; example: r",
			"routes[1].receivers names slack, which is not configured; example: r",
		}},
		{"a route without any receiver configured", with("routes: [{receivers: x}]"), []string{"routes[0].receivers names x, which is not configured"}},
		{"a route without receivers", two("", "s") + "routes: [{}]\n", []string{"routes[0].receivers is missing; example: [slack-oncall, email-oncall]"}},
		{"a route to no receiver", two("", "s") + "routes: [{receivers: []}]\n", []string{"routes[0].receivers is empty; example: [slack-oncall, email-oncall]"}},
	} {
		r.check(t, false)
	}
}

func TestEscalationBesidePagerDutyIsSaid(t *testing.T) {
	const (
		slackAndPager = "receivers:\n  - {name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}\n  - {name: p, pagerduty: {routing_key: 'sm://projects/p/secrets/p'}}\n"
		what          = ".escalate_to is notified only while PagerDuty (p) has not taken the incident; once it has, PagerDuty escalates by itself"
	)
	for _, tt := range []struct {
		name, routes string
		want         []string
	}{
		{"beside PagerDuty", "[{receivers: [s, p], escalate_to: s}]", []string{"routes[0]" + what}},
		{"beside a route that continues to PagerDuty", "[{receivers: s, escalate_to: s, continue: true}, {receivers: p}]", []string{"routes[0]" + what}},
		{"behind one that continues from PagerDuty", "[{receivers: p, continue: true}, {receivers: s, escalate_to: s}]", []string{"routes[1]" + what}},
		{"to PagerDuty", "[{receivers: s, escalate_to: p}]", nil},
		{"no escalation", "[{receivers: [s, p]}]", nil},
		{"routes apart", "[{severities: critical, receivers: s, escalate_to: s}, {receivers: p}]", nil},
	} {
		c, problems := Parse(false, Document{Name: "test", Text: []byte(one() + slackAndPager + "routes: " + tt.routes + "\n")})
		var got []string
		for _, p := range problems {
			if !p.Notice || p.Fatal {
				t.Errorf("%s: %v is no notice", tt.name, p)
			}
			got = append(got, p.Key+" "+p.What)
		}
		if c == nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestARouteThatIsNeverAskedIsSaid(t *testing.T) {
	const (
		never   = "routes[1] is never asked, because routes[0] matches everything and does not continue"
		nothing = "receivers[1] is notified of nothing, because no route that is asked names it"
	)
	for _, tt := range []struct {
		name, fallback, routes string
		want                   []string
	}{
		{"no routes: all are notified", "", "[]", nil},
		{"the last matches everything", "", "[{severities: critical, receivers: s}, {receivers: r}]", nil},
		{"the first does", "", "[{receivers: s}, {severities: critical, receivers: r}]", []string{nothing, never}},
		{"the first does and continues", "", "[{receivers: s, continue: true}, {severities: critical, receivers: r}]", nil},
		{"the first does, and says for whom else", "", "[{receivers: s, escalate_to: r}, {receivers: s}]", []string{never}},
		{"a receiver without a route is another's fallback", ", fallback: r", "[{receivers: s}]", nil},
		{"a receiver without a route", "", "[{receivers: s}]", []string{nothing}},
		{"a receiver without a route has what matches none", "", "[{severities: critical, receivers: s}]", nil},
	} {
		c, problems := Parse(false, Document{Name: "c", Text: []byte(one() + "receivers:\n  - {name: s, slack: {webhook: 'sm://projects/p/secrets/s'}" + tt.fallback +
			"}\n  - {name: r, slack: {webhook: 'sm://projects/p/secrets/r'}}\nroutes: " + tt.routes + "\n")})
		var got []string
		for _, p := range problems {
			if !p.Notice {
				t.Errorf("%s: %v is no notice", tt.name, p)
			}
			got = append(got, p.Evidence())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || !c.Receiver("r").Usable() {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestAConditionThatNoDatabaseMeetsIsSaid(t *testing.T) {
	for _, tt := range []struct {
		name, conditions string
		want             []string // a notice where it begins with "notice: "
	}{
		{"a database", "databases: [prod-cache]", nil},
		{"a pattern", "databases: ['prod-*', 'prod-?ache']", nil},
		{"an environment of the document, and of a database", "environments: [production, staging]", nil},
		{"a database that is misspelt", "databases: [prod-cahce]", []string{".databases has prod-cahce, which matches no database; did you mean prod-cache?; example: prod-cache"}},
		{"one database of two", "databases: [prod-cache, jobs-queue]", []string{"notice: .databases has jobs-queue, which matches no database; example: prod-cache"}},
		{"a pattern for later", "databases: ['dev-*']", []string{"notice: .databases has dev-*, which matches no database; example: prod-cache"}},
		{"an environment that is misspelt", "environments: [prodution]", []string{".environments has prodution, which no database is in; did you mean production?; example: production"}},
		{"an environment of another project", "environments: [dev]", []string{"notice: .environments has dev, which no database is in; example: production"}},
	} {
		text := `environment: production
databases:
  - {name: prod-cache, url: "https://a.upstash.io", token: sm://projects/p/secrets/a}
  - {name: sessions, url: "https://b.upstash.io", token: sm://projects/p/secrets/b, environment: staging}
receivers: [{name: s, slack: {webhook: 'sm://projects/p/secrets/s'}}]
routes: [{receivers: s, ` + tt.conditions + `}]
maintenance: [{name: w, cron: '0 3 * * *', for: 1h, ` + tt.conditions + `}]
`
		var want, got []string
		for _, at := range []string{"routes[0]", "maintenance[0]"} {
			for _, w := range tt.want {
				notice := strings.HasPrefix(w, "notice: ")
				w = at + strings.TrimPrefix(w, "notice: ")
				if notice {
					w = "notice: " + w
				}
				want = append(want, w)
			}
		}
		c, problems := Parse(false, Document{Name: "c", Text: []byte(text)})
		for _, p := range problems {
			e := p.Evidence()
			if p.Notice {
				e = "notice: " + e
			}
			got = append(got, e)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(c.Routes) != 1 || len(c.Maintenance) != 1 {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestANearReceiverIsSuggested(t *testing.T) {
	text := one() + "receivers:\n  - {name: slack-oncall, slack: {webhook: 'sm://projects/p/secrets/s'}}\nroutes: [{receivers: slack-onkall}]\n"
	want := []string{"routes[0].receivers names slack-onkall, which is not configured; did you mean slack-oncall?; example: slack-oncall"}
	if diff := cmp.Diff(want, evidence(false, text)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongWithOneReceiverIsDroppedAlone(t *testing.T) {
	text := one() + `receivers:
  - {name: r, slack: {webhook: 'sm://projects/p/secrets/s'}, fallback: r}
  - {name: s, slack: {webhook: 'sm://projects/p/secrets/s'}, fallback: x}
  - {name: t, slack: {webhook: 'sm://projects/p/secrets/s'}, fallback: r}
  - {name: r, slack: {webhook: 'sm://projects/p/secrets/t'}}
routes:
  - {severities: [critical], receivers: [x, t], fallback: [y], escalate_to: [r, z]}
  - {receivers: [x]}
  - {receivers: [s]}
`
	c, _ := Parse(false, Document{Name: "c", Text: []byte(text)})
	got := fmt.Sprint(c.receiverNames(), c.Receivers[0].Fallback, c.Receivers[1].Fallback, c.Receivers[2].Fallback, len(c.Routes), c.Routes[0].Receivers, c.Routes[0].Fallback, c.Routes[0].EscalateTo, c.Routes[1].Receivers)
	if want := "[r s t]r2 [t] [] [r] [s]"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
	for name, n := range map[string]int{"r": 2, "s": 1, "t": 0} {
		// Two receivers of one name stop it; a fallback that does not exist is no more than that.
		if ps := c.Receiver(name).Problems; len(ps) != n || c.Receiver(name).Usable() != (name != "r") {
			t.Errorf("%s has the problems %v, want %d; usable is %v", name, ps, n, c.Receiver(name).Usable())
		}
	}
}

func TestAnEntryWithoutAUsableNameHasOneByItsPlace(t *testing.T) {
	for _, name := range []string{"", "name: B, ", "name: 5, ", "name: '', "} {
		text := "databases: [{name: a, url: 'https://a.upstash.io', token: 'sm://projects/p/secrets/a'}, {" + name + "url: 'https://b.upstash.io', token: 'sm://projects/p/secrets/b'}]\n" +
			"receivers: [{name: r, pagerduty: {routing_key: 'sm://projects/p/secrets/s'}}, {" + name + "pagerduty: {routing_key: 'sm://projects/p/secrets/s'}}]\n"
		c, ps := Parse(false, Document{Name: "c", Text: []byte(text)})
		if len(ps) != 2 || ps.Fatal() != nil {
			t.Fatalf("%q: %v", name, ps)
		}
		db, r := c.Database("database-2"), c.Receiver("receiver-2")
		if db == nil || r == nil || len(db.Problems) != 1 || len(r.Problems) != 1 || r.Usable() || len(c.Database("a").Problems)+len(c.Receiver("r").Problems) > 0 {
			t.Errorf("%q: databases %+v, receivers %+v", name, c.Databases, c.Receivers)
		}
	}
}

func TestMailTurnsToTLSAsItsPortSays(t *testing.T) {
	for text, want := range map[string]string{"": "starttls", ", port: 465": "implicit", ", port: 2525": "starttls", ", port: 465, tls: implicit": "implicit", ", tls: implicit": "implicit"} {
		c, ps := Parse(false, Document{Name: "c", Text: []byte(receiving("email: {host: h, from: a@b.c, to: a@b.c" + text + "}"))})
		if len(ps) > 0 || c.Receivers[0].Email.TLS != want {
			t.Errorf("%q: TLS %q, want %q; problems %v", text, c.Receivers[0].Email.TLS, want, ps)
		}
	}
}
