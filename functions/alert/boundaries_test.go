package alert

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestNewSaysWhatIsMissing(t *testing.T) {
	c := parse(t, document)
	memory := storetest.NewMemory(time.Now)
	for want, o := range map[string]Options{
		"making Alert: Config is missing":                                               {Store: memory, Receivers: map[string]message.Receiver{}},
		"making Alert: Store is missing":                                                {Config: c, Receivers: map[string]message.Receiver{}},
		"making Alert: Receivers is missing, want a map by address, which may be empty": {Config: c, Store: memory},
	} {
		if _, err := New(o); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Every write carries a counter and its owner, so that a lost answer can be told from a
// write that never was.
func TestEveryWriteIsCountedAndOwned(t *testing.T) {
	w := newWorld(t, nil)
	passed := w.points()
	collect, committed := w.f.options.Observe, ""
	w.f.options.Observe = func(p Point) {
		collect(p)
		if p != Committed {
			return
		}
		s := w.state() // nothing is sent yet, so that no one else writes
		if committed = s.Owner; s.Counter != 1 || committed == "" {
			t.Errorf("write %d by %q, want the first, by someone", s.Counter, s.Owner)
		}
	}
	w.minute(cause.AuthInvalid)
	if s := w.state(); s.Counter < 2 || s.Owner != "" || committed == "" {
		t.Errorf("after the record write %d by %q, want a later one by no one", s.Counter, s.Owner)
	}
	points := passed()
	if want := []Point{Got, Stepped, Claimed, Committing, Committed}; !slices.Equal(points[:5], want) {
		t.Errorf("points %v, want %v first", points, want)
	}
	for _, p := range []Point{Sending, Sent, Recorded} {
		if !slices.Contains(points, p) {
			t.Errorf("points %v lack %s", points, p)
		}
	}
}

func TestTheKeyOfAStateThatIsSetAside(t *testing.T) {
	w := newWorld(t, nil)
	key, err := w.f.setAside(t.Context(), "main", store.Doc{Version: "2026-11-22T12:00:00.123Z/azAZ09@[`{"})
	if want := "aside/v1/main/2026-11-22T12-00-00-123Z-azAZ09----"; err != nil || key != want {
		t.Errorf("key %q, want %q; %v", key, want, err)
	}
	again, err := w.f.setAside(t.Context(), "main", store.Doc{Version: "2026-11-22T12:00:00.123Z/azAZ09@[`{"})
	if err != nil || again != key {
		t.Errorf("once more: %q, %v", again, err)
	}
	w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	if _, err := w.f.setAside(t.Context(), "main", store.Doc{Version: "1"}); err == nil {
		t.Error("a state that could not be kept passes for kept")
	}
}

// A shard that is gone from the configuration is found by its state, for which the store
// is asked once an hour.
func TestStoredShardsAreRemembered(t *testing.T) {
	w := newWorld(t, nil)
	put := func(shard string) {
		if _, err := w.memory.Put(t.Context(), store.Doc{Key: incident.StateKey(shard), Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, w.f.storedShards(t.Context())); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", w.clock.Now(), diff)
		}
	}
	put("one")
	read("one")
	put("two")
	w.clock.Add(storedFor - 1)
	read("one")
	w.clock.Add(1)
	read("one", "two")
	w.clock.Add(storedFor)
	w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	read("one", "two") // reading the states fails as well, and that is reported
}

func TestASignalThatCannotBeAppliedIsAskedForAgain(t *testing.T) {
	w := newWorld(t, nil)
	m, err := report.Encode(report.Signal{ID: "1", Source: report.SourceEvent, Service: "backend", Mode: report.Activated, At: noon})
	if err != nil {
		t.Fatal(err)
	}
	w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	if code := w.push(m); code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", code)
	}
	w.faulty.Always(nil)
	if code := w.push(m); code != http.StatusOK {
		t.Errorf("status %d, want 200", code)
	}
	w.wantTold("opened") // it was not taken for a repetition
}

func TestARepetitionIsDroppedForTenSeconds(t *testing.T) {
	w := newWorld(t, nil)
	on := report.Signal{Source: report.SourceEvent, Service: "backend", Database: "a", Mode: report.Activated}
	off := on
	off.Mode = report.Deactivated
	worker := on
	worker.Service = "worker"
	for _, tt := range []struct {
		name  string
		after time.Duration
		sig   report.Signal
		want  bool
	}{
		{"the first", 0, on, false},
		{"the same at once", 0, on, true},
		{"the same a little sooner than ten seconds later", signalQuiet - 1, on, true},
		{"after them", 1, on, false},
		{"the opposite", 0, off, false},
		{"which was not said before", 0, on, false},
		{"another service's", 0, worker, false},
	} {
		w.clock.Add(tt.after)
		if got := w.f.repeats(tt.sig); got != tt.want {
			t.Errorf("%s: repeats %t", tt.name, got)
		}
	}
}

// What the report's own run has confirmed is told without a store; nothing else is.
func TestConfirmed(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*report.Observation)
		want bool
	}{
		{"a ping that was tried again", func(*report.Observation) {}, true},
		{"one that was not, though it may pass", func(o *report.Observation) { o.Attempts = 1 }, false},
		{"one that trying again cannot change", func(o *report.Observation) { o.Attempts, o.Cause = 1, cause.AuthInvalid }, true},
		{"an app in mock mode", func(o *report.Observation) { o.Check, o.Cause, o.Attempts = report.MockMode, cause.Mock, 1 }, true},
		{"another check", func(o *report.Observation) { o.Check = report.Write }, false},
		{"a warning", func(o *report.Observation) { o.Status = report.Warn }, false},
		{"a cause that pages no one", func(o *report.Observation) { o.Cause = cause.Slow }, false},
	} {
		o := report.Observation{Check: report.Ping, Status: report.Fail, Cause: cause.TimeoutResponse, Attempts: 2}
		tt.edit(&o)
		if got := len(confirmed(report.Report{Observations: []report.Observation{o}})) == 1; got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func TestWhoIsToldWithoutAStore(t *testing.T) {
	c := parse(t, document)
	c.Routes[0].Severities = []cause.Severity{cause.SeverityCritical}
	c.Routes[0].Fallback = []string{"mail"}
	w := newWorld(t, func(o *Options) { o.Config = c })
	to, fallbacks := w.f.criticalReceivers("main", []report.Observation{{Database: "b"}, {Database: "a"}})
	if diff := cmp.Diff([][]string{{"slack"}, {"mail/x@example.com"}}, [][]string{to, fallbacks}); diff != "" {
		t.Errorf("receivers and fallbacks (-want +got):\n%s", diff)
	}
}

// Producers' times enter in whole milliseconds of UTC.
func TestTimesAreTruncatedWhereTheyEnter(t *testing.T) {
	zone := time.FixedZone("", 3600)
	rough, fine := noon.Add(1234567*time.Nanosecond).In(zone), noon.Add(time.Millisecond)
	in := Input{
		Report:  &report.Report{Scheduled: rough, Observations: []report.Observation{{At: rough}}},
		Command: &report.Command{At: rough}, Signal: &report.Signal{At: rough},
	}
	out := in.truncated()
	for what, got := range map[string]time.Time{
		"a run": out.Report.Scheduled, "an observation": out.Report.Observations[0].At, "a command": out.Command.At, "a signal": out.Signal.At,
	} {
		if got != fine {
			t.Errorf("%s: %v, want %v", what, got, fine)
		}
	}
	if in.Report.Scheduled != rough || in.Report.Observations[0].At != rough || in.Command.At != rough || in.Signal.At != rough {
		t.Error("the argument is changed")
	}
}

func TestHomeIsTheFirstThatIsConfigured(t *testing.T) {
	for _, tt := range []struct{ regions, home, want string }{
		{"regions: [eu, us]", "", "eu"}, {"regions: [eu, us]", "home: us", "us"}, {"", "", ""},
	} {
		c := parse(t, tt.regions+"\n"+tt.home+"\ndatabases: [{name: a, url: 'https://a.upstash.io', token: 'sm://projects/p/secrets/a'}]\n")
		p := policy.Of(c, "main")
		if got := p.Databases["a"].Home; got != tt.want {
			t.Errorf("%q %q: home %q, want %q", tt.regions, tt.home, got, tt.want)
		}
		if len(p.Jobs) < 2 || tt.regions == "" && p.Jobs[1].Region != "" {
			t.Errorf("%q: jobs %+v", tt.regions, p.Jobs)
		}
	}
}
