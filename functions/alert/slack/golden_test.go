package slack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// TestGolden pins the Slack form of every event, of every cause's opening and of a
// group, and with it that Slack takes each of them: the fake enforces its limits.
func TestGolden(t *testing.T) {
	for _, mode := range []string{"bot", "webhook"} {
		s := server(t)
		r := bot(t, s)
		if mode == "webhook" {
			r = webhook(t, s)
		}
		sections := map[string]*strings.Builder{"events": {}, "causes": {}, "group": {}}
		write := func(file, name string, m message.Message) {
			ref := message.Ref{}
			if !m.Opening && mode == "bot" {
				ref = deliver(t, r, at(render(incident.Opened, cause.AuthInvalid), 1), message.Ref{})
			}
			before := len(s.Messages())
			deliver(t, r, m, ref)
			for i, got := range s.Messages() {
				kind := "posted"
				switch {
				case i < before && got.TS == ref.ID:
					kind = "edited"
				case i < before:
					continue
				case got.ThreadTS != "":
					kind = fmt.Sprintf("replied, broadcast %v", got.Broadcast)
				}
				fmt.Fprintf(sections[file], "-- %s: %s --\n%s\n%s", name, kind, got.Text, pretty(t, got.Blocks))
			}
		}
		for _, e := range messagetest.Events() {
			write("events", string(e), render(e, cause.AuthInvalid))
		}
		if mode == "bot" {
			for _, c := range cause.All() {
				write("causes", string(c), render(incident.Opened, c))
			}
		}
		for _, e := range []incident.Event{incident.Opened, incident.Joined, incident.Resolved} {
			write("group", string(e), message.Render(messagetest.Group(e, 5), messagetest.Context()))
		}
		for file, b := range sections {
			if b.Len() > 0 {
				goldentest.Compare(t, "testdata/"+mode+"-"+file+".txtar", b.String())
			}
		}
	}
}

// pretty returns one block a line: compact, and readable in a diff.
func pretty(t *testing.T, blocks json.RawMessage) string {
	t.Helper()
	var list []json.RawMessage
	if len(blocks) == 0 {
		return ""
	}
	if err := json.Unmarshal(blocks, &list); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, block := range list {
		var compact bytes.Buffer
		if err := json.Compact(&compact, block); err != nil {
			t.Fatal(err)
		}
		b.Write(compact.Bytes())
		b.WriteByte('\n')
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(b.String())
}

func TestEveryCauseAndEventIsTaken(t *testing.T) {
	s := server(t)
	hook := webhook(t, s)
	for _, e := range messagetest.Events() {
		for _, c := range cause.All() {
			deliver(t, hook, render(e, c), message.Ref{})
		}
	}
	for _, r := range s.Requests() {
		if r.Problem != "" {
			t.Error(r.Problem)
		}
	}
}
