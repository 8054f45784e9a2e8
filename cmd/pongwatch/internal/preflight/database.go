package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// customers are the checklist's own variables; sdks are those that Upstash's clients
// read by themselves.
var (
	customers = []string{"UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "REDIS_MAX_CONNECTIONS", "MOCK_REDIS"}
	sdks      = []string{"UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "KV_REST_API_URL", "KV_REST_API_TOKEN"}
)

// variables judges the settings that no other item judges.
func variables(_ context.Context, r *run, d *database) Finding {
	for _, p := range d.Problems {
		if !p.Notice && !(p.Stops && (aboutURL(p) || aboutToken(p))) {
			return because(Fail, p.Cause, p.Evidence())
		}
	}
	if r.Getenv(config.EnvConfig) != "" || d.Name != config.DefaultDatabase {
		return pass("configuration %s is valid", r.Config.Hash())
	}
	var set []string
	for _, name := range append(customers, sdks...) {
		if r.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	evidence := "set: " + strings.Join(set, ", ")
	for _, p := range d.Problems {
		if !p.Notice || !aboutURL(p) && !aboutToken(p) {
			continue // another item's, or of no consequence
		}
		switch p.Cause {
		case cause.ConfigScheme:
			return warn("one variable stands in for another", evidence+"; "+p.Evidence(),
				"Set UPSTASH_REDIS_URL to the https:// REST URL, not to the rediss:// URL of the TCP protocol.")
		case cause.ConfigWhitespace:
			return warn("the app may read the value with the white space", evidence+"; "+p.Evidence(), "Store the value again without it.")
		default:
			return warn("the app may read other variables than pongwatch", evidence+"; "+p.Evidence(), "Remove the variables that are not meant.")
		}
	}
	if r.Getenv("REDIS_MAX_CONNECTIONS") != "" {
		evidence += " (REDIS_MAX_CONNECTIONS has no meaning over REST)"
	}
	return pass("%s", evidence)
}

func aboutURL(p config.Problem) bool { return strings.HasSuffix(strings.ToLower(p.Key), "url") }

func aboutToken(p config.Problem) bool {
	key := strings.ToLower(p.Key)
	return strings.HasSuffix(key, "token") || strings.HasPrefix(key, "credentials")
}

// wrong returns as own what is wrong with one of the settings, in the configuration or
// in the secret behind it, and as other why it was not read.
func (d *database) wrong(about func(config.Problem) bool) (other, own error) {
	for _, p := range d.Problems {
		if p.Stops && about(p) {
			return nil, p
		}
	}
	if p, ok := errors.AsType[config.Problem](d.problem); ok && about(p) {
		return nil, d.problem
	}
	return d.problem, nil
}

func restURL(ctx context.Context, _ *run, d *database) Finding {
	other, own := d.wrong(aboutURL)
	switch {
	case own != nil:
		return broken(own)
	case d.credentials.URL == "":
		return unreadable(ctx, other)
	}
	u, err := url.Parse(d.credentials.URL)
	switch {
	case err != nil:
		return because(Fail, cause.ConfigScheme, "not an address")
	case outbound.IsLoopback(u.Hostname()):
		return pass("%s://, an emulator on this machine", u.Scheme)
	case !strings.HasSuffix(u.Hostname(), ".upstash.io"):
		return warn("the host is none of Upstash's", u.Scheme+"://, not *.upstash.io", "Compare it with the REST URL in the Upstash console; a proxy of your own is fine.")
	}
	return pass("%s://, *.upstash.io", u.Scheme)
}

// unreadable is a setting that was not read, because another one is wrong or because
// the secret behind it is not available.
func unreadable(ctx context.Context, err error) Finding {
	if p, ok := errors.AsType[config.Problem](err); ok {
		return skip("it cannot be told while " + p.Key + " is wrong")
	}
	if err == nil {
		return skip("it was not read")
	}
	return broken(check.Unresolved(ctx, err))
}

func tokenShape(ctx context.Context, r *run, d *database) Finding {
	other, own := d.wrong(aboutToken)
	switch {
	case own != nil:
		return broken(own)
	case d.credentials.Token.IsZero():
		return unreadable(ctx, other)
	}
	token := d.credentials.Token.Reveal()
	if len(token) < 20 && !r.Config.Local() {
		return warn("it is short for a REST token", fmt.Sprintf("%d characters", len(token)), cause.AuthInvalid.Info().Fix...)
	}
	return pass("%d characters, no paste artefacts", len(token))
}

// egress passes with any answer of Upstash, because then the way to it is open.
func egress(ctx context.Context, _ *run, d *database) Finding {
	result := d.target.Ping(ctx)
	if c := causeOf(result.Err); result.Err != nil && (c.Info().Class == cause.ClassNetwork || c == cause.NotUpstash) {
		f := broken(result.Err)
		f.Evidence += "; " + phases(result.Phases)
		return f
	}
	return pass("%s", phases(result.Phases))
}

// phases lists the phases that took place, with their durations.
func phases(p upstash.Phases) string {
	var parts []string
	for _, phase := range []struct {
		name string
		took time.Duration
	}{{"dns", p.DNS}, {"connect", p.Connect}, {"tls", p.TLS}, {"wait", p.Wait}} {
		if phase.took > 0 {
			parts = append(parts, phase.name+" "+milliseconds(phase.took))
		}
	}
	if len(parts) == 0 {
		return "no connection"
	}
	return strings.Join(parts, ", ")
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func tokenAccepted(ctx context.Context, _ *run, d *database) Finding {
	err := d.target.Ping(ctx).Err
	switch {
	case err == nil:
		return pass("PING was answered")
	case causeOf(err).Info().Class == cause.ClassAuth:
		return broken(err)
	}
	// A used-up quota or a gateway's error says nothing about the token.
	f := skip("it cannot be told: " + causeOf(err).Info().Title)
	f.openEnded = true
	return f
}

func pong(ctx context.Context, _ *run, d *database) Finding {
	result := d.target.Ping(ctx)
	if result.Err != nil {
		return broken(result.Err)
	}
	return pass("PONG after %s", milliseconds(result.Phases.Total))
}

// near is the longest round trip to a database nearby.
const near = 100 * time.Millisecond

// region judges by the configured regions, or by the time of a connection without them.
func region(ctx context.Context, r *run, d *database) Finding {
	result := d.target.Ping(ctx)
	if result.Err != nil && result.Phases.Connect == 0 {
		return skip("it cannot be told: " + causeOf(result.Err).Info().Title)
	}
	trip := result.Phases.Connect
	where := "from here"
	home, theirs := area(d.Home), area(d.Region)
	if home != "" && theirs != "" {
		evidence := fmt.Sprintf("app in %s, database in %s; connect %s %s", d.Home, d.Region, milliseconds(trip), where)
		if home != theirs {
			return warn("app and database are on different continents", evidence,
				"Create the database in a region of the app's continent, or move the app: every command pays the distance.")
		}
		return pass("%s", evidence)
	}
	evidence := fmt.Sprintf("connect %s %s", milliseconds(trip), where)
	if trip > near {
		return warn("this machine is far from the database", evidence,
			"Name the database's region (region:) and the app's (home:) in the configuration, or run this where the app runs.")
	}
	return pass("%s", evidence)
}

// area returns the continent of a region of Google Cloud, AWS or Upstash.
func area(region string) string {
	prefix, _, _ := strings.Cut(strings.ToLower(region), "-")
	return map[string]string{
		"us": "North America", "northamerica": "North America", "ca": "North America", "mx": "North America", "eu": "Europe", "europe": "Europe",
		"ap": "Asia", "asia": "Asia", "sa": "South America", "southamerica": "South America", "australia": "Australia", "af": "Africa", "africa": "Africa", "me": "Middle East",
	}[prefix]
}

func httpsOnly(ctx context.Context, _ *run, d *database) Finding {
	if !strings.HasPrefix(d.credentials.URL, "https://") {
		return fail("the connection is not encrypted", "http://", "Use the https:// REST URL of the Upstash console.")
	}
	result := d.target.Ping(ctx)
	if result.Err != nil && result.Phases.TLS == 0 {
		return skip("it cannot be told: " + causeOf(result.Err).Info().Title)
	}
	return pass("https only; the certificate was verified, TLS took %s", milliseconds(result.Phases.TLS))
}

func secretStore(_ context.Context, r *run, d *database) Finding {
	if d.Token.IsReference() || !d.Token.IsSet() && len(r.Config.Bundles) > 0 && r.Config.Bundles[0].IsReference() {
		return pass("a reference into Secret Manager")
	}
	if r.Getenv("VERCEL") != "" || r.Getenv("K_SERVICE") != "" {
		return pass("an environment variable of the platform")
	}
	return warn("the token is in plain text in this environment", "",
		"In production, name a secret in its place: token: sm://projects/my-project/secrets/redis-token; on Vercel, a sensitive environment variable.",
		"Or run this with the deployed configuration in PONGWATCH_CONFIG.")
}

func mockOff(ctx context.Context, r *run, d *database) Finding {
	if evidence, mock := d.MockEvidence(); mock {
		return because(Fail, cause.Mock, evidence)
	}
	for _, p := range d.Problems {
		if key := strings.ToLower(p.Key); !p.Notice && (key == "mock_redis" || strings.HasSuffix(key, ".mock")) {
			return because(Fail, p.Cause, p.Evidence())
		}
	}
	return deployedMockOff(ctx, r, d)
}

// deployedMockOff reads how the database's apps are deployed, where the configuration
// names their Cloud Run services.
func deployedMockOff(ctx context.Context, r *run, d *database) Finding {
	evidence := "MOCK_REDIS is not set, or false"
	named := slices.ContainsFunc(d.Apps, func(a config.App) bool { return a.CloudRun != "" })
	if !named || r.Deployments == nil || d.problem != nil {
		return pass("%s", evidence)
	}
	var unread []string
	for _, o := range d.target.MockConfiguration(ctx) {
		switch o.Status {
		case report.Fail:
			return because(Fail, o.Cause, o.Subject+": "+o.Evidence)
		case report.Unknown:
			unread = append(unread, o.Evidence)
		case report.OK, report.Warn:
		}
	}
	if len(unread) > 0 {
		return warn("how the app is deployed is not known", strings.Join(unread, "; "),
			"Name in app.url_variables the variable that holds the app's REST URL, if the evidence asks for it.",
			"Log in with gcloud auth application-default login, as an account that may view the service (roles/run.viewer).")
	}
	return pass("%s, in the configuration and as deployed", evidence)
}
