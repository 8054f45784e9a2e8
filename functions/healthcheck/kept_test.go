package healthcheck_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// switched is a database that works while its switch is on, and counts its pings.
type switched struct{ broken, pings atomic.Int32 }

func (s *switched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.pings.Add(1)
	if s.broken.Load() != 0 {
		answering(http.StatusBadRequest, `{"error":"ERR max requests limit exceeded. Limit: 1, Usage: 2."}`)(w, r)
		return
	}
	pong()(w, r)
}

// atEight returns the options of an instance whose clock stands still.
func atEight(t *testing.T, document string, s *storetest.Faulty, at *clock) healthcheck.Options {
	t.Helper()
	o := options(t, parse(t, document), s, &topic{})
	o.Now = at.now
	return o
}

func TestARunReplacesOlderAnswers(t *testing.T) {
	database, at := &switched{}, &clock{at: eight}
	f, err := healthcheck.New(atEight(t, one(serve(t, database)), storetest.NewFaulty(memory(at.now)), at))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		broken int32
		want   string
	}{{0, "connected"}, {1, "quota_exceeded"}, {0, "connected"}} {
		get(t, f, redisPath) // an answer that is repeated for five seconds, unless a run knows better
		at.add(time.Second)
		database.broken.Store(step.broken)
		post(t, f, at.now())
		pings := database.pings.Load()
		_, body := get(t, f, redisPath+"?database=cache")
		if body["status"] != step.want || database.pings.Load() != pings {
			t.Errorf("after a run: %v after %d more pings, want %s as the run saw it", body, database.pings.Load()-pings, step.want)
		}
		if step.broken != 0 && !strings.Contains(fmt.Sprint(body["evidence"]), "max requests limit") {
			t.Errorf("evidence %v, want what the run saw", body["evidence"])
		}
	}
}

func TestOpenIncidentsAreAtMostFiveSecondsOld(t *testing.T) {
	for _, why := range []cause.Cause{cause.StorageFull, cause.ReadonlyToken} {
		at := &clock{at: eight}
		s := storetest.NewFaulty(memory(at.now))
		f, err := healthcheck.New(atEight(t, one(serve(t, pong())), s, at))
		if err != nil {
			t.Fatal(err)
		}
		get(t, f, redisPath)
		withIncident(t, s, report.Write, why, report.Fail)
		at.add(4 * time.Second)
		_, body := get(t, f, redisPath)
		if body["status"] != "connected" || body["age_seconds"] != 4.0 || body["incidents_age_seconds"] != 4.0 {
			t.Errorf("%s: after four seconds %v, want the first answer and how old both halves are", why, body)
		}
		at.add(time.Second)
		if _, body = get(t, f, redisPath); body["cause"] != string(why) || body["incidents_age_seconds"] != 0.0 {
			t.Errorf("%s: after five seconds %v, want the incident", why, body)
		}
		withIncident(t, s, report.Ping, cause.TCPRefused, report.Fail) // in its place
		at.add(5 * time.Second)
		if _, body = get(t, f, redisPath); body["status"] != "connected" {
			t.Errorf("%s: five seconds after its end %v, want connected", why, body)
		}
	}
}

// fleet is a configuration of n databases at url, in shards of 250. None of them is slow, however busy
// the machine is.
func fleet(n int, url, more string) string {
	var b strings.Builder
	b.WriteString("thresholds: {latency: {open: 20s, close: 10s, critical: 0s}}\ndatabases:\n")
	for i := range n {
		fmt.Fprintf(&b, "- {name: db-%04d, shard: shard-%02d, url: %q, token: sesame%s}\n", i, i/250, url, more)
	}
	return b.String()
}

