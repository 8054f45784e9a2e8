package statistics

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestJudge(t *testing.T) {
	const late = 5 * time.Minute
	ping := func(age time.Duration, s report.Status, c cause.Cause) *Ping {
		return &Ping{At: noon.Add(-age), Status: s, Cause: string(c)}
	}
	open := func(database string, c report.Check, severity cause.Severity, why cause.Cause) incidents.Incident {
		return incidents.Incident{Database: database, Check: c, Severity: severity, Cause: why}
	}
	ok := ping(0, report.OK, "")
	down := open("cache", report.Ping, cause.SeverityCritical, cause.AuthInvalid)
	degraded := open("cache", report.Memory, cause.SeverityWarning, cause.MemoryHigh)
	mock := open("cache", report.MockMode, cause.SeverityCritical, cause.Mock)
	for _, tt := range []struct {
		name  string
		last  *Ping
		open  []incidents.Incident
		word  Word
		cause cause.Cause
	}{
		{"no ping is no data", nil, nil, NoData, ""},
		{"a good ping", ok, nil, Connected, ""},
		{"a slow one", ping(0, report.Warn, cause.Slow), nil, Degraded, cause.Slow},
		{"a failed one", ping(0, report.Fail, cause.TCPRefused), nil, Down, cause.TCPRefused},
		{"one that says nothing", ping(0, report.Unknown, cause.Unknown), nil, NoData, ""},
		{"one that is just late enough to count", ping(late, report.OK, ""), nil, Connected, ""},
		{"one that is too late", ping(late+1, report.OK, ""), nil, NoData, ""},
		{"a critical incident", ok, []incidents.Incident{down}, Down, cause.AuthInvalid},
		{"a warning", ok, []incidents.Incident{degraded}, Degraded, cause.MemoryHigh},
		{"an incident that is for information", ok, []incidents.Incident{open("cache", report.Eviction, cause.SeverityInfo, cause.MemoryHigh)}, Degraded, cause.MemoryHigh},
		{"mock mode has its own word", ok, []incidents.Incident{mock}, Mock, cause.Mock},
		{"an open limiter leaves Redis usable", ok, []incidents.Incident{open("cache", report.Limiter, cause.SeverityCritical, cause.LimiterOpen)}, Degraded, cause.LimiterOpen},
		{"so does memory that is nearly full", ok, []incidents.Incident{open("cache", report.Memory, cause.SeverityCritical, cause.MemoryHigh)}, Degraded, cause.MemoryHigh},
		{"and a pause of writes", ok, []incidents.Incident{open("cache", report.Write, cause.SeverityCritical, cause.WritePaused)}, Degraded, cause.WritePaused},
		{"a full database does not", ok, []incidents.Incident{open("cache", report.Write, cause.SeverityCritical, cause.StorageFull)}, Down, cause.StorageFull},
		{"the worst of several", ok, []incidents.Incident{degraded, mock, down}, Down, cause.AuthInvalid},
		{"in any order", ok, []incidents.Incident{down, mock, degraded}, Down, cause.AuthInvalid},
		{"the first of equals", ping(0, report.Fail, cause.TCPRefused), []incidents.Incident{down}, Down, cause.TCPRefused},
		{"without a ping an incident says more", nil, []incidents.Incident{degraded}, Degraded, cause.MemoryHigh},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Database{Name: "cache", Regions: []Region{{Last: tt.last}}}
			d.judge(tt.open, noon, late)
			title := ""
			if tt.cause != "" {
				title = tt.cause.Info().Title
			}
			if d.Status != tt.word || d.Cause != tt.cause || d.Title != title {
				t.Errorf("judge() = %s, %q, %q; want %s, %q, %q", d.Status, d.Cause, d.Title, tt.word, tt.cause, title)
			}
		})
	}
}

