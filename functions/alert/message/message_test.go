package message_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// TestPhoneTexts pins, for every cause and event, what a lock screen shows.
func TestPhoneTexts(t *testing.T) {
	var b strings.Builder
	for _, e := range messagetest.Events() {
		fmt.Fprintf(&b, "-- %s --\n", e)
		for _, c := range cause.All() {
			m := message.Render(messagetest.Notice(e, c), messagetest.Context())
			fmt.Fprintln(&b, m.Push)
		}
	}
	for _, e := range append(messagetest.Events(), incident.Joined) {
		if e != incident.Drill {
			fmt.Fprintf(&b, "-- group %s --\n%s\n", e, message.Render(messagetest.Group(e, 5), messagetest.Context()).Push)
		}
	}
	goldentest.Compare(t, "testdata/phone.txt", b.String())
}

// TestPhoneTextsOfEnvironments pins what a lock screen and a list of mails show of every
// cause in two environments.
func TestPhoneTextsOfEnvironments(t *testing.T) {
	var b strings.Builder
	for _, environment := range []string{"production", "staging"} {
		c := messagetest.Context()
		c.Environment, c.Databases = environment, map[string]message.Database{"prod-cache": {Environment: environment}}
		fmt.Fprintf(&b, "-- %s --\n", environment)
		for _, x := range cause.All() {
			opened, over := message.Render(messagetest.Notice(incident.Opened, x), c), message.Render(messagetest.Notice(incident.Resolved, x), c)
			fmt.Fprintf(&b, "%s\n%s\n%s\n", opened.Subject, opened.Push, over.Push)
		}
	}
	goldentest.Compare(t, "testdata/phone-environments.txt", b.String())
}

// TestTexts pins the whole text of every event, and of every cause's opening.
func TestTexts(t *testing.T) {
	var b strings.Builder
	for _, e := range messagetest.Events() {
		fmt.Fprintf(&b, "-- %s --\n%s", e, message.Render(messagetest.Notice(e, cause.AuthInvalid), messagetest.Context()).Text())
	}
	goldentest.Compare(t, "testdata/events.txtar", b.String())
	b.Reset()
	for _, c := range cause.All() {
		fmt.Fprintf(&b, "-- %s --\n%s", c, message.Render(messagetest.Notice(incident.Opened, c), messagetest.Context()).Text())
	}
	goldentest.Compare(t, "testdata/causes.txtar", b.String())
	b.Reset()
	for _, e := range []incident.Event{incident.Opened, incident.Joined, incident.Resolved} {
		fmt.Fprintf(&b, "-- %s --\n%s", e, message.Render(messagetest.Group(e, 5), messagetest.Context()).Text())
	}
	goldentest.Compare(t, "testdata/group.txtar", b.String())
}

// TestEveryMessageAnswersTheFirstQuestions: what, which database and since when,
// in the headline and on the phone, whatever the cause and event.
func TestEveryMessageAnswersTheFirstQuestions(t *testing.T) {
	for _, e := range messagetest.Events() {
		for _, c := range cause.All() {
			n := messagetest.Notice(e, c)
			m := message.Render(n, messagetest.Context())
			database := message.DatabaseName(n.Incident.Series.Database)
			for where, text := range map[string]string{"headline": m.Headline, "phone text": m.Push, "first line of the mail": strings.SplitN(m.Text(), "\n", 2)[0]} {
				if !strings.Contains(text, database) || !strings.Contains(text, "18:22") {
					t.Errorf("%s × %s: %s %q lacks %s or 18:22", c, e, where, text, database)
				}
			}
			if utf8.RuneCountInString(m.Headline) > 140 {
				t.Errorf("%s × %s: headline has %d characters", c, e, utf8.RuneCountInString(m.Headline))
			}
			// A stranger who reads three lines knows the impact and what to do first.
			lines := strings.SplitN(m.Text(), "\n", 8)
			if m.Until.IsZero() && !strings.HasPrefix(lines[1], message.LabelImpact+": ") {
				t.Errorf("%s × %s: second line %q, want the impact", c, e, lines[1])
			}
			top := strings.Join(lines[:7], "\n")
			if open := m.Until.IsZero(); open && !strings.Contains(top, "\n"+message.LabelFirst+": ") {
				t.Errorf("%s × %s: no first step at the top:\n%s", c, e, top)
			}
			if m.Next == "" || m.CauseTitle == "" || m.Short == "" || len(m.Facts) > 10 || m.Subject == "" {
				t.Errorf("%s × %s: incomplete: %+v", c, e, m)
			}
			if open := m.Until.IsZero(); open != (len(m.Actions) > 0) {
				t.Errorf("%s × %s: open %v, but %d actions", c, e, open, len(m.Actions))
			}
		}
	}
}