func TestManyDatabasesAreAnsweredFromTheLastRun(t *testing.T) {
	for _, n := range []int{500, 2000} {
		database, at := &switched{}, &clock{at: eight}
		s := storetest.NewFaulty(memory(at.now))
		document := fleet(n, serve(t, database), "")
		instance := func() *healthcheck.Function {
			f, err := healthcheck.New(atEight(t, document, s, at))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		ran, other := instance(), instance()
		check := func(when string, f *healthcheck.Function, code int, status string, age float64) {
			t.Helper()
			pings := database.pings.Load()
			gotCode, body := get(t, f, redisPath)
			if gotCode != code || body["status"] != status || body["age_seconds"] != age || len(body["databases"].([]any)) != n {
				delete(body, "databases")
				t.Errorf("%d databases, %s: %d %v, want %d %s, %v s old", n, when, gotCode, body, code, status, age)
			}
			if more := database.pings.Load() - pings; more != 0 {
				t.Errorf("%d databases, %s: %d pings, want none", n, when, more)
			}
		}
		run := func(scheduled time.Time) {
			for shard := range n / 250 {
				postShard(t, ran, fmt.Sprintf("shard-%02d", shard), scheduled)
			}
		}
		check("before any run", other, http.StatusServiceUnavailable, "unknown", 0)
		at.add(10 * time.Second)
		run(eight)
		check("after a run", ran, http.StatusOK, "connected", 0)
		reads := s.Count(storetest.Get)
		check("in another instance", other, http.StatusOK, "connected", 10)
		if got := s.Count(storetest.Get) - reads; got > n/250 {
			t.Errorf("%d databases: the state was read %d times, want once for each of %d shards", n, got, n/250)
		}
		at.add(50 * time.Second)
		check("a minute later", ran, http.StatusOK, "connected", 50)
		database.broken.Store(1)
		run(eight.Add(time.Minute))
		check("after a run that fails", ran, http.StatusServiceUnavailable, "quota_exceeded", 0)
		check("in the other instance", other, http.StatusServiceUnavailable, "quota_exceeded", 0)
		at.add(6 * time.Minute)
		check("after runs have ceased", ran, http.StatusServiceUnavailable, "unknown", 0)
	}
}

// postShard makes a scheduled run of one of several shards.
func postShard(t *testing.T, h http.Handler, shard string, scheduled time.Time) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{"shard":"`+shard+`"}`))
	r.Header.Set("X-CloudScheduler-ScheduleTime", scheduled.Format(time.RFC3339))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("the run of %s is answered %d %s", shard, w.Code, w.Body)
	}
}

func TestADatabaseThatNoRunKnowsIsPinged(t *testing.T) {
	database, at := &switched{}, &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	url := serve(t, database)
	before, err := healthcheck.New(atEight(t, fleet(20, url, ""), s, at))
	if err != nil {
		t.Fatal(err)
	}
	postShard(t, before, "shard-00", eight)
	after, err := healthcheck.New(atEight(t, fleet(22, url, ""), s, at))
	if err != nil {
		t.Fatal(err)
	}
	pings := database.pings.Load()
	if code, body := get(t, after, redisPath); code != http.StatusOK || database.pings.Load()-pings != 2 {
		t.Errorf("with two new databases: %d %v with %d pings, want 200 with two", code, body["status"], database.pings.Load()-pings)
	}
}

// The last check that cannot be read is not one that never was.
func TestALastCheckThatCannotBeReadIsNamed(t *testing.T) {
	at := &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	document := fleet(20, serve(t, &switched{}), "")
	title := func() any {
		f, err := healthcheck.New(atEight(t, document, s, at))
		if err != nil {
			t.Fatal(err)
		}
		_, body := get(t, f, redisPath)
		return body["title"]
	}
	if got := title(); got != "No check has run lately" {
		t.Errorf("before any run: %v", got)
	}
	s.Always(func(c storetest.Call) storetest.Fault {
		if strings.HasPrefix(c.Key, "hot/") {
			return storetest.Unavailable
		}
		return storetest.None
	})
	if got := title(); got != "The last check could not be read" {
		t.Errorf("without history: %v", got)
	}
	s.Always(nil)
	if _, err := s.Put(t.Context(), store.Doc{Key: "hot/v1/shard-00/us-east4/2026-11-22T20", Data: []byte("damaged")}); err != nil {
		t.Fatal(err)
	}
	if got := title(); got != "The last check could not be read" {
		t.Errorf("of a damaged hour: %v", got)
	}
}

// A person asks for a PONG, also where no run does.
func TestADatabaseThatRunsDoNotPingIsJudgedByItsAnswer(t *testing.T) {
	database, at := &switched{}, &clock{at: eight}
	database.broken.Store(1)
	document := fleet(1, serve(t, database), ", checks: {ping: {enabled: false}, latency: {enabled: false}}")
	f, err := healthcheck.New(atEight(t, document, storetest.NewFaulty(memory(at.now)), at))
	if err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, f, redisPath); code != http.StatusServiceUnavailable || body["status"] != "quota_exceeded" {
		t.Errorf("answered %d %v, want the quota", code, body["status"])
	}
}

// Rare pings are the last that there are, not the last run's.
func TestARareCheckIsAnsweredByItsOwnLastRun(t *testing.T) {
	database, at := &switched{}, &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	f, err := healthcheck.New(atEight(t, fleet(20, serve(t, database), ", checks: {ping: {every: 15m}, latency: {every: 15m}}"), s, at))
	if err != nil {
		t.Fatal(err)
	}
	for minute := range 20 {
		postShard(t, f, "shard-00", eight.Add(time.Duration(minute)*time.Minute))
		at.add(time.Minute)
	}
	pings := database.pings.Load()
	if code, body := get(t, f, redisPath); code != http.StatusOK || database.pings.Load() != pings {
		t.Errorf("answered %d %v with %d pings, want connected from the runs", code, body["status"], database.pings.Load()-pings)
	}
}

func TestAMockIsAMockInHistoryToo(t *testing.T) {
	at := &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	document := fleet(11, serve(t, pong()), ", mock: true")
	for range 2 { // the instance that ran, and one that reads history
		f, err := healthcheck.New(atEight(t, document, s, at))
		if err != nil {
			t.Fatal(err)
		}
		if at.now().Equal(eight) {
			postShard(t, f, "shard-00", eight)
		}
		if code, body := get(t, f, redisPath); code != http.StatusServiceUnavailable || body["status"] != "mock" {
			t.Errorf("answered %d %v, want mock", code, body["status"])
		}
		at.add(time.Second)
	}
}

func TestManyWhoAskAtOnceReadTheStateOnce(t *testing.T) {
	at := &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	f, err := healthcheck.New(atEight(t, fleet(1000, serve(t, pong()), ""), s, at))
	if err != nil {
		t.Fatal(err)
	}
	for shard := range 4 {
		postShard(t, f, fmt.Sprintf("shard-%02d", shard), eight)
	}
	reads := s.Count(storetest.Get)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { get(t, f, redisPath) })
	}
	wg.Wait()
	if got := s.Count(storetest.Get) - reads; got != 4 {
		t.Errorf("the states were read %d times for 1,000 databases and twenty who asked, want once a shard", got)
	}
}
