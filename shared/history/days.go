package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// Day sums up one day of a shard.
type Day struct {
	Day       string                  `json:"day"`
	Shard     string                  `json:"shard"`
	Databases map[string]*DatabaseDay `json:"databases"`
}

// DatabaseDay sums up one database's day. What is not known is left out.
type DatabaseDay struct {
	// Regions has the pings by the region that made them.
	Regions map[string]Summary `json:"regions,omitempty"`
	Figures
}

// Figures sum up readings: counters by their increase, the others by their last.
type Figures struct {
	Hits     *float64 `json:"hits,omitempty"`
	Misses   *float64 `json:"misses,omitempty"`
	Commands *float64 `json:"commands,omitempty"`
	// MemoryRatio and CommandsRatio are shares of the plan's quotas.
	MemoryRatio   *float64 `json:"memory_ratio,omitempty"`
	CommandsRatio *float64 `json:"commands_ratio,omitempty"`
}

// HitRate is hits among look-ups, nil where there were none.
func (f Figures) HitRate() *float64 {
	if f.Hits == nil || f.Misses == nil || *f.Hits+*f.Misses <= 0 {
		return nil
	}
	return new(*f.Hits / (*f.Hits + *f.Misses))
}

// SumUp makes the Figures of readings sorted by time, of which those before from only
// say where counters stood.
func SumUp(readings []report.Reading, from time.Time) Figures {
	var f Figures
	f.Hits = increase(readings, report.GaugeHits, from)
	f.Misses = increase(readings, report.GaugeMisses, from)
	f.Commands = increase(readings, report.GaugeCommands, from)
	for _, r := range slices.Backward(readings) {
		if r.At.Before(from) {
			break
		}
		if v, ok := r.Checks[report.Memory]; ok && f.MemoryRatio == nil {
			f.MemoryRatio = v.Value
		}
		if v, ok := r.Checks[report.Commands]; ok && f.CommandsRatio == nil {
			f.CommandsRatio = v.Value
		}
	}
	return f
}

// increase is by how much a counter grew after from. Each replica counts by itself,
// and one that shrank was reset: it has grown by what it is.
func increase(readings []report.Reading, gauge report.Gauge, from time.Time) *float64 {
	var sum float64
	known := false
	last := map[string]float64{}
	for _, r := range readings {
		now, ok := r.Values[gauge]
		if !ok {
			continue
		}
		before, compared := last[r.Replica]
		last[r.Replica] = now
		if !compared || r.At.Before(from) {
			continue
		}
		known = true
		if now < before {
			before = 0
		}
		sum += now - before
	}
	if !known {
		return nil
	}
	return &sum
}

// Date is the day's beginning.
func (d *Day) Date() time.Time {
	t, _ := time.Parse(dayLayout, d.Day) // checked when it was decoded
	return t
}

// DecodeDay reads a document's data.
func DecodeDay(data []byte, schema int) (*Day, error) {
	d := &Day{}
	if err := unpack(data, schema, d); err != nil {
		return nil, err
	}
	if _, err := time.Parse(dayLayout, d.Day); err != nil {
		return nil, fmt.Errorf("decoding: day %q is none", d.Day)
	}
	for name, v := range d.Databases {
		if v == nil {
			return nil, fmt.Errorf("decoding: database %q has no figures", name)
		}
	}
	return d, nil
}

// Days returns the shard's days that touch [from, to], in order. The day that has not
// ended, and one that was not compacted yet, are not among them.
func (a *Archive) Days(ctx context.Context, shard string, from, to time.Time) ([]*Day, error) {
	var out []*Day
	for doc, err := range a.store.Range(ctx, dayKey(shard, from), dayKey(shard, to.Add(day))) {
		if err != nil {
			return nil, fmt.Errorf("reading days: %w", err)
		}
		d, err := DecodeDay(doc.Data, doc.Schema)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", doc.Key, err)
		}
		out = append(out, d)
	}
	return out, nil
}

// Compacted reports whether the day that holds t was compacted.
func (a *Archive) Compacted(ctx context.Context, shard string, t time.Time) (bool, error) {
	_, err := a.store.Get(ctx, dayKey(shard, t))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading days: %w", err)
	}
	return true, nil
}

func dayKey(shard string, t time.Time) string {
	return "days/v1/" + shard + "/" + t.UTC().Format(dayLayout)
}
