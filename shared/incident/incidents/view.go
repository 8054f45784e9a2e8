package incidents

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
)

// New makes the View of the shards' states at now. Its lists are never nil,
// so that they are lists in JSON too.
func New(now time.Time, states ...incident.State) View {
	v := View{
		At:   now.UTC(),
		Open: []Incident{}, Resolved: []Incident{}, Groups: []Group{},
		Drills: []Incident{}, Silences: []Silence{}, Commands: []string{},
	}
	for _, s := range states {
		v.add(s, now)
	}
	slices.SortStableFunc(v.Open, func(a, b Incident) int {
		return cmp.Or(b.Severity.Rank()-a.Severity.Rank(), strings.Compare(a.FullID, b.FullID))
	})
	slices.SortStableFunc(v.Groups, func(a, b Group) int {
		return cmp.Or(b.Severity.Rank()-a.Severity.Rank(), strings.Compare(a.FullID, b.FullID))
	})
	slices.SortStableFunc(v.Resolved, func(a, b Incident) int {
		return cmp.Or(b.Resolved.Compare(a.Resolved), strings.Compare(b.FullID, a.FullID))
	})
	slices.SortStableFunc(v.Drills, func(a, b Incident) int { return strings.Compare(b.FullID, a.FullID) })
	slices.SortStableFunc(v.Silences, func(a, b Silence) int { return a.Until.Compare(b.Until) })
	slices.Sort(v.Commands)
	return v
}

func (v *View) add(s incident.State, now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(s.Incidents)) {
		i := s.Incidents[id]
		view := newIncident(s.Shard, *i, s.Groups[i.Group], now)
		switch {
		case i.Drill:
			v.Drills = append(v.Drills, view)
		case i.Open():
			v.Open = append(v.Open, view)
		default:
			v.Resolved = append(v.Resolved, view)
		}
		v.Deliveries.Add(told(i.Deliveries))
	}
	for _, id := range slices.Sorted(maps.Keys(s.Groups)) {
		g := s.Groups[id]
		v.Groups = append(v.Groups, newGroup(s.Shard, *g, now))
		v.Deliveries.Add(told(g.Deliveries))
	}
	for _, x := range s.Silences {
		if !now.Before(x.Until) {
			continue
		}
		v.Silences = append(v.Silences, Silence{
			Shard: s.Shard, Incident: incident.ShortID(x.Incident), Database: x.Series.Database, Check: x.Series.Check, Subject: x.Series.Subject,
			Until: x.Until, At: x.At, By: x.By, Via: x.Via, Reason: x.Reason,
		})
	}
	v.Commands = slices.AppendSeq(v.Commands, maps.Keys(s.Commands))
	if stale(s, now) {
		v.Stale = append(v.Stale, s.Shard)
	}
}

func newIncident(shard string, i incident.Incident, group *incident.Group, now time.Time) Incident {
	v := FromDocument(incident.NewDocument(shard, i, group), now)
	v.Handling = newHandling(i.Thread, now)
	deliveries := i.Deliveries
	if group != nil {
		deliveries = map[string]incident.Delivery{}
		maps.Copy(deliveries, i.Deliveries)
		maps.Copy(deliveries, group.Deliveries)
	}
	v.Told = told(deliveries)
	if !i.Open() {
		return v
	}
	v.State = v.Handling.state()
	switch {
	case v.State != StateOpen:
	case i.Flapping:
		v.State = StateFlapping
	case i.Unstable:
		v.State = StateUnstable
	}
	return v
}

func newGroup(shard string, g incident.Group, now time.Time) Group {
	v := Group{
		ID: g.Short(), FullID: g.ID, Shard: shard, Severity: g.Severity, Class: g.Class, Region: g.Region,
		Members: make([]string, len(g.Members)), Since: g.Since, Again: g.Again, Opened: g.Opened, Resolved: g.Resolved,
		Handling: newHandling(g.Thread, now), Told: told(g.Deliveries),
	}
	for i, id := range g.Members {
		v.Members[i] = incident.ShortID(id)
	}
	v.State = v.Handling.state()
	if !g.Open() {
		v.State = StateResolved
	}
	v.DurationSeconds = int64(g.Duration(now).Seconds())
	return v
}

func newHandling(t incident.Thread, now time.Time) Handling {
	h := Handling{Acknowledged: (*Acknowledged)(t.Ack), Maintenance: t.Suppressed == string(StateMaintenance)}
	if h.Maintenance {
		h.Window = t.Window
	}
	if now.Before(t.SilencedUntil) {
		h.SilencedUntil, h.SilencedBy = t.SilencedUntil, t.SilencedBy
	}
	return h
}

