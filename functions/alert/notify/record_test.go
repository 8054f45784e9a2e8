package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/incident"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// TestRecord holds what a result does to a delivery that has moved on since its claim.
func TestRecord(t *testing.T) {
	const id, address = "20261122T120000Z-ABCDEFGHJKMN", "slack"
	ours := incident.Lease{Owner: "us", Until: noon.Add(time.Minute)}
	theirs := incident.Lease{Owner: "them", Until: noon.Add(time.Minute)}
	delivered := Result{ID: id, Address: address, Owner: "us", Want: 1, Open: true, Outcome: Delivered, Ref: incident.Ref{ID: "new"}}
	later := Result{ID: id, Address: address, Owner: "us", Want: 1, Outcome: Later, Error: "503"}
	tests := []struct {
		name   string
		before incident.Delivery
		result Result
		want   incident.Delivery
	}{
		{
			"delivered while the claim is held",
			incident.Delivery{Want: 1, Lease: ours, Tries: 1, NotBefore: noon},
			delivered,
			incident.Delivery{Want: 1, Done: 1, Ref: incident.Ref{ID: "new"}, Open: true, Sent: noon},
		},
		{
			"something newer is owed meanwhile",
			incident.Delivery{Want: 2, Lease: ours},
			delivered,
			incident.Delivery{Want: 2, Done: 1, Ref: incident.Ref{ID: "new"}, Open: true, Sent: noon, Since: noon},
		},
		{
			"the claim was lost to another who is sending: known all the same, and repaired",
			incident.Delivery{Want: 1, Lease: theirs},
			delivered,
			incident.Delivery{Want: 1, Done: 1, Ref: incident.Ref{ID: "new"}, Open: true, Sent: noon, Lease: theirs, Repair: true},
		},
		{
			"a newer revision was delivered meanwhile: what is done never falls, and this one has overwritten it",
			incident.Delivery{Want: 2, Done: 2, Ref: incident.Ref{ID: "theirs"}, Sent: noon.Add(-time.Second)},
			delivered,
			incident.Delivery{Want: 2, Done: 2, Ref: incident.Ref{ID: "theirs"}, Sent: noon.Add(-time.Second), Repair: true},
		},
		{
			"later, while the claim is held",
			incident.Delivery{Want: 1, Lease: ours, Tries: 1},
			later,
			incident.Delivery{Want: 1, Tries: 1, Error: "503", NotBefore: noon.Add(backoff(1))},
		},
		{
			"later, after the claim was lost: the other's pace stands",
			incident.Delivery{Want: 1, Lease: theirs, Tries: 2, NotBefore: noon.Add(time.Minute)},
			later,
			incident.Delivery{Want: 1, Lease: theirs, Tries: 2, NotBefore: noon.Add(time.Minute), Error: "503"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := incident.New("main", noon)
			s.Incidents = map[string]*incident.Incident{id: {ID: id, Thread: incident.Thread{Rev: 2, Deliveries: map[string]incident.Delivery{address: tt.before}}}}
			next := Record(s, []Result{tt.result}, incident.DefaultPolicy(), noon)
			if diff := cmp.Diff(tt.want, next.Incidents[id].Deliveries[address]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again := Record(next, []Result{tt.result}, incident.DefaultPolicy(), noon); again.Incidents[id].Deliveries[address].Done < tt.want.Done {
				t.Error("recorded once more, what is done fell")
			}
		})
	}
}
