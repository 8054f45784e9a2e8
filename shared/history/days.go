package history

import (
	"context"
	"errors"
	"fmt"
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
	Regions ByRegion `json:"regions,omitempty"`
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

// SumUp makes the Figures of a database's readings from a time on; hours before it only
// say where counters stood.
func SumUp(hours []*GaugeHour, database string, from time.Time) Figures {
	var f Figures
	for _, c := range []struct {
		gauge report.Gauge
		sum   **float64
	}{{report.GaugeHits, &f.Hits}, {report.GaugeMisses, &f.Misses}, {report.GaugeCommands, &f.Commands}} {
		for t, grown := range Growth(hours, database, c.gauge) {
			if t.Before(from) {
				continue
			}
			if *c.sum == nil {
				*c.sum = new(0.0)
			}
			**c.sum += grown
		}
	}
	for _, c := range []struct {
		check report.Check
		last  **float64
	}{{report.Memory, &f.MemoryRatio}, {report.Commands, &f.CommandsRatio}} {
		for t, v := range Verdicts(hours, database, c.check) {
			if v.Value != nil && !t.Before(from) {
				*c.last = v.Value
			}
		}
	}
	return f
}

// Date is the day's beginning.
func (d *Day) Date() time.Time { return dateOf(d.Day) }

// dateOf is the beginning of a day that was checked when its document was decoded.
func dateOf(day string) time.Time {
	t, _ := time.Parse(dayLayout, day)
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
