package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

// Day sums up one day of a shard.
type Day struct {
	Day       string                  `json:"day"`
	Shard     string                  `json:"shard"`
	Databases map[string]*DatabaseDay `json:"databases"`

	damage
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
	// MemoryRatio, CommandsRatio and BandwidthRatio are shares of the plan's quotas, BudgetRatio is
	// one of the database's budget.
	MemoryRatio    *float64 `json:"memory_ratio,omitempty"`
	CommandsRatio  *float64 `json:"commands_ratio,omitempty"`
	BandwidthRatio *float64 `json:"bandwidth_ratio,omitempty"`
	BudgetRatio    *float64 `json:"budget_ratio,omitempty"`
}

// HitRate is hits among look-ups, nil where there were none.
func (f Figures) HitRate() *float64 {
	if f.Hits == nil || f.Misses == nil || *f.Hits+*f.Misses <= 0 {
		return nil
	}
	return new(*f.Hits / 2 / (*f.Hits/2 + *f.Misses/2)) // the sum of two figures may be infinite
}

// Sum joins the figures of parts of a time, which are in order. A sum that no part knows is nil,
// and so is one that is too large for JSON.
func Sum(parts []Figures) Figures {
	var sum Figures
	for _, f := range parts {
		sum.Hits, sum.Misses, sum.Commands = plus(sum.Hits, f.Hits), plus(sum.Misses, f.Misses), plus(sum.Commands, f.Commands)
		sum.MemoryRatio, sum.CommandsRatio = cmp.Or(f.MemoryRatio, sum.MemoryRatio), cmp.Or(f.CommandsRatio, sum.CommandsRatio)
		sum.BandwidthRatio, sum.BudgetRatio = cmp.Or(f.BandwidthRatio, sum.BandwidthRatio), cmp.Or(f.BudgetRatio, sum.BudgetRatio)
	}
	for _, v := range []**float64{&sum.Hits, &sum.Misses, &sum.Commands} {
		if *v != nil && math.IsInf(**v, 0) {
			*v = nil
		}
	}
	return sum
}

func plus(a, b *float64) *float64 {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return new(*a + *b)
}

// SumUp makes the Figures of a database's readings from a time on. Hours before it are
// the base from which counters grow.
func SumUp(hours []*GaugeHour, database string, from time.Time) Figures {
	var parts []Figures
	for t, f := range Changes(hours, database) {
		if !t.Before(from) {
			parts = append(parts, f)
		}
	}
	return Sum(parts)
}

// Date is the day's beginning.
func (d *Day) Date() time.Time { return d.date(d.Day) }

// date is the beginning of a day: as its document was read, or of one that is being made.
func (d *damage) date(day string) time.Time {
	if !d.begins.IsZero() {
		return d.begins
	}
	t, _ := time.Parse(dayLayout, day)
	return t
}

// Days returns the shard's days that touch [from, to], in order. A day that was not
// compacted yet is not among them.
func (a *Archive) Days(ctx context.Context, shard string, from, to time.Time) ([]*Day, error) {
	prefix := dayPrefix(shard)
	return between(ctx, a.store, dayKey(prefix, from), dayKey(prefix, to.Add(day)), decodeDay)
}

// Compacted reports whether the day that holds t was compacted.
func (a *Archive) Compacted(ctx context.Context, shard string, t time.Time) (bool, error) {
	_, err := a.store.Get(ctx, dayKey(dayPrefix(shard), t))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("reading days: %w", err)
	}
	return err == nil, nil
}

func dayPrefix(shard string) string { return "days/v1/" + shard + "/" }

func decodeDay(doc store.Doc) (*Day, error) {
	d := &Day{}
	if err := unpack(doc, d); err != nil {
		return &Day{}, err
	}
	var err error
	if d.begins, err = time.Parse(dayLayout, d.Day); err != nil {
		return &Day{}, fmt.Errorf("decoding the day: %w", err)
	}
	maps.DeleteFunc(d.Databases, func(_ string, v *DatabaseDay) bool { return v == nil })
	return d, nil
}
