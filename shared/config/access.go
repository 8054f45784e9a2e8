package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Surface is how one kind of page may be read.
type Surface string

// The ways to read a page.
const (
	AccessIAM    Surface = "iam"    // Google Cloud's IAM guards the whole service
	AccessToken  Surface = "token"  // one of access.tokens, as Bearer or as Basic's password
	AccessPublic Surface = "public" // everyone
)

// access says who may read the pages.
type access struct {
	// HealthCheck's answers: /api/v1/health/redis and /health.
	Health Surface `yaml:"health" enum:"iam,token,public" example:"token"`
	// The dashboard.
	Dashboard Surface `yaml:"dashboard" enum:"iam,token,public" example:"token"`
	// The statistics as JSON, /api/v1/admin/redis-metrics.
	API Surface `yaml:"api" enum:"iam,token,public" example:"token"`
	// The statistics for Prometheus, /metrics.
	OpenMetrics Surface `yaml:"openmetrics" enum:"iam,token,public" example:"token"`
	// The embeddable chart and badge.
	Badges Surface `yaml:"badges" enum:"iam,token,public" example:"public"`
	// The playbooks.
	Playbooks Surface `yaml:"playbooks" enum:"iam,token,public" example:"public"`
	// The tokens that `token` accepts, each of at least 24 characters. While one is replaced by another, both.
	Tokens []Secret `yaml:"tokens" single:"true" example:"[sm://projects/my-project/secrets/pongwatch-read-token]"`
	// The tokens whose holders may also acknowledge and silence on the dashboard, each of at least 24 characters. They read what `tokens` read of Metrics. The name that is typed beside the token is shown as the person who acted.
	ActTokens []Secret `yaml:"act_tokens" single:"true" example:"[sm://projects/my-project/secrets/pongwatch-act-token]"`
	// Origins whose pages may read the JSON in a browser.
	CORS []string `yaml:"cors" single:"true" pattern:"origin" example:"[https://admin.example.com]"`
	// The service accounts that may start a run. No one else can, not even readers of the pages.
	Invokers []string `yaml:"invokers" single:"true" pattern:"email" example:"[pongwatch-scheduler@my-project.iam.gserviceaccount.com]"`
}

// surfaces returns the surface of each page by its key.
func (a *access) surfaces() map[string]*Surface {
	return map[string]*Surface{
		"health": &a.Health, "dashboard": &a.Dashboard, "api": &a.API, "openmetrics": &a.OpenMetrics, "badges": &a.Badges, "playbooks": &a.Playbooks,
	}
}

// MetricsOpen reports whether IAM does not guard Metrics: Cloud Run is open as a whole, so
// one page that is not iam opens it for all.
func (a access) MetricsOpen() bool {
	for key, s := range a.surfaces() {
		if key != "health" && *s != AccessIAM {
			return true
		}
	}
	return false
}

// Management is the Upstash account's own API. A read-only key suffices.
type Management struct {
	// The account's mail address.
	Email Secret `yaml:"email" plain:"true" example:"ops@example.com"`
	// The API key.
	APIKey Secret `yaml:"api_key" example:"sm://projects/my-project/secrets/upstash-api-key"`
	// Databases of the account, by name or id, that nothing needs to watch. pongwatch warns of every other that is not configured.
	Ignore []string `yaml:"ignore" single:"true" example:"[playground]"`
	// The API's address, for a test.
	URL string `yaml:"url" pattern:"url" example:"https://api.upstash.com/v2"`
}

// Configured reports whether the management API can be asked.
func (m Management) Configured() bool { return m.Email.IsSet() && m.APIKey.IsSet() }

// Inbound is what AlertWebhook accepts. What has no key is answered 503, "not configured".
type Inbound struct {
	// The public address of AlertWebhook, for the links in messages. Empty leaves the links out.
	URL string `yaml:"url" pattern:"url" example:"https://pongwatch-webhook-123456789.us-east4.run.app"`
	// The Slack app's signing secret, with which button presses are verified.
	SlackSigningSecret Secret `yaml:"slack_signing_secret" example:"sm://projects/my-project/secrets/slack-signing-secret"`
	// The keys with which apps sign their mock-mode events ("whsec_" and base64). While one is replaced by another, both.
	EventKeys []Secret `yaml:"event_keys" single:"true" example:"[sm://projects/my-project/secrets/pongwatch-event-key]"`
	// The keys of the links in messages: the first signs, all are accepted.
	LinkKeys []Secret `yaml:"link_keys" single:"true" example:"[sm://projects/my-project/secrets/pongwatch-link-key]"`
}

// Links are addresses in messages and pages. "{database}", "{database_id}", "{shard}",
// "{environment}", "{incident}", "{check}" and "{cause}" are replaced.
type Links struct {
	// The address of the dashboard, without a path. Empty leaves the links to pages out.
	Dashboard string `yaml:"dashboard" pattern:"url" example:"https://pongwatch-metrics-123456789.us-east4.run.app"`
	// The address of the playbooks. Empty is `dashboard` with the path /playbooks/{cause}.
	Playbook string `yaml:"playbook" pattern:"template" example:"https://wiki.example.com/redis/{cause}"`
	// The address of the database in the Upstash console.
	Console string `yaml:"console" pattern:"template" example:"https://console.upstash.com/redis/{database_id}"`
	// The address of the app's logs.
	Logs string `yaml:"logs" pattern:"template" example:"https://console.cloud.google.com/logs/query?project=my-project"`
	// The provider's status page.
	Status string `yaml:"status" pattern:"template" example:"https://status.upstash.com"`
}

