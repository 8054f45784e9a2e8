package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
)

// fleet is the view of so many databases, of which prod-007 is down and every tenth is in staging.
func fleet(n int, q statistics.Query) dashboard.View {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("prod-%03d", i))
	}
	v := viewOf(func(s *statistics.Statistics) {
		for i := range s.Databases {
			if i%10 == 0 {
				s.Databases[i].Environment = "staging"
			}
		}
		if n > 7 {
			s.Databases[7].Status = statistics.Down
		}
	}, names...)
	q.Range = "1h"
	v.Query = q
	return v
}

// Environments stand one after the other, that of the worst database first.
func TestAPageShowsFiftyDatabasesTheWorstFirst(t *testing.T) {
	for _, tt := range []struct {
		name        string
		n           int
		query       statistics.Query
		first, last string
		says        []string
	}{
		{"a few databases are one page", 8, statistics.Query{}, "prod-007", "prod-000", nil},
		{"the first page begins with the worst", 120, statistics.Query{}, "prod-007", "prod-055", []string{"120 of 120", "Page 1 of 3", "page=2"}},
		{"the second page", 120, statistics.Query{Page: 2}, "prod-056", "prod-111", []string{"Page 2 of 3", "page=1", "page=3"}},
		{"beyond the last page is the last", 120, statistics.Query{Page: 9}, "prod-112", "prod-110", []string{"Page 3 of 3", "page=2"}},
		{"by a part of the name", 120, statistics.Query{Search: "-11"}, "prod-111", "prod-110", []string{"10 of 120", `value="-11"`}},
		{"by environment, and links keep it", 120, statistics.Query{Environment: "staging"}, "prod-000", "prod-110", []string{"12 of 120", "environment=staging"}},
		{"by state", 120, statistics.Query{State: statistics.Down}, "prod-007", "prod-007", []string{"1 of 120", `<option value="down" selected>`}},
		{"nothing matches", 120, statistics.Query{Search: "none"}, "", "", []string{"0 of 120", "No database matches."}},
	} {
		page := render(t, fleet(tt.n, tt.query))
		assertWellFormed(t, page)
		var cards []string
		for _, h := range all(find(parse(t, page), "databases"), "h4") {
			cards = append(cards, textOf(h))
		}
		if tt.first == "" && len(cards) > 0 || tt.first != "" && (cards[0] != tt.first || cards[len(cards)-1] != tt.last || len(cards) > 50) {
			t.Errorf("%s: %v", tt.name, cards)
		}
		for _, want := range tt.says {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s: the page does not have %q", tt.name, want)
			}
		}
		if search := strings.Contains(string(page), "<form"); search != (tt.n > 8) {
			t.Errorf("%s: there is a search: %v", tt.name, search)
		}
		if n := strings.Count(textOf(find(parse(t, page), "monitor")), "18,780–22,620"); n != len(cards) {
			t.Errorf("%s: the footprint of %d databases beside %d cards", tt.name, n, len(cards))
		}
	}
}

func TestAMassFailureIsListedInPart(t *testing.T) {
	v := viewOf(func(s *statistics.Statistics) {
		for i := range 526 {
			s.Incidents.Open = append(s.Incidents.Open, incidents.Incident{ID: fmt.Sprint("INC-", i), Database: "prod-cache", Since: now, Told: []incidents.Told{}})
		}
	}, "prod-cache")
	root := parse(t, render(t, v))
	if listed := len(all(find(root, "open"), "h3")); listed != 20 {
		t.Errorf("%d incidents, want 20", listed)
	}
	if text := textOf(find(root, "open")); !strings.Contains(text, "506 more are in the JSON.") {
		t.Errorf("the page does not say that there are more: %s", text)
	}
}

func TestFewMinutesOfDataAreNoMonth(t *testing.T) {
	for of, want := range map[time.Duration][]string{
		24 * time.Minute:    {"99.97 % 24 min of data", "72 % of the 30 d error budget left (24 min of data)"},
		20 * 24 * time.Hour: {"99.97 % 20 d of data"},
		30 * 24 * time.Hour: {"99.97 %", "72 % of the 30 d error budget left"},
	} {
		v := viewOf(func(s *statistics.Statistics) { s.Databases[0].Uptime.From = now.Add(-of) }, "prod-cache")
		text := strings.ReplaceAll(textOf(parse(t, render(t, v))), "\u00a0", " ")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("after %s the page does not say %q:\n%s", of, w, text)
			}
		}
		if of >= 30*24*time.Hour && strings.Contains(text, "of data") {
			t.Errorf("a whole month says of how long there is data:\n%s", text)
		}
	}
}

// A shard that is no longer checked is not hidden by another that is.
func TestAShardThatIsNotCheckedIsLoud(t *testing.T) {
	v := viewOf(func(s *statistics.Statistics) {
		dead := s.Monitor.Jobs[0]
		dead.Shard, dead.State, dead.LastRun = "other", statistics.JobLate, now.Add(-3*time.Hour)
		s.Monitor.Jobs = append(s.Monitor.Jobs, dead)
	}, "prod-cache")
	text := strings.ReplaceAll(textOf(parse(t, render(t, v))), "\u00a0", " ")
	if want := "Stale: no check of shard other has run from us-east4 for 3 h."; !strings.Contains(text, want) {
		t.Errorf("the page does not say %q:\n%s", want, text)
	}
}

// A full database answers PING: without its incidents nothing is known to be well.
func TestIncidentsThatCannotBeReadAreNoGoodNews(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*statistics.Statistics)
		want   string
		colour statistics.Word
	}{
		{"pings are answered", nil, "Status unknown: open incidents cannot be read", statistics.NoData},
		{"another shard's are known", down, "prod-cache is down", statistics.Down},
	} {
		v := viewOf(func(s *statistics.Statistics) {
			if tt.change != nil {
				tt.change(s)
			}
			s.Incidents.Unread = []string{"main"}
		}, "prod-cache")
		if got := v.Headline(); !strings.HasPrefix(got, tt.want) || v.State() != tt.colour {
			t.Errorf("%s: %q in the colour of %s, want %q and %s", tt.name, got, v.State(), tt.want, tt.colour)
		}
	}
}

// Where data begin in the range, the chart begins there. A gap at its beginning is shown as a gap.
func TestAGapIsNotTheBeginningOfTheData(t *testing.T) {
	for _, tt := range []struct {
		name string
		from func(statistics.PingSeries) time.Time
		says bool
	}{
		{"a new database", func(s statistics.PingSeries) time.Time {
			return s.From.Add(5 * time.Duration(s.StepSeconds) * time.Second)
		}, true},
		{"no run for a while", func(s statistics.PingSeries) time.Time { return s.From.Add(-time.Hour) }, false},
	} {
		v := viewOf(func(s *statistics.Statistics) {
			d := &s.Databases[0]
			series := &d.Regions[0].Series
			for i := range 5 {
				series.P50[i], series.Good[i], series.Failed[i] = nil, 0, 0
			}
			d.Uptime.From = tt.from(*series)
		}, "prod-cache")
		page := string(render(t, v))
		if says := strings.Contains(page, "Data begins"); says != tt.says || strings.Contains(page, `"begins":`) != tt.says {
			t.Errorf("%s: the page says where the data begin: %v, want %v", tt.name, says, tt.says)
		}
	}
}
