package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Reading returns what history keeps of the target's INFO, and of what the account said. A
// target whose INFO failed has that alone.
func (t *Target) Reading(ctx context.Context, scheduled time.Time, observations []report.Observation) report.Reading {
	r := report.Reading{At: scheduled, Values: map[report.Gauge]float64{}, Checks: map[report.Check]report.Verdict{}}
	if info, err := t.Info(ctx); err == nil {
		r.Replica, r.Policy, r.Values = info.LocalMember, info.MaxmemoryPolicy, gauges(info)
		if limit, known := t.dataLimit(info); known {
			r.Values[report.GaugeDataLimit] = limit
		}
		if hits, misses := t.client.Lookups(); hits+misses > t.hits+t.misses {
			r.Values[report.GaugeOwnHits], r.Values[report.GaugeOwnMisses] = float64(hits-t.hits), float64(misses-t.misses)
		}
	}
	maps.Copy(r.Values, t.figures)
	for _, o := range observations {
		if o.Check != report.ConfigLoad {
			r.Checks[o.Check] = report.Verdict{Status: o.Status, Cause: o.Cause, Value: o.Value}
		}
	}
	return r
}

func gauges(info upstash.Info) map[report.Gauge]float64 {
	out := map[report.Gauge]float64{}
	for gauge, c := range map[report.Gauge]upstash.Count{
		report.GaugeDataSize: info.DataSize, report.GaugeDataLimit: info.MaxDataSize,
		report.GaugeMemoryUsed: info.UsedMemory, report.GaugeMemoryLimit: info.Maxmemory,
		report.GaugeKeys: info.Keys, report.GaugeConnections: info.Connections, report.GaugeOpsPerSec: info.OpsPerSecond,
		report.GaugeCommands: info.Commands, report.GaugeReads: info.Reads, report.GaugeWrites: info.Writes,
		report.GaugeHits: info.Hits, report.GaugeMisses: info.Misses,
		report.GaugeExpired: info.ExpiredKeys, report.GaugeEvicted: info.EvictedKeys,
	} {
		if c.Known {
			out[gauge] = float64(c.N)
		}
	}
	return out
}

// dataLimit returns the plan's data quota: INFO's, or else the configuration's or plan's.
func (t *Target) dataLimit(info upstash.Info) (float64, bool) {
	if info.MaxDataSize.Known && info.MaxDataSize.N > 0 {
		return float64(info.MaxDataSize.N), true
	}
	limit := t.Database.Limits.Memory
	return float64(limit), limit > 0
}

// judgeShare judges the share of a quota that is used.
func (t *Target) judgeShare(c report.Check, share float64, rule config.UsageRule, high cause.Cause, evidence string) report.Observation {
	o := report.Observation{
		Status: report.OK, Clear: share < rule.WarnClose,
		Value: new(share), Threshold: new(rule.Warn), Unit: report.Ratio, Evidence: evidence,
	}
	switch {
	case share >= rule.Critical, share >= rule.CriticalClose && t.before(c).Status == report.Fail:
		o.Status, o.Cause, o.Threshold = report.Fail, high, new(rule.Critical)
	case share >= rule.Warn:
		o.Status, o.Cause = report.Warn, high
	}
	return o
}

// memory judges the share of the data quota in use. used_memory and maxmemory are
// about the tier in memory, which Upstash manages by itself.
func memory(t *Target, info upstash.Info) report.Observation {
	limit, known := t.dataLimit(info)
	if !info.DataSize.Known || !known {
		// Without a quota nothing can be near it. A database over its quota may leave
		// its figures out, so that this ends nothing either.
		return report.Observation{Status: report.OK, Evidence: "INFO does not say how much of a quota is used"}
	}
	used := float64(info.DataSize.N)
	o := t.judgeShare(report.Memory, used/limit, t.Database.Thresholds.Memory, cause.MemoryHigh, fmt.Sprintf("%.0f of %.0f bytes", used, limit))
	now := t.now()
	if left, known := forecast(append(t.course(report.GaugeDataSize, time.Time{}), point{now, used}), limit, now); known {
		t.figure(report.GaugeMemoryHours, left.Hours())
		o.Evidence = fmt.Sprintf("%s; full in %s at this rate", o.Evidence, remaining(left))
	}
	return o
}

