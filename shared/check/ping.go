package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// ping judges the PONG.
func ping(ctx context.Context, t *Target) report.Observation {
	o := ok()
	if err := t.Ping(ctx).Err; err != nil {
		o = unknown(err)
	}
	o.TokenVersion = t.version
	if !t.pinged {
		return o
	}
	if o.Status == report.Unknown {
		o.Status = report.Fail
	}
	o.Phases, o.Attempts, o.At = new(phases(t.ping)), t.attempts, t.pingedAt
	return o
}

// latency judges the first byte of the PONG, in the database's home region only:
// from elsewhere the distance would be judged.
func latency(ctx context.Context, t *Target) []report.Observation {
	if home := t.Database.Home; home != "" && home != t.Region {
		return nil
	}
	if err := t.Ping(ctx).Err; err != nil {
		return []report.Observation{unknown(err)}
	}
	rule := t.Database.Thresholds.Latency
	wait := t.ping.Latency()
	o := report.Observation{
		Status: report.OK, Clear: wait <= rule.Close, At: t.pingedAt,
		Value: new(milliseconds(wait)), Threshold: new(milliseconds(rule.Open)), Unit: report.Milliseconds,
		Phases: new(phases(t.ping)),
	}
	if wait > rule.Open {
		o.Status, o.Clear, o.Cause = report.Warn, false, cause.Slow
		p := t.ping.Phases
		o.Evidence = fmt.Sprintf("dns %.0f ms, connect %.0f ms, tls %.0f ms, wait %.0f ms",
			milliseconds(p.DNS), milliseconds(p.Connect), milliseconds(p.TLS), milliseconds(p.Wait))
	}
	return []report.Observation{o}
}

// minSlow is how many answers must be slow for their percentile to count.
const minSlow = 3

// LatencyWindow returns the rule's window, or a longer one where a PING is sent so rarely that the
// rule's would never have enough answers.
func LatencyWindow(window, every time.Duration) time.Duration { return max(window, minSlow*every) }

// JudgeLatency turns a warning of latency into a failure when the 95th percentile
// over the rule's window is above its critical value. recent are the samples before
// the observation's own. In a window of a few answers one slow one would be the 95th
// percentile, so at least minSlow answers must be that slow.
func JudgeLatency(o report.Observation, recent []report.Sample, critical, window time.Duration) report.Observation {
	if o.Check != report.Latency || o.Status != report.Warn || o.Value == nil || critical <= 0 {
		return o
	}
	limit := milliseconds(critical)
	waits := []float64{*o.Value}
	for _, s := range recent {
		if age := o.At.Sub(s.At); s.Status == report.OK && age > 0 && age <= window {
			waits = append(waits, s.Phases.Wait)
		}
	}
	slow := 0
	for _, w := range waits {
		if w > limit {
			slow++
		}
	}
	if slow < minSlow || slow*20 <= len(waits) {
		return o
	}
	o.Status, o.Threshold = report.Fail, new(limit)
	o.Evidence = report.CutEvidence(fmt.Sprintf("%d of the last %d answers took more than %.0f ms; %s", slow, len(waits), limit, o.Evidence))
	return o
}

// phases are a ping's phases as reports have them.
func phases(r upstash.PingResult) report.Phases {
	p := report.Phases{
		DNS: milliseconds(r.Phases.DNS), Connect: milliseconds(r.Phases.Connect), TLS: milliseconds(r.Phases.TLS),
		Wait: milliseconds(r.Phases.Wait), Total: milliseconds(r.Phases.Total),
	}
	if e, ok := errors.AsType[*upstash.Error](r.Err); ok {
		p.Reached = string(e.Phase)
	} else {
		p.Reached = string(upstash.PhaseRead)
	}
	return p
}

// milliseconds keeps microseconds, which is more than a network can mean.
func milliseconds(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }
