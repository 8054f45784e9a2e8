package job_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// bench is a runner with all that it depends on, each of which can fail.
type bench struct {
	runner *job.Runner

	mu        sync.Mutex
	log       bytes.Buffer
	steps     []string // publish and record, in their order
	reports   []report.Report
	publish   error
	record    error
	seen      []report.Observation
	deadlines map[string]time.Duration // by step
}

func (b *bench) Publish(ctx context.Context, m report.Message) error {
	b.step(ctx, "publish")
	if b.publish != nil {
		return b.publish
	}
	d, err := report.Decode(m, now)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, *d.Report)
	return nil
}

func (b *bench) step(ctx context.Context, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps = append(b.steps, name)
	if at, ok := ctx.Deadline(); ok {
		b.deadlines[name] = time.Until(at)
	}
}

func newBench(shards ...string) *bench {
	b := &bench{deadlines: map[string]time.Duration{}}
	b.runner = &job.Runner{
		Job: report.HealthCheck, Region: "us-east4", Version: "v1", Every: time.Minute, Shards: shards, Reports: b,
		Now: time.Now, Log: slog.New(slog.NewJSONHandler(&b.log, nil)),
		Observe: func(ctx context.Context, r job.Round) job.Seen {
			b.step(ctx, "observe "+r.Shard)
			time.Sleep(time.Second)
			return job.Seen{Observations: b.seen, Databases: 3, Record: func(ctx context.Context, finished time.Time) error {
				b.step(ctx, "record "+r.Shard+" finished "+finished.Format("15:04:05"))
				return b.record
			}}
		},
	}
	return b
}

// run posts a scheduler's request and returns the answer.
func (b *bench) run(ctx context.Context, shard string, scheduled time.Time) (int, map[string]any, http.Header) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(`{"shard":"`+shard+`"}`))
	r.Header.Set(job.HeaderScheduleTime, scheduled.Format(time.RFC3339))
	w := httptest.NewRecorder()
	b.runner.ServeHTTP(w, r)
	var body map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &body)
	return w.Code, body, w.Header()
}

func (b *bench) monitor() report.Observation {
	all := b.reports[len(b.reports)-1].Observations
	return all[len(all)-1]
}

func TestARunObservesPublishesAndRecordsInThisOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench("main")
		b.seen = []report.Observation{
			{Database: "a", Check: report.Ping, Source: "us-east4", Status: report.OK, Every: time.Minute, At: time.Now()},
			{Database: "b", Check: report.Ping, Source: "us-east4", Status: report.Fail, Cause: cause.TCPRefused, Every: time.Minute, At: time.Now()},
		}
		scheduled := time.Now().UTC()
		time.Sleep(1500 * time.Millisecond)
		code, body, header := b.run(t.Context(), "main", scheduled)
		want := map[string]any{
			"report": "healthcheck/us-east4/main/2000-01-01T00:00:00Z", "databases": 3.0, "lag_ms": 1500.0, "took_ms": 1000.0, "recorded": true,
			"observations": map[string]any{"ok": 2.0, "fail": 1.0},
		}
		if diff := cmp.Diff(want, body); diff != "" || code != http.StatusOK {
			t.Errorf("answered %d (-want +got):\n%s", code, diff)
		}
		for name, value := range map[string]string{
			"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		} {
			if header.Get(name) != value {
				t.Errorf("header %s is %q, want %q", name, header.Get(name), value)
			}
		}
		if diff := cmp.Diff([]string{"observe main", "publish", "record main finished 00:00:02"}, b.steps); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]time.Duration{
			"observe main": 17 * time.Second, "publish": 2500 * time.Millisecond, "record main finished 00:00:02": 3 * time.Second,
		}, b.deadlines); diff != "" {
			t.Errorf("deadlines (-want +got):\n%s", diff)
		}
		r := b.reports[0]
		if r.Job != report.HealthCheck || r.Region != "us-east4" || r.Shard != "main" || r.Version != "v1" || r.Every != time.Minute ||
			!r.Scheduled.Equal(scheduled) || !r.Finished.Equal(scheduled.Add(2500*time.Millisecond).Truncate(time.Millisecond)) {
			t.Errorf("report %+v", r)
		}
		m := b.monitor()
		if m.Database != report.MonitorDatabase || m.Check != report.Monitor || m.Source != "healthcheck@us-east4" || m.Status != report.OK ||
			!m.Clear || m.Every != time.Minute || m.At.IsZero() || m.Unit != report.Milliseconds || m.Value == nil || *m.Value != 1500 {
			t.Errorf("monitor = %+v, want ok with a lag of 1500 ms", m)
		}
		if b.log.Len() != 0 {
			t.Errorf("a good run logs %s", b.log.String())
		}
	})
}

