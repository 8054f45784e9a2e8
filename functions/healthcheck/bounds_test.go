package healthcheck_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestWithoutADatabaseTheAnswerSaysSo(t *testing.T) {
	at := &clock{at: eight}
	o := atEight(t, one("https://fake.upstash.io"), storetest.NewFaulty(memory(at.now)), at)
	o.Config.Databases = nil
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	code, body := get(t, f, redisPath)
	if code != http.StatusServiceUnavailable || body["status"] != "error" || body["title"] != "No database is configured" || body["checked_at"] != "2026-11-22T20:00:00Z" {
		t.Errorf("answered %d %v, want 503 and why", code, body)
	}
}

// Ten databases are pinged while a person waits, eleven are not.
func TestTenDatabasesArePingedAndElevenAreNot(t *testing.T) {
	for n, want := range map[int]struct{ pings, ranges int }{10: {10, 0}, 11: {0, 1}} {
		database, at := &switched{}, &clock{at: eight}
		s := storetest.NewFaulty(memory(at.now))
		f, err := healthcheck.New(atEight(t, fleet(n, serve(t, database), ""), s, at))
		if err != nil {
			t.Fatal(err)
		}
		postShard(t, f, "shard-00", eight)
		at.add(10 * time.Second)
		pings, ranges := database.pings.Load(), s.Count(storetest.Range)
		code, body := get(t, f, redisPath)
		if code != http.StatusOK || body["status"] != "connected" {
			t.Errorf("%d databases: %d %v", n, code, body["status"])
		}
		if got := int(database.pings.Load() - pings); got != want.pings {
			t.Errorf("%d databases: %d pings, want %d", n, got, want.pings)
		}
		if got := s.Count(storetest.Range) - ranges; min(got, 1) != want.ranges {
			t.Errorf("%d databases: history was ranged over %d times, want it read: %v", n, got, want.ranges > 0)
		}
	}
}

func TestTheLastRunCountsForItsTimeAndHistoryIsReadEveryFiveSeconds(t *testing.T) {
	database, at := &switched{}, &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	document := fleet(11, serve(t, database), "")
	instance := func(log *bytes.Buffer) *healthcheck.Function {
		o := atEight(t, document, s, at)
		o.Logger = slog.New(slog.NewJSONHandler(log, nil))
		f, err := healthcheck.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	var log bytes.Buffer
	ran, other := instance(&log), instance(&log)
	postShard(t, ran, "shard-00", eight)
	lost := func(storetest.Call) storetest.Fault { return storetest.Unavailable }
	for _, step := range []struct {
		when   string
		after  time.Duration
		fault  func(storetest.Call) storetest.Fault
		status string
		read   bool // whether history is
		failed bool // whether the log says that it was not read
	}{
		{"at once", 0, nil, "connected", true, false},
		{"just below five seconds", 5*time.Second - 1, nil, "connected", false, false},
		{"at five seconds", 1, nil, "connected", true, false},
		{"while history is lost, the answer stands", 5 * time.Second, lost, "connected", true, true},
		{"a failure is not repeated at once either", time.Second, lost, "connected", false, false},
		{"after the clock has stepped back it is read", -time.Second - 1, nil, "connected", true, false},
		{"three intervals and two minutes after the run", 5*time.Minute - 10*time.Second + 1, lost, "connected", true, true},
		{"one second later", time.Second, lost, "unknown", false, false},
	} {
		at.add(step.after)
		s.Always(step.fault)
		log.Reset()
		ranges := s.Count(storetest.Range)
		_, body := get(t, other, redisPath)
		if body["status"] != step.status {
			t.Errorf("%s: %v, want %s", step.when, body["status"], step.status)
		}
		if got := s.Count(storetest.Range) > ranges; got != step.read {
			t.Errorf("%s: history read: %v, want %v", step.when, got, step.read)
		}
		if got := strings.Contains(log.String(), `"history_failed"`); got != step.failed {
			t.Errorf("%s: logged %s, want the event history_failed: %v", step.when, log.String(), step.failed)
		}
	}
}

// A person asks at any minute, so that what is due in runs does not matter. Only a PONG has a latency.
func TestALiveAnswerKnowsNoIntervals(t *testing.T) {
	for _, tt := range []struct {
		name     string
		database http.HandlerFunc
		status   string
		latency  bool
	}{
		{"a PONG", pong(), "connected", true},
		{"a refused token", answering(http.StatusUnauthorized, `{"error":"WRONGPASS"}`), "unauthorized", false},
	} {
		at := &clock{at: eight.Add(7 * time.Minute)}
		document := strings.Replace(one(serve(t, tt.database)), "token:", "checks: {ping: {every: 15m}, latency: {every: 15m}}, token:", 1)
		f, err := healthcheck.New(atEight(t, document, storetest.NewFaulty(memory(at.now)), at))
		if err != nil {
			t.Fatal(err)
		}
		_, body := get(t, f, redisPath)
		_, phases := body["phases_ms"]
		_, latency := body["latency_ms"]
		if body["status"] != tt.status || phases != tt.latency || latency != tt.latency {
			t.Errorf("%s: %v, want %s, with a latency: %v", tt.name, body, tt.status, tt.latency)
		}
	}
}

func TestOnlyFailuresOfTheNetworkAskTheCanary(t *testing.T) {
	closed := "http://127.0.0.1:1"
	refusing := serve(t, answering(http.StatusUnauthorized, `{"error":"WRONGPASS"}`))
	for name, urls := range map[string][2]string{"one cannot be reached": {closed, serve(t, pong())}, "both refuse the token": {refusing, refusing}} {
		asked := false
		canary := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
		c := parse(t, fmt.Sprintf("databases:\n- {name: a, url: %q, token: x}\n- {name: b, url: %q, token: x}\n", urls[0], urls[1]))
		c.Alerting.Canary.Enabled, c.Alerting.Canary.URL = true, canary
		o := options(t, c, memory(nil), &topic{})
		o.Now = from(canaryRun(t, false))
		f, err := healthcheck.NewHurried(o, 4)
		if err != nil {
			t.Fatal(err)
		}
		post(t, f, canaryRun(t, false))
		if asked {
			t.Errorf("%s: the canary was asked", name)
		}
	}
}

// Only a wait above the critical value, which is two seconds, is worth a look into history.
func TestHistoryIsReadForWhatIsVerySlowAlone(t *testing.T) {
	for port, want := range map[int]bool{10: false, 700: false, 2000: false, 2001: true} {
		synctest.Test(t, func(t *testing.T) {
			s, to := storetest.NewFaulty(memory(time.Now)), &topic{}
			o := options(t, parse(t, fmt.Sprintf("databases: [{name: a, url: 'http://127.0.0.1:%d', token: x}]\n", port)), s, to)
			o.Now, o.Upstash.DialContext = time.Now, pipes
			f, err := healthcheck.New(o)
			if err != nil {
				t.Fatal(err)
			}
			post(t, f, time.Now())
			if got := s.Count(storetest.Range) > 0; got != want {
				t.Errorf("a wait of %d ms: history read: %v, want %v", port, got, want)
			}
			if o := find(t, to.last(t), "a", report.Latency); (o.Status == report.OK) != (port == 10) {
				t.Errorf("a wait of %d ms: %+v", port, o)
			}
		})
	}
}
