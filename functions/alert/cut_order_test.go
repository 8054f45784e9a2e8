package alert

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// crowded returns a state of one series each: two apps in mock mode, what is over, about to
// open, a warning and an outage, of two ages each.
func crowded() incident.State {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := incident.New("main", at)
	add := func(key report.Series, opened time.Time, edit func(*incident.Incident)) {
		ss := &incident.SeriesState{LastBad: opened}
		s.Series[key] = ss
		if edit == nil {
			return
		}
		inc := &incident.Incident{ID: incident.NewID("main", key.String(), opened), Series: key, Opened: opened, Severity: cause.SeverityCritical}
		edit(inc)
		s.Incidents[inc.ID], ss.Incident = inc, inc.ID
	}
	same := func(*incident.Incident) {}
	for i, age := range []string{"old", "new"} {
		opened := at.Add(time.Duration(i) * time.Minute)
		add(report.Series{Database: age, Check: report.Ping}, opened, same)
		add(report.Series{Database: age, Check: report.Latency}, opened, func(inc *incident.Incident) { inc.Severity = cause.SeverityWarning })
		add(report.Series{Database: age, Check: report.Memory}, opened, func(inc *incident.Incident) { inc.Resolved = opened })
		add(report.Series{Database: "a", Check: report.MockMode, Subject: age}, opened.Add(-time.Hour), same)
	}
	add(report.Series{Database: "soon", Check: report.Ping}, at, nil)
	add(report.Series{Database: "soon", Check: report.MockMode, Subject: "app"}, at, nil)
	add(incident.MonitorSeries("reports"), at, same)
	return s
}

// What goes first is an app in mock mode, the newest first; the monitor's own series stay.
func TestAStateIsCutInOrderOfImportance(t *testing.T) {
	s := crowded()
	_, lost := cut(s, 0)
	var got []string
	for _, key := range lost {
		got = append(got, key.String())
	}
	want := []string{
		"soon/mock_mode/app", "a/mock_mode/new", "a/mock_mode/old", "new/memory", "old/memory", "soon/ping",
		"new/latency", "old/latency", "new/ping", "old/ping",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
}

func TestAStateIsCutAsLittleAsItMust(t *testing.T) {
	s := crowded()
	size := func(s incident.State) int {
		data, err := incident.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		return len(data)
	}
	whole := size(s)
	if got, lost := cut(s, whole); len(lost) != 0 || !incident.Equal(got, s) {
		t.Errorf("a state that just fits lost %v", lost)
	}
	for limit := whole - 1; limit > whole/2; limit -= 7 {
		got, lost := cut(s, limit)
		if size(got) > limit {
			t.Errorf("%d bytes, at most %d", size(got), limit)
		}
		if less, _ := cut(s, limit+200); len(less.Series) < len(got.Series) {
			t.Errorf("more is lost of %d bytes than of %d", limit+200, limit)
		}
		if len(got.Series)+len(lost) != len(s.Series) {
			t.Errorf("%d series of %d, and %d are lost", len(got.Series), len(s.Series), len(lost))
		}
		for _, key := range lost {
			if _, kept := got.Series[key]; kept || slices.ContainsFunc(incidentsOf(got), func(of report.Series) bool { return of == key }) {
				t.Errorf("%s is lost, and kept", key)
			}
		}
	}
	if size(s) != whole {
		t.Error("the state itself has changed")
	}
}

func incidentsOf(s incident.State) []report.Series {
	var all []report.Series
	for _, i := range s.Incidents {
		all = append(all, i.Series)
	}
	return all
}
