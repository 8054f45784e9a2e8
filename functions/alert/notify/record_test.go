package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// TestRecord holds what a result does to a delivery that has moved on since its claim.
func TestRecord(t *testing.T) {
	const id, address = "20261122T120000Z-ABCDEFGHJKMN", "slack"
	ours := incident.Lease{Owner: "us", Until: noon.Add(time.Minute)}
	theirs := incident.Lease{Owner: "them", Until: noon.Add(time.Minute)}
	delivered := Result{ID: id, Address: address, Owner: "us", Want: 1, Open: true, Outcome: message.Outcome{Result: message.Delivered}, Ref: incident.Ref{ID: "new"}}
	later := Result{ID: id, Address: address, Owner: "us", Want: 1, Outcome: message.Outcome{Result: message.Later, Reason: "503"}}
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
		{
			"refused for good, without a reason",
			incident.Delivery{Want: 1, Lease: ours, Tries: 1, Error: "503"},
			Result{ID: id, Address: address, Owner: "us", Want: 1, Outcome: message.Outcome{Result: message.Refused}},
			incident.Delivery{Want: 1, Tries: 1, Refused: "refused", Refusals: 1, NotBefore: noon.Add(refusedFor)},
		},
		{
			"refused for good",
			incident.Delivery{Want: 1, Lease: ours, Tries: 1},
			Result{ID: id, Address: address, Owner: "us", Want: 1, Outcome: message.Outcome{Result: message.Refused, Reason: "revoked"}},
			incident.Delivery{Want: 1, Tries: 1, Refused: "revoked", Refusals: 1, NotBefore: noon.Add(refusedFor)},
		},
		{
			"the answer was lost, and the receiver asks to be left alone",
			incident.Delivery{Want: 2, Lease: ours, Tries: 1},
			Result{ID: id, Address: address, Owner: "us", Want: 2, Outcome: message.Outcome{Result: message.Unknown, Reason: "timeout", RetryAfter: time.Hour}},
			incident.Delivery{Want: 2, Tries: 1, Maybe: 2, Error: "timeout", NotBefore: noon.Add(time.Hour)},
		},
		{
			"delivered once more by the claim's holder: nothing to repair",
			incident.Delivery{Want: 2, Done: 2, Lease: ours, Open: true, Sent: noon.Add(-time.Second)},
			Result{ID: id, Address: address, Owner: "us", Want: 2, Outcome: message.Outcome{Result: message.Delivered}},
			incident.Delivery{Want: 2, Done: 2, Sent: noon},
		},
		{
			"an edit that the receiver cannot make is no message that left",
			incident.Delivery{Want: 2, Done: 1, Lease: ours, Open: true, Sent: noon.Add(-time.Hour)},
			Result{ID: id, Address: address, Owner: "us", Want: 2, Open: true, Outcome: message.Outcome{Result: message.Delivered, Unsent: true}},
			incident.Delivery{Want: 2, Done: 2, Open: true, Sent: noon.Add(-time.Hour)},
		},
		{
			"a delivery after a refusal clears it",
			incident.Delivery{Want: 1, Lease: ours, Tries: 3, Refused: "gone", Refusals: 2, Settings: "s", Error: "x", Maybe: 1, Since: noon},
			delivered,
			incident.Delivery{Want: 1, Done: 1, Ref: incident.Ref{ID: "new"}, Open: true, Sent: noon},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := incident.New("main", noon)
			s.Incidents = map[string]*incident.Incident{id: {ID: id, Thread: incident.Thread{Rev: 2, Deliveries: map[string]incident.Delivery{address: tt.before}}}}
			next := Record(s, []Result{tt.result}, policy.Default(), noon)
			if diff := cmp.Diff(tt.want, next.Incidents[id].Deliveries[address]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again := Record(next, []Result{tt.result}, policy.Default(), noon); again.Incidents[id].Deliveries[address].Done < tt.want.Done {
				t.Error("recorded once more, what is done fell")
			}
		})
	}
}

// A document says who was told, so it is written again whenever that changes.
func TestRecordRewritesDocuments(t *testing.T) {
	const documents = incident.Documents
	claimed := incident.Lease{Owner: "w", Until: noon.Add(time.Minute)}
	for _, tt := range []struct {
		name   string
		id     string
		result Result
		// want is what is owed of the documents of A, B and C afterwards; each was owed 3.
		want [3]int
	}{
		{"its own", "A", Result{Address: "slack", Outcome: message.Outcome{Result: message.Delivered}}, [3]int{4, 3, 3}},
		{"a failure that is new", "A", Result{Address: "slack", Outcome: message.Outcome{Result: message.Later, Reason: "503"}}, [3]int{4, 3, 3}},
		{"a failure that is known", "A", Result{Address: "slack", Outcome: message.Outcome{Result: message.Later, Reason: "502"}}, [3]int{3, 3, 3}},
		{"those of a group's members", "G", Result{Address: "slack", Outcome: message.Outcome{Result: message.Delivered}}, [3]int{4, 4, 3}},
		{"not for the document itself", "A", Result{Address: documents, Outcome: message.Outcome{Result: message.Delivered}}, [3]int{3, 3, 3}},
		{"nor for an address that is not owed anything", "A", Result{Address: "fax", Outcome: message.Outcome{Result: message.Delivered}}, [3]int{3, 3, 3}},
		{"nor for an incident that is gone", "Z", Result{Address: "slack", Outcome: message.Outcome{Result: message.Delivered}}, [3]int{3, 3, 3}},
	} {
		s := incident.New("main", noon)
		for _, id := range []string{"A", "B", "C"} {
			s.Incidents[id] = &incident.Incident{ID: id, Thread: incident.Thread{Deliveries: map[string]incident.Delivery{
				documents: {Want: 3, Done: 2, Lease: claimed}, "slack": {Want: 1, Lease: claimed, Error: "502"},
			}}}
		}
		s.Groups["G"] = &incident.Group{ID: "G", Members: []string{"A", "B", "Z"}, Thread: incident.Thread{Deliveries: map[string]incident.Delivery{"slack": {Want: 1, Lease: claimed}}}}
		tt.result.ID, tt.result.Owner, tt.result.Want = tt.id, "w", 1
		next := Record(s, []Result{tt.result}, policy.Default(), noon)
		for i, id := range []string{"A", "B", "C"} {
			if got := next.Incidents[id].Deliveries[documents].Want; got != tt.want[i] {
				t.Errorf("%s: document %d of %s is owed, want %d", tt.name, got, id, tt.want[i])
			}
			if before := s.Incidents[id].Deliveries; before[documents].Want != 3 || before["slack"].Lease != claimed {
				t.Errorf("%s: Record changed its argument", tt.name)
			}
		}
	}
}
