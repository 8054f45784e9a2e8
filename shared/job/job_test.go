package job_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/job"
)

var now = time.Date(2026, 11, 22, 20, 0, 42, 0, time.UTC)

func read(r *http.Request, every time.Duration, shards ...string) (job.Round, error) {
	n := &job.Runner{Every: every, Shards: shards, Now: func() time.Time { return now }}
	return job.ReadRound(n, r)
}

func TestWhatASchedulerAsks(t *testing.T) {
	minute := now.Truncate(time.Minute)
	tests := []struct {
		name, body, header string
		scheduled          time.Time
		problem            string
	}{
		{name: "as Scheduler asks", body: `{"shard":"main"}`, header: "2026-11-22T20:00:00Z", scheduled: minute},
		{name: "another zone is the same time", header: "2026-11-22T21:00:00+01:00", scheduled: minute},
		{name: "a person without header", body: ` `, scheduled: minute},
		{name: "the run before is tried again", header: "2026-11-22T19:59:00Z", scheduled: minute.Add(-time.Minute)},
		{name: "older than retries explain", header: "2026-11-22T19:50:00Z", problem: "no retry explains"},
		{name: "last year's", header: "2025-11-22T20:00:00Z", problem: "no retry explains"},
		{name: "the year 1", header: "0001-01-01T00:00:00Z", problem: "no retry explains"},
		{name: "too far ahead", header: "2026-11-22T20:02:00Z", problem: "in the future"},
		{name: "half a minute ahead", header: "2026-11-22T20:00:55Z", problem: "in the future"},
		{name: "no time", header: "yesterday", problem: "want a time such as"},
		{name: "no JSON", body: "main", problem: `{"shard":"main"}`},
		{name: "an unknown field", body: `{"sharp":"main"}`, problem: `{"shard":"main"}`},
		{name: "a book", body: `{"shard":"` + strings.Repeat("x", 5000) + `"}`, problem: "more than 4096 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
			if tt.header != "" {
				r.Header.Set(job.HeaderScheduleTime, tt.header)
			}
			got, err := read(r, time.Minute, "main")
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("error %v, want one that says %q", err, tt.problem)
				}
				return
			}
			if err != nil || got.Shard != "main" || !got.Scheduled.Equal(tt.scheduled) || got.Scheduled.Location() != time.UTC {
				t.Errorf("read %+v, %v; want shard main at %v", got, err, tt.scheduled)
			}
		})
	}
}

func TestTheShardThatIsAskedFor(t *testing.T) {
	tests := []struct {
		name, asked, want string
		shards            []string
		wrong             bool
	}{
		{name: "the one asked for", asked: "b", shards: []string{"a", "b"}, want: "b"},
		{name: "the only one needs no name", shards: []string{"a"}, want: "a"},
		{name: "of several one must be named", shards: []string{"a", "b"}, wrong: true},
		{name: "an unknown one", asked: "c", shards: []string{"a"}, wrong: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := read(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"shard":"`+tt.asked+`"}`)), time.Minute, tt.shards...)
			if got.Shard != tt.want || (err != nil) != tt.wrong {
				t.Errorf("read %+v, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"shard":"main"}`, "2026-11-22T20:00:00Z")
	f.Add("", "")
	f.Add(`{"shard":1}`, "2026-11-22T20:00:00.5+14:00")
	f.Fuzz(func(t *testing.T, body, header string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set(job.HeaderScheduleTime, header)
		q, err := read(r, time.Minute, "main")
		if err == nil && q.Scheduled.Sub(now) > job.MaxAhead {
			t.Errorf("%q is accepted, which is %v ahead", header, q.Scheduled.Sub(now))
		}
	})
}
