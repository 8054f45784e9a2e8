package local

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Pictures of the documentation: PONGWATCH_TEST_CHROMIUM=1 TZ=UTC go test -run
// TestTheInboxInABrowser ./cmd/pongwatch/internal/local -screenshots ../../../../docs/screenshots
var screenshots = flag.String("screenshots", "", "write pictures of the inbox into this folder")

const chromiumWanted = "PONGWATCH_TEST_CHROMIUM"

// scene is what on-call has received when a picture is taken.
type scene struct {
	name    string
	webhook bool
	// notices are delivered one after the other.
	notices []incident.Notice
	// want is what must be readable on the page without scrolling inside anything.
	want []string
}

func scenes() []scene {
	one := func(events ...incident.Event) []incident.Notice {
		var out []incident.Notice
		for i, e := range events {
			n := messagetest.Notice(e, cause.AuthInvalid)
			n.Incident.Observation.Evidence = `{"error":"WRONGPASS invalid or missing auth token"}`
			n.Want, n.Now = i+1, n.Now.Add(time.Duration(i)*time.Minute)
			if !n.Incident.Resolved.IsZero() {
				n.Incident.Resolved = n.Now
			}
			out = append(out, n)
		}
		return out
	}
	group := func(events ...incident.Event) []incident.Notice {
		var out []incident.Notice
		for i, e := range events {
			n := messagetest.Group(e, 5)
			for k := range n.Members {
				n.Members[k].Observation.Evidence = `{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500000."}`
			}
			n.Want, n.Now = i+1, n.Now.Add(time.Duration(i)*time.Minute)
			out = append(out, n)
		}
		return out
	}
	open := []string{"prod-cache is down: Redis refuses the token, since 18:22 UTC", "PING fails from us-east4", "First step: Copy the REST token"}
	over := []string{"prod-cache is up again after 14 min (18:22–18:36 UTC)", "PING failed from us-east4"}
	many := []string{"5 databases are down: this month's Redis commands are used up, since 18:22 UTC", "prod-005", "First step: "}
	return []scene{
		{"bot-open", false, one(incident.Opened), open},
		{"bot-acknowledged", false, one(incident.Opened, incident.Acknowledged), append([]string{"U0ONCALL"}, open...)},
		{"bot-resolved", false, one(incident.Opened, incident.Acknowledged, incident.Resolved), over},
		{"bot-group", false, group(incident.Opened, incident.Joined), many},
		{"webhook-open", true, one(incident.Opened), open},
		{"webhook-resolved", true, one(incident.Opened, incident.Acknowledged, incident.Resolved), append(over, open...)},
		{"webhook-group", true, group(incident.Opened), many},
	}
}

// play delivers a scene through the real receivers into the catchers of `local`.
func (s scene) play(t *testing.T) inbox.Inbox {
	t.Helper()
	now := messagetest.Now
	clock := func() time.Time { return now }
	channel, err := slacktest.New(slacktest.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	post, err := emailtest.New(emailtest.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = channel.Close(), post.Close() })
	o := slack.Options{Name: "slack-oncall", AllowLoopback: true, Mention: []string{"S0123456789"}}
	if s.webhook {
		o.Webhook = message.Fixed(secrets.New(channel.WebhookURL(demoChannel)))
	} else {
		o.Token, o.APIURL, o.Channel, o.Buttons = message.Fixed(secrets.New(channel.Token())), channel.APIURL(), slacktest.ChannelID(demoChannel), true
	}
	chat, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mail, err := email.New(email.Options{
		Name: "mail/oncall@example.com", Host: post.Host(), Port: post.Port(), RootCAs: post.RootCAs(), From: "pongwatch <alerts@example.com>", To: "oncall@example.com",
		Username: message.Fixed(secrets.New(post.Username())), Password: message.Fixed(secrets.New(post.Password())),
	})
	if err != nil {
		t.Fatal(err)
	}
	refs := map[message.Receiver]message.Ref{}
	for _, n := range s.notices {
		now = n.Now
		for _, r := range []message.Receiver{chat, mail} {
			n.Previous = refs[r]
			ref, outcome, err := r.Deliver(t.Context(), message.Render(n, messagetest.Context()), refs[r])
			if err != nil || outcome.Result != message.Delivered {
				t.Fatalf("%s: %s: %+v, %v", s.name, r.Name(), outcome, err)
			}
			refs[r] = ref
		}
	}
	return received(channel.Messages(), post.Mails())
}

