package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

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

// Compacted reports whether the day that holds t was compacted.
func (a *Archive) Compacted(ctx context.Context, shard string, t time.Time) (bool, error) {
	_, err := a.store.Get(ctx, dayKey(dayPrefix(shard), t))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("reading days: %w", err)
	}
	return err == nil, nil
}
