package local

import (
	"flag"
	"fmt"
	"image"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/browsertest"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Pictures of the documentation: PONGWATCH_TEST_CHROMIUM=1 TZ=UTC go test -run
// TestTheInboxInABrowser ./cmd/pongwatch/internal/local -screenshots ../../../../docs/screenshots
var screenshots = flag.String("screenshots", "", "write pictures of the inbox into this folder")

// pictured are the pictures that -screenshots keeps: an edited message with its thread, a group, and
// mails as a conversation.
var pictured = []string{"bot-resolved-light-1440", "bot-open-dark-1440", "bot-group-light-360", "webhook-resolved-light-1440"}

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
	open := []string{"prod-cache is down: Redis refuses the token, since 18:22 UTC", "PING has failed from us-east4", "First step: Copy the REST token"}
	over := []string{"prod-cache is up again after 14 min (18:22–18:36 UTC)", "It was: Redis refuses the token."}
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
	b := browsertest.New(t)
	for _, s := range scenes() {
		in := s.play(t)
		mux := access.NewMux("")
		inbox.Mount(mux, access.Anyone(), func() inbox.Inbox { return in }, nil)
		server := httptest.NewServer(mux)
		for _, scheme := range []string{"dark", "light"} {
			for _, width := range []int64{1440, 360} {
				what := fmt.Sprintf("%s, %s at %d px", s.name, scheme, width)
				b.Look(scheme, width)
				b.Open(server.URL + "/inbox")
				assertReadable(t, b, what, s.want)
				shot := picture(t, b, what, width)
				if *screenshots != "" && slices.Contains(pictured, fmt.Sprintf("%s-%s-%d", s.name, scheme, width)) {
					browsertest.Save(t, filepath.Join(*screenshots, fmt.Sprintf("inbox-%s-%s-%d.png", s.name, scheme, width)), shot)
				}
			}
		}
		b.Do(chromedp.Navigate("about:blank")) // which asks nothing of a server that is gone
		server.Close()
	}
	b.Quiet()
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
	const frames = [...document.querySelectorAll("details.mail[open] iframe")];
	if (frames.length === 0 || frames.some(f => f.loading === "lazy" || box(f).height < 300)) out.push("no mail, or a mail that is not shown");
	if (frames.some(f => Math.abs(f.contentDocument.documentElement.scrollHeight + 2 - box(f).height) > 1)) out.push("a frame is not as high as its mail");
	for (const c of document.querySelectorAll(".conversation")) if (!c.querySelector("details.mail:last-of-type").open || c.querySelectorAll("details.mail[open]").length > 1) out.push("a conversation does not show its last mail alone");
	return out;
})()`

func assertReadable(t *testing.T, b *browsertest.Browser, what string, want []string) {
	t.Helper()
	for _, f := range slices.Compact(browsertest.Evaluate[[]string](b, faults)) {
		t.Errorf("%s: %s", what, f)
	}
	text := browsertest.Evaluate[string](b, `document.querySelector("[aria-labelledby=slack-title]").innerText`)
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: Slack does not show %q:\n%s", what, w, text)
		}
	}
}

// picture shows the whole page, in which every mail must be visible. The window is made
// as high as the page: frames below it are not painted.
func picture(t *testing.T, b *browsertest.Browser, what string, width int64) image.Image {
	t.Helper()
	b.Do(chromedp.EmulateViewport(width, browsertest.Evaluate[int64](b, `document.documentElement.scrollHeight`)))
	frames := browsertest.Evaluate[[][]int](b, `[...document.querySelectorAll("details.mail[open] iframe")].map(f => {
		const r = f.getBoundingClientRect(); return [r.left + 2, r.top + scrollY + 2, r.right - 20, r.bottom - 20].map(Math.round); })`)
	var shot image.Image
	for range 20 { // a frame is painted when its own process gets to it
		shot = b.Picture()
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
