package message_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// What to do first follows from whether it ever worked.
func TestFirstStepFollowsTheHistory(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cause cause.Cause
		with  func(*incident.Incident)
		want  string
	}{
		{"worked seconds ago", cause.TCPRefused, func(i *incident.Incident) { i.LastOK = i.Since.Add(-9 * time.Second) }, "Check https://status.upstash.com and what was deployed since 18:21 UTC: it worked until 9 s before the first failure."},
		{"never worked", cause.TCPRefused, func(i *incident.Incident) { i.LastOK = time.Time{} }, "Compare host and port of the URL with the REST URL in the Upstash console; it has no port."},
		{"slow since yesterday's deployment", cause.Slow, func(i *incident.Incident) { i.LastOK = i.Since.Add(-26 * time.Hour) }, "Check https://status.upstash.com and what was deployed since 2026-11-21 16:22 UTC: it worked until 1 d 2 h before the first failure."},
		{"slow from the first day", cause.Slow, func(i *incident.Incident) { i.LastOK = time.Time{} }, "Compare the region of the app with the database's primary region; put them together."},
		{"a refused token has one reason, whenever it worked", cause.AuthInvalid, func(*incident.Incident) {}, "Copy the REST token (not the TCP password) of this database from the Upstash console, including a trailing \"=\"."},
		{"mock mode by its settings", cause.Mock, func(*incident.Incident) {}, "Set MOCK_REDIS=false and check UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN in the app's production environment."},
		{"mock mode that an outage left behind", cause.Mock, func(i *incident.Incident) { i.RedisBack = i.Since }, "Restart or redeploy the service that the evidence names; most apps choose the mock once, at start."},
	} {
		m := rendered(incident.Opened, tt.cause, func(n *incident.Notice) { tt.with(n.Incident) })
		if got := m.FirstStep(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if status := slices.IndexFunc(m.Fix[1:], func(s message.Step) bool { return strings.HasPrefix(s.Text, "Check https://status.upstash.com") }); strings.HasPrefix(tt.want, "Check") && status >= 0 {
			t.Errorf("%s: the status page is named twice: %+v", tt.name, m.Fix)
		}
	}
}

// Steps have the commands that do them, for how the configuration says the app is deployed.
func TestStepsHaveCommandsToPaste(t *testing.T) {
	const (
		store    = `printf %s 'NEW_TOKEN' | gcloud secrets versions add prod-cache-token --project=my-project --data-file=-`
		cloudRun = `gcloud run services update backend --project=my-project --region=us-east4 `
		restart  = cloudRun + `--update-labels=restarted="$(date +%s)"`
		envToken = `vercel link --yes --project web && printf %s 'NEW_TOKEN' | vercel env add UPSTASH_REDIS_TOKEN production --force`
		redeploy = `vercel redeploy www.example.com --target=production`
	)
	commands := func(c cause.Cause, change func(*incident.Notice, *message.Context)) []string {
		n, ctx := messagetest.Notice(incident.Opened, c), messagetest.Context()
		change(&n, &ctx)
		var all []string
		for _, s := range message.Render(n, ctx).Fix {
			all = append(all, s.Commands...)
		}
		return all
	}
	as := func(*incident.Notice, *message.Context) {}
	for _, tt := range []struct {
		name string
		got  []string
		want []string
	}{
		{"a new token is stored where each app reads it, then the apps are restarted", commands(cause.AuthInvalid, as), []string{store, envToken, redeploy, restart, redeploy}},
		{"a rotated token needs a restart only", commands(cause.TokenRotated, as), []string{restart, redeploy}},
		{"a pasted line break", commands(cause.ConfigWhitespace, as)[:1], []string{store}},
		{"mock mode of a Cloud Run service", commands(cause.Mock, as), []string{cloudRun + "--update-env-vars=MOCK_REDIS=false", restart}},
		{"mock mode of a Vercel project", commands(cause.Mock, func(n *incident.Notice, _ *message.Context) { n.Incident.Series.Subject = "web" }), []string{`vercel link --yes --project web && printf false | vercel env add MOCK_REDIS production --force`, redeploy, redeploy}},
		{"an app without an address is found by Vercel", commands(cause.TokenRotated, func(_ *incident.Notice, c *message.Context) {
			c.Databases = map[string]message.Database{"prod-cache": {Apps: []message.App{{Vercel: "web"}}}}
		}), []string{`vercel redeploy "$(vercel ls web --prod | head -1)" --target=production`}},
		{"nothing is known of secrets and apps", commands(cause.AuthInvalid, func(_ *incident.Notice, c *message.Context) { c.Databases = nil }), nil},
		{"an app that is deployed in another way", commands(cause.TokenRotated, func(_ *incident.Notice, c *message.Context) {
			c.Databases = map[string]message.Database{"prod-cache": {Apps: []message.App{{Service: "backend", Address: "https://app.example.com"}}}}
		}), nil},
		{"who spends the commands", commands(cause.CommandsHigh, as), []string{"pongwatch top --database prod-cache"}},
		{"who spends the budget", commands(cause.BudgetHigh, as), []string{"pongwatch top --database prod-cache"}},
		{"what needs no command", commands(cause.Slow, as), nil},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, tt.got, tt.want)
		}
	}
}

