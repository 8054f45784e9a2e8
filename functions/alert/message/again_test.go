package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// What fails again does not claim that it has failed since the first time.
func TestWhatFailsAgain(t *testing.T) {
	clock := func(minute int) time.Time {
		return messagetest.Since.Truncate(time.Hour).Add(time.Duration(minute) * time.Minute)
	}
	again := func(e incident.Event, change func(*incident.Notice)) message.Message {
		return rendered(e, cause.TimeoutResponse, func(n *incident.Notice) {
			i := n.Incident
			i.Since, i.Opened, i.Again, i.Before, i.LastOK = clock(0), clock(1), clock(20), 5*time.Minute, clock(19)
			i.Reopened, i.Reopenings, n.Now = 1, []time.Time{clock(21)}, clock(36)
			if change != nil {
				change(n)
			}
		})
	}
	over := func(n *incident.Notice) { n.Incident.Resolved = clock(30) }
	acknowledged := func(n *incident.Notice) { n.Incident.Ack = &incident.Ack{By: "ann", At: clock(35)} }
	for name, tt := range map[string]struct{ got, want string }{
		"impact":             {again(incident.Opened, nil).Impact, "since 18:20 UTC."},
		"first step":         {again(incident.Opened, nil).FirstStep(), "was deployed since 18:19 UTC: it worked until 1 min before it failed again."},
		"how long":           {again(incident.Reminder, nil).News, "It is still failing after 16 min."},
		"unanswered":         {again(incident.Escalated, nil).News, "Not acknowledged for 15 min."},
		"unanswered when":    {again(incident.Escalated, acknowledged).News, "It was not acknowledged in time."},
		"answered meanwhile": {again(incident.Escalated, acknowledged).FirstLine(), "CRITICAL prod-cache is down"},
		"told at its end":    {again(incident.Past, over).Headline, "18:00–18:30 UTC (15 min in all)"},
		"its end":            {again(incident.Resolved, over).Headline, " after 15 min in all (18:00–18:30 UTC)"},
		"a long line": {again(incident.Escalated, func(n *incident.Notice) {
			n.Incident.Series.Database = strings.Repeat("x", 63)
		}).FirstLine(), "…, again since 18:20 UTC, first at 18:00 UTC"},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: %q, want %q", name, tt.got, tt.want)
		}
	}
}

// What is held open, or has had no result for long, is not said to fail now.
func TestWhatIsNotKnownToFail(t *testing.T) {
	good := rendered(incident.Updated, cause.AuthInvalid, func(n *incident.Notice) {
		n.Incident.Unstable, n.Incident.Good = true, messagetest.Now.Add(-4*time.Minute)
	})
	if want := "prod-cache is up again, not yet stable, since 18:30 UTC"; !strings.HasSuffix(good.Headline, want) || good.Impact != "Its checks have been good since 18:30 UTC." {
		t.Errorf("held open: %q, %q, want %q", good.Headline, good.Impact, want)
	}
	reminder := rendered(incident.Reminder, cause.AuthInvalid, func(n *incident.Notice) { n.Incident.Unstable, n.Incident.Good = true, messagetest.Now })
	if reminder.News != "It is good at the moment, and not yet for long enough." {
		t.Errorf("a reminder of what is held open: %q", reminder.News)
	}
	stale := rendered(incident.Reminder, cause.AuthInvalid, func(n *incident.Notice) { n.Incident.Stale = messagetest.Now.Add(-4 * time.Minute) })
	if want := "Nothing says that it is over, and nothing has confirmed it since 18:30 UTC."; stale.News != want || !strings.Contains(stale.Impact, " since 18:22 UTC, and has had no result since 18:30 UTC.") ||
		!strings.HasSuffix(stale.Headline, ", not confirmed since 18:30 UTC") || strings.Contains(stale.Next, "proof") {
		t.Errorf("without a result: %q, %q, %q, %q", stale.Headline, stale.News, stale.Impact, stale.Next)
	}
	group := messagetest.Group(incident.Updated, 3)
	for k := range group.Members {
		group.Members[k].Good = messagetest.Now
	}
	group.Members[0].Good = time.Time{}
	if m := message.Render(group, messagetest.Context()); !strings.Contains(m.Headline, "1 of 3 databases is down") {
		t.Errorf("two of three are held open: %q", m.Headline)
	}
	group.Members[0].Good = messagetest.Now
	group.Events = []incident.Event{incident.Reminder}
	if m := message.Render(group, messagetest.Context()); m.News != reminder.News || !strings.HasSuffix(m.Headline, "3 databases are up again, not yet stable") || m.Impact != "" {
		t.Errorf("all are held open: %q, %q", m.Headline, m.Impact)
	}
}

func TestAGroupThatFailsAgain(t *testing.T) {
	group := func(e incident.Event, change func(*incident.Notice)) message.Message {
		n := messagetest.Group(e, 3)
		n.Group.Again, n.Group.Before = messagetest.Since.Add(8*time.Minute), 2*time.Minute
		n.Group.Reopened = messagetest.Since.Add(9 * time.Minute)
		n.Members[0].Again = n.Group.Again
		if change != nil {
			change(&n)
		}
		return message.Render(n, messagetest.Context())
	}
	first := func(n *incident.Notice) { n.Done, n.Previous = 0, incident.Ref{} }
	for name, tt := range map[string]struct{ got, want string }{
		"open":         {group(incident.Reopened, nil).Headline, ", again since 18:30 UTC, first at 18:22 UTC"},
		"how long":     {group(incident.Reminder, nil).News, "It is still failing after 4 min."},
		"unanswered":   {group(incident.Escalated, nil).News, "Not acknowledged for 3 min."},
		"its end":      {group(incident.Resolved, nil).Headline, " after 6 min in all (18:22–18:34 UTC)"},
		"told at once": {group(incident.Past, first).Headline, " were down 18:22–18:34 UTC (6 min in all)"},
		"since":        {group(incident.Reopened, nil).Facts[0].String(), "(6 min in all)"},
		"a member":     {group(incident.Reopened, nil).MemberLines()[0], ", again since 18:30 UTC, first at 18:22 UTC ("},
		"another":      {group(incident.Reopened, nil).MemberLines()[1], ", since 18:22 UTC ("},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: %q, want %q", name, tt.got, tt.want)
		}
	}
}

// A check without an answer is not a job that has stopped.
func TestWhatIsMissing(t *testing.T) {
	missing := func(sources ...string) message.Message {
		return rendered(incident.Opened, cause.MonitorMissingReports, func(n *incident.Notice) {
			n.Incident.Series, n.Incident.Down = incident.MonitorSeries("reports"), sources
			n.Incident.Observation.Subject = "reports"
		})
	}
	for want, m := range map[string]message.Message{
		": 1 check gives no answer, since":                                   missing("cache/ping"),
		": 2 checks give no answer, since":                                   missing("cache/ping", "queue/write"),
		": no reports arrive, since":                                         missing("healthcheck@us"),
		"pongwatch itself has a problem: no reports arrive, since 18:22 UTC": missing("cache/ping", "healthcheck@us"),
	} {
		if !strings.Contains(m.Headline, want) || strings.Contains(m.Text(), "Seen by") || strings.Contains(m.Text(), "seen by") {
			t.Errorf("%q, want %q in\n%s", m.Headline, want, m.Text())
		}
	}
	if m := missing("cache/ping"); strings.Contains(m.Text(), "job has stopped") || len(m.Fix) != 1 || !strings.Contains(m.Subject, "1 check gives no answer") {
		t.Errorf("the jobs run:\n%s\n%s", m.Subject, m.Text())
	}
}
