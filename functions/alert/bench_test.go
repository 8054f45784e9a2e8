package alert

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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

// BenchmarkNotification is the time from the report that confirms a failure to Slack's acceptance
// of the message, over real HTTP on loopback and a store in memory: what Alert adds to the store's
// own time. Because a busy machine slows whatever it runs, a floor follows each message: a bare
// POST on a kept connection on loopback. The medians and their ratio are printed.
func BenchmarkNotification(b *testing.B) {
	for _, c := range []struct {
		name               string
		databases, failing int
	}{{"10 databases", 10, 1}, {"250 databases, all failing", 250, 250}} {
		b.Run(c.name, func(b *testing.B) { benchmarkNotification(b, c.databases, c.failing) })
	}
}

func benchmarkNotification(b *testing.B, databases, failing int) {
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
	var doc strings.Builder
	doc.WriteString("regions: [us]\nreceivers: [{name: slack, slack: {bot_token: 'sm://projects/p/secrets/s', channel: C0123456789}}]\ndatabases:\n")
	for i := range databases {
		fmt.Fprintf(&doc, "  - {name: db-%03d, url: 'https://x.upstash.io', token: 'sm://projects/p/secrets/a'}\n", i)
	}
	cfg := parse(b, doc.String())
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	b.Cleanup(bare.Close)
	var took, floors []time.Duration
	for b.Loop() {
		// A world of its own, because what has failed once is known.
		w := newWorld(b, func(o *Options) {
			o.Config = cfg
			o.Receivers = map[string]message.Receiver{"slack": receiver}
		})
		var obs []report.Observation
		for i := range databases {
			c := cause.Cause("")
			if i < failing {
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
		took = append(took, (<-accepted).Sub(began))

		began = time.Now()
		answer, err := bare.Client().Post(bare.URL, "text/plain", strings.NewReader("text"))
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			b.Fatal(err)
		}
		floors = append(floors, time.Since(began))
	}
	all, floor := median(took), median(floors)
	b.ReportMetric(0, "ns/op") // it would be of both
	b.ReportMetric(all, "ms-message")
	b.ReportMetric(floor, "ms-floor")
	b.ReportMetric(all/floor, "x-floor")
}

// median returns the middle one, in milliseconds.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Microseconds()) / 1000
}
