package local

import (
	"fmt"
	"io"
	"strings"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/text"
)

// greet says what runs, where the pages are and what to try.
func (p *Process) greet() {
	out, url := p.options.Out, p.URL()
	if p.demo != nil {
		fmt.Fprintf(out, `pongwatch demonstrates itself: an emulated Upstash Redis is watched, and a Slack and
a mail server catch what on-call would receive. Nothing leaves this machine.
To watch a real database, set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN.

`)
	} else {
		fmt.Fprintf(out, "pongwatch watches %s and tells %s.\n\n", databases(p.config), receivers(p.config))
	}
	fmt.Fprintf(out, "  dashboard  %s/\n", url)
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
	problems(out, p.config)
	if p.demo != nil {
		fmt.Fprintf(out, `
Try:
  curl -f %[1]s/api/v1/health/redis
  curl -X POST '%[1]s/demo/break?mode=auth'   # an alert within 15 s; modes: %[2]s
  curl -X POST '%[1]s/demo/break?mode=none'   # and its resolve
  pongwatch incidents --url %[1]s   # who was told; also ack, silence, drill

`, url, strings.Join(modeNames(), ", "))
	} else {
		fmt.Fprintf(out, "\nTry:\n  curl -f %s/api/v1/health/redis\n\n", url)
	}
}

// problems lists what leaves the rest working.
func problems(out io.Writer, c *config.Config) {
	if len(c.Problems) == 0 {
		return
	}
	fmt.Fprintf(out, "\nThe configuration has %s:\n", text.Count(len(c.Problems), "problem", "problems"))
	for _, p := range c.Problems {
		fmt.Fprintf(out, "  %v\n", p)
	}
}

func databases(c *config.Config) string {
	if len(c.Databases) == 1 {
		return c.Databases[0].Name
	}
	return text.Count(len(c.Databases), "database", "databases")
}

func receivers(c *config.Config) string {
	var names []string
	for _, r := range c.Receivers {
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return "nobody: set SLACK_WEBHOOK_URL or SMTP_HOST to be told"
	}
	return strings.Join(names, ", ")
}
