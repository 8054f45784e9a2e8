package incidents

import (
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
)

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
