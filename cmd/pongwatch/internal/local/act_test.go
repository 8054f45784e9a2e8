package local

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/pongwatch/pongwatch/internal/browsertest"
)

// A person sees an outage, acknowledges it on the page, and sees it acknowledged under their
// name; then they silence it. The page needs no script for that.
func TestAnIncidentIsAcknowledgedFromTheDashboard(t *testing.T) {
	b := browsertest.New(t)
	p := startProcess(t, Options{Every: time.Second, By: "anna"}, nil)
	wait(t, 30*time.Second, "a first run", func() bool { return p.status(t) == "connected" })
	if err := p.demo.setMode("auth"); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "an alert", func() bool { return len(p.demo.received().Slack) > 0 })
	b.Look("light", 1440)
	b.Open(p.URL())
	b.Until(`document.querySelector("#open h3")?.innerText.includes("demo-cache: Redis refuses the token")`)
	b.Follow(`button[value=acknowledge]`)
	b.Until(`document.querySelector(".notice")?.innerText.includes("is acknowledged by anna.")`)
	b.Until(`document.querySelector(".trouble .facts").innerText.includes("acknowledged by anna") && !document.querySelector("button[value=acknowledge]")`)
	if text := p.demo.received().Slack[0].Text + string(p.demo.received().Slack[0].Blocks); !strings.Contains(text, "demo-cache") {
		t.Errorf("Slack has %s", text)
	}

	b.Scripts(false)
	b.Do(chromedp.Navigate(p.URL()), chromedp.Click(chromedp.CSS(`button[value=silence]`)), chromedp.WaitReady(chromedp.CSS(`.notice`)))
	wait(t, 30*time.Second, "a silence in force", func() bool {
		b.Do(chromedp.Navigate(p.URL()))
		return strings.Contains(browsertest.Evaluate[string](b, `document.querySelector("#open").innerText`), "is silenced until")
	})
	b.Scripts(true)
	b.Quiet()
}