func TestWordsForPeople(t *testing.T) {
	var got []string
	for _, w := range Words() {
		got = append(got, w.String())
	}
	if want := []string{"down", "mock mode", "degraded", "no data", "connected"}; !slices.Equal(got, want) {
		t.Errorf("from the worst on the words are %q, want %q", got, want)
	}
	of := func(words ...Word) *Statistics {
		s := &Statistics{}
		for _, w := range words {
			s.Databases = append(s.Databases, Database{Status: w})
		}
		return s
	}
	for want, s := range map[Word]*Statistics{
		NoData: of(), Connected: of(Connected, Connected), Degraded: of(Connected, Degraded, NoData), Down: of(Mock, Down, Degraded), Mock: of(Degraded, Mock),
	} {
		if got := s.Worst(); got != want {
			t.Errorf("the worst of %+v is %s, want %s", s.Databases, got, want)
		}
	}
}

func TestShown(t *testing.T) {
	d := Database{Regions: []Region{{Region: west}, {Region: east}}}
	for region, want := range map[string]string{"": west, east: east, west: west, "mars": west} {
		if got := d.Shown(region).Region; got != want {
			t.Errorf("Shown(%q) = %s, want %s", region, got, want)
		}
	}
}

// The configuration pings each minute; what is missing for three intervals and two minutes is late.
func TestJobs(t *testing.T) {
	const limit = 5 * time.Minute
	for _, tt := range []struct {
		name  string
		age   time.Duration // of the last ping from the east
		state JobState
	}{
		{"a run of now", 0, JobOK},
		{"one that is just recent enough", limit, JobOK},
		{"one that is late", limit + time.Second, JobLate},
		{"one of the hour before", 70 * time.Minute, JobLate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, two)
			f.now = noon.Truncate(time.Minute)
			f.ping("main", east, f.now.Add(-tt.age-time.Minute), map[string]report.Sample{"cache": good(5)})
			f.ping("main", east, f.now.Add(-tt.age), map[string]report.Sample{"cache": good(5)})
			f.reading("main", f.now.Add(-5*time.Minute), map[string]report.Reading{"cache": {}})
			s := f.read(Query{Range: "1h"})
			want := []JobStatus{
				{Job: report.HealthCheck, Shard: "main", Region: east, State: tt.state, LastRun: f.now.Add(-tt.age), LagMS: 1000, EverySeconds: 60, LateAfterSeconds: 300},
				{Job: report.HealthCheck, Shard: "main", Region: west, State: JobNever, EverySeconds: 60, LateAfterSeconds: 300},
				{Job: report.Metrics, Shard: "main", Region: east, State: JobOK, LastRun: f.now.Add(-5 * time.Minute), LagMS: 2000, EverySeconds: 300, LateAfterSeconds: 1020},
				{Job: report.HealthCheck, Shard: "other", Region: east, State: JobNever, EverySeconds: 60, LateAfterSeconds: 300},
				{Job: report.HealthCheck, Shard: "other", Region: west, State: JobNever, EverySeconds: 60, LateAfterSeconds: 300},
				{Job: report.Metrics, Shard: "other", State: JobNever, EverySeconds: 300, LateAfterSeconds: 1020},
			}
			if diff := cmp.Diff(want, s.Monitor.Jobs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if s.Monitor.Status != JobLate {
				t.Errorf("the monitor is %s although jobs never ran", s.Monitor.Status)
			}
		})
	}
}

// A damaged hour may have the last run only where no later one is known, whatever the range.
func TestADamagedHourDoesNotHideADeadJob(t *testing.T) {
	for _, tt := range []struct {
		damaged time.Duration // before noon
		want    JobState
	}{{5 * time.Hour, JobLate}, {time.Hour, JobUnknown}} {
		f := newFixture(t, two)
		for back := 6; back > 0; back-- {
			at := noon.Truncate(time.Hour).Add(-time.Duration(back) * time.Hour)
			if back > 2 || tt.damaged == time.Duration(back)*time.Hour {
				f.ping("main", west, at, map[string]report.Sample{"cache": good(5)})
			}
		}
		f.put("hot/v1/main/"+west+"/"+noon.Add(-tt.damaged).Format("2006-01-02T15"), []byte("damaged"))
		for _, r := range []string{"1h", "24h", "7d"} {
			for _, j := range f.read(Query{Range: r}).Monitor.Jobs {
				if j.Shard == "main" && j.Region == west && j.State != tt.want {
					t.Errorf("%s damaged %v ago: %+v, want %s", r, tt.damaged, j, tt.want)
				}
			}
		}
	}
}

