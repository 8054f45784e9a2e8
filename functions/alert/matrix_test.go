package alert

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// TestMatrix pins every cause × event in every form: what Slack's API and its webhook
// are sent, the text mail and the HTML mail. That is megabytes of much alike, so the
// golden file is a compressed text archive (zcat testdata/matrix.txtar.gz); a failure
// shows the lines that changed. What is meant for reading, every event and every
// cause in full, lies uncompressed beside the receivers and in message/testdata.
func TestMatrix(t *testing.T) {
	var b strings.Builder
	for _, c := range cause.All() {
		writeCells(t, &b, c)
	}
	path := filepath.Join("testdata", "matrix.txtar.gz")
	want, err := inflate(path)
	if err != nil && !(goldentest.Update() && errors.Is(err, fs.ErrNotExist)) {
		t.Fatalf("%v (run with -update)", err)
	}
	got := b.String()
	if got == want {
		return
	}
	if goldentest.Update() {
		if err := deflate(path, got); err != nil {
			t.Fatal(err)
		}
		return
	}
	report := newCells(want).diff(newCells(got))
	t.Errorf("%d cells have changed (-want +got; -update writes them anew):\n%s", len(report), strings.Join(report[:min(len(report), 5)], "\n"))
}

// writeCells writes what each event of one cause looks like.
func writeCells(t *testing.T, b *strings.Builder, c cause.Cause) {
	t.Helper()
	s, err := slacktest.New(slacktest.Options{Now: func() time.Time { return messagetest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bot := slackReceiver(t, slack.Options{Token: message.Fixed(secrets.New(s.Token())), Channel: "C0ALERTS", APIURL: s.APIURL(), Buttons: true, Mention: []string{"S0123456789"}})
	hook := slackReceiver(t, slack.Options{Webhook: message.Fixed(secrets.New(s.WebhookURL("alerts"))), Mention: []string{"S0123456789"}})
	opening := message.Render(messagetest.Notice(incident.Opened, c), messagetest.Context())
	opening.Revision = 1
	open := deliverTo(t, bot, opening, message.Ref{}) // what later events edit
	before := 1
	for _, e := range messagetest.Events() {
		m := message.Render(messagetest.Notice(e, c), messagetest.Context())
		ref := open
		if m.Opening {
			ref = message.Ref{}
		}
		deliverTo(t, bot, m, ref)
		deliverTo(t, hook, m, message.Ref{})
		messages := s.Messages()
		shown := messages[before:]
		if !m.Opening {
			shown = append(messages[:1:1], shown...)
		}
		before = len(messages)
		for _, posted := range shown {
			kind := "slack " + posted.Via
			if posted.ThreadTS != "" {
				kind += " reply"
			} else {
				checkTop(t, m, posted)
			}
			fmt.Fprintf(b, "-- %s × %s: %s --\n%s\n%s", c, e, kind, posted.Text, blockLines(t, posted.Blocks))
		}
		page, err := email.HTML(m)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(b, "-- %s × %s: text mail --\nSubject: %s\n%s-- %s × %s: HTML mail --\n%s", c, e, m.Subject, m.Text(), c, e, page)
	}
	for _, r := range s.Requests() {
		if r.Problem != "" {
			t.Errorf("%s: Slack would refuse this: %s: %s", c, r.Answer, r.Problem)
		}
	}
}

// checkTop holds that the first three lines in Slack and on the phone answer a
// stranger: what and since when, the impact, the first step.
func checkTop(t *testing.T, m message.Message, posted slacktest.Message) {
	t.Helper()
	var blocks []struct {
		Type string
		Text struct{ Text string }
	}
	if err := json.Unmarshal(posted.Blocks, &blocks); err != nil || len(blocks) < 2 {
		t.Fatalf("%s of %s: blocks %s: %v", m.Event, m.CauseTitle, posted.Blocks, err)
	}
	for where, text := range map[string]string{"the headline": blocks[0].Text.Text, "the phone text": posted.Text} {
		if !strings.Contains(text, m.Headline) || !strings.Contains(text, "18:22") {
			t.Errorf("%s of %s: %s %q lacks %q or 18:22", m.Event, m.CauseTitle, where, text, m.Headline)
		}
	}
	impact, first, _ := strings.Cut(blocks[1].Text.Text, "\n")
	if impact == "" || m.Until.IsZero() && !strings.HasPrefix(first, message.LabelFirst+": ") {
		t.Errorf("%s of %s: below the headline %q, want the impact and the first step", m.Event, m.CauseTitle, blocks[1].Text.Text)
	}
}

func slackReceiver(t *testing.T, o slack.Options) *slack.Receiver {
	t.Helper()
	o.Name, o.AllowLoopback, o.Timeout = "slack-oncall", true, deliveryTimeout
	r, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deliverTo(t *testing.T, r *slack.Receiver, m message.Message, prev message.Ref) message.Ref {
	t.Helper()
	ref, outcome, err := r.Deliver(t.Context(), m, prev)
	if err != nil || outcome.Result != message.Delivered {
		t.Fatalf("delivering %s: %+v, %v", m.Event, outcome, err)
	}
	return ref
}

// blockLines returns one block a line.
func blockLines(t *testing.T, blocks json.RawMessage) string {
	t.Helper()
	var list []json.RawMessage
	if len(blocks) > 0 {
		if err := json.Unmarshal(blocks, &list); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	for _, block := range list {
		if err := json.Compact(&b, block); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// cells are the sections of the archive, in order.
type cells struct {
	names []string
	texts map[string]string
}

func newCells(archive string) cells {
	c := cells{texts: map[string]string{}}
	name := ""
	for line := range strings.Lines(archive) {
		if n, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(n, " --\n") {
			name = strings.TrimSuffix(n, " --\n")
			c.names = append(c.names, name)
			continue
		}
		c.texts[name] += line
	}
	return c
}

// diff names each section that is different in other, and how.
func (c cells) diff(other cells) []string {
	var out []string
	for _, name := range c.names {
		if _, ok := other.texts[name]; !ok {
			out = append(out, name+": is gone")
		}
	}
	for _, name := range other.names {
		if c.texts[name] != other.texts[name] {
			out = append(out, name+":\n"+lines("-", c.texts[name], other.texts[name])+lines("+", other.texts[name], c.texts[name]))
		}
	}
	return out
}

// lines returns the lines of a that b does not have.
func lines(mark, a, b string) string {
	there := map[string]bool{}
	for line := range strings.Lines(b) {
		there[line] = true
	}
	var out strings.Builder
	for line := range strings.Lines(a) {
		if !there[line] {
			out.WriteString("  " + mark + " " + line)
		}
	}
	return out.String()
}

func inflate(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	text, err := io.ReadAll(zr)
	return string(text), err
}

func deflate(path, text string) error {
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(zw, text); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, buf.Bytes(), 0o600)
}
