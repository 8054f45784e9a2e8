package check_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// redis answers INFO with text and the write canary from set, which is the body of
// SET's item in a pipeline.
func redis(info, set string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/pipeline" {
			answer(http.StatusOK, `{"result":"`+base64.StdEncoding.EncodeToString([]byte(info))+`"}`)(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		value := strings.Split(string(body), `"`)[5] // [["SET","key","value",…
		answer(http.StatusOK, fmt.Sprintf(`[%s,{"result":%q},{"result":1}]`, set, base64.StdEncoding.EncodeToString([]byte(value))))(w, r)
	}
}

const setOK = `{"result":"OK"}`

func TestTheWriteCanary(t *testing.T) {
	item := func(text string) string { return fmt.Sprintf(`{"error":%q}`, text) }
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  report.Status
		want    cause.Cause
	}{
		{"written, read and deleted", redis("", setOK), report.OK, ""},
		{"a read-only token", redis("", item("NOPERM this user has no permissions to run the 'set' command")), report.Fail, cause.ReadonlyToken},
		{"a full database", redis("", item("ERR DB capacity quota exceeded. Threshold: 268435456 bytes, Usage: 274604636 bytes.")), report.Fail, cause.StorageFull},
		{"a write pause", redis("", item("READONLY Writes are temporarily rejected due to server upgrade")), report.Fail, cause.WritePaused},
		{"a refused token is HealthCheck's to judge", answer(http.StatusUnauthorized, `{"error":"WRONGPASS"}`), report.Unknown, cause.AuthInvalid},
		{"so is a quota", answer(http.StatusBadRequest, item("ERR max requests limit exceeded. Limit: 1, Usage: 2.")), report.Unknown, cause.QuotaMonthly},
		{"and the provider's trouble", answer(http.StatusBadGateway, ""), report.Unknown, cause.Provider5xx},
		{"something else is read, twice", answer(http.StatusOK, `[{"result":"OK"},{"result":null},{"result":1}]`), report.Fail, cause.WriteMismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := observe(t, target(t, report.Metrics, tt.handler))[report.Write]
			if got.Status != tt.status || got.Cause != tt.want || got.Clear != (tt.status == report.OK) {
				t.Errorf("write = %+v, want %s of %q", got, tt.status, tt.want)
			}
		})
	}
}

func TestTheCanaryStaysInItsNamespaceAndExpires(t *testing.T) {
	var bodies []string
	handler := redis("", setOK)
	target := target(t, report.Metrics, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/pipeline" {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			r.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		handler(w, r)
	})
	observe(t, target)
	if len(bodies) != 1 {
		t.Fatalf("%d pipelines, want one", len(bodies))
	}
	if strings.Count(bodies[0], `"ws:_pongwatch:canary`) != 3 || !strings.Contains(bodies[0], `"EX",60]`) {
		t.Errorf("the canary is %s, want three commands on a key of its own with a TTL of 60 s", bodies[0])
	}
}

func info(lines ...string) http.HandlerFunc { return redis(strings.Join(lines, "\r\n"), setOK) }

func TestMemoryIsJudgedByTheDataQuota(t *testing.T) {
	const quota = "max_data_size:1000"
	tests := []struct {
		name   string
		info   []string
		before report.Status
		status report.Status
		clear  bool
	}{
		{name: "well below", info: []string{"total_data_size:100", quota}, status: report.OK, clear: true},
		{name: "between closing and opening", info: []string{"total_data_size:770", quota}, status: report.OK},
		{name: "from the warning's threshold", info: []string{"total_data_size:800", quota}, status: report.Warn},
		{name: "from the critical threshold", info: []string{"total_data_size:950", quota}, status: report.Fail},
		{name: "critical until below its own closing value", info: []string{"total_data_size:920", quota}, before: report.Fail, status: report.Fail},
		{name: "a warning again below that", info: []string{"total_data_size:890", quota}, before: report.Fail, status: report.Warn},
		{name: "used_memory is not the quota", info: []string{"used_memory:999", "maxmemory:1000"}, status: report.OK},
		{name: "figures that are left out end nothing", info: []string{quota}, before: report.Fail, status: report.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.Metrics, info(tt.info...))
			target.Readings = []report.Reading{{Checks: map[report.Check]report.Verdict{report.Memory: {Status: tt.before}}}}
			got := observe(t, target)[report.Memory]
			if got.Status != tt.status || got.Clear != tt.clear || got.Status.Bad() != (got.Cause == cause.MemoryHigh) {
				t.Errorf("memory = %+v, want %s, clear %v", got, tt.status, tt.clear)
			}
		})
	}
}

