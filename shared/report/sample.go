package report

import (
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Sample is what history keeps of one ping.
type Sample struct {
	// At is the scheduled time of the run.
	At       time.Time
	Status   Status
	Cause    cause.Cause
	Phases   Phases
	Attempts int
}

// Gauge names one figure of a Reading. Figures whose name ends in _total are
// counters of one replica: they mean something only as a difference between two
// readings of the same replica.
type Gauge string

// The gauges, those that INFO yields first. Upstash's quota is about data: total_data_size and
// max_data_size; used_memory and maxmemory describe the hot tier only.
const (
	GaugeDataSize    Gauge = "data_size_bytes"
	GaugeDataLimit   Gauge = "data_limit_bytes"
	GaugeMemoryUsed  Gauge = "memory_used_bytes"
	GaugeMemoryLimit Gauge = "memory_limit_bytes"
	GaugeKeys        Gauge = "keys"
	GaugeConnections Gauge = "connections"
	GaugeOpsPerSec   Gauge = "operations_per_second"
	GaugeCommands    Gauge = "commands_total"
	GaugeReads       Gauge = "reads_total"
	GaugeWrites      Gauge = "writes_total"
	GaugeHits        Gauge = "hits_total"
	GaugeMisses      Gauge = "misses_total"
	GaugeExpired     Gauge = "expired_keys_total"
	GaugeEvicted     Gauge = "evicted_keys_total"

	// Checks add these to INFO's, in the runs in which they are due. month_commands is
	// Upstash's own count. month_commands_seen is the count of one replica, a lower bound.
	// The hours are forecasts, absent where there is none.
	GaugeMonthCommands     Gauge = "month_commands"
	GaugeMonthCommandsSeen Gauge = "month_commands_seen"
	GaugeCommandsLimit     Gauge = "commands_limit"
	GaugeCommandsHours     Gauge = "commands_hours_left"
	GaugeMemoryHours       Gauge = "memory_hours_left"
	GaugeMonthBandwidth    Gauge = "month_bandwidth_bytes"
	GaugeBandwidthLimit    Gauge = "bandwidth_limit_bytes"
	GaugeBandwidthHours    Gauge = "bandwidth_hours_left"
	GaugeMonthDollars      Gauge = "month_dollars"
	GaugeBudget            Gauge = "budget_dollars"
	GaugeBudgetHours       Gauge = "budget_hours_left"
	GaugeConnectionsLimit  Gauge = "connections_limit"

	// The look-ups that a run itself made after INFO, by whether they found a key. They are
	// no part of the app's hit rate.
	GaugeOwnHits   Gauge = "own_hits"
	GaugeOwnMisses Gauge = "own_misses"
)

// Gauges returns the closed set of gauges.
func Gauges() []Gauge {
	return []Gauge{
		GaugeDataSize, GaugeDataLimit, GaugeMemoryUsed, GaugeMemoryLimit, GaugeKeys, GaugeConnections, GaugeOpsPerSec,
		GaugeCommands, GaugeReads, GaugeWrites, GaugeHits, GaugeMisses, GaugeExpired, GaugeEvicted,
		GaugeMonthCommands, GaugeMonthCommandsSeen, GaugeCommandsLimit, GaugeCommandsHours, GaugeMemoryHours,
		GaugeMonthBandwidth, GaugeBandwidthLimit, GaugeBandwidthHours, GaugeMonthDollars, GaugeBudget, GaugeBudgetHours, GaugeConnectionsLimit,
		GaugeOwnHits, GaugeOwnMisses,
	}
}

// Verdict is what history keeps of one check of a Metrics run.
type Verdict struct {
	Status Status
	Cause  cause.Cause
	Value  *float64
}

// Reading is what history keeps of one database in one Metrics run.
type Reading struct {
	// At is the scheduled time of the run.
	At time.Time
	// Replica is the replica that answered INFO: its counters are its own.
	Replica string
	// Policy is INFO's maxmemory_policy.
	Policy string
	Values map[Gauge]float64
	// Checks holds the checks that were due.
	Checks map[Check]Verdict
}

// Counters returns the figures that a replica counts from its start on.
func Counters() []Gauge {
	return []Gauge{GaugeCommands, GaugeReads, GaugeWrites, GaugeHits, GaugeMisses, GaugeExpired, GaugeEvicted}
}

// Restarted reports whether the counters were reset since an earlier reading of the same
// replica. All are reset together, so one that shrank shows the reset of the others, even
// of those that have since grown past their old value.
func (r Reading) Restarted(before Reading) bool {
	for _, g := range Counters() {
		was, known := before.Values[g]
		if is, still := r.Values[g]; known && still && is < was {
			return true
		}
	}
	return false
}

// Own returns the gauge of the part of a counter that a run itself made, empty for none.
func (g Gauge) Own() Gauge {
	switch g {
	case GaugeHits:
		return GaugeOwnHits
	case GaugeMisses:
		return GaugeOwnMisses
	}
	return ""
}

// Growth returns by how much a counter has grown since an earlier reading of the same
// replica, if both have it. What the earlier run looked up itself, after its reading, is no
// growth. A counter that was reset has grown by what it is.
func (r Reading) Growth(before Reading, g Gauge) (float64, bool) {
	was, known := before.Values[g]
	is, still := r.Values[g]
	if !known || !still {
		return 0, false
	}
	if r.Restarted(before) {
		return is, true
	}
	return max(0, is-was-before.Values[g.Own()]), true
}
