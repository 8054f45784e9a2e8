package incident

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/report/packed"
)

const (
	// Schema is the number of the format that Encode writes. Decode reads it and all
	// earlier ones, and ignores what a newer version of this schema adds.
	Schema = 1
	// DocumentSchema is that of an incident's document.
	DocumentSchema = 1
)

// maxState bounds what a compressed state may expand to.
const maxState = 32 << 20

// ErrTooLarge says that a state is too large to be kept.
var ErrTooLarge = errors.New("state too large")

// stored is a state as JSON. The lists are sorted, so that equal states are equal bytes.
type stored struct {
	Schema int `json:"schema"`
	State
	Series    []storedSeries `json:"series,omitempty"`
	Incidents []Incident     `json:"incidents,omitempty"`
	Groups    []Group        `json:"groups,omitempty"`
}

type storedSeries struct {
	report.Series
	SeriesState
}

func (a storedSeries) compare(b storedSeries) int {
	return cmp.Or(cmp.Compare(a.Database, b.Database), cmp.Compare(a.Check, b.Check), cmp.Compare(a.Subject, b.Subject))
}

// sorted returns a state as it is stored.
func sorted(s State) stored {
	out := stored{Schema: Schema, State: s}
	for key, ss := range s.Series {
		out.Series = append(out.Series, storedSeries{key, *ss})
	}
	slices.SortFunc(out.Series, storedSeries.compare)
	for _, id := range slices.Sorted(maps.Keys(s.Incidents)) {
		out.Incidents = append(out.Incidents, *s.Incidents[id])
	}
	for _, id := range slices.Sorted(maps.Keys(s.Groups)) {
		out.Groups = append(out.Groups, *s.Groups[id])
	}
	return out
}

// Equal reports whether two states are stored alike, but for who wrote them.
func Equal(a, b State) bool {
	a.Counter, a.Owner = b.Counter, b.Owner
	one, err := json.Marshal(sorted(a))
	other, otherErr := json.Marshal(sorted(b))
	return err == nil && otherErr == nil && bytes.Equal(one, other)
}

// Encode returns the state as JSON, compressed with gzip. It refuses a state that Decode would
// not read.
func Encode(s State) ([]byte, error) {
	data, err := packed.Encode(sorted(s), gzip.DefaultCompression, maxState)
	switch {
	case errors.Is(err, packed.ErrTooLarge):
		return nil, fmt.Errorf("state: %w: %w", err, ErrTooLarge)
	case err != nil:
		return nil, fmt.Errorf("state: %w", err)
	}
	return data, nil
}

// Decode is the inverse of Encode. Its error says that this version cannot read the state: Alert
// sets such a state aside and never overwrites it.
func Decode(data []byte) (State, error) {
	var in stored
	if err := packed.Decode(data, &in, maxState); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	if in.Schema < 1 || in.Schema > Schema {
		return State{}, fmt.Errorf("decoding state: schema %d, this version reads 1 to %d", in.Schema, Schema)
	}
	return in.state(), nil
}

// EncodePart returns a part of a state as JSON, for [State.Leaving].
func EncodePart(s State) string {
	text, _ := json.Marshal(sorted(s)) // of plain structs, it does not fail
	return string(text)
}

// DecodePart is the inverse of EncodePart. A part has the schema of the state that holds it.
func DecodePart(text string) (State, error) {
	var in stored
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return State{}, fmt.Errorf("decoding a part of a state: %w", err)
	}
	return in.state(), nil
}

// state is the inverse of sorted.
func (in *stored) state() State {
	s := in.State.Clone() // its maps are ready to be filled
	for i := range in.Series {
		// This version cannot judge a check that it does not know.
		if x := &in.Series[i]; x.Check.Valid() {
			s.Series[x.Series] = &x.SeriesState
		}
	}
	for i := range in.Incidents {
		s.Incidents[in.Incidents[i].ID] = &in.Incidents[i]
	}
	for i := range in.Groups {
		s.Groups[in.Groups[i].ID] = &in.Groups[i]
	}
	return s
}
