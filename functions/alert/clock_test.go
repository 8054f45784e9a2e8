package alert

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestAClockThatSteppedBackLeavesNoNegativeAge(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p := policy.Policy{Shift: time.Minute, SilenceMost: 24 * time.Hour}
	future := now.Add(24 * 30 * time.Hour)
	ping := report.Series{Database: "a", Check: report.Ping}
	// All of it was written by a clock that was fast.
	state := func(at time.Time) incident.State {
		s := incident.New("main", now)
		s.Jobs["healthcheck@us"] = incident.JobState{Scheduled: at, Expected: at, Late: at, Every: time.Minute}
		s.Canary["us"], s.Commands["c"] = at, at
		s.Series[ping] = &incident.SeriesState{HeldAt: at, LastBad: at, LastOK: at, Sources: []incident.SourceState{
			{Source: "us", Every: time.Minute, Scheduled: at, Seen: at, UnknownSince: at, Since: at},
			{Source: report.SourceEvent, Every: time.Minute, Scheduled: at},
		}}
		s.Silences = []incident.Silence{{Until: at.Add(p.SilenceMost)}}
		s.Incidents["i"] = &incident.Incident{
			ID: "i", Since: at, LastOK: at, Opened: at, Resolved: at, Resumed: at, RedisBack: at, Reopenings: []time.Time{at},
			Thread: incident.Thread{
				Escalated: at, Edited: at, Renewed: at, Ack: &incident.Ack{At: at}, RemindAt: at.Add(24 * time.Hour),
				Deliveries: map[string]incident.Delivery{"slack": {Since: at, Sent: at, NotBefore: at.Add(time.Hour), Lease: incident.Lease{Owner: "w", Until: at.Add(time.Minute)}}},
			},
		}
		s.Groups["g"] = &incident.Group{ID: "g", Since: at, Opened: at, Resolved: at, Reopened: at, Again: at, Resumed: at}
		return s
	}
	got, want := state(future), state(now)
	if by := ahead(got, p, now); by != future.Sub(now) {
		t.Errorf("ahead by %v, want %v", by, future.Sub(now))
	}
	stepBack(got, p, now)
	// A run happened an interval ago, so that the next one is news.
	want.Jobs["healthcheck@us"] = incident.JobState{Scheduled: now.Add(-time.Minute), Expected: now, Late: now, Every: time.Minute}
	want.Series[ping].Sources[0].Scheduled = now.Add(-time.Minute)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("corrected (-want +got):\n%s", diff)
	}
	if by := ahead(got, p, now); by != 0 {
		t.Errorf("still ahead by %v", by)
	}
	for name, s := range map[string]incident.State{"what has happened": state(now.Add(-time.Hour)), "an app's clock": {Series: map[report.Series]*incident.SeriesState{
		ping: {LastBad: now.Add(policy.SignalShift), Sources: []incident.SourceState{{Source: report.SourceEvent, Every: time.Minute, Scheduled: now.Add(policy.SignalShift)}}},
	}}, "a producer's clock": {Jobs: map[string]incident.JobState{"x": {Scheduled: now.Add(p.Shift), Every: time.Minute}}}} {
		if by := ahead(s, p, now); by != 0 {
			t.Errorf("%s is ahead by %v", name, by)
		}
	}
}
