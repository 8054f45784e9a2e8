package incidents_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

var now = time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// told makes a thread that has told its receivers revision 1 of rev.
func told(rev int, deliveries map[string]incident.Delivery) incident.Thread {
	deliveries[incident.Documents] = incident.Delivery{Want: rev, Done: rev - 1}
	return incident.Thread{Rev: rev, Deliveries: deliveries}
}

func delivered(at time.Time) incident.Delivery {
	return incident.Delivery{Want: 1, Done: 1, Sent: at, Open: true, Error: "an error that is over"}
}

// full is a state in which everything occurs once.
func full() incident.State {
	s := incident.New("main", ago(24*time.Hour))
	s.Jobs = map[string]incident.JobState{"healthcheck@us": {Scheduled: ago(time.Minute), Every: time.Minute}}
	s.Incidents, s.Groups = map[string]*incident.Incident{}, map[string]*incident.Group{}
	add := func(i incident.Incident) { s.Incidents[i.ID] = &i }

	down := incident.Incident{
		ID: "20261122T182201Z-7F3A9K2M4QXT", Series: report.Series{Database: "prod-cache", Check: report.Ping},
		Thread:   told(4, map[string]incident.Delivery{"slack-oncall": delivered(ago(12 * time.Minute))}),
		Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.AuthInvalid,
		Observation: report.Observation{Evidence: "HTTP 401: WRONGPASS"},
		Since:       ago(13 * time.Minute), LastOK: ago(14 * time.Minute), Opened: ago(12 * time.Minute), Reopened: 1, Unstable: true,
		Mock: []string{"backend (app, event)"},
	}
	down.Ack = &incident.Ack{By: "anna@laptop", Via: "cli", At: ago(9 * time.Minute)}
	down.Deliveries["email-oncall/a@example.com"] = incident.Delivery{Want: 4, Done: 1, Sent: ago(11 * time.Minute), Since: ago(9 * time.Minute), Tries: 3, Error: "451 try again later"}
	down.Deliveries["pager"] = incident.Delivery{Want: 1, Refused: "channel_not_found", Tries: 1}
	down.Deliveries["fallback"] = incident.Delivery{Want: 1, Done: 1, Sent: ago(10 * time.Minute), Instead: "pager", Why: "channel_not_found"}
	add(down)

	silenced := incident.Incident{
		ID: "20261122T180000Z-A1A1A1000000", Series: report.Series{Database: "prod-cache", Check: report.Latency},
		Thread:   told(2, map[string]incident.Delivery{"slack-oncall": delivered(ago(30 * time.Minute))}),
		Severity: cause.SeverityWarning, Status: report.Warn, Cause: cause.Slow, Since: ago(35 * time.Minute), Opened: ago(34 * time.Minute),
	}
	silenced.SilencedUntil, silenced.SilencedBy, silenced.Suppressed = now.Add(time.Hour), "anna@laptop", "silenced"
	add(silenced)

	flapping := incident.Incident{
		ID: "20261122T170000Z-F1A9F1000000", Series: report.Series{Database: "stage", Check: report.MockMode, Subject: "web"},
		Thread:   told(1, map[string]incident.Delivery{"slack-oncall": delivered(ago(time.Hour))}),
		Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.Mock, Since: ago(95 * time.Minute), Opened: ago(94 * time.Minute), Flapping: true,
	}
	flapping.SilencedUntil, flapping.Suppressed = ago(time.Second), "silenced" // its end is not yet noticed
	add(flapping)

	planned := incident.Incident{
		ID: "20261122T181000Z-B2B2B2000000", Series: report.Series{Database: "stage", Check: report.Write},
		Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.StorageFull, Since: ago(25 * time.Minute), Opened: ago(24 * time.Minute),
	}
	planned.Suppressed, planned.Window = "maintenance", "sunday-upgrade: monthly upgrade of the plan"
	add(planned)

	group := incident.Group{
		ID: "20261122T183000Z-6R0DP1000000", Class: cause.ClassQuota, Severity: cause.SeverityCritical,
		Thread: told(1, map[string]incident.Delivery{"slack-oncall": delivered(ago(4 * time.Minute))}),
		Since:  ago(5 * time.Minute), Opened: ago(4 * time.Minute), Again: ago(90 * time.Second), Before: time.Minute,
	}
	for i, name := range []string{"eu-1", "eu-2", "eu-3"} {
		member := incident.Incident{
			ID: "20261122T183000Z-E" + string(rune('1'+i)) + "0000000000", Series: report.Series{Database: name, Check: report.Ping},
			Thread:   told(1, map[string]incident.Delivery{}),
			Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.QuotaMonthly, Since: ago(5 * time.Minute), Opened: ago(4 * time.Minute), Group: group.ID,
		}
		add(member)
		group.Members = append(group.Members, member.ID)
	}
	s.Groups[group.ID] = &group

	// Who acknowledged it did not resolve it.
	over := incident.Incident{
		ID: "20261122T160000Z-C3C3C3000000", Series: report.Series{Database: "stage", Check: report.Ping},
		Severity: cause.SeverityCritical, Status: report.Fail, Cause: cause.TimeoutResponse, Since: ago(20 * time.Minute), Opened: ago(19 * time.Minute), Resolved: ago(10 * time.Minute),
	}
	over.Ack = &incident.Ack{By: "root@vm", Via: "cli", At: ago(15 * time.Minute)}
	add(over)
	gone := over
	gone.ID, gone.Series.Database, gone.Gone, gone.Resolved = "20261122T150000Z-D4D4D4000000", "removed", true, ago(5*time.Minute)
	add(gone)
	add(incident.Incident{
		ID: "20261122T183300Z-DR1110000000", Series: report.Series{Database: report.MonitorDatabase, Check: report.Monitor, Subject: "drill-X"},
		Thread:   told(1, map[string]incident.Delivery{"slack-oncall": {Want: 1, Since: ago(time.Second)}}),
		Severity: cause.Drill.Info().Severity, Status: report.Warn, Cause: cause.Drill, Since: ago(65 * time.Second), Opened: ago(65 * time.Second), Drill: true,
	})

	s.Silences = []incident.Silence{
		{ID: "c1", Incident: silenced.ID, Until: now.Add(time.Hour), At: ago(time.Minute), By: "anna@laptop", Via: "cli", Reason: "known"},
		{ID: "c2", Series: report.Series{Database: "stage", Check: report.Ping}, Until: now.Add(time.Minute), At: ago(time.Hour), By: "bob"},
		{ID: "c3", Series: report.Series{Database: "stage"}, Until: now, At: ago(time.Hour), By: "bob"}, // over
	}
	s.Commands = map[string]time.Time{"c2": ago(time.Hour), "c1": ago(time.Minute)}
	return s
}

