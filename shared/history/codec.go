package history

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(zr, maxDecoded+1))
	if err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	if len(raw) > maxDecoded {
		return fmt.Errorf("decompressing: more than %d bytes", maxDecoded)
	}
	if err := json.Unmarshal(raw, body); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}

// column is a sequence of small numbers, one for each sample.
type column []byte

func (c *column) add(v uint64) { *c = binary.AppendUvarint(*c, v) }

// values returns the column's n numbers.
func (c column) values(n int) ([]uint64, error) {
	out := make([]uint64, 0, min(n, len(c)))
	for rest := []byte(c); len(rest) > 0; {
		v, size := binary.Uvarint(rest)
		if size <= 0 {
			return nil, errors.New("a column holds a broken number")
		}
		out, rest = append(out, v), rest[size:]
	}
	if len(out) != n {
		return nil, fmt.Errorf("a column holds %d numbers, want %d", len(out), n)
	}
	return out, nil
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

func (c causes) name(n uint64) (cause.Cause, error) {
	switch {
	case n == 0:
		return "", nil
	case n > uint64(len(c)):
		return "", fmt.Errorf("cause number %d of %d", n, len(c))
	}
	return c[n-1], nil
}

// runs is the list of runs that a document holds, in the order of their arrival.
type runs []Run

func (r runs) has(t time.Time) bool {
	return slices.ContainsFunc(r, func(run Run) bool { return run.Scheduled.Equal(t) })
}

// last returns the run with the latest scheduled time.
func (r runs) last() (Run, bool) {
	if len(r) == 0 {
		return Run{}, false
	}
	return slices.MaxFunc(r, func(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) }), true
}
