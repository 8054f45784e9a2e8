package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// dayLayout names a day in keys.
const dayLayout = "2006-01-02"

// SampleDay is one database's pings of one day, from every region. It keeps what
// percentiles and uptime need: time, status, cause and wait. Phases are kept for as
// long as the hours are.
type SampleDay struct{ body sampleBody }

type sampleBody struct {
	Database string                   `json:"database"`
	Day      string                   `json:"day"`
	Causes   causes                   `json:"causes,omitempty"`
	Regions  map[string]*sampleSeries `json:"regions"`
}

// sampleSeries has one letter and one number of each column for each sample.
type sampleSeries struct {
	Status string `json:"status"`
	// At is the seconds since the sample before, the first since the day began.
	At    column `json:"at"`
	Cause column `json:"cause"`
	Wait  column `json:"wait"`

	// broken says why a document that was read has no samples here.
	broken error
}

// DecodeSamples reads a document's data.
func DecodeSamples(data []byte, schema int) (*SampleDay, error) {
	d := &SampleDay{}
	if err := unpack(data, schema, &d.body); err != nil {
		return nil, err
	}
	if _, err := time.Parse(dayLayout, d.body.Day); err != nil {
		return nil, fmt.Errorf("decoding: day %q is none", d.body.Day)
	}
	for region, s := range d.body.Regions {
		if s == nil {
			return nil, fmt.Errorf("decoding: region %q has no samples", region)
		}
		s.broken = checkColumns(len(s.Status), d.body.Causes, s.Cause, s.At, s.Wait)
	}
	return d, nil
}

// Regions returns the names of all regions with a sample, sorted.
func (d *SampleDay) Regions() []string { return slices.Sorted(maps.Keys(d.body.Regions)) }

// Date is the day's beginning.
func (d *SampleDay) Date() time.Time { return dateOf(d.body.Day) }

// Samples returns the region's samples by time. What is missing is a gap.
func (d *SampleDay) Samples(region string) ([]report.Sample, error) {
	if s, ok := d.body.Regions[region]; ok && s.broken != nil {
		return nil, fmt.Errorf("reading samples of %s on %s: %w", d.body.Database, d.body.Day, s.broken)
	}
	return slices.Collect(d.Each(region)), nil
}

// Each yields the region's samples by time. What is missing is a gap, and so is a day of
// a broken column, of which Samples tells.
func (d *SampleDay) Each(region string) iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		s, ok := d.body.Regions[region]
		if !ok || s.broken != nil {
			return
		}
		of, at := *s, d.Date() // whose columns are read to their ends
		for i := range len(of.Status) {
			at = at.Add(time.Duration(of.At.next()) * time.Second)
			if !yield(report.Sample{
				At: at, Status: status(of.Status[i]), Cause: d.body.Causes.name(of.Cause.next()),
				Phases: report.Phases{Wait: milliseconds(of.Wait.next())},
			}) {
				return
			}
		}
	}
}

// add puts one region's samples of the day, sorted by time, in place.
func (d *SampleDay) add(region string, samples []report.Sample) {
	if len(samples) == 0 {
		return
	}
	s := &sampleSeries{}
	var letters strings.Builder
	before := d.Date()
	for _, v := range samples {
		letters.WriteByte(letter(v.Status))
		seconds := v.At.Sub(before) / time.Second
		before = before.Add(seconds * time.Second)
		s.At.add(uint64(max(0, seconds)))
		s.Cause.add(d.body.Causes.number(v.Cause))
		s.Wait.add(ticks(v.Phases.Wait))
	}
	s.Status = letters.String()
	d.body.Regions[region] = s
}

// Samples returns the database's days that touch [from, to], in order. The day that
// has not ended, and one that was not compacted yet, are not among them.
func (a *Archive) Samples(ctx context.Context, database string, from, to time.Time) ([]*SampleDay, error) {
	var out []*SampleDay
	for doc, err := range a.store.Range(ctx, sampleKey(database, from), sampleKey(database, to.Add(day))) {
		if err != nil {
			return nil, fmt.Errorf("reading samples: %w", err)
		}
		d, err := DecodeSamples(doc.Data, doc.Schema)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", doc.Key, err)
		}
		out = append(out, d)
	}
	return out, nil
}

const day = 24 * time.Hour

func sampleKey(database string, t time.Time) string {
	return "samples/v1/" + database + "/" + t.UTC().Format(dayLayout)
}

// place writes what a compaction made. It is the same whenever it is made, so what
// is there already stays.
func (a *Archive) place(ctx context.Context, key string, body any, expires time.Time) error {
	data, err := pack(body)
	if err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	_, err = a.store.Put(ctx, store.Doc{Key: key, Data: data, ExpiresAt: expires, Schema: Schema})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	return nil
}
