package gameday

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// stage is a proxy with a good app in front of it, and a pongwatch that tells at once.
type stage struct {
	Options
	mock     atomic.Bool
	progress []string
}

func newStage(t *testing.T, causes string) *stage {
	t.Helper()
	s := &stage{}
	s.Traffic = &Traffic{}
	s.Proxy = upstashtest.Start(t, upstashtest.Options{Token: "example", Observe: s.Traffic.Observe})
	get := func(ctx context.Context, path, agent string) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Proxy.URL()+path, http.NoBody)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer example")
		req.Header.Set("User-Agent", agent)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mock.Store(get(r.Context(), "/get/a", "an app") != nil)
		io.WriteString(w, "served")
	}))
	t.Cleanup(app.Close)
	s.Pages = []string{app.URL + "/a", app.URL + "/b?c"}
	s.Health = func(ctx context.Context) report.Observation {
		if s.mock.Store(get(ctx, "/ping", "an app") != nil); s.mock.Load() {
			return report.Observation{Status: report.Fail, HTTPStatus: 200, Evidence: "mock"}
		}
		return report.Observation{Status: report.OK, HTTPStatus: 200}
	}
	s.Database = "cache"
	opened := 0
	var open, over []incidents.Incident
	s.Incidents = func(ctx context.Context) (incidents.View, error) {
		mode := s.Proxy.Fault().Mode
		_ = get(ctx, "/ping", "pongwatch (test)")
		switch {
		case mode == upstashtest.None || mode == "":
			over, open = append(over, open...), nil
		case open == nil:
			opened++
			f := Faults()
			for _, f := range f {
				if f.Mode == mode {
					open = []incidents.Incident{
						{FullID: string(f.Cause), ID: "INC-" + string(f.Cause), Database: "cache", Check: report.Ping, Cause: f.Cause, Told: []incidents.Told{{Receiver: "slack", Delivery: incidents.DeliveryDone, At: time.Now()}}},
						// Neither is about the broken database itself.
						{FullID: "m", Database: "cache", Check: report.MockMode},
						{FullID: "o", Database: "other", Check: report.Ping},
					}
				}
			}
		}
		return incidents.View{Open: open, Resolved: over}, nil
	}
	s.Every, s.Timeout, s.Patience, s.AlertPatience = 10*time.Millisecond, 30*time.Second, time.Minute, time.Minute
	s.Progress = func(line string) { s.progress = append(s.progress, line) }
	var err error
	if s.Faults, err = Choose(strings.Fields(causes)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAGoodAppScores100(t *testing.T) {
	t.Parallel()
	s := newStage(t, "tcp_refused auth_invalid quota_monthly provider_5xx")
	rows, err := Run(t.Context(), s.Options)
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	if r.Add(rows); r.Score != 100 || r.Asked != 400 || s.Proxy.Fault().Mode != upstashtest.None {
		var b strings.Builder
		_ = WriteTable(&b, r)
		t.Errorf("the proxy is left %s\n%s\n%s", s.Proxy.Fault().Mode, &b, strings.Join(s.progress, "\n"))
	}
}

// A pongwatch that watches elsewhere is not asked, and does not count.
func TestAPongwatchThatWatchesElsewhere(t *testing.T) {
	t.Parallel()
	s := newStage(t, "auth_invalid")
	s.Incidents = func(context.Context) (incidents.View, error) { return incidents.View{}, nil }
	s.Patience, s.AlertPatience = time.Minute, time.Second
	rows, err := Run(t.Context(), s.Options)
	if err != nil {
		t.Fatal(err)
	}
	gained, asked := rows[0].points()
	if gained != 85 || asked != 85 || !strings.Contains(strings.Join(s.progress, "\n"), "alert and resolve are not asked: pongwatch does not watch through the proxy") {
		t.Errorf("%d of %d points\n%s", gained, asked, strings.Join(s.progress, "\n"))
	}
}

func TestWhatCannotBePlayed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		change     func(*stage)
	}{
		{"an app in mock mode", "playing auth_invalid: before anything was broken: the app's health page does not say connected: mock", func(s *stage) {
			s.Health = func(context.Context) report.Observation {
				return report.Observation{Status: report.Fail, HTTPStatus: 200, Evidence: "mock"}
			}
		}},
		{"an app that uses another Redis", "no request of the app has come through the proxy: give it http://127.0.0.1:", func(s *stage) {
			s.Traffic = &Traffic{}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "auth_invalid")
			s.Patience, s.AlertPatience = 300*time.Millisecond, 300*time.Millisecond
			tt.change(s)
			rows, err := Run(t.Context(), s.Options)
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(rows) != 0 {
				t.Errorf("%d rows, %v; want %q", len(rows), err, tt.want)
			}
		})
	}
}

// Ctrl-C in the middle of a fault ends it.
func TestAnInterruptedGameDayRestoresTheProxy(t *testing.T) {
	t.Parallel()
	s := newStage(t, "tcp_refused")
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(line string) {
		if strings.Contains(line, "broken") {
			cancel()
		}
	}
	if _, err := Run(ctx, s.Options); !errors.Is(err, context.Canceled) || s.Proxy.Fault().Mode != upstashtest.None {
		t.Errorf("%v, and the proxy is left %s", err, s.Proxy.Fault().Mode)
	}
}

func TestTheLoadIsSaid(t *testing.T) {
	o := Options{Pages: []string{"a", "b"}, Every: 500 * time.Millisecond, Faults: Faults()[:2], Patience: time.Minute, AlertPatience: 5 * time.Minute}
	if got, want := o.Load(), "at most 6 requests a second at the app, never more than one at once for each of 3 addresses"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := o.Longest(); got != 30*time.Minute {
		t.Errorf("%v at most, want 30m", got)
	}
}
