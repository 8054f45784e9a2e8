package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func owing(id string, severity cause.Severity, deliveries map[string]incident.Delivery) *incident.Incident {
	return &incident.Incident{
		ID: id, Series: report.Series{Database: "a", Check: report.Ping}, Severity: severity,
		Thread: incident.Thread{Rev: 3, Marks: incident.Marks{incident.Opened: 1, incident.Raised: 3}, RemindAt: at(30), Deliveries: deliveries},
	}
}

func TestClaim(t *testing.T) {
	s := incident.New("main", noon)
	s.Counter, s.Owner = 7, "before"
	s.Incidents["A"] = owing("A", cause.SeverityWarning, map[string]incident.Delivery{"slack": {Want: 1}})
	s.Incidents["B"] = owing("B", cause.SeverityCritical, map[string]incident.Delivery{
		"slack": {Want: 3, Done: 1, Open: true, Ref: incident.Ref{ID: "x"}, Tries: 2, Instead: "pager", Why: "gone", Maybe: 3},
		"mail":  {Want: 1, Done: 1},
		"later": {Want: 1, NotBefore: noon.Add(time.Millisecond)},
		"busy":  {Want: 1, Lease: incident.Lease{Owner: "other", Until: noon.Add(time.Millisecond)}},
		"gone":  {Want: 1, Refused: "gone"},
		"free":  {Want: 1, Maybe: 1, Lease: incident.Lease{Owner: "other", Until: noon}, NotBefore: noon},
	})
	s.Groups["G"] = &incident.Group{
		ID: "G", Severity: cause.SeverityCritical, Members: []string{"B", "gone", "A"},
		Thread: incident.Thread{Rev: 1, Marks: incident.Marks{incident.Opened: 1}, Deliveries: map[string]incident.Delivery{"slack": {Want: 1}, "fix": {Want: 1, Done: 1, Repair: true}}},
	}
	before, err := incident.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	next, notices := Claim(s, noon.Add(999*time.Microsecond), "w", 90*time.Second, 10)
	after, err := incident.Encode(s)
	if err != nil || string(before) != string(after) {
		t.Fatal("Claim changed its argument")
	}
	var order []string
	for _, n := range notices {
		order = append(order, n.ID()+" "+n.Address+" "+string(n.Event()))
	}
	want := []string{"B free opened", "B slack raised", "G fix updated", "G slack opened", "A slack opened"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Fatalf("claimed (-want +got):\n%s", diff)
	}
	n := notices[1]
	wantNotice := incident.Notice{
		Shard: "main", Address: "slack", Owner: "w", Until: noon.Add(90 * time.Second), Done: 1, Want: 3, Events: []incident.Event{incident.Raised},
		Previous: incident.Ref{ID: "x"}, Maybe: true, Open: true, Instead: "pager", Why: "gone", Incident: n.Incident, Next: at(30), Now: noon,
	}
	if diff := cmp.Diff(wantNotice, n); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}
	got := next.Incidents["B"].Deliveries["slack"]
	if got.Lease != (incident.Lease{Owner: "w", Until: noon.Add(90 * time.Second)}) || got.Tries != 3 || !got.NotBefore.Equal(noon.Add(40*time.Second)) {
		t.Errorf("delivery %+v", got)
	}
	if free := notices[0]; !free.Maybe || free.Done != 0 {
		t.Errorf("notice %+v", free)
	}
	group := notices[3]
	if group.Group == nil || group.Incident != nil || len(group.Members) != 2 || group.Members[0].ID != "B" || group.Members[1].ID != "A" {
		t.Errorf("group's notice: members %+v", group.Members)
	}
	if _, rest := Claim(next, noon.Add(10*time.Millisecond), "w2", time.Minute, 10); len(rest) != 2 {
		t.Errorf("10 ms later %d are claimed, want the one that was later and the one that was busy", len(rest))
	}
	if _, some := Claim(s, noon, "w", time.Minute, 2); len(some) != 2 {
		t.Errorf("%d claimed, want 2", len(some))
	}
	if same, none := Claim(incident.New("main", noon), noon, "w", time.Minute, 2); none != nil || !incident.Equal(same, incident.New("main", noon)) {
		t.Error("nothing that is due is claimed")
	}
}

func TestTheDocumentIsClaimedWithWhatItSays(t *testing.T) {
	s := incident.New("main", noon)
	s.Incidents["A"] = owing("A", cause.SeverityCritical, map[string]incident.Delivery{incident.Documents: {Want: 5, Done: 2}, "slack": {Want: 3, Done: 3, Sent: noon}})
	s.Incidents["A"].Group = "G"
	s.Groups["G"] = &incident.Group{ID: "G", Thread: incident.Thread{Deliveries: map[string]incident.Delivery{"mail": {Want: 1, Done: 1}}}}
	_, notices := Claim(s, noon, "w", time.Minute, 10)
	if len(notices) != 1 || notices[0].Document == nil {
		t.Fatalf("notices %+v, want the document", notices)
	}
	d := notices[0].Document
	if _, mail := d.Told["mail"]; d.Rev != 5 || d.Shard != "main" || d.ID != "A" || !d.Told["slack"].At.Equal(noon) || !mail || d.Group == "" {
		t.Errorf("document %+v", d)
	}
}

