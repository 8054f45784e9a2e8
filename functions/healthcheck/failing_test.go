package healthcheck_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// events returns what was logged: the level of each line by its event.
func events(t *testing.T, log *bytes.Buffer) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(log.String()) {
		var l struct{ Level, Event, Error string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		out[l.Event] = l.Level
	}
	return out
}

// TestTheStoreMayFailAtEachCallOfARun lets the n-th call fail in each way. The report is
// out whatever the store does, and a run that was not recorded says so in the next one.
func TestTheStoreMayFailAtEachCallOfARun(t *testing.T) {
	for name, fault := range map[string]storetest.Fault{"unavailable": storetest.Unavailable, "lost answer": storetest.LostAnswer} {
		for failAt := 1; ; failAt++ {
			s, to := storetest.NewFaulty(memory(nil)), &topic{}
			var log bytes.Buffer
			o := options(t, parse(t, one(serve(t, pong()))), s, to)
			o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
			f, err := healthcheck.New(o)
			if err != nil {
				t.Fatal(err)
			}
			calls := 0
			s.Always(func(storetest.Call) storetest.Fault {
				if calls++; calls == failAt {
					return fault
				}
				return storetest.None
			})
			scheduled := time.Now().Truncate(time.Minute)
			code, body := post(t, f, scheduled.Add(-time.Minute))
			if code != http.StatusOK || len(to.reports) != 1 {
				t.Fatalf("%s at call %d: answered %d with %d reports, want 200 and one", name, failAt, code, len(to.reports))
			}
			if calls < failAt {
				if failAt == 1 {
					t.Error("a run does not call the store")
				}
				break
			}
			recorded := strings.Contains(body, `"recorded":true`)
			if warned := events(t, &log)["history_failed"] == "WARN"; recorded == warned {
				t.Errorf("%s at call %d: recorded %v, and warned %v", name, failAt, recorded, warned)
			}
			s.Always(nil)
			post(t, f, scheduled)
			if m := find(t, to.last(t), "_pongwatch", report.Monitor); (m.Status == report.OK) != recorded || !recorded && m.Cause != cause.MonitorStore {
				t.Errorf("%s at call %d: recorded %v, and the next run's monitor is %+v", name, failAt, recorded, m)
			}
		}
	}
}

func TestCredentialsMayFailAtEachAttempt(t *testing.T) {
	for failAt := range 4 {
		synctest.Test(t, func(t *testing.T) {
			to := &topic{}
			o := options(t, parse(t, one("https://fake.upstash.io")), memory(nil), to)
			o.Upstash.Transport = &wire{begun: time.Now(), answers: []answer{gateway, gateway, works}}
			resolve, n := o.Resolve, 0
			o.Resolve = func(ctx context.Context, d *config.Database, fresh bool) (config.Credentials, error) {
				if n++; n == failAt {
					return config.Credentials{}, errors.New("the secret source is down")
				}
				return resolve(ctx, d, fresh)
			}
			f, err := healthcheck.New(o)
			if err != nil {
				t.Fatal(err)
			}
			post(t, f, time.Now())
			p := find(t, to.last(t), "cache", report.Ping)
			// A first attempt without credentials is repeated like any other failure.
			want := 3
			if failAt == 1 {
				want = 2
			}
			if p.Attempts != want {
				t.Errorf("credentials fail at read %d: ping = %+v, want %d attempts", failAt, p, want)
			}
		})
	}
}

func TestAnIncidentsDocumentThatCannotBeReadIsUnknown(t *testing.T) {
	s := memory(nil)
	if _, err := s.Put(t.Context(), store.Doc{Key: "state/v1/main", Data: []byte("{broken")}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o := options(t, parse(t, one(serve(t, pong()))), s, &topic{})
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, f, redisPath); code != http.StatusOK || body["incidents_unknown"] != true {
		t.Errorf("answered %d %v, want that incidents are unknown", code, body)
	}
	if events(t, &log)["state_failed"] != "WARN" || !strings.Contains(log.String(), "reading incidents of main") {
		t.Errorf("logged %s, want the event state_failed with its reason", log.String())
	}
}

