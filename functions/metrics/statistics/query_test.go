package statistics

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
)

func TestParse(t *testing.T) {
	f := newFixture(t, two)
	tests := []struct {
		name, query string
		want        Query
		wrong       string // what the error says; empty for none
		notFound    bool
	}{
		{"nothing is the last hour of all databases", "", Query{Range: "1h"}, "", false},
		{"everything can be said", "range=7d&database=cache&region=us-east4&step=2h", Query{Range: "7d", Database: "cache", Region: east, Step: 2 * time.Hour}, "", false},
		{"the widest range", "range=30d", Query{Range: "30d"}, "", false},
		{"a range that there is not", "range=2h", Query{}, `range "2h" is not known, want one of 1h, 6h, 24h, 7d, 30d`, false},
		{"a database that there is not", "database=other", Query{}, "database other is not configured", true},
		{"a region that there is not", "region=mars", Query{}, "region mars is not configured", true},
		{"the finest step", "step=10s", Query{Range: "1h", Step: 10 * time.Second}, "", false},
		{"a step that is finer", "step=9s", Query{}, `step "9s" does not fit, want one such as "1m0s": at least 10s, at most the range, at most 1500 points`, false},
		{"a step as wide as the range", "step=1h", Query{Range: "1h", Step: time.Hour}, "", false},
		{"a step that is wider", "step=3601s", Query{}, "does not fit", false},
		{"a step of a part of a second", "step=10500ms", Query{}, "does not fit", false},
		{"a step that is not a duration", "step=soon", Query{}, `step "soon" does not fit`, false},
		{"a step below nothing", "step=-1m", Query{}, "does not fit", false},
		{"as many points as there may be", "range=30d&step=1728s", Query{Range: "30d", Step: 1728 * time.Second}, "", false},
		{"more points than there may be", "range=30d&step=1726s", Query{}, "does not fit", false},
		{"databases can be chosen", "search=+Cache+&environment=staging&state=mock&page=2", Query{Range: "1h", Search: "Cache", Environment: "staging", State: Mock, Page: 2}, "", false},
		{"the first page has a number", "page=1", Query{Range: "1h", Page: 1}, "", false},
		{"a page before the first", "page=0", Query{}, `page "0" is not a page, want a number such as 2`, false},
		{"a page that is no number", "page=next", Query{}, `page "next" is not a page`, false},
		{"a state that there is not", "state=fine", Query{}, `state "fine" is not known, want one of `, false},
		{"what is quoted is cut", "range=" + strings.Repeat("x", 2000), Query{}, "…", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(v, f.config)
			if tt.wrong == "" {
				if err != nil || got != tt.want {
					t.Errorf("Parse() = %+v, %v; want %+v", got, err, tt.want)
				}
				return
			}
			wrong, ok := err.(*QueryError) //nolint:errorlint // Parse says that it is one
			if !ok || !strings.Contains(wrong.Error(), tt.wrong) || wrong.NotFound != tt.notFound || len(wrong.Text) > 1000 {
				t.Errorf("Parse() = %v (not found: %v), want %q (%v)", err, ok && wrong.NotFound, tt.wrong, tt.notFound)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	d := &Database{Name: "prod-cache", Environment: "production", Status: Mock}
	for name, tt := range map[string]struct {
		query Query
		want  bool
	}{
		"nothing chooses everything":        {Query{}, true},
		"a part of the name":                {Query{Search: "cache"}, true},
		"a part in capitals":                {Query{Search: "PROD"}, true},
		"a part of another name":            {Query{Search: "sessions"}, false},
		"its environment":                   {Query{Environment: "production"}, true},
		"another environment":               {Query{Environment: "staging"}, false},
		"its state":                         {Query{State: Mock}, true},
		"another state":                     {Query{State: Connected}, false},
		"all of it must fit":                {Query{Search: "cache", Environment: "production", State: Connected}, false},
		"the name, but not the environment": {Query{Search: "cache", Environment: "staging", State: Mock}, false},
	} {
		if got := tt.query.Matches(d); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestParseTakesTheRegionsOfAnyShardAndAllWhereNoneIsConfigured(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config *config.Config
		known  bool
	}{
		{"one region, which the configuration does not name", &config.Config{}, true},
		{"another region than the configured one", &config.Config{Regions: []string{east}, Databases: []config.Database{{Shard: "main"}}}, false},
		{"the region of the second shard", &config.Config{
			Regions: []string{east}, Shards: []config.Shard{{Name: "second", Regions: []string{west}}}, Databases: []config.Database{{Shard: "first"}},
		}, true},
	} {
		_, err := Parse(url.Values{"region": {west}}, tt.config)
		if (err == nil) != tt.known {
			t.Errorf("%s: %v, want it to be known: %v", tt.name, err, tt.known)
		}
	}
}

func TestWindow(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := []struct {
		name       string
		query      Query
		now, every string
		from       string
		step       time.Duration
		points     int
	}{
		{"an hour ends now, with the point that is not over", Query{Range: "1h"}, "2026-11-22 12:00:30", "1m", "2026-11-22 11:00:00", time.Minute, 61},
		{"a point begins exactly now", Query{Range: "1h"}, "2026-11-22 12:00:00", "1m", "2026-11-22 11:00:00", time.Minute, 61},
		{"an hour of frequent pings is as fine as they are", Query{Range: "1h"}, "2026-11-22 12:00:30", "30s", "2026-11-22 11:00:30", 30 * time.Second, 121},
		{"but no finer than a page can show", Query{Range: "1h"}, "2026-11-22 12:00:31", "2s", "2026-11-22 11:00:30", 10 * time.Second, 361},
		{"rare pings make it no coarser", Query{Range: "1h"}, "2026-11-22 12:00:30", "5m", "2026-11-22 11:00:00", time.Minute, 61},
		{"six hours", Query{Range: "6h"}, "2026-11-22 12:00:30", "30s", "2026-11-22 06:00:00", 5 * time.Minute, 73},
		{"a day", Query{Range: "24h"}, "2026-11-22 12:00:30", "1m", "2026-11-21 12:00:00", 15 * time.Minute, 97},
		{"a week begins with its first day", Query{Range: "7d"}, "2026-11-22 12:00:30", "1m", "2026-11-15 00:00:00", time.Hour, 181},
		{"a month", Query{Range: "30d"}, "2026-11-22 12:00:30", "1m", "2026-10-23 00:00:00", 6 * time.Hour, 123},
		{"a step of its own", Query{Range: "1h", Step: 7 * time.Minute}, "2026-11-22 12:00:30", "1m", "2026-11-22 10:56:00", 7 * time.Minute, 10},
		{"a step as wide as the range covers it all the same", Query{Range: "1h", Step: time.Hour}, "2026-11-22 12:05:00", "1m", "2026-11-22 11:00:00", time.Hour, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			every, _ := time.ParseDuration(tt.every)
			w := tt.query.window(at(tt.now), every)
			if !w.from.Equal(at(tt.from)) || !w.to.Equal(at(tt.now)) || w.step != tt.step || w.points() != tt.points {
				t.Errorf("window() = %v to %v by %v with %d points", w.from, w.to, w.step, w.points())
			}
		})
	}
}

func TestIndex(t *testing.T) {
	w := window{from: noon, to: noon.Add(25 * time.Second), step: 10 * time.Second}
	if w.points() != 3 || w.by(5*time.Second).points() != 6 || w.by(day).points() != 1 {
		t.Errorf("%d points, want the last one to be cut short", w.points())
	}
	for after, want := range map[time.Duration]int{
		-time.Nanosecond: -1, 0: 0, 10*time.Second - 1: 0, 10 * time.Second: 1, 20 * time.Second: 2, 25 * time.Second: 2, 25*time.Second + 1: -1,
	} {
		if got := w.index(noon.Add(after)); got != want {
			t.Errorf("%v after the beginning lies in point %d, want %d", after, got, want)
		}
	}
}
