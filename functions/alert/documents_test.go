package alert

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// An incident's document is claimed together with what people are told, and so says of
// them "pending". In whatever order the results come in, and even if all of them are
// recorded at once, one more document follows that says what became of each.
func TestDocumentSaysWhatBecameOfEach(t *testing.T) {
	delivered := func(address string) notify.Result {
		return notify.Result{Address: address, Outcome: message.Outcome{Result: message.Delivered}, Ref: incident.Ref{ID: "x"}}
	}
	refused := func(address string) notify.Result {
		return notify.Result{Address: address, Outcome: message.Outcome{Result: message.Refused, Reason: "revoked"}}
	}
	later := func(address string) notify.Result {
		return notify.Result{Address: address, Outcome: message.Outcome{Result: message.Later, Reason: "503"}}
	}
	at := noon.Add(2 * time.Minute)
	tests := []struct {
		name    string
		rounds  [][]notify.Result
		want    incident.Told
		settled bool
	}{
		{"the document last, recorded together", [][]notify.Result{{delivered("slack"), delivered(incident.Documents)}}, incident.Told{At: at}, true},
		{"the document first, recorded together", [][]notify.Result{{delivered(incident.Documents), delivered("slack")}}, incident.Told{At: at}, true},
		{"the document last", [][]notify.Result{{delivered("slack")}, {delivered(incident.Documents)}}, incident.Told{At: at}, true},
		{"the document first", [][]notify.Result{{delivered(incident.Documents)}, {delivered("slack")}}, incident.Told{At: at}, true},
		{"a document that cannot be written yet", [][]notify.Result{{delivered("slack")}, {later(incident.Documents)}}, incident.Told{At: at}, true},
		{"a receiver that refuses", [][]notify.Result{{refused("slack"), delivered(incident.Documents)}}, incident.Told{Refused: "revoked"}, true},
		{"a receiver that fails for now", [][]notify.Result{{later("slack"), delivered(incident.Documents)}}, incident.Told{Pending: true, Error: "503"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSim(t)
			for range 2 {
				w.now = w.now.Add(time.Minute)
				w.s, _ = Step(w.s, w.report("us", w.ping("a", "us", 'x'), w.ping("b", "us", '.')), w.p, w.now)
			}
			var notices []incident.Notice
			w.s, notices = notify.Claim(w.s, w.now, "w", 90*time.Second, 10)
			want, rev := map[string]int{}, 0
			for _, n := range notices {
				want[n.Address] = n.Want
				if n.Document != nil {
					rev = n.Document.Rev
					if !n.Document.Told["slack"].Pending {
						t.Fatalf("the first document says %+v of slack, want pending", n.Document.Told["slack"])
					}
				}
			}
			if len(want) != 2 {
				t.Fatalf("claimed %v, want slack and the document", want)
			}
			for _, results := range tt.rounds {
				for i, r := range results {
					results[i].ID, results[i].Owner, results[i].Want, results[i].Open = notices[0].ID(), "w", want[r.Address], true
				}
				w.s = notify.Record(w.s, results, w.p, w.now)
			}
			var last *incident.Document
			for range 5 {
				w.now = w.now.Add(time.Minute)
				s, notices := notify.Claim(w.s, w.now, "w2", 90*time.Second, 10)
				var results []notify.Result
				for _, n := range notices {
					r := notify.Result{ID: n.ID(), Address: n.Address, Owner: "w2", Want: n.Want, Open: n.Open, Outcome: message.Outcome{Result: message.Later, Reason: "503"}}
					if n.Document != nil {
						if n.Document.Rev <= rev {
							t.Errorf("revision %d of the document follows revision %d", n.Document.Rev, rev)
						}
						last, rev, r.Result = n.Document, n.Document.Rev, message.Delivered
					}
					results = append(results, r)
				}
				w.s = notify.Record(s, results, w.p, w.now)
			}
			if last == nil {
				t.Fatal("no document was written after the receiver's delivery")
			}
			if diff := cmp.Diff(tt.want, last.Told["slack"]); diff != "" {
				t.Errorf("the last document says of slack (-want +got):\n%s", diff)
			}
			if tt.settled && notify.Due(w.s, w.now.Add(time.Hour)) {
				t.Error("something is owed for ever")
			}
		})
	}
}

// A receiver that fails in the same way every minute is no reason to write documents
// every minute.
func TestDocumentsAreNotWrittenForEveryTry(t *testing.T) {
	w := newSim(t)
	documents := 0
	for range 10 {
		w.now = w.now.Add(time.Minute)
		w.s, _ = Step(w.s, w.report("us", w.ping("a", "us", 'x'), w.ping("b", "us", '.')), w.p, w.now)
		s, notices := notify.Claim(w.s, w.now, "w", 90*time.Second, 10)
		var results []notify.Result
		for _, n := range notices {
			r := notify.Result{ID: n.ID(), Address: n.Address, Owner: "w", Want: n.Want, Open: n.Open, Outcome: message.Outcome{Result: message.Delivered}}
			if n.Address == incident.Documents {
				documents++
			} else {
				r.Result, r.Reason = message.Later, "503"
			}
			results = append(results, r)
		}
		w.s = notify.Record(s, results, w.p, w.now)
	}
	if documents == 0 || documents > 4 { // opened, its failure, and an edit each 5 min
		t.Errorf("%d documents in 10 minutes of 503, want 1 to 4", documents)
	}
}