// history says for how many days is kept what.
type history struct {
	// The pings of every region with their phases, and the gauges.
	HotDays int `yaml:"hot_days" min:"2" max:"14" example:"3"`
	// The samples, one a minute, from which percentiles are exact.
	SampleDays int `yaml:"sample_days" min:"1" max:"90" example:"30"`
	// The daily summaries.
	RollupDays int `yaml:"rollup_days" min:"1" max:"1000" example:"400"`
	// The incidents.
	IncidentDays int `yaml:"incident_days" min:"1" max:"1000" example:"400"`
}

// Heartbeat is asked by GET, by Alert, after ticks that went well: the state of every shard could be read and written, and no
// critical incident is undelivered. A service such as healthchecks.io notices silence, also when the whole project is gone. Give it three minutes of grace.
type Heartbeat struct {
	// The address. It may be a secret, because everyone who knows it can fake a beat.
	URL Secret `yaml:"url" plain:"true" example:"sm://projects/my-project/secrets/heartbeat-url"`
	// How often it is asked at most.
	Every time.Duration `yaml:"every" min:"1s" max:"24h" example:"1m"`
}

// onCall is who is on call.
type onCall struct {
	// The team's name.
	Name string `yaml:"name" example:"platform team"`
	// Its mail address, for messages. Cloud Monitoring's own channel is Terraform's.
	Email string `yaml:"email" pattern:"email" example:"oncall@example.com"`
	// Who may acknowledge and silence besides each Slack receiver's approvers: mail addresses, users of the command line, or names on the dashboard. Empty is everyone whom a channel verified.
	Actors []string `yaml:"actors" single:"true" example:"[alice@example.com]"`
}

// failClosed returns the list at that path. An empty list means everyone, so a list that is
// empty because of a problem gets one member that matches no one.
func (v *validator) failClosed(path string, list []string) []string {
	if len(list) == 0 && v.Unread(path) {
		return []string{""}
	}
	return list
}

func (m *Management) check(v *validator, path string, _ any) {
	if m.Email.IsSet() != m.APIKey.IsSet() {
		v.reportUnless(path, "", "wants both email and api_key, or neither", "api_key: sm://projects/my-project/secrets/upstash-api-key")
	}
}

func (h *Heartbeat) check(v *validator, path string, _ any) {
	v.inline(path+".url", h.URL, "https://hc-ping.com/your-uuid", hiddenURL(func(u *url.URL) string {
		if u.Scheme != "https" && (!v.config.local || !loopback(u.Hostname())) {
			return "does not begin with https://"
		}
		return ""
	}))
	if v.Bad(path + ".url") {
		h.URL = Secret{}
	}
}

func (a *access) check(v *validator, path string, _ any) {
	for key, tokens := range map[string][]Secret{".tokens": a.Tokens, ".act_tokens": a.ActTokens} {
		for i, token := range tokens {
			if n := utf8.RuneCountInString(token.value.Reveal()); !token.IsReference() && n < MinToken {
				v.Report(fmt.Sprintf("%s%s[%d]", path, key, i), fmt.Sprintf("has %d characters, want at least %d", n, MinToken), "sm://projects/my-project/secrets/pongwatch-read-token, whose value is the output of openssl rand -base64 24")
			}
		}
	}
	for key, s := range a.surfaces() {
		switch bad := v.Bad(path + "." + key); {
		case bad && key != "health":
			*s = AccessToken // IAM may not guard the function, so that a page with a wrong word stays closed
		case !bad && *s == AccessToken && len(a.Tokens) == 0 && (key == "health" || len(a.ActTokens) == 0):
			v.Report(path+"."+key, "is token, but access.tokens is empty", "tokens: [sm://projects/my-project/secrets/pongwatch-read-token]")
		}
	}
	if len(a.ActTokens) > 0 && a.Dashboard == AccessIAM {
		v.Notice(path+".act_tokens", "change nothing while access.dashboard is iam, which does not say who reads", "dashboard: token")
	}
	reads := func(token Secret) bool {
		return slices.ContainsFunc(a.Tokens, func(t Secret) bool { return t.ref == token.ref && t.value.Equal(token.value) })
	}
	if slices.ContainsFunc(a.ActTokens, reads) {
		v.Report(path+".act_tokens", "has one of access.tokens, with which everyone who reads would act; it may only read", "[sm://projects/my-project/secrets/pongwatch-act-token]")
		a.ActTokens = slices.DeleteFunc(a.ActTokens, reads)
	}
	var closed []string
	for key, s := range a.surfaces() {
		if key != "health" && *s == AccessIAM {
			closed = append(closed, key)
		}
	}
	if slices.Sort(closed); len(closed) > 0 && a.MetricsOpen() {
		v.Notice(path, "leaves to iam: "+strings.Join(closed, ", ")+", which answer 403, because IAM cannot guard some pages of Metrics alone", closed[0]+": token")
	}
}
