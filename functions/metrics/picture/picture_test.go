package picture

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
)

// series has a point a minute of twenty milliseconds, with a gap at the seventh and a
// failure at the tenth.
func series(n int) statistics.PingSeries {
	s := statistics.PingSeries{
		From: time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC), StepSeconds: 60,
		P50: make([]*float64, n), Good: make([]int, n), Failed: make([]int, n),
	}
	for i := range n {
		switch i {
		case 7:
		case 10:
			s.Failed[i] = 1
		default:
			s.P50[i], s.Good[i] = new(20.0), 1
		}
	}
	return s
}

// wellFormed fails the test where a drawing is no XML.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
}

func TestAGapLiftsThePenAndAFailureIsDrawn(t *testing.T) {
	for name, svg := range map[string]string{"chart": Chart(series(20), 600), "sparkline": Sparkline(series(20))} {
		wellFormed(t, svg)
		_, path, _ := strings.Cut(svg, `class="median" d="`)
		path, _, _ = strings.Cut(path, `"`)
		if n := strings.Count(path, "M"); n != 3 {
			t.Errorf("%s: the line has %d pieces, want 3: before the gap, up to the failure, after it: %s", name, n, path)
		}
		if n := strings.Count(svg, `class="failed"`); n != 1 {
			t.Errorf("%s: %d failures are drawn, want 1", name, n)
		}
	}
}

func TestWhatADrawingSaysToThoseWhoDoNotSeeIt(t *testing.T) {
	for _, tt := range []struct{ name, svg, want string }{
		{"a chart names itself", Chart(series(20), 600), `role="img" aria-label="PING latency over time"`},
		{"a sparkline repeats what is beside it", Sparkline(series(20)), `aria-hidden="true"`},
		{"a bar repeats what is beside it", Bar(0.5), `aria-hidden="true"`},
		{"a badge says its words", Badge("cache", "down", "#b3261e"), `role="img" aria-label="cache: down"`},
	} {
		wellFormed(t, tt.svg)
		if !strings.Contains(tt.svg, tt.want) {
			t.Errorf("%s: no %s in %s", tt.name, tt.want, tt.svg)
		}
	}
}

func TestUntrustedTextStaysText(t *testing.T) {
	svg := Badge(`"><script>alert(1)</script>`, `<b>&`, "#5b6470")
	wellFormed(t, svg)
	if strings.Contains(svg, "<script") || strings.Contains(svg, "<b>") {
		t.Errorf("markup came through: %s", svg)
	}
}

func TestTheLimitIsDrawnOnlyWhereWaitsComeNear(t *testing.T) {
	if strings.Contains(Chart(series(20), 600), `class="limit"`) {
		t.Error("a limit of 600 ms flattens waits of 20 ms")
	}
	if !strings.Contains(Chart(series(20), 30), `class="limit"`) {
		t.Error("a limit of 30 ms is missing beside waits of 20 ms")
	}
}

func TestNothingIsDrawnOfNothing(t *testing.T) {
	if got := Chart(statistics.PingSeries{}, 600); got != "" {
		t.Errorf("Chart() = %s", got)
	}
	wellFormed(t, Sparkline(statistics.PingSeries{}))
}

func TestABarStaysInItsTrack(t *testing.T) {
	for share, want := range map[float64]string{-1: `width="0"`, 0.25: `class="fill" width="25"`, 0.8: `class="fill near" width="80"`, 1: `class="fill over" width="100"`, 3: `class="fill over" width="100"`} {
		if got := Bar(share); !strings.Contains(got, want) {
			t.Errorf("Bar(%v) = %s, want %s", share, got, want)
		}
	}
}

func TestADayIsABarThatSaysWhatItWasLike(t *testing.T) {
	got := Days(statistics.ByDay{From: "2026-10-31", Good: []int{1440, 1430, 700, 0}, Failed: []int{0, 10, 740, 0}})
	wellFormed(t, got)
	for _, want := range []string{
		`<rect class="good" x="0" y="0" width="6" height="24"><title>Oct 31: 1440 pings, none failed</title>`,
		`<rect class="fair" x="8" y="6" width="6" height="18"><title>Nov 1: 99.3 %, 10 of 1440 pings failed</title>`,
		`<rect class="poor" x="16" y="12" width="6" height="12"><title>Nov 2: 48.61 %, 740 of 1440 pings failed</title>`,
		`<rect class="gap" x="24" y="21" width="6" height="3"><title>Nov 3: no data</title>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nhas no %s", got, want)
		}
	}
}
