package alert

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
)

func threadOf(s incident.State, id string) *incident.Thread {
	if i := s.Incidents[id]; i != nil {
		return &i.Thread
	}
	if g := s.Groups[id]; g != nil {
		return &g.Thread
	}
	return nil
}

// noteTransitions adds what happened to the timelines. Updates are left out, because there
// is one with nearly every report.
func noteTransitions(s incident.State, transitions []notify.Transition) {
	for _, tr := range transitions {
		t := threadOf(s, tr.ID)
		if t == nil || tr.Event == incident.Updated || tr.Dropped != "" {
			continue
		}
		m := incident.Moment{At: tr.At, Event: tr.Event, Withheld: tr.Withheld}
		switch {
		case tr.Event == incident.Acknowledged && t.Ack != nil:
			m.By, m.Via = t.Ack.By, t.Ack.Via
		case tr.Event == incident.Silenced:
			m.By = t.SilencedBy
		}
		t.Note(m)
	}
}

// noteDeliveries adds to the timelines who was told of what. An edit that the receiver
// cannot make tells it nothing, and a delivery that is recorded a second time nothing new.
func noteDeliveries(before, after incident.State, results []notify.Result, edits func(string) bool, now time.Time) {
	for _, r := range results {
		old, t := threadOf(before, r.ID), threadOf(after, r.ID)
		if r.Outcome != notify.Delivered || r.Address == incident.Documents || old == nil || t == nil {
			continue
		}
		was, is := old.Deliveries[r.Address], t.Deliveries[r.Address]
		if is.Done <= was.Done {
			continue
		}
		events := append(old.Marks.Between(was.Done, r.Want, was.Open), incident.Updated)
		m := incident.Moment{At: now.UTC().Truncate(time.Millisecond), Event: events[0], Receiver: r.Address, Edited: !events[0].Loud()}
		if !m.Edited || edits(r.Address) {
			t.Note(m)
		}
	}
}

// edits reports whether a receiver can change what it has sent.
func (f *Function) edits(address string) bool {
	for i := range f.config.Receivers {
		r := &f.config.Receivers[i]
		if slices.Contains(policy.Addresses(r), address) {
			return r.Email == nil && (r.Slack == nil || !r.Slack.Webhook.IsSet())
		}
	}
	return false
}

// configuration returns what an incident was decided by.
func (f *Function) configuration(shard string, d incident.Document) *incident.Configuration {
	rule := f.policy(shard).Rules[d.Series.Check]
	threshold := rule.Threshold
	if of, ok := rule.Classes[d.Cause.Info().Class]; ok {
		threshold = of
	}
	c := &incident.Configuration{
		Hash: f.hash, Open: threshold.Open, OpenBad: threshold.OpenBad, OpenOf: threshold.OpenOf, Close: threshold.Close,
	}
	if database := f.config.Database(d.Series.Database); database != nil {
		c.EverySeconds = int64(database.Checks.Of(d.Series.Check).Every / time.Second)
	}
	return c
}
