package report_test

import (
	"testing"

	"github.com/pongwatch/pongwatch/shared/report"
)

func TestGrowth(t *testing.T) {
	reading := func(hits, misses float64) report.Reading {
		return report.Reading{Values: map[report.Gauge]float64{report.GaugeHits: hits, report.GaugeMisses: misses, report.GaugeKeys: 10}}
	}
	none := report.Reading{}
	tests := []struct {
		name         string
		before, now  report.Reading
		hits, misses float64
		known        bool
	}{
		{"both grew", reading(900, 100), reading(1000, 300), 100, 200, true},
		{"nothing happened", reading(900, 100), reading(900, 100), 0, 0, true},
		{"both were set back", reading(900, 100), reading(30, 90), 30, 90, true},
		{"set back, and one has grown past where it stood", reading(35, 95), reading(120, 40), 120, 40, true},
		{"nothing before", none, reading(1, 1), 0, 0, false},
		{"nothing now", reading(1, 1), none, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hits, known := tt.now.Growth(tt.before, report.GaugeHits)
			misses, _ := tt.now.Growth(tt.before, report.GaugeMisses)
			if hits != tt.hits || misses != tt.misses || known != tt.known {
				t.Errorf("%v hits, %v misses, %v; want %v, %v, %v", hits, misses, known, tt.hits, tt.misses, tt.known)
			}
		})
	}
	own := reading(900, 100)
	own.Values[report.GaugeOwnHits], own.Values[report.GaugeOwnMisses] = 30, 250
	for name, want := range map[string]struct {
		now          report.Reading
		hits, misses float64
	}{
		"what the earlier run looked up itself is no growth":    {reading(1000, 400), 70, 50},
		"a counter that grew by less has not shrunk":            {reading(1000, 300), 70, 0},
		"after a restart nothing of the earlier run is counted": {reading(40, 10), 40, 10},
	} {
		hits, _ := want.now.Growth(own, report.GaugeHits)
		misses, _ := want.now.Growth(own, report.GaugeMisses)
		if hits != want.hits || misses != want.misses {
			t.Errorf("%s: %v hits, %v misses; want %v, %v", name, hits, misses, want.hits, want.misses)
		}
	}
	fewer := report.Reading{Values: map[report.Gauge]float64{report.GaugeHits: 900, report.GaugeMisses: 100, report.GaugeKeys: 1}}
	if fewer.Restarted(reading(900, 100)) {
		t.Error("fewer keys are taken for a restart")
	}
}
