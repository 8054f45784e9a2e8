package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

const propertyDocument = `
regions: [us]
schedule: {metrics: 1m}
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}
  - {name: b, url: "https://b.upstash.io", token: "sm://projects/p/secrets/b"}
  - {name: c, url: "https://c.upstash.io", token: "sm://projects/p/secrets/c"}
receivers:
  - {name: slack, slack: {webhook: "sm://projects/p/secrets/slack"}}
  - {name: mail, email: {host: smtp.example.com, from: p@example.com, to: [x@example.com]}}
alerting: {grouping: {databases: 2}}
`

// otherDocuments are what the configuration may become between two steps.
var otherDocuments = []string{
	propertyDocument,
	strings.ReplaceAll(propertyDocument, "name: slack", "name: chat"),
	strings.ReplaceAll(propertyDocument, "x@example.com", "y@example.com"),
	strings.ReplaceAll(propertyDocument, "to: [x@example.com]", "to: [x@example.com, y@example.com]"),
	propertyDocument + "routes: [{receivers: [slack]}]\n",
	propertyDocument + "routes: [{databases: [a, b], receivers: [mail]}, {receivers: [slack]}]\n",
	strings.ReplaceAll(propertyDocument, "  - {name: c,", "#"), // the database has moved elsewhere
}

func TestProtocolProperty(t *testing.T) {
	t.Parallel()
	c := parse(t, propertyDocument)
	var others []*config.Config
	for _, document := range otherDocuments {
		others = append(others, parse(t, document))
	}
	rapid.Check(t, func(t *rapid.T) {
		p := newPlant(t, c)
		p.publish()
		p.drain()
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { p.t = t; p.check() },
			"status": func(t *rapid.T) {
				db := rapid.SampledFrom(databaseNames).Draw(t, "database")
				p.status[db] = rapid.SampledFrom([]cause.Cause{"", "", cause.AuthInvalid, cause.TimeoutResponse, cause.QuotaMonthly, "unknown"}).Draw(t, "cause")
			},
			"publish": func(t *rapid.T) {
				p.publish()
				if rapid.IntRange(0, 3).Draw(t, "twice") == 0 {
					p.waiting = append(p.waiting, p.waiting[len(p.waiting)-2])
				}
			},
			"deliver": func(t *rapid.T) {
				if len(p.waiting) > 0 {
					p.deliver(rapid.IntRange(0, 1).Draw(t, "worker"), rapid.IntRange(0, len(p.waiting)-1).Draw(t, "message"))
				}
			},
			"deliver in order": func(*rapid.T) { p.drain() },
			"deliver while the other worker does": func(t *rapid.T) {
				if len(p.waiting) < 2 {
					return
				}
				i := rapid.IntRange(0, 1).Draw(t, "worker")
				p.during(i, rapid.SampledFrom([]Point{Got, Stepped, Claimed, Committing, Committed}).Draw(t, "point"), func() { p.deliver(1-i, len(p.waiting)-1) })
			},
			"deliver slowly": func(t *rapid.T) {
				if len(p.waiting) == 0 {
					return
				}
				i := rapid.IntRange(0, 1).Draw(t, "worker")
				p.slowly(i, rapid.SampledFrom([]Point{Sending, Sent}).Draw(t, "point"), time.Duration(rapid.IntRange(1, 200).Draw(t, "seconds"))*time.Second,
					rapid.SampledFrom(databaseNames).Draw(t, "database"), rapid.SampledFrom([]cause.Cause{"", cause.AuthInvalid, cause.QuotaMonthly}).Draw(t, "cause"))
			},
			"deliver and meet a conflict": func(t *rapid.T) {
				if len(p.waiting) == 0 {
					return
				}
				i := rapid.IntRange(0, 1).Draw(t, "worker")
				p.during(i, Sent, func() { p.faulty.Plan(storetest.Put, storetest.Conflict) })
			},
			"crash": func(t *rapid.T) {
				if len(p.waiting) == 0 {
					return
				}
				i := rapid.IntRange(0, 1).Draw(t, "worker")
				p.workers[i].dies = rapid.SampledFrom([]Point{Got, Stepped, Claimed, Committing, Committed, Sending, Sent, Recorded}).Draw(t, "point")
				p.deliver(i, 0)
				p.workers[i].dies = ""
			},
			"tick": func(t *rapid.T) { p.serve(rapid.IntRange(0, 1).Draw(t, "worker"), report.Tick()) },
			"time": func(t *rapid.T) {
				p.clock.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "seconds")) * time.Second)
			},
			"store": func(t *rapid.T) {
				fault := rapid.SampledFrom([]storetest.Fault{storetest.Conflict, storetest.LostAnswer, storetest.Unavailable}).Draw(t, "fault")
				p.faulty.Plan(rapid.SampledFrom([]storetest.Op{storetest.Get, storetest.Put}).Draw(t, "op"), fault)
			},
			"receiver": func(t *rapid.T) {
				s := rapid.SampledFrom(p.stations).Draw(t, "receiver")
				s.plan = append(s.plan, answer(rapid.IntRange(0, int(answers)-1).Draw(t, "answer")))
			},
			"command":   func(t *rapid.T) { p.command(t) },
			"configure": func(t *rapid.T) { p.configure(rapid.SampledFrom(others).Draw(t, "configuration")) },
			"clock steps back": func(t *rapid.T) {
				p.clock.Add(-time.Duration(rapid.IntRange(1, 7200_000).Draw(t, "milliseconds")) * time.Millisecond)
				p.minute = p.clock.Now().Truncate(time.Minute)
			},
		})
		p.end(t)
	})
}

