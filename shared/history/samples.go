package history

import (
	"encoding/binary"
	"iter"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Samples are the pings of one database from one region, by time.
type Samples struct {
	// Causes are those that the column of causes counts, from 1 on.
	Causes []cause.Cause `json:"causes,omitempty"`
	// Columns have a number for each ping, as unsigned varints. A column of zeros alone is empty.
	// As JSON numbers, a day of them would take most of the time of a page.
	Columns [columns][]byte `json:"columns"`
}

// The columns. Durations are in ticks.
const (
	columnAt     = iota // seconds since the ping before, the first since 1970
	columnStatus        // index in statuses
	columnCause
	columnAttempts
	columnDNS
	columnConnect
	columnTLS
	columnWait
	columnRest // total minus the other phases
	columns
)

// statuses are numbered in columns.
var statuses = [...]report.Status{report.OK, report.Warn, report.Fail, report.Unknown}

// statusNumber is the index of s in statuses, and that of unknown for any other status.
func statusNumber(s report.Status) int {
	if i := slices.Index(statuses[:], s); i >= 0 {
		return i
	}
	return len(statuses) - 1
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

// newSamples returns the samples of a list in any order. Of one second it keeps the first in the list.
func newSamples(list []report.Sample) *Samples {
	seconds := func(a, b report.Sample) int { return int(a.At.Unix() - b.At.Unix()) }
	slices.SortStableFunc(list, seconds)
	s, before, seen := &Samples{}, int64(0), [columns]uint64{}
	for _, v := range slices.CompactFunc(list, func(a, b report.Sample) bool { return seconds(a, b) == 0 }) {
		p := v.Phases
		row := [columns]uint64{
			columnAt: uint64(v.At.Unix() - before), columnStatus: uint64(statusNumber(v.Status)), columnAttempts: uint64(max(0, v.Attempts)),
			columnDNS: coarse(p.DNS), columnConnect: coarse(p.Connect), columnTLS: coarse(p.TLS), columnWait: ticks(p.Wait),
		}
		before = v.At.Unix()
		if phases := row[columnDNS] + row[columnConnect] + row[columnTLS] + row[columnWait]; coarse(p.Total) > phases {
			row[columnRest] = coarse(p.Total) - phases
		}
		if v.Cause != "" {
			i := slices.Index(s.Causes, v.Cause)
			if i < 0 {
				i, s.Causes = len(s.Causes), append(s.Causes, v.Cause)
			}
			row[columnCause] = uint64(i) + 1
		}
		for i, n := range row {
			s.Columns[i] = binary.AppendUvarint(s.Columns[i], n)
			seen[i] |= n
		}
	}
	for i, n := range seen {
		if n == 0 {
			s.Columns[i] = nil
		}
	}
	return s
}

// All yields the samples by time. A run without one is a gap. Nil has none.
func (s *Samples) All() iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		if s == nil {
			return
		}
		rest, at := s.Columns, int64(0)
		for len(rest[columnAt]) > 0 {
			var row [columns]uint64
			for i, column := range rest {
				v, size := binary.Uvarint(column)
				if size <= 0 { // at its end, or broken
					if i == columnAt {
						return // the times of the rest are lost
					}
					size = len(column)
				}
				row[i], rest[i] = v, column[size:]
			}
			at += int64(row[columnAt])
			dns, connect, tls, wait := row[columnDNS], row[columnConnect], row[columnTLS], row[columnWait]
			sample := report.Sample{
				At: time.Unix(at, 0).UTC(), Status: statuses[min(row[columnStatus], uint64(len(statuses)-1))], Attempts: int(row[columnAttempts]),
				Phases: report.Phases{
					DNS: milliseconds(dns), Connect: milliseconds(connect), TLS: milliseconds(tls), Wait: milliseconds(wait),
					Total: milliseconds(dns + connect + tls + wait + row[columnRest]),
				},
			}
			if n := row[columnCause]; n > 0 && n <= uint64(len(s.Causes)) {
				sample.Cause = s.Causes[n-1]
			}
			if !yield(sample) {
				return
			}
		}
	}
}
