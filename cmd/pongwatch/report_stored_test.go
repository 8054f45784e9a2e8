package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// reportedAt is when the reports of these tests are written; the incident began before midnight.
var (
	reportedAt = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	failedAt   = time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	mendedAt   = time.Date(2026, 11, 23, 0, 30, 0, 0, time.UTC)
)

// remembered returns a store with an incident, the pings of two regions around it, one a minute,
// of which the first day is compacted, and Alert's state.
func remembered(t *testing.T, inc incident.Incident, edit func(*incident.State)) store.Store {
	t.Helper()
	s := storetest.NewMemory(func() time.Time { return reportedAt })
	archive := history.New(s)
	for at := failedAt.Add(-3 * time.Hour); at.Before(reportedAt); at = at.Add(time.Minute) {
		for n, region := range []string{"europe-west1", "us-east4"} {
			sample := report.Sample{At: at, Status: report.OK, Phases: report.Phases{Wait: float64(10 * (n + 1))}}
			if n == 1 && !at.Before(failedAt) && at.Before(mendedAt) {
				sample = report.Sample{At: at, Status: report.Fail, Cause: "auth_invalid"}
			}
			run := history.Run{Scheduled: at, Started: at, Finished: at, Region: region}
			if err := archive.AppendPings(t.Context(), "main", run, map[string]report.Sample{"prod-cache": sample}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := archive.Compact(t.Context(), history.Compaction{Shard: "main", Regions: []string{"europe-west1", "us-east4"}, SampleDays: 30, RollupDays: 400}, failedAt); err != nil {
		t.Fatal(err)
	}
	if inc.Since.IsZero() {
		inc.Since = failedAt
	}
	inc.ID, inc.Cause, inc.Opened = "20261122T233200Z-7F3A9K2M4QXT", "auth_invalid", inc.Since.Add(2*time.Minute)
	put := func(key string, data []byte, err error) {
		if err == nil {
			_, err = s.Put(t.Context(), store.Doc{Key: key, Data: data})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := incident.EncodeDocument(incident.NewDocument("main", inc, nil))
	put(incident.DocumentKey("main", inc.ID), data, err)
	if edit != nil {
		state := incident.New("main", reportedAt)
		edit(&state)
		data, err := incident.Encode(state)
		put(incident.StateKey("main"), data, err)
	}
	return s
}

var seenInTheEast = incident.Incident{
	Series: report.Series{Database: "prod-cache", Check: report.Ping}, Resolved: mendedAt,
	Down: []string{"us-east4"}, Voters: []string{"europe-west1", "us-east4"},
}

// A report from Firestore has the latency around its incident, from the days that were compacted
// and the hours since, as one from an address has.
func TestStoredReportHasTheLatencyAroundIt(t *testing.T) {
	r, err := documentReport(t.Context(), remembered(t, seenInTheEast, nil), "INC-7F3A9K", reportedAt)
	if err != nil || r.Latency == nil {
		t.Fatalf("%v, latency %v", err, r.Latency)
	}
	points := r.Latency.Points
	if r.Latency.Region != "us-east4" || len(points) != 150 {
		t.Fatalf("%d points from %s, want 150 of one minute from us-east4, which saw it", len(points), r.Latency.Region)
	}
	first, last := points[0], points[len(points)-1]
	if !first.At.Equal(failedAt.Add(-latencyBefore)) || !last.At.Equal(mendedAt.Add(latencyAfter-time.Minute)) {
		t.Errorf("from %v to %v, want an hour before and half an hour after", first.At, last.At)
	}
	failed := 0
	for _, p := range points {
		failed += p.Failed
	}
	if failed != 60 || first.Good != 1 || first.P50 == nil || *first.P50 != 20 || first.P95 == nil {
		t.Errorf("%d failed, first %+v", failed, first)
	}
	text := r.markdown()
	for _, want := range []string{"PING from us-east4.\n", "| 11-22 22:30:00 | 20.0 ms | 20.0 ms | 1 | 0 |\n", "| 11-22 23:30:00 |  |  | 0 | 1 |\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
}

func TestStoredLatencyOfOtherIncidents(t *testing.T) {
	jobs := func(s *incident.State) {
		s.Jobs = map[string]incident.JobState{"metrics@us-west1": {Scheduled: reportedAt}, "healthcheck@us-east4": {Scheduled: reportedAt}}
	}
	for _, tt := range []struct {
		name   string
		edit   func(*incident.Incident)
		state  func(*incident.State)
		region string // empty for none
		points int
	}{
		{"a check that no region sees: the first region", func(i *incident.Incident) {
			i.Series.Check, i.Down, i.Voters = report.Memory, []string{""}, []string{""}
		}, nil, "europe-west1", 150},
		{"open: until now", func(i *incident.Incident) { i.Resolved = time.Time{} }, nil, "us-east4", 210},
		{"of before the first day: regions are those that Alert has heard", func(i *incident.Incident) {
			i.Since, i.Resolved = mendedAt.Add(time.Hour), reportedAt
		}, jobs, "us-east4", 90},
		{"a database without pings", func(i *incident.Incident) { i.Series.Database = "other" }, jobs, "", 0},
		{"pongwatch's own", func(i *incident.Incident) { i.Series = incident.MonitorSeries("receivers") }, jobs, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inc := seenInTheEast
			tt.edit(&inc)
			r, err := documentReport(t.Context(), remembered(t, inc, tt.state), "INC-7F3A9K", reportedAt)
			switch {
			case err != nil:
				t.Fatal(err)
			case tt.region == "":
				if r.Latency != nil {
					t.Errorf("latency %+v, want none", r.Latency)
				}
			case r.Latency == nil || r.Latency.Region != tt.region || len(r.Latency.Points) != tt.points:
				t.Errorf("latency %+v, want %d points from %s", r.Latency, tt.points, tt.region)
			}
		})
	}
}

// What cannot be read is no absence of pings.
func TestStoredLatencyThatCannotBeRead(t *testing.T) {
	s := remembered(t, seenInTheEast, func(*incident.State) {})
	for _, prefix := range []string{"samples/", "hot/", "state/"} {
		_, err := documentReport(t.Context(), closed{s, prefix}, "INC-7F3A9K", reportedAt)
		if err == nil || !strings.Contains(err.Error(), "reading the latency") {
			t.Errorf("%s cannot be read: %v", prefix, err)
		}
	}
}

// A document that cannot be read is named, and no absence of pings.
func TestStoredLatencyOfDamagedDocuments(t *testing.T) {
	s := remembered(t, seenInTheEast, func(state *incident.State) {
		state.Jobs = map[string]incident.JobState{"healthcheck@us-east4": {Scheduled: reportedAt}}
	})
	for _, key := range []string{"samples/v1/prod-cache/2026-11-22", "hot/v1/main/us-east4/2026-11-23T00"} {
		doc, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		doc.Data = []byte("damaged")
		if _, err := s.Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	r, err := documentReport(t.Context(), s, "INC-7F3A9K", reportedAt)
	if want := []string{"samples of 2026-11-22", "pings of 2026-11-23 00:00:00 UTC"}; err != nil || !slices.Equal(r.Missing, want) || !strings.Contains(r.markdown(), "Could not read samples of 2026-11-22, pings of ") {
		t.Errorf("missing %q, %v; want %q", r.Missing, err, want)
	}
}

// closed is a store in which a collection cannot be read.
type closed struct {
	store.Store
	prefix string
}

func (f closed) Get(ctx context.Context, key string) (store.Doc, error) {
	if strings.HasPrefix(key, f.prefix) {
		return store.Doc{}, errors.New("permission denied")
	}
	return f.Store.Get(ctx, key)
}

func (f closed) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	if strings.HasPrefix(from, f.prefix) {
		return func(yield func(store.Doc, error) bool) { yield(store.Doc{}, errors.New("permission denied")) }
	}
	return f.Store.Range(ctx, from, to)
}
