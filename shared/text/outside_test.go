package text_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/text"
)

type named string

type inner struct{ Text string }

type outer struct {
	Plain   string
	Named   named
	Pointer *string
	Nothing *string
	Inner   inner
	Inners  []inner
	Array   [2]string
	Map     map[string]string
	Deep    map[named][]map[string]inner
	Any     any
	Bytes   []byte
	At      time.Time
	Number  float64
	private string
}

// Whatever shape a document has, none of its strings is left as it came.
func TestOutside(t *testing.T) {
	const bad, good = "\x1b[31ma\u202eb\n=?utf-8?q?c?=", "[31mab = ?utf-8?q?c?="
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.FixedZone("\x1b", 3600))
	got := outer{
		Plain: bad, Named: bad, Pointer: new(bad), Inner: inner{bad}, Inners: []inner{{bad}, {bad}}, Array: [2]string{bad, bad},
		Map: map[string]string{bad: bad}, Deep: map[named][]map[string]inner{bad: {{bad: {bad}}}},
		Any:   map[string]any{bad: []any{bad, 1.5, nil, true, map[string]any{bad: bad}}},
		Bytes: []byte(bad), At: at, Number: 1.5, private: bad,
	}
	text.Outside(&got, 100)
	want := outer{
		Plain: good, Named: good, Pointer: new(good), Inner: inner{good}, Inners: []inner{{good}, {good}}, Array: [2]string{good, good},
		Map: map[string]string{good: good}, Deep: map[named][]map[string]inner{good: {{good: {good}}}},
		Any:   map[string]any{good: []any{good, 1.5, nil, true, map[string]any{good: good}}},
		Bytes: []byte(bad), At: at, Number: 1.5, private: bad,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outer{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutsideCuts(t *testing.T) {
	got := map[string]any{"a": strings.Repeat("x", 1000), strings.Repeat("k", 1000): []any{"é" + strings.Repeat("y", 1000)}}
	text.Outside(&got, 10)
	want := map[string]any{"a": "xxxxxxx…", "kkkkkkk…": []any{"éyyyyy…"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var nothing any
	text.Outside(&nothing, 10)
	if nothing != nil {
		t.Errorf("nothing becomes %v", nothing)
	}
}
