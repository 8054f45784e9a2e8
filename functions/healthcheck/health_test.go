package healthcheck_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestHealthIsAboutTheMonitor(t *testing.T) {
	at := &clock{at: eight}
	s := storetest.NewFaulty(memory(at.now))
	o := options(t, parse(t, one(serve(t, pong()))+"regions: [us-east4, europe-west1]\n"), s, &topic{})
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	states := func() (int, map[string]string) {
		code, body := get(t, f, "/health")
		out := map[string]string{"": fmt.Sprint(body["status"])}
		for _, j := range body["jobs"].([]any) {
			j := j.(map[string]any)
			region, _ := j["region"].(string)
			out[fmt.Sprint(j["job"], "@", region)] = fmt.Sprint(j["state"])
		}
		return code, out
	}
	check := func(when string, code int, want map[string]string) {
		t.Helper()
		gotCode, got := states()
		if diff := cmp.Diff(want, got); diff != "" || gotCode != code {
			t.Errorf("%s: %d, want %d (-want +got):\n%s", when, gotCode, code, diff)
		}
	}
	check("before any run", 503, map[string]string{"": "late", "healthcheck@us-east4": "never", "healthcheck@europe-west1": "never", "metrics@": "never"})

	a := history.New(s)
	for _, r := range []string{region, "europe-west1"} {
		if err := a.AppendPings(t.Context(), "main", history.Run{Scheduled: eight, Started: eight, Region: r}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.AppendReadings(t.Context(), "main", history.Run{Scheduled: eight, Started: eight, Region: region}, nil); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"": "ok", "healthcheck@us-east4": "ok", "healthcheck@europe-west1": "ok", "metrics@us-east4": "ok"}
	check("after every job's run", 200, all)

	at.add(6 * time.Minute) // three intervals of a minute and two minutes' grace have passed
	check("six minutes later", 503, map[string]string{"": "late", "healthcheck@us-east4": "late", "healthcheck@europe-west1": "late", "metrics@us-east4": "ok"})

	s.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	check("without a store", 503, map[string]string{"": "unknown", "healthcheck@us-east4": "unknown", "healthcheck@europe-west1": "unknown", "metrics@": "unknown"})
}

// Everyone may read the page where access says so: it says what could not be read, and the log
// says why, once for as long as it lasts.
func TestHealthKeepsTheReasonForTheLog(t *testing.T) {
	var log bytes.Buffer
	s := storetest.NewFaulty(memory(nil))
	o := options(t, parse(t, one(serve(t, pong()))+"access: {health: public}\n"), s, &topic{})
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	outage := func(times int) {
		t.Helper()
		log.Reset()
		s.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
		for range times {
			_, body := get(t, f, "/health")
			for _, j := range body["jobs"].([]any) {
				if said := j.(map[string]any)["error"]; said != "history could not be read" {
					t.Errorf("a stranger reads %q", said)
				}
			}
		}
		if n := strings.Count(log.String(), "event=history_failed"); n != 1 || !strings.Contains(log.String(), "injected fault") {
			t.Errorf("%d lines, want one with the reason:\n%s", n, log.String())
		}
	}
	outage(3)
	s.Always(nil)
	get(t, f, "/health")
	outage(2)
}

// withHistory returns a function of one database, with its store and what is kept there.
func withHistory(t *testing.T, at *clock) (*healthcheck.Function, *storetest.Memory, *history.Archive) {
	t.Helper()
	s := memory(at.now)
	o := options(t, parse(t, one(serve(t, pong()))), s, &topic{})
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f, s, history.New(s)
}

// A document that cannot be read may have the last run: it is not known, and not late.
func TestHealthWithDamagedHistory(t *testing.T) {
	at := &clock{at: eight.Add(30 * time.Minute)}
	f, s, a := withHistory(t, at)
	run := func(scheduled time.Time) {
		t.Helper()
		r := history.Run{Scheduled: scheduled, Started: scheduled, Region: region}
		if err := errors.Join(history.New(s).AppendPings(t.Context(), "main", r, nil), history.New(s).AppendReadings(t.Context(), "main", r, nil)); err != nil {
			t.Log(err) // an hour that was set aside
		}
	}
	damage := func(key string) {
		t.Helper()
		doc, err := s.Get(t.Context(), key)
		if err == nil {
			doc.Data = []byte("damaged")
			_, err = s.Put(t.Context(), doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(when, status string) {
		t.Helper()
		_, body := get(t, f, "/health")
		for _, j := range body["jobs"].([]any) {
			if state := j.(map[string]any)["state"]; state != status {
				t.Errorf("%s: %v, want %s", when, j, status)
			}
		}
	}
	documents := []string{"hot/v1/main/us-east4/2026-11-22T20", "gauges/v1/main/2026-11-22T20"}
	run(eight.Add(20 * time.Minute))
	for _, key := range documents {
		damage(key)
	}
	want("the only hour is damaged", "unknown")
	run(eight.Add(29 * time.Minute))
	want("the hour was set aside", "ok")
	at.add(2 * time.Hour)
	want("no run has followed", "late")
	run(eight.Add(-30 * time.Minute))
	for _, key := range documents {
		damage(key)
	}
	want("the last hour is damaged, and the one before is not", "unknown")
	if _, err := a.Renew(t.Context(), history.Compaction{Shard: "main", Regions: []string{region}}, at.now()); err == nil {
		t.Error("a damaged hour is no error")
	}
	damage("overviews/v1/main")
	at.add(80 * 24 * time.Hour)
	want("all that is left is a damaged overview", "unknown")
}

// The clock was fast and has stepped back: a run of the future says nothing of now.
func TestHealthAfterTheClockHasSteppedBack(t *testing.T) {
	at := &clock{at: eight.Add(8*time.Minute + 30*time.Second)}
	f, _, a := withHistory(t, at)
	run := func(minute int) {
		t.Helper()
		scheduled := eight.Add(time.Duration(minute) * time.Minute)
		r := history.Run{Scheduled: scheduled, Started: scheduled, Region: region}
		if err := errors.Join(a.AppendPings(t.Context(), "main", r, nil), a.AppendReadings(t.Context(), "main", r, nil)); err != nil {
			t.Fatal(err)
		}
	}
	run(10)
	if code, body := get(t, f, "/health"); code != http.StatusServiceUnavailable || body["status"] != "unknown" {
		t.Errorf("after a run of the future alone: %d %v, want 503 and unknown", code, body)
	}
	run(8)
	if code, body := get(t, f, "/health"); code != http.StatusOK {
		t.Errorf("after a run by the present clock: %d %v, want 200", code, body)
	}
}