// A command is never broken into lines, because half of one would do something else.
func TestCommandsStayWhole(t *testing.T) {
	m := message.Render(messagetest.Notice(incident.Opened, cause.AuthInvalid), messagetest.Context())
	for _, s := range m.Fix {
		for _, c := range s.Commands {
			if !strings.Contains(m.Text(), "\n    "+c+"\n") {
				t.Errorf("the text breaks %q", c)
			}
		}
	}
	if group := message.Render(messagetest.Group(incident.Opened, 5), messagetest.Context()); len(group.Fix) == 0 || slices.ContainsFunc(group.Fix, func(s message.Step) bool { return s.Commands != nil }) {
		t.Errorf("a group has commands for one of its databases: %+v", group.Fix)
	}
}

// Evidence that is a web page is shown by its title, never as markup.
func TestWebPagesAreShownByTheirTitle(t *testing.T) {
	for evidence, want := range map[string]string{
		`HTTP 502: text/html beginning <!doctype html><html><head><title>502 Bad &amp; Gateway</title></head><body>`: `HTTP 502: text/html a page titled "502 Bad & Gateway"`,
		`<HTML lang="en"><TITLE>Sign in</TITLE>`: `a page titled "Sign in"`,
		`HTTP 502: <html><h1>x</h1></html>`:      `HTTP 502: <html><h1>x</h1></html>`,
		`the key <title>x</title> is no page`:    `the key <title>x</title> is no page`,
	} {
		m := rendered(incident.Opened, cause.NotUpstash, func(n *incident.Notice) { n.Incident.Observation.Evidence = evidence })
		if got := m.Evidence[0].Text; got != want {
			t.Errorf("%q is shown as %q, want %q", evidence, got, want)
		}
	}
}

// The end of an incident is short: what it was, for how long, and what follows.
func TestEndsAreShort(t *testing.T) {
	for _, c := range cause.All() {
		m := rendered(incident.Resolved, c, func(*incident.Notice) {})
		if lines := strings.Count(m.Text(), "\n"); lines > 20 || len(m.Evidence) > 0 || len(m.Fix) > 0 || m.CauseText != "" || m.Sparkline != "" || m.Impact != "" {
			t.Errorf("%s: %d lines:\n%s", c, lines, m.Text())
		}
	}
	m := rendered(incident.Past, cause.AuthInvalid, func(*incident.Notice) {})
	if m.Impact != "PING failed from us-east4 and europe-west1 (2 of 3 regions)." {
		t.Errorf("told for the first time: impact %q", m.Impact)
	}
	for reopen, want := range map[time.Duration]string{
		15 * time.Minute: "No action needed. If it fails again within 15 minutes, this incident reopens.",
		time.Minute:      "No action needed. If it fails again within 1 minute, this incident reopens.",
		2 * time.Hour:    "No action needed. If it fails again within 2 h, this incident reopens.",
		0:                "No action needed. If it fails again, a new incident opens.",
	} {
		c := messagetest.Context()
		c.Reopen = reopen
		if got := message.Render(messagetest.Notice(incident.Resolved, cause.AuthInvalid), c).Next; got != want {
			t.Errorf("%v: %q, want %q", reopen, got, want)
		}
	}
}

