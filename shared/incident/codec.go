package incident

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
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

// wire is the state as JSON. The series, of which there may be thousands, have
// short names, times in milliseconds and no zero values.
type wire struct {
	Schema int `json:"schema"`
	State
	Series []wireSeries `json:"series,omitempty"`
}

type wireSeries struct {
	Key      string       `json:"k"`
	Incident string       `json:"i,omitempty"`
	Held     string       `json:"h,omitempty"`
	LastBad  int64        `json:"b,omitempty"`
	LastOK   int64        `json:"o,omitempty"`
	Sources  []wireSource `json:"s,omitempty"`
}

type wireSource struct {
	Source       string        `json:"n,omitempty"`
	Scheduled    int64         `json:"t,omitempty"`
	Seen         int64         `json:"a,omitempty"`
	UnknownSince int64         `json:"u,omitempty"`
	Every        int64         `json:"e,omitempty"` // milliseconds
	Status       report.Status `json:"s,omitempty"`
	Clear        bool          `json:"c,omitempty"`
	Cause        cause.Cause   `json:"r,omitempty"`
	History      uint32        `json:"h,omitempty"`
	Known        int           `json:"k,omitempty"`
	Bad          int           `json:"b,omitempty"`
	Good         int           `json:"g,omitempty"`
	Runs         int           `json:"m,omitempty"`
	Alike        int           `json:"l,omitempty"`
	Down         bool          `json:"d,omitempty"`
	Since        int64         `json:"f,omitempty"`

	Observation *report.Observation `json:"x,omitempty"`
}

// Encode returns the state as gzip-compressed JSON.
func Encode(s State) ([]byte, error) {
	w := wire{Schema: Schema, State: s, Series: make([]wireSeries, 0, len(s.Series))}
	for _, key := range sortedSeries(s.Series) {
		w.Series = append(w.Series, toWire(key, s.Series[key]))
	}
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("encoding state: %w", err)
	}
	if err := json.NewEncoder(zw).Encode(w); err != nil {
		return nil, fmt.Errorf("encoding state: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("compressing state: %w", err)
	}
	return buf.Bytes(), nil
}

// Decode is the inverse of Encode. Its error is ErrUndecodable.
func Decode(data []byte) (State, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return State{}, fmt.Errorf("decompressing: %w: %w", err, ErrUndecodable)
	}
	raw, err := io.ReadAll(io.LimitReader(zr, maxState+1))
	if err != nil {
		return State{}, fmt.Errorf("decompressing: %w: %w", err, ErrUndecodable)
	}
	if len(raw) > maxState {
		return State{}, fmt.Errorf("decompressing: more than %d bytes: %w", maxState, ErrUndecodable)
	}
	var w wire
	if err := json.Unmarshal(raw, &w); err != nil {
		return State{}, fmt.Errorf("decoding: %w: %w", err, ErrUndecodable)
	}
	if w.Schema < 1 || w.Schema > Schema {
		return State{}, fmt.Errorf("schema %d, this version reads 1 to %d: %w", w.Schema, Schema, ErrUndecodable)
	}
	s := w.State
	if len(w.Series) > 0 {
		s.Series = make(map[report.Series]SeriesState, len(w.Series))
	}
	for _, ws := range w.Series {
		key, ok := report.ParseSeries(ws.Key)
		if !ok {
			continue // a check of a newer version
		}
		s.Series[key] = fromWire(key, ws)
	}
	return s, nil
}

func toWire(key report.Series, ss SeriesState) wireSeries {
	w := wireSeries{
		Key: key.String(), Incident: ss.Incident, Held: ss.Held, LastBad: millis(ss.LastBad), LastOK: millis(ss.LastOK),
		Sources: make([]wireSource, 0, len(ss.Sources)),
	}
	for _, src := range ss.Sources {
		w.Sources = append(w.Sources, wireSource{
			Source: src.Source, Scheduled: millis(src.Scheduled), Seen: millis(src.Seen), UnknownSince: millis(src.UnknownSince),
			Every: src.Every.Milliseconds(), Status: src.Status, Clear: src.Clear, Cause: src.Cause,
			History: src.History, Known: src.Known, Bad: src.Bad, Good: src.Good, Runs: src.Runs, Alike: src.Alike,
			Down: src.Down, Since: millis(src.Since), Observation: src.Observation,
		})
	}
	return w
}

func fromWire(key report.Series, w wireSeries) SeriesState {
	ss := SeriesState{
		Incident: w.Incident, Held: w.Held, LastBad: moment(w.LastBad), LastOK: moment(w.LastOK),
		Sources: make([]SourceState, 0, len(w.Sources)),
	}
	for _, src := range w.Sources {
		ss.Sources = append(ss.Sources, SourceState{
			Source: src.Source, Scheduled: moment(src.Scheduled), Seen: moment(src.Seen), UnknownSince: moment(src.UnknownSince),
			Every: time.Duration(src.Every) * time.Millisecond, Status: src.Status, Clear: src.Clear, Cause: src.Cause,
			History: src.History, Known: src.Known, Bad: src.Bad, Good: src.Good, Runs: src.Runs, Alike: src.Alike,
			Down: src.Down, Since: moment(src.Since), Observation: src.Observation,
		})
	}
	return ss
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
