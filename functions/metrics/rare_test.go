package metrics_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// The rarest checks are asked once a day: whatever the range, a page shows their last
// verdict until the next one is due, and nothing that is older than that.
func TestTheLastVerdictOfARareCheckIsShownForADay(t *testing.T) {
	for _, tt := range []struct {
		name string
		ago  time.Duration
		want bool
	}{
		{"a verdict of this hour", 10 * time.Minute, true},
		{"one of hours before the range", 7 * time.Hour, true},
		{"one of a day ago, whose next is due now", 24 * time.Hour, true},
		{"one whose next should have been there", 27 * time.Hour, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newFixture(t, "")
			at := eight.Add(-tt.ago)
			run := history.Run{Scheduled: at, Started: at, Finished: at, Region: region}
			reading := report.Reading{At: at, Checks: map[report.Check]report.Verdict{report.Isolation: {Status: report.Warn, Cause: "isolation_violation", Value: new(37.0)}}}
			if err := history.New(x.store).AppendReadings(t.Context(), "main", run, map[string]report.Reading{"cache": reading}); err != nil {
				t.Fatal(err)
			}
			for _, query := range []string{"", "?range=6h", "?range=24h", "?range=7d", "?range=30d&database=cache"} {
				v, shown := x.statistics(t, query).Databases[0].Checks[report.Isolation]
				if shown != tt.want || shown && (!v.At.Equal(at) || *v.Value != 37) {
					t.Errorf("%q shows %+v, %v; want %v", query, v, shown, tt.want)
				}
			}
		})
	}
}

// However rarely figures are read, a day of them is enough for a forecast.
func TestFiguresThatAreReadRarelyHaveForecasts(t *testing.T) {
	for _, every := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour} {
		x := newFixture(t, "", func(o *metrics.Options) {
			o.Config.Schedule.Metrics = every
			o.Config.Databases[0].Checks.Commands.Every = max(every, 15*time.Minute)
		})
		forecasts := map[string]int{}
		for minute := 0; minute <= 25*60; minute += int(every / time.Minute) {
			x.redis.with(func(d *redis) {
				d.info = fmt.Sprintf("local_member:a\r\ntotal_data_size:%d\r\nmax_data_size:100000\r\ntotal_reads_processed:%d\r\ntotal_writes_processed:0", 1000+minute*20, minute*150)
			})
			for _, o := range x.run(t, minute) {
				for _, said := range []string{"full in", "used up in"} {
					if strings.Contains(o.Evidence, said) {
						forecasts[said]++
					}
				}
			}
		}
		if forecasts["full in"] < 10 || forecasts["used up in"] < 10 {
			t.Errorf("every %s: forecasts %v, want ten of each in a day", every, forecasts)
		}
	}
}

// A check of counters that is asked in each third run judges what all three saw.
func TestChecksOfCountersSeeAllSinceTheyWereAsked(t *testing.T) {
	x := newFixture(t, "", func(o *metrics.Options) {
		c := &o.Config.Databases[0].Checks
		c.Eviction.Every, c.HitRate.Every = 15*time.Minute, 15*time.Minute
	})
	evicted, hits, asked := 0, 0, map[report.Check]int{}
	for minute := 0; minute <= 60; minute += 5 {
		x.redis.with(func(d *redis) {
			d.info = fmt.Sprintf("local_member:a\r\nevicted_keys:%d\r\nkeyspace_hits:%d\r\nkeyspace_misses:0", evicted, hits)
		})
		got := x.run(t, minute)
		for check, want := range map[report.Check]string{report.Eviction: "1000 keys dropped since ", report.HitRate: "900 hits in 900 look-ups since "} {
			o, due := got[check]
			if !due {
				continue
			}
			if asked[check]++; asked[check] > 1 && !strings.HasPrefix(o.Evidence, want) {
				t.Errorf("after %d minutes %s says %q, want %q", minute, check, o.Evidence, want)
			}
		}
		if _, due := got[report.Eviction]; due {
			evicted += 1000 // right after the check
		}
		hits += 300 + 1 // and pongwatch's own look-up
	}
	if asked[report.Eviction] < 4 || asked[report.HitRate] < 4 {
		t.Errorf("asked %v times", asked)
	}
}

// The month's commands are seen by what they were when they were last asked for.
func TestCommandsThatAreAskedRarelyAddUp(t *testing.T) {
	for _, every := range []time.Duration{15 * time.Minute, 2 * time.Hour, 5 * time.Hour} {
		t.Run(every.String(), func(t *testing.T) {
			x := newFixture(t, "", func(o *metrics.Options) { o.Config.Databases[0].Checks.Commands.Every = every })
			reads := []int{100, 130, 190}
			wants := []string{"at least 0 ", "at least 30 ", "at least 90 "}
			for minute := 0; len(wants) > 0; minute += 5 {
				x.redis.with(func(d *redis) {
					d.info = fmt.Sprintf("local_member:a\r\ntotal_reads_processed:%d\r\ntotal_writes_processed:0", reads[len(reads)-len(wants)])
				})
				got, due := x.run(t, minute)[report.Commands]
				if !due {
					continue
				}
				if !strings.HasPrefix(got.Evidence, wants[0]) {
					t.Errorf("after %d minutes it says %q, want %q", minute, got.Evidence, wants[0])
				}
				wants = wants[1:]
			}
		})
	}
}
