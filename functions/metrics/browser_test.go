package metrics_test

import (
	"flag"
	"fmt"
	"image"
	"image/draw"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/pongwatch/pongwatch/internal/browsertest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// What the tests in a browser need, and the flags with which one takes pictures.
var (
	screenshots  = flag.String("screenshots", "", "write screenshots of the dashboard at -of into this folder")
	screenshotOf = flag.String("of", "http://127.0.0.1:8080/", "the dashboard that -screenshots shows")
)

const nodeWanted = "PONGWATCH_TEST_NODE"

// TestTheDashboardInABrowser drives range, database and a live update, in light and
// dark, wide and narrow.
func TestTheDashboardInABrowser(t *testing.T) {
	if os.Getenv(nodeWanted) == "" {
		t.Skipf("set %s=1: needs axe-core, by `npm ci` in functions/metrics/dashboard/axe", nodeWanted)
	}
	b := browsertest.New(t)
	axe, err := os.ReadFile("dashboard/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	x := newFixture(t, "- {name: queue, url: \"http://127.0.0.1:9\", token: sesame}\nregions: [us-east4, europe-west1]\nschedule: {healthcheck: 2s, metrics: 5m}\n")
	x.fill(t, 120)
	var turn sync.Mutex // the fixture's clock is the test's
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		x.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)

	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 360} {
			what := fmt.Sprintf("%s at %d px", scheme, width)
			b.Look(scheme, width)
			b.Open(srv.URL + "/?range=6h")
			b.Fits(what)
			b.Accessible(string(axe), what)
			b.Do(chromedp.Navigate(srv.URL + "/playbooks/auth_invalid"))
			b.Fits(what + ", a playbook")
			b.Accessible(string(axe), what+", a playbook")
		}
	}
	b.Quiet()

	b.Open(srv.URL + "/")
	if got := browsertest.Evaluate[string](b, `document.querySelector("h1").innerText`); !strings.HasPrefix(got, "2 of 2 databases need attention; worst: cache is down since 19:55 UTC") {
		t.Errorf("the headline is %q", got)
	}
	for _, w := range []string{"full in 3 d", "used up in 35 h"} {
		if got := browsertest.Evaluate[string](b, `document.getElementById("why").innerText.replaceAll("\u00a0", " ")`); !strings.Contains(got, w) {
			t.Errorf("beside the charts there is no %q:\n%s", w, got)
		}
	}
	// The fixture's evening has passed.
	b.Until(`!document.getElementById("stale").hidden`)

	b.Follow(`nav[aria-label=Range] a:nth-child(3)`)
	b.Until(`location.search.includes("range=24h") && document.querySelector("nav[aria-label=Range] [aria-current]").innerText === "24h"`)
	b.Follow(`#card-cache`)
	b.Follow(`nav[aria-label=Region] a:nth-child(2)`)
	b.Until(`location.search === "?database=cache&range=24h&region=europe-west1" && document.querySelector("#performance .empty") !== null`)
	b.Follow(`#card-queue`)
	b.Until(`document.querySelector("#performance .of").innerText === "queue"`)

	b.Open(srv.URL + "/?database=cache&range=6h")
	b.Do(chromedp.Click(chromedp.CSS(`#phases`)))
	b.Until(`document.querySelector("#plot-pings .u-legend").innerText.includes("TLS")`)
	b.Do(chromedp.Focus(chromedp.CSS(`#plot-pings`)), chromedp.KeyEvent(kb.ArrowLeft))
	b.Until(`/p50\s*\d+\.\d ms/.test(document.querySelector("#plot-pings .u-legend").innerText)`)

	turn.Lock()
	x.incident(t, eight)
	turn.Unlock()
	b.Until(`document.documentElement.dataset.updated >= 1 && !document.querySelector("h1").innerText.includes("down")`)
	if got := browsertest.Evaluate[string](b, `document.activeElement.id + " " + document.getElementById("phases").getAttribute("aria-pressed")`); got != "plot-pings true" {
		t.Errorf("after an update focus and phases are %q", got)
	}
	b.Quiet()

	srv.CloseClientConnections()
	turn.Lock() // no request is answered
	b.Until(`!document.getElementById("offline").hidden`)
	turn.Unlock()
}

// TestTheScriptDrawsTheCharts also holds the page to what it is without the script: no empty
// frames, and the charts' figures in tables.
func TestTheScriptDrawsTheCharts(t *testing.T) {
	b := browsertest.New(t)
	x := newFixture(t, "")
	x.fill(t, 60)
	srv := httptest.NewServer(x)
	t.Cleanup(srv.Close)
	const seen = `[...document.querySelectorAll(".plot, noscript, .scroll table")].map(e => {
		if (e.tagName === "TABLE") return e.closest("details") ? "table" : "";
		if (e.tagName === "NOSCRIPT") return e.firstElementChild?.checkVisibility() ? "note" : "";
		return e.checkVisibility() ? e.querySelectorAll("canvas").length + " canvas " + e.querySelectorAll("svg").length + " svg" : "";
	}).filter(Boolean).join(", ")`
	const chart = "1 canvas 0 svg"
	for _, width := range []int64{1440, 360} {
		b.Look("light", width)
		b.Scripts(true)
		b.Open(srv.URL)
		if got, want := browsertest.Evaluate[string](b, seen), strings.Join([]string{chart, "table", chart, chart, chart, chart, chart, "table", "table", "table"}, ", "); got != want {
			t.Errorf("%d px: with the script there are %s; want %s", width, got, want)
		}
		b.Scripts(false)
		b.Do(chromedp.Navigate(srv.URL))
		if got, want := browsertest.Evaluate[string](b, seen), "note, table, table, table, table"; got != want {
			t.Errorf("%d px: without the script there are %s; want %s", width, got, want)
		}
		b.Fits("without the script")
	}
	b.Quiet()
}

