package judge

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Letters are results: 'x' bad, 'w' a warning, 'c' bad with another cause, '.' clear, ','
// good but not clear.
func TestDecide(t *testing.T) {
	rule := policy.Rule{Threshold: policy.Threshold{Open: 3, OpenBad: 3, OpenOf: 5, Close: 2, Reclose: 3}}
	for _, tt := range []struct {
		name, results string
		reclosing     bool
		// down says for each result whether the source is down after it: 'D' or '.'.
		down string
		want incident.SourceState // its counts
	}{
		{"three in a row open", "xxx", false, "..D", incident.SourceState{Bad: 3, Runs: 3, Alike: 3, Known: 3, History: 7, Status: report.Fail}},
		{"three of five open", "x.x.x", false, "....D", incident.SourceState{Bad: 1, Runs: 3, Alike: 1, Known: 5, History: 0b10101, Status: report.Fail}},
		{"three of six do not", "x.x..x", false, "......", incident.SourceState{Bad: 1, Runs: 3, Alike: 1, Known: 6, History: 0b101001, Status: report.Fail}},
		{"two clear results close", "xxx..", false, "..DD.", incident.SourceState{Good: 2, Runs: 0, Known: 0, History: 0b11100, Status: report.OK}},
		{"one that is not clear starts the count again", "xxx.,..", false, "..DDDD.", incident.SourceState{Good: 2, Known: 0, History: 0b1110000, Status: report.OK}},
		{"after a reopening it takes three", "xxx...", true, "..DDD.", incident.SourceState{Good: 3, Known: 0, History: 0b111000, Status: report.OK}},
		{"a bad result between starts the closing again", "xxx.x..", false, "..DDDD.", incident.SourceState{Good: 2, Known: 0, History: 0b1110100, Status: report.OK}},
		{"what was before the closing does not count", "xxx..xx", false, "..DD...", incident.SourceState{Bad: 2, Runs: 2, Alike: 2, Known: 2, History: 0b1110011, Status: report.Fail}},
		{"another cause or status is not alike", "xcxw", false, "..DD", incident.SourceState{Bad: 4, Runs: 4, Alike: 1, Known: 4, History: 15, Status: report.Warn}},
		{"a source that was never down forgets its cause once the window is clean", "x.....", false, "......", incident.SourceState{Good: 5, Known: 6, History: 0b100000, Status: report.OK}},
		{"and keeps it until then", "x....", false, ".....", incident.SourceState{Good: 4, Runs: 1, Alike: 1, Known: 5, History: 0b10000, Status: report.OK, Cause: cause.TimeoutResponse}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &incident.SourceState{UnknownSince: noon}
			var down strings.Builder
			for i, l := range tt.results {
				o := &report.Observation{Status: report.Fail, Cause: cause.TimeoutResponse, At: at(i)}
				switch l {
				case '.', ',':
					o.Status, o.Cause, o.Clear = report.OK, "", l == '.'
				case 'c':
					o.Cause = cause.TCPRefused
				case 'w':
					o.Status = report.Warn
				}
				decide(src, o, rule, tt.reclosing)
				down.WriteString(map[bool]string{true: "D", false: "."}[src.Down])
			}
			if down.String() != tt.down {
				t.Errorf("down %s, want %s", down.String(), tt.down)
			}
			if !src.Seen.Equal(at(len(tt.results)-1)) || !src.UnknownSince.IsZero() {
				t.Errorf("seen %v, unknown since %v", src.Seen, src.UnknownSince)
			}
			if kept := src.Observation != nil; kept != (src.Cause != "") || kept == src.Since.IsZero() {
				t.Errorf("observation %v of cause %q since %v", src.Observation, src.Cause, src.Since)
			}
			got := *src
			got.Seen, got.Since, got.Observation, got.Down = time.Time{}, time.Time{}, nil, false
			if tt.want.Cause == "" && tt.want.Status != report.OK {
				tt.want.Cause = got.Cause
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("source (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHistoryIsBounded(t *testing.T) {
	src := &incident.SourceState{}
	for range 3 * flapWindow {
		decide(src, &report.Observation{Status: report.Fail, At: noon}, policy.Rule{}, false)
	}
	if src.History != historyMask || src.Known != flapWindow {
		t.Errorf("history %b, known %d; want %d results", src.History, src.Known, flapWindow)
	}
}

func TestSinceIsTheFirstBadResult(t *testing.T) {
	src := &incident.SourceState{}
	for i, status := range []report.Status{report.Fail, report.OK, report.Fail} {
		decide(src, &report.Observation{Status: status, Clear: true, At: at(i)}, policy.Rule{Threshold: policy.Threshold{OpenBad: 2, OpenOf: 5}}, false)
	}
	if !src.Since.Equal(at(0)) || src.Runs != 2 || !src.Down {
		t.Errorf("since %v, %d runs, down %t; want noon, 2, true", src.Since, src.Runs, src.Down)
	}
}

func TestConfirmed(t *testing.T) {
	for _, tt := range []struct {
		open, alike int
		want        bool
	}{{1, 1, true}, {2, 1, false}, {2, 2, true}, {5, 2, true}, {0, 1, false}} {
		if got := confirmed(&incident.SourceState{Alike: tt.alike}, policy.Threshold{Open: tt.open}); got != tt.want {
			t.Errorf("%d alike, opening after %d: %t", tt.alike, tt.open, got)
		}
	}
}

func TestFlapPercent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		history uint32
		want    float64
	}{
		{"no change", 0, 0},
		{"all bad", historyMask, 0},
		{"every result changes", 0b1_0101_0101_0101_0101_0101, 100},
		{"the newest change weighs 1.25 of 20", 0b1, 1.25 * 100 / 20},
		{"the oldest weighs 0.75 of 20", 1 << 20, 0.75 * 100 / 20},
		{"what is beyond the window counts nothing", 1 << 22, 0},
	} {
		if got := flapPercent(tt.history); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFlappingStartsHighAndStopsLow(t *testing.T) {
	p := policy.Policy{FlapHigh: 5, FlapLow: 2.5}
	series := func(histories ...uint32) *incident.SeriesState {
		ss := &incident.SeriesState{}
		for _, h := range histories {
			ss.Sources = append(ss.Sources, incident.SourceState{History: h})
		}
		return ss
	}
	// One change in the middle of the window is worth close to 5 %.
	middle := uint32(1<<11 - 1)
	share := flapPercent(middle)
	for _, tt := range []struct {
		name      string
		ss        *incident.SeriesState
		was       bool
		high, low float64
		want      bool
	}{
		{"at the upper bound it starts", series(middle), false, share, 0, true},
		{"below it does not", series(middle), false, share + 0.001, 0, false},
		{"above the lower bound it goes on", series(middle), true, 100, share - 0.001, true},
		{"at the lower bound it stops", series(middle), true, 100, share, false},
		{"the source that changes most counts", series(0, middle, historyMask), false, share, 0, true},
	} {
		p.FlapHigh, p.FlapLow = tt.high, tt.low
		if got := flapping(tt.ss, tt.was, p); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
