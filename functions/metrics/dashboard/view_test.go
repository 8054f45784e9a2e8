package dashboard_test

import (
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

var now = time.Date(2026, 11, 22, 20, 0, 20, 0, time.UTC)

// viewOf is the dashboard of an hour in which databases were well. change may make
// them another, before one of them is selected.
func viewOf(change func(*statistics.Statistics), names ...string) dashboard.View {
	all := &statistics.Statistics{
		GeneratedAt: now, Version: "v1.2.3", Range: "1h", From: now.Add(-time.Hour), To: now, StepSeconds: 300,
		Incidents: incidents.New(now), Past: []incidents.Incident{},
		Monitor: statistics.Monitor{Status: statistics.JobOK, Jobs: []statistics.JobStatus{
			{Job: report.HealthCheck, Shard: "main", Region: "us-east4", State: statistics.JobOK, LastRun: now.Add(-20 * time.Second), LagMS: 412, EverySeconds: 60, LateAfterSeconds: 300},
			{Job: report.Metrics, Shard: "main", Region: "us-east4", State: statistics.JobOK, LastRun: now.Add(-20 * time.Second), LagMS: 97, EverySeconds: 300, LateAfterSeconds: 1020},
		}},
	}
	for _, name := range names {
		all.Databases = append(all.Databases, well(name))
		all.Monitor.Footprint = append(all.Monitor.Footprint, statistics.Footprint{
			Database: name, Plan: "free", Quota: 500_000, Least: 18_780, Most: 22_620, Upper: 74_460,
			LeastRatio: new(0.03756), MostRatio: new(0.04524), UpperRatio: new(0.14892),
		})
	}
	if change != nil {
		change(all)
	}
	v := dashboard.View{All: all, Query: statistics.Query{Range: "1h"}, Refresh: 30 * time.Second, LateAfter: 5 * time.Minute}
	if cards := v.Cards(); len(cards) > 0 {
		v.Selected = cards[0].Name
		one := *all
		one.Databases = []statistics.Database{*cards[0]}
		v.One = &one
	}
	return v
}

func well(name string) statistics.Database {
	series := statistics.PingSeries{From: now.Add(-time.Hour), StepSeconds: 300}
	figures := &statistics.FigureSeries{From: series.From, StepSeconds: 300}
	for i := range 12 {
		series.P50 = append(series.P50, new(20+float64(i%3)))
		series.P95, series.P99 = append(series.P95, new(30.0)), append(series.P99, new(45.0))
		series.Good, series.Failed = append(series.Good, 5), append(series.Failed, 0)
		figures.HitRate, figures.MemoryRatio = append(figures.HitRate, new(0.9)), append(figures.MemoryRatio, new(0.6+float64(i)/200))
		figures.Commands, figures.CommandsRatio = append(figures.Commands, new(1200.0)), append(figures.CommandsRatio, new(0.4))
	}
	// A gap is shown as none.
	series.P50[4], series.P95[4], series.P99[4], series.Good[4] = nil, nil, nil, 0
	figures.HitRate[4], figures.MemoryRatio[4], figures.Commands[4], figures.CommandsRatio[4] = nil, nil, nil, nil
	return statistics.Database{
		Name: name, Shard: "main", Environment: "production", Plan: "free", Status: statistics.Connected, LatencyLimitMS: 600, Home: "us-east4",
		Regions: []statistics.Region{{
			Region: "us-east4", Last: &statistics.Ping{At: now.Add(-20 * time.Second), Status: report.OK, Phases: report.Phases{Wait: 21.4}},
			Summary: history.Summary{Samples: 55, Good: 55, Availability: new(1.0), P50: new(21.0), P95: new(30.0), Max: new(45.0)}, Series: series,
		}},
		Uptime:   statistics.Uptime{Days: 30, Good: 43_100, Failed: 12, Availability: new(0.99972), Objective: 0.999, BudgetLeft: new(0.72), ByDay: statistics.ByDay{From: "2026-11-19", Good: []int{1440, 1430, 0, 1202}, Failed: []int{0, 10, 0, 0}}},
		Fallback: &statistics.Fallback{Active: []string{}, Days: []statistics.FallbackDay{{Date: "2026-11-21"}, {Date: "2026-11-22", Activations: 1, Minutes: 6}}},
		ReadAt:   now.Add(-20 * time.Second), MemoryRatio: new(0.655), CommandsRatio: new(0.4), HitRate: new(0.9),
		MemoryFullInSeconds: new(int64(74 * 3600)),
		Gauges:              map[report.Gauge]float64{report.GaugeDataSize: 175_000_000, report.GaugeDataLimit: 268_435_456},
		Checks: map[report.Check]statistics.Verdict{
			report.Memory:  {At: now.Add(-20 * time.Second), Status: report.OK, Value: new(0.655)},
			report.HitRate: {At: now.Add(-20 * time.Second), Status: report.Warn, Cause: string(cause.HitRateLow), Value: new(0.9)},
		},
		Figures: figures,
	}
}

// down makes the first database fail since 12 minutes, and alice acknowledged it.
func down(s *statistics.Statistics) {
	d := &s.Databases[0]
	d.Status, d.Cause, d.Title = statistics.Down, cause.AuthInvalid, cause.AuthInvalid.Info().Title
	d.Regions[0].Last = &statistics.Ping{At: now.Add(-20 * time.Second), Status: report.Fail, Cause: string(cause.AuthInvalid)}
	d.Regions[0].Series.Failed[10], d.Regions[0].Series.Failed[11] = 5, 5
	s.Incidents.Open = []incidents.Incident{{
		ID: "INC-7F3A9K", FullID: "20261122T194820Z-7F3A9KAAAAAA", Shard: "main", Database: d.Name, Check: report.Ping, Severity: cause.SeverityCritical,
		Status: report.Fail, Cause: cause.AuthInvalid, Title: d.Title, Playbook: cause.AuthInvalid.Playbook(), State: incidents.StateAcknowledged,
		Since: now.Add(-12 * time.Minute), Opened: now.Add(-11 * time.Minute), DurationSeconds: 720,
		Handling: incidents.Handling{Acknowledged: &incidents.Acknowledged{By: "alice", At: now.Add(-10 * time.Minute)}},
		Told:     []incidents.Told{{Receiver: "slack-oncall", Delivery: incidents.DeliveryDone}, {Receiver: "mail/oncall", Delivery: incidents.DeliveryPending}},
	}}
	s.Incidents.Silences = []incidents.Silence{{Database: "staging", Until: now.Add(time.Hour), By: "bob", Reason: "moving it"}}
	s.Monitor.Deliveries = incidents.Deliveries{Delivered: 1, Pending: 1}
	s.Monitor.Footprint[0].Over, s.Monitor.Footprint[0].Accepted = true, true
}

// nothing is what is known before the first run.
func nothing(s *statistics.Statistics) {
	for i := range s.Databases {
		d := &s.Databases[i]
		n := len(d.Regions[0].Series.P50)
		*d = statistics.Database{
			Name: d.Name, Shard: "main", Plan: "free", Status: statistics.NoData, LatencyLimitMS: 600, Home: "us-east4", Uptime: statistics.Uptime{Days: 30, Objective: 0.999},
			Regions: []statistics.Region{{Region: "us-east4", Series: statistics.PingSeries{From: s.From, StepSeconds: 300, P50: make([]*float64, n), Good: make([]int, n), Failed: make([]int, n)}}},
		}
	}
	for i := range s.Monitor.Jobs {
		j := &s.Monitor.Jobs[i]
		j.State, j.LastRun, j.LagMS = statistics.JobNever, time.Time{}, 0
	}
}

// states are what the page can show.
func states() map[string]dashboard.View {
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("prod-%03d", i+1))
	}
	unread := viewOf(func(s *statistics.Statistics) {
		nothing(s)
		s.Missing = []string{"pings from us-east4 of shard main", "incidents of shard main"}
	}, "prod-cache")
	unread.One = nil
	return map[string]dashboard.View{
		"none":    viewOf(nil),
		"empty":   viewOf(nothing, "prod-cache"),
		"one":     viewOf(nil, "prod-cache"),
		"down":    viewOf(down, "prod-cache", "prod-queue"),
		"many":    viewOf(down, many...),
		"unread":  unread,
		"partial": viewOf(func(s *statistics.Statistics) { s.Missing = []string{"readings of shard main"} }, "prod-cache"),
		"stale": viewOf(func(s *statistics.Statistics) {
			s.Monitor.Status, s.Monitor.Jobs[0].State, s.Monitor.Jobs[0].LastRun = statistics.JobLate, statistics.JobLate, now.Add(-17*time.Minute)
		}, "prod-cache"),
		"doubtful": viewOf(func(s *statistics.Statistics) {
			metrics := &s.Monitor.Jobs[1]
			s.Monitor.Status, metrics.State, metrics.LastRun = statistics.JobLate, statistics.JobLate, now.Add(-20*time.Hour)
			s.Databases[0].CommandsAtLeast = true
			s.Incidents.Stale = []string{"main"}
			s.Incidents.Open = []incidents.Incident{{
				ID: "INC-9Q2B7H", FullID: "20261122T190000Z-9Q2B7H000000", Database: report.MonitorDatabase, Check: report.Monitor,
				Title: "A receiver refuses alerts", Cause: cause.MonitorReceiver, Severity: cause.SeverityCritical, Since: now.Add(-time.Hour), Told: []incidents.Told{},
			}}
		}, "prod-cache"),
		"spent": viewOf(func(s *statistics.Statistics) {
			d := &s.Databases[0]
			d.MemoryFullInSeconds, d.CommandsOutInSeconds = new(int64(0)), new(int64(36*3600))
			d.Uptime.BudgetLeft = new(-0.5)
			d.BandwidthRatio, d.BudgetRatio, d.ConnectionsRatio = new(1.8), new(0.95), new(0.85)
			d.BandwidthOutInSeconds, d.BudgetOutInSeconds = new(int64(0)), new(int64(5*3600))
			d.Gauges[report.GaugeMonthBandwidth], d.Gauges[report.GaugeBandwidthLimit] = 18<<30, 10<<30
			for i := range d.Figures.HitRate {
				d.Figures.BandwidthRatio, d.Figures.BudgetRatio = append(d.Figures.BandwidthRatio, new(1.5+float64(i)/40)), append(d.Figures.BudgetRatio, new(0.95))
			}
			d.Figures.BandwidthRatio[4], d.Figures.BudgetRatio[4] = nil, nil
			d.Gauges[report.GaugeMonthDollars], d.Gauges[report.GaugeBudget] = 19, 20
			d.Gauges[report.GaugeConnections], d.Gauges[report.GaugeConnectionsLimit] = 850, 1000
			s.Monitor.Footprint[0] = statistics.Footprint{Database: d.Name, Plan: "payg", Least: 10_080, Most: 10_080, Upper: 61_920, Over: true}
		}, "prod-cache"),
	}
}
