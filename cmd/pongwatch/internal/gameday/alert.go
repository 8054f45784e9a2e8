package gameday

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/text"
)

// open names the database's open incident, the first of them.
func (t *trial) open(e evidence) string {
	if len(e.sightings) == 0 {
		return "pongwatch has not answered"
	}
	if last := e.sightings[len(e.sightings)-1]; len(last.open) > 0 {
		return fmt.Sprintf("%s (%s) was open before", last.open[0].ID, last.open[0].Cause)
	}
	return ""
}

// known are the incidents that pongwatch knew last.
func known(e evidence) map[string]incidents.Incident {
	out := map[string]incidents.Incident{}
	if len(e.sightings) > 0 {
		last := e.sightings[len(e.sightings)-1]
		for _, i := range slices.Concat(last.open, last.over) {
			out[i.FullID] = i
		}
	}
	return out
}

// judgeAlert wants an incident of this cause that a receiver has taken.
func (t *trial) judgeAlert(e evidence, now time.Time) Cell {
	if t.notAsked != "" {
		return notAsked(t.notAsked)
	}
	if t.stillOpen != "" {
		return fail("an earlier incident has not ended", t.stillOpen)
	}
	deadline, last := t.broken.Add(t.alertPatience), ""
	for _, s := range e.sightings {
		if s.ended.Before(t.broken) || s.ended.After(deadline) || !t.restored.IsZero() && s.ended.After(t.restored) {
			continue
		}
		for _, i := range s.open {
			told, problem := t.told(i)
			switch {
			case i.Cause != t.Cause:
				last = fmt.Sprintf("%s says %s", i.ID, i.Cause)
			case len(told) > 0:
				return pass(s.ended.Sub(t.broken), "%s to %s", i.ID, strings.Join(told, ", "))
			default:
				last = fmt.Sprintf("%s is %s, and %s", i.ID, i.State, problem)
			}
		}
	}
	if now.Before(deadline) && t.restored.IsZero() {
		return undecided()
	}
	return fail("no alert says "+string(t.Cause), cmp.Or(last, "no incident of the database opened"))
}

// told returns the receivers that have taken something since the break.
func (t *trial) told(i incidents.Incident) (taken []string, problem string) {
	problem = "no receiver was notified"
	for _, now := range i.Told {
		old := slices.IndexFunc(t.before[i.FullID].Told, func(b incidents.Told) bool { return b.Receiver == now.Receiver })
		switch {
		case now.Delivery == incidents.DeliveryDone && (old < 0 || !t.before[i.FullID].Told[old].At.Equal(now.At)):
			taken = append(taken, now.Receiver)
		case now.Delivery != incidents.DeliveryDone:
			problem = fmt.Sprintf("%s: %s %s", now.Receiver, now.Delivery, now.Error)
		}
	}
	return taken, strings.TrimSpace(problem)
}

// judgeResolve wants the incidents of the fault resolved, and every receiver told.
func (t *trial) judgeResolve(e evidence, now time.Time) Cell {
	if t.notAsked != "" {
		return notAsked(t.notAsked)
	}
	if t.restored.IsZero() {
		return undecided()
	}
	opened := map[string]string{} // id for people, by FullID
	deadline, last := t.restored.Add(t.alertPatience), ""
	for _, s := range e.sightings {
		if s.ended.Before(t.broken) || s.ended.After(deadline) {
			continue
		}
		for _, i := range s.open {
			opened[i.FullID] = i.ID
		}
		if s.ended.Before(t.restored) || len(opened) == 0 {
			continue
		}
		if last = t.unresolved(s, opened); last == "" {
			return pass(s.ended.Sub(t.restored), "every receiver has taken it")
		}
	}
	switch {
	case len(opened) == 0 && t.stillOpen == "":
		return fail("there is nothing to resolve", "no incident of the database opened")
	case now.Before(deadline):
		return undecided()
	}
	return fail("no resolve within "+text.Duration(t.alertPatience), cmp.Or(last, t.stillOpen))
}

// unresolved says what is missing until every opened incident is over and told.
func (t *trial) unresolved(s sighting, opened map[string]string) string {
	if len(s.open) > 0 {
		return fmt.Sprintf("%s is %s", s.open[0].ID, s.open[0].State)
	}
	for _, i := range s.over {
		for _, told := range i.Told {
			if opened[i.FullID] != "" && told.Delivery == incidents.DeliveryPending {
				return fmt.Sprintf("%s is resolved, and %s has not been notified", i.ID, told.Receiver)
			}
		}
	}
	return ""
}
