package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/store"
)

func ranges(t *testing.T, s store.Store, _ *Clock) {
	all := []string{
		"hot/v1/main-b/r/01", "hot/v1/main/r/01", "hot/v1/main/r/02", "hot/v1/main/r/03",
		"hot/v1/main/r2/01", "hot/v1/main2/r/01", "hot/v2/main/r/01", "other/v1/main/r/01",
	}
	versions := map[string]string{}
	for _, k := range all {
		versions[k] = put(t, s, store.Doc{Key: k, Data: []byte("of " + k), Schema: 3}).Version
	}
	prefix := func(p string) [2]string {
		from, to := store.Prefix(p)
		return [2]string{from, to}
	}
	for _, tt := range []struct {
		name   string
		bounds [2]string
		want   []string
	}{
		{"from is in and to is out", [2]string{"hot/v1/main/r/01", "hot/v1/main/r/03"}, all[1:3]},
		{"a prefix is whole segments, in the order of Compare", prefix("hot/v1/main/"), []string{all[4], all[1], all[2], all[3]}},
		{"a deeper prefix", prefix("hot/v1/main/r/"), all[1:4]},
		{"bounds need not exist", [2]string{"hot/v1/main/r/015", "hot/v1/main/r/9"}, all[2:4]},
		{"all of a version", prefix("hot/v1/"), slices.SortedFunc(slices.Values(all[:6]), store.Compare)},
		{"nothing between", [2]string{"hot/v1/x/r/01", "hot/v1/y/r/01"}, nil},
		{"equal bounds hold nothing", [2]string{"hot/v1/main/r/01", "hot/v1/main/r/01"}, nil},
		{"inverted bounds hold nothing", [2]string{"hot/v1/main/r/03", "hot/v1/main/r/01"}, nil},
		{"an empty collection", prefix("none/v1/"), nil},
	} {
		got, err := collect(t, s, tt.bounds[0], tt.bounds[1])
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var keys []string
		for _, d := range got {
			keys = append(keys, d.Key)
			if string(d.Data) != "of "+d.Key || d.Schema != 3 || d.Version != versions[d.Key] {
				t.Errorf("%s: %s came as %+v", tt.name, d.Key, d)
			}
		}
		if diff := cmp.Diff(tt.want, keys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func rangeExpired(t *testing.T, s store.Store, c *Clock) {
	put(t, s, store.Doc{Key: "hot/v1/a", ExpiresAt: c.Now().Add(time.Minute)})
	put(t, s, store.Doc{Key: "hot/v1/b", ExpiresAt: c.Now().Add(time.Hour)})
	c.Advance(time.Minute)
	got, err := collect(t, s, "hot/v1/", "hot/v1/~")
	if err != nil || len(got) != 1 || got[0].Key != "hot/v1/b" {
		t.Errorf("got %v, %v; want hot/v1/b alone", got, err)
	}
}

func rangeBody(t *testing.T, s store.Store, _ *Clock) {
	for i := range 3 {
		put(t, s, store.Doc{Key: fmt.Sprintf("hot/v1/%d", i)})
	}
	seen := 0
	for d, err := range s.Range(t.Context(), "hot/v1/0", "hot/v1/9") {
		if err != nil {
			t.Fatal(err)
		}
		d.Data = []byte("touched")
		put(t, s, d)
		if seen++; seen == 2 {
			break
		}
	}
	if got := get(t, s, "hot/v1/1"); string(got.Data) != "touched" {
		t.Errorf("got %q", got.Data)
	}
	if got := get(t, s, "hot/v1/2"); len(got.Data) != 0 {
		t.Errorf("the range went on after its caller stopped: %q", got.Data)
	}
}

func rangeLong(t *testing.T, s store.Store, _ *Clock) {
	const n = 150
	var want []string
	for i := range n {
		k := fmt.Sprintf("hot/v1/main/%03d", i)
		want = append(want, k)
		put(t, s, store.Doc{Key: k, Data: make([]byte, 1000)})
	}
	docs, err := collect(t, s, "hot/v1/main/", "hot/v1/main/~")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, d.Key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func collect(t *testing.T, s store.Store, from, to string) ([]store.Doc, error) {
	t.Helper()
	var docs []store.Doc
	for d, err := range s.Range(t.Context(), from, to) {
		if err != nil {
			return docs, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}