// hitRate judges the share of look-ups that found their key since it was judged last.
func hitRate(t *Target, info upstash.Info) report.Observation {
	hits, since, known := t.since(report.HitRate, info, report.GaugeHits)
	misses, _, knownMisses := t.since(report.HitRate, info, report.GaugeMisses)
	rule := t.Database.Thresholds.HitRate
	lookups := hits + misses
	if !known || !knownMisses || lookups < float64(rule.MinLookups) {
		// Too few to judge: neither bad, nor good enough to close what is open.
		return report.Observation{Status: report.OK, Evidence: "too few look-ups to judge"}
	}
	rate := hits / lookups
	o := report.Observation{
		Status: report.OK, Clear: rate > rule.Close,
		Value: new(rate), Threshold: new(rule.Open), Unit: report.Ratio,
		Evidence: fmt.Sprintf("%.0f hits in %.0f look-ups since %s", hits, lookups, since.UTC().Format("15:04 MST")),
	}
	if rate < rule.Open {
		o.Status, o.Cause = report.Warn, cause.HitRateLow
	}
	return o
}

// connections judges the share of the plan's TCP connections that are open.
func connections(t *Target, info upstash.Info) report.Observation {
	if !info.Connections.Known || !info.MaxConnections.Known || info.MaxConnections.N == 0 {
		return report.Observation{Status: report.OK, Evidence: "INFO does not say how many connections there may be"}
	}
	open, most := float64(info.Connections.N), float64(info.MaxConnections.N)
	t.figure(report.GaugeConnectionsLimit, most)
	return t.judgeShare(report.Connections, open/most, t.Database.Thresholds.Connections, cause.ConnectionsHigh, fmt.Sprintf("%.0f of %.0f connections", open, most))
}

// evicting is the policy of a database that drops keys when it is full.
const evicting = "optimistic-volatile"

// eviction warns where keys are dropped, or are about to be: sessions and queues do
// not survive that, and nothing says so.
func eviction(t *Target, info upstash.Info) report.Observation {
	if dropped, since, known := t.since(report.Eviction, info, report.GaugeEvicted); known && dropped > 0 {
		return report.Observation{
			Status: report.Warn, Cause: cause.EvictionRisk, Value: new(dropped), Unit: report.Count,
			Evidence: fmt.Sprintf("%.0f keys dropped since %s", dropped, since.UTC().Format("15:04 MST")),
		}
	}
	o := ok()
	o.Evidence = info.MaxmemoryPolicy
	if info.MaxmemoryPolicy != evicting {
		return o
	}
	limit, known := t.dataLimit(info)
	if !known || !info.DataSize.Known {
		o.Clear = false // as it is with memory
		return o
	}
	rule := t.Database.Thresholds.Memory
	share := float64(info.DataSize.N) / limit
	o.Clear = share < rule.WarnClose
	if share >= rule.Warn {
		o.Status, o.Cause = report.Warn, cause.EvictionRisk
		o.Evidence = fmt.Sprintf("%s at %.0f %% of the quota", evicting, share*100)
	}
	return o
}

// since returns by how much a counter of the replica that answered has grown since the run that
// asked the check last, and when that was. A check may be asked more rarely than INFO.
func (t *Target) since(c report.Check, info upstash.Info, gauge report.Gauge) (grown float64, from time.Time, known bool) {
	later := report.Reading{Values: gauges(info)}
	for _, r := range slices.Backward(t.Readings) {
		if more, both := later.Growth(r, gauge); both && r.Replica == info.LocalMember {
			grown, from, known, later = grown+more, r.At, true, r
		}
		if _, asked := r.Checks[c]; asked && known {
			break
		}
	}
	return grown, from, known
}

// before returns the last verdict of a check that was not unknown.
func (t *Target) before(c report.Check) report.Verdict {
	for _, r := range slices.Backward(t.past()) {
		if v, asked := r.Checks[c]; asked && v.Status != report.Unknown {
			return v
		}
	}
	return report.Verdict{}
}