func TestTheMonitorIsWellWhereAllJobsAre(t *testing.T) {
	f := newFixture(t, "databases: [{name: cache, url: \"https://a.upstash.io\", token: \"sm://projects/p/secrets/a\"}]\n")
	f.ping("main", "here", f.now.Truncate(time.Minute), map[string]report.Sample{"cache": good(5)})
	f.reading("main", f.now.Truncate(time.Minute), map[string]report.Reading{"cache": {}})
	if s := f.read(Query{Range: "1h"}); s.Monitor.Status != JobOK || len(s.Monitor.Jobs) != 2 || s.Databases[0].Status != Connected {
		t.Errorf("the monitor is %+v, want it well", s.Monitor)
	}
}

func TestHomeComesFirst(t *testing.T) {
	for _, tt := range []struct {
		name, home string
		want       []string
	}{
		{"a home of the configured regions", "home: europe-west1", []string{west, east}},
		{"the first region", "home: us-east4", []string{east, west}},
		{"no home is the first region", "plan: free", []string{east, west}},
	} {
		f := newFixture(t, "regions: [us-east4, europe-west1]\ndatabases: [{name: cache, url: \"https://a.upstash.io\", token: \"sm://projects/p/secrets/a\", "+tt.home+"}]\n")
		d := f.read(Query{Range: "1h"}).Databases[0]
		var got []string
		for _, r := range d.Regions {
			got = append(got, r.Region)
		}
		if !slices.Equal(got, tt.want) || d.Home != tt.want[0] {
			t.Errorf("%s: home is %s of %v, want the first of %v", tt.name, d.Home, got, tt.want)
		}
	}
	// A shard's own regions need not have the database's home.
	f := newFixture(t, two)
	f.config.Databases[0].Home = "mars"
	if d := f.read(Query{Range: "1h"}).Databases[0]; d.Home != east || len(d.Regions) != 2 || !slices.Equal(f.config.Regions, []string{east, west}) {
		t.Errorf("home is %s of %d regions, the configuration's are %v", d.Home, len(d.Regions), f.config.Regions)
	}
}

// past writes a run every hour of three days, each day with as many failures from home
// as its number, compacts the first day, and reads shortly after midnight of the fourth.
func past(t *testing.T) (f *fixture, first time.Time) {
	t.Helper()
	f = newFixture(t, two)
	first = noon.Truncate(day).Add(-3 * day)
	for i := range 3 * 24 {
		at := first.Add(time.Duration(i) * time.Hour)
		s := good(float64(10 * (1 + i/24)))
		switch in := i % 24; {
		case in < 1+i/24:
			s = failed
		case in == 10:
			s.Status = report.Unknown
		case in == 11:
			s.Status = report.Warn
		}
		f.ping("main", west, at, map[string]report.Sample{"cache": s})
		f.ping("main", east, at, map[string]report.Sample{"cache": failed})
	}
	f.compact("main", first)
	f.now = first.Add(3*day + time.Minute)
	return f, first
}

