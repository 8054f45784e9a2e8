package healthcheck_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// TestAnAnswerHasEveryField holds what apps and people read, field for field.
func TestAnAnswerHasEveryField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		state := incident.New("main", now)
		put := func(id, database string, c report.Check, why cause.Cause, drill bool) {
			state.Incidents[id] = &incident.Incident{
				ID: id, Series: report.Series{Database: database, Check: c}, Status: report.Warn, Cause: why,
				Since: now.Add(-time.Hour), Opened: now.Add(-time.Hour), Drill: drill,
				Observation: report.Observation{Database: database, Check: c, Status: report.Warn, Cause: why, Evidence: "seen"},
			}
		}
		state.Incidents = map[string]*incident.Incident{}
		put("20000101T000000Z-2", "a", report.Memory, cause.MemoryHigh, false)
		put("20000101T000000Z-1", "a", report.HitRate, cause.HitRateLow, false)
		put("20000101T000000Z-3", "b", report.Memory, cause.MemoryHigh, false)
		put("20000101T000000Z-4", "a", report.Write, cause.StorageFull, true) // a drill is no outage
		data, err := incident.Encode(state)
		if err != nil {
			t.Fatal(err)
		}
		s := memory(time.Now)
		if _, err := s.Put(t.Context(), store.Doc{Key: "state/v1/main", Data: data}); err != nil {
			t.Fatal(err)
		}
		o := options(t, parse(t, "databases: [{name: a, url: 'http://127.0.0.1:30', token: x}, {name: b, url: 'http://127.0.0.1:40', token: x}]\n"), s, &topic{})
		o.Now, o.Upstash.DialContext = time.Now, pipes
		f, err := healthcheck.New(o)
		if err != nil {
			t.Fatal(err)
		}
		_, body := get(t, f, redisPath+"?database=a")
		fix, _ := body["fix"].([]any)
		delete(body, "fix")
		incidents, _ := body["incidents"].([]any)
		delete(body, "incidents")
		want := map[string]any{
			"status": "degraded", "database": "a", "cause": "hit_rate_low", "title": cause.HitRateLow.Info().Title, "evidence": "seen",
			"playbook": "/playbooks/hit_rate_low", "latency_ms": 30.0, "region": "us-east4", "checked_at": "2000-01-01T00:00:00.03Z",
			"age_seconds": 0.0, "incidents_age_seconds": 0.0,
			"phases_ms": map[string]any{"wait": 30.0, "total": 30.0, "reached": "read"},
		}
		if diff := cmp.Diff(want, body); diff != "" || len(fix) != len(cause.HitRateLow.Info().Fix) {
			t.Errorf("the answer about a, with %d steps to fix it (-want +got):\n%s", len(fix), diff)
		}
		if len(incidents) != 2 {
			t.Fatalf("incidents %v, want the two of a", incidents)
		}
		first := incidents[0].(map[string]any)
		if first["check"] != "hit_rate" || first["cause"] != "hit_rate_low" || first["since"] != "1999-12-31T23:00:00Z" || first["id"] != state.Incidents["20000101T000000Z-1"].Short() {
			t.Errorf("the first incident is %v", first)
		}
		time.Sleep(10 * time.Second)
		_, body = get(t, f, redisPath)
		if body["database"] != "a" || body["status"] != "degraded" || len(body["databases"].([]any)) != 2 {
			t.Errorf("the answer about all is %v, want a's, the first of two that are degraded", body)
		}
	})
}