func TestBackoff(t *testing.T) {
	for tries, want := range map[int]time.Duration{-1: 10 * time.Second, 0: 10 * time.Second, 1: 20 * time.Second, 2: 40 * time.Second, 3: time.Minute, 1000: time.Minute} {
		if got := backoff(tries); got != want {
			t.Errorf("after %d tries %v, want %v", tries, got, want)
		}
	}
}

func TestDueAndLeased(t *testing.T) {
	lease := map[string]incident.Delivery{"slack": {Want: 1, Done: 1, Lease: incident.Lease{Owner: "w", Until: noon}}}
	due := map[string]incident.Delivery{"slack": {Want: 1}}
	for _, tt := range []struct {
		name        string
		incident    map[string]incident.Delivery
		group       map[string]incident.Delivery
		due, leased bool
	}{
		{"nothing", nil, nil, false, false},
		{"of an incident", due, nil, true, false},
		{"of a group", nil, due, true, false},
		{"leased of an incident", lease, nil, false, true},
		{"leased of a group", nil, lease, false, true},
	} {
		s := incident.New("main", noon)
		s.Incidents["A"] = &incident.Incident{ID: "A", Thread: incident.Thread{Deliveries: tt.incident}}
		s.Groups["G"] = &incident.Group{ID: "G", Thread: incident.Thread{Deliveries: tt.group}}
		if got := Due(s, noon); got != tt.due {
			t.Errorf("%s: due %t", tt.name, got)
		}
		if got := Leased(s, "w"); got != tt.leased || Leased(s, "other") {
			t.Errorf("%s: leased %t", tt.name, got)
		}
	}
}

func TestUndelivered(t *testing.T) {
	p := policy.Default()
	p.Receivers = map[string]policy.Receiver{"slack": {Pages: true}, "pager": {Pages: true}, "mail": {}}
	failing := incident.Delivery{Want: 1, Since: at(-3), Error: "503"}
	knowing := incident.Delivery{Want: 1, Done: 1, Open: true}
	type deliveries = map[string]incident.Delivery
	for _, tt := range []struct {
		name string
		edit func(*incident.Incident)
		want string // "receiver: error" of each
	}{
		{"for three minutes", func(inc *incident.Incident) { inc.Deliveries = deliveries{"slack": failing} }, "slack: 503"},
		{"for less", func(inc *incident.Incident) {
			inc.Deliveries = deliveries{"slack": {Want: 1, Since: at(-3).Add(1), Error: "503"}}
		}, ""},
		{"the longest of two", func(inc *incident.Incident) {
			inc.Deliveries = deliveries{"slack": failing, "pager": {Want: 1, Since: at(-1), Refused: "gone"}}
		}, "pager: gone slack: 503"},
		{"one that pages knows", func(inc *incident.Incident) { inc.Deliveries = deliveries{"slack": failing, "pager": knowing} }, ""},
		{"one knows of the warning that it was", func(inc *incident.Incident) {
			inc.Marks[incident.Raised] = 2
			inc.Deliveries = deliveries{"slack": failing, "pager": knowing}
		}, "slack: 503"},
		{"one was last told that it is over", func(inc *incident.Incident) {
			inc.Deliveries = deliveries{"slack": failing, "pager": {Want: 1, Done: 1}}
		}, "slack: 503"},
		{"one that does not page knows", func(inc *incident.Incident) { inc.Deliveries = deliveries{"slack": failing, "mail": knowing} }, "slack: 503"},
		{"the document does not count", func(inc *incident.Incident) { inc.Deliveries = deliveries{incident.Documents: failing} }, ""},
		{"nor does a warning", func(inc *incident.Incident) {
			inc.Severity = cause.SeverityWarning
			inc.Deliveries = deliveries{"slack": failing}
		}, ""},
		{"nor one that is over", func(inc *incident.Incident) {
			inc.Resolved = noon
			inc.Deliveries = deliveries{"slack": failing}
		}, ""},
		{"nor one of which no one was to be told", func(inc *incident.Incident) {
			inc.Marks = incident.Marks{incident.Updated: 1}
			inc.Deliveries = deliveries{"slack": failing}
		}, ""},
		{"nor what was delivered", func(inc *incident.Incident) {
			inc.Deliveries = deliveries{"slack": {Want: 1, Done: 1, Since: at(-9)}}
		}, ""},
	} {
		s := incident.New("main", noon)
		inc := &incident.Incident{ID: "A", Severity: cause.SeverityCritical, Thread: incident.Thread{Marks: incident.Marks{incident.Opened: 1}}}
		tt.edit(inc)
		s.Incidents["A"] = inc
		var got []string
		for _, u := range Undelivered(s, p, noon) {
			for _, address := range []string{"pager", "slack", "mail"} {
				if why, ok := u.Receivers[address]; ok {
					got = append(got, address+": "+why)
				}
			}
			if u.ID != "A" || !u.Since.Equal(at(-3)) {
				t.Errorf("%s: %+v", tt.name, u)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
	}
}
