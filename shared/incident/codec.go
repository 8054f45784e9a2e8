package incident

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
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

// The document is text: one line of JSON, then a row a line for what there may be
// thousands of, each after the letter of its kind. Lines of a kind that is not known
// are a newer version's, and left out.
type header struct {
	Schema int `json:"schema"`
	State
}

// The kinds of rows.
const (
	rowSeries   = "s "
	rowIncident = "i "
	rowGroup    = "g "
)

// Encode returns the state, compressed with gzip.
func Encode(s State) ([]byte, error) {
	head, err := json.Marshal(header{Schema: Schema, State: s})
	if err != nil {
		return nil, fmt.Errorf("encoding state: %w", err)
	}
	var buf bytes.Buffer
	buf.Grow(64 << 10)
	zw, _ := writers.Get().(*gzip.Writer)
	defer writers.Put(zw)
	zw.Reset(&buf)
	// A bytes.Buffer takes everything, so that only Close can fail.
	_, _ = zw.Write(append(head, '\n'))
	for _, row := range rows(s) {
		_, _ = zw.Write(row)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("compressing state: %w", err)
	}
	return buf.Bytes(), nil
}

// rows returns the state's rows, in an order that depends on the state alone.
func rows(s State) [][]byte {
	n := len(s.Series) + len(s.Incidents) + len(s.Groups)
	w := &rowWriter{b: make([]byte, 0, 150*len(s.Series)+600*(len(s.Incidents)+len(s.Groups)))}
	ends := make([]int, 0, n)
	for key, ss := range s.Series {
		writeSeries(w, key, &ss)
		ends = append(ends, len(w.b))
	}
	for _, inc := range s.Incidents {
		writeIncident(w, &inc)
		ends = append(ends, len(w.b))
	}
	for _, g := range s.Groups {
		writeGroup(w, &g)
		ends = append(ends, len(w.b))
	}
	out, begin := make([][]byte, 0, n), 0
	for _, end := range ends {
		out = append(out, w.b[begin:end])
		begin = end
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// writers are reused: a new one allocates most of a megabyte.
var writers = sync.Pool{New: func() any {
	zw, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // unreachable: the level is one of the package's
	}
	return zw
}}

// readers are reused as well.
var readers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// Decode is the inverse of Encode. Its error is ErrUndecodable.
func Decode(data []byte) (State, error) {
	zr, _ := readers.Get().(*gzip.Reader)
	defer readers.Put(zr)
	if err := zr.Reset(bytes.NewReader(data)); err != nil {
		return State{}, fmt.Errorf("decompressing: %w: %w", err, ErrUndecodable)
	}
	var raw strings.Builder
	raw.Grow(expanded(data))
	if n, err := io.Copy(&raw, io.LimitReader(zr, maxState+1)); err != nil {
		return State{}, fmt.Errorf("decompressing: %w: %w", err, ErrUndecodable)
	} else if n > maxState {
		return State{}, fmt.Errorf("decompressing: more than %d bytes: %w", maxState, ErrUndecodable)
	}
	head, text, _ := strings.Cut(raw.String(), "\n")
	var h header
	if err := json.Unmarshal([]byte(head), &h); err != nil {
		return State{}, fmt.Errorf("decoding: %w: %w", err, ErrUndecodable)
	}
	if h.Schema < 1 || h.Schema > Schema {
		return State{}, fmt.Errorf("schema %d, this version reads 1 to %d: %w", h.Schema, Schema, ErrUndecodable)
	}
	// +1, since the first line has no line before it.
	h.Series = make(map[report.Series]SeriesState, strings.Count(text, "\n"+rowSeries)+1)
	h.Incidents = make(map[string]Incident, strings.Count(text, "\n"+rowIncident)+1)
	h.Groups = make(map[string]Group, strings.Count(text, "\n"+rowGroup)+1)
	for line := range strings.SplitSeq(text, "\n") {
		if err := h.row(line); err != nil {
			return State{}, fmt.Errorf("decoding: %w: %w", err, ErrUndecodable)
		}
	}
	h.Series, h.Incidents, h.Groups = emptyNil(h.Series), emptyNil(h.Incidents), emptyNil(h.Groups)
	return h.State, nil
}

// expanded is what the last four bytes of gzip say of the length before compression,
// if that can be true.
func expanded(data []byte) int {
	const ratio = 64 // text of this kind does not compress better
	if len(data) < 4 {
		return 0
	}
	return min(int(binary.LittleEndian.Uint32(data[len(data)-4:])), ratio*len(data), maxState)
}

// row adds what a line holds. Series of checks that are not known are left out: what
// this version does not know it cannot judge.
func (s *State) row(line string) error {
	switch {
	case strings.HasPrefix(line, rowSeries):
		key, ss, err := readSeries(line[len(rowSeries):])
		if err != nil {
			return fmt.Errorf("series: %w", err)
		}
		if key.Check.Valid() {
			s.Series[key] = ss
		}
	case strings.HasPrefix(line, rowIncident):
		inc, err := readIncident(line[len(rowIncident):])
		if err != nil {
			return fmt.Errorf("incident: %w", err)
		}
		s.Incidents[inc.ID] = inc
	case strings.HasPrefix(line, rowGroup):
		g, err := readGroup(line[len(rowGroup):])
		if err != nil {
			return fmt.Errorf("group: %w", err)
		}
		s.Groups[g.ID] = g
	}
	return nil
}
