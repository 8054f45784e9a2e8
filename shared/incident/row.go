package incident

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rows keep what a state has thousands of in a form that is read and written ten
// times as fast as JSON objects, and additive like them: fields are in a fixed
// order, new ones are appended, missing ones are zero. Inside a field there may be a
// list, whose elements are rows of their own.
const (
	fieldMark   = '|' // between the fields of a row
	elementMark = ';' // between the elements of a list
	innerMark   = ',' // between the fields of an element
	escapeMark  = '%' // before two hexadecimal digits
)

// rowWriter writes rows, one after the other.
type rowWriter struct {
	b     []byte
	mark  byte
	begun bool
	// keyBegin and keyEnd are where the key of the last row lies in b.
	keyBegin, keyEnd int
}

// begin starts a row.
func (w *rowWriter) begin(kind string) {
	w.b = append(w.b, kind...)
	w.mark, w.begun = fieldMark, false
	w.keyBegin, w.keyEnd = len(w.b), len(w.b)
}

// end finishes it.
func (w *rowWriter) end() { w.b = append(w.b, '\n') }

func (w *rowWriter) field() {
	if w.begun {
		w.b = append(w.b, w.mark)
	}
	w.begun = true
}

// text writes a field that may hold anything.
func (w *rowWriter) text(s string) {
	w.field()
	w.escaped(s)
}

func (w *rowWriter) escaped(s string) {
	plain := 0
	for i := range len(s) {
		if !special[s[i]] {
			continue
		}
		w.b = append(w.b, s[plain:i]...)
		w.b = append(w.b, escapeMark, hexDigits[s[i]>>4], hexDigits[s[i]&15])
		plain = i + 1
	}
	w.b = append(w.b, s[plain:]...)
}

