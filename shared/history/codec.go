package history

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/report/packed"
	"github.com/pongwatch/pongwatch/shared/store"
)

// schema is the number of the documents' format that this version writes.
const schema = 1

// errNewer says that a document was written by a newer version. Appending to it would
// lose what this version cannot read.
var errNewer = errors.New("document of a newer version")

// maxDecoded bounds what a document may expand to.
const maxDecoded = 16 << 20

// compression takes a third of the default level's time for two per cent more bytes.
// Every run compresses its hour anew.
const compression = 4

// pack returns body as gzip over JSON, or [store.ErrTooLarge] for what could not be stored
// or read again.
func pack(body any) ([]byte, error) {
	data, err := packed.Encode(body, compression, maxDecoded)
	if errors.Is(err, packed.ErrTooLarge) {
		return nil, fmt.Errorf("%w: %w", err, store.ErrTooLarge)
	}
	if err == nil && len(data) > store.MaxData {
		return nil, fmt.Errorf("compressing: %d bytes, at most %d fit: %w", len(data), store.MaxData, store.ErrTooLarge)
	}
	return data, err
}

// packFitting packs body. As long as it is too large it drops the largest of its series, which
// dropped names.
func packFitting[S any](body any, series map[string]S) (data []byte, dropped, err error) {
	var names []string
	for {
		data, err = pack(body)
		if !errors.Is(err, store.ErrTooLarge) {
			break
		}
		largest, most := "", 0
		for name, s := range series {
			text, err := json.Marshal(s)
			if err != nil {
				return nil, nil, fmt.Errorf("encoding: %w", err)
			}
			if len(text) > most {
				largest, most = name, len(text)
			}
		}
		if most == 0 {
			return nil, nil, err
		}
		delete(series, largest)
		names = append(names, largest)
	}
	if err == nil && len(names) > 0 {
		dropped = fmt.Errorf("the document would be too large, so what it held of %s was dropped: %w", strings.Join(names, ", "), store.ErrTooLarge)
	}
	return data, dropped, err
}

// unpack reads doc's data into body.
func unpack(doc store.Doc, body any) error {
	if doc.Schema > schema {
		return fmt.Errorf("schema %d, this version reads up to %d: %w", doc.Schema, schema, errNewer)
	}
	return packed.Decode(doc.Data, body, maxDecoded)
}

// figures is a column of little-endian floats. A gap is NaN, or beyond the end.
type figures []byte

const figureSize = 8

// at returns the figure with this index, NaN if it is a gap.
func (f figures) at(i int) float64 {
	if len(f) < (i+1)*figureSize {
		return math.NaN()
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(f[i*figureSize:]))
}

// set appends v as the figure with this index, after as many gaps as that takes.
// JSON has no infinite numbers, so one of these is a gap, too.
func (f *figures) set(i int, v float64) {
	for len(*f) < i*figureSize {
		*f = binary.LittleEndian.AppendUint64(*f, math.Float64bits(math.NaN()))
	}
	if math.IsInf(v, 0) {
		v = math.NaN()
	}
	*f = binary.LittleEndian.AppendUint64(*f, math.Float64bits(v))
}

// fits reports whether the column is whole and has at most n figures.
func (f figures) fits(n int) bool { return len(f)%figureSize == 0 && len(f) <= n*figureSize }

// column is a sequence of small numbers, as unsigned varints.
type column []byte

func (c *column) add(v uint64) { *c = binary.AppendUvarint(*c, v) }

// next takes the first number off a column that check has accepted.
func (c *column) next() uint64 {
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

// checkColumns checks the columns of n samples, of which ofCauses holds numbers of known.
func checkColumns(n int, known causes, ofCauses column, others ...column) error {
	err := ofCauses.check(n, uint64(len(known)))
	for _, c := range others {
		err = errors.Join(err, c.check(n, math.MaxUint64))
	}
	return err
}

// tick is the resolution in which durations are kept, in milliseconds.
const tick = 0.1

// ticks converts milliseconds. A duration above zero stays above zero, because zero is a
// phase that was not reached.
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

// letters is a column of statuses: the first letter of each, or absent where there is none.
type letters string

const absent = '-'

// set appends the status with this index, after as many absent ones as that takes.
func (l *letters) set(i int, s report.Status) {
	if !s.Valid() {
		s = report.Unknown
	}
	*l += letters(strings.Repeat(string(absent), i-len(*l))) + letters(s[:1])
}

// at returns the status with this index, and whether there is one.
func (l letters) at(i int) (report.Status, bool) {
	if i >= len(l) || l[i] == absent {
		return "", false
	}
	for _, s := range []report.Status{report.OK, report.Warn, report.Fail} {
		if s[0] == l[i] {
			return s, true
		}
	}
	return report.Unknown, true
}

// present is how many statuses there are.
func (l letters) present() int { return len(l) - strings.Count(string(l), string(absent)) }

// causes is a document's table of causes. Number 0 is no cause.
type causes []cause.Cause

// number returns the cause's number, which it may add.
func (c *causes) number(name cause.Cause) uint64 {
	if name == "" {
		return 0
	}
	i := slices.Index(*c, name)
	if i < 0 {
		i = len(*c)
		*c = append(*c, name)
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
