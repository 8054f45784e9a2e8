package check_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/report"
)

const quota = 256 << 20

// filling is a database that is filled at a known rate: full at eight plus left. What
// is added between two readings differs by noise (a standard deviation, as a share).
func filling(left, back time.Duration, perHour, noise float64, random *rand.Rand) []check.Point {
	const step = 5 * time.Minute
	n := int(back/step) + 1
	points := make([]check.Point, n)
	value := quota - perHour*(left+back).Hours()
	for i := range points {
		points[i] = check.Point{At: eight.Add(-back + time.Duration(i)*step), Value: value}
		value += perHour * step.Hours() * (1 + noise*random.NormFloat64())
	}
	return points
}

// sparse keeps what a run looks at: the last hour, and an hour of each of the times
// before.
func sparse(points []check.Point) []check.Point {
	var out []check.Point
	for _, p := range points {
		age := eight.Sub(p.At)
		for _, back := range append(check.EarlierHours(), 0) {
			if age >= back && age < back+time.Hour {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

func TestForecastIsWithinATenthWithNoise(t *testing.T) {
	for _, left := range []time.Duration{48 * time.Hour, 12 * time.Hour, 2 * time.Hour} {
		for _, back := range []time.Duration{2 * time.Hour, 24 * time.Hour} {
			t.Run(fmt.Sprintf("%s left, %s of history", left, back), func(t *testing.T) {
				for seed := range uint64(200) {
					points := sparse(filling(left, back, quota/80.0, 0.05, rand.New(rand.NewPCG(seed, 1))))
					got, ok := check.Forecast(points, quota, eight)
					if !ok {
						t.Fatalf("no forecast with seed %d", seed)
					}
					if wrong := math.Abs(got.Hours()-left.Hours()) / left.Hours(); wrong > 0.10 {
						t.Fatalf("%s with seed %d, which is wrong by %.0f %%", got, seed, wrong*100)
					}
				}
			})
		}
	}
}

// The size itself may be uncertain too, as where keys come and go. Over a day of
// readings that is 5 % of what was added, and the remaining time is right at most
// times within a tenth and always within a quarter.
func TestForecastBearsAnUncertainSize(t *testing.T) {
	for _, left := range []time.Duration{48 * time.Hour, 12 * time.Hour} {
		worst, within, told := 0.0, 0, 0
		for seed := range uint64(200) {
			random := rand.New(rand.NewPCG(seed, 2))
			points := filling(left, 24*time.Hour, quota/80.0, 0, random)
			for i := range points {
				points[i].Value += quota / 80.0 * 24 * 0.05 * random.NormFloat64()
			}
			got, ok := check.Forecast(points, quota, eight)
			if !ok {
				continue
			}
			told++
			wrong := math.Abs(got.Hours()-left.Hours()) / left.Hours()
			worst = max(worst, wrong)
			if wrong <= 0.10 {
				within++
			}
		}
		if told < 190 || within < told*9/10 || worst > 0.25 {
			t.Errorf("%s left: %d of 200 told, %d within a tenth, the worst is wrong by %.0f %%", left, told, within, worst*100)
		}
	}
}

func TestForecastIsSilentWhereItCannotTell(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 3))
	steady := filling(12*time.Hour, 6*time.Hour, quota/40.0, 0.05, random)
	dropped := func(share float64, after int) []check.Point {
		points := append([]check.Point(nil), steady...)
		for i := len(points) - after; i < len(points); i++ {
			points[i].Value *= share
		}
		return points
	}
	changed := func(change func(i int, p *check.Point)) []check.Point {
		points := append([]check.Point(nil), steady...)
		for i := range points {
			change(i, &points[i])
		}
		return points
	}
	tests := []struct {
		name   string
		points []check.Point
		limit  float64
		want   bool
	}{
		{"it can tell of a steady growth", steady, quota, true},
		{"none without points", nil, quota, false},
		{"none from eleven points", steady[:11], quota, false},
		{"none without a quota", steady, 0, false},
		{"none right after a drop to a half", dropped(0.5, 1), quota, false},
		{"none half an hour after a drop", dropped(0.7, 6), quota, false},
		{"a small clean-up is a drop too", dropped(0.9, 3), quota, false},
		{"again an hour after a drop", dropped(0.5, 15), quota, true},
		{"none where nothing is added", changed(func(_ int, p *check.Point) { p.Value = 1000 }), quota, false},
		{"none where it shrinks", changed(func(i int, p *check.Point) { p.Value = quota/2 - float64(i)*1000 }), quota, false},
		{"none from noise alone", changed(func(_ int, p *check.Point) { p.Value = quota/2 + random.NormFloat64()*quota/100 }), quota, false},
		{"none for what is years away", changed(func(i int, p *check.Point) { p.Value = 1000 + float64(i) }), quota, false},
		{"one wild reading changes nothing", changed(func(i int, p *check.Point) {
			if i == 30 {
				p.Value *= 3
			}
		}), quota, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at := eight
			if len(tt.points) > 0 {
				at = tt.points[len(tt.points)-1].At
			}
			if got, ok := check.Forecast(tt.points, tt.limit, at); ok != tt.want {
				t.Errorf("forecast %s, %v; want one: %v", got, ok, tt.want)
			}
		})
	}
}

// A database fills at a known rate and is then emptied by and by: the check warns and
// fails at its thresholds, clears below its hysteresis, says when it will be full while
// it fills, and nothing more once it shrinks.
func TestMemoryFollowsAFillingDatabase(t *testing.T) {
	const limit, step = 1_000_000, 5_000
	var readings []report.Reading
	var opened, failed, relieved, closed, forecasts float64
	size, growing := 700_000.0, true
	random := rand.New(rand.NewPCG(7, 7))
	for i := 0; growing || size > 700_000; i++ {
		at := eight.Add(time.Duration(i) * 5 * time.Minute)
		target := target(t, report.Metrics, info(fmt.Sprintf("total_data_size:%.0f", size), fmt.Sprintf("max_data_size:%d", limit)))
		target.Now = func() time.Time { return at }
		target.Readings = readings[max(0, len(readings)-12):]
		o := observe(t, target)[report.Memory]
		share := *o.Value
		switch {
		case o.Status == report.Warn && opened == 0:
			opened = share
		case o.Status == report.Fail && failed == 0:
			failed = share
		case failed > 0 && o.Status == report.Warn && relieved == 0:
			relieved = share
		case failed > 0 && o.Clear && closed == 0:
			closed = share
		}
		r := target.Reading(t.Context(), at, []report.Observation{o})
		left, told := r.Values[report.GaugeMemoryHours]
		if told != strings.Contains(o.Evidence, "full in") {
			t.Errorf("at %.3f the evidence %q and the reading %v disagree", share, o.Evidence, left)
		}
		switch want := (limit - size) / step / 12; {
		case growing && told && math.Abs(left-want) > 0.1*want+1.0/12:
			t.Errorf("at %.3f %.2f h are forecast, want %.2f", share, left, want)
		case growing && told:
			forecasts++
		case !growing && told && size < 900_000:
			t.Errorf("while it shrinks, at %.3f, it says %q", share, o.Evidence)
		}
		readings = append(readings, r)
		if size >= 970_000 {
			growing = false
		}
		if growing {
			size += step * (1 + 0.05*random.NormFloat64())
		} else {
			size -= step
		}
	}
	within := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.006 {
			t.Errorf("%s at %.3f, want %.3f", what, got, want)
		}
	}
	within("a warning opens", opened, 0.80)
	within("it fails", failed, 0.95)
	within("it is a warning again", relieved, 0.90)
	within("it clears", closed, 0.75)
	if forecasts < 30 {
		t.Errorf("%v forecasts while it filled", forecasts)
	}
}

func TestForecastIsNeverNegativeNorInvented(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e15), 0, 120).Draw(t, "values")
		points := make([]check.Point, len(values))
		for i, v := range values {
			points[i] = check.Point{At: eight.Add(time.Duration(i) * 5 * time.Minute), Value: v}
		}
		left, ok := check.Forecast(points, rapid.Float64Range(0, 1e15).Draw(t, "limit"), eight.Add(10*time.Hour))
		if left < 0 || !ok && left != 0 {
			t.Fatalf("forecast %s, %v", left, ok)
		}
	})
}

func BenchmarkForecast(b *testing.B) {
	points := filling(12*time.Hour, 24*time.Hour, quota/40.0, 0.05, rand.New(rand.NewPCG(1, 1)))
	for b.Loop() {
		check.Forecast(points, quota, eight)
	}
}
