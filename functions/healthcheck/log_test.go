package healthcheck_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/internal/goldentest"
)

// TestTheProbeLine holds the fields of the line on which log-based metrics are built.
func TestTheProbeLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := options(t, parse(t, one("https://fake.upstash.io")), memory(nil), &topic{})
		o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		wire := &wire{begun: time.Now(), answers: []answer{works, noQuota}}
		o.Upstash.Transport = wire
		f, err := healthcheck.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			scheduled := time.Now()
			time.Sleep(1500 * time.Millisecond)
			post(t, f, scheduled)
		}
		goldentest.Compare(t, "testdata/probe.jsonl", log.Bytes())
	})
}

// Cloud Monitoring takes a run without a line for one that was not made.
func TestARunInWhichNoPingIsDueIsLogged(t *testing.T) {
	var log bytes.Buffer
	o := options(t, parse(t, one(serve(t, pong()))+"checks: {ping: {every: 3m}}\n"), memory(nil), &topic{})
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Minute)
	for _, back := range []int{2, 1, 0} {
		post(t, f, now.Add(-time.Duration(back)*time.Minute))
	}
	if probes, runs := strings.Count(log.String(), `"event":"probe"`), strings.Count(log.String(), `"event":"run","shard":"main","region":"us-east4"`); probes != 1 || runs != 2 {
		t.Errorf("%d pings and %d runs without any are logged, want 1 and 2:\n%s", probes, runs, log.String())
	}
}

func TestTheProbeLineHasPhasesAndNoSecret(t *testing.T) {
	var log bytes.Buffer
	o := options(t, parse(t, strings.Replace(one(serve(t, answering(http.StatusUnauthorized, `{"error":"WRONGPASS c4nary-token"}`))), "sesame", "c4nary-token", 1)), memory(nil), &topic{})
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	f, err := healthcheck.NewHurried(o, 20)
	if err != nil {
		t.Fatal(err)
	}
	_, body := post(t, f, time.Now().Truncate(time.Minute))
	var line map[string]any
	if err := json.Unmarshal([]byte(strings.Split(log.String(), "\n")[0]), &line); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"latency_ms", "connect_ms", "total_ms"} {
		if v, _ := line[field].(float64); v <= 0 {
			t.Errorf("%s is %v, want milliseconds", field, line[field])
		}
	}
	if strings.Contains(log.String()+body, "c4nary") {
		t.Errorf("the token is in the log or the answer: %s %s", log.String(), body)
	}
}
