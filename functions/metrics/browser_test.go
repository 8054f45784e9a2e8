package metrics_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What the tests in a browser need, and the flags with which one takes pictures.
var (
	screenshots  = flag.String("screenshots", "", "write screenshots of the dashboard at -of into this folder")
	screenshotOf = flag.String("of", "http://127.0.0.1:8080/", "the dashboard that -screenshots shows")
)

const (
	chromiumWanted = "PONGWATCH_TEST_CHROMIUM"
	nodeWanted     = "PONGWATCH_TEST_NODE"
)

// browser is one tab, and what it complained of.
type browser struct {
	ctx context.Context
	mu  sync.Mutex
	// complaints are messages of the console: errors, exceptions, loads that failed,
	// violations of the policy.
	complaints []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	limit, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(limit, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &browser{ctx: ctx}
	console := chromedp.Console(ctx) // from before the first page on
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.complaints = append(b.complaints, m.Source+" "+m.String())
			b.mu.Unlock()
		}
	}()
	return b
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// look sets colours and size: reduced motion always, since a fade caught halfway is
// neither of its ends.
func (b *browser) look(t *testing.T, scheme string, width int64) {
	t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.EmulateViewport(width, 900))
}

func (b *browser) open(t *testing.T, url string) {
	t.Helper()
	b.do(t, chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS(`html[data-ready]`)))
}

func evaluate[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to hold.
func (b *browser) until(t *testing.T, expression string) {
	t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		t.Fatalf("waiting for %s: %v", expression, err)
	}
}

// quiet fails the test for everything that the browser complained of.
func (b *browser) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		t.Errorf("the console says: %s", c)
	}
	b.complaints = nil
}

// accessible fails the test for every violation that axe finds.
func (b *browser) accessible(t *testing.T, axe, what string) {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void](axe))
	found := evaluate[[]string](t, b, `axe.run(document, {preload: false}).then(r => r.violations.map(v =>
		v.id + ": " + v.help + " " + v.nodes.map(n => n.target + " " + n.failureSummary).slice(0, 3).join("; ")))`)
	for _, v := range found {
		t.Errorf("%s: axe: %s", what, v)
	}
}

// fits fails the test where the page is wider than its window.
func (b *browser) fits(t *testing.T, what string) {
	t.Helper()
	if got := evaluate[string](t, b, `innerWidth + " " + document.documentElement.scrollWidth`); strings.Fields(got)[0] != strings.Fields(got)[1] {
		t.Errorf("%s: the window and the page are %s wide: it scrolls sideways", what, got)
	}
}

// TestTheDashboardInABrowser drives range, database and a live update, in light and
// dark, wide and narrow.
func TestTheDashboardInABrowser(t *testing.T) {
	if os.Getenv(chromiumWanted) == "" || os.Getenv(nodeWanted) == "" {
		t.Skipf("set %s and %s: chromium, and axe-core by `npm ci` in functions/metrics/dashboard/axe", chromiumWanted, nodeWanted)
	}
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

	b := newBrowser(t)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 360} {
			what := fmt.Sprintf("%s at %d px", scheme, width)
			b.look(t, scheme, width)
			b.open(t, srv.URL+"/?range=6h")
			b.fits(t, what)
			b.accessible(t, string(axe), what)
			b.do(t, chromedp.Navigate(srv.URL+"/playbooks/auth_invalid"))
			b.fits(t, what+", a playbook")
			b.accessible(t, string(axe), what+", a playbook")
		}
	}
	b.quiet(t)

	b.open(t, srv.URL+"/")
	if got := evaluate[string](t, b, `document.querySelector("h1").innerText`); !strings.HasPrefix(got, "2 of 2 databases need attention; worst: cache is down since 19:55 UTC") {
		t.Errorf("the headline is %q", got)
	}
	// The fixture's evening has passed.
	b.until(t, `!document.getElementById("stale").hidden`)

	b.follow(t, `nav[aria-label=Range] a:nth-child(3)`)
	b.until(t, `location.search.includes("range=24h") && document.querySelector("nav[aria-label=Range] [aria-current]").innerText === "24h"`)
	b.follow(t, `#card-cache`)
	b.follow(t, `nav[aria-label=Region] a:nth-child(2)`)
	b.until(t, `location.search === "?database=cache&range=24h&region=europe-west1" && document.querySelector("#performance .empty") !== null`)
	b.follow(t, `#card-queue`)
	b.until(t, `document.querySelector("#performance .of").innerText === "queue"`)

	b.open(t, srv.URL+"/?database=cache&range=6h")
	b.do(t, chromedp.Click(chromedp.CSS(`#phases`)))
	b.until(t, `document.querySelector("#plot-pings .u-legend").innerText.includes("TLS")`)
	b.do(t, chromedp.Focus(chromedp.CSS(`#plot-pings`)), chromedp.KeyEvent(kb.ArrowLeft))
	b.until(t, `/p50\s*\d+\.\d ms/.test(document.querySelector("#plot-pings .u-legend").innerText)`)

	turn.Lock()
	x.incident(t, eight)
	turn.Unlock()
	b.until(t, `document.documentElement.dataset.updated >= 1 && !document.querySelector("h1").innerText.includes("down")`)
	if got := evaluate[string](t, b, `document.activeElement.id + " " + document.getElementById("phases").getAttribute("aria-pressed")`); got != "plot-pings true" {
		t.Errorf("after an update focus and phases are %q", got)
	}
	b.quiet(t)

	srv.CloseClientConnections()
	turn.Lock() // nobody answers
	b.until(t, `!document.getElementById("offline").hidden`)
	turn.Unlock()
}

// follow clicks a link and waits for the page behind it.
func (b *browser) follow(t *testing.T, selector string) {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void](`delete document.documentElement.dataset.ready; 0`), chromedp.Click(chromedp.CSS(selector)),
		chromedp.WaitReady(chromedp.CSS(`html[data-ready]`)))
}

// TestScreenshots takes the pictures of the documentation, or, to show that it can, of
// the fixture.
func TestScreenshots(t *testing.T) {
	if os.Getenv(chromiumWanted) == "" {
		t.Skipf("set %s: chromium", chromiumWanted)
	}
	folder, address := *screenshots, *screenshotOf
	if folder == "" {
		x := newFixture(t, "")
		x.fill(t, 60)
		srv := httptest.NewServer(x)
		t.Cleanup(srv.Close)
		folder, address = t.TempDir(), srv.URL
	}
	b := newBrowser(t)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 360} {
			b.look(t, scheme, width)
			b.open(t, address)
			picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			b.fits(t, scheme)
			name := filepath.Join(folder, fmt.Sprintf("dashboard-%s-%d.png", scheme, width))
			if err := os.WriteFile(name, picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.quiet(t)
}