func TestHitRateIsAboutTheTimeSinceTheSameReplicasLastReading(t *testing.T) {
	reading := func(replica string, hits, misses float64) report.Reading {
		return report.Reading{At: eight.Add(-5 * time.Minute), Replica: replica, Values: map[report.Gauge]float64{report.GaugeHits: hits, report.GaugeMisses: misses}}
	}
	own := reading("a", 500, 500)
	own.Values[report.GaugeOwnMisses] = 450
	now := []string{"local_member:a", "keyspace_hits:1000", "keyspace_misses:1000"}
	tests := []struct {
		name   string
		past   []report.Reading
		status report.Status
		clear  bool
		value  *float64
	}{
		{"no past is nothing to judge", nil, report.OK, false, nil},
		{"another replica's counters say nothing", []report.Reading{reading("b", 0, 0)}, report.OK, false, nil},
		{"an older reading of the same replica serves", []report.Reading{reading("a", 500, 500), reading("b", 0, 0)}, report.Warn, false, new(0.5)},
		{"too few look-ups", []report.Reading{reading("a", 950, 951)}, report.OK, false, nil},
		{"a good rate", []report.Reading{reading("a", 0, 900)}, report.OK, true, new(1000.0 / 1100)},
		{"between opening and closing", []report.Reading{reading("a", 380, 620)}, report.OK, false, new(0.62)},
		{"what pongwatch looked up itself is not the app's rate", []report.Reading{own}, report.OK, true, new(500.0 / 550)},
		{"counters were reset", []report.Reading{reading("a", 5000, 5000)}, report.Warn, false, new(0.5)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.Metrics, info(now...))
			target.Readings = tt.past
			got := observe(t, target)[report.HitRate]
			if got.Status != tt.status || got.Clear != tt.clear {
				t.Errorf("hit_rate = %+v, want %s, clear %v", got, tt.status, tt.clear)
			}
			if diff := cmp.Diff(tt.value, got.Value, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvictionWarnsBeforeAndWhileKeysAreDropped(t *testing.T) {
	tests := []struct {
		name   string
		info   []string
		status report.Status
	}{
		{"eviction off", []string{"maxmemory_policy:noeviction", "total_data_size:990", "max_data_size:1000"}, report.OK},
		{"on, with room", []string{"maxmemory_policy:optimistic-volatile", "total_data_size:100", "max_data_size:1000"}, report.OK},
		{"on, and nearly full", []string{"maxmemory_policy:optimistic-volatile", "total_data_size:850", "max_data_size:1000"}, report.Warn},
		{"keys were dropped", []string{"maxmemory_policy:optimistic-volatile", "evicted_keys:12"}, report.Warn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.Metrics, info(tt.info...))
			target.Readings = []report.Reading{{Values: map[report.Gauge]float64{report.GaugeEvicted: 10}}}
			if got := observe(t, target)[report.Eviction]; got.Status != tt.status {
				t.Errorf("eviction = %+v, want %s", got, tt.status)
			}
		})
	}
}

func TestWithoutInfoTheChecksAreUnknownWithItsCause(t *testing.T) {
	target := target(t, report.Metrics, answer(http.StatusUnauthorized, `{"error":"WRONGPASS"}`))
	got := observe(t, target)
	for _, c := range []report.Check{report.Memory, report.HitRate, report.Eviction, report.Write} {
		if o := got[c]; o.Status != report.Unknown || o.Cause != cause.AuthInvalid {
			t.Errorf("%s = %+v, want unknown of auth_invalid", c, o)
		}
	}
	r := target.Reading(t.Context(), eight, []report.Observation{got[report.Memory], got[report.ConfigLoad]})
	want := report.Reading{
		At: eight, Values: map[report.Gauge]float64{},
		Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.Unknown, Cause: cause.AuthInvalid}},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("reading (-want +got):\n%s", diff)
	}
}
