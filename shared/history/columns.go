package history

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// A day's hours of readings are kept decoded, of every database: what they hold lies in
// columns, and what is the same over and over is kept once.

// words is a list of words that are mostly the same one.
type words struct {
	table []string
	index []uint32 // into table
}

func (w *words) add(word string) { w.index = append(w.index, numberOf(&w.table, word)) }

func (w words) at(i int) string { return w.table[w.index[i]] }

// IsZero reports whether the list is empty.
func (w words) IsZero() bool { return len(w.index) == 0 }

// MarshalJSON implements [json.Marshaler].
func (w words) MarshalJSON() ([]byte, error) {
	out := make([]string, len(w.index))
	for i := range out {
		out[i] = w.at(i)
	}
	return json.Marshal(out)
}

// numberOf returns where v is in the table, which it may add it to.
func numberOf[V comparable](table *[]V, v V) uint32 {
	i := slices.Index(*table, v)
	if i < 0 {
		i = len(*table)
		*table = append(*table, v)
	}
	return uint32(i)
}

// verdicts are a check's, one for each reading.
type verdicts struct {
	kinds []kind
	// index is 0 where the check was not asked, else one more than that of the kind.
	index []uint32
	// values are NaN where there is none.
	values numbers
}

// kind is what verdicts have in common.
type kind struct {
	status report.Status
	cause  cause.Cause
}

// verdict is one as it is written.
type verdict struct {
	Status report.Status `json:"status"`
	Cause  cause.Cause   `json:"cause,omitempty"`
	Value  *float64      `json:"value,omitempty"`
}

// add adds a verdict whose value is NaN if it has none.
func (v *verdicts) add(k kind, value float64) {
	v.index, v.values = append(v.index, numberOf(&v.kinds, k)+1), append(v.values, value)
}

// pad adds verdicts that were not asked for, up to n.
func (v *verdicts) pad(n int) {
	v.values = v.values.padded(n)
	for len(v.index) < n {
		v.index = append(v.index, 0)
	}
}

// at returns the verdict of a reading, and whether the check was asked. Its value lies in
// the column.
func (v *verdicts) at(i int) (report.Verdict, bool) {
	if v.index[i] == 0 {
		return report.Verdict{}, false
	}
	k := v.kinds[v.index[i]-1]
	out := report.Verdict{Status: k.status, Cause: k.cause}
	if !math.IsNaN(v.values[i]) {
		out.Value = &v.values[i]
	}
	return out, true
}

// MarshalJSON implements [json.Marshaler].
func (v *verdicts) MarshalJSON() ([]byte, error) {
	out := make([]*verdict, len(v.index))
	for i := range out {
		if one, ok := v.at(i); ok {
			out[i] = &verdict{Status: one.Status, Cause: one.Cause, Value: one.Value}
		}
	}
	return json.Marshal(out)
}

// addAll adds verdicts that encoding/json has read, nil where the check was not asked.
func (v *verdicts) addAll(list []*verdict) {
	for i, one := range list {
		if one == nil {
			v.pad(i + 1)
			continue
		}
		value := math.NaN()
		if one.Value != nil {
			value = *one.Value
		}
		v.add(kind{one.Status, one.Cause}, value)
	}
}

// named are columns by name: of a few, each look is a walk, and a map would take as much
// memory as what is in it.
type named[N ~string, C any] []namedColumn[N, C]

type namedColumn[N ~string, C any] struct {
	name N
	of   C
}

// get returns the column, nil if there is none.
func (x named[N, C]) get(name N) *C {
	for i := range x {
		if x[i].name == name {
			return &x[i].of
		}
	}
	return nil
}

// at returns the place of a column, made if it is new.
func (x *named[N, C]) at(name N) *C {
	if of := x.get(name); of != nil {
		return of
	}
	*x = append(*x, namedColumn[N, C]{name: name})
	return &(*x)[len(*x)-1].of
}

// MarshalJSON implements [json.Marshaler]: an object, its names in order.
func (x named[N, C]) MarshalJSON() ([]byte, error) {
	out := make(map[N]*C, len(x))
	for i := range x {
		out[x[i].name] = &x[i].of
	}
	return json.Marshal(out)
}
