package local

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSchedule(t *testing.T) {
	type run struct{ scheduled, began string }
	tests := []struct {
		name  string
		every time.Duration
		run   func(n int) error
		want  []run
	}{
		{
			"runs at once, then at every multiple of the interval",
			5 * time.Second,
			func(int) error { return nil },
			[]run{{"03", "03"}, {"05", "05"}, {"10", "10"}, {"15", "15"}},
		},
		{
			"a run that overruns is followed by one at the next multiple, not by those it missed",
			5 * time.Second,
			func(n int) error {
				if n == 1 {
					time.Sleep(7 * time.Second)
				}
				return nil
			},
			[]run{{"03", "03"}, {"05", "05"}, {"15", "15"}},
		},
		{
			"a failed run is tried again with its own time until the next is due",
			4 * time.Second,
			func(n int) error {
				if n >= 1 && n < 3 {
					return errors.New("status code 503")
				}
				return nil
			},
			[]run{{"03", "03"}, {"04", "04"}, {"04", "05"}, {"04", "06"}, {"08", "08"}, {"12", "12"}, {"16", "16"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(3 * time.Second) // fake time begins at second 0
				ctx, cancel := context.WithTimeout(t.Context(), 13500*time.Millisecond)
				defer cancel()
				var got []run
				schedule(ctx, schedulerJob{name: "test", every: tt.every, run: func(_ context.Context, scheduled time.Time) error {
					got = append(got, run{scheduled.Format("05"), time.Now().Format("05")})
					return tt.run(len(got) - 1)
				}}, slog.New(slog.DiscardHandler))
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(run{})); diff != "" {
					t.Errorf("runs (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestScheduledPost(t *testing.T) {
	var header http.Header
	var body string
	status := http.StatusOK
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		header, body = r.Header, r.Method+" "+r.URL.Path+" "+string(b)
		w.WriteHeader(status)
		io.WriteString(w, "the reason\n")
	})
	c := newCaller("http://127.0.0.1:8080")
	c.handler = c.only(handler)

	j := scheduledPost(c, "healthcheck", "/HealthCheck", "main", time.Minute)
	if err := j.run(t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	if want := `POST /HealthCheck {"shard":"main"}`; body != want {
		t.Errorf("request %q, want %q", body, want)
	}
	if got := header.Get("X-CloudScheduler-ScheduleTime"); got != "2026-03-01T12:00:00Z" {
		t.Errorf("X-CloudScheduler-ScheduleTime %q, want the scheduled time", got)
	}

	status = http.StatusServiceUnavailable
	err := j.run(t.Context(), time.Now())
	if want := "posting to /HealthCheck: status code 503, want 2xx: the reason"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}

	stranger := newCaller("http://127.0.0.1:8080")
	stranger.handler = c.handler
	if err := stranger.post(t.Context(), "/HealthCheck", nil, nil); err == nil {
		t.Error("a stranger's request was admitted")
	}
}

func TestAClockThatStepsStopsNoRun(t *testing.T) {
	at := func(text string) time.Time {
		clock, err := time.Parse(time.TimeOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return clock
	}
	for _, tt := range []struct{ name, scheduled, now, next string }{
		{"the next multiple", "12:00:00", "12:00:07", "12:01:00"},
		{"after a first run between two", "12:00:30", "12:00:31", "12:01:00"},
		{"after a run that overran", "12:00:00", "12:02:10", "12:03:00"},
		{"an hour back", "12:00:00", "11:00:07", "11:01:00"},
		{"ninety seconds back", "12:00:00", "11:58:37", "11:59:00"},
		{"an hour ahead", "12:00:00", "13:00:07", "13:01:00"},
	} {
		if got := following(at(tt.scheduled), at(tt.now), time.Minute); !got.Equal(at(tt.next)) {
			t.Errorf("%s: %s, want %s", tt.name, got.Format(time.TimeOnly), tt.next)
		}
	}
	for _, tt := range []struct{ name, next, now, want string }{
		{"on time", "12:01:00", "12:01:00", "12:01:00"},
		{"late", "12:01:00", "12:01:20", "12:01:00"},
		{"a timer that is a little early", "12:01:00", "12:00:59", "12:01:00"},
		{"the clock stepped back meanwhile", "12:01:00", "11:01:10", "11:01:00"},
	} {
		if got := due(at(tt.next), at(tt.now), time.Minute); !got.Equal(at(tt.want)) {
			t.Errorf("%s: %s, want %s", tt.name, got.Format(time.TimeOnly), tt.want)
		}
	}
}