// Environment and severity are in front of every line that is read first.
func TestTags(t *testing.T) {
	for _, tt := range []struct {
		name, want  string
		event       incident.Event
		environment string
	}{
		{"open", "🔴 [production] CRITICAL prod-cache is down: ", incident.Opened, "production"},
		{"a reminder", "🔴 [staging] CRITICAL Still: prod-cache is down: ", incident.Reminder, "staging"},
		{"over", "✅ [staging] RESOLVED prod-cache is up again", incident.Resolved, "staging"},
		{"no longer watched", "⚪ [staging] CLOSED prod-cache: ping from us-east4 and europe-west1 is no longer watched", incident.NoLongerWatched, "staging"},
		{"a drill", "🧪 [staging] DRILL Nothing is wrong: prod-cache", incident.Drill, "staging"},
		{"no environment", "🔴 CRITICAL prod-cache is down: ", incident.Opened, ""},
		{"an endless one", "🔴 [" + strings.Repeat("x", 23) + "…] CRITICAL prod-cache is down: ", incident.Opened, strings.Repeat("x", 63)},
	} {
		c := messagetest.Context()
		c.Databases = map[string]message.Database{"prod-cache": {Environment: tt.environment}}
		m := message.Render(messagetest.Notice(tt.event, cause.AuthInvalid), c)
		if !strings.HasPrefix(m.Push, tt.want) || !strings.HasPrefix(m.Headline, m.Tag) || m.Environment != tt.environment {
			t.Errorf("%s: %q and %q, want %q first", tt.name, m.Push, m.Headline, tt.want)
		}
	}
	long := rendered(incident.Resumed, cause.ConfigWhitespace, func(*incident.Notice) {})
	if got := strings.TrimPrefix(long.FirstLine(), long.Symbol+" "); utf8.RuneCountInString(got) > 140 || !strings.HasSuffix(got, "…, since 18:22 UTC") {
		t.Errorf("a long line with what is new loses its time or its limit: %q", got)
	}
	n := messagetest.Group(incident.Opened, 3)
	c := messagetest.Context()
	c.Databases = map[string]message.Database{"prod-001": {Environment: "production"}, "prod-002": {Environment: "staging"}}
	if got := message.Render(n, c).Tag; got != "[production and staging] CRITICAL " {
		t.Errorf("a group of two environments: %q", got)
	}
	n = messagetest.Notice(incident.Opened, cause.MonitorStore)
	if got := message.Render(n, c).Tag; got != "[production] CRITICAL " {
		t.Errorf("pongwatch itself: %q", got)
	}
}

// A step that says to wait while something restarts by itself asks nobody to restart the app.
func TestAWaitHasNoCommands(t *testing.T) {
	for _, c := range []cause.Cause{cause.ProviderUnready, cause.ConnReset, cause.WritePaused} {
		for _, s := range message.Render(messagetest.Notice(incident.Opened, c), messagetest.Context()).Fix {
			if strings.HasPrefix(s.Text, "Wait") && len(s.Commands) > 0 {
				t.Errorf("%s: %q has the commands %q", c, s.Text, s.Commands)
			}
		}
	}
	for c, want := range map[cause.Cause]string{cause.Proxy: "NO_PROXY and redeploy", cause.ConfigScheme: "Redeploy what reads it", cause.AuthUserDisabled: "and restart the app's services"} {
		if !slices.ContainsFunc(message.Render(messagetest.Notice(incident.Opened, c), messagetest.Context()).Fix, func(s message.Step) bool {
			return strings.Contains(s.Text, want) && len(s.Commands) > 0
		}) {
			t.Errorf("%s: the step with %q has no commands", c, want)
		}
	}
}

// A headline says what the check has seen, also where its cause is not the one that the check is
// named for.
func TestHeadlinesOfOtherCauses(t *testing.T) {
	for _, tt := range []struct {
		check report.Check
		cause cause.Cause
		event incident.Event
		want  string
	}{
		{report.Commands, cause.StatsState, incident.Opened, "prod-cache: commands cannot be counted exactly: Upstash does not list the database as active, since 18:22 UTC"},
		{report.Commands, cause.MonitorManagement, incident.Opened, "prod-cache: commands cannot be counted exactly: Upstash's management API refuses pongwatch, since 18:22 UTC"},
		{report.Commands, cause.MonitorManagement, incident.Resolved, "prod-cache: commands are counted exactly again"},
		{report.Write, cause.WriteMismatch, incident.Opened, "prod-cache does not return what was written, since 18:22 UTC"},
		{report.Write, cause.WriteMismatch, incident.Resolved, "prod-cache returns what was written again"},
		{report.Write, cause.CommandBlocked, incident.Opened, "prod-cache refuses writes: Upstash does not offer a command that was used, since 18:22 UTC"},
	} {
		n := messagetest.Notice(tt.event, tt.cause)
		n.Incident.Series = report.Series{Database: "prod-cache", Check: tt.check}
		n.Incident.Observation.Database, n.Incident.Observation.Check = "prod-cache", tt.check
		if got := message.Render(n, messagetest.Context()).Headline; !strings.Contains(got, tt.want) {
			t.Errorf("%s, %s: headline %q, want %q", tt.check, tt.cause, got, tt.want)
		}
	}
}
