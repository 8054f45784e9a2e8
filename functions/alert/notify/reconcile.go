package notify

import (
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// Reconcile brings what is owed in line with the configuration, which may have changed since
// the last step. What is owed to an address that is no longer configured is dropped. An address
// that a route names since then, or whose messages go elsewhere now, is owed what is open. A receiver that refused, and whose settings
// have changed, is tried again.
func Reconcile(state *incident.State, p policy.Policy, now time.Time) []Transition {
	if p.Databases == nil {
		return nil // the configuration could not be read
	}
	s := &shard{State: state, policy: p, now: now}
	for _, t := range s.threads() {
		told := t.open // or a receiver that is gone was left with what is open
		for _, a := range slices.Sorted(maps.Keys(t.Deliveries)) {
			d := t.Deliveries[a]
			receiver, configured := p.Receivers[a]
			switch {
			case a == incident.Documents:
				continue
			case !configured, d.Place != "" && d.Place != receiver.Place:
				delete(t.Deliveries, a)
				told = told || d.Open
				if d.Want > d.Done || d.Open {
					s.told = append(s.told, Transition{ID: t.id, Severity: t.severity, Dropped: a})
				}
				continue
			case d.Refused != "" && d.Settings != receiver.Settings:
				d = d.Again()
			}
			if _, ok := p.Receivers[d.Instead]; !ok {
				d.Instead, d.Why = "", ""
			}
			t.Deliveries[a] = d
		}
		if !told || !t.Marks.Open() || t.Suppressed != "" || t.incident != nil && t.incident.Group != "" {
			continue
		}
		for _, a := range s.audience(t, incident.Opened) {
			if _, ok := p.Receivers[a]; ok && t.Deliveries[a].Want < t.Marks.OpenAt() {
				t.owe(a, t.Rev, now)
			}
		}
	}
	return s.told
}

// TryAgain gives a receiver that works again, or may, what it refused: at once, unless it has
// refused that very often.
func TryAgain(state *incident.State, address string, now time.Time) {
	for t := range state.Threads() {
		if d := t.Deliveries[address]; d.Refused != "" && (d.Refusals < refusalsAtOnce || !now.Before(d.NotBefore)) {
			t.Deliveries[address] = d.Again()
		}
	}
}

// refusalsAtOnce bounds how often something is tried again because the receiver took
// something else. It may be this message that it does not take.
const refusalsAtOnce = 3