// TestSubjectIsConstant: mail readers part a thread whose subject changes with what happens.
func TestSubjectIsConstant(t *testing.T) {
	want := message.Render(messagetest.Notice(incident.Opened, cause.AuthInvalid), messagetest.Context()).Subject
	for _, e := range messagetest.Events() {
		if e == incident.Drill {
			continue
		}
		if got := message.Render(messagetest.Notice(e, cause.AuthInvalid), messagetest.Context()).Subject; got != want {
			t.Errorf("%s: subject %q, want %q", e, got, want)
		}
	}
	if want != "[production] CRITICAL prod-cache down: Redis refuses the token (INC-7F3A9K)" {
		t.Errorf("subject %q", want)
	}
}

// TestSubjectsDifferByCause: a list of subjects says what is wrong where, and how bad it is.
func TestSubjectsDifferByCause(t *testing.T) {
	seen := map[string]cause.Cause{}
	for _, c := range cause.All() {
		n := messagetest.Notice(incident.Opened, c)
		subject := message.Render(n, messagetest.Context()).Subject
		if other, dup := seen[subject]; dup {
			t.Errorf("%s and %s have the subject %q", c, other, subject)
		}
		seen[subject] = c
		if want := "[production] " + strings.ToUpper(string(n.Incident.Severity)) + " "; !strings.HasPrefix(subject, want) || !strings.HasSuffix(subject, "(INC-7F3A9K)") {
			t.Errorf("%s: subject %q, want %q first and the id last", c, subject, want)
		}
	}
	if got, want := message.Render(messagetest.Group(incident.Opened, 5), messagetest.Context()).Subject, "[production] CRITICAL 5 databases: this month's Redis commands are used up (INC-GR0VP0)"; got != want {
		t.Errorf("group: subject %q, want %q", got, want)
	}
	n := messagetest.Notice(incident.Drill, cause.AuthInvalid)
	if got, want := message.Render(n, messagetest.Context()).Subject, "[production] DRILL prod-cache (INC-7F3A9K)"; got != want {
		t.Errorf("drill: subject %q, want %q", got, want)
	}
}

func TestEvidenceStaysApart(t *testing.T) {
	for _, c := range cause.All() {
		m := message.Render(messagetest.Notice(incident.Opened, c), messagetest.Context())
		for name, text := range map[string]string{
			"headline": m.Headline, "push": m.Push, "subject": m.Subject, "news": m.News, "impact": m.Impact, "next": m.Next, "footer": m.Footer,
			"cause": m.CauseTitle + m.CauseText, "facts": fmt.Sprint(m.Facts), "notes": fmt.Sprint(m.Notes), "fix": fmt.Sprint(m.Fix),
		} {
			if strings.Contains(text, "evil") || strings.Contains(text, "<!channel>") {
				t.Errorf("%s: %s holds evidence: %q", c, name, text)
			}
		}
		if len(m.Evidence) != 1 || strings.ContainsRune(m.Evidence[0].Text, '\u202e') || !strings.Contains(m.Evidence[0].Text, "evil") {
			t.Errorf("%s: evidence %q", c, m.Evidence)
		}
	}
}

func TestServiceNamesAreHarmless(t *testing.T) {
	n := messagetest.Notice(incident.Opened, cause.Mock)
	n.Incident.Series.Subject = report.CutEvidence("back%send\n<!channel>\u202e" + strings.Repeat("x", 300)) // as report.Decode does
	m := message.Render(n, messagetest.Context())
	if strings.ContainsAny(m.Headline+m.Subject+m.Push, "\n\u202e") || strings.Contains(m.Headline, "!(") {
		t.Errorf("headline %q, subject %q", m.Headline, m.Subject)
	}
	if !strings.Contains(m.Headline, "18:22 UTC") {
		t.Errorf("headline %q lost its time", m.Headline)
	}
}

