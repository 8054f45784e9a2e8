package healthcheck_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

const redisPath = "/api/v1/health/redis"

func TestTheWordAboutADatabase(t *testing.T) {
	said := func(text string) http.HandlerFunc {
		return answering(http.StatusBadRequest, fmt.Sprintf(`{"error":%q}`, text))
	}
	tests := []struct {
		name     string
		database http.HandlerFunc
		config   string
		code     int
		status   string
		cause    string
	}{
		{"a PONG", pong(), "", 200, "connected", ""},
		{"a late PONG still works", pong(), "thresholds: {latency: {open: 20ms}}", 200, "degraded", "slow"},
		{"a refused token", answering(401, `{"error":"WRONGPASS"}`), "", 503, "unauthorized", "auth_invalid"},
		{"a used-up quota", said("ERR max requests limit exceeded. Limit: 1, Usage: 2."), "", 503, "quota_exceeded", "quota_monthly"},
		{"a gateway's page", answering(502, "<html>"), "", 503, "error", "provider_5xx"},
		{"the app is configured to use a mock", pong(), "mock", 503, "mock", "mock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			database := tt.database
			if strings.HasPrefix(tt.config, "thresholds") {
				database = func(w http.ResponseWriter, r *http.Request) { time.Sleep(100 * time.Millisecond); tt.database(w, r) }
			}
			document := one(serve(t, database))
			if tt.config == "mock" {
				document = strings.Replace(document, "token:", "mock: true, token:", 1)
			} else {
				document += tt.config
			}
			f, err := healthcheck.New(options(t, parse(t, document), memory(nil), &topic{}))
			if err != nil {
				t.Fatal(err)
			}
			code, body := get(t, f, redisPath+"?database=cache")
			if code != tt.code || body["status"] != tt.status {
				t.Errorf("answered %d %v, want %d %s", code, body, tt.code, tt.status)
			}
			if got, _ := body["cause"].(string); got != tt.cause {
				t.Errorf("cause %q, want %q", got, tt.cause)
			}
			if tt.cause != "" && (body["title"] == nil || body["fix"] == nil || body["playbook"] != "/playbooks/"+tt.cause) {
				t.Errorf("answered %v, want title, fix and playbook of %s", body, tt.cause)
			}
		})
	}
}

func TestTheWordAboutWhatCannotBeReached(t *testing.T) {
	hanging := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	closed := serve(t, pong())
	closed = closed[:strings.LastIndex(closed, ":")] + ":1"
	tests := []struct{ name, url, status string }{
		{"nobody listens", closed, "unreachable"},
		{"no answer in time", serve(t, http.HandlerFunc(hanging)), "timeout"},
		{"an app without a URL is in mock mode", "", "mock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := healthcheck.New(options(t, parse(t, one(tt.url)), memory(nil), &topic{}))
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			code, body := get(t, f, redisPath)
			if code != http.StatusServiceUnavailable || body["status"] != tt.status {
				t.Errorf("answered %d %v, want 503 %s", code, body, tt.status)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("answered after %v, want about two seconds at most", took)
			}
		})
	}
}

// withIncident puts an open incident into Alert's state.
func withIncident(t *testing.T, s store.Store, c report.Check, why cause.Cause, status report.Status) {
	t.Helper()
	state := incident.New("main", eight)
	id := "20261122T195500Z-1"
	state.Incidents = map[string]*incident.Incident{id: {
		ID: id, Series: report.Series{Database: "cache", Check: c}, Status: status, Cause: why, Severity: cause.SeverityCritical,
		Since: eight.Add(-5 * time.Minute), Opened: eight.Add(-4 * time.Minute),
		Observation: report.Observation{Database: "cache", Check: c, Status: status, Cause: why, Evidence: "seen"},
	}}
	data, err := incident.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Get(t.Context(), "state/v1/main")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), store.Doc{Key: "state/v1/main", Data: data, Version: before.Version}); err != nil {
		t.Fatal(err)
	}
}

func TestAPongIsJoinedWithWhatIsOpen(t *testing.T) {
	tests := []struct {
		name   string
		check  report.Check
		cause  cause.Cause
		status report.Status
		code   int
		want   string
	}{
		{"PING is blind to a full database", report.Write, cause.StorageFull, report.Fail, 503, "storage_full"},
		{"to a read-only token", report.Write, cause.ReadonlyToken, report.Fail, 503, "read_only"},
		{"to mock mode", report.MockMode, cause.Mock, report.Fail, 503, "mock"},
		{"to an open limiter, which is not Redis' fault", report.Limiter, cause.LimiterOpen, report.Fail, 200, "degraded"},
		{"a write pause passes", report.Write, cause.WritePaused, report.Fail, 200, "degraded"},
		{"a full disk to come does not stop an app", report.Memory, cause.MemoryHigh, report.Warn, 200, "degraded"},
		{"the live ping knows better than an incident of pings", report.Ping, cause.TCPRefused, report.Fail, 200, "connected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := memory(nil)
			withIncident(t, s, tt.check, tt.cause, tt.status)
			f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), s, &topic{}))
			if err != nil {
				t.Fatal(err)
			}
			code, body := get(t, f, redisPath+"?database=cache")
			if code != tt.code || body["status"] != tt.want {
				t.Errorf("answered %d %v, want %d %s", code, body, tt.code, tt.want)
			}
			if open, _ := body["incidents"].([]any); len(open) != 1 {
				t.Errorf("incidents %v, want the open one", body["incidents"])
			}
		})
	}
}

