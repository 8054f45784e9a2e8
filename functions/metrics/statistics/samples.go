package statistics

import (
	"iter"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// A month of one database is forty thousand samples, and a page of a hundred databases
// looks at as many: they are taken from their documents one by one.

// samplesOf yields a database's samples by time: those of the old days, and those of the
// hours on days that the old have none of.
func samplesOf(hours []*history.PingHour, old []*history.SampleDay, region, database string) iter.Seq[report.Sample] {
	type piece struct {
		from    time.Time
		samples iter.Seq[report.Sample]
	}
	var pieces []piece
	covered := map[time.Time]bool{}
	for _, d := range old {
		samples := d.Each(region)
		for range samples {
			covered[d.Date()] = true
			break
		}
		pieces = append(pieces, piece{d.Date(), samples})
	}
	for _, h := range hours {
		if from := h.Hour(); !covered[from.Truncate(day)] {
			pieces = append(pieces, piece{from, h.Each(database)})
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.from.Compare(b.from) })
	return func(yield func(report.Sample) bool) {
		for _, p := range pieces {
			for s := range p.samples {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// open yields a database's samples of the days that are in no day's document yet.
func (m *material) open(region, database string) iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		for _, h := range m.pings[region] {
			if m.covered[h.Hour().Truncate(day)] {
				continue
			}
			for s := range h.Each(database) {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// lastPing is the database's last, nil if there is none.
func lastPing(hours []*history.PingHour, database string) *Ping {
	for _, h := range slices.Backward(hours) {
		var last report.Sample
		for s := range h.Each(database) {
			last = s
		}
		if !last.At.IsZero() {
			return &Ping{At: last.At, Status: last.Status, Cause: string(last.Cause), Phases: last.Phases}
		}
	}
	return nil
}
