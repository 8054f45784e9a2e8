package incident

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Every field that a document shares with its incident is copied, and comes back.
func TestADocumentHoldsItsIncident(t *testing.T) {
	var inc Incident
	fill(reflect.ValueOf(&inc).Elem(), 1)
	group := &Group{ID: "20261122T120000Z-ABCDEF000000", Thread: Thread{Deliveries: map[string]Delivery{"group's": {Want: 2, Done: 1, Error: "503"}}}}
	inc.Deliveries = map[string]Delivery{"refusing": {Want: 1, Refused: "gone", Sent: noon}, Documents: {Want: 1}, "group's": {Want: 1, Done: 1}}
	d := NewDocument("main", inc, group)
	d.Rev = 7
	copied := inc
	copied.Thread = Thread{Rev: 7, Ack: inc.Ack, SilencedUntil: inc.SilencedUntil, Suppressed: inc.Suppressed, Timeline: inc.Timeline}
	copied.CauseTold, copied.Group = nil, group.ID
	if diff := cmp.Diff(copied, d.Incident); diff != "" {
		t.Errorf("(-incident +document):\n%s", diff)
	}
	data, err := EncodeDocument(d)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeDocument(data)
	if diff := cmp.Diff(d, back); err != nil || diff != "" {
		t.Errorf("comes back as (-want +got), %v:\n%s", err, diff)
	}
	want := map[string]Told{"refusing": {At: noon, Refused: "gone"}, "group's": {Pending: true, Error: "503"}}
	if diff := cmp.Diff(want, d.Told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if d.Shard != "main" || d.Short() != inc.Short() {
		t.Errorf("document %+v", d)
	}
	if d := NewDocument("main", inc, nil); d.Group != "" || len(d.Told) != 2 {
		t.Errorf("without a group: %+v", d)
	}
	if DocumentKey("main", "x") != "incidents/v1/main/x" || StateKey("main") != "state/v1/main" {
		t.Error("keys of documents are another")
	}
	if _, err := DecodeDocument([]byte("hello")); err == nil {
		t.Error("what is no document is read")
	}
}

// The group speaks for its members, so that a member's document has who was told, and what people did, of it. It
// opens and ends by itself.
func TestADocumentHasTheTimelineOfItsGroup(t *testing.T) {
	at := func(minute int, m Moment) Moment {
		m.At = noon.Add(time.Duration(minute) * time.Minute)
		return m
	}
	inc := Incident{ID: "20261122T120000Z-AAAAAA000000", Thread: Thread{Timeline: []Moment{at(0, Moment{Event: Opened}), at(9, Moment{Event: Resolved})}}}
	group := &Group{Thread: Thread{Timeline: []Moment{
		at(1, Moment{Event: Opened}),
		at(2, Moment{Event: Opened, Receiver: "slack"}),
		at(3, Moment{Event: Acknowledged, By: "anna"}),
		at(4, Moment{Event: Joined}),
		at(5, Moment{Event: Silenced, By: "anna"}),
		at(6, Moment{Event: Escalated}),
		at(10, Moment{Event: Resolved}),
	}}}
	before := slices.Clone(inc.Timeline)
	got := map[int]Event{}
	for _, m := range NewDocument("main", inc, group).Timeline {
		got[int(m.At.Sub(noon)/time.Minute)] = m.Event
	}
	want := map[int]Event{0: Opened, 2: Opened, 3: Acknowledged, 5: Silenced, 6: Escalated, 9: Resolved}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events by minute (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, inc.Timeline); diff != "" {
		t.Errorf("the incident's own timeline has changed (-before +after):\n%s", diff)
	}
}

func TestADocumentThatJSONCannotHoldIsAnErrorWithItsIncident(t *testing.T) {
	i := Incident{ID: "20261122T120000Z-AAAAAA000000", Since: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := EncodeDocument(NewDocument("main", i, nil)); err == nil || !strings.Contains(err.Error(), i.ID) {
		t.Errorf("error %v, want one that names %s", err, i.ID)
	}
	if _, err := Encode(State{Shard: "main", Created: i.Since}); err == nil || !strings.HasPrefix(err.Error(), "state: ") {
		t.Errorf("error %v, want one of the state", err)
	}
}

// A clone holds the same and shares no memory but observations, which nothing changes.
func TestClone(t *testing.T) {
	s := full()
	c := s.Clone()
	if diff := cmp.Diff(s, c); diff != "" {
		t.Fatalf("clone (-want +got):\n%s", diff)
	}
	shared(t, "State", reflect.ValueOf(s), reflect.ValueOf(c))
	empty := reflect.ValueOf(State{}.Clone())
	for i := range empty.NumField() {
		if f := empty.Field(i); f.Kind() == reflect.Map && f.IsNil() {
			t.Errorf("%s is nil", empty.Type().Field(i).Name)
		}
	}
	if s := New("main", noon.Add(999)); s.Shard != "main" || !s.Created.Equal(noon) || s.Series == nil {
		t.Errorf("a new state: %+v", s)
	}
}

func shared(t *testing.T, path string, a, b reflect.Value) {
	t.Helper()
	switch a.Kind() {
	case reflect.Pointer:
		if a.Pointer() == b.Pointer() && a.Type() != reflect.TypeFor[*report.Observation]() && !a.IsNil() {
			t.Errorf("%s is shared", path)
		}
		if !a.IsNil() && a.Pointer() != b.Pointer() {
			shared(t, path, a.Elem(), b.Elem())
		}
	case reflect.Slice:
		if a.Len() > 0 && a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
		for i := range a.Len() {
			shared(t, path+"[]", a.Index(i), b.Index(i))
		}
	case reflect.Map:
		if a.Len() > 0 && a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
		for entries := a.MapRange(); entries.Next(); {
			shared(t, path+"{}", entries.Value(), b.MapIndex(entries.Key()))
		}
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() || a.Type() == reflect.TypeFor[report.Observation]() {
			return
		}
		for i := range a.NumField() {
			shared(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	}
}
