package alert

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"testing"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// leave puts what another version may have written into the store.
func (s *scenario) leave(what string) {
	s.t.Helper()
	key := incident.StateKey("main")
	doc, err := s.w.memory.Get(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	switch what {
	case "garbled":
		doc.Data = []byte("?")
	case "newer":
		doc.Data = rewrite(s.t, doc.Data, ofLaterVersion)
	case "older":
		doc.Data = rewrite(s.t, doc.Data, ofFirstVersion)
	}
	if _, err := s.w.memory.Put(s.t.Context(), store.Doc{Key: key, Data: doc.Data, Version: doc.Version, Schema: doc.Schema}); err != nil {
		s.t.Fatal(err)
	}
}

// ofLaterVersion adds what a later version of the same schema may add: a key anywhere.
func ofLaterVersion(entry map[string]any) { entry["later"] = true }

// ofFirstVersion takes away what was added to series and incidents since the first version.
func ofFirstVersion(entry map[string]any) {
	for _, key := range []string{"held_at", "redis_back", "resumed"} {
		delete(entry, key)
	}
}

// rewrite edits a state, and each of its series, incidents and groups.
func rewrite(t *testing.T, data []byte, edit func(entry map[string]any)) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.NewDecoder(zr).Decode(&state); err != nil {
		t.Fatal(err)
	}
	edit(state)
	for _, list := range []string{"series", "incidents", "groups"} {
		entries, _ := state[list].([]any)
		for _, entry := range entries {
			edit(entry.(map[string]any))
		}
	}
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if err := json.NewEncoder(zw).Encode(state); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