// TestTheInboxInABrowser draws what on-call receives, wide and narrow, light and dark:
// nothing scrolls sideways, is cut off or overlaps, mails are visible, and the browser
// has nothing to complain of.
func TestTheInboxInABrowser(t *testing.T) {
	if os.Getenv(chromiumWanted) == "" {
		t.Skipf("set %s: chromium", chromiumWanted)
	}
	b := newBrowser(t)
	for _, s := range scenes() {
		in := s.play(t)
		server := httptest.NewServer(inbox.Handler(func() inbox.Inbox { return in }, nil))
		for _, scheme := range []string{"dark", "light"} {
			for _, width := range []int64{1440, 360} {
				what := fmt.Sprintf("%s, %s at %d px", s.name, scheme, width)
				b.look(t, scheme, width)
				if err := chromedp.Do(b.ctx, chromedp.Navigate(server.URL+"/inbox"), chromedp.WaitReady(chromedp.CSS(`html[data-ready]`))); err != nil {
					t.Fatal(err)
				}
				b.readable(t, what, s.want)
				shot := b.picture(t, what, width)
				if *screenshots != "" && scheme == "light" {
					save(t, filepath.Join(*screenshots, fmt.Sprintf("inbox-%s-%d.png", s.name, width)), shot)
				}
				if *screenshots != "" && scheme == "dark" && s.name == "bot-open" && width == 1440 {
					save(t, filepath.Join(*screenshots, fmt.Sprintf("inbox-%s-dark-%d.png", s.name, width)), shot)
				}
			}
		}
		server.Close()
	}
	b.quiet(t)
}

// browser is one tab, and what it complained of.
type browser struct {
	ctx        context.Context
	mu         sync.Mutex
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

func (b *browser) look(t *testing.T, scheme string, width int64) {
	t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatal(err)
	}
}

// faults is what a person would see at once: text outside its box, a page wider than
// its window, things over one another, a frame that is empty or out of reach.
const faults = `(() => {
	const out = [], box = e => e.getBoundingClientRect();
	if (document.documentElement.scrollWidth > innerWidth) out.push("the page is " + document.documentElement.scrollWidth + " px wide");
	for (const e of document.querySelectorAll("main *")) {
		const r = box(e);
		if (r.width && (r.right > innerWidth + 1 || r.left < -1)) out.push(e.tagName + "." + e.className + " ends at " + Math.round(r.right));
		if (e.tagName !== "IFRAME" && getComputedStyle(e).overflow !== "visible" && (e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1)) out.push(e.tagName + "." + e.className + " is cut off");
	}
	for (const parent of document.querySelectorAll(".columns, .columns > section, .message, .body, .actions, .fields, .conversation")) {
		const boxes = [...parent.children].map(box).filter(r => r.width && r.height);
		boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
			if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) out.push("children of " + parent.className + " overlap");
		}));
	}
	const frames = [...document.querySelectorAll("iframe")];
	if (frames.length === 0 || frames.some(f => f.loading === "lazy" || box(f).height < 300)) out.push("no mail, or a mail that is not shown");
	return out;
})()`

func (b *browser) readable(t *testing.T, what string, want []string) {
	t.Helper()
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](faults))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Compact(found) {
		t.Errorf("%s: %s", what, f)
	}
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("[aria-labelledby=slack-title]").innerText`))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: Slack does not show %q:\n%s", what, w, text)
		}
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
}

// picture shows the whole page, in which every mail must be visible. The window is made
// as high as the page: frames below it are not painted.
func (b *browser) picture(t *testing.T, what string, width int64) image.Image {
	t.Helper()
	height, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatal(err)
	}
	frames, err := chromedp.Run(b.ctx, chromedp.Evaluate[[][]int](`[...document.querySelectorAll("iframe")].map(f => {
		const r = f.getBoundingClientRect(); return [r.left + 2, r.top + scrollY + 2, r.right - 20, r.bottom - 20].map(Math.round); })`))
	if err != nil {
		t.Fatal(err)
	}
	var shot image.Image
	for range 20 { // a frame is painted when its own process gets to it
		data, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if shot, err = png.Decode(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(frames, func(f []int) bool { return blank(shot, image.Rect(f[0], f[1], f[2], f[3])) }) {
			return shot
		}
	}
	t.Errorf("%s: a mail's frame is blank", what)
	return shot
}

// blank reports whether a part of a picture is of one colour.
func blank(m image.Image, r image.Rectangle) bool {
	first := m.At(r.Min.X, r.Min.Y)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if m.At(x, y) != first {
				return false
			}
		}
	}
	return true
}

// save writes a picture with at most 256 colours, which does not harm a page of text
// and is a third of the size.
func save(t *testing.T, path string, shot image.Image) {
	t.Helper()
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, paletted(shot)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// paletted keeps the most frequent colours and takes the nearest for the others.
func paletted(full image.Image) *image.Paletted {
	counts := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA {
		c, _ := color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)
		c.R, c.G, c.B = c.R&^7|c.R>>5, c.G&^7|c.G>>5, c.B&^7|c.B>>5 // anti-aliasing makes thousands of nearly equal ones
		return c
	}
	b := full.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	colours := make([]color.RGBA, 0, len(counts))
	for c := range counts {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int { return counts[b] - counts[a] })
	palette := make(color.Palette, 0, 256)
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	index := map[color.RGBA]uint8{}
	for c := range counts {
		index[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(b, palette)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	return out
}
