package upstash

import (
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

// BenchmarkPingLoopback reports the CPU of one scheduled PING on a fresh connection
// over plain http, the server's half included; the budget is 0.15 ms for the client's.
func BenchmarkPingLoopback(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"result":"PONG"}`) }))
	defer server.Close()
	c, err := New(Options{URL: server.URL, Token: secrets.New(testToken), AllowHTTP: true})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		if r := c.Ping(b.Context()); r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
