package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// BenchmarkNotification is the time from the report that confirms a failure to
// Slack's acceptance of the message, over real HTTP on loopback and a store in
// memory: what Alert adds to the store's own time. The budget is 10 ms.
func BenchmarkNotification(b *testing.B) {
	server, err := slacktest.New(slacktest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close() })
	receiver, err := slack.New(slack.Options{
		Name: "slack", Token: message.Fixed(secrets.New(server.Token())), Channel: "C0123456789", APIURL: server.APIURL(), AllowLoopback: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	accepted := make(chan time.Time, 1)
	server.OnChange(func() {
		select {
		case accepted <- time.Now():
		default:
		}
	})
	const databases = 250
	var doc strings.Builder
	doc.WriteString("regions: [us]\nalerting: {grouping: {enabled: false}}\nreceivers: [{name: slack, slack: {bot_token: 'sm://projects/p/secrets/s', channel: C0123456789}}]\ndatabases:\n")
	for i := range databases {
		fmt.Fprintf(&doc, "  - {name: db-%03d, url: 'https://x.upstash.io', token: 'sm://projects/p/secrets/a'}\n", i)
	}
	cfg := parse(b, doc.String())
	w := newWorld(b, func(o *Options) {
		o.Config = cfg
		o.Receivers = map[string]message.Receiver{"slack": receiver}
	})
	var took time.Duration
	for n := 0; b.Loop(); n++ {
		var obs []report.Observation
		for i := range databases {
			c := cause.Cause("")
			if i == n%databases {
				c = cause.AuthInvalid
			}
			obs = append(obs, w.ping(fmt.Sprintf("db-%03d", i), c))
		}
		m := w.report(obs...)
		select {
		case <-accepted:
		default:
		}
		began := time.Now()
		w.push(m)
		took += (<-accepted).Sub(began)
		w.clock.Add(time.Minute)
	}
	b.ReportMetric(float64(took.Microseconds())/float64(b.N)/1000, "ms/message")
}
