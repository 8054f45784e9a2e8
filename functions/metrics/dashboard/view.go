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
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// View is what the dashboard shows.
type View struct {
	Frame
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
	// By is who reads, where that is known, and MayAct says that they may acknowledge and silence,
	// the latter for what Silences offers. Asked is what they have just asked for.
	By       string
	MayAct   bool
	Silences config.Silences
	Asked    Asked
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

// Cards are the databases by environment. In each, and among them, those that need attention
// come first.
func (v *View) Cards() []*statistics.Database {
	words, maintained := statistics.Words(), v.maintained()
	rank := func(d *statistics.Database) int {
		i := slices.Index(words, d.Status)
		if !needsAttention(d, maintained) {
			i += len(words)
		}
		return i
	}
	var out []*statistics.Database
	worst := map[string]int{}
	for i := range v.All.Databases {
		d := &v.All.Databases[i]
		out = append(out, d)
		if of, known := worst[d.Environment]; !known || rank(d) < of {
			worst[d.Environment] = rank(d)
		}
	}
	slices.SortStableFunc(out, func(a, b *statistics.Database) int {
		return cmp.Or(cmp.Compare(worst[a.Environment], worst[b.Environment]), cmp.Compare(a.Environment, b.Environment), cmp.Compare(rank(a), rank(b)))
	})
	return out
}

// Environment is the databases of the page that belong to one.
type Environment struct {
	Name      string
	Databases []*statistics.Database
}

// Grouped are the page's databases by environment.
func (v *View) Grouped() []Environment {
	var out []Environment
	for _, d := range v.Shown() {
		if n := len(out); n == 0 || out[n-1].Name != d.Environment {
			out = append(out, Environment{Name: d.Environment})
		}
		last := &out[len(out)-1]
		last.Databases = append(last.Databases, d)
	}
	return out
}

// Count is how many databases have a status.
type Count struct {
	Status statistics.Word
	N      int
}

// Counts are the statuses that there are, the worst first.
func (v *View) Counts() []Count {
	var out []Count
	for _, w := range statistics.Words() {
		n := 0
		for i := range v.All.Databases {
			if v.All.Databases[i].Status == w {
				n++
			}
		}
		if n > 0 {
			out = append(out, Count{w, n})
		}
	}
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
	for _, d := range cards {
		if needsAttention(d, maintained) {
			bad++
		}
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
	case v.blind():
		return "Status unknown: open incidents cannot be read"
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
		if again := v.All.Incidents.Open[i].Again; !again.IsZero() {
			since = again
		}
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
func (v *View) outdated() bool { return v.Stale() && v.calm() }

// blind says that open incidents are not known, and that nothing worse is.
func (v *View) blind() bool { return len(v.All.Incidents.Unread) > 0 && v.calm() }

// calm says that nothing is known to be wrong.
func (v *View) calm() bool {
	worst := v.All.Worst()
	return worst == statistics.Connected || worst == statistics.NoData
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

// Past are the range's incidents that are over, the latest first.
func (v *View) Past() []incidents.Incident {
	return slices.Concat(v.All.Incidents.Resolved, v.All.Past)
}

// Well says that pongwatch's own part needs no look.
func (v *View) Well() bool {
	m := v.All.Monitor
	return m.Status == statistics.JobOK && m.Deliveries.Failed == 0
}

// Query parameters of the page.
func (v *View) parameters() url.Values {
	q := url.Values{"range": {v.Query.Range}}
	for name, value := range map[string]string{
		"database": v.Query.Database, "region": v.Query.Region, "search": v.Query.Search, "environment": v.Query.Environment, "state": string(v.Query.State),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if v.Query.Page > 1 {
		q.Set("page", strconv.Itoa(v.Query.Page))
	}
	return q
}

// Back is the query of the page, for a form that leads back to it.
func (v *View) Back() string { return v.parameters().Encode() }

// Link is the page with one parameter changed.
func (v *View) Link(name, value string) string {
	q := v.parameters()
	q.Set(name, value)
	if name == "state" || name == "environment" {
		q.Del("page")
	}
	return "?" + q.Encode()
}