// pipes are databases on pipes of memory, in false time: the port says how many
// milliseconds the PONG takes.
func pipes(_ context.Context, _, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	wait, err := time.ParseDuration(port + "ms")
	if err != nil {
		return nil, err
	}
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		if _, err := http.ReadRequest(bufio.NewReader(server)); err != nil {
			return
		}
		time.Sleep(wait)
		const body = `{"result":"PONG"}`
		_, _ = fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}()
	return client, nil
}

// TestAVerySlowDatabaseIsJudgedByItsOwnWindow has two slow databases with windows of
// their own, one at its critical value, and one in time.
func TestAVerySlowDatabaseIsJudgedByItsOwnWindow(t *testing.T) {
	const document = `
databases:
- {name: fast, url: 'http://127.0.0.1:10', token: x}
- {name: short, url: 'http://127.0.0.1:2001', token: x, thresholds: {latency: {window: 1m}}}
- {name: long, url: 'http://127.0.0.1:2001', token: x, thresholds: {latency: {window: 4h}}}
- {name: equal, url: 'http://127.0.0.1:2000', token: x, thresholds: {latency: {window: 4h}}}
- {name: late, url: 'http://127.0.0.1:2001', token: x, thresholds: {latency: {window: 4h, critical: 3s}}}
`
	for _, broken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, to := storetest.NewFaulty(memory(time.Now)), &topic{}
			var log bytes.Buffer
			o := options(t, parse(t, document), s, to)
			o.Now, o.Upstash.DialContext = time.Now, pipes
			o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
			f, err := healthcheck.New(o)
			if err != nil {
				t.Fatal(err)
			}
			for range 4 { // hours apart, so that the window reaches into earlier documents
				post(t, f, time.Now())
				time.Sleep(time.Hour)
			}
			if broken {
				s.Always(func(c storetest.Call) storetest.Fault {
					if c.Op == storetest.Put {
						return storetest.None
					}
					return storetest.Unavailable
				})
			}
			begun := time.Now()
			post(t, f, begun)
			want := map[string]report.Status{"fast": report.OK, "short": report.Warn, "long": report.Fail, "equal": report.Warn, "late": report.Warn}
			if broken {
				want["long"] = report.Warn // history does not tell
				if events(t, &log)["history_failed"] != "WARN" {
					t.Errorf("logged %s, want the event history_failed", log.String())
				}
			}
			got := map[string]report.Status{}
			for name := range want {
				got[name] = find(t, to.last(t), name, report.Latency).Status
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("broken %v (-want +got):\n%s", broken, diff)
			}
		})
	}
}

// The default window of 15 minutes has never three answers of a database that is asked once an hour.
func TestAVerySlowDatabaseThatIsAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &topic{}
		o := options(t, parse(t, "schedule: {healthcheck: 1h}\ndatabases: [{name: slow, url: 'http://127.0.0.1:2001', token: x}]"), memory(time.Now), to)
		o.Now, o.Upstash.DialContext = time.Now, pipes
		f, err := healthcheck.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for run, want := range []report.Status{report.Warn, report.Warn, report.Fail} {
			post(t, f, time.Now().Truncate(time.Hour))
			if got := find(t, to.last(t), "slow", report.Latency).Status; got != want {
				t.Errorf("in run %d: %s, want %s", run, got, want)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestARunWithoutASlowDatabaseReadsNoHistory(t *testing.T) {
	s := storetest.NewFaulty(memory(nil))
	f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), s, &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	post(t, f, time.Now().Truncate(time.Minute))
	if n := s.Count(storetest.Range); n != 0 {
		t.Errorf("history was ranged over %d times before the report, want never", n)
	}
}

// TestAppsAreAskedBesideTheDatabases has a database that answers only after the app was
// asked: apps that were asked after it would fail every ping.
func TestAppsAreAskedBesideTheDatabases(t *testing.T) {
	asked := make(chan struct{})
	app := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		fmt.Fprint(w, `{"status":"connected"}`)
	}))
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-asked:
			pong()(w, r)
		case <-r.Context().Done():
		}
	}))
	to := &topic{}
	c := parse(t, fmt.Sprintf("databases:\n- {name: cache, url: %q, token: x, app: {service: backend, health_url: '%s/health'}}\n", url, app))
	f, err := healthcheck.New(options(t, c, memory(nil), to))
	if err != nil {
		t.Fatal(err)
	}
	post(t, f, time.Now().Truncate(time.Minute))
	if p := find(t, to.last(t), "cache", report.Ping); p.Status != report.OK || p.Attempts != 1 {
		t.Errorf("ping = %+v, want ok at the first attempt", p)
	}
	sources := map[string]report.Status{}
	for _, o := range to.last(t).Observations {
		if o.Check == report.MockMode {
			sources[o.Source] = o.Status
		}
	}
	if diff := cmp.Diff(map[string]report.Status{report.SourceConfig: report.OK, report.SourceApp: report.OK}, sources); diff != "" {
		t.Errorf("mock_mode (-want +got):\n%s", diff)
	}
}

