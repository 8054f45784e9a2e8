package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An incident's document is claimed together with what people are told, and so says of
// them "pending". In whatever order the results come in, and even if all of them are
// recorded at once, one more document follows that says what became of each.
func TestDocumentSaysWhatBecameOfEach(t *testing.T) {
	delivered := func(address string) Result { return Result{Address: address, Outcome: Delivered, Ref: Ref{ID: "x"}} }
	refused := func(address string) Result { return Result{Address: address, Outcome: Refused, Error: "revoked"} }
	later := func(address string) Result { return Result{Address: address, Outcome: Later, Error: "503"} }
	at := noon.Add(2 * time.Minute)
	tests := []struct {
		name    string
		rounds  [][]Result
		want    Told
		settled bool
	}{
		{"the document last, recorded together", [][]Result{{delivered("slack"), delivered(Documents)}}, Told{At: at}, true},
		{"the document first, recorded together", [][]Result{{delivered(Documents), delivered("slack")}}, Told{At: at}, true},
		{"the document last", [][]Result{{delivered("slack")}, {delivered(Documents)}}, Told{At: at}, true},
		{"the document first", [][]Result{{delivered(Documents)}, {delivered("slack")}}, Told{At: at}, true},
		{"a document that cannot be written yet", [][]Result{{delivered("slack")}, {later(Documents)}}, Told{At: at}, true},
		{"a receiver that refuses", [][]Result{{refused("slack"), delivered(Documents)}}, Told{Refused: "revoked"}, true},
		{"a receiver that fails for now", [][]Result{{later("slack"), delivered(Documents)}}, Told{Pending: true, Error: "503"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSim(t)
			for range 2 {
				w.now = w.now.Add(time.Minute)
				w.s, _ = Step(w.s, w.report("us", w.ping("a", "us", 'x'), w.ping("b", "us", '.')), w.p, w.now)
			}
			var notices []Notice
			w.s, notices = Claim(w.s, w.now, "w", 90*time.Second, 10)
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
				w.s = Record(w.s, results, w.p, w.now)
			}
			var last *Document
			for range 5 {
				w.now = w.now.Add(time.Minute)
				s, notices := Claim(w.s, w.now, "w2", 90*time.Second, 10)
				var results []Result
				for _, n := range notices {
					r := Result{ID: n.ID(), Address: n.Address, Owner: "w2", Want: n.Want, Open: n.Open, Outcome: Later, Error: "503"}
					if n.Document != nil {
						if n.Document.Rev <= rev {
							t.Errorf("revision %d of the document follows revision %d", n.Document.Rev, rev)
						}
						last, rev, r.Outcome = n.Document, n.Document.Rev, Delivered
					}
					results = append(results, r)
				}
				w.s = Record(s, results, w.p, w.now)
			}
			if last == nil {
				t.Fatal("no document was written after the receiver's delivery")
			}
			if diff := cmp.Diff(tt.want, last.Told["slack"]); diff != "" {
				t.Errorf("the last document says of slack (-want +got):\n%s", diff)
			}
			if tt.settled && w.s.Due(w.now.Add(time.Hour)) {
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
		s, notices := Claim(w.s, w.now, "w", 90*time.Second, 10)
		var results []Result
		for _, n := range notices {
			r := Result{ID: n.ID(), Address: n.Address, Owner: "w", Want: n.Want, Open: n.Open, Outcome: Delivered}
			if n.Address == Documents {
				documents++
			} else {
				r.Outcome, r.Error = Later, "503"
			}
			results = append(results, r)
		}
		w.s = Record(s, results, w.p, w.now)
	}
	if documents == 0 || documents > 4 { // opened, its failure, and an edit each 5 min
		t.Errorf("%d documents in 10 minutes of 503, want 1 to 4", documents)
	}
}
