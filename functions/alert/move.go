package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// errMoving says that a database cannot be handed over to its new shard yet.
var errMoving = errors.New("a database of another shard has not arrived yet")

// settle makes sure that the shard has been handed all that others know of its databases, since it
// would otherwise open their incidents anew. It reads all states once in the life of an instance,
// because the configuration does not change meanwhile.
func (f *Function) settle(ctx context.Context, shard string) error {
	select {
	case f.settling <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.settling }()
	if f.settled {
		return nil
	}
	from, to := store.Prefix(incident.StateKey(""))
	moving := false
	for doc, err := range f.store.Range(ctx, from, to) {
		if err != nil {
			return nil // an outage that is told twice is better than one that is not told
		}
		s, err := incident.Decode(doc.Data)
		if err != nil || len(movingFrom(s, f.policy(s.Shard).Elsewhere)) == 0 {
			continue // one that cannot be read is set aside with its first message
		}
		if err := f.apply(ctx, s.Shard, Input{}); err != nil {
			return err
		}
		if after, _, _, err := f.read(ctx, s.Shard); err == nil {
			s = after
		} // otherwise what it had before counts, and only the shards wait that were to have it
		elsewhere := movingFrom(s, f.policy(s.Shard).Elsewhere) // to which it still has something to hand over
		moving = moving || len(elsewhere) > 0
		if slices.Contains(elsewhere, shard) {
			return fmt.Errorf("shard %s: %w", shard, errMoving)
		}
	}
	f.settled = !moving
	return nil
}

// handOver gives other shards what a shard has put aside for them, and then lets it go. What a
// crash leaves behind is handed over once more, which changes nothing.
func (f *Function) handOver(ctx context.Context, shard string, leaving map[string]string) {
	elsewhere := f.policy(shard).Elsewhere
	names, arriving := map[string][]string{}, map[string][]string{} // by their new shard
	for _, name := range slices.Sorted(maps.Keys(leaving)) {
		other := elsewhere[name]
		names[other], arriving[other] = append(names[other], name), append(arriving[other], leaving[name])
	}
	for _, other := range slices.Sorted(maps.Keys(names)) {
		err := f.apply(ctx, other, Input{Arriving: arriving[other]})
		for _, part := range arriving[other] {
			err = cmp.Or(err, f.endDocuments(ctx, shard, part))
		}
		if err == nil {
			err = f.apply(ctx, shard, Input{Left: names[other]})
		}
		if err != nil {
			f.log.WarnContext(ctx, "databases are not handed over yet", "event", "moved", "shard", shard, "to", other, "databases", names[other], "error", err)
			return
		}
		f.log.InfoContext(ctx, "databases are handed over", "event", "moved", "shard", shard, "to", other, "databases", names[other])
	}
}

// endDocuments lets the documents of incidents that were handed over expire: the new shard has
// documents of its own.
func (f *Function) endDocuments(ctx context.Context, shard, handover string) error {
	part, err := incident.DecodePart(handover)
	if err != nil {
		return fmt.Errorf("reading what shard %s hands over: %w", shard, err)
	}
	for id := range part.Incidents {
		doc, err := f.store.Get(ctx, incident.DocumentKey(shard, id))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			doc.ExpiresAt = f.now()
			_, err = f.store.Put(ctx, doc)
		}
		if err != nil {
			return fmt.Errorf("ending the document of %s: %w", incident.ShortID(id), err)
		}
	}
	return nil
}

// movingFrom returns the shards that are to have something from here, elsewhere being the databases
// of other shards with their shard.
func movingFrom(s incident.State, elsewhere map[string]string) []string {
	to := map[string]bool{}
	for key := range s.Series {
		to[elsewhere[key.Database]] = true
	}
	for _, i := range s.Incidents {
		to[elsewhere[i.Series.Database]] = true
	}
	for _, x := range s.Silences {
		to[elsewhere[x.Series.Database]] = true
	}
	for name := range s.Leaving {
		to[elsewhere[name]] = true
	}
	delete(to, "") // what is not elsewhere
	return slices.Sorted(maps.Keys(to))
}