// TestWhatIsNotDueIsNotAsked has a check of pings every five minutes and one of apps
// every ten.
func TestWhatIsNotDueIsNotAsked(t *testing.T) {
	pings, apps := 0, 0
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pings++; pong()(w, r) }))
	app := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { apps++; fmt.Fprint(w, `{"status":"connected"}`) }))
	at := &clock{at: eight}
	s := memory(at.now)
	o := options(t, parse(t, fmt.Sprintf(`
databases: [{name: cache, url: %q, token: x, app: {service: backend, health_url: '%s/health'}}]
checks: {ping: {every: 5m}, latency: {every: 5m}, mock_mode: {every: 10m}}
`, url, app)), s, &topic{})
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if code, body := post(t, f, at.now()); code != http.StatusOK || !strings.Contains(body, `"databases":1`) {
			t.Fatalf("answered %d %s", code, body)
		}
		at.add(time.Minute)
	}
	if pings != 2 || apps != 1 {
		t.Errorf("%d pings and %d questions to the app in ten minutes, want 2 and 1", pings, apps)
	}
	hours, err := history.New(s).Pings(t.Context(), "main", region, eight, eight)
	if err != nil || len(hours) != 1 {
		t.Fatalf("history has %d hours, %v", len(hours), err)
	}
	samples := 0
	for range hours[0].Of["cache"].All() {
		samples++
	}
	if samples != 2 {
		t.Errorf("history has %d samples, want those of the two pings", samples)
	}
}

func TestTheCanarysFailureIsLoggedAndNamed(t *testing.T) {
	var log bytes.Buffer
	to := &topic{}
	c, problems := config.Parse(true, config.Document{Name: "test.yaml", Text: []byte(one(serve(t, pong())) + "alerting: {canary: {url: 'http://127.0.0.1:1'}}\n")})
	if c == nil {
		t.Fatal(problems)
	}
	o := options(t, c, memory(nil), to)
	o.Logger, o.Now = slog.New(slog.NewJSONHandler(&log, nil)), from(canaryRun(t, true))
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	post(t, f, canaryRun(t, true))
	if events(t, &log)["canary_failed"] != "WARN" {
		t.Errorf("logged %s, want the event canary_failed", log.String())
	}
	var got report.Observation
	for _, o := range to.last(t).Observations {
		if o.Subject == "network" {
			got = o
		}
	}
	if got.Status != report.Fail || got.Clear || got.Cause != cause.MonitorNetwork || got.Evidence == "" || got.Every != time.Hour ||
		got.Source != "healthcheck@us-east4" || got.At.IsZero() {
		t.Errorf("canary = %+v, want the monitor's failure by the network", got)
	}
}

// TestPublicAnswersAreForNowOnly holds the headers of everything that a browser or a
// cache on the way may see.
func TestPublicAnswersAreForNowOnly(t *testing.T) {
	f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), memory(nil), &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{redisPath, redisPath + "?database=cache", redisPath + "?database=none", "/health", "/", "/elsewhere"} {
		w := httptest.NewRecorder()
		f.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		for name, want := range map[string]string{
			"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("GET %s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}