func (h Handling) state() State {
	switch {
	case !h.SilencedUntil.IsZero():
		return StateSilenced
	case h.Maintenance:
		return StateMaintenance
	case h.Acknowledged != nil:
		return StateAcknowledged
	}
	return StateOpen
}

// told lists the receivers that people see: not the one that keeps the documents.
func told(deliveries map[string]incident.Delivery) []Told {
	out := []Told{}
	for _, address := range slices.Sorted(maps.Keys(deliveries)) {
		d := deliveries[address]
		if address == incident.Documents || d.Want == 0 {
			continue
		}
		t := Told{Receiver: address, Delivery: DeliveryDone, At: d.Sent, InsteadOf: d.Instead}
		switch {
		case d.Refused != "":
			t.Delivery, t.Error = DeliveryFailed, d.Refused
		case d.Pending():
			t.Delivery, t.Since, t.Tries, t.Error = DeliveryPending, d.Since, d.Tries, d.Error
		}
		out = append(out, t)
	}
	return out
}

// Add counts those who were told.
func (c *Deliveries) Add(list []Told) {
	for _, t := range list {
		switch t.Delivery {
		case DeliveryDone:
			c.Delivered++
		case DeliveryPending:
			c.Pending++
		case DeliveryFailed:
			c.Failed++
		}
	}
}

// Only returns what concerns one database. Deliveries and Commands stay those of all.
func (v View) Only(database string) View {
	elsewhere := func(i Incident) bool { return i.Database != database }
	v.Open = slices.DeleteFunc(slices.Clone(v.Open), elsewhere)
	v.Resolved = slices.DeleteFunc(slices.Clone(v.Resolved), elsewhere)
	v.Drills = slices.DeleteFunc(slices.Clone(v.Drills), elsewhere)
	known := map[string]bool{}
	for _, i := range slices.Concat(v.Open, v.Resolved) {
		known[i.ID], known[i.Group] = true, true
	}
	v.Groups = slices.DeleteFunc(slices.Clone(v.Groups), func(g Group) bool { return !known[g.ID] })
	v.Silences = slices.DeleteFunc(slices.Clone(v.Silences), func(s Silence) bool {
		return s.Database != database && (s.Incident == "" || !known[s.Incident])
	})
	return v
}

// stale reports whether no job has reported for three of its shortest intervals and two
// minutes, after which a series is missing as well.
func stale(s incident.State, now time.Time) bool {
	heard, every := s.Created, time.Duration(0)
	for _, j := range s.Jobs {
		for _, at := range []time.Time{j.Scheduled, j.Expected} {
			if at.After(heard) {
				heard = at
			}
		}
		if every == 0 || j.Every > 0 && j.Every < every {
			every = j.Every
		}
	}
	return now.Sub(heard) > 3*every+2*time.Minute
}

// FromDocument returns an incident that Alert's state no longer holds.
func FromDocument(d incident.Document, now time.Time) Incident {
	v := Incident{
		ID: d.Short(), FullID: d.ID, Shard: d.Shard, Database: d.Series.Database, Check: d.Series.Check, Subject: d.Series.Subject,
		Severity: d.Severity, Status: d.Status, Cause: d.Cause, Title: d.Cause.Info().Title, Playbook: d.Cause.Playbook(),
		Evidence: d.Observation.Evidence, Mock: d.Mock, State: StateResolved, Since: d.Since, LastOK: d.LastOK, Opened: d.Opened, Resolved: d.Resolved, Again: d.Again, Stale: d.Stale,
		DurationSeconds: int64(d.Duration(now).Seconds()),
		Reopened:        d.Reopened, Unstable: d.Unstable, Flapping: d.Flapping, Group: incident.ShortID(d.Group), Handling: Handling{Acknowledged: (*Acknowledged)(d.Ack)}, Told: []Told{},
	}
	v.SeenBy, v.Voters, v.Runs, v.PreviousCause, v.Sparkline, v.Timeline, v.Configuration = d.Down, d.Voters, d.Runs, d.Previous, d.Sparkline, d.Timeline, d.Configuration
	if d.Gone {
		v.State = StateNoLongerWatched
	}
	for _, address := range slices.Sorted(maps.Keys(d.Told)) {
		t := d.Told[address]
		told := Told{Receiver: address, Delivery: DeliveryDone, At: t.At}
		switch {
		case t.Refused != "":
			told.Delivery, told.Error = DeliveryFailed, t.Refused
		case t.Pending && t.At.IsZero():
			// The document was written while an edit was due if the receiver has taken something.
			told.Delivery, told.Error = DeliveryPending, t.Error
		}
		v.Told = append(v.Told, told)
	}
	return v
}
