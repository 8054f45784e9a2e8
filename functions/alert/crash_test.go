package alert

import (
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// The process ends at one point of the protocol while it opens an incident: nothing
// is lost, and something comes twice only where the end falls between a receiver's
// acceptance and the record of it.
func TestCrashAtEachPoint(t *testing.T) {
	t.Parallel()
	c := parse(t, propertyDocument)
	for _, tt := range []struct {
		point Point
		// messages is the most that a receiver gets of the incident: opening and end.
		messages int
	}{
		{Got, 2},
		{Stepped, 2},
		{Claimed, 2},
		{Committing, 2},
		{Committed, 2},
		// Another receiver may have accepted meanwhile, and its record be still to come.
		{Sending, 3},
		{Sent, 3},
		{Recorded, 3},
	} {
		t.Run(string(tt.point), func(t *testing.T) {
			p := newPlant(t, c)
			p.publish()
			p.drain()
			p.status["a"] = cause.AuthInvalid
			p.publish()
			p.workers[0].dies = tt.point
			p.deliver(0, 0)
			for range 3 {
				p.clock.Add(time.Minute)
				p.publish()
				p.drain()
				p.serve(0, report.Tick())
			}
			for _, s := range p.stations {
				if p.configured(s) && len(s.seen) != 1 {
					t.Errorf("%s was told of %d incidents within three minutes, want 1", s.name, len(s.seen))
				}
			}
			p.end(t)
			for _, s := range p.stations {
				for id, n := range s.seen {
					if n < 2 || n > tt.messages {
						t.Errorf("%s got %d messages of %s, want 2 to %d: %v", s.name, n, id, tt.messages, s.log)
					}
				}
			}
		})
	}
}
