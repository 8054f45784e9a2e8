package alert

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestSparkline(t *testing.T) {
	sample := func(minute int, wait float64, status report.Status) report.Sample {
		return report.Sample{At: noon.Add(time.Duration(minute) * time.Minute), Status: status, Phases: report.Phases{Wait: wait}}
	}
	good := func(minute int, wait float64) report.Sample { return sample(minute, wait, report.OK) }
	for _, tt := range []struct {
		name    string
		samples []report.Sample
		want    string
	}{
		{"no sample: no picture", nil, ""},
		{"the slowest at full height, the others by their share, a gap where there is none", []report.Sample{good(0, 80), good(5, 10), good(15, 41)}, "█▂·▅ (█ is 80 ms, a bar is 5 min)"},
		{"the median of each span", []report.Sample{good(0, 100), good(1, 1), good(2, 50), good(5, 100)}, "▅█·· (█ is 100 ms, a bar is 5 min)"},
		{"a late answer is one, a failure is none", []report.Sample{sample(0, 100, report.Warn), sample(5, 50, report.Fail), sample(10, 50, report.Unknown)}, "█··· (█ is 100 ms, a bar is 5 min)"},
		{"what lies outside is left out", []report.Sample{good(-1, 900), good(20, 900), good(19, 10)}, "···█ (█ is 10 ms, a bar is 5 min)"},
		{"answers without a measured wait", []report.Sample{good(0, 0)}, ""},
	} {
		if got := sparkline(tt.samples, noon, 5*time.Minute, 4); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestTrendsAreDrawnAtTheOpening(t *testing.T) {
	transition := func(id string, event incident.Event, check report.Check) notify.Transition {
		return notify.Transition{ID: id, Event: event, Series: report.Series{Database: id, Check: check}}
	}
	for _, tt := range []struct {
		name        string
		transitions []notify.Transition
		want        []string
	}{
		{"of a ping", []notify.Transition{transition("a", incident.Opened, report.Ping)}, []string{"main a 12:00"}},
		{"of a latency", []notify.Transition{transition("a", incident.Opened, report.Latency)}, []string{"main a 12:00"}},
		{"not of other checks", []notify.Transition{transition("a", incident.Opened, report.Write)}, nil},
		{"not of other events", []notify.Transition{transition("a", incident.Resolved, report.Ping)}, nil},
		{"not of an incident that is gone", []notify.Transition{transition("z", incident.Opened, report.Ping)}, nil},
	} {
		var asked []string
		w := newWorld(t, func(o *Options) {
			o.Trend = func(_ context.Context, shard, database string, at time.Time) string {
				asked = append(asked, fmt.Sprintf("%s %s %s", shard, database, at.Format("15:04")))
				return "▁▂"
			}
		})
		s := incident.New("main", noon)
		s.Incidents["a"] = &incident.Incident{ID: "a", Since: noon}
		w.f.trends(t.Context(), "main", s, tt.transitions)
		if diff := cmp.Diff(tt.want, asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if drawn := s.Incidents["a"].Sparkline != ""; drawn != (tt.want != nil) {
			t.Errorf("%s: sparkline %q", tt.name, s.Incidents["a"].Sparkline)
		}
	}
	// Many are told as a group, which shows no picture.
	n := 0
	w := newWorld(t, func(o *Options) {
		o.Trend = func(context.Context, string, string, time.Time) string { n++; return "x" }
	})
	s := incident.New("main", noon)
	var transitions []notify.Transition
	for i := range 9 {
		id := fmt.Sprint(i)
		s.Incidents[id] = &incident.Incident{ID: id}
		transitions = append(transitions, transition(id, incident.Opened, report.Ping))
	}
	w.f.trends(t.Context(), "main", s, transitions)
	if n != trendsMost {
		t.Errorf("%d pictures are read, want %d", n, trendsMost)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w.f.trends(ended, "main", s, transitions)
	if n != trendsMost {
		t.Error("a picture is read although there is no time left")
	}
}

func TestThePictureIsInTheMessage(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Trend = func(context.Context, string, string, time.Time) string { return "▁▂▃" }
	})
	messages := w.slack.keep()
	w.minute(cause.AuthInvalid)
	if got := (*messages)[0].Sparkline; got != "▁▂▃" || w.document("a").Sparkline != got {
		t.Errorf("message shows %q, document %q", got, w.document("a").Sparkline)
	}
}
