package metrics_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/internal/browsertest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// Pictures of the documentation: PONGWATCH_TEST_CHROMIUM=1 go test -run TestScreenshots
// ./functions/metrics -screenshots "$PWD/docs/screenshots"
var screenshots = flag.String("screenshots", "", "write screenshots of the dashboard into this folder")

// fleetNames are the databases of a picture, the first of which are in production.
func fleetNames(n int) (names, environments []string) {
	names, environments = []string{"prod-cache", "prod-sessions", "staging-cache"}, []string{"production", "production", "staging"}
	for i := range max(0, n-3) {
		names = append(names, fmt.Sprintf("customer-%03d-%s", i/3, []string{"cache", "queue", "sessions"}[i%3]))
		environments = append(environments, []string{"production", "staging"}[i/3%10/9])
	}
	return names[:n], environments[:n]
}

// newFleet is Metrics with an hour of pings of n databases and thirty days of uptime, until now
// by the clock of the browser, whose page says how old everything is.
func newFleet(t *testing.T, n int, outage bool) *fixture {
	t.Helper()
	names, environments := fleetNames(n)
	var more strings.Builder
	plans := []string{"fixed-1gb", "payg", "free"}
	for i, name := range names {
		fmt.Fprintf(&more, "- {name: %s, environment: %s, plan: %s, url: \"http://127.0.0.1:9\", token: sesame}\n", name, environments[i], plans[i%3])
	}
	more.WriteString("regions: [us-east4]\n")
	x := newFixture(t, more.String(), func(o *metrics.Options) {
		o.Config.Databases = slices.DeleteFunc(o.Config.Databases, func(d config.Database) bool { return d.Name == "cache" })
		o.Actor = func(*http.Request) (string, bool) { return "anna", true }
	})
	minute := time.Now().UTC().Truncate(time.Minute)
	*x.now = minute.Add(10 * time.Second)
	a := history.New(x.store)
	bad := func(i int) (cause.Cause, report.Check) {
		switch {
		case outage && i == 0:
			return cause.AuthInvalid, report.Ping
		case outage && i == 2:
			return cause.Slow, report.Latency
		case outage && i%60 == 41:
			return cause.QuotaMonthly, report.Ping
		}
		return "", ""
	}
	for back := 60; back >= 0; back-- {
		at := minute.Add(-time.Duration(back) * time.Minute)
		run := history.Run{Scheduled: at, Started: at.Add(400 * time.Millisecond), Finished: at.Add(4 * time.Second), Region: region}
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for i, name := range names {
			wait := 18 + float64((back*back+7*back+5*i)%13) + float64(i%5)
			if back%17 == i%17 {
				wait *= 2.6
			}
			s := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{DNS: 1, Connect: 10, TLS: 20, Wait: wait, Total: wait + 31}}
			switch c, check := bad(i); {
			case c == "" || back > 12:
			case check == report.Ping:
				s = report.Sample{At: at, Status: report.Fail, Cause: c, Attempts: 2}
			default:
				s.Status, s.Cause, s.Phases.Wait = report.Warn, c, 700+wait*9
			}
			samples[name] = s
			readings[name] = report.Reading{
				At: at, Replica: "a", Policy: "noeviction",
				Values: map[report.Gauge]float64{
					report.GaugeHits: float64(100000 - 940*back), report.GaugeMisses: float64(9000 - (60+i%30)*back), report.GaugeCommands: float64(200000 - 900*back),
					report.GaugeDataSize: float64(i%7+2) * 71e6, report.GaugeDataLimit: 1 << 30,
				},
				Checks: map[report.Check]report.Verdict{
					report.Memory:    {Status: report.OK, Value: new(float64(i%7+2)*71e6/(1<<30) - float64(back)/5000)},
					report.Commands:  {Status: report.OK, Value: new(float64((i*13+41)%88)/100 - float64(back)/4000)},
					report.Bandwidth: {Status: report.OK, Value: new(float64((i*7+22)%60)/100 - float64(back)/9000)},
				},
			}
		}
		first := readings[names[0]]
		first.Values[report.GaugeDataSize], first.Values[report.GaugeMemoryHours] = 0.874*(1<<30), 74
		first.Checks[report.Memory] = report.Verdict{Status: report.OK, Value: new(0.874 - float64(back)*0.0017)}
		if err := a.AppendPings(t.Context(), "main", run, samples); err != nil {
			t.Fatal(err)
		}
		if back%5 == 0 {
			if err := a.AppendReadings(t.Context(), "main", run, readings); err != nil {
				t.Fatal(err)
			}
		}
	}
	x.put(t, "overviews/v1/main", month(names, minute))
	state := incident.New("main", minute)
	state.Incidents, state.Groups = map[string]*incident.Incident{}, map[string]*incident.Group{}
	since := minute.Add(-12 * time.Minute)
	told := map[string]incident.Delivery{"slack-oncall": {Want: 1, Done: 1, Sent: since.Add(2 * time.Minute)}, "mail/oncall@example.com": {Want: 1, Done: 1, Sent: since.Add(2 * time.Minute)}}
	group := &incident.Group{ID: since.Format("20060102T150405Z") + "-6R0DP1000000", Class: cause.ClassQuota, Severity: cause.SeverityCritical, Since: since, Opened: since, Thread: incident.Thread{Rev: 1, Deliveries: told}}
	for i, name := range names {
		c, check := bad(i)
		if c == "" {
			continue
		}
		one := &incident.Incident{
			ID: since.Format("20060102T150405Z") + "-" + fmt.Sprintf("7F%04dA9K000", i), Series: report.Series{Database: name, Check: check}, Severity: c.Severity(), Status: report.Fail, Cause: c,
			Since: since, Opened: since.Add(time.Minute), Down: []string{region}, Thread: incident.Thread{Rev: 1, Deliveries: told},
		}
		if c == cause.AuthInvalid {
			one.Observation.Evidence = `HTTP 401: {"error":"WRONGPASS invalid or missing auth token"}`
		}
		if c == cause.QuotaMonthly {
			one.Group, one.Deliveries = group.ID, nil
			group.Members = append(group.Members, one.ID)
			state.Groups[group.ID] = group
		}
		state.Incidents[one.ID] = one
	}
	past := &incident.Incident{
		ID: since.Add(-time.Hour).Format("20060102T150405Z") + "-Q2W8D0000000", Series: report.Series{Database: names[0], Check: report.Latency}, Severity: cause.SeverityWarning, Status: report.Warn, Cause: cause.Slow,
		Since: minute.Add(-50 * time.Minute), Opened: minute.Add(-49 * time.Minute), Resolved: minute.Add(-41 * time.Minute), Thread: incident.Thread{Rev: 1, Deliveries: told},
	}
	state.Incidents[past.ID] = past
	data, err := incident.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	x.put(t, "state/v1/main", data)
	return x
}

func (x *fixture) put(t *testing.T, key string, data []byte) {
	t.Helper()
	old, _ := x.store.Get(t.Context(), key)
	if _, err := x.store.Put(t.Context(), store.Doc{Key: key, Data: data, Version: old.Version}); err != nil {
		t.Fatal(err)
	}
}

// month is an overview with thirty days of pings, of which some failed and one day is missing.
func month(names []string, now time.Time) []byte {
	o := history.NewOverview("main")
	o.Until = now.Truncate(time.Hour).Add(-2 * time.Hour)
	o.Runs = map[string]history.Run{}
	for i, name := range names {
		p := history.KnownPings{First: now.AddDate(0, 0, -29), Last: report.Sample{At: o.Until, Status: report.OK}}
		for d := 29; d >= 0; d-- {
			day := history.DayPings{Day: now.AddDate(0, 0, -d).Format(time.DateOnly), Good: 1440}
			if d == 0 {
				day.Good = now.Hour()*60 + 1
			}
			switch {
			case (d+i*11)%23 == 9:
				day.Failed = 7
			case d == 17 && i%4 == 0:
				day.Failed = 96
			case d == 22:
				continue
			}
			day.Good -= day.Failed
			p.Days = append(p.Days, day)
		}
		o.Databases[name] = &history.Known{Regions: map[string]history.KnownPings{region: p}}
	}
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_ = json.NewEncoder(zw).Encode(o)
	_ = zw.Close()
	return b.Bytes()
}

// TestScreenshots shows one, three and two hundred databases, well and in an outage. Each fits its window,
// and with -screenshots each is kept as a picture.
func TestScreenshots(t *testing.T) {
	b := browsertest.New(t)
	for _, n := range []int{1, 3, 200} {
		for name, outage := range map[string]bool{"well": false, "outage": true} {
			srv := httptest.NewServer(newFleet(t, n, outage))
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int64{1440, 390} {
					what := fmt.Sprintf("dashboard-%d-%s-%s-%d", n, name, scheme, width)
					b.Look(scheme, width)
					b.Open(srv.URL)
					b.Fits(what)
					if *screenshots == "" {
						continue
					}
					shot := b.Picture()
					if most := map[bool]int{true: 1500, false: 2600}[width > 1000]; shot.Bounds().Dy() > most && (n > 3 || n > 1 && width > 1000) { // the rest is as of one
						top := image.NewRGBA(image.Rect(0, 0, int(width), most))
						draw.Draw(top, top.Bounds(), shot, image.Point{}, draw.Src)
						shot = top
					}
					browsertest.Save(t, filepath.Join(*screenshots, what+".png"), shot)
				}
			}
			b.Do(chromedp.Navigate("about:blank"))
			srv.Close()
		}
	}
	b.Quiet()
}

// TestManyDatabasesAreSearched finds some of two hundred by a part of the name.
func TestManyDatabasesAreSearched(t *testing.T) {
	b := browsertest.New(t)
	srv := httptest.NewServer(newFleet(t, 200, true))
	t.Cleanup(srv.Close)
	const cards = `[...document.querySelectorAll("#databases h4")].map(e => e.innerText).join(" ")`
	b.Look("light", 1440)
	b.Open(srv.URL)
	b.Fits("200 databases")
	if got := strings.Fields(browsertest.Evaluate[string](b, cards)); len(got) != 50 || got[0] != "prod-cache" {
		t.Errorf("the first page has %s; want fifty, those that are down first", got)
	}
	b.Do(chromedp.SendKeys(chromedp.CSS(`#search`), "20-"))
	b.Follow(`form.choose button`)
	b.Until(`location.search.includes("search=20-")`)
	if got, want := browsertest.Evaluate[string](b, cards), "customer-020-cache customer-020-queue customer-020-sessions"; got != want {
		t.Errorf("the search finds %s; want %s", got, want)
	}
	b.Fits("a search among 200 databases")
	b.Quiet()
}
