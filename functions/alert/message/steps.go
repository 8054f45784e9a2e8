package message

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Step is one thing to do.
type Step struct {
	Text string
	// Commands do it when they are pasted into a shell.
	Commands []string
}

// App is how a service that uses a database is deployed.
type App struct {
	Service string
	// CloudRun is the full name of a Cloud Run service, Vercel a project of Vercel's.
	// Without either there are no commands for it.
	CloudRun, Vercel string
	// Address is the app's own, from its health page.
	Address string
}

// broken are the causes of what breaks by itself: where it has worked before, the
// provider or a deployment is the first suspect and the settings are the last.
var broken = []cause.Cause{
	cause.DNSTemporary, cause.TCPRefused, cause.ConnReset, cause.TLS, cause.TimeoutConnect, cause.TimeoutResponse,
	cause.Provider5xx, cause.Slow, cause.NotUpstash,
}

// steps returns what to do about an open incident, the first step first.
func steps(i incident.Incident, d Database) []Step {
	worked := !i.LastOK.IsZero()
	lines := i.Cause.Info().Steps(worked)
	switch {
	case unanswered(i):
		lines = lines[1:2] // the jobs run
	case worked && slices.Contains(broken, i.Cause):
		const status = "Check https://status.upstash.com"
		lines = slices.DeleteFunc(lines, func(s string) bool { return strings.HasPrefix(s, status) })
		failure := "the first failure"
		if !i.Again.IsZero() {
			failure = "it failed again"
		}
		lines = slices.Insert(lines, 0, fmt.Sprintf("%s and what was deployed since %s: it worked until %s before %s.",
			status, text.Clock(i.LastOK, i.Failing()), text.Duration(i.Failing().Sub(i.LastOK)), failure))
	case i.Cause == cause.Mock && !i.RedisBack.IsZero():
		// The outage has left the app in mock mode, so that its settings are right.
		again := func(s string) bool { return strings.HasPrefix(s, "Restart or redeploy") }
		if at := slices.IndexFunc(lines, again); at > 0 {
			restart := lines[at]
			lines = slices.Insert(slices.Delete(lines, at, at+1), 0, restart)
		}
	}
	all := make([]Step, len(lines))
	for k, line := range lines {
		all[k] = Step{Text: line, Commands: d.commands(line, i.Series)}
	}
	return all
}

// commands returns what does a step, as far as the configuration says where the secret
// lies and how the apps are deployed. The series' subject is the one app that is meant, or empty.
func (d Database) commands(step string, series report.Series) []string {
	var all []string
	words := strings.ToLower(step)
	mention := func(any ...string) bool {
		return slices.ContainsFunc(any, func(s string) bool { return strings.Contains(words, s) })
	}
	store := mention("version of the secret", "add the value again", "url and token in the secret", "working token")
	if project, secret, ok := strings.Cut(strings.TrimPrefix(d.TokenSecret, "projects/"), "/secrets/"); ok && store {
		all = append(all, fmt.Sprintf("printf %%s 'NEW_TOKEN' | gcloud secrets versions add %s --project=%s --data-file=-", secret, project))
	}
	if mention("pongwatch top") {
		all = append(all, "pongwatch top --database "+series.Database)
	}
	// "Wait; a restart ends by itself" does not ask for one.
	unmock, redeploy := mention("mock_redis=false"), asksToRestart().MatchString(words)
	for _, a := range d.Apps {
		if series.Subject != "" && a.Service != "" && a.Service != series.Subject {
			continue
		}
		switch project, place, _ := strings.Cut(strings.TrimPrefix(a.CloudRun, "projects/"), "/locations/"); {
		case a.CloudRun != "":
			region, service, _ := strings.Cut(place, "/services/")
			update := fmt.Sprintf("gcloud run services update %s --project=%s --region=%s ", service, project, region)
			if unmock {
				all = append(all, update+"--update-env-vars=MOCK_REDIS=false")
			}
			if redeploy {
				all = append(all, update+`--update-labels=restarted="$(date +%s)"`)
			}
		case a.Vercel != "":
			link := "vercel link --yes --project " + a.Vercel
			if unmock {
				all = append(all, link+" && printf false | vercel env add MOCK_REDIS production --force")
			}
			if store {
				all = append(all, link+" && printf %s 'NEW_TOKEN' | vercel env add UPSTASH_REDIS_TOKEN production --force")
			}
			if redeploy || unmock || store {
				all = append(all, "vercel redeploy "+a.deployment())
			}
		}
	}
	return all
}

// asksToRestart matches a step that tells its reader to restart or to redeploy.
var asksToRestart = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|\band |\bor |, )(?:restart|redeploy)\b`)
})

// deployment is what Vercel redeploys: the one behind the app's address, or the latest.
func (a App) deployment() string {
	if u, err := url.Parse(a.Address); err == nil && u.Hostname() != "" {
		return u.Hostname() + " --target=production"
	}
	return fmt.Sprintf(`"$(vercel ls %s --prod | head -1)" --target=production`, a.Vercel)
}
