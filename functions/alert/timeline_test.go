package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// timelineText writes a timeline as one text.
func timelineText(moments []incident.Moment) string {
	var out []string
	for _, m := range moments {
		word := string(m.Event)
		if m.Receiver != "" {
			word = m.Receiver + " " + word
		}
		if m.Edited {
			word += " edited"
		}
		if m.By != "" {
			word += " by " + m.By
		}
		out = append(out, m.At.Format("15:04 ")+word)
	}
	return strings.Join(out, "; ")
}

// The incident's document tells its story: decided, told to whom and when, acknowledged by
// whom, resolved. An incoming webhook and a mail cannot be edited, so they have no edits.
func TestTheTimelineOfAnIncident(t *testing.T) {
	for _, tt := range []struct {
		slack string
		edits bool
		want  string
	}{
		{`{webhook: "sm://projects/p/secrets/slack"}`, false, "12:01 opened; 12:01 slack opened; 12:02 acknowledged by anna; 12:04 resolved; 12:04 slack resolved"},
		{
			`{bot_token: "sm://projects/p/secrets/slack", channel: C0123456789}`, true,
			"12:01 opened; 12:01 slack opened; 12:02 acknowledged by anna; 12:02 slack acknowledged edited; 12:04 resolved; 12:04 slack resolved",
		},
	} {
		w := newWorld(t, func(o *Options) {
			o.Config = parse(t, strings.Replace(document, `slack: {webhook: "sm://projects/p/secrets/slack"}`, "slack: "+tt.slack, 1))
		})
		w.slack.edits = tt.edits
		w.minute("")
		w.minute(cause.AuthInvalid)
		id := w.only()
		m, err := report.Encode(report.Command{ID: "c1", Action: report.Acknowledge, Incident: id, By: "anna", Via: "cli", At: w.clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		w.push(m)
		w.clock.Add(time.Minute)
		w.minute(cause.AuthInvalid)
		w.minute("")
		w.minute("")
		w.tick()
		docs := w.docs("incidents/v1/main/")
		d, err := incident.DecodeDocument(docs[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, timelineText(d.Timeline)); diff != "" {
			t.Errorf("with slack %s (-want +got):\n%s", tt.slack, diff)
		}
		if c := d.Configuration; c == nil || c.Hash != w.f.config.Hash() || c.EverySeconds != 60 || c.Open != 1 || c.Close != 1 {
			t.Errorf("configuration %+v, want the one in force", c)
		}
	}
}

// A database may have thresholds of its own.
func TestADocumentHasTheThresholdsThatDecided(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Config = parse(t, strings.Replace(document, "{name: a,", "{name: a, thresholds: {ping: {confirm: {runs: 3, failures: 4, of: 6, close: 5}}},", 1))
	})
	for _, c := range []cause.Cause{"", cause.TimeoutResponse, cause.TimeoutResponse, cause.TimeoutResponse} {
		w.minute(c)
	}
	d, err := incident.DecodeDocument(w.docs("incidents/v1/main/")[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Configuration; c == nil || c.Open != 3 || c.OpenBad != 4 || c.OpenOf != 6 || c.Close != 5 {
		t.Errorf("configuration %+v, want the database's own", c)
	}
}

// What is not taken is not told, and what is told late is told then.
func TestTheTimelineOfALateDelivery(t *testing.T) {
	w := newWorld(t, nil)
	w.minute("")
	w.slack.answers = []message.Outcome{{Result: message.Later}}
	w.minute(cause.AuthInvalid)
	w.tick()
	if got, want := timelineText(w.state().Incidents[w.only()].Timeline), "12:01 opened; 12:02 slack opened"; got != want {
		t.Errorf("timeline %q, want %q", got, want)
	}
}

// A long story keeps its beginning and its end.
func TestATimelineIsBounded(t *testing.T) {
	var thread incident.Thread
	for n := range 100 {
		thread.Note(incident.Moment{By: fmt.Sprint(n)})
	}
	if l := thread.Timeline; len(l) != 60 || l[0].By != "0" || l[19].By != "19" || l[20].By != "60" || l[59].By != "99" {
		t.Errorf("%d moments: %v", len(l), l)
	}
}