func TestFallbackSaysWhy(t *testing.T) {
	n := messagetest.Notice(incident.Opened, cause.AuthInvalid)
	n.Instead, n.Why, n.Maybe = "slack-oncall", "channel_not_found", true
	text := message.Render(n, messagetest.Context()).Text()
	for _, want := range []string{"Sent here because slack-oncall did not take a message.", "error of slack-oncall", "channel_not_found", "may have reached you already"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
}

func TestGroups(t *testing.T) {
	tests := []struct {
		name   string
		change func(*incident.Notice)
		want   string
	}{
		{"one cause", func(*incident.Notice) {}, "5 databases are down: this month's Redis commands are used up, since 18:22 UTC"},
		{"several causes of a class", func(n *incident.Notice) { n.Members[0].Cause = cause.QuotaDaily }, "5 databases are down: quota used up, since 18:22 UTC"},
		{"some are well again", func(n *incident.Notice) { n.Members[0].Resolved = messagetest.Now }, "4 of 5 databases are down: this month's Redis commands are used up, since 18:22 UTC"},
		{"a region", func(n *incident.Notice) {
			n.Group.Region = "us-east-1"
			for k := range n.Members {
				n.Members[k].Cause = cause.TimeoutConnect
			}
		}, "Regional outage in us-east-1: 5 databases are down: Redis cannot be reached in time, since 18:22 UTC"},
		{"one is not watched any more at the end", func(n *incident.Notice) {
			n.Events, n.Open, n.Done, n.Previous = []incident.Event{incident.Resolved}, false, 1, incident.Ref{ID: "1"}
			n.Group.Resolved = messagetest.Now
			for k := range n.Members {
				n.Members[k].Resolved = messagetest.Now
			}
			n.Members[1].Gone = true
		}, "4 databases are up again after 12 min (18:22–18:34 UTC); 1 database not watched any more"},
		{"one is left at the end", func(n *incident.Notice) {
			n.Events, n.Open, n.Done, n.Previous = []incident.Event{incident.Resolved}, false, 1, incident.Ref{ID: "1"}
			n.Group.Resolved = messagetest.Now
			for k := range n.Members {
				n.Members[k].Resolved, n.Members[k].Gone = messagetest.Now, k > 0
			}
		}, "1 database is up again after 12 min (18:22–18:34 UTC); 4 databases not watched any more"},
		{"one is open", func(n *incident.Notice) {
			for k := range n.Members[1:] {
				n.Members[k].Resolved = messagetest.Now
			}
		}, "1 of 5 databases is down: this month's Redis commands are used up, since 18:22 UTC"},
		{"one is all that is left of the group", func(n *incident.Notice) {
			n.Members = n.Members[:1]
			n.Members[0].Series.Check = report.Write
		}, "1 database fails: this month's Redis commands are used up, since 18:22 UTC"},
		{"of which one is over", func(n *incident.Notice) {
			n.Events, n.Open, n.Done, n.Previous = []incident.Event{incident.Resolved}, false, 1, incident.Ref{ID: "1"}
			n.Members = n.Members[:1]
			n.Group.Resolved, n.Members[0].Resolved = messagetest.Now, messagetest.Now
		}, "1 database is up again after 12 min (18:22–18:34 UTC)"},
		{"other checks", func(n *incident.Notice) { n.Members[0].Series.Check = report.Write }, "5 databases fail: this month's Redis commands are used up, since 18:22 UTC"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := messagetest.Group(incident.Opened, 5)
			tt.change(&n)
			if got := message.Render(n, messagetest.Context()).Headline; got != tt.want && got != "[production] CRITICAL "+tt.want && got != "[production] RESOLVED "+tt.want {
				t.Errorf("headline %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestStoreDown(t *testing.T) {
	failures := []report.Observation{messagetest.Incident("prod-cache", cause.AuthInvalid).Observation, messagetest.Incident("prod-queue", cause.TimeoutConnect).Observation}
	goldentest.Compare(t, "testdata/storedown.txt", message.RenderStoreDown("main", failures, messagetest.Now, messagetest.Context()).Text())
}

func TestLinksWithoutTheirValuesAreLeftOut(t *testing.T) {
	c := messagetest.Context()
	c.Databases = nil
	c.Inbound = ""
	m := message.Render(messagetest.Notice(incident.Opened, cause.AuthInvalid), c)
	for _, l := range m.Links {
		if l.Label == "Upstash console" {
			t.Errorf("link to %q without the database's id", l.URL)
		}
	}
	for _, a := range m.Actions {
		if a.URL != "" {
			t.Errorf("signed link without AlertWebhook: %q", a.URL)
		}
	}
}

func TestControlIsReadBack(t *testing.T) {
	for _, c := range []message.Control{{Shard: "main", Incident: "20261122T182201Z-7F3A9K2M4QXT"}, {Incident: "x", Reopened: message.AnyLife}, {Shard: "a", Incident: "b", Reopened: 12}} {
		got, err := message.ParseControl(c.String())
		if err != nil || got != c {
			t.Errorf("ParseControl(%q) = %+v, %v", c.String(), got, err)
		}
	}
}

func FuzzParseControl(f *testing.F) {
	f.Add("1|main|20261122T182201Z-7F3A9K2M4QXT|0")
	f.Add("1||x|-1")
	f.Add("||||")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := message.ParseControl(s)
		if err == nil && c.String() != s {
			t.Errorf("%q reads as %+v", s, c)
		}
	})
}

func TestTheFooterEndsWithTheVersion(t *testing.T) {
	c := messagetest.Context()
	c.Version = "v1.2.3"
	for what, m := range map[string]message.Message{
		"an incident":  message.Render(messagetest.Notice(incident.Opened, cause.AuthInvalid), c),
		"a group":      message.Render(messagetest.Group(incident.Opened, 3), c),
		"a store down": message.RenderStoreDown("main", nil, messagetest.Now, c),
	} {
		if !strings.HasSuffix(m.Footer, " · pongwatch v1.2.3") {
			t.Errorf("%s: %q", what, m.Footer)
		}
	}
}