// The section of the answer, with everything that can occur.
func TestView(t *testing.T) {
	other := incident.New("other", now)
	other.Incidents = map[string]*incident.Incident{"20261122T183100Z-999999000000": {
		ID: "20261122T183100Z-999999000000", Series: report.Series{Database: "blog", Check: report.HitRate},
		Severity: cause.SeverityWarning, Status: report.Warn, Cause: cause.HitRateLow, Since: ago(3 * time.Minute), Opened: ago(2 * time.Minute),
	}}
	got, err := json.MarshalIndent(incidents.New(now, full(), other), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	goldentest.Compare(t, "testdata/view.json", got)
}

// Nothing is a list too: a reader need not tell null from empty.
func TestViewOfNothing(t *testing.T) {
	got, err := json.Marshal(incidents.New(now))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"at":"2026-11-22T18:34:05Z","open":[],"resolved":[],"groups":[],"drills":[],"silences":[],"deliveries":{"delivered":0,"pending":0,"failed":0},"commands":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What Alert knows is worth something as long as it hears of runs.
func TestStale(t *testing.T) {
	tests := []struct {
		name string
		jobs map[string]incident.JobState
		age  time.Duration // of the state
		want bool
	}{
		{"a new shard is given time", nil, time.Minute, false},
		{"an old one that never heard of a run", nil, time.Hour, true},
		{"the last run is recent", map[string]incident.JobState{"healthcheck@us": {Scheduled: ago(4 * time.Minute), Every: time.Minute}}, time.Hour, false},
		{"the last run is old", map[string]incident.JobState{"healthcheck@us": {Scheduled: ago(6 * time.Minute), Every: time.Minute}}, time.Hour, true},
		{"runs are rare here", map[string]incident.JobState{"metrics@us": {Scheduled: ago(16 * time.Minute), Every: 5 * time.Minute}}, time.Hour, false},
		{
			"one job is heard, another is Alert's to miss",
			map[string]incident.JobState{"healthcheck@us": {Scheduled: ago(time.Minute), Every: time.Minute}, "metrics@us": {Scheduled: ago(time.Hour), Every: 5 * time.Minute}},
			time.Hour, false,
		},
		{"a job that is only waited for", map[string]incident.JobState{"healthcheck@us": {Expected: ago(time.Minute), Every: time.Minute}}, time.Hour, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := incident.New("main", ago(tt.age))
			s.Jobs = tt.jobs
			if got := len(incidents.New(now, s).Stale) == 1; got != tt.want {
				t.Errorf("stale %t, want %t", got, tt.want)
			}
		})
	}
}

func TestOnly(t *testing.T) {
	all := incidents.New(now, full())
	tests := []struct {
		database                        string
		open, resolved, groups, silence []string
	}{
		{"prod-cache", []string{"INC-7F3A9K", "INC-A1A1A1"}, nil, nil, []string{"INC-A1A1A1"}},
		{"stage", []string{"INC-F1A9F1", "INC-B2B2B2"}, []string{"INC-C3C3C3"}, nil, []string{"stage"}},
		{"eu-2", []string{"INC-E20000"}, nil, []string{"INC-6R0DP1"}, nil},
		{"unknown", nil, nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.database, func(t *testing.T) {
			v := all.Only(tt.database)
			var open, resolved, groups, silences []string
			for _, i := range v.Open {
				open = append(open, i.ID)
			}
			for _, i := range v.Resolved {
				resolved = append(resolved, i.ID)
			}
			for _, g := range v.Groups {
				groups = append(groups, g.ID)
			}
			for _, s := range v.Silences {
				silences = append(silences, s.Incident+s.Database)
			}
			for what, pair := range map[string][2][]string{
				"open": {tt.open, open}, "resolved": {tt.resolved, resolved}, "groups": {tt.groups, groups}, "silences": {tt.silence, silences},
			} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	}
	if len(all.Open) != 7 {
		t.Errorf("Only changed what it was asked of: %d open, want 7", len(all.Open))
	}
}

func TestASilenceShowsWhatItCovers(t *testing.T) {
	for want, s := range map[string]incidents.Silence{
		"INC-7F3A9K":                   {Incident: "INC-7F3A9K"},
		"prod-cache":                   {Database: "prod-cache"},
		"prod-cache latency":           {Database: "prod-cache", Check: report.Latency},
		"prod-cache mock_mode backend": {Database: "prod-cache", Check: report.MockMode, Subject: "backend"},
	} {
		if got := s.Of(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
