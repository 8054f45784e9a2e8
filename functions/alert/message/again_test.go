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
