package upstashtest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// restClient is the address that MONITOR shows of every REST request.
	restClient = "0.0.0.0:0"
	// maxFeed is how many lines a reader of MONITOR may be behind. Redis closes the connection of
	// one that is too slow (client-output-buffer-limit).
	maxFeed = 1 << 16
)

// monitors are the readers of MONITOR.
type monitors struct {
	mu    sync.Mutex
	feeds map[chan string]struct{}
}

// feed sends a command to every reader.
func (m *monitors) feed(client string, args []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.feeds) == 0 {
		return
	}
	line := monitorLine(time.Now(), client, args)
	for f := range m.feeds {
		select {
		case f <- line:
		default:
			close(f)
			delete(m.feeds, f)
		}
	}
}

func (m *monitors) open() (feed chan string, end func()) {
	feed = make(chan string, maxFeed)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.feeds == nil {
		m.feeds = map[chan string]struct{}{}
	}
	m.feeds[feed] = struct{}{}
	return feed, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.feeds, feed)
	}
}

// Monitors returns how many clients read MONITOR.
func (s *Server) Monitors() int {
	s.monitors.mu.Lock()
	defer s.monitors.mu.Unlock()
	return len(s.monitors.feeds)
}

// Observe shows a command in MONITOR, and counts it, as if a client at that address, such as
// "10.0.0.7:51234", had run it over TCP. The command changes no data.
func (s *Server) Observe(client string, args ...string) {
	s.count(args)
	s.monitors.feed(client, args)
}

// monitor streams all commands as server-sent events, in the lines of Redis' MONITOR.
func (s *Server) monitor(w http.ResponseWriter, c call) {
	r, text := c.request, ""
	stop := refusals[s.Fault().Mode]
	switch {
	case r.Method != http.MethodPost || r.Header.Get("Accept") != "text/event-stream":
		text = fmt.Sprintf(textNotREST, "MONITOR")
	case c.readOnly:
		text = fmt.Sprintf(textNoPermission, "monitor")
	case stop.status == http.StatusBadRequest:
		text = stop.text
	}
	if text != "" {
		writeError(w, http.StatusBadRequest, text)
		return
	}
	s.count([]string{"MONITOR"})
	feed, end := s.monitors.open()
	defer end()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flush := http.NewResponseController(w).Flush
	fmt.Fprint(w, "data: \"OK\"\n\n")
	for {
		if len(feed) == 0 && flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		case line, ok := <-feed:
			if !ok {
				return
			}
			if _, err := fmt.Fprintf(w, "data: %s\n\n", line); err != nil {
				return
			}
		}
	}
}

// monitorLine is Redis' line for a command: its time, the database and the client, and every
// argument in quotes (https://redis.io/docs/latest/commands/monitor).
func monitorLine(at time.Time, client string, args []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d.%06d [0 %s]", at.Unix(), at.Nanosecond()/1000, client)
	for _, a := range args {
		b.WriteString(` "`)
		for i := range len(a) {
			switch c := a[i]; {
			case c == '\\' || c == '"':
				b.Write([]byte{'\\', c})
			case strings.IndexByte("\n\r\t\a\b", c) >= 0:
				b.Write([]byte{'\\', "nrtab"[strings.IndexByte("\n\r\t\a\b", c)]})
			case c < ' ' || c > '~':
				fmt.Fprintf(&b, `\x%02x`, c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('"')
	}
	return b.String()
}