func TestUptimeIsOfTheHomeRegionFromDaysAndFromSamples(t *testing.T) {
	f, first := past(t)
	// Today is the fourth day, which has no pings yet.
	byDay := ByDay{From: first.AddDate(0, 0, -26).Format(time.DateOnly), Good: make([]int, 30), Failed: make([]int, 30)}
	none := ByDay{From: byDay.From, Good: make([]int, 30), Failed: make([]int, 30)}
	copy(byDay.Good[26:], []int{22, 21, 20})
	copy(byDay.Failed[26:], []int{1, 2, 3})
	want := Uptime{Days: 30, From: first, Good: 3*24 - 6 - 3, Failed: 6, Availability: new(63. / 69), Objective: 0.999, BudgetLeft: new(-7.69767), ByDay: byDay}
	for _, r := range Ranges() {
		if diff := cmp.Diff(want, f.read(Query{Range: r}).Databases[0].Uptime); diff != "" {
			t.Errorf("asked for %s (-want +got):\n%s", r, diff)
		}
	}
	empty := f.read(Query{Range: "1h"}).Databases[1].Uptime
	if diff := cmp.Diff(Uptime{Days: 30, Objective: 0.999, ByDay: none}, empty); diff != "" {
		t.Errorf("of no pings (-want +got):\n%s", diff)
	}
	f.config.Databases[0].Objective = 1
	if u := f.read(Query{Range: "1h"}).Databases[0].Uptime; u.BudgetLeft != nil || u.Availability == nil {
		t.Errorf("an objective without failures has the budget %v", u.BudgetLeft)
	}
}

func TestUptimeIsOfThirtyDays(t *testing.T) {
	f := newFixture(t, two)
	today := noon.Truncate(day)
	for _, back := range []int{30, 29, 3} {
		at := today.AddDate(0, 0, -back)
		f.ping("main", west, at, map[string]report.Sample{"cache": failed})
		f.compact("main", at)
	}
	f.ping("main", west, today, map[string]report.Sample{"cache": failed})
	f.ping("main", west, noon.Truncate(time.Minute), map[string]report.Sample{"cache": failed})
	if u := f.read(Query{Range: "1h"}).Databases[0].Uptime; u.Failed != 4 || *u.Availability != 0 {
		t.Errorf("uptime %+v, want two failures of today, that of three days ago and that of 29, not that of 30", u)
	}
}

// After a long gap there is one day of data, and a failure in it does not overspend a month.
func TestUptimeAfterAGapIsOfTheDaysSince(t *testing.T) {
	f := newFixture(t, two)
	f.ping("main", west, noon.AddDate(0, 0, -50), map[string]report.Sample{"cache": good(10)})
	f.now = noon.AddDate(0, 0, -50).Add(2 * time.Hour)
	_, err := f.archive.Renew(t.Context(), history.Compaction{Shard: "main", Regions: []string{west}}, f.now)
	f.must(err)
	f.now = noon
	for minute := range 24 {
		s := good(10)
		if minute == 3 {
			s = failed
		}
		f.ping("main", west, noon.Truncate(time.Minute).Add(time.Duration(minute-24)*time.Minute), map[string]report.Sample{"cache": s})
	}
	u := f.read(Query{Range: "1h"}).Databases[0].Uptime
	if !u.From.Equal(noon.Truncate(day)) || u.Good != 23 || u.Failed != 1 || *u.BudgetLeft < 0 {
		t.Errorf("uptime from %v, %d good, %d failed, %v of the budget left; want all of today", u.From, u.Good, u.Failed, *u.BudgetLeft)
	}
}

// A day may be compacted late, while its hours are kept and two days longer.
func TestADayThatIsCompactedLateIsFound(t *testing.T) {
	f := newFixture(t, two)
	f.ping("main", west, noon.AddDate(0, 0, -4), map[string]report.Sample{"cache": failed})
	for _, want := range []int{0, 1} {
		if u := f.read(Query{Range: "1h"}).Databases[0].Uptime; u.Failed != want {
			t.Errorf("%d failures, want %d", u.Failed, want)
		}
		f.compact("main", noon.AddDate(0, 0, -4))
	}
}

