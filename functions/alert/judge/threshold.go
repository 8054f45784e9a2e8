package judge

import (
	"math/bits"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// flapWindow is how many results flap detection looks at, as in Nagios.
const flapWindow = 21

const historyMask = 1<<flapWindow - 1

// decide counts one result of a source and passes it through its thresholds.
// reclosing says that the series was reopened lately and needs more to close.
func decide(src *incident.SourceState, o *report.Observation, rule policy.Rule, reclosing bool) {
	src.Seen, src.UnknownSince = later(src.Seen, o.At), time.Time{}
	src.History = src.History << 1 & historyMask
	src.Known = min(src.Known+1, flapWindow)
	if o.Status.Bad() {
		bad(src, o, rule.For(o.Cause))
		return
	}
	t := rule.For(src.Cause)
	if reclosing {
		t.Close = t.Reclose
	}
	good(src, o, t)
}

func bad(src *incident.SourceState, o *report.Observation, t policy.Threshold) {
	src.History |= 1
	src.Bad, src.Good = src.Bad+1, 0
	if src.Since.IsZero() {
		src.Since, src.Runs = o.At, 0
	}
	src.Runs++
	if src.Cause != o.Cause || src.Status != o.Status {
		src.Alike = 0
	}
	src.Alike++
	src.Status, src.Cause = o.Status, o.Cause
	src.Observation = o
	if t.Open > 0 && src.Bad >= t.Open || t.OpenBad > 0 && badOf(src, t.OpenOf) >= t.OpenBad {
		src.Down = true
	}
}

func good(src *incident.SourceState, o *report.Observation, t policy.Threshold) {
	src.Bad = 0
	if o.Clear {
		src.Good++
	} else {
		src.Good = 0
	}
	if src.Down && src.Good < t.Close {
		return // still down, as it was last seen bad
	}
	if src.Down {
		// What led to this failure must not count towards the next one.
		src.Known = 0
	}
	src.Down, src.Status = false, o.Status
	if badOf(src, t.OpenOf) == 0 {
		src.Since, src.Runs, src.Alike = time.Time{}, 0, 0
		src.Cause, src.Observation = "", nil
	}
}

// badOf counts the bad ones among the last n results since the source was last closed.
func badOf(src *incident.SourceState, n int) int {
	n = min(max(n, 1), src.Known)
	return bits.OnesCount32(src.History & (1<<n - 1))
}

// confirmed reports whether cause and status have held long enough to be told:
// as long as opening takes, but no longer than two runs.
func confirmed(src *incident.SourceState, t policy.Threshold) bool {
	return t.Open == 1 || src.Alike >= 2
}

// flapping says whether the series flaps, given whether it did. It starts at FlapHigh
// and stops at FlapLow, so that the detector itself cannot flap.
func flapping(ss *incident.SeriesState, was bool, p policy.Policy) bool {
	var most float64
	for _, src := range ss.Sources {
		most = max(most, flapPercent(src.History))
	}
	if was {
		return most > p.FlapLow
	}
	return most >= p.FlapHigh
}

// flapPercent is the share of changes among the last flapWindow results, in per cent.
// Newer changes weigh more: from 0.75 for the oldest to 1.25 for the newest (Nagios,
// base/flapping.c). A result that is not known counts as good.
func flapPercent(history uint32) float64 {
	const changes = flapWindow - 1
	var sum float64
	for i := range changes { // i is the age of the change, 0 is the newest
		if (history>>i)&1 != (history>>(i+1))&1 {
			sum += 0.75 + float64(changes-1-i)*0.5/(changes-1)
		}
	}
	return sum * 100 / changes
}