func TestTheAnswerAboutAllThatAreConnectedNamesNone(t *testing.T) {
	url := serve(t, pong())
	f, err := healthcheck.New(options(t, parse(t, fmt.Sprintf("databases: [{name: a, url: %q, token: x}, {name: b, url: %q, token: x}]\n", url, url)), memory(nil), &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	code, body := get(t, f, redisPath)
	if code != http.StatusOK || body["status"] != "connected" || body["database"] != nil || body["latency_ms"] != nil || body["phases_ms"] != nil {
		t.Errorf("answered %d %v, want connected without one database's figures", code, body)
	}
	for i, name := range []string{"a", "b"} {
		if d := body["databases"].([]any)[i].(map[string]any); d["database"] != name || d["latency_ms"] == nil {
			t.Errorf("database %d is %v, want %s with its latency", i, d, name)
		}
	}
}

func TestTheLiveLatencyIsJudgedAtHomeOnly(t *testing.T) {
	for home, want := range map[string]string{"": "degraded", region: "degraded", "europe-west1": "connected"} {
		synctest.Test(t, func(t *testing.T) {
			document := fmt.Sprintf("regions: [us-east4, europe-west1]\ndatabases: [{name: a, url: 'http://127.0.0.1:601', token: x, home: %q}]\n", home)
			o := options(t, parse(t, document), memory(time.Now), &topic{})
			o.Now, o.Upstash.DialContext = time.Now, pipes
			f, err := healthcheck.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, body := get(t, f, redisPath); body["status"] != want {
				t.Errorf("home %q: %v, want %s", home, body, want)
			}
		})
	}
}

// TestALiveAnswerComesWithinItsTime has a database that hangs, and one whose failure
// comes so late that a second attempt would keep a person waiting.
func TestALiveAnswerComesWithinItsTime(t *testing.T) {
	late := func(d time.Duration) answer {
		return func(r *http.Request) (*http.Response, error) {
			time.Sleep(d)
			return gateway(r)
		}
	}
	tests := []struct {
		name     string
		answers  []answer
		attempts int
		took     time.Duration
	}{
		{"a PONG", []answer{works}, 1, 0},
		{"a quick failure is asked again", []answer{gateway}, 2, 200 * time.Millisecond},
		{"so is one just below a second", []answer{late(999 * time.Millisecond), works}, 2, 1199 * time.Millisecond},
		{"one of a second is not", []answer{late(time.Second)}, 1, time.Second},
		{"a used-up quota is not", []answer{noQuota}, 1, 0},
		{"what hangs takes two seconds", []answer{hangs}, 1, 2 * time.Second},
		{"a second attempt that hangs ends after two and a half", []answer{late(900 * time.Millisecond), hangs}, 2, 2500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{begun: time.Now(), answers: tt.answers}
				o := options(t, parse(t, one("https://fake.upstash.io")), memory(time.Now), &topic{})
				o.Now, o.Upstash.Transport = time.Now, w
				f, err := healthcheck.New(o)
				if err != nil {
					t.Fatal(err)
				}
				get(t, f, redisPath)
				if took := time.Since(w.begun); took != tt.took || len(w.attempts) != tt.attempts {
					t.Errorf("%d attempts took %v, want %d in %v", len(w.attempts), took, tt.attempts, tt.took)
				}
				// A repeated answer costs nothing for five seconds after it was made.
				get(t, f, redisPath)
				if len(w.attempts) != tt.attempts {
					t.Errorf("the answer was not repeated: %d attempts", len(w.attempts))
				}
			})
		})
	}
}

func TestAnswersAndIncidentsAreKeptForTheirTime(t *testing.T) {
	at := &clock{at: eight}
	pings := 0
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pings++; pong()(w, r) }))
	o := options(t, parse(t, one(url)), memory(at.now), &topic{})
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {5*time.Second - 1, 1}, {1, 2}} {
		at.add(step.after)
		get(t, f, redisPath)
		if pings != step.want {
			t.Errorf("%d pings after %v more, want %d", pings, step.after, step.want)
		}
	}
}

func TestTheMonitorsHealthAtItsBoundaries(t *testing.T) {
	at := &clock{at: eight}
	f, _, a := withHistory(t, at)
	run := history.Run{Scheduled: eight, Started: eight.Add(1500 * time.Millisecond), Finished: eight.Add(3 * time.Second), Region: region}
	if err := a.AppendPings(t.Context(), "main", run, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.AppendReadings(t.Context(), "main", run, nil); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		age   time.Duration
		code  int
		state string
	}{{0, 200, "ok"}, {5 * time.Minute, 200, "ok"}, {5*time.Minute + time.Second, 503, "late"}} {
		at.mu.Lock()
		at.at = eight.Add(step.age)
		at.mu.Unlock()
		code, body := get(t, f, "/health")
		jobs := body["jobs"].([]any)
		if len(jobs) != 2 || body["version"] != "v1.2.3" {
			t.Fatalf("answered %v, want two jobs and the version", body)
		}
		want := map[string]any{
			"job": "healthcheck", "shard": "main", "region": region, "state": step.state, "last_run": "2026-11-22T20:00:00Z",
			"lag_ms": 1500.0, "late_after_seconds": 300.0,
		}
		if step.age > 0 {
			want["age_seconds"] = step.age.Seconds()
		}
		if diff := cmp.Diff(want, jobs[0]); diff != "" || code != step.code {
			t.Errorf("after %v: %d, want %d (-want +got):\n%s", step.age, code, step.code, diff)
		}
		if metrics := jobs[1].(map[string]any); metrics["job"] != "metrics" || metrics["state"] != "ok" || metrics["region"] != region || metrics["lag_ms"] != 1500.0 {
			t.Errorf("after %v Metrics is %v, want ok: it runs every five minutes", step.age, metrics)
		}
	}
}

// TestARunIsRecordedWithItsTimes reads history back.
func TestARunIsRecordedWithItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory(time.Now)
		o := options(t, parse(t, "databases: [{name: a, url: 'http://127.0.0.1:250', token: x}]\n"), s, &topic{})
		o.Now, o.Upstash.DialContext = time.Now, pipes
		f, err := healthcheck.New(o)
		if err != nil {
			t.Fatal(err)
		}
		scheduled := time.Now().UTC()
		time.Sleep(2 * time.Second)
		post(t, f, scheduled)
		run, ran, err := history.New(s).LastPings(t.Context(), "main", region, time.Now())
		want := history.Run{Scheduled: scheduled, Started: scheduled.Add(2 * time.Second), Finished: scheduled.Add(2250 * time.Millisecond), Region: region}
		if diff := cmp.Diff(want, run); diff != "" || err != nil || !ran {
			t.Errorf("history has %v, %v (-want +got):\n%s", ran, err, diff)
		}
	})
}
