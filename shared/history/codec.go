package history

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Schema is the number of the documents' format that this version writes.
const Schema = 1

// maxDecoded bounds what a document may expand to.
const maxDecoded = 16 << 20

// compression costs two thirds of the default level's time for two per cent more
// bytes, and every run compresses its hour anew.
const compression = 4

// pack and unpack are gzip over JSON.
func pack(body any) ([]byte, error) {
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, compression)
	if err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	if err := json.NewEncoder(zw).Encode(body); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return buf.Bytes(), nil
}

func unpack(data []byte, schema int, body any) error {
	if schema > Schema {
		return fmt.Errorf("schema %d, this version reads up to %d: %w", schema, Schema, ErrNewer)
	}
	u, _ := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	if err := u.decompress(data); err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	// What is decoded keeps nothing of the text.
	if err := json.Unmarshal(u.text.Bytes(), body); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}

// unpackers are kept: each holds 40 KB and a document's text, which a month's documents
// need in turn.
var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

type unpacker struct {
	zr   gzip.Reader
	text bytes.Buffer
}

func (u *unpacker) decompress(data []byte) error {
	if err := u.zr.Reset(bytes.NewReader(data)); err != nil {
		return err
	}
	// The last four bytes claim the size (RFC 1952, 2.3.1). Deflate makes at most a
	// thousandth of it, so a false claim reserves no more than the data could hold.
	claim := min(int64(binary.LittleEndian.Uint32(data[len(data)-4:])), maxDecoded, 1032*int64(len(data)))
	u.text.Reset()
	u.text.Grow(int(claim) + bytes.MinRead)
	if _, err := u.text.ReadFrom(io.LimitReader(&u.zr, maxDecoded+1)); err != nil {
		return err
	}
	if u.text.Len() > maxDecoded {
		return fmt.Errorf("more than %d bytes", maxDecoded)
	}
	return nil
}

// numbers is a list of figures of which some are not known, which are NaN here and
// null in JSON.
type numbers []float64

func (n numbers) MarshalJSON() ([]byte, error) {
	out := append(make([]byte, 0, 2+8*len(n)), '[')
	for i, v := range n {
		if i > 0 {
			out = append(out, ',')
		}
		switch {
		case math.IsNaN(v):
			out = append(out, "null"...)
		case math.IsInf(v, 0):
			return nil, errors.New("a figure is infinite")
		default:
			one, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			out = append(out, one...)
		}
	}
	return append(out, ']'), nil
}

// UnmarshalJSON does what encoding/json does by itself, in a fifth of the time: a
// month's figures are most of what a page decodes.
func (n *numbers) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = nil
		return nil
	}
	inner, ok := elementsOf(data)
	if !ok {
		return errors.New("a list of figures is none")
	}
	out := make(numbers, 0, bytes.Count(inner, []byte(","))+1)
	for len(bytes.TrimSpace(inner)) > 0 {
		var one []byte
		var more bool
		one, inner, more = bytes.Cut(inner, []byte(","))
		one = bytes.TrimSpace(one)
		v := math.NaN()
		if string(one) != "null" {
			var err error
			if v, err = strconv.ParseFloat(string(one), 64); err != nil {
				return fmt.Errorf("a figure is none: %w", err)
			}
		}
		out = append(out, v)
		if !more {
			break
		}
	}
	*n = out
	return nil
}

// column is a sequence of small numbers, one for each sample.
type column []byte

func (c *column) add(v uint64) { *c = binary.AppendUvarint(*c, v) }

// shared is c in the memory of a column that is the same. Either of them may grow by
// itself.
func (c column) shared(with column) column {
	if !bytes.Equal(c, with) {
		return c
	}
	return slices.Clip(with)
}

// next takes the first number off a column that is known to have one.
func (c *column) next() uint64 {
	if b := (*c)[0]; b < 0x80 { // one byte, as most are
		*c = (*c)[1:]
		return uint64(b)
	}
	v, size := binary.Uvarint(*c)
	*c = (*c)[size:]
	return v
}

// check returns an error unless the column has n numbers, none above most.
func (c column) check(n int, most uint64) error {
	got := 0
	for rest := c; len(rest) > 0; got++ {
		v, size := binary.Uvarint(rest)
		if size <= 0 {
			return errors.New("a column holds a broken number")
		}
		if v > most {
			return fmt.Errorf("a column holds %d, want at most %d", v, most)
		}
		rest = rest[size:]
	}
	if got != n {
		return fmt.Errorf("a column holds %d numbers, want %d", got, n)
	}
	return nil
}

// checkColumns checks those of a document's n samples. causes is the first.
func checkColumns(n int, known causes, causes column, others ...column) error {
	if err := causes.check(n, uint64(len(known))); err != nil {
		return err
	}
	for _, c := range others {
		if err := c.check(n, math.MaxUint64); err != nil {
			return err
		}
	}
	return nil
}

// tick is the resolution in which times are kept, in milliseconds.
const tick = 0.1

// ticks keeps a duration in milliseconds; what was reached is never zero.
func ticks(ms float64) uint64 {
	if ms <= 0 {
		return 0
	}
	return max(1, uint64(ms/tick+0.5))
}

// coarse is ticks for what is only shown: whole milliseconds from ten upwards.
func coarse(ms float64) uint64 {
	if ms < 10 {
		return ticks(ms)
	}
	return uint64(ms+0.5) * 10
}

func milliseconds(t uint64) float64 { return float64(t) / 10 }

// The letters of statuses; absent stands for a run in which the database was not
// watched.
const absent = '-'

var letters = []struct {
	status report.Status
	letter byte
}{{report.OK, 'o'}, {report.Warn, 'w'}, {report.Fail, 'f'}, {report.Unknown, 'u'}}

func letter(s report.Status) byte {
	for _, l := range letters {
		if l.status == s {
			return l.letter
		}
	}
	return 'u'
}

func status(b byte) report.Status {
	for _, l := range letters {
		if l.letter == b {
			return l.status
		}
	}
	return report.Unknown
}

// causes is a document's table of causes; number 0 is no cause.
type causes []cause.Cause

func (c *causes) number(name cause.Cause) uint64 {
	if name == "" {
		return 0
	}
	i := slices.Index(*c, name)
	if i < 0 {
		*c = append(*c, name)
		i = len(*c) - 1
	}
	return uint64(i) + 1
}

// name returns the cause of a number that a checked column holds.
func (c causes) name(n uint64) cause.Cause {
	if n == 0 {
		return ""
	}
	return c[n-1]
}

// runs is the list of runs that a document holds, in the order of their arrival.
type runs []Run

func (r runs) has(t time.Time) bool {
	return slices.ContainsFunc(r, func(run Run) bool { return run.Scheduled.Equal(t) })
}

// inOrder reports whether the runs arrived in the order of their schedule, as nearly
// always.
func (r runs) inOrder() bool {
	return slices.IsSortedFunc(r, func(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) })
}

// hour is the one that they are all of, zero of none.
func (r runs) hour() time.Time {
	if len(r) == 0 {
		return time.Time{}
	}
	return r[0].Scheduled.UTC().Truncate(time.Hour)
}

// last returns the run with the latest scheduled time.
func (r runs) last() (Run, bool) {
	if len(r) == 0 {
		return Run{}, false
	}
	return slices.MaxFunc(r, func(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) }), true
}
