package incident

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/report"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// full is a state in which fill sets every field, so that a field without a tag is found.
func full() State {
	var s State
	fill(reflect.ValueOf(&s).Elem(), 1)
	key := report.Series{Database: "prod-cache", Check: report.MockMode, Subject: "back|end,1;2%\n\"é\""}
	var ss SeriesState
	fill(reflect.ValueOf(&ss).Elem(), 2)
	for i := range ss.Sources {
		ss.Sources[i].Observation.Database, ss.Sources[i].Observation.Check, ss.Sources[i].Observation.Subject = key.Database, key.Check, key.Subject
		ss.Sources[i].Observation.Source = ss.Sources[i].Source
	}
	s.Series = map[report.Series]*SeriesState{key: &ss}
	var inc Incident
	fill(reflect.ValueOf(&inc).Elem(), 3)
	inc.Series = key
	inc.Observation.Database, inc.Observation.Check, inc.Observation.Subject = key.Database, key.Check, key.Subject
	s.Incidents = map[string]*Incident{inc.ID: &inc}
	var g Group
	fill(reflect.ValueOf(&g).Elem(), 4)
	s.Groups = map[string]*Group{g.ID: &g}
	return s
}

// fill sets everything below v to something that is not zero.
func fill(v reflect.Value, seed int) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(noon.Add(time.Duration(seed) * 1001 * time.Millisecond)))
		return
	case time.Duration:
		v.SetInt(int64(time.Duration(seed) * time.Second))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.Type().Name() + string(rune('a'+seed%26)))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(seed))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(seed))
	case reflect.Float64:
		v.SetFloat(float64(seed) + 0.25)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), seed+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), seed+i+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, seed)
		fill(value, seed+1)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), seed+i)
		}
	}
}

func TestEveryFieldSurvivesEncoding(t *testing.T) {
	want := full()
	data, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

// The golden file is what this version writes.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "state.json")
	data, err := Encode(full())
	if err != nil {
		t.Fatal(err)
	}
	raw := expand(t, data)
	goldentest.Compare(t, path, raw)
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(compress(t, golden))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), got); diff != "" {
		t.Errorf("the golden file is read differently (-want +got):\n%s", diff)
	}
}

