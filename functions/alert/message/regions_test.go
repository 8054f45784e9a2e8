package message_test

import (
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// A database that answers elsewhere is not down, and who reads only the first line must
// not believe it is.
func TestHeadlineOfRegions(t *testing.T) {
	us, eu, asia := "us-east4", "europe-west1", "asia-east1"
	for _, c := range []struct {
		name         string
		cause        cause.Cause
		event        incident.Event
		status       report.Status
		down, voters []string
		want         string
	}{
		{"one of two regions", cause.TimeoutResponse, incident.Opened, report.Warn, []string{us}, []string{eu, us}, "prod-cache fails from us-east4, works from europe-west1: Redis accepts connections but does not answ…, since 18:22 UTC"},
		{"one of three", cause.TimeoutResponse, incident.Opened, report.Warn, []string{us}, []string{asia, eu, us}, "prod-cache fails from us-east4, works from asia-east1 and europe-west1: Redis accepts connections bu…, since 18:22 UTC"},
		{"a majority", cause.TimeoutResponse, incident.Opened, report.Fail, []string{eu, us}, []string{asia, eu, us}, "prod-cache is down: Redis accepts connections but does not answer, since 18:22 UTC"},
		{"a minority with the home region in it is an outage", cause.TimeoutResponse, incident.Opened, report.Fail, []string{us}, []string{asia, eu, us}, "prod-cache is down: Redis accepts connections but does not answer, since 18:22 UTC"},
		{"the only region", cause.TimeoutResponse, incident.Opened, report.Warn, []string{us}, []string{us}, "prod-cache is down: Redis accepts connections but does not answer, since 18:22 UTC"},
		{"one of two, over", cause.TimeoutResponse, incident.Resolved, report.Warn, []string{us}, []string{eu, us}, "prod-cache works from us-east4 again after 12 min (18:22–18:34 UTC)"},
		{"one of two is slow", cause.Slow, incident.Opened, report.Warn, []string{us}, []string{eu, us}, "prod-cache is slow from us-east4, fast from europe-west1: PING takes 812 ms, limit 600 ms, since 18:22 UTC"},
		{"a region of a strange name", cause.TimeoutResponse, incident.Opened, report.Warn, []string{"100%s"}, []string{"100%s", us}, "prod-cache fails from 100%s, works from us-east4: Redis accepts connections but does not answer, since 18:22 UTC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := messagetest.Notice(c.event, c.cause)
			n.Incident.Status, n.Incident.Down, n.Incident.Voters = c.status, c.down, c.voters
			m := message.Render(n, messagetest.Context())
			if got := strings.TrimPrefix(m.Headline, m.Tag); got != c.want {
				t.Errorf("headline %q\n    want %q", got, c.want)
			}
		})
	}
}
