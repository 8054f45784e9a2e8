package upstashtest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/internal/redistest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// monitor opens the stream, and returns what reads its next event.
func monitor(t *testing.T, s *upstashtest.Server) (next func() string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/monitor", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+standard)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("HTTP %d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewReader(resp.Body)
	next = func() string {
		t.Helper()
		line, err := lines.ReadString('\n')
		blank, _ := lines.ReadString('\n')
		data, ok := strings.CutPrefix(line, "data: ")
		if err != nil || !ok || blank != "\n" {
			t.Fatalf("%q, %q, %v", line, blank, err)
		}
		return strings.TrimSuffix(data, "\n")
	}
	if first := next(); first != `"OK"` {
		t.Errorf("it begins with %q", first)
	}
	return next
}

func TestMonitorShowsEveryCommand(t *testing.T) {
	s := start(t, upstashtest.Options{})
	next := monitor(t, s)
	ask(t, s, "POST", "/", standard, `["SET","k","a \"quoted\" value\n"]`)
	ask(t, s, "GET", "/get/k", readOnly, "")
	ask(t, s, "POST", "/", standard, `["SLOWLOG"]`) // is refused, and not shown
	ask(t, s, "POST", "/pipeline", standard, `[["PING"],["INCR","n"]]`)
	ask(t, s, "POST", "/multi-exec", standard, `[["DEL","n"]]`)
	s.Observe("10.0.0.7:51234", "BZPOPMIN", "q", "5")
	for _, want := range []string{
		`[0 0.0.0.0:0] "SET" "k" "a \"quoted\" value\n"`, `[0 0.0.0.0:0] "get" "k"`, `[0 0.0.0.0:0] "PING"`, `[0 0.0.0.0:0] "INCR" "n"`,
		`[0 0.0.0.0:0] "DEL" "n"`, `[0 10.0.0.7:51234] "BZPOPMIN" "q" "5"`,
	} {
		if got := next(); !regexp.MustCompile(`^\d{10}\.\d{6} ` + regexp.QuoteMeta(want) + `$`).MatchString(got) {
			t.Errorf("it shows %s, want %s", got, want)
		}
	}
	if s.Monitors() != 1 || s.CommandCounts()["MONITOR"] != 1 {
		t.Errorf("%d monitors, %v", s.Monitors(), s.CommandCounts())
	}
	ask(t, s, "GET", "/ping", standard, "") // closing the server ends the stream, and what waits for it
}

func TestMonitorRefuses(t *testing.T) {
	s := start(t, upstashtest.Options{})
	for _, tt := range []struct {
		name, method, target, token string
		accept                      string
		status                      int
		says                        string
	}{
		{"without the header", "POST", "/monitor", standard, "application/json", 400, "is not allowed in REST"},
		{"by GET", "GET", "/monitor", standard, "text/event-stream", 400, "is not allowed in REST"},
		{"as a command", "POST", "/", standard, "text/event-stream", 400, "is not allowed in REST"},
		{"to the read-only token", "POST", "/monitor", readOnly, "text/event-stream", 400, "NOPERM"},
		{"to a wrong token", "POST", "/monitor", "wrong", "text/event-stream", 401, "WRONGPASS"},
	} {
		resp, body := ask(t, s, tt.method, tt.target, tt.token, `["MONITOR"]`, "Accept: "+tt.accept)
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%s: HTTP %d %s", tt.name, resp.StatusCode, body)
		}
	}
	if err := s.Break(upstashtest.Fault{Mode: upstashtest.QuotaMonthly}); err != nil {
		t.Fatal(err)
	}
	if resp, body := ask(t, s, "POST", "/monitor", standard, "", "Accept: text/event-stream"); resp.StatusCode != 400 || !strings.Contains(body, "max requests limit") {
		t.Errorf("without commands left: HTTP %d %s", resp.StatusCode, body)
	}
}

// The emulator quotes arguments as Redis does, byte by byte.
func TestMonitorQuotesAsRedis(t *testing.T) {
	redis := redistest.Start(t)
	conn, err := net.Dial("tcp", redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "MONITOR\r\n")
	lines := bufio.NewReader(conn)
	s := start(t, upstashtest.Options{})
	emulated := monitor(t, s)
	behind := func(line string) string {
		_, rest, _ := strings.Cut(line, "] ")
		return strings.TrimRight(rest, "\r\n")
	}
	rapid.Check(t, func(r *rapid.T) {
		args := []string{"SET", string(rapid.SliceOf(rapid.Byte()).Draw(r, "key")), rapid.String().Draw(r, "value")}
		redis.Do(args[0], args[1], args[2])
		s.Observe("10.0.0.7:51234", args...)
		want := ""
		for !strings.HasPrefix(want, `"SET"`) {
			line, err := lines.ReadString('\n')
			if err != nil {
				r.Fatal(err)
			}
			want = behind(line)
		}
		if got := behind(emulated()); got != want {
			r.Errorf("the emulator has %s, Redis has %s, of %s", got, want, fmt.Sprintf("%q", args))
		}
	})
}