// The golden file of each schema is what a version in the field has written: it must
// be read for ever, and nothing of it is lost but what this version does not keep. It is never
// updated once released; additions get a file of their own.
func TestStatesOfEarlierVersionsAreRead(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "state.schema1.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(compress(t, golden))
	if err != nil {
		t.Fatal(err)
	}
	data, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	want := string(golden)
	for _, dropped := range []string{
		`("every":\d+),"version":"\w+"`,             // of a job
		`("every":\d+,"status":"\w+"),"clear":true`, // of a source
	} {
		want = regexp.MustCompile(dropped).ReplaceAllString(want, "$1")
	}
	values := func(text string) (v any) {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if diff := cmp.Diff(values(want), values(expand(t, data))); diff != "" {
		t.Errorf("written again (-want +got):\n%s", diff)
	}
}

// A handover that v0.1.0 has put aside has no schema of its own.
func TestPartsOfAState(t *testing.T) {
	want := full()
	got, err := DecodePart(EncodePart(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	id := "20261122T120000Z-ABCDEF"
	got, err = DecodePart(`{"series":[{"database":"a","check":"ping","incident":"` + id + `"}],"incidents":[{"id":"` + id + `","series":{"database":"a","check":"ping"}}],"silences":[{"id":"s"}]}`)
	if err != nil || got.Series[report.Series{Database: "a", Check: report.Ping}].Incident != id || got.Incidents[id] == nil || len(got.Silences) != 1 {
		t.Errorf("a part of v0.1.0 is read as %+v, %v", got, err)
	}
	if _, err := DecodePart("not JSON"); err == nil {
		t.Error("what is not JSON is read")
	}
}

func compress(t testing.TB, raw []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func expand(t testing.TB, data []byte) string {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(zr); err != nil {
		t.Fatal(err)
	}
	return raw.String()
}

// What is stored depends on the state alone: neither on the order of its maps, nor on who
// wrote it.
func TestEqual(t *testing.T) {
	many := func() State {
		s := New("main", noon)
		for _, database := range []string{"b", "a", "c"} {
			for _, check := range report.Checks() {
				s.Series[report.Series{Database: database, Check: check}] = &SeriesState{Held: database}
				s.Series[report.Series{Database: database, Check: check, Subject: "x"}] = &SeriesState{Held: database}
			}
		}
		return s
	}
	a, b := many(), many()
	one, err := Encode(a)
	other, otherErr := Encode(b)
	if err != nil || otherErr != nil || !bytes.Equal(one, other) {
		t.Errorf("equal states are stored differently, %v, %v", err, otherErr)
	}
	b.Counter, b.Owner = 7, "another"
	if !Equal(a, b) {
		t.Error("states differ by who wrote them")
	}
	b.Series[report.Series{Database: "a", Check: report.Ping}].Held = ""
	if Equal(a, b) {
		t.Error("states are equal that differ in a series")
	}
}

func TestDecodeIsAdditive(t *testing.T) {
	s := full()
	data, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	// What a later version of the same schema may add: a key, and a series of a check that is not known here.
	text := strings.Replace(expand(t, data), `{"schema":1,`, `{"schema":1,"later":true,`, 1)
	text = strings.Replace(text, `"series":[`, `"series":[{"database":"db","check":"later_check","later":1},`, 1)
	got, err := Decode(compress(t, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	// What an earlier version has left out is zero.
	got, err = Decode(compress(t, []byte(`{"schema":1,"shard":"main","series":[{"database":"a","check":"ping"}],"incidents":[{"id":"20261122T120000Z-ABCDEF","series":{"database":"a","check":"ping"}}]}`)))
	if err != nil || len(got.Series) != 1 || got.Incidents["20261122T120000Z-ABCDEF"].Series.Database != "a" {
		t.Errorf("a short state is read as %+v, %v", got, err)
	}
}

func TestWhatCannotBeDecoded(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"nothing", nil},
		{"no gzip", []byte("hello")},
		{"no JSON", compress(t, []byte("hello"))},
		{"a newer schema", compress(t, []byte(`{"schema":2}`))},
		{"no schema", compress(t, []byte(`{}`))},
		{"a text where a number belongs", compress(t, []byte(`{"schema":1,"counter":"x"}`))},
		{"more than one document", compress(t, []byte(`{"schema":1} {"schema":1}`))},
		{"a state that is cut off", cutOff(t)},
		{"a bomb", compress(t, bytes.Repeat([]byte(" "), maxState+1))},
	} {
		if _, err := Decode(c.data); err == nil {
			t.Errorf("%s: %v, want an error", c.name, err)
		}
	}
}

func cutOff(t *testing.T) []byte {
	t.Helper()
	data, err := Encode(full())
	if err != nil {
		t.Fatal(err)
	}
	return data[:len(data)-9]
}

func FuzzDecode(f *testing.F) {
	data, err := Encode(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(expand(f, data)))
	f.Add([]byte(`{"schema":1,"series":[null],"incidents":[null,{"id":"x"}],"groups":[{"id":"x","members":["y"]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Decode(compress(t, raw))
		if err != nil {
			return
		}
		// What can be read can be copied, written and read again.
		data, err := Encode(s.Clone())
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(data)
		if err != nil || !Equal(s, again) {
			t.Fatalf("written and read again it is another state, %v", err)
		}
	})
}

func TestDocument(t *testing.T) {
	var want Document
	fill(reflect.ValueOf(&want).Elem(), 1)
	data, err := EncodeDocument(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestShortIDs(t *testing.T) {
	id := NewID("main", "a/ping", noon)
	if short := ShortID(id); len(short) != 10 || !strings.HasPrefix(short, "INC-") {
		t.Fatalf("short id %q of %q", short, id)
	}
	for text, want := range map[string]string{"a-7F3A9K": "INC-7F3A9K", "a-7F3A9": "a-7F3A9", "INC-7F3A9K00": "INC-7F3A9K00", "7F3A9K": "7F3A9K", "": ""} {
		if got := ShortID(text); got != want {
			t.Errorf("short id %q of %q, want %q", got, text, want)
		}
	}
	if got, want := MonitorSeries("state").String(), "_pongwatch/monitor/state"; got != want {
		t.Errorf("the monitor's series is %s, want %s", got, want)
	}
	short := ShortID(id)
	for _, text := range []string{id, short, strings.ToLower(short), short[4:], " " + short + " "} {
		if !MatchID(text, id) {
			t.Errorf("%q does not match %s", text, id)
		}
	}
	for _, text := range []string{"", "INC-", "INC-000000", short[:9]} {
		if MatchID(text, id) {
			t.Errorf("%q matches %s", text, id)
		}
	}
	if !MatchID("inc-7F3AO1", "20261122T120000Z-7F3A01XXXXXX") || !MatchID("inc-7F3AOI", "20261122T120000Z-7F3A01XXXXXX") {
		t.Error("letters that are misread do not match their digits")
	}
}

// What Decode would refuse is not stored.
func TestEncodeRefusesWhatDecodeWouldNotRead(t *testing.T) {
	s := full()
	s.Owner = strings.Repeat("x", 32<<20)
	if _, err := Encode(s); err == nil || !strings.Contains(err.Error(), fmt.Sprint(32<<20)) {
		t.Errorf("error %v", err)
	}
}
