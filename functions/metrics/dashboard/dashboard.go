// Package dashboard renders Metrics' pages: the dashboard, which answers on-call's
// questions in the order in which they are asked, and the frame of the playbooks.
//
// Pages are whole without JavaScript: charts are drawn by the server, and their figures
// are tables. The script puts interactive charts in place of the drawn ones, shows
// times in the viewer's zone, and replaces the page's content when it has changed.
package dashboard

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Policy is the pages' Content-Security-Policy: nothing inline, nothing from elsewhere.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

//go:embed assets templates
var files embed.FS

// Asset is one file that pages load.
type Asset struct {
	ContentType string
	Data        []byte
}

// Find returns the asset of that path below assets/.
func Find(name string) (Asset, bool) {
	data, err := files.ReadFile(path.Join("assets", path.Clean("/"+name)))
	if err != nil {
		return Asset{}, false
	}
	return Asset{ContentType: mime.TypeByExtension(path.Ext(name)), Data: data}, true
}

// build identifies the assets, so that caches may keep them for good.
var build = sync.OnceValue(func() string {
	sum := sha256.New()
	_ = fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := files.ReadFile(name)
			_, _ = sum.Write(data)
		}
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)[:6])
})

// pages are parsed when one is first asked for, not at start.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/*.html"))
})

// View is what the dashboard shows.
type View struct {
	// All is about every database, One about the selected one; its Databases has
	// one, or none where nothing could be read.
	All, One *statistics.Statistics
	Query    statistics.Query
	// Selected is the name of the database that the charts show.
	Selected string
	Regions  []string
	// Refresh is how often the script asks for news.
	Refresh time.Duration
	// LateAfter is from when on the last check is stale.
	LateAfter time.Duration
}

// Render returns the dashboard.
func Render(v View) ([]byte, error) { return execute("dashboard.html", &v) }

// Playbook returns a playbook in the pages' frame. Its address lies one level below.
func Playbook(title string, body template.HTML) ([]byte, error) {
	return execute("playbook.html", struct {
		Title string
		Body  template.HTML
	}{title, body})
}

func execute(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return b.Bytes(), nil
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

// Headline is the one line that says whether anything is wrong now, and Tone its word.
func (v *View) Headline() string {
	bad := v.ofStatus(func(w statistics.Word) bool { return w != statistics.Connected })
	n := len(v.All.Databases)
	switch {
	case n == 0:
		return "No database is configured"
	case v.unseen() && len(v.All.Missing) > 0:
		return "Nothing can be said: history cannot be read"
	case v.waiting():
		return "Waiting for the first check"
	case len(bad) == 0 && n == 1:
		return v.All.Databases[0].Name + " is connected"
	case len(bad) == 0:
		return fmt.Sprintf("All %d databases connected", n)
	case len(bad) == 1:
		return v.sentence(bad[0])
	}
	return fmt.Sprintf("%d of %d databases need attention; worst: %s", len(bad), n, v.sentence(bad[0]))
}

// sentence says how one database is: "prod-cache is down since 18:22 UTC (12 min): …".
func (v *View) sentence(d *statistics.Database) string {
	text := d.Name + " " + map[statistics.Word]string{
		statistics.Down: "is down", statistics.Mock: "is in mock mode", statistics.Degraded: "is degraded",
		statistics.NoData: "has no recent data",
	}[d.Status]
	if i := v.incident(d.Name); i != nil {
		text += fmt.Sprintf(" since %s UTC (%s)", i.Since.UTC().Format("15:04"), duration(v.All.GeneratedAt.Sub(i.Since)))
	}
	if d.Title != "" {
		text += ": " + lowerFirst(d.Title)
	}
	return text
}

// incident is the database's open incident that matters most.
func (v *View) incident(database string) *incidents.Incident {
	for i := range v.All.Incidents.Open {
		if v.All.Incidents.Open[i].Database == database {
			return &v.All.Incidents.Open[i]
		}
	}
	return nil
}

func (v *View) waiting() bool { return v.unseen() && len(v.All.Missing) == 0 }

// unseen says that no ping and no open incident is known.
func (v *View) unseen() bool {
	return !slices.ContainsFunc(v.All.Databases, func(d statistics.Database) bool {
		return slices.ContainsFunc(d.Regions, func(r statistics.Region) bool { return r.Last != nil })
	}) && len(v.All.Incidents.Open) == 0
}

// Waiting says that nothing was observed yet, and for how long that is normal.
func (v *View) Waiting() bool { return v.waiting() }

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

// Worst is the word that colours the headline.
func (v *View) Worst() statistics.Word { return v.All.Worst() }

func (v *View) ofStatus(want func(statistics.Word) bool) []*statistics.Database {
	var out []*statistics.Database
	for i := range v.All.Databases {
		if want(v.All.Databases[i].Status) {
			out = append(out, &v.All.Databases[i])
		}
	}
	words := statistics.Words()
	slices.SortStableFunc(out, func(a, b *statistics.Database) int {
		return cmp.Compare(slices.Index(words, a.Status), slices.Index(words, b.Status))
	})
	return out
}

// Cards are the databases, those that need attention first.
func (v *View) Cards() []*statistics.Database {
	return v.ofStatus(func(statistics.Word) bool { return true })
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

// Happened lists the range's incidents, the open ones first.
func (v *View) Happened() []incidents.Incident {
	return slices.Concat(v.All.Incidents.Open, v.All.Incidents.Resolved, v.All.Past)
}

// Ranges are the ranges that can be chosen.
func (*View) Ranges() []string { return statistics.Ranges() }

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

func lowerFirst(s string) string {
	if s == "" || strings.HasPrefix(s, "Redis") || strings.HasPrefix(s, "Upstash") || len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
