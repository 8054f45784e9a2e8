package dashboard_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

func render(t *testing.T, v dashboard.View) []byte {
	t.Helper()
	var page bytes.Buffer
	if err := dashboard.Render(&page, &v); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// version is part of an asset's address, and changes with every asset.
var version = regexp.MustCompile(`\?v=[0-9a-f]{12}"`)

// One page is compared in full. Of the others the words are compared, line by line as they
// are read without styles.
func TestEveryStateOfThePage(t *testing.T) {
	for name, v := range states() {
		t.Run(name, func(t *testing.T) {
			page := render(t, v)
			if name == "down" {
				goldentest.Compare(t, "testdata/down.html", version.ReplaceAll(page, []byte(`?v=VERSION"`)))
			}
			goldentest.Compare(t, "testdata/"+name+".txt", lines(parse(t, page)))
			assertWellFormed(t, page)
		})
	}
}

// TestEachChartIsDrawnOnce holds the server to leave charts to the script: it draws signs,
// sparklines and bars alone. The tables have what the charts show.
func TestEachChartIsDrawnOnce(t *testing.T) {
	for name, v := range states() {
		root := parse(t, render(t, v))
		drawn := v.Database() != nil && v.Pings().Samples > 0
		for _, id := range []string{"plot-pings", "plot-hit", "plot-memory", "plot-commands"} {
			plot := find(root, id)
			if (plot != nil) != drawn {
				t.Errorf("%s: a place for the chart %s is there: %v, want %v", name, id, plot != nil, drawn)
			}
			if plot != nil && plot.FirstChild != nil {
				t.Errorf("%s: the server draws into %s", name, id)
			}
		}
		// Traffic and budget have theirs where the account tells them.
		for _, id := range []string{"plot-bandwidth", "plot-budget"} {
			if plot := find(root, id); (plot != nil) != (name == "spent") {
				t.Errorf("%s: a place for the chart %s is there: %v", name, id, plot != nil)
			}
		}
		for _, drawing := range all(root, "svg") {
			if class := attribute(drawing, "class"); class != "shape" && class != "spark" && class != "bar" && class != "days" {
				t.Errorf("%s: the server draws an <svg class=%q>", name, class)
			}
		}
		if notes := len(all(root, "noscript")); notes != map[bool]int{true: 1}[drawn] {
			t.Errorf("%s: %d notes that charts need JavaScript", name, notes)
		}
		text := lines(root)
		for _, columns := range []string{"| From | p50 | p95 | p99 | Good | Failed\n", "| From | Hit rate | Memory | Commands | Of the month’s"} {
			if strings.Contains(text, columns) != drawn {
				t.Errorf("%s: a table of %s is there: %v, want %v", name, columns, !drawn, drawn)
			}
		}
	}
}

// TestTheFirstLineAnswersTheFirstQuestion holds what on-call reads first, in words.
func TestTheFirstLineAnswersTheFirstQuestion(t *testing.T) {
	want := map[string][]string{
		"none":    {"No database is configured"},
		"empty":   {"Waiting for the first check", "First samples in 40 s: a check runs every 1 min."},
		"one":     {"prod-cache is connected", "Last check 20 s ago", "Memory 65.5 %167 MB of 256 MB full in 3 d", "18,780–22,620", "3.8–4.5 %"},
		"down":    {"prod-cache is down since 19:48 UTC (12 min): ", "acknowledged by alice", "1 delivered, 1 pending", "slack-oncall, delivered", "mail/oncall, pending", "Impact: Logins may fail, caches miss, and rate limits and queues are off", "staging is silenced until", "prod-cache (over budget, accepted)"},
		"many":    {"prod-001 is down since 19:48 UTC (12 min): "},
		"unread":  {"Status unknown: history cannot be read", "Could not read pings from us-east4 of shard main, incidents of shard main."},
		"partial": {"prod-cache is connected", "Could not read readings of shard main. Other sections are unaffected."},
		"stale":   {"Stale: no check has run for 17 min Last check", "Stale: no check has run for 17 min. What follows may be out of date."},
		"doubtful": {
			"prod-cache is connected", "Stale: no figures were read for 20 h in shard main. Hit rate, memory, commands and checks may be out of date.",
			"Stale: Alert has received no report of shard main for too long.", "pongwatch itself, since 19:00 UTC: a receiver refuses alerts (INC-9Q2B7H).", "Commands at least ",
		},
		"spent": {"full by now", "used up in 36 h", "30 d error budget overspent", "over budget: nothing billed is asked", "no quota", "Bandwidth 180 %18 GB of 10 GB this month used up by now", "Budget 95 %$19.00 of $20.00 this month spent in 5 h", "Connections 85 % 850 of 1,000"},
	}
	for name, v := range states() {
		root := parse(t, render(t, v))
		text := textOf(root)
		if len(want[name]) == 0 {
			t.Errorf("%s: nothing is wanted of it", name)
		}
		for _, w := range want[name] {
			if !strings.Contains(text, w) {
				t.Errorf("%s does not say %q:\n%s", name, w, text)
			}
		}
		colour := v.All.Worst()
		if name == "stale" { // green would contradict it
			colour = statistics.NoData
		}
		if root := find(root, "now"); attribute(root, "class") != "now "+string(colour) {
			t.Errorf("%s: its colour is that of %q", name, attribute(root, "class"))
		}
		if strings.Contains(text, "All 1 databases connected") || name == "stale" && strings.Contains(text, "is connected Last check") {
			t.Errorf("%s: the headline contradicts the banner:\n%s", name, text)
		}
		if shown := !hidden(find(root, "stale")); shown != (name == "stale") {
			t.Errorf("%s: the banner of staleness is shown: %v", name, shown)
		}
		if waits := strings.Contains(text, "First samples"); waits != (name == "empty") {
			t.Errorf("%s: it says that the first samples come: %v", name, waits)
		}
	}
}

func TestWhatOnlyTheSelectedDatabaseLacksIsSaidOnce(t *testing.T) {
	v := viewOf(func(s *statistics.Statistics) { s.Missing = []string{"readings of shard main"} }, "prod-cache")
	v.One.Missing = []string{"samples of prod-cache of shard main", "readings of shard main"}
	const want = "Could not read readings of shard main, samples of prod-cache of shard main. Other sections are unaffected."
	if text := textOf(parse(t, render(t, v))); strings.Count(text, want) != 1 {
		t.Errorf("the page does not say once %q:\n%s", want, text)
	}
}

// TestTextFromOutsideIsText: names, titles, people and reasons come from files, Slack
// and servers.
func TestTextFromOutsideIsText(t *testing.T) {
	const hostile = `</script><script>alert(1)</script><img src=x onerror="alert(2)">"'&`
	plain := viewOf(down, "prod-cache")
	v := viewOf(func(s *statistics.Statistics) {
		down(s)
		s.Version, s.Missing = hostile, []string{hostile}
		s.Databases[0].Name, s.Databases[0].Title = hostile, hostile
		s.Databases[0].Home, s.Databases[0].Regions[0].Region = hostile, hostile
		s.Monitor.Jobs[0].Region = hostile
		s.Monitor.Footprint[0].Database, s.Monitor.Footprint[0].Plan = hostile, hostile
		i := &s.Incidents.Open[0]
		i.Database, i.Title, i.Playbook, i.Evidence = hostile, hostile, "/playbooks/"+hostile, hostile
		i.Acknowledged.By, i.Told[0].Receiver = hostile, hostile
		s.Incidents.Silences[0] = incidents.Silence{Database: hostile, By: hostile, Reason: hostile, Until: now}
	}, "prod-cache")
	page := render(t, v)
	root := parse(t, page)
	for _, element := range []string{"script", "img", "a", "td"} {
		if got, want := len(all(root, element)), len(all(parse(t, render(t, plain)), element)); got != want {
			t.Errorf("%d elements <%s>, want %d as without it", got, element, want)
		}
	}
	assertWellFormed(t, page)
	var data struct{ Database, Region string }
	if err := json.Unmarshal([]byte(find(root, "data").FirstChild.Data), &data); err != nil || data.Database != hostile || data.Region != hostile {
		t.Errorf("the script reads %+v: %v", data, err)
	}
}

func TestAPlaybookHasItsTextInTheFrame(t *testing.T) {
	var page bytes.Buffer
	if err := dashboard.Render(&page, dashboard.Page{Frame: dashboard.Frame{Root: "../"}, Title: `A <title> & more`, Body: "<h1>Wrong token</h1><h2>Confirm</h2>"}); err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/playbook.html", version.ReplaceAll(page.Bytes(), []byte(`?v=VERSION"`)))
	assertWellFormed(t, page.Bytes())
}

func TestAssetsAreThoseOfTheirFolder(t *testing.T) {
	for name, want := range map[string]bool{"app.css": true, "uplot/uPlot.iife.min.js": true, "../dashboard.go": false, "..": false, "": false, "none.js": false} {
		if a, ok := dashboard.Find(name); ok != want || ok && (len(a.Data) == 0 || a.ContentType == "") {
			t.Errorf("%q is found: %v", name, ok)
		}
	}
}

// assertWellFormed holds a page to what every page must be: it passes its own policy,
// headings go down by one, header cells say what they head, wide tables can be scrolled
// with the keyboard, and nothing has two names or the name of another.
func assertWellFormed(t *testing.T, page []byte) {
	t.Helper()
	root := parse(t, page)
	ids := map[string]bool{}
	level := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s>: the policy forbids it", n.Data, a.Key)
			}
			if a.Key == "id" {
				if ids[a.Val] {
					t.Errorf("the id %q is there twice", a.Val)
				}
				ids[a.Val] = true
			}
		}
		switch n.Data {
		case "style":
			t.Error("a style is inline, which the policy forbids")
		case "script":
			if attribute(n, "src") == "" && attribute(n, "type") != "application/json" {
				t.Error("a script is inline, which the policy forbids")
			}
		case "h1", "h2", "h3":
			next := int(n.Data[1] - '0')
			if next > level+1 || next == 1 && level != 0 {
				t.Errorf("<%s> %q follows <h%d>", n.Data, textOf(n), level)
			}
			level = next
		case "th":
			if s := attribute(n, "scope"); s != "col" && s != "row" {
				t.Errorf("the header cell %q has the scope %q", textOf(n), s)
			}
		case "table":
			if p := n.Parent; attribute(p, "role") != "region" || attribute(p, "aria-label") == "" || attribute(p, "tabindex") != "0" {
				t.Error("a table is in no region that has a name and takes the keyboard")
			}
			if heads, cells := len(all(n, "thead")), len(all(n, "tbody")); heads != 1 || cells != 1 {
				t.Errorf("a table has %d heads and %d bodies", heads, cells)
			}
		}
	}
	if level == 0 {
		t.Error("there is no heading")
	}
	for n := range root.Descendants() {
		if l := attribute(n, "aria-labelledby"); l != "" && !ids[l] {
			t.Errorf("%q names nothing", l)
		}
	}
}

func parse(t *testing.T, page []byte) *html.Node {
	t.Helper()
	root, err := html.ParseWithOptions(bytes.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func all(root *html.Node, element string) []*html.Node {
	var out []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == element {
			out = append(out, n)
		}
	}
	return out
}

func find(root *html.Node, id string) *html.Node {
	for n := range root.Descendants() {
		if attribute(n, "id") == id {
			return n
		}
	}
	return nil
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hidden(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key == "hidden" {
			return true
		}
	}
	return false
}

// lines is what is read, one line for each heading, paragraph, entry of a list and row. The
// cells of a row are set apart, and drawings, times and hidden parts are named.
func lines(root *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			b.WriteString(strings.ReplaceAll(n.Data, "\n", " "))
			return
		case n.Type == html.ElementNode && hidden(n):
			b.WriteString("\n(hidden) ")
		case n.Data == "script" || n.Data == "link" || n.Data == "meta" || n.Data == "style":
			return
		case n.Data == "svg":
			b.WriteString(" [" + attribute(n, "class") + "] ")
			return
		case n.Data == "td" || n.Data == "th":
			b.WriteString(" | ")
		case slices.Contains([]string{"title", "h1", "h2", "h3", "p", "li", "dl", "dt", "tr", "figcaption", "summary", "nav", "button", "noscript", "section"}, n.Data):
			b.WriteString("\n")
			b.WriteString(map[string]string{"h1": "# ", "h2": "## ", "h3": "### ", "li": "- ", "noscript": "(without JavaScript) "}[n.Data])
		case n.Data == "a" || n.Data == "span" || n.Data == "dd" || n.Data == "small":
			b.WriteString(" ")
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(root)
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

// textOf is what is read, with the spaces of one line.
func textOf(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" {
			b.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// The person who acknowledged an incident did not resolve it, and a window says what it is for.
func TestTheStateOfAnIncidentInWords(t *testing.T) {
	ack := &incidents.Acknowledged{By: "root@vm"}
	for want, i := range map[string]incidents.Incident{
		"open":                              {State: incidents.StateOpen},
		"acknowledged by root@vm":           {State: incidents.StateAcknowledged, Handling: incidents.Handling{Acknowledged: ack}},
		"resolved":                          {State: incidents.StateResolved},
		"resolved, acknowledged by root@vm": {State: incidents.StateResolved, Handling: incidents.Handling{Acknowledged: ack}},
		"silenced by ann, acknowledged by root@vm": {State: incidents.StateSilenced, Handling: incidents.Handling{Acknowledged: ack, SilencedBy: "ann"}},
		"maintenance (sunday: upgrade)":            {State: incidents.StateMaintenance, Handling: incidents.Handling{Maintenance: true, Window: "sunday: upgrade"}},
	} {
		i.ID, i.Database, i.Since = "INC-7F3A9K", "prod-cache", now.Add(-time.Minute)
		page := string(render(t, viewOf(func(s *statistics.Statistics) { s.Incidents.Open = []incidents.Incident{i} }, "prod-cache")))
		if !strings.Contains(page, "</b> <span>"+want+"</span>") {
			t.Errorf("the page does not say %q", want)
		}
	}
	page := string(render(t, viewOf(func(s *statistics.Statistics) {
		s.Incidents.Silences = []incidents.Silence{{Database: "prod-cache", Check: report.Latency, By: "ann", Until: now.Add(time.Hour)}}
	}, "prod-cache")))
	if !strings.Contains(page, "prod-cache latency is silenced until") {
		t.Error("a silence of one check does not show its check")
	}
}

// What a maintenance window covers needs nobody's attention.
func TestADatabaseInMaintenanceNeedsNoAttention(t *testing.T) {
	broken := func(covered ...bool) func(*statistics.Statistics) {
		return func(s *statistics.Statistics) {
			for i, in := range covered {
				s.Databases[i].Status = statistics.Down
				s.Incidents.Open = append(s.Incidents.Open, incidents.Incident{Database: s.Databases[i].Name, Handling: incidents.Handling{Maintenance: in}, Since: now.Add(-time.Minute)})
			}
		}
	}
	for _, tt := range []struct {
		change func(*statistics.Statistics)
		names  []string
		want   string
	}{
		{broken(true), []string{"a"}, "a is in maintenance"},
		{broken(true), []string{"a", "b"}, "a is in maintenance"},
		{broken(true, true), []string{"a", "b", "c"}, "2 of 3 databases are in maintenance"},
		{broken(true, false), []string{"a", "b", "c"}, "b is down since 19:59 UTC (1\u00a0min)"},
		{broken(true, false, false), []string{"a", "b", "c"}, "2 of 3 databases need attention; worst: b is down since 19:59 UTC (1\u00a0min)"},
	} {
		v := viewOf(tt.change, tt.names...)
		if got := v.Headline(); got != tt.want {
			t.Errorf("headline %q, want %q", got, tt.want)
		}
		if in := strings.Count(string(render(t, v)), ", in maintenance</span>"); in != len(tt.names) && in == 0 {
			t.Errorf("%s: no card shows the maintenance", tt.want)
		}
	}
}