// The hours of a day that was not compacted are read for as long as they are kept: three days.
func TestDaysThatAreNotCompactedCountWhileTheirHoursAreKept(t *testing.T) {
	f := newFixture(t, two)
	midnight := noon.Truncate(day)
	for back := range 5 {
		f.ping("main", west, midnight.AddDate(0, 0, -back), map[string]report.Sample{"cache": failed})
	}
	for _, tt := range []struct {
		name      string
		now       time.Time
		compacted int // so many days ago; none for 0
		want      int
	}{
		{"three whole days at midnight", midnight, 0, 4},
		{"a moment later the first hour is still kept", midnight.Add(time.Second), 0, 4},
		{"an hour later it is gone", midnight.Add(time.Hour), 0, 3},
		{"those before a compacted one count as well, and it is counted itself", midnight.Add(time.Hour), 1, 3},
	} {
		if tt.compacted > 0 {
			f.compact("main", midnight.AddDate(0, 0, -tt.compacted))
		}
		f.Reader = NewReader(f.options)
		f.now = tt.now
		if u := f.read(Query{Range: "1h"}).Databases[0].Uptime; u.Failed != tt.want {
			t.Errorf("%s: %d failures, want %d", tt.name, u.Failed, tt.want)
		}
	}
}

func TestAMonthOfAllDatabasesIsDays(t *testing.T) {
	f, first := past(t)
	r := f.read(Query{Range: "30d"}).Databases[0].Regions[0]
	if r.Samples != 3*24 || r.Good != 63 || r.Failed != 6 || r.Unknown != 3 || *r.Availability != 63./69 || *r.Max != 30 {
		t.Errorf("the month is %+v, want its days added up", r.Summary)
	}
	if r.P50 != nil || r.P95 != nil || r.P99 != nil {
		t.Errorf("the month has percentiles of percentiles: %+v", r.Summary)
	}
	s := r.Series
	if n := len(s.P50); n != 31 || s.StepSeconds != 86400 || s.P95 != nil || s.P99 != nil || s.Unknown != nil {
		t.Fatalf("the series has %d points of %d s: %+v", n, s.StepSeconds, s)
	}
	if diff := cmp.Diff([]any{"–", 10.0, 20.0, 30.0, "–"}, values(s.P50[26:])); diff != "" || !s.From.Equal(first.Add(-27*day)) {
		t.Errorf("from %v the last medians are (-want +got):\n%s", s.From, diff)
	}
	if !slices.Equal(s.Good[26:], []int{0, 22, 21, 20, 0}) || !slices.Equal(s.Failed[26:], []int{0, 1, 2, 3, 0}) {
		t.Errorf("the days' pings are %v good and %v failed", s.Good[26:], s.Failed[26:])
	}
	// A week that begins in a day takes the whole day, and none before it.
	f.now = first.Add(8*day - 1)
	if r := f.read(Query{Range: "7d"}).Databases[0].Regions[0]; r.Samples != 24 || r.Series.Good[0] != 22 {
		t.Errorf("the week has %d samples, want those of its first day, whose hours are gone", r.Samples)
	}
	f.now = f.now.Add(1)
	if r := f.read(Query{Range: "7d"}).Databases[0].Regions[0]; r.Samples != 0 {
		t.Errorf("a moment later the week has %d samples of the day before it", r.Samples)
	}
}

func TestAMonthOfOneDatabaseIsItsSamples(t *testing.T) {
	f, _ := past(t)
	r := f.read(Query{Range: "30d", Database: "cache"}).Databases[0].Regions[0]
	if r.Samples != 3*24 || *r.P50 != 20 || *r.P95 != 30 || *r.P99 != 30 || *r.Max != 30 {
		t.Errorf("the month is %+v, want exact percentiles", r.Summary)
	}
	if n := len(r.Series.P50); n != 121 || r.Series.StepSeconds != 6*3600 || len(r.Series.P95) != 121 {
		t.Errorf("the series has %d points of %d s", n, r.Series.StepSeconds)
	}
	// The hours of a compacted day are read where the window touches them, and its samples are not.
	if r := f.read(Query{Range: "24h", Database: "cache"}).Databases[0].Regions[0]; r.Samples != 24 || r.Failed != 3 || *r.P50 != 30 || r.Series.DNS == nil {
		t.Errorf("the day is %+v, want its hours", r.Summary)
	}
}