func TestEachStepOfARunMayFail(t *testing.T) {
	panicked := report.Observation{Database: "a", Check: report.Ping, Status: report.Unknown, Cause: cause.MonitorPanic}
	cut := func(database string) report.Observation {
		return report.Observation{Database: database, Check: report.Ping, Status: report.Unknown, Cause: cause.Interrupted}
	}
	tests := []struct {
		name            string
		publish, record error
		seen            []report.Observation
		code            int
		log             []string // level, event and what the line says
		recorded        bool
		// The monitor's own observation in this run, and in the next.
		now, next cause.Cause
		evidence  string
	}{
		{name: "nothing fails", code: 200, recorded: true},
		{name: "publishing", publish: errors.New("topic is down"), code: 503, log: []string{"ERROR", "publish_failed", "publishing the report: topic is down", "healthcheck/us-east4/main/"}},
		{name: "recording", record: errors.New("store is down"), code: 200, log: []string{"WARN", "history_failed", "store is down", "healthcheck/us-east4/main/"}, next: cause.MonitorStore, evidence: "store is down"},
		{name: "a check", seen: []report.Observation{panicked, panicked}, code: 200, recorded: true, now: cause.MonitorPanic, next: cause.MonitorPanic, evidence: "2 checks panicked"},
		{name: "time", seen: []report.Observation{cut("a"), cut("a"), cut("b")}, code: 200, recorded: true, now: cause.Interrupted, next: cause.Interrupted, evidence: "2 of 3 databases"},
		{name: "a check, and time", seen: []report.Observation{cut("a"), panicked}, code: 200, recorded: true, now: cause.MonitorPanic, next: cause.MonitorPanic, evidence: "1 checks panicked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench("main", "other")
				for i := range tt.seen {
					tt.seen[i].Every, tt.seen[i].At = time.Minute, time.Now()
				}
				b.publish, b.record, b.seen = tt.publish, tt.record, tt.seen
				scheduled := time.Now().UTC().Add(-2 * time.Minute)
				code, body, _ := b.run(t.Context(), "main", scheduled)
				if code != tt.code {
					t.Errorf("answered %d %v, want %d", code, body, tt.code)
				}
				if recorded, _ := body["recorded"].(bool); recorded != tt.recorded {
					t.Errorf("answered %v, want recorded %v", body, tt.recorded)
				}
				for _, word := range tt.log {
					if !strings.Contains(b.log.String(), word) {
						t.Errorf("the log %s does not say %q", b.log.String(), word)
					}
				}
				if (b.log.Len() > 0) != (tt.log != nil) {
					t.Errorf("logged %s", b.log.String())
				}
				check := func(when string, want cause.Cause) {
					t.Helper()
					m := b.monitor()
					if m.Cause != want || (m.Status == report.Warn) != (want != "") || m.Clear != (want == "") || want != "" && !strings.Contains(m.Evidence, tt.evidence) {
						t.Errorf("%s the monitor is %+v, want %q", when, m, want)
					}
				}
				if tt.publish != nil {
					if len(b.steps) != 2 {
						t.Errorf("steps %v, want no record before the report is out", b.steps)
					}
					// The scheduler tries the same run again.
					b.publish = nil
					if code, body, _ := b.run(t.Context(), "main", scheduled); code != http.StatusOK || body["repeated"] != nil {
						t.Errorf("the second attempt is answered %d %v, want a whole run", code, body)
					}
					return
				}
				check("in this run", tt.now)
				body["repeated"] = true
				code, again, _ := b.run(t.Context(), "main", scheduled)
				if diff := cmp.Diff(body, again); diff != "" || code != http.StatusOK || len(b.reports) != 1 {
					t.Errorf("the same run again is answered %d with %d reports, want the first answer and one (-want +got):\n%s", code, len(b.reports), diff)
				}
				b.record = nil
				b.run(t.Context(), "other", scheduled)
				if tt.seen == nil {
					if m := b.monitor(); m.Status != report.OK {
						t.Errorf("another shard's monitor is %+v, want ok", m)
					}
				}
				b.run(t.Context(), "main", scheduled.Add(time.Minute))
				check("in the next run", tt.next)
				b.seen = nil
				b.run(t.Context(), "main", scheduled.Add(2*time.Minute))
				if m := b.monitor(); m.Status != report.OK {
					t.Errorf("after a good run the monitor is %+v, want ok", m)
				}
			})
		})
	}
}

func TestACallerThatLeavesGetsNoReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench("main")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		if code, body, _ := b.run(ctx, "main", time.Now()); code != http.StatusServiceUnavailable || !strings.Contains(body["error"].(string), "cancelled") || len(b.reports) != 0 {
			t.Errorf("answered %d %v with %d reports, want 503 and none", code, body, len(b.reports))
		}
		// One whose deadline passed still gets what was seen.
		ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if code, _, _ := b.run(ctx, "main", time.Now()); code != http.StatusOK || len(b.reports) != 1 {
			t.Errorf("answered %d with %d reports, want 200 and one", code, len(b.reports))
		}
	})
}

func TestRunsOfSeveralShardsAtOnceKeepApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shards := []string{"a", "b", "c"}
		b := newBench(shards...)
		scheduled := time.Now()
		var wg sync.WaitGroup
		for _, shard := range shards {
			wg.Go(func() {
				if code, body, _ := b.run(t.Context(), shard, scheduled); code != http.StatusOK || !strings.Contains(body["report"].(string), "/"+shard+"/") {
					t.Errorf("%s is answered %d %v", shard, code, body)
				}
			})
		}
		wg.Wait()
		for _, shard := range shards {
			if _, body, _ := b.run(t.Context(), shard, scheduled); body["repeated"] != true {
				t.Errorf("%s runs again: %v", shard, body)
			}
		}
	})
}

func TestARequestThatIsWrongIsABadRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench("main")
		for name, r := range map[string]*http.Request{
			"another shard": httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"shard":"other"}`)),
			"no JSON":       httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`shard`)),
			"a broken body": httptest.NewRequest(http.MethodPost, "/", brokenBody{}),
		} {
			w := httptest.NewRecorder()
			b.runner.ServeHTTP(w, r)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error":"`) || len(b.steps) != 0 {
				t.Errorf("%s: answered %d %s after %v, want 400 before anything", name, w.Code, w.Body, b.steps)
			}
		}
	})
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection lost") }

func TestAScheduledTimeIsAboutNow(t *testing.T) {
	for ahead, good := range map[time.Duration]bool{job.MaxAhead: true, job.MaxAhead + time.Second: false} {
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.Header.Set(job.HeaderScheduleTime, now.Add(ahead).Format(time.RFC3339))
		if _, err := read(r, time.Minute, "main"); (err == nil) != good {
			t.Errorf("%v ahead: %v, want good %v", ahead, err, good)
		}
	}
	for every, most := range map[time.Duration]time.Duration{time.Minute: 3 * time.Minute, time.Hour: 62 * time.Minute, 5 * time.Second: 125 * time.Second} {
		for late, good := range map[time.Duration]bool{most: true, most + time.Second: false} {
			r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
			r.Header.Set(job.HeaderScheduleTime, now.Truncate(time.Second).Add(-late).Format(time.RFC3339))
			if _, err := read(r, every, "main"); (err == nil) != good {
				t.Errorf("a run each %v, %v late: %v, want good %v", every, late, err, good)
			}
		}
	}
	for size, good := range map[int]bool{4096: true, 4097: false} {
		shard := strings.Repeat("x", size-12)
		body := `{"shard":"` + shard + `"}`
		if _, err := read(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), time.Minute, shard); (err == nil) != good {
			t.Errorf("a body of %d bytes: %v, want good %v", len(body), err, good)
		}
	}
}

func TestAnswersThatAreNoResult(t *testing.T) {
	w := httptest.NewRecorder()
	job.NotFound("/a", "/b").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/c", http.NoBody))
	if want := `{"error":"nothing is here","paths":["/a","/b"]}` + "\n"; w.Code != http.StatusNotFound || w.Body.String() != want {
		t.Errorf("answered %d %q, want 404 %q", w.Code, w.Body, want)
	}
	w = httptest.NewRecorder()
	job.WriteJSON(w, http.StatusOK, func() {})
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `{"error":"encoding the answer"}`) {
		t.Errorf("what JSON cannot hold is answered %d %q, want 500", w.Code, w.Body)
	}
}
