package incident

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

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
	zw := gzipWriters.take(newGzipWriter)
	defer gzipWriters.keep(zw)
	zw.Reset(&buf)
	w := rowWriters.take(func() *rowWriter { return new(rowWriter) })
	defer rowWriters.keep(w)
	w.b = w.b[:0]
	// What is written goes to a bytes.Buffer, which takes everything: only Flush and Close
	// can fail. Compressing takes a tenth less time in pieces larger than a row.
	out := bufio.NewWriterSize(zw, 8<<10)
	_, _ = out.Write(append(head, '\n'))
	for _, at := range rows(w, s) {
		_, _ = out.Write(w.b[at.begin:at.end])
	}
	if err := cmp.Or(out.Flush(), zw.Close()); err != nil {
		return nil, fmt.Errorf("compressing state: %w", err)
	}
	return buf.Bytes(), nil
}

// span is where a row lies in the writer's memory, and the part of it by which it is
// sorted. A state of 4 GB is not written.
type span struct{ begin, keyBegin, keyEnd, end uint32 }

// rows writes the state's rows and returns where they are, in an order that depends on
// the state alone: an incident stands beside its series. They have a long id in common,
// which then is compressed.
func rows(w *rowWriter, s State) []span {
	spans := make([]span, 0, len(s.Series)+len(s.Incidents)+len(s.Groups))
	write := func(row func()) {
		begin := len(w.b)
		row()
		spans = append(spans, span{uint32(begin), uint32(w.keyBegin), uint32(w.keyEnd), uint32(len(w.b))})
	}
	for key, ss := range s.Series {
		write(func() { writeSeries(w, key, ss) })
	}
	for _, inc := range s.Incidents {
		write(func() { writeIncident(w, inc) })
	}
	for _, g := range s.Groups {
		write(func() { writeGroup(w, g) })
	}
	slices.SortFunc(spans, func(a, b span) int {
		if c := bytes.Compare(w.b[a.keyBegin:a.keyEnd], w.b[b.keyBegin:b.keyEnd]); c != 0 {
			return c
		}
		return bytes.Compare(w.b[a.begin:a.end], w.b[b.begin:b.end])
	})
	return spans
}

// What takes most of a megabyte to make is kept for the next message.
var (
	rowWriters  spare[rowWriter]
	gzipWriters spare[gzip.Writer]
	gzipReaders spare[gzip.Reader]
)

// spare keeps one value. A sync.Pool would have forgotten it: it keeps nothing through
// two collections, and messages are a minute apart.
type spare[V any] struct{ kept atomic.Pointer[V] }

// take returns the value kept, or a new one while somebody else has it.
func (s *spare[V]) take(make func() *V) *V {
	if v := s.kept.Swap(nil); v != nil {
		return v
	}
	return make()
}

func (s *spare[V]) keep(v *V) { s.kept.Store(v) }

// level is one above gzip.BestSpeed: of rows like these it makes an eighth less in about
// the same time.
const level = 2

func newGzipWriter() *gzip.Writer {
	zw, err := gzip.NewWriterLevel(io.Discard, level)
	if err != nil {
		panic(err) // unreachable: there is such a level
	}
	return zw
}

// Decode is the inverse of Encode. Its error is ErrUndecodable.
func Decode(data []byte) (State, error) {
	zr := gzipReaders.take(func() *gzip.Reader { return new(gzip.Reader) })
	defer gzipReaders.keep(zr)
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
	d := newDecoder(&h.State, text)
	for line := range strings.SplitSeq(text, "\n") {
		if err := d.row(line); err != nil {
			return State{}, fmt.Errorf("decoding: %w: %w", err, ErrUndecodable)
		}
	}
	h.Series, h.Incidents, h.Groups = emptyNil(h.Series), emptyNil(h.Incidents), emptyNil(h.Groups)
	return h.State, nil
}

// decoder fills a state from rows. What it makes lies side by side: one piece of memory
// for each of thousands would take longer than reading it.
type decoder struct {
	state     *State
	reader    rowReader
	series    slab[SeriesState]
	sources   slab[SourceState]
	incidents slab[Incident]
	groups    slab[Group]
}

func newDecoder(s *State, text string) *decoder {
	series, incidents, groups := countLines(text, rowSeries), countLines(text, rowIncident), countLines(text, rowGroup)
	s.Series = make(map[report.Series]*SeriesState, series)
	s.Incidents = make(map[string]*Incident, incidents)
	s.Groups = make(map[string]*Group, groups)
	return &decoder{
		state: s, series: make(slab[SeriesState], series), sources: make(slab[SourceState], series),
		incidents: make(slab[Incident], incidents), groups: make(slab[Group], groups),
	}
}

// countLines counts the lines that begin so.
func countLines(text, kind string) int {
	n := strings.Count(text, "\n"+kind)
	if strings.HasPrefix(text, kind) {
		n++
	}
	return n
}

// slab is memory that was made at once and is handed out in pieces.
type slab[V any] []V

// take returns the next n, made anew where too few are left.
func (s *slab[V]) take(n int) []V {
	if n > len(*s) {
		*s = make(slab[V], max(n, slabLeast))
	}
	out := (*s)[:n:n]
	*s = (*s)[n:]
	return out
}

// slabLeast is how many a slab that is used up gets at the least.
const slabLeast = 64

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
func (d *decoder) row(line string) error {
	switch {
	case strings.HasPrefix(line, rowSeries):
		ss := &d.series.take(1)[0]
		d.reader.row(line[len(rowSeries):])
		key := readSeries(&d.reader, ss, &d.sources)
		if d.reader.err != nil {
			return fmt.Errorf("series: %w", d.reader.err)
		}
		if key.Check.Valid() {
			d.state.Series[key] = ss
		}
	case strings.HasPrefix(line, rowIncident):
		inc := &d.incidents.take(1)[0]
		d.reader.row(line[len(rowIncident):])
		if readIncident(&d.reader, inc); d.reader.err != nil {
			return fmt.Errorf("incident: %w", d.reader.err)
		}
		d.state.Incidents[inc.ID] = inc
	case strings.HasPrefix(line, rowGroup):
		g := &d.groups.take(1)[0]
		d.reader.row(line[len(rowGroup):])
		if readGroup(&d.reader, g); d.reader.err != nil {
			return fmt.Errorf("group: %w", d.reader.err)
		}
		d.state.Groups[g.ID] = g
	}
	return nil
}
