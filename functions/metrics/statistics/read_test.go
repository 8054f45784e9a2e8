package statistics

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// rich has something of everything that an answer can hold.
func rich(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, two)
	for minute := range 12 {
		at := noon.Truncate(time.Minute).Add(time.Duration(minute-11) * time.Minute)
		s := good(float64(20 + minute))
		if minute == 7 {
			s = failed
		}
		f.ping("main", west, at, map[string]report.Sample{"cache": s})
		if minute > 9 {
			f.ping("main", east, at, map[string]report.Sample{"cache": good(100)})
			f.ping("other", east, at, map[string]report.Sample{"queue": failed})
		}
		if minute%5 == 0 {
			n := float64(minute)
			f.reading("main", at, map[string]report.Reading{"cache": {
				Replica: "a", Policy: "noeviction",
				Values: map[report.Gauge]float64{report.GaugeHits: 9 * n, report.GaugeMisses: n, report.GaugeCommands: 20 * n, report.GaugeKeys: 15, report.GaugeMemoryHours: 74},
				Checks: used(0.25, 0.625),
			}})
		}
	}
	f.state("main", incident.Incident{
		ID: "20261122T115500Z-AAAAAAAAAAAA", Series: report.Series{Database: "cache", Check: report.Memory}, Severity: cause.SeverityWarning, Status: report.Warn, Cause: cause.MemoryHigh,
		Since: noon.Add(-5 * time.Minute), Opened: noon.Add(-4 * time.Minute),
		Thread: incident.Thread{Deliveries: map[string]incident.Delivery{"slack": {Want: 1, Done: 1, Sent: noon.Add(-4 * time.Minute)}, "email": {Want: 1, Since: noon.Add(-4 * time.Minute), Error: "451"}}},
	})
	d := resolved("BBBBBB", report.MockMode, cause.Mock, noon.Add(-2*time.Hour), noon.Add(-30*time.Minute))
	d.Told = map[string]incident.Told{"pager": {Refused: "403"}, "slack": {At: noon.Add(-2 * time.Hour)}}
	f.document(d)
	return f
}

// The whole answer, for people to review: of all databases, and of one in detail.
func TestTheWholeAnswer(t *testing.T) {
	f := rich(t)
	for name, q := range map[string]Query{
		"all": {Range: "1h", Step: 20 * time.Minute}, "one": {Range: "1h", Step: 20 * time.Minute, Database: "cache"},
	} {
		text, err := json.MarshalIndent(f.read(q), "", "  ")
		f.must(err)
		goldentest.Compare(t, "testdata/"+name+".json", append(text, '\n'))
	}
}

// Deliveries are pongwatch's own: they are the same whichever database is asked for.
func TestDeliveriesAreThoseOfAllDatabases(t *testing.T) {
	f := rich(t)
	want := f.read(Query{Range: "1h"}).Monitor.Deliveries
	for _, database := range []string{"cache", "queue"} {
		if got := f.read(Query{Range: "1h", Database: database}).Monitor.Deliveries; got != want || got.Delivered != 2 {
			t.Errorf("asked for %s: %+v, want %+v", database, got, want)
		}
	}
}

func TestPastIncidentsAreThoseThatWereResolvedInTheRange(t *testing.T) {
	f := newFixture(t, two)
	from := Query{Range: "1h"}.window(noon, time.Minute).from
	add := func(name string, opened, ended time.Time, change func(*incident.Document)) {
		d := resolved(name, report.Memory, cause.MemoryHigh, opened, ended)
		if change != nil {
			change(&d)
		}
		f.document(d)
	}
	add("FIRST0", from.Add(-time.Hour), from, nil)
	add("BEFORE", from.Add(-time.Hour-time.Second), from.Add(-1), nil)
	add("LATEST", from.Add(time.Minute), from.Add(50*time.Minute), nil)
	first := noon.Add(-fallbackDays * day).Truncate(day).Add(-longest)
	add("OLDEST", first, from.Add(40*time.Minute), nil)
	add("TOOOLD", first.Add(-time.Second), from.Add(40*time.Minute), nil)
	add("OFDAYS", from.Add(-60*time.Hour), from.Add(39*time.Minute), nil)
	add("OPEN00", from.Add(2*time.Minute), time.Time{}, nil)
	add("DRILL0", from.Add(3*time.Minute), from.Add(4*time.Minute), func(d *incident.Document) { d.Drill = true })
	add("QUEUE0", from.Add(4*time.Minute), from.Add(5*time.Minute), func(d *incident.Document) { d.Series.Database = "queue" })
	add("STATE0", from.Add(5*time.Minute), from.Add(6*time.Minute), nil)
	shown := resolved("STATE0", report.Memory, cause.MemoryHigh, from.Add(5*time.Minute), from.Add(6*time.Minute))
	f.state("main", incident.Incident{ID: shown.ID, Series: shown.Series, Cause: shown.Cause, Severity: shown.Severity, Since: shown.Since, Opened: shown.Opened, Resolved: shown.Resolved})
	for _, tt := range []struct {
		query Query
		want  []string
	}{
		{Query{Range: "1h"}, []string{"LATEST", "OLDEST", "OFDAYS", "QUEUE0", "FIRST0"}},
		{Query{Range: "1h", Database: "cache"}, []string{"LATEST", "OLDEST", "OFDAYS", "FIRST0"}},
		{Query{Range: "1h", Database: "queue"}, []string{"QUEUE0"}},
		{Query{Range: "6h"}, []string{"LATEST", "OLDEST", "OFDAYS", "QUEUE0", "FIRST0", "BEFORE"}},
	} {
		s := f.read(tt.query)
		var got []string
		for _, i := range s.Past {
			got = append(got, strings.TrimPrefix(i.ID, "INC-"))
		}
		// Of two that ended together the one that was opened first comes first.
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: past %v, want %v", tt.query, got, tt.want)
		}
		if n := len(s.Incidents.Resolved); n != map[bool]int{true: 0, false: 1}[tt.query.Database == "queue"] {
			t.Errorf("%+v: Alert's state has %d resolved incidents", tt.query, n)
		}
	}
}

