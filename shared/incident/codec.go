package incident

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Schema is the number of the format that Encode writes. Decode reads it and all
// earlier ones; what a newer version of this schema adds is ignored.
const Schema = 1

// maxState bounds what a compressed state may expand to.
const maxState = 32 << 20

// ErrUndecodable says that a state cannot be read by this version. It must be set
// aside, never overwritten.
var ErrUndecodable = errors.New("state cannot be decoded")

// Equal reports whether two states are the same but for who wrote them.
func Equal(a, b State) bool {
	a.Counter, a.Owner = b.Counter, b.Owner
	return reflect.DeepEqual(a, b)
}

// wire is the state as JSON. What there may be thousands of are rows.
type wire struct {
	Schema int `json:"schema"`
	State
	Series    []string `json:"series,omitempty"`
	Incidents []string `json:"incidents,omitempty"`
	Groups    []string `json:"groups,omitempty"`
}

// Encode returns the state as gzip-compressed JSON.
func Encode(s State) ([]byte, error) {
	w := wire{Schema: Schema, State: s, Series: make([]string, 0, len(s.Series)), Incidents: make([]string, 0, len(s.Incidents))}
	for key, ss := range s.Series {
		w.Series = append(w.Series, writeSeries(key, ss))
	}
	slices.Sort(w.Series)
	for _, id := range sorted(s.Incidents) {
		inc := s.Incidents[id]
		w.Incidents = append(w.Incidents, writeIncident(&inc))
	}
	for _, id := range sorted(s.Groups) {
		g := s.Groups[id]
		w.Groups = append(w.Groups, writeGroup(&g))
	}
	var buf bytes.Buffer
	zw, _ := writers.Get().(*gzip.Writer)
	defer writers.Put(zw)
	zw.Reset(&buf)
	enc := json.NewEncoder(zw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(w); err != nil {
		return nil, fmt.Errorf("encoding state: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("compressing state: %w", err)
	}
	return buf.Bytes(), nil
}

// writers are reused: a new one allocates most of a megabyte.
var writers = sync.Pool{New: func() any {
	zw, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // unreachable: the level is one of the package's
	}
	return zw
}}

// Decode is the inverse of Encode. Its error is ErrUndecodable.
func Decode(data []byte) (State, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return State{}, fmt.Errorf("decompressing: %w: %w", err, ErrUndecodable)
	}
	var raw bytes.Buffer
	raw.Grow(min(8*len(data), maxState))
	if n, err := raw.ReadFrom(io.LimitReader(zr, maxState+1)); err != nil {
		return State{}, fmt.Errorf("decompressing: %w: %w", err, ErrUndecodable)
	} else if n > maxState {
		return State{}, fmt.Errorf("decompressing: more than %d bytes: %w", maxState, ErrUndecodable)
	}
	var w wire
	if err := json.Unmarshal(raw.Bytes(), &w); err != nil {
		return State{}, fmt.Errorf("decoding: %w: %w", err, ErrUndecodable)
	}
	if w.Schema < 1 || w.Schema > Schema {
		return State{}, fmt.Errorf("schema %d, this version reads 1 to %d: %w", w.Schema, Schema, ErrUndecodable)
	}
	s := w.State
	if err := w.rows(&s); err != nil {
		return State{}, fmt.Errorf("decoding: %w: %w", err, ErrUndecodable)
	}
	return s, nil
}

// rows reads what is kept in rows. Checks of a newer version are left out: what this
// version does not know it cannot judge.
func (w *wire) rows(s *State) error {
	if len(w.Series) > 0 {
		s.Series = make(map[report.Series]SeriesState, len(w.Series))
	}
	for _, row := range w.Series {
		key, ss, err := readSeries(row)
		if err != nil {
			return fmt.Errorf("series: %w", err)
		}
		if key.Check.Valid() {
			s.Series[key] = ss
		}
	}
	if len(w.Incidents) > 0 {
		s.Incidents = make(map[string]Incident, len(w.Incidents))
	}
	for _, row := range w.Incidents {
		inc, err := readIncident(row)
		if err != nil {
			return fmt.Errorf("incident: %w", err)
		}
		s.Incidents[inc.ID] = inc
	}
	for _, row := range w.Groups {
		g, err := readGroup(row)
		if err != nil {
			return fmt.Errorf("group: %w", err)
		}
		set(&s.Groups, g.ID, g)
	}
	return nil
}
