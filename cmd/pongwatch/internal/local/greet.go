package local

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/text"
)

// greet prints what runs, where the pages are and what to try.
func (p *Process) greet() {
	out, url := p.options.Out, p.URL()
	if p.demo != nil {
		fmt.Fprintf(out, `pongwatch demonstrates itself: an emulated Upstash Redis is watched, and a Slack and
a mail server catch what on-call would receive. Nothing leaves this machine.
To watch a real database, set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN.

`)
	} else {
		databases := text.Count(len(p.config.Databases), "database", "databases")
		if len(p.config.Databases) == 1 {
			databases = p.config.Databases[0].Name
		}
		var receivers, unused []string
		for i := range p.config.Receivers {
			if r := &p.config.Receivers[i]; r.Usable() {
				receivers = append(receivers, r.Name)
			} else {
				unused = append(unused, r.Name)
			}
		}
		if len(receivers) == 0 {
			receivers = []string{"no one: set SLACK_WEBHOOK_URL, or SMTP_HOST, SMTP_FROM and ALERT_EMAIL_TO, to be notified"}
		}
		fmt.Fprintf(out, "pongwatch watches %s and notifies %s.\n", databases, strings.Join(receivers, ", "))
		if len(unused) > 0 {
			fmt.Fprintf(out, "It cannot notify %s: see the problems below.\n", strings.Join(unused, ", "))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "  dashboard  %s/\n", p.pages())
	if p.exposure.open {
		fmt.Fprintf(out, "             others than this machine reach it; pages whose access is iam are closed\n")
	}
	if p.demo != nil {
		fmt.Fprintf(out, "  inbox      %s/inbox   (as data: /inbox.json)\n", url)
	}
	fmt.Fprintf(out, "  health     %s/api/v1/health/redis\n", url)
	fmt.Fprintf(out, "  metrics    %s/api/v1/admin/redis-metrics\n", url)
	state := p.data
	if p.temporary {
		state += " (removed at the end; --data keeps it)"
	}
	fmt.Fprintf(out, "\n  ping every %v, state in %s\n", p.config.Schedule.HealthCheck, state)
	if len(p.config.Problems) > 0 {
		fmt.Fprintf(out, "\nThe configuration has %s:\n", text.Count(len(p.config.Problems), "problem", "problems"))
	}
	for _, problem := range p.config.Problems {
		fmt.Fprintf(out, "  %v\n", problem)
	}
	if p.demo != nil {
		fmt.Fprintf(out, `
Try:
  curl -f %[1]s/api/v1/health/redis
  curl -X POST '%[1]s/demo/break?mode=auth'   # an alert within 15 s; modes: %[2]s
  curl -X POST '%[1]s/demo/break?mode=none'   # and its resolve
  %[3]s incidents --url %[1]s   # who was notified; also ack, silence, drill

`, url, strings.Join(modeNames(), ", "), cmp.Or(p.options.Command, "pongwatch"))
	} else {
		fmt.Fprintf(out, "\nTry:\n  curl -f %s/api/v1/health/redis\n\n", url)
	}
}
