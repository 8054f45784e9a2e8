package dashboard

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// View is what the dashboard shows.
type View struct {
	// All is about every database, One about the selected one; its Databases has
	// one, or none where nothing could be read.
	All, One *statistics.Statistics
	Query    statistics.Query
	// Selected is the name of the database that the charts show.
	Selected string
	// Refresh is how often the script asks for a new page.
	Refresh time.Duration
	// LateAfter is the age at which the last check is stale.
	LateAfter time.Duration
}

// Database is the selected one, or nil.
func (v *View) Database() *statistics.Database {
	if v.One == nil || len(v.One.Databases) == 0 {
		return nil
	}
	return &v.One.Databases[0]
}

// Pings are those of the region that the charts show.
func (v *View) Pings() *statistics.Region { return v.Database().Shown(v.Query.Region) }

// Missing says what of the page could not be read.
func (v *View) Missing() []string {
	if v.One == nil {
		return v.All.Missing
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(v.All.Missing, v.One.Missing))))
}

// Cards are the databases, those that need attention first.
func (v *View) Cards() []*statistics.Database {
	var out []*statistics.Database
	for i := range v.All.Databases {
		out = append(out, &v.All.Databases[i])
	}
	words := statistics.Words()
	slices.SortStableFunc(out, func(a, b *statistics.Database) int {
		if x, y := v.needsAttention(a), v.needsAttention(b); x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return cmp.Compare(slices.Index(words, a.Status), slices.Index(words, b.Status))
	})
	return out
}

// needsAttention reports whether a database is not connected, and not only because of what a
// maintenance window covers.
func (v *View) needsAttention(d *statistics.Database) bool {
	return d.Status != statistics.Connected && !v.InMaintenance(d)
}

// InMaintenance reports whether a window covers all that is open about the database.
func (v *View) InMaintenance(d *statistics.Database) bool {
	covered := false
	for _, i := range v.All.Incidents.Open {
		if i.Database == d.Name && !i.Maintenance {
			return false
		}
		covered = covered || i.Database == d.Name
	}
	return covered
}

// Headline is the one line that says whether anything is wrong now.
func (v *View) Headline() string {
	cards := v.Cards()
	n, bad := len(cards), 0
	for bad < n && v.needsAttention(cards[bad]) {
		bad++
	}
	switch {
	case n == 0:
		return "No database is configured"
	case v.unseen() && len(v.All.Missing) > 0:
		return "Status unknown: history cannot be read"
	case v.unseen():
		return "Waiting for the first check"
	case bad == 0 && v.InMaintenance(cards[0]):
		all := slices.DeleteFunc(slices.Clone(cards), func(d *statistics.Database) bool { return !v.InMaintenance(d) })
		if len(all) == 1 {
			return cards[0].Name + " is in maintenance"
		}
		return fmt.Sprintf("%d of %d databases are in maintenance", len(all), n)
	case bad == 0 && n == 1:
		return cards[0].Name + " is connected"
	case bad == 0:
		return fmt.Sprintf("All %d databases connected", n)
	case bad == 1:
		return v.sentence(cards[0])
	}
	return fmt.Sprintf("%d of %d databases need attention; worst: %s", bad, n, v.sentence(cards[0]))
}

// sentence says how one database is: "prod-cache is down since 18:22 UTC (12 min): …".
func (v *View) sentence(d *statistics.Database) string {
	text := d.Name + " " + map[statistics.Word]string{
		statistics.Down: "is down", statistics.Mock: "is in mock mode", statistics.Degraded: "is degraded",
		statistics.NoData: "has no recent data",
	}[d.Status]
	// The first is the database's most severe one.
	of := func(i incidents.Incident) bool { return i.Database == d.Name }
	if i := slices.IndexFunc(v.All.Incidents.Open, of); i >= 0 {
		since := v.All.Incidents.Open[i].Since
		text += fmt.Sprintf(" since %s UTC (%s)", since.UTC().Format("15:04"), duration(v.All.GeneratedAt.Sub(since)))
	}
	if d.Title != "" {
		text += ": " + lowerFirst(d.Title)
	}
	return text
}

func lowerFirst(s string) string {
	if s == "" || strings.HasPrefix(s, "Redis") || strings.HasPrefix(s, "Upstash") || len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// unseen says that no ping and no open incident is known.
func (v *View) unseen() bool {
	return !slices.ContainsFunc(v.All.Databases, func(d statistics.Database) bool {
		return slices.ContainsFunc(d.Regions, func(r statistics.Region) bool { return r.Last != nil })
	}) && len(v.All.Incidents.Open) == 0
}

// Waiting says that nothing was observed yet, although everything could be read.
func (v *View) Waiting() bool { return v.unseen() && len(v.All.Missing) == 0 }

// CheckEvery is the interval of pings.
func (v *View) CheckEvery() time.Duration {
	for _, j := range v.All.Monitor.Jobs {
		if j.Job == report.HealthCheck {
			return time.Duration(j.EverySeconds) * time.Second
		}
	}
	return 0
}

// First is when the next check is due.
func (v *View) First() time.Time {
	every := v.CheckEvery()
	return v.All.GeneratedAt.Truncate(every).Add(every)
}

// LastCheck is when the newest ping was scheduled.
func (v *View) LastCheck() time.Time {
	var last time.Time
	for _, j := range v.All.Monitor.Jobs {
		if j.Job == report.HealthCheck && j.LastRun.After(last) {
			last = j.LastRun
		}
	}
	return last
}

// Stale says that the last check is older than it may be.
func (v *View) Stale() bool {
	last := v.LastCheck()
	return !last.IsZero() && v.All.GeneratedAt.Sub(last) > v.LateAfter
}

// Doubts says what of the page may be wrong although pings are fresh: figures and incidents
// that are no longer updated, and trouble of pongwatch itself, which may stop alerts.
func (v *View) Doubts() []string {
	var out []string
	for _, j := range v.All.Monitor.Jobs {
		if j.Job == report.Metrics && j.State == statistics.JobLate {
			out = append(out, fmt.Sprintf("Stale: no figures were read for %s in shard %s. Hit rate, memory, commands and checks may be out of date.",
				duration(v.All.GeneratedAt.Sub(j.LastRun)), j.Shard))
		}
	}
	if stale := v.All.Incidents.Stale; len(stale) > 0 {
		out = append(out, "Stale: Alert has received no report of shard "+strings.Join(stale, ", ")+" for too long. Incidents may be out of date, and new failures may cause no alert.")
	}
	for _, i := range v.All.Incidents.Open {
		if i.Database == report.MonitorDatabase {
			out = append(out, fmt.Sprintf("pongwatch itself, since %s UTC: %s (%s).", i.Since.UTC().Format("15:04"), lowerFirst(i.Title), i.ID))
		}
	}
	return out
}

// Happened lists the range's incidents, the open ones first.
func (v *View) Happened() []incidents.Incident {
	return slices.Concat(v.All.Incidents.Open, v.All.Incidents.Resolved, v.All.Past)
}

// Link is the page with one parameter changed.
func (v *View) Link(name, value string) string {
	q := url.Values{"range": {v.Query.Range}}
	if v.Query.Database != "" {
		q.Set("database", v.Query.Database)
	}
	if v.Query.Region != "" {
		q.Set("region", v.Query.Region)
	}
	q.Set(name, value)
	return "?" + q.Encode()
}
