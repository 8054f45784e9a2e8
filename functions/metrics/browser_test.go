package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/pongwatch/pongwatch/internal/browsertest"
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
			b.Do(chromedp.Navigate(srv.URL + "/playbooks"))
			b.Fits(what + ", the playbooks")
			b.Accessible(string(axe), what+", the playbooks")
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

	b.Do(chromedp.Focus(chromedp.CSS(`#strip-cache`)), chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowLeft))
	b.Until(`document.querySelector("#strip-cache output").innerText === "Nov 21: no data"`)
	b.Do(chromedp.Focus(chromedp.CSS(`#plot-pings`)))

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
		if got, want := browsertest.Evaluate[string](b, seen), strings.Join([]string{chart, "table", "table", chart, chart, chart, chart, chart, "table", "table", "table", "table", "table"}, ", "); got != want {
			t.Errorf("%d px: with the script there are %s; want %s", width, got, want)
		}
		b.Scripts(false)
		b.Do(chromedp.Navigate(srv.URL))
		if got, want := browsertest.Evaluate[string](b, seen), "note, table, table, table, table, table, table, table"; got != want {
			t.Errorf("%d px: without the script there are %s; want %s", width, got, want)
		}
		b.Fits("without the script")
	}
	b.Quiet()
}
