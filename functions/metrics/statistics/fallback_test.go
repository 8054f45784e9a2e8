package statistics

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestNewFallback(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	of := func(service string, from, to time.Duration) lapse {
		return lapse{Service: service, From: ago(from), To: ago(to), Activations: 1}
	}
	days := func(last string) (out []FallbackDay) {
		for back := range 7 {
			out = append([]FallbackDay{{Date: noon.AddDate(0, 0, -back).Format(time.DateOnly)}}, out...)
		}
		out[6].Activations, out[6].Minutes = strings.Count(last, "+"), float64(len(last)-strings.Count(last, "+"))
		return out
	}
	for _, tt := range []struct {
		name   string
		lapses []lapse
		want   *Fallback
	}{
		{"none", nil, &Fallback{Active: []string{}, Days: days("")}},
		{"one that is on now", []lapse{of("web", 3*time.Minute, 0)}, &Fallback{Active: []string{"web"}, Activations: 1, Minutes: 3, Days: days("+...")}},
		{"one that is over", []lapse{of("web", 3*time.Minute, time.Nanosecond)}, &Fallback{Active: []string{}, Activations: 1, Minutes: 3, Days: days("+...")}},
		{"two at once count twice, their time once", []lapse{of("api", 3*time.Minute, 0), of("web", 2*time.Minute, 0)}, &Fallback{Active: []string{"api", "web"}, Activations: 2, Minutes: 3, Days: days("++...")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, newFallback(tt.lapses, noon)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	yesterday := newFallback([]lapse{{From: noon.Truncate(day).Add(-time.Hour), To: noon.Truncate(day).Add(30*time.Minute + 3*time.Second), Activations: 2}}, noon)
	if got := yesterday.Days[5:]; got[0].Activations != 2 || got[0].Minutes != 60 || got[1].Activations != 0 || got[1].Minutes != 30.1 || yesterday.Minutes != 90.1 {
		t.Errorf("over midnight %+v, want the activations on the first day and minutes to a tenth", got)
	}
}

func TestFallbackJoinsDocumentsAndState(t *testing.T) {
	f := newFixture(t, two)
	f.document(resolved("AAAAAA", report.MockMode, cause.Mock, noon.Add(-5*time.Hour), noon.Add(-4*time.Hour)))
	old := resolved("BBBBBB", report.MockMode, cause.Mock, noon.Add(-2*time.Hour), noon.Add(-time.Hour))
	f.document(old)
	open := old
	open.ID, open.Resolved = noon.Add(-3*time.Hour).Format("20060102T150405Z")+"-CCCCCC", time.Time{}
	open.Series.Subject = "of unknown end"
	f.document(open)
	f.document(resolved("DDDDDD", report.MockMode, cause.Mock, noon.Add(-longest-time.Second), noon.Add(-time.Hour))) // begun too long ago
	f.document(resolved("EEEEEE", report.Memory, cause.MemoryHigh, noon.Add(-time.Hour), noon))
	// Alert's state is newer than the document: it was reopened, and is on.
	f.state("main", incident.Incident{ID: old.ID, Series: old.Series, Cause: cause.Mock, Since: old.Since, Opened: old.Opened, Reopened: 1})
	s := f.read(Query{Range: "1h"})
	got := s.Databases[0].Fallback
	if got == nil || got.Activations != 3 || got.Minutes != 60+120 || !slices.Equal(got.Active, []string{"backend"}) {
		t.Errorf("fallback %+v, want one hour, and one of two hours that was reopened and is on", got)
	}
	if other := s.Databases[1].Fallback; other == nil || other.Activations != 0 || len(other.Days) != 7 {
		t.Errorf("the other shard's database has %+v, want none", other)
	}
}

// An app that was in mock mode for weeks was in mock mode, also after it uses Redis again.
func TestAFallbackOfWeeksIsNotForgottenAtItsEnd(t *testing.T) {
	f := newFixture(t, two)
	f.document(resolved("AAAAAA", report.MockMode, cause.Mock, noon.Add(-20*day), noon.Add(-time.Hour)))
	for _, r := range Ranges() {
		got := f.read(Query{Range: r}).Databases[0].Fallback
		if got.Minutes != 23*60 || got.Days[0].Minutes != 24*60 {
			t.Errorf("%s: fallback %+v, want 23 hours of the last 24 and all of six days ago", r, got)
		}
	}
}

func TestFallbackDocumentsAreReusedForTenMinutes(t *testing.T) {
	f := newFixture(t, two)
	count := func(want int, why string) {
		t.Helper()
		if got := f.read(Query{Range: "1h"}).Databases[0].Fallback.Activations; got != want {
			t.Errorf("%s: %d activations, want %d", why, got, want)
		}
	}
	count(0, "none yet")
	f.document(resolved("AAAAAA", report.MockMode, cause.Mock, noon.Add(-5*time.Hour), noon.Add(-4*time.Hour)))
	f.now = noon.Add(documentsFresh - 1)
	count(0, "it was read lately")
	f.now = noon.Add(documentsFresh)
	count(1, "it was read ten minutes ago")
	f.document(resolved("BBBBBB", report.MockMode, cause.Mock, noon.Add(-3*time.Hour), noon.Add(-2*time.Hour)))
	count(1, "it was read now")
	f.now = noon.Add(documentsFresh - 1)
	count(2, "the clock was set back")
}

func TestDocumentsThatAreBrokenAreNamedEachTime(t *testing.T) {
	f := newFixture(t, two)
	broken := incident.DocumentKey("main", noon.Add(-5*time.Hour).Format("20060102T150405Z")+"-AAAAAA")
	f.put(broken, []byte("broken"))
	f.document(resolved("BBBBBB", report.MockMode, cause.Mock, noon.Add(-3*time.Hour), noon.Add(-2*time.Hour)))
	for range 2 { // although it is read once
		s := f.read(Query{Range: "1h"})
		if s.Databases[0].Fallback == nil || s.Databases[0].Fallback.Activations != 1 || !slices.Equal(s.Missing, []string{"1 past incidents of shard main"}) {
			t.Errorf("missing %q with the fallback %+v, want the rest, and the broken one named", s.Missing, s.Databases[0].Fallback)
		}
	}
}

func TestAFailedReadOfFallbackIsNotKept(t *testing.T) {
	f := newFixture(t, two)
	f.document(resolved("AAAAAA", report.MockMode, cause.Mock, noon.Add(-5*time.Hour), noon.Add(-4*time.Hour)))
	f.store.Always(func(c storetest.Call) storetest.Fault {
		if strings.HasPrefix(c.Key, "incidents/") {
			return storetest.Unavailable
		}
		return storetest.None
	})
	s := f.read(Query{Range: "1h"})
	if s.Databases[0].Fallback != nil || !slices.Contains(s.Missing, "past incidents of shard main") {
		t.Errorf("fallback %+v, missing %q; want none, said so", s.Databases[0].Fallback, s.Missing)
	}
	f.store.Always(nil)
	if got := f.read(Query{Range: "1h"}).Databases[0].Fallback; got == nil || got.Activations != 1 {
		t.Errorf("after the store works again the fallback is %+v", got)
	}
}
