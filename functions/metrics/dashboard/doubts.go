package dashboard

import (
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Doubts says what of the page may not be true although pings are fresh: figures that
// nobody reads any more, incidents that nobody judges, and trouble of pongwatch itself,
// by which alerts may not arrive.
func (v *View) Doubts() []string {
	var out []string
	for _, j := range v.All.Monitor.Jobs {
		if j.Job == report.Metrics && j.State == statistics.JobLate {
			out = append(out, fmt.Sprintf("Stale: no figures were read for %s in shard %s. Hit rate, memory, commands and checks may no longer be true.",
				duration(v.All.GeneratedAt.Sub(j.LastRun)), j.Shard))
		}
	}
	if stale := v.All.Incidents.Stale; len(stale) > 0 {
		out = append(out, "Stale: Alert has heard of no run for too long in shard "+strings.Join(stale, ", ")+". Incidents and who was told may no longer be true, and nobody may be told of what is wrong.")
	}
	for _, i := range v.All.Incidents.Open {
		if i.Database == report.MonitorDatabase {
			out = append(out, fmt.Sprintf("pongwatch itself, since %s UTC: %s (%s).", i.Since.UTC().Format("15:04"), lowerFirst(i.Title), i.ID))
		}
	}
	return out
}
