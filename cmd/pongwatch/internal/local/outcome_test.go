package local

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

const linkedIncident = "20261122T182201Z-7F3A9K2M4QXT"

var linkTime = time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)

// linked is a command of a link that was made after the first reopening.
func linked(action report.Action) report.Command {
	return report.Command{ID: "c1", Action: action, Shard: "main", Incident: linkedIncident, Reopened: new(1), For: time.Hour, At: linkTime}
}

func linkedState(edit func(*incident.State, *incident.Incident)) incident.State {
	s := incident.New("main", linkTime)
	s.Incidents[linkedIncident] = &incident.Incident{ID: linkedIncident, Reopened: 1}
	if edit != nil {
		edit(&s, s.Incidents[linkedIncident])
	}
	return s
}

func TestSettled(t *testing.T) {
	group := func(resolved time.Time) incident.State {
		s := incident.New("main", linkTime)
		s.Groups[linkedIncident] = &incident.Group{ID: linkedIncident, Resolved: resolved}
		return s
	}
	silence := func(until time.Time) incident.State {
		return linkedState(func(s *incident.State, _ *incident.Incident) {
			s.Commands["c1"] = linkTime
			s.Silences = []incident.Silence{{ID: "another", Until: linkTime.Add(9 * time.Hour)}, {ID: "c1", Until: until}}
		})
	}
	for _, tt := range []struct {
		name   string
		action report.Action
		state  incident.State
		want   inbound.Outcome // zero where nothing is settled
	}{
		{"open", report.Acknowledge, linkedState(nil), inbound.Outcome{}},
		{"an open group", report.Acknowledge, group(time.Time{}), inbound.Outcome{}},
		{
			"acknowledged by this command", report.Acknowledge, linkedState(func(s *incident.State, i *incident.Incident) {
				s.Commands["c1"], i.Ack = linkTime, &incident.Ack{By: "link", At: linkTime}
			}), inbound.Outcome{Title: "Acknowledged INC-7F3A9K", Text: "Reminders become rare and the incident is not escalated."},
		},
		{
			"silenced for as long as the policy allows", report.Silence, silence(linkTime.Add(30 * time.Minute)),
			inbound.Outcome{Title: "Silenced INC-7F3A9K", Text: "You get no new messages about it until 19:00 UTC."},
		},
		{
			"silenced, and that has ended", report.Silence, silence(linkTime.Add(-time.Minute)),
			inbound.Outcome{Title: "Silenced INC-7F3A9K", Text: "The silence is over."},
		},
		{
			"over", report.Acknowledge, linkedState(func(_ *incident.State, i *incident.Incident) { i.Resolved = linkTime.Add(-4 * time.Minute) }),
			inbound.Outcome{Title: "INC-7F3A9K is over", Text: "It ended at 18:26 UTC. Nothing has changed."},
		},
		{
			"over since yesterday, to be silenced", report.Silence, linkedState(func(_ *incident.State, i *incident.Incident) { i.Resolved = linkTime.Add(-24 * time.Hour) }),
			inbound.Outcome{Title: "INC-7F3A9K is over", Text: "It ended at 2026-11-21 18:30 UTC. Nothing has changed."},
		},
		{
			"reopened", report.Acknowledge, linkedState(func(_ *incident.State, i *incident.Incident) { i.Reopened, i.Again = 2, linkTime.Add(-time.Minute) }),
			inbound.Outcome{Title: "INC-7F3A9K has failed again", Text: "It was reopened and has failed since 18:29 UTC; this message is of an earlier failure. Nothing has changed. Use the latest message."},
		},
		{
			"acknowledged by a person", report.Acknowledge, linkedState(func(_ *incident.State, i *incident.Incident) {
				i.Ack = &incident.Ack{By: "anna", Via: "cli", At: linkTime.Add(-time.Minute)}
			}), inbound.Outcome{Title: "INC-7F3A9K is already acknowledged", Text: "Acknowledged by anna at 18:29 UTC. Nothing has changed."},
		},
		{
			"acknowledged by another link", report.Acknowledge, linkedState(func(_ *incident.State, i *incident.Incident) {
				i.Ack = &incident.Ack{By: "link", Via: "link", At: linkTime}
			}), inbound.Outcome{Title: "INC-7F3A9K is already acknowledged", Text: "Acknowledged by a person with the link at 18:30 UTC. Nothing has changed."},
		},
		{
			"acknowledged, and can still be silenced", report.Silence, linkedState(func(_ *incident.State, i *incident.Incident) {
				i.Ack = &incident.Ack{By: "anna", At: linkTime}
			}), inbound.Outcome{},
		},
		{"forgotten", report.Acknowledge, incident.New("main", linkTime), inbound.Outcome{Title: "INC-7F3A9K is not open", Text: "It ended some time ago, or its data was set aside. Nothing has changed."}},
		{"a group that is over", report.Acknowledge, group(linkTime.Add(-time.Minute)), inbound.Outcome{Title: "INC-7F3A9K is over", Text: "It ended at 18:29 UTC. Nothing has changed."}},
	} {
		got, ok := settled(tt.state, linked(tt.action), linkTime)
		if got != tt.want || ok != (tt.want != inbound.Outcome{}) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, ok, tt.want)
		}
	}
}

// A page waits for Alert for a while, and a look does not.
func TestOutcomesWaitForAlert(t *testing.T) {
	for _, tt := range []struct {
		name        string
		after, wait time.Duration
		err         error
		ended       bool // the request
		ok          bool
		took        time.Duration
	}{
		{"Alert comes to it", 200 * time.Millisecond, 3 * time.Second, nil, false, true, 200 * time.Millisecond},
		{"it does not", time.Hour, 3 * time.Second, nil, false, false, 3 * time.Second},
		{"a look", time.Hour, 0, nil, false, false, 0},
		{"a look at what is over", 0, 0, nil, false, true, 0},
		{"the state cannot be read", 0, 3 * time.Second, errors.New("disk"), false, false, 3 * time.Second},
		{"the reader is gone", time.Hour, 3 * time.Second, nil, true, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.ended {
					cancel()
				}
				began := time.Now()
				state := func(_ context.Context, shard string) (incident.State, error) {
					return linkedState(func(_ *incident.State, i *incident.Incident) {
						if time.Since(began) >= tt.after {
							i.Resolved = linkTime
						}
					}), tt.err
				}
				_, ok := outcomes(state, time.Now)(ctx, linked(report.Acknowledge), tt.wait)
				if took := time.Since(began); ok != tt.ok || took != tt.took {
					t.Errorf("known %v after %v, want %v after %v", ok, took, tt.ok, tt.took)
				}
			})
		})
	}
}
