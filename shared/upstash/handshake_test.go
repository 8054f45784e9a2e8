package upstash_test

import (
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// TestTimeMayEndAtAnyPointOfAPing is for the race detector: what wakes a connection at
// the deadline may run just while the connection becomes a secure one.
func TestTimeMayEndAtAnyPointOfAPing(t *testing.T) {
	e := upstashtest.Start(t, upstashtest.Options{TLS: true})
	for timeout := 100 * time.Microsecond; timeout < 10*time.Millisecond; timeout += 20 * time.Microsecond {
		c, err := upstash.New(upstash.Options{URL: e.URL(), Token: secrets.New(e.Token()), RootCAs: e.CA(), Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Ping(t.Context()) // whether it came in time is not the question
	}
}