// TestScreenshots takes the pictures of the documentation, or, to show that it can, of
// the fixture.
func TestScreenshots(t *testing.T) {
	b := browsertest.New(t)
	folder, address := *screenshots, *screenshotOf
	if folder == "" {
		x := newFixture(t, "")
		x.fill(t, 60)
		srv := httptest.NewServer(x)
		t.Cleanup(srv.Close)
		folder, address = t.TempDir(), srv.URL
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 360} {
			b.Look(scheme, width)
			b.Open(address)
			b.Fits(scheme)
			browsertest.Save(t, filepath.Join(folder, fmt.Sprintf("dashboard-%s-%d.png", scheme, width)), b.Picture())
		}
	}
	b.Quiet()
}

// TestScreenshotsOfManyDatabases searches five hundred, of which three are down, and with -screenshots
// keeps the pictures of it.
func TestScreenshotsOfManyDatabases(t *testing.T) {
	b := browsertest.New(t)
	var more strings.Builder
	names := []string{"cache"}
	for i := range 499 {
		name := fmt.Sprintf("customer-%03d-%s", i/3, []string{"cache", "queue", "sessions"}[i%3])
		names = append(names, name)
		fmt.Fprintf(&more, "- {name: %s, environment: %s, plan: payg, url: \"http://127.0.0.1:9\", token: sesame}\n", name, []string{"production", "staging"}[i/3%10/9])
	}
	x := newFixture(t, more.String())
	// Until now, by the clock of the browser, whose page says how old everything is.
	minute := time.Now().UTC().Truncate(time.Minute)
	a := history.New(x.store)
	*x.now = minute.Add(10 * time.Second)
	var incidents []*incident.Incident
	for back := 50; back >= 0; back-- {
		at := minute.Add(-time.Duration(back) * time.Minute)
		run := history.Run{Scheduled: at, Started: at.Add(time.Second), Finished: at.Add(4 * time.Second), Region: region}
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for i, name := range names {
			samples[name] = report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{DNS: 1, Connect: 10, TLS: 20, Wait: float64(20 + (back*back+7*back+i)%17), Total: 70}}
			if i%150 == 62 && back <= 12 {
				samples[name] = report.Sample{At: at, Status: report.Fail, Cause: cause.QuotaMonthly, Attempts: 1}
				if back == 12 {
					incidents = append(incidents, &incident.Incident{
						ID: at.Format("20060102T150405Z") + "-" + strings.Repeat(string(rune('A'+len(incidents))), 12), Series: report.Series{Database: name, Check: report.Ping},
						Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.QuotaMonthly, Since: at, Opened: at.Add(time.Minute),
						Thread: incident.Thread{Deliveries: map[string]incident.Delivery{"slack": {Want: 1, Done: 1, Sent: at.Add(time.Minute)}}},
					})
				}
			}
			readings[name] = report.Reading{
				At: at, Replica: "a", Policy: "noeviction",
				Values: map[report.Gauge]float64{report.GaugeHits: float64(1000 - 9*back), report.GaugeMisses: float64(100 - back), report.GaugeCommands: float64(2000 - 20*back)},
				Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: new(float64(i%70) / 100)}, report.Commands: {Status: report.OK, Value: new(float64(i%50) / 100)}},
			}
		}
		if err := a.AppendPings(t.Context(), "main", run, samples); err != nil {
			t.Fatal(err)
		}
		if back%5 == 0 {
			if err := a.AppendReadings(t.Context(), "main", run, readings); err != nil {
				t.Fatal(err)
			}
		}
	}
	state := incident.New("main", minute)
	state.Incidents = map[string]*incident.Incident{}
	for _, i := range incidents {
		state.Incidents[i.ID] = i
	}
	data, err := incident.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.store.Put(t.Context(), store.Doc{Key: "state/v1/main", Data: data}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(x)
	t.Cleanup(srv.Close)
	folder := *screenshots
	if folder == "" {
		folder = t.TempDir()
	}

	const cards = `[...document.querySelectorAll("#databases h3")].map(e => e.innerText).join(" ")`
	b.Look("light", 1440)
	b.Open(srv.URL)
	b.Fits("500 databases")
	if got := browsertest.Evaluate[string](b, cards); len(strings.Fields(got)) != 50 || !strings.HasPrefix(got, strings.Join([]string{names[62], names[212], names[362], ""}, " ")) {
		t.Errorf("the first page has %s; want fifty, those that are down first", got)
	}
	top := image.NewRGBA(image.Rect(0, 0, 1440, 1400)) // of fifty cards enough
	draw.Draw(top, top.Bounds(), b.Picture(), image.Point{}, draw.Src)
	browsertest.Save(t, filepath.Join(folder, "dashboard-500-light-1440.png"), top)
	b.Do(chromedp.SendKeys(chromedp.CSS(`#search`), "20-"))
	b.Follow(`form.choose button`)
	b.Until(`location.search.includes("search=20-")`)
	if got, want := browsertest.Evaluate[string](b, cards), "customer-020-queue customer-120-queue customer-020-cache customer-020-sessions customer-120-cache customer-120-sessions"; got != want {
		t.Errorf("the search finds %s; want %s", got, want)
	}
	b.Fits("a search among 500 databases")
	browsertest.Save(t, filepath.Join(folder, "dashboard-500-search-light-1440.png"), b.Picture())
	b.Quiet()
}