const (
	hexDigits = "0123456789abcdef"

	// base is that of numbers.
	base     = 36
	digits36 = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// special says which bytes a row escapes: its own marks, and control characters.
var special = func() (table [256]bool) {
	for c := range 0x20 {
		table[c] = true
	}
	for _, c := range []byte{fieldMark, elementMark, innerMark, escapeMark} {
		table[c] = true
	}
	return table
}()

func (w *rowWriter) int(n int64) {
	w.field()
	switch {
	case n > 0:
		w.b = appendPlain(w.b, n)
	case n < 0:
		w.b = strconv.AppendInt(w.b, n, base)
	}
}

// appendPlain appends a positive number. strconv divides by whatever base it is given;
// by a constant the compiler multiplies, which takes a third of the time. Most numbers
// are counts of one digit, or times of eight.
func appendPlain(b []byte, n int64) []byte {
	if n < base {
		return append(b, digits36[n])
	}
	var digits [14]byte // 36^13 > 2^63
	i, u := len(digits), uint64(n)
	for u >= base {
		i -= 2
		two := pairs[u%(base*base)]
		digits[i], digits[i+1] = two[0], two[1]
		u /= base * base
	}
	if u > 0 {
		i--
		digits[i] = digits36[u]
	}
	return append(b, digits[i:]...)
}

// pairs are the numbers of two digits.
var pairs = func() (table [base * base][2]byte) {
	for n := range table {
		table[n] = [2]byte{digits36[n/base], digits36[n%base]}
	}
	return table
}()

func (w *rowWriter) time(t time.Time) {
	if t.IsZero() {
		w.int(0)
		return
	}
	w.int(t.UnixMilli())
}

func (w *rowWriter) duration(d time.Duration) { w.int(d.Milliseconds()) }

func (w *rowWriter) bool(v bool) {
	w.field()
	if v {
		w.b = append(w.b, '1')
	}
}

func (w *rowWriter) float(v float64) {
	w.field()
	const exact = 1 << 19 // below, whole numbers are written alike, in a fraction of the time
	switch n := int64(v); {
	case v == 0:
	case float64(n) == v && -exact < n && n < exact:
		w.b = strconv.AppendInt(w.b, n, 10)
	default:
		w.b = strconv.AppendFloat(w.b, v, 'g', -1, 64)
	}
}

// list writes n elements as one field.
func (w *rowWriter) list(n int, element func(i int)) {
	w.field()
	mark := w.mark
	w.mark = innerMark
	for i := range n {
		if i > 0 {
			w.b = append(w.b, elementMark)
		}
		w.begun = false
		element(i)
	}
	w.mark, w.begun = mark, true
}

// texts writes a list of texts. One with a single empty text cannot be told from
// none; nothing here has one.
func (w *rowWriter) texts(list []string) { w.list(len(list), func(i int) { w.text(list[i]) }) }

// rowReader reads one row. After the last field everything is zero; the first
// error is kept.
type rowReader struct {
	s    string
	mark byte
	err  error
}

// row begins with the next row.
func (r *rowReader) row(s string) { *r = rowReader{s: s, mark: fieldMark} }

func (r *rowReader) next() string {
	// Most fields are empty or short: a call takes longer than a look.
	const short = 8
	s, i := r.s, 0
	for i < len(s) && i < short && s[i] != r.mark {
		i++
	}
	if i == short {
		i = strings.IndexByte(s, r.mark)
	} else if i == len(s) {
		i = -1
	}
	if i < 0 {
		r.s = ""
		return s
	}
	r.s = s[i+1:]
	return s[:i]
}

func (r *rowReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *rowReader) text() string {
	field := r.next()
	if strings.IndexByte(field, escapeMark) < 0 {
		return field
	}
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] != escapeMark {
			b.WriteByte(field[i])
			continue
		}
		if i+2 >= len(field) {
			r.fail(fmt.Errorf("field %q ends inside an escape", field))
			return ""
		}
		c, err := strconv.ParseUint(field[i+1:i+3], 16, 8)
		if err != nil {
			r.fail(fmt.Errorf("field %q has a wrong escape", field))
			return ""
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String()
}

func (r *rowReader) int() int64 {
	if n, ok := r.plain(); ok {
		return n
	}
	field := r.next()
	n, err := strconv.ParseInt(field, base, 64)
	if err != nil {
		r.fail(fmt.Errorf("field %q is no number", field))
	}
	return n
}

// plain reads what the writer writes of numbers that are not negative and far from
// overflowing, which is nearly all of them, in one look at each byte. It reads nothing
// of a field that holds anything else.
func (r *rowReader) plain() (int64, bool) {
	const most = 12 // base^12 < 2^63
	s, mark := r.s, r.mark
	var n int64
	for i := 0; i < len(s) && i <= most; i++ {
		c := s[i]
		if c == mark {
			r.s = s[i+1:]
			return n, true
		}
		digit := digitOf[c]
		if digit == noDigit || i == most {
			return 0, false
		}
		n = n*base + int64(digit)
	}
	if len(s) > most {
		return 0, false
	}
	r.s = ""
	return n, true
}

// digitOf is what a character is worth in a number.
var digitOf = func() (table [256]uint8) {
	for c := range table {
		table[c] = noDigit
	}
	for n, c := range []byte(digits36) {
		table[c] = uint8(n)
	}
	return table
}()

const noDigit = 255

func (r *rowReader) time() time.Time {
	ms := r.int()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (r *rowReader) duration() time.Duration { return time.Duration(r.int()) * time.Millisecond }

func (r *rowReader) bool() bool { return r.next() != "" }

func (r *rowReader) float() float64 {
	field := r.next()
	if field == "" {
		return 0
	}
	v, err := strconv.ParseFloat(field, 64)
	if err != nil {
		r.fail(fmt.Errorf("field %q is no number", field))
	}
	return v
}

// list reads a field's elements, each as a row of its own. begin is told how many
// there are, unless there are none.
func (r *rowReader) list(begin func(n int), element func(*rowReader)) {
	field := r.next()
	if field == "" {
		return
	}
	begin(strings.Count(field, string(elementMark)) + 1)
	rest, mark := r.s, r.mark
	r.mark = innerMark
	for more := true; more; {
		r.s, field, more = strings.Cut(field, string(elementMark))
		element(r)
	}
	r.s, r.mark = rest, mark
}

func readSlice[V any](r *rowReader, element func(*rowReader) V) []V {
	var out []V
	r.list(func(n int) { out = make([]V, 0, n) }, func(e *rowReader) { out = append(out, element(e)) })
	return out
}

func readMap[K comparable, V any](r *rowReader, element func(*rowReader) (K, V)) map[K]V {
	var out map[K]V
	r.list(func(n int) { out = make(map[K]V, n) }, func(e *rowReader) {
		k, v := element(e)
		out[k] = v
	})
	return out
}

func (r *rowReader) texts() []string { return readSlice(r, (*rowReader).text) }
