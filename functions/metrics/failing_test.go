package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

var errDown = errors.New("out of order")

// faultyTopic refuses everything while it has an error.
type faultyTopic struct {
	*topic
	err error
}

func (t *faultyTopic) Publish(ctx context.Context, m report.Message) error {
	if t.err != nil {
		return t.err
	}
	return t.topic.Publish(ctx, m)
}

func logged(log *bytes.Buffer) func(*metrics.Options) {
	return func(o *metrics.Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) }
}

// post makes a run, and returns its answer whatever that is.
func (x *fixture) post(t *testing.T, minutes int) *httptest.ResponseRecorder {
	t.Helper()
	*x.now = eight.Add(time.Duration(minutes)*time.Minute + 2*time.Second)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{"shard":"main"}`))
	r.Header.Set("X-CloudScheduler-ScheduleTime", eight.Add(time.Duration(minutes)*time.Minute).Format(time.RFC3339))
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	return w
}

func TestAReportThatIsNotPublishedIsNoSuccess(t *testing.T) {
	var log bytes.Buffer
	broken := &faultyTopic{err: errDown}
	x := newFixture(t, "", logged(&log), func(o *metrics.Options) { broken.topic = o.Reports.(*topic); o.Reports = broken })
	if w := x.post(t, 0); w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s, want 503", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), `level=ERROR msg="report not published" event=publish_failed`) || !strings.Contains(log.String(), errDown.Error()) {
		t.Errorf("the log does not say so:\n%s", &log)
	}
	if _, ok, err := history.New(x.store).LastReadings(t.Context(), "main", eight); ok || err != nil {
		t.Errorf("a run that was not published is in history: %v %v", ok, err)
	}
	broken.err = nil
	if w := x.post(t, 0); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "repeated") || len(x.reports.reports) != 1 {
		t.Errorf("the next attempt is answered %d %s with %d reports", w.Code, w.Body, len(x.reports.reports))
	}
}

// Each call of the store fails in turn, in the run that also compacts the day before. The
// report is published all the same; the log says what failed, and the next run does it.
func TestARunWithAStoreThatFailsAtAnyCall(t *testing.T) {
	const midnight = 4*60 + 10
	start := func() (*fixture, *bytes.Buffer) {
		log := &bytes.Buffer{}
		x := newFixture(t, "", logged(log))
		a := history.New(x.store)
		run := history.Run{Scheduled: eight, Started: eight, Region: region}
		if err := a.AppendPings(t.Context(), "main", run, map[string]report.Sample{"cache": {At: eight, Status: report.OK}}); err != nil {
			t.Fatal(err)
		}
		if err := a.AppendReadings(t.Context(), "main", run, map[string]report.Reading{"cache": {At: eight}}); err != nil {
			t.Fatal(err)
		}
		return x, log
	}
	x, log := start()
	begun := len(x.store.Calls())
	if w := x.post(t, midnight); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"recorded":true`) || log.Len() > 0 {
		t.Fatalf("answered %d %s, logged %s", w.Code, w.Body, log)
	}
	calls := x.store.Calls()[begun:]
	if len(calls) < 10 {
		t.Fatalf("%d calls of the store", len(calls))
	}
	kinds := map[string]int{}
	for n := range calls {
		for _, fault := range []storetest.Fault{storetest.Unavailable, storetest.LostAnswer} {
			x, log := start()
			i := -1
			x.store.Always(func(storetest.Call) storetest.Fault {
				if i++; i == n {
					return fault
				}
				return storetest.None
			})
			what := fmt.Sprintf("call %d of %d (%v), lost: %v", n+1, len(calls), calls[n], !fault.Skip)
			w := x.post(t, midnight)
			x.store.Always(nil)
			if w.Code != http.StatusOK || len(x.reports.reports) != 1 {
				t.Errorf("%s: answered %d %s with %d reports", what, w.Code, w.Body, len(x.reports.reports))
			}
			recorded := strings.Contains(w.Body.String(), `"recorded":true`)
			_, there, err := history.New(x.store).LastReadings(t.Context(), "main", *x.now)
			if err != nil || recorded && !there {
				t.Errorf("%s: the answer says that the run was recorded: %v; it is there: %v, %v", what, recorded, there, err)
			}
			events := 0
			for _, event := range []string{"history_failed", "compaction_failed"} {
				if strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), "event="+event) {
					events++
					kinds[event]++
				}
			}
			if events == 0 && calls[n].Op != storetest.Put {
				t.Errorf("%s: nothing is logged", what)
			}
			// A Put is tried again, and may succeed then.
			if done, err := history.New(x.store).Compacted(t.Context(), "main", eight); events == 0 && (!recorded || !there || !done || err != nil) {
				t.Errorf("%s: nothing is logged; recorded: %v, there: %v, compacted: %v", what, recorded, there, done)
			}
			if w := x.post(t, midnight+5); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"recorded":true`) {
				t.Errorf("%s: the next run is answered %d %s", what, w.Code, w.Body)
			}
			if done, err := history.New(x.store).Compacted(t.Context(), "main", eight); !done || err != nil {
				t.Errorf("%s: after the next run the day is not compacted: %v", what, err)
			}
		}
	}
	if kinds["history_failed"] == 0 || kinds["compaction_failed"] == 0 {
		t.Errorf("the faults show as %v, want both", kinds)
	}
}

// What the month has cost adds up over history. Each hour that cannot be read leaves it unknown.
func TestCommandsAreUnknownWithoutHistory(t *testing.T) {
	ranges := 0
	for n := 0; n == 0 || n < ranges; n++ {
		x := newFixture(t, "")
		x.run(t, -130)
		x.run(t, -65)
		x.redis.calls.Store(0)
		ranges = 0
		x.store.Always(func(c storetest.Call) storetest.Fault {
			if x.redis.calls.Load() == 0 && (c.Op == storetest.Range && strings.HasPrefix(c.Key, "gauges/") || strings.HasPrefix(c.Key, "overviews/")) {
				if ranges++; ranges == n+1 {
					return storetest.Unavailable
				}
			}
			return storetest.None
		})
		if got := x.run(t, 0)[report.Commands]; got.Status != report.Unknown || got.Cause != cause.MonitorStore {
			t.Errorf("without hours %d: commands = %+v, want unknown of the store", n+1, got)
		}
	}
	if ranges != 7 {
		t.Errorf("%d reads of history, want the overview, those of all shards because the month is not known, the last hour and four earlier ones", ranges)
	}
}

func TestARunThatTookLongIsNotFollowedByCompaction(t *testing.T) {
	for _, tt := range []struct {
		took time.Duration
		want bool
	}{{8 * time.Second, true}, {8*time.Second + 1, false}} {
		x := newFixture(t, "")
		x.fill(t, 5)
		slow := time.Duration(0)
		x.store.Always(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.Put && strings.HasPrefix(c.Key, "gauges/") { // the run's end
				*x.now = x.now.Add(slow)
				slow = 0
			}
			return storetest.None
		})
		slow = tt.took
		x.post(t, 4*60+10)
		if done, err := history.New(x.store).Compacted(t.Context(), "main", eight); done != tt.want || err != nil {
			t.Errorf("after a run of %v the day is compacted: %v, want %v (%v)", tt.took, done, tt.want, err)
		}
	}
}

func TestCredentialsThatCannotBeReadAreNoGoodResult(t *testing.T) {
	for name, resolve := range map[string]func() error{
		"the secret's source is down": func() error { return secrets.ErrUnavailable },
		"access is denied":            func() error { return secrets.ErrDenied },
		"it panics":                   func() error { panic("sesame") },
	} {
		var log bytes.Buffer
		x := newFixture(t, "", logged(&log), func(o *metrics.Options) {
			o.Resolve = func(context.Context, *config.Database, bool) (config.Credentials, error) {
				return config.Credentials{}, resolve()
			}
		})
		got := x.run(t, 0)
		for _, c := range []report.Check{report.Memory, report.HitRate, report.Eviction, report.Write} {
			if o := got[c]; o.Status != report.Unknown || o.Cause == "" {
				t.Errorf("%s: %s = %+v, want unknown with a cause", name, c, o)
			}
		}
		if n := x.redis.calls.Load(); n != 0 {
			t.Errorf("%s: %d requests without credentials", name, n)
		}
		if name == "it panics" && (got[report.Memory].Cause != cause.MonitorPanic || got[report.Monitor].Cause != cause.MonitorPanic || strings.Contains(fmt.Sprint(got), "sesame") || strings.Contains(log.String(), "sesame")) {
			t.Errorf("%s: %+v, want the panic without its value", name, got[report.Memory])
		}
	}
}

// A proof is signed with the keys of ProofKeys. Without them it is not known, and not good.
func TestProofKeysThatCannotBeReadAreNoProof(t *testing.T) {
	asked := 0
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(app.Close)
	for name, keys := range map[string]check.Keys{
		"they cannot be read": func(context.Context) ([]signature.Key, error) {
			return nil, &check.Problem{Cause: cause.MonitorSecretUnavailable, Evidence: "reading proof_key"}
		},
		"there are none": nil,
	} {
		x := newFixture(t, "", func(o *metrics.Options) {
			o.Config.Databases[0].Apps = []config.App{{Service: "web", HealthURL: app.URL, Proof: true, ProofEvery: 5 * time.Minute}}
			o.ProofKeys = keys
		})
		want := cause.ConfigMissing
		if keys != nil {
			want = cause.MonitorSecretUnavailable
		}
		if got := x.run(t, 0)[report.MockMode]; got.Status != report.Unknown || got.Cause != want || asked != 0 {
			t.Errorf("%s: mock_mode = %+v after %d requests, want unknown of %s without any", name, got, asked, want)
		}
	}
}

// pages are the ways to read the statistics.
var pages = []string{"/", "/?database=cache&range=30d", "/api/v1/admin/redis-metrics", "/api/v1/admin/redis-metrics?database=cache&range=7d", "/metrics", "/chart.svg", "/badge.svg"}

func TestPagesWithoutAStoreAreNoSuccess(t *testing.T) {
	var log bytes.Buffer
	x := newFixture(t, "", logged(&log))
	x.fill(t, 10)
	// Nothing is kept: the first read ever meets the faults. The second time the store fails
	// only after the answer's tag was made.
	for _, tagged := range []bool{false, true} {
		for _, path := range pages {
			works := tagged
			x.store.Always(func(c storetest.Call) storetest.Fault {
				if !works {
					return storetest.Unavailable
				}
				works = !strings.HasPrefix(c.Key, "state/") // the last that the tag needs
				return storetest.None
			})
			if tagged && path == "/metrics" {
				continue // it has no tag
			}
			log.Reset()
			w := x.get(t, path)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("ETag") != "" {
				t.Errorf("GET %s is answered %d with the tag %q, want 503 without one", path, w.Code, w.Header().Get("ETag"))
			}
			if !strings.Contains(log.String(), "event=statistics_failed") || path != "/metrics" && strings.Contains(log.String(), "event=history_failed") == tagged {
				t.Errorf("GET %s: the log does not say why:\n%s", path, &log)
			}
			if body := w.Body.String(); path == "/badge.svg" && !strings.Contains(body, ">no data<") || strings.Contains(body, ">connected<") {
				t.Errorf("GET %s says %.300s", path, body)
			}
		}
	}
}

func TestReadingsAreKeptForAsLongAsIsConfigured(t *testing.T) {
	x := newFixture(t, "history: {hot_days: 5}\n")
	x.run(t, 0)
	for doc, err := range x.store.Range(t.Context(), "gauges/v1/", "gauges/v1/~") {
		if err != nil {
			t.Fatal(err)
		}
		if kept := doc.ExpiresAt.Sub(eight.Add(time.Hour)); kept != 5*24*time.Hour {
			t.Errorf("%s is kept for %v after its hour, want five days", doc.Key, kept)
		}
		return
	}
	t.Error("nothing was recorded")
}

// Each call of the store fails in turn, and then every call from there on. The answer is 503,
// or says what is missing; it is never one that a reader could keep as good.
func TestPagesWithAStoreThatFailsAtAnyCall(t *testing.T) {
	var log bytes.Buffer
	build := func(o *metrics.Options) { logged(&log)(o) }
	first := newFixture(t, "", build)
	first.fill(t, 10)
	start := func() *fixture {
		x := newFixture(t, "", build, func(o *metrics.Options) { o.Store = first.store })
		x.store = first.store
		*x.now = *first.now
		return x
	}
	for _, path := range pages {
		x := start()
		begun := len(x.store.Calls())
		whole := x.get(t, path)
		if whole.Code != http.StatusOK {
			t.Fatalf("GET %s is answered %d", path, whole.Code)
		}
		calls := x.store.Calls()[begun:]
		for k := range 2 * len(calls) {
			x := start()
			n, rest := k/2, k%2 == 1
			i := -1
			x.store.Always(func(storetest.Call) storetest.Fault {
				if i++; i == n || rest && i > n {
					return storetest.Unavailable
				}
				return storetest.None
			})
			log.Reset()
			w := x.get(t, path)
			x.store.Always(nil)
			what := fmt.Sprintf("GET %s, call %d of %d (%v), and all that follow: %v", path, n+1, len(calls), calls[n], rest)
			if !strings.Contains(log.String(), "level=WARN") {
				t.Errorf("%s: nothing is logged", what)
			}
			unmarked := strings.Contains(log.String(), "event=history_failed")
			if unmarked && w.Header().Get("ETag") != "" {
				t.Errorf("%s: what was not read has the tag %s", what, w.Header().Get("ETag"))
			}
			said := w.Code == http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "Could not read ") || strings.Contains(w.Body.String(), `"missing":[`)
			pictured := path == "/metrics" || path == "/chart.svg" || path == "/badge.svg" // these have no place to say it
			if !unmarked && !said && !pictured {
				t.Errorf("%s: answered %d, which does not say what is missing", what, w.Code)
			}
			if w := x.get(t, path); w.Code != http.StatusOK {
				t.Errorf("%s: when the store works again it is answered %d", what, w.Code)
			}
		}
	}
}

func TestNewSaysWhatItLacks(t *testing.T) {
	whole := metrics.Options{Config: config.Default(), Region: region, Reports: &topic{}, Store: storetest.NewMemory(nil), Resolve: func(context.Context, *config.Database, bool) (config.Credentials, error) {
		return config.Credentials{}, nil
	}}
	if _, err := metrics.New(whole); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*metrics.Options){
		"Config is missing": func(o *metrics.Options) { o.Config = nil }, "Region is empty": func(o *metrics.Options) { o.Region = "" },
		"Reports, Store and Resolve are required": func(o *metrics.Options) { o.Reports = nil }, "Store and Resolve are required": func(o *metrics.Options) { o.Store = nil },
		"Resolve are required": func(o *metrics.Options) { o.Resolve = nil },
	} {
		o := whole
		spoil(&o)
		if f, err := metrics.New(o); err == nil || f != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, %v; want an error that says %q", f, err, want)
		}
	}
}
