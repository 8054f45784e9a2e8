// Package browsertest drives a real Chromium for the tests of pages, and keeps what it
// complains of.
package browsertest

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// wanted is the environment variable with which a machine says that it has Chromium.
const wanted = "PONGWATCH_TEST_CHROMIUM"

// Browser is one tab. What goes wrong in it fails the test at once.
type Browser struct {
	t   testing.TB
	ctx context.Context

	mu sync.Mutex
	// complaints are messages of the console: errors, exceptions, loads that failed,
	// violations of the policy.
	complaints []string
}

// New starts a browser that ends with the test, after five minutes at the latest. It
// skips the test unless PONGWATCH_TEST_CHROMIUM says that there is one.
func New(t testing.TB) *Browser {
	t.Helper()
	if os.Getenv(wanted) == "" {
		t.Skipf("set %s=1: needs chromium", wanted)
	}
	limit, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(limit, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &Browser{t: t, ctx: ctx}
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

// Do takes steps.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Look sets the colours, "light" or "dark", and the window's width in pixels. Motion is
// reduced always, since a fade caught halfway is neither of its ends.
func (b *Browser) Look(scheme string, width int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.Do(chromedp.EmulateViewport(width, 900))
}

// Headers are sent with every request from now on.
func (b *Browser) Headers(headers map[string]string) {
	b.t.Helper()
	all := network.Headers{}
	for name, value := range headers {
		all[name] = value
	}
	if _, err := chromedp.Call(b.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: all}); err != nil {
		b.t.Fatal(err)
	}
}

// Scripts lets the pages that are opened from now on run theirs, or not.
func (b *Browser) Scripts(run bool) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run}); err != nil {
		b.t.Fatal(err)
	}
}

// Open shows a page of ours, each of which says when its script is done.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS(`html[data-ready]`)))
}

// Follow clicks a link and waits for the page behind it.
func (b *Browser) Follow(selector string) {
	b.t.Helper()
	b.Do(chromedp.Evaluate[chromedp.Void](`delete document.documentElement.dataset.ready; 0`), chromedp.Click(chromedp.CSS(selector)),
		chromedp.WaitReady(chromedp.CSS(`html[data-ready]`)))
}

// Until waits for an expression to hold.
func (b *Browser) Until(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		b.t.Fatalf("waiting for %s: %v", expression, err)
	}
}

// Evaluate returns what an expression of JavaScript is, or what its promise becomes.
func Evaluate[T any](b *Browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Quiet fails the test for everything that the browser has complained of since it was
// last asked.
func (b *Browser) Quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the console says: %s", c)
	}
	b.complaints = nil
}

// Fits fails the test where the page is wider than its window.
func (b *Browser) Fits(what string) {
	b.t.Helper()
	if got := Evaluate[[2]int](b, `[innerWidth, document.documentElement.scrollWidth]`); got[0] != got[1] {
		b.t.Errorf("%s: the window is %d px wide and the page %d: it scrolls sideways", what, got[0], got[1])
	}
}

// Accessible fails the test for every violation that axe-core, given as its source,
// finds in the page.
func (b *Browser) Accessible(axe, what string) {
	b.t.Helper()
	b.Do(chromedp.Evaluate[chromedp.Void](axe))
	for _, v := range Evaluate[[]string](b, `axe.run(document, {preload: false}).then(r => r.violations.map(v =>
		v.id + ": " + v.help + " " + v.nodes.map(n => n.target + " " + n.failureSummary).slice(0, 3).join("; ")))`) {
		b.t.Errorf("%s: axe: %s", what, v)
	}
}
