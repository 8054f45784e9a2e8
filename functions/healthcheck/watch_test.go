package healthcheck_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// wire answers without a network, so that time can be false: the n-th attempt at a
// database gets the n-th answer, later ones the last.
type wire struct {
	mu       sync.Mutex
	begun    time.Time
	attempts []time.Duration
	answers  []answer
}

type answer func(r *http.Request) (*http.Response, error)

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	n := len(w.attempts)
	w.attempts = append(w.attempts, time.Since(w.begun))
	w.mu.Unlock()
	return w.answers[min(n, len(w.answers)-1)](r)
}

func says(status int, body string) answer {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func refuses(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

var (
	works     = says(http.StatusOK, `{"result":"PONG"}`)
	noAuth    = says(http.StatusUnauthorized, `{"error":"WRONGPASS invalid or missing auth token."}`)
	noQuota   = says(http.StatusBadRequest, `{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500002."}`)
	suspended = says(http.StatusBadRequest, `{"error":"ERR This database has been suspended for exceeding the defined budget limit."}`)
	planLimit = says(http.StatusForbidden, `{"error":"ERR This database has reached current Fixed plan limits."}`)
	limited   = says(http.StatusTooManyRequests, `{"error":"ERR Your database has been temporarily rate-limited"}`)
	starting  = says(http.StatusBadRequest, `{"error":"LOADING Redis is loading the dataset in memory"}`)
	gateway   = says(http.StatusBadGateway, "<html>")
	panicking = answer(func(*http.Request) (*http.Response, error) { panic("a bug") })
)

func TestWaves(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name     string
		answers  []answer
		attempts []time.Duration
		took     time.Duration
		status   report.Status
		cause    cause.Cause
	}{
		{"a PONG is asked for once", []answer{works}, []time.Duration{0}, 0, report.OK, ""},
		{"a lost packet passes in a second", []answer{gateway, works}, []time.Duration{0, s}, s, report.OK, ""},
		{"a restart in three more", []answer{refuses, refuses, works}, []time.Duration{0, s, 4 * s}, 4 * s, report.OK, ""},
		{"what stays down is confirmed", []answer{refuses}, []time.Duration{0, s, 4 * s}, 4 * s, report.Fail, cause.TCPRefused},
		{"the last answer names the cause", []answer{refuses, gateway, gateway}, []time.Duration{0, s, 4 * s}, 4 * s, report.Fail, cause.Provider5xx},
		{"what hangs takes sixteen seconds", []answer{hangs}, []time.Duration{0, 5 * s, 12 * s}, 16 * s, report.Fail, cause.TimeoutConnect},
		{"a refused token is tried once more", []answer{noAuth}, []time.Duration{0, s}, s, report.Fail, cause.AuthInvalid},
		{"also after something else", []answer{gateway, noAuth, noAuth}, []time.Duration{0, s, 4 * s}, 4 * s, report.Fail, cause.AuthInvalid},
		{"a used-up quota is not", []answer{noQuota}, []time.Duration{0}, 0, report.Fail, cause.QuotaMonthly},
		{"nor is a suspended database", []answer{suspended}, []time.Duration{0}, 0, report.Fail, cause.QuotaSuspended},
		{"nor a reached limit of the plan", []answer{planLimit}, []time.Duration{0}, 0, report.Fail, cause.QuotaPlan},
		{"nor a database that Upstash has limited", []answer{limited}, []time.Duration{0}, 0, report.Fail, cause.QuotaRateLimited},
		{"a server that starts is tried again", []answer{starting, works}, []time.Duration{0, s}, s, report.OK, ""},
		{"a bug in one probe is unknown", []answer{panicking}, []time.Duration{0}, 0, report.Unknown, cause.MonitorPanic},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{begun: time.Now(), answers: tt.answers}
				to := &topic{}
				o := options(t, parse(t, one("https://fake.upstash.io")), memory(nil), to)
				o.Upstash.Transport = w
				f, err := healthcheck.New(o)
				if err != nil {
					t.Fatal(err)
				}
				if code, body := post(t, f, time.Now()); code != http.StatusOK {
					t.Fatalf("answered %d %s", code, body)
				}
				if took := time.Since(w.begun); took != tt.took {
					t.Errorf("the run took %v, want %v", took, tt.took)
				}
				if diff := cmp.Diff(tt.attempts, w.attempts); diff != "" {
					t.Errorf("attempts (-want +got):\n%s", diff)
				}
				p := find(t, to.last(t), "cache", report.Ping)
				if p.Status != tt.status || p.Cause != tt.cause {
					t.Errorf("ping = %s %s, want %s %s", p.Status, p.Cause, tt.status, tt.cause)
				}
				if tt.cause != cause.MonitorPanic && p.Attempts != len(tt.attempts) {
					t.Errorf("%d attempts are reported, want %d", p.Attempts, len(tt.attempts))
				}
			})
		})
	}
}

func TestABigOutageIsPublishedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var document strings.Builder
		document.WriteString("databases:\n")
		for i := range 500 {
			fmt.Fprintf(&document, "- {name: db-%d, url: 'https://fake.upstash.io', token: sesame}\n", i)
		}
		to := &topic{}
		o := options(t, parse(t, document.String()), memory(nil), to)
		o.Upstash.Transport = &wire{begun: begun, answers: []answer{hangs}}
		f, err := healthcheck.New(o)
		if err != nil {
			t.Fatal(err)
		}
		post(t, f, begun)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("the report was out after %v, want 20 s at most", took)
		}
		failed := 0
		for _, o := range to.last(t).Observations {
			if o.Check == report.Ping && o.Status == report.Fail && o.Attempts == 3 {
				failed++
			}
		}
		if failed != 500 {
			t.Errorf("%d failures, want 500 confirmed ones", failed)
		}
	})
}

// TestARunThatIsCutShort has a secret source so slow that the deadline comes before
// the first or the second attempt is complete.
func TestARunThatIsCutShort(t *testing.T) {
	tests := []struct {
		name     string
		slow     time.Duration
		status   report.Status
		cause    cause.Cause
		attempts int
		monitor  report.Status
	}{
		{"what failed twice and could not be confirmed is a failure", 6 * time.Second, report.Fail, cause.TimeoutConnect, 2, report.OK},
		{"an attempt that was cut short says nothing", 15 * time.Second, report.Unknown, cause.Interrupted, 0, report.Warn},
		{"what was not tried is unknown", time.Minute, report.Unknown, cause.Interrupted, 0, report.Warn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				to := &topic{}
				o := options(t, parse(t, one("https://fake.upstash.io")), memory(nil), to)
				o.Upstash.Transport = &wire{begun: begun, answers: []answer{hangs}}
				resolve, first := o.Resolve, true
				o.Resolve = slowOnce(resolve, tt.slow, &first)
				f, err := healthcheck.New(o)
				if err != nil {
					t.Fatal(err)
				}
				post(t, f, begun)
				if took := time.Since(begun); took > 20*time.Second {
					t.Errorf("the report was out after %v, want 20 s at most", took)
				}
				p := find(t, to.last(t), "cache", report.Ping)
				if p.Status != tt.status || p.Cause != tt.cause || p.Attempts != tt.attempts {
					t.Errorf("ping = %+v, want %s of %s after %d attempts", p, tt.status, tt.cause, tt.attempts)
				}
				if m := find(t, to.last(t), "_pongwatch", report.Monitor); m.Status != tt.monitor {
					t.Errorf("monitor = %+v, want %s", m, tt.monitor)
				}
			})
		})
	}
}

func TestARunWhoseCallerLeavesPublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &topic{}
		o := options(t, parse(t, one("https://fake.upstash.io")), memory(nil), to)
		o.Upstash.Transport = &wire{begun: time.Now(), answers: []answer{hangs}}
		f, err := healthcheck.New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Second, func() { cancel(errors.New("gone")) })
		if code := postContext(ctx, f); code != http.StatusServiceUnavailable || len(to.reports) != 0 {
			t.Errorf("answered %d with %d reports, want 503 and none: the next attempt must not be hidden", code, len(to.reports))
		}
	})
}

func TestABugInOneLiveAnswerIsAnError(t *testing.T) {
	o := options(t, parse(t, one("https://fake.upstash.io")), memory(nil), &topic{})
	o.Upstash.Transport = &wire{answers: []answer{panicking}}
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, f, redisPath); code != http.StatusServiceUnavailable || body["cause"] != string(cause.MonitorPanic) {
		t.Errorf("answered %d %v, want 503 of monitor_panic", code, body)
	}
}
