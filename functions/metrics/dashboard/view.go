package dashboard

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
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

// pageSize is how many databases a page shows, and how many incidents.
const pageSize = 50

// chosen are those of the cards that the query chooses.
func (v *View) chosen() []*statistics.Database {
	return slices.DeleteFunc(v.Cards(), func(d *statistics.Database) bool { return !v.Query.Matches(d) })
}

// Chosen is how many databases the query chooses.
func (v *View) Chosen() int { return len(v.chosen()) }

// Pages is how many pages they take.
func (v *View) Pages() int { return max(1, (v.Chosen()+pageSize-1)/pageSize) }

// Page is the one that is shown, from 1 on.
func (v *View) Page() int { return min(max(1, v.Query.Page), v.Pages()) }

// Beside is the page so many pages further, 0 where there is none.
func (v *View) Beside(pages int) int {
	if p := v.Page() + pages; p >= 1 && p <= v.Pages() {
		return p
	}
	return 0
}

// Shown are the databases of the page.
func (v *View) Shown() []*statistics.Database {
	all, from := v.chosen(), (v.Page()-1)*pageSize
	return all[from:min(len(all), from+pageSize)]
}

// Searchable says that there are more databases than an eye finds one among.
func (v *View) Searchable() bool { return len(v.All.Databases) > 8 }

// Environments are those of all databases, sorted.
func (v *View) Environments() []string {
	var out []string
	for i := range v.All.Databases {
		out = append(out, v.All.Databases[i].Environment)
	}
	return slices.Compact(slices.Sorted(slices.Values(out)))
}

// Footprint is that of the databases of the page.
func (v *View) Footprint() []statistics.Footprint {
	shown := map[string]bool{}
	for _, d := range v.Shown() {
		shown[d.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(v.All.Monitor.Footprint), func(f statistics.Footprint) bool { return !shown[f.Database] })
}

// Cards are the databases, those that need attention first.
func (v *View) Cards() []*statistics.Database {
	var out []*statistics.Database
	for i := range v.All.Databases {
		out = append(out, &v.All.Databases[i])
	}
	words, maintained := statistics.Words(), v.maintained()
	slices.SortStableFunc(out, func(a, b *statistics.Database) int {
		if x, y := needsAttention(a, maintained), needsAttention(b, maintained); x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return cmp.Compare(slices.Index(words, a.Status), slices.Index(words, b.Status))
	})
	return out
}

// needsAttention reports whether a database is not connected, and not only because of what a
// maintenance window covers.
func needsAttention(d *statistics.Database, maintained map[string]bool) bool {
	return d.Status != statistics.Connected && !maintained[d.Name]
}

// maintained are the databases of which a window covers all that is open.
func (v *View) maintained() map[string]bool {
	out := map[string]bool{}
	for i := range v.All.Incidents.Open {
		open := &v.All.Incidents.Open[i]
		covered, known := out[open.Database]
		out[open.Database] = open.Maintenance && (covered || !known)
	}
	return out
}

// InMaintenance reports whether a window covers all that is open about the database.
func (v *View) InMaintenance(d *statistics.Database) bool { return v.maintained()[d.Name] }

// Headline is the one line that says whether anything is wrong now.
func (v *View) Headline() string {
	cards, maintained := v.Cards(), v.maintained()
	n, bad := len(cards), 0
	for bad < n && needsAttention(cards[bad], maintained) {
		bad++
	}
	switch {
	case n == 0:
		return "No database is configured"
	case v.unseen() && len(v.All.Missing) > 0:
		return "Status unknown: history cannot be read"
	case v.unseen():
		return "Waiting for the first check"
	case v.outdated():
		return "Stale: no check has run for " + duration(v.All.GeneratedAt.Sub(v.LastCheck()))
	case bad == 0 && maintained[cards[0].Name]:
		all := slices.DeleteFunc(slices.Clone(cards), func(d *statistics.Database) bool { return !maintained[d.Name] })
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

// unseen says that no check, no ping and no open incident is known.
func (v *View) unseen() bool {
	return !slices.ContainsFunc(v.All.Databases, func(d statistics.Database) bool {
		return slices.ContainsFunc(d.Regions, func(r statistics.Region) bool { return r.Last != nil })
	}) && len(v.All.Incidents.Open) == 0 && v.LastCheck().IsZero()
}

// outdated says that the page is stale, and that nothing worse is known to be wrong.
func (v *View) outdated() bool {
	worst := v.All.Worst()
	return v.Stale() && (worst == statistics.Connected || worst == statistics.NoData)
}

// State is the word whose colour the headline has.
func (v *View) State() statistics.Word {
	if v.outdated() {
		return statistics.NoData
	}
	return v.All.Worst()
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
		if j.Job == report.HealthCheck && j.State == statistics.JobLate && !v.Stale() {
			out = append(out, fmt.Sprintf("Stale: no check of shard %s has run from %s for %s.", j.Shard, j.Region, duration(v.All.GeneratedAt.Sub(j.LastRun))))
		}
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

// Listed are the incidents of the page's table, More how many there are beside them.
func (v *View) Listed() []incidents.Incident {
	all := v.Happened()
	return all[:min(len(all), pageSize)]
}

// More is how many incidents the page does not list.
func (v *View) More() int { return len(v.Happened()) - len(v.Listed()) }

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
	for name, value := range map[string]string{
		"region": v.Query.Region, "search": v.Query.Search, "environment": v.Query.Environment, "state": string(v.Query.State),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if v.Query.Page > 1 {
		q.Set("page", strconv.Itoa(v.Query.Page))
	}
	q.Set(name, value)
	return "?" + q.Encode()
}