func TestTheFootprintOfOneDatabaseIsItsOwn(t *testing.T) {
	f := newFixture(t, two)
	for database, want := range map[string][]string{"": {"cache", "queue"}, "queue": {"queue"}} {
		var got []string
		for _, one := range f.read(Query{Range: "1h", Database: database}).Monitor.Footprint {
			got = append(got, one.Database)
			if one.Least <= 0 || one.Most < one.Least || one.Upper <= one.Most || (one.Quota > 0) != (one.LeastRatio != nil && one.MostRatio != nil && one.UpperRatio != nil) {
				t.Errorf("the footprint %+v does not add up", one)
			}
			if one.Quota > 0 && (*one.LeastRatio != *ratio(new(float64(one.Least) / float64(one.Quota))) || *one.UpperRatio != *ratio(new(float64(one.Upper) / float64(one.Quota)))) {
				t.Errorf("the shares of %+v are not of its quota", one)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %q the footprints are those of %v", database, got)
		}
	}
}

// Each call of the store fails in turn, and then every call from there on: the answer is
// whole, or names what it lacks and logs it. Without any run and state it is ErrNothing.
func TestAStoreThatFailsAtAnyCallIsNamed(t *testing.T) {
	f := rich(t)
	again := func() { // nothing is kept
		f.Reader = NewReader(f.options)
		f.log.Reset()
	}
	for _, q := range []Query{{Range: "1h"}, {Range: "30d", Database: "cache"}, {Range: "7d"}} {
		again()
		begun := len(f.store.Calls())
		whole := f.read(q)
		calls := f.store.Calls()[begun:]
		if len(calls) < 8 || len(whole.Missing) > 0 {
			t.Fatalf("%+v: %d calls of the store, missing %v", q, len(calls), whole.Missing)
		}
		for n := range calls {
			for _, rest := range []bool{false, true} {
				again()
				i := -1
				f.store.Always(func(storetest.Call) storetest.Fault {
					if i++; i == n || rest && i > n {
						return storetest.Unavailable
					}
					return storetest.None
				})
				what := fmt.Sprintf("%+v: call %d of %d (%v), and all that follow: %v", q, n+1, len(calls), calls[n], rest)
				s, err := f.Read(t.Context(), q)
				if len(s.Missing) == 0 {
					t.Errorf("%s: nothing is missing", what)
				}
				if logged := strings.Count(f.log.String(), "level=WARN msg=\"statistics incomplete\" event=statistics_failed"); logged != len(s.Missing) || !strings.Contains(f.log.String(), "injected fault") {
					t.Errorf("%s: %d log lines for missing %v:\n%s", what, logged, s.Missing, f.log.String())
				}
				// A shard's state, or one run, is something.
				nothing := !slices.ContainsFunc(s.Monitor.Jobs, func(j JobStatus) bool { return !j.LastRun.IsZero() })
				for _, shard := range []string{"main", "other"} {
					nothing = nothing && slices.Contains(s.Missing, "incidents of shard "+shard)
				}
				for _, j := range s.Monitor.Jobs {
					if never := j.State == JobNever; never && slices.ContainsFunc(s.Missing, func(m string) bool {
						return m == "overviews" || strings.HasPrefix(m, "pings") || strings.HasPrefix(m, "readings")
					}) && !slices.Contains(whole.Monitor.Jobs, j) {
						t.Errorf("%s: what was not read is said never to have run: %+v", what, j)
					}
				}
				if errors.Is(err, ErrNothing) != nothing || !nothing && err != nil {
					t.Errorf("%s: error %v with missing %v", what, err, s.Missing)
				}
				f.store.Always(nil)
				if s, err := f.Read(t.Context(), q); err != nil || !cmp.Equal(s, whole) {
					t.Errorf("%s: when the store works again the answer is another one (-want +got): %v\n%s", what, err, cmp.Diff(whole, s))
				}
			}
		}
	}
}

func TestMissingNamesWhatAndWhere(t *testing.T) {
	f := rich(t)
	for key, want := range map[string]string{
		"overviews/v1": "overviews", "days/v1/main": "days of shard main", "hot/v1/main/us-east4": "pings from us-east4 of shard main", "hot/v1/other/europe-west1": "pings from europe-west1 of shard other",
		"gauges/v1/main": "readings of shard main", "state/v1/other": "incidents of shard other", "samples/v1/cache": "samples of cache of shard main",
	} {
		f.Reader = NewReader(f.options)
		f.store.Always(func(c storetest.Call) storetest.Fault {
			if strings.HasPrefix(c.Key, key) {
				return storetest.Unavailable
			}
			return storetest.None
		})
		q := Query{Range: "30d"}
		if strings.HasPrefix(key, "samples") {
			q.Database = "cache"
		}
		if s := f.read(q); !slices.Equal(s.Missing, []string{want}) {
			t.Errorf("without %s missing is %q, want %q", key, s.Missing, want)
		}
	}
	f.store.Always(nil)
	f.put(incident.StateKey("main"), []byte("broken"))
	for database, unread := range map[string][]string{"": {"main"}, "cache": {"main"}, "queue": nil} {
		s := f.read(Query{Range: "1h", Database: database})
		if !slices.Equal(s.Missing, []string{"incidents of shard main"}) || database != "queue" && s.Databases[0].Fallback != nil {
			t.Errorf("with a broken state missing is %q, and the fallback %+v", s.Missing, s.Databases[0].Fallback)
		}
		if !slices.Equal(s.Incidents.Unread, unread) {
			t.Errorf("%q: incidents are unread of %q, want %q", database, s.Incidents.Unread, unread)
		}
	}
}

// A job's run is something, also without Alert's state.
func TestNothingIsNothingOnlyWithoutAnyRun(t *testing.T) {
	f := rich(t)
	for _, tt := range []struct {
		name string
		keep string // the only documents that can be read
		want error
	}{
		{"runs of HealthCheck alone", "hot/", nil},
		{"runs of Metrics alone", "gauges/", nil},
		{"Alert's state alone", "state/", nil},
		{"only documents of incidents", "incidents/", ErrNothing},
	} {
		f.Reader = NewReader(f.options)
		f.store.Always(func(c storetest.Call) storetest.Fault {
			if strings.HasPrefix(c.Key, tt.keep) {
				return storetest.None
			}
			return storetest.Unavailable
		})
		if s, err := f.Read(t.Context(), Query{Range: "1h"}); !errors.Is(err, tt.want) || len(s.Missing) == 0 || len(s.Databases) != 2 {
			t.Errorf("%s: error %v, want %v; missing %v", tt.name, err, tt.want, s.Missing)
		}
	}
}

func TestMarkChangesWithWhatAnAnswerSays(t *testing.T) {
	f := rich(t)
	mark := func() string {
		t.Helper()
		m, err := f.Mark(t.Context())
		f.must(err)
		return m
	}
	last := mark()
	if last != mark() || strings.Count(last, "|") != 2*4 {
		t.Errorf("the mark %q is another one at once, or has not the documents of two shards", last)
	}
	for _, tt := range []struct {
		name   string
		change func()
		same   bool
	}{
		{"within the minute", func() { f.now = f.now.Add(29 * time.Second) }, true},
		{"the next minute", func() { f.now = f.now.Add(time.Second) }, false},
		{"a run from the first region", func() { f.ping("main", east, noon.Add(time.Minute), map[string]report.Sample{"cache": failed}) }, false},
		{"a run from the second region", func() { f.ping("main", west, noon.Add(time.Minute), map[string]report.Sample{"cache": failed}) }, false},
		{"a run in the second shard", func() { f.ping("other", west, noon.Add(time.Minute), map[string]report.Sample{"queue": failed}) }, false},
		{"a run of Metrics", func() { f.reading("main", noon.Add(time.Minute), map[string]report.Reading{"cache": {}}) }, false},
		{"Alert's state", func() { f.state("main") }, false},
		{"Alert's first state of the second shard", func() { f.state("other") }, false},
	} {
		tt.change()
		now := mark()
		if (now == last) != tt.same {
			t.Errorf("%s: the mark stays the same: %v, want %v", tt.name, now == last, tt.same)
		}
		last = now
	}
	begun := len(f.store.Calls())
	mark()
	for n, call := range f.store.Calls()[begun:] {
		i := -1
		f.store.Always(func(storetest.Call) storetest.Fault {
			if i++; i == n {
				return storetest.Unavailable
			}
			return storetest.None
		})
		if m, err := f.Mark(t.Context()); !errors.Is(err, storetest.ErrInjected) || m != "" {
			t.Errorf("without call %d (%v) the mark is %q, %v", n+1, call, m, err)
		}
	}
}
