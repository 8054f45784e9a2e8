package incident

import (
	"math/bits"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// unknown notes that a source could not answer. It neither advances nor resets a
// threshold.
func (src *SourceState) unknown(o report.Observation) {
	src.Seen = later(src.Seen, o.At)
	if src.UnknownSince.IsZero() {
		src.UnknownSince = o.At.UTC()
	}
}

// decide counts one result of a source and passes it through its thresholds.
// reclosing says that the series was reopened lately and needs more to close.
func (src *SourceState) decide(o *report.Observation, rule Rule, reclosing bool) {
	src.Seen, src.UnknownSince = later(src.Seen, o.At), time.Time{}
	src.History = src.History << 1 & historyMask
	src.Known = min(src.Known+1, FlapWindow)
	if o.Status.Bad() {
		src.bad(o, rule.threshold(o.Cause))
		return
	}
	t := rule.threshold(src.Cause)
	if reclosing {
		t.Close = t.Reclose
	}
	src.good(o, t)
}

func (src *SourceState) bad(o *report.Observation, t Threshold) {
	src.History |= 1
	src.Bad, src.Good = src.Bad+1, 0
	if src.Since.IsZero() {
		src.Since, src.Runs = o.At.UTC(), 0
	}
	src.Runs++
	if src.Cause != o.Cause || src.Status != o.Status {
		src.Alike = 0
	}
	src.Alike++
	src.Status, src.Clear, src.Cause = o.Status, false, o.Cause
	src.Observation = o
	if t.Open > 0 && src.Bad >= t.Open || t.OpenBad > 0 && src.badOf(t.OpenOf) >= t.OpenBad {
		src.Down = true
	}
}

func (src *SourceState) good(o *report.Observation, t Threshold) {
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
	src.Down, src.Status, src.Clear = false, o.Status, o.Clear
	if src.badOf(t.OpenOf) == 0 {
		src.Since, src.Runs, src.Alike = time.Time{}, 0, 0
		src.Cause, src.Observation = "", nil
	}
}

// badOf counts the bad ones among the last n results since the source was last closed.
func (src *SourceState) badOf(n int) int {
	n = min(max(n, 1), src.Known)
	return bits.OnesCount32(src.History & (1<<n - 1))
}

// confirmed reports whether cause and status have held long enough to be told:
// as long as opening takes, but no longer than two runs.
func (src *SourceState) confirmed(t Threshold) bool { return t.Open == 1 || src.Alike >= 2 }