func TestWithoutStateThePingAnswersAlone(t *testing.T) {
	s := storetest.NewFaulty(memory(nil))
	s.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), s, &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	code, body := get(t, f, redisPath)
	if code != http.StatusOK || body["status"] != "connected" || body["incidents_unknown"] != true {
		t.Errorf("answered %d %v, want connected, and that incidents are unknown", code, body)
	}
}

func TestManyWhoAskShareOnePing(t *testing.T) {
	var pings atomic.Int32
	release := make(chan struct{})
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pings.Add(1)
		<-release
		pong()(w, r)
	}))
	at := &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	o := options(t, parse(t, one(url)), s, &topic{})
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { get(t, f, redisPath) })
	}
	close(release)
	wg.Wait()
	if n := pings.Load(); n != 1 {
		t.Errorf("%d pings for twenty who asked, want 1", n)
	}
	at.add(6 * time.Second)
	get(t, f, redisPath)
	if n := pings.Load(); n != 2 {
		t.Errorf("%d pings after six seconds more, want 2", n)
	}
	if n := s.Count(storetest.Get); n != 2 {
		t.Errorf("the state was read %d times, want once for all, and again after five seconds", n)
	}
}

func TestAQuickFailureIsAskedOnceMore(t *testing.T) {
	var pings atomic.Int32
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pings.Add(1) == 1 {
			answering(http.StatusBadGateway, "")(w, r)
			return
		}
		pong()(w, r)
	}))
	f, err := healthcheck.New(options(t, parse(t, one(url)), memory(nil), &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, f, redisPath); code != http.StatusOK || body["status"] != "connected" {
		t.Errorf("answered %d %v, want connected at the second attempt", code, body)
	}
}

func TestWithoutANameTheAnswerIsTheWorst(t *testing.T) {
	good, bad := serve(t, pong()), serve(t, answering(401, `{"error":"WRONGPASS"}`))
	document := fmt.Sprintf("databases:\n- {name: a, url: %q, token: x}\n- {name: b, url: %q, token: x}\n- {name: c, url: %q, token: x}\n", good, bad, good)
	f, err := healthcheck.New(options(t, parse(t, document), memory(nil), &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	code, body := get(t, f, redisPath)
	if code != http.StatusServiceUnavailable || body["status"] != "unauthorized" || body["database"] != "b" {
		t.Errorf("answered %d %v, want 503 unauthorized of b", code, body)
	}
	var names []string
	for _, d := range body["databases"].([]any) {
		names = append(names, fmt.Sprint(d.(map[string]any)["database"]))
	}
	if diff := cmp.Diff([]string{"b", "a", "c"}, names); diff != "" {
		t.Errorf("databases, the worst first (-want +got):\n%s", diff)
	}
	if code, body := get(t, f, redisPath+"?database=a"); code != http.StatusOK || body["status"] != "connected" {
		t.Errorf("a is answered %d %v, want connected", code, body)
	}
	code, body = get(t, f, redisPath+"?database=d")
	if code != http.StatusNotFound || fmt.Sprint(body["databases"]) != "[a b c]" {
		t.Errorf("an unknown database is answered %d %v, want 404 with those there are", code, body)
	}
}

func TestPathsThatAreNotThere(t *testing.T) {
	f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), memory(nil), &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, f, "/"); code != http.StatusNotFound || body["paths"] == nil {
		t.Errorf("GET / is answered %d %v, want 404 with the paths there are", code, body)
	}
	if code, _ := get(t, f, "/HealthCheck"+redisPath); code != http.StatusOK {
		t.Errorf("under the function's name: %d, want 200", code)
	}
}

func TestReadersNeedATokenWhereTheConfigurationSaysSo(t *testing.T) {
	o := options(t, parse(t, one(serve(t, pong()))+"access: {health: token, tokens: [sesame]}\n"), memory(nil), &topic{})
	o.Readers.Tokens = readTokens("sesame")
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{redisPath, "/health"} {
		if code, _ := get(t, f, path); code != http.StatusUnauthorized {
			t.Errorf("GET %s without a token is answered %d, want 401", path, code)
		}
	}
	if code, _ := post(t, f, time.Now().Truncate(time.Minute)); code != http.StatusOK {
		t.Errorf("the scheduler needs no read token: %d", code)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	good := options(t, parse(t, one("https://fake.upstash.io")), memory(nil), &topic{})
	for name, spoil := range map[string]func(*healthcheck.Options){
		"Config":  func(o *healthcheck.Options) { o.Config = nil },
		"Region":  func(o *healthcheck.Options) { o.Region = "" },
		"Reports": func(o *healthcheck.Options) { o.Reports = nil },
	} {
		o := good
		spoil(&o)
		if _, err := healthcheck.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v, want an error that names it", name, err)
		}
	}
}