// during has a worker deliver the oldest message, and something happen at a point of it.
func (p *plant) during(worker int, at Point, happens func()) {
	w := p.workers[worker]
	w.at, w.between = at, happens
	p.deliver(worker, 0)
	w.between = nil
}

// slowly has a worker take its time for the oldest message, while a database changes and
// the other worker hears of it. A send ends inside its lease; what comes after it may not.
func (p *plant) slowly(worker int, at Point, pause time.Duration, database string, c cause.Cause) {
	const lease = 90 * time.Second
	if at == Sending {
		pause = min(pause, lease*2/3)
	}
	w := p.workers[worker]
	w.lapses = pause >= lease
	p.during(worker, at, func() {
		p.clock.Add(pause)
		p.status[database] = c
		p.publish()
		for range len(p.waiting) {
			p.deliver(1-worker, 0)
		}
	})
	w.lapses = false
}

// drain delivers what waits, oldest first.
func (p *plant) drain() {
	for range len(p.waiting) {
		p.deliver(0, 0)
	}
}

func (p *plant) command(t *rapid.T) {
	var ids []string
	for id, inc := range p.state().Incidents {
		if inc.Open() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	m, err := report.Encode(report.Command{
		ID: fmt.Sprint(rapid.IntRange(0, 1000).Draw(t, "id")), By: "me", At: p.clock.Now(), For: 10 * time.Minute,
		Action:   rapid.SampledFrom([]report.Action{report.Acknowledge, report.Silence, report.Unsilence}).Draw(t, "action"),
		Incident: rapid.SampledFrom(ids).Draw(t, "incident"),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.waiting = append(p.waiting, m)
}

// end lets the faults end and all be well, and checks that all receivers know.
func (p *plant) end(t rapid.TB) {
	for _, s := range p.stations {
		s.plan = nil
	}
	p.useUpFaults()
	p.allKnowWhatIsOpen(t)
	clear(p.status)
	for minute := range 100 { // longer than an unstable incident settles and a silence lasts
		p.clock.Add(time.Minute)
		p.publish()
		p.drain()
		p.serve(0, report.Tick())
		p.check()
		open, owed := p.left()
		if minute >= 3 && len(owed) > 0 {
			t.Fatalf("owed three ticks after the last fault: %v", owed)
		}
		if len(open)+len(owed) == 0 && minute >= 3 {
			break
		}
		if minute == 99 {
			t.Fatalf("still open: %v", open)
		}
	}
	for _, station := range p.stations {
		for id, open := range station.open {
			if open && p.configured(station) {
				doc, _ := p.memory.Get(context.Background(), incident.DocumentKey("main", id))
				t.Errorf("%s was never told the end of %s\n%s\n%s", station.name, id, strings.Join(station.log, "\n"), doc.Data)
			}
		}
	}
	p.allWereTold(t)
}

// configure replaces both workers by ones with another configuration, which takes effect with
// their first step. What was owed to an address that is gone is dropped, and logged.
func (p *plant) configure(c *config.Config) {
	p.useUpFaults()
	p.config = c
	p.replace(0)
	p.replace(1)
	if !p.serve(0, report.Tick()) {
		p.t.Fatal("a tick failed without a fault")
	}
	for _, s := range p.stations {
		if !p.configured(s) {
			s.forget()
		}
	}
	p.noteRoutes()
}

// configured reports whether the configuration names the station.
func (p *plant) configured(s *station) bool {
	_, ok := policy.Of(p.config, "main").Receivers[s.name]
	return ok
}

// noteRoutes keeps which stations some database was not routed to, at some time.
func (p *plant) noteRoutes() {
	policy := policy.Of(p.config, "main")
	for _, s := range p.stations {
		for _, db := range databaseNames {
			if !slices.Contains(policy.Route(db, cause.SeverityCritical).Receivers, s.name) {
				p.unrouted[s.name] = true
			}
		}
	}
}

// allKnowWhatIsOpen checks, once the receivers work, that all that are routed know what is open
// by now, since whenever they are routed.
func (p *plant) allKnowWhatIsOpen(t rapid.TB) {
	for range 4 {
		p.clock.Add(time.Minute)
		p.publish()
		p.drain()
		p.serve(0, report.Tick())
		p.check()
	}
	state, policy := p.state(), policy.Of(p.config, "main")
	know := func(id, database string, severity cause.Severity, thread incident.Thread) {
		if !thread.Marks.Open() || thread.Suppressed != "" {
			return
		}
		for _, s := range p.stations {
			if slices.Contains(policy.Route(database, severity).Receivers, s.name) && !s.open[id] {
				t.Errorf("%s does not know that %s of %s is open\n%s", s.name, id, database, strings.Join(s.log, "\n"))
			}
		}
	}
	for id, inc := range state.Incidents {
		if inc.Open() && inc.Group == "" {
			know(id, inc.Series.Database, inc.Severity, inc.Thread)
		}
	}
	for id, g := range state.Groups {
		if g.Open() {
			know(id, state.Incidents[g.Members[0]].Series.Database, g.Severity, g.Thread)
		}
	}
}

// left returns what is open and what is owed.
func (p *plant) left() (open, owed []string) {
	s := p.state()
	threads := map[string]incident.Thread{}
	for id, inc := range s.Incidents {
		threads[id] = inc.Thread
		if inc.Open() {
			open = append(open, id)
		}
	}
	for id, g := range s.Groups {
		threads[id] = g.Thread
		if g.Open() {
			open = append(open, id)
		}
	}
	for id, thread := range threads {
		for address, d := range thread.Deliveries {
			if d.Pending() && address != incident.Documents {
				owed = append(owed, id+" to "+address)
			}
		}
	}
	return open, owed
}

// useUpFaults uses up the planned faults.
func (p *plant) useUpFaults() {
	for range 1000 {
		_, getErr := p.faulty.Get(context.Background(), "none/v1/x")
		_, putErr := p.faulty.Put(context.Background(), store.Doc{Key: "none/v1/y", Version: "never"})
		if !errors.Is(getErr, storetest.ErrInjected) && !errors.Is(putErr, storetest.ErrInjected) {
			break
		}
	}
}

// allWereTold checks every incident that ever was: it reached all receivers, or its
// document names why not.
func (p *plant) allWereTold(t rapid.TB) {
	from, to := store.Prefix("incidents/v1/main/")
	for doc, err := range p.memory.Range(context.Background(), from, to) {
		if err != nil {
			t.Fatal(err)
		}
		d, err := incident.DecodeDocument(doc.Data)
		if err != nil {
			t.Fatal(err)
		}
		if d.Resolved.IsZero() {
			t.Errorf("the document of %s says that it is open", d.Short)
		}
		for _, station := range p.stations {
			if station.seen[d.ID] == 0 && d.Group == "" && d.Suppressed == "" && !p.unrouted[station.name] {
				t.Errorf("%s was never told of %s (%s)\n%s", station.name, d.Short, d.Series, strings.Join(station.log, "\n"))
			}
		}
	}
}