// putAside puts what is known of databases that another shard has now into Leaving, where nothing
// is decided and nothing is sent any more. While a worker may be sending about one of them, it
// does nothing. It returns a change of each group that has lost a member.
func putAside(s *incident.State, elsewhere map[string]string, now time.Time) []incident.Change {
	var changes []incident.Change
	for _, name := range slices.Sorted(maps.Keys(s.Leaving)) {
		if elsewhere[name] == "" { // it has come back, or is gone
			changes = append(changes, takeIn(s, s.Leaving[name], now)...)
			delete(s.Leaving, name)
		}
	}
	elsewhere = maps.Clone(elsewhere)
	for name := range s.Leaving {
		delete(elsewhere, name) // one handover after the other
	}
	if len(movingFrom(*s, elsewhere)) == 0 || sendsAbout(*s, elsewhere, now) {
		return changes
	}
	parts := map[string]*incident.State{} // by database
	part := func(name string) *incident.State {
		if parts[name] == nil {
			parts[name] = new(incident.New(s.Shard, now))
		}
		return parts[name]
	}
	with := map[string]string{} // the database with which an incident or a group leaves
	for _, id := range slices.Sorted(maps.Keys(s.Groups)) {
		g := s.Groups[id]
		first, stays := groupLeaves(s, g, elsewhere)
		switch {
		case first == "":
		case stays == "":
			part(first).Groups[id], with[id] = g, first
			delete(s.Groups, id)
		default:
			changes = append(changes, incident.Change{ID: stays, Event: incident.Updated})
		}
	}
	for id, i := range s.Incidents {
		if name := i.Series.Database; elsewhere[name] != "" {
			part(name).Incidents[id], with[id] = i, name
			delete(s.Incidents, id)
		}
	}
	for key, ss := range s.Series {
		if elsewhere[key.Database] != "" {
			part(key.Database).Series[key] = ss
			delete(s.Series, key)
		}
	}
	s.Silences = slices.DeleteFunc(s.Silences, func(x incident.Silence) bool {
		name := cmp.Or(with[x.Incident], x.Series.Database)
		if elsewhere[name] == "" {
			return false
		}
		part(name).Silences = append(part(name).Silences, x)
		return true
	})
	for name, p := range parts {
		s.Leaving[name] = incident.EncodePart(*p)
	}
	return changes
}

// sendsAbout reports whether a worker may be sending about one of these databases.
func sendsAbout(s incident.State, elsewhere map[string]string, now time.Time) bool {
	held := func(t incident.Thread) bool {
		for _, d := range t.Deliveries {
			if d.Lease.Held(now) {
				return true
			}
		}
		return false
	}
	for _, i := range s.Incidents {
		if elsewhere[i.Series.Database] == "" {
			continue
		}
		if g := s.Groups[i.Group]; held(i.Thread) || g != nil && held(g.Thread) {
			return true
		}
	}
	return false
}

// groupLeaves returns the first member's database of those that leave, and a member that stays.
// A group leaves with its first member if all others leave as well. Members that go another way
// speak for themselves from then on.
func groupLeaves(s *incident.State, g *incident.Group, elsewhere map[string]string) (first, stays string) {
	var leaving []*incident.Incident
	for _, id := range g.Members {
		switch i := s.Incidents[id]; {
		case i == nil:
		case elsewhere[i.Series.Database] == "":
			stays = id
		default:
			leaving = append(leaving, i)
			first = cmp.Or(first, i.Series.Database)
		}
	}
	for _, i := range leaving {
		if stays != "" || elsewhere[i.Series.Database] != elsewhere[first] {
			detach(i, g)
		}
	}
	return first, stays
}

// detach lets a member speak for itself: receivers that were notified of the group know of it.
func detach(i *incident.Incident, g *incident.Group) {
	g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(id string) bool { return id == i.ID })
	i.Group = ""
	if i.Ack == nil {
		i.Ack = g.Ack
	}
	if !i.Open() || i.Marks.Open() || !g.Marks.Open() {
		return
	}
	i.Rev++
	i.Escalated = g.Escalated
	i.Marks[incident.Opened] = i.Rev
	for address, d := range g.Deliveries {
		if address != incident.Documents && d.Open {
			i.Deliveries[address] = incident.Delivery{Want: i.Rev, Done: i.Rev, Open: true, Sent: d.Sent}
		}
	}
}

// takeIn takes what another shard has handed over, and returns a change of each incident, so
// that messages lead here. What is here already stays. An incident whose series has another open
// one here is closed.
func takeIn(s *incident.State, handover string, now time.Time) []incident.Change {
	part, err := incident.DecodePart(handover)
	if err != nil {
		return nil // of another version: the next reports open anew what fails
	}
	var changes []incident.Change
	fails := func(key report.Series) bool { // here, by itself
		own := s.Series[key]
		return own != nil && s.Incidents[own.Incident] != nil && s.Incidents[own.Incident].Open()
	}
	for _, id := range slices.Sorted(maps.Keys(part.Incidents)) {
		i := part.Incidents[id]
		if s.Incidents[id] != nil {
			continue
		}
		s.Incidents[id] = i
		change := incident.Change{ID: id, Event: incident.Updated}
		if i.Open() && fails(i.Series) {
			i.Resolved, i.Gone, change.Event = now, true, incident.NoLongerWatched
		}
		changes = append(changes, change)
	}
	for key, ss := range part.Series {
		if !fails(key) {
			s.Series[key] = ss
		}
	}
	for id, g := range part.Groups {
		if s.Groups[id] == nil {
			s.Groups[id] = g
		}
	}
	for _, x := range part.Silences {
		if !slices.ContainsFunc(s.Silences, func(own incident.Silence) bool { return own.ID == x.ID }) {
			s.Silences = append(s.Silences, x)
		}
	}
	return changes
}
