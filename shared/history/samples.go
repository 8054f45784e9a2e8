package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// SampleDay is one database's pings of one day, from every region. It keeps what
// percentiles and uptime need: time, status, cause and wait. Phases are kept for as
// long as the hours are.
type SampleDay struct {
	sampleBody
	damage
}

type sampleBody struct {
	Database string                   `json:"database"`
	Day      string                   `json:"day"`
	Causes   causes                   `json:"causes,omitempty"`
	Series   map[string]*sampleSeries `json:"regions"`
}

// sampleSeries has one letter and one number of each column for each sample.
type sampleSeries struct {
	Status letters `json:"status"`
	// At is the seconds since the sample before, the first since the day began.
	At    column `json:"at"`
	Cause column `json:"cause"`
	Wait  column `json:"wait"`

	// broken is why a series that was read has no samples.
	broken error
}

// Samples returns the database's days that touch [from, to], in order. A day that was not
// compacted yet is not among them.
func (a *Archive) Samples(ctx context.Context, database string, from, to time.Time) ([]*SampleDay, error) {
	prefix := samplePrefix(database)
	return between(ctx, a.store, dayKey(prefix, from), dayKey(prefix, to.Add(day)), decodeSamples)
}

func samplePrefix(database string) string { return "samples/v1/" + database + "/" }

func decodeSamples(doc store.Doc) (*SampleDay, error) {
	d := &SampleDay{}
	if err := unpack(doc, d); err != nil {
		return &SampleDay{}, err
	}
	var err error
	if d.begins, err = time.Parse(dayLayout, d.Day); err != nil {
		return &SampleDay{}, fmt.Errorf("decoding the day: %w", err)
	}
	for region, s := range d.Series {
		if s == nil {
			d.Series[region] = &sampleSeries{broken: errors.New("no columns")}
			continue
		}
		s.broken = checkColumns(s.Status.present(), d.Causes, s.Cause, s.At, s.Wait)
	}
	return d, nil
}

// Regions returns the names of all regions with a sample, sorted.
func (d *SampleDay) Regions() []string { return slices.Sorted(maps.Keys(d.Series)) }

// Date is the day's beginning.
func (d *SampleDay) Date() time.Time { return d.date(d.Day) }

// Samples returns the region's samples by time. What is missing is a gap.
func (d *SampleDay) Samples(region string) ([]report.Sample, error) {
	if s := d.Series[region]; s != nil && s.broken != nil {
		return nil, fmt.Errorf("reading samples of %s on %s: %w", d.Database, d.Day, s.broken)
	}
	return slices.Collect(d.Each(region)), nil
}

// Each yields the region's samples by time. What is missing is a gap, and so is a broken
// series, for which Samples returns an error.
func (d *SampleDay) Each(region string) iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		if d.Series[region] == nil || d.Series[region].broken != nil {
			return
		}
		s, at := *d.Series[region], d.Date() // next takes the numbers off this copy's columns
		for i := range len(s.Status) {
			status, ok := s.Status.at(i)
			if !ok {
				continue
			}
			at = at.Add(time.Duration(s.At.next()) * time.Second)
			sample := report.Sample{At: at, Status: status, Cause: d.Causes.name(s.Cause.next()), Phases: report.Phases{Wait: milliseconds(s.Wait.next())}}
			if !yield(sample) {
				return
			}
		}
	}
}

func newSampleDay(database, day string) *SampleDay {
	return &SampleDay{sampleBody: sampleBody{Database: database, Day: day, Series: map[string]*sampleSeries{}}}
}

// merge returns the day with the samples of another part of it, or nil if it has them all.
func (d *SampleDay) merge(other *SampleDay) *SampleDay {
	out, more := newSampleDay(d.Database, d.Day), false
	for _, region := range union(d.Regions(), other.Regions()) {
		all := slices.Collect(d.Each(region))
		had := map[time.Time]bool{}
		for _, s := range all {
			had[s.At] = true
		}
		for s := range other.Each(region) {
			if !had[s.At] {
				all, more = append(all, s), true
			}
		}
		slices.SortFunc(all, func(a, b report.Sample) int { return a.At.Compare(b.At) })
		out.add(region, all)
	}
	if !more {
		return nil
	}
	return out
}

// add sets one region's samples of the day, sorted by time.
func (d *SampleDay) add(region string, samples []report.Sample) {
	s := &sampleSeries{}
	before := d.Date()
	for i, v := range samples {
		seconds := max(0, v.At.Sub(before)/time.Second)
		before = before.Add(seconds * time.Second)
		s.Status.set(i, v.Status)
		s.At.add(uint64(seconds))
		s.Cause.add(d.Causes.number(v.Cause))
		s.Wait.add(ticks(v.Phases.Wait))
	}
	d.Series[region] = s
}
