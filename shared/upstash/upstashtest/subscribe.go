package upstashtest

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// subscribe streams a channel's messages as server-sent events, in the lines that
// Upstash's clients split at commas: "data: message,chat,hello".
func (s *Server) subscribe(w http.ResponseWriter, c call, path []string) {
	verb, channels := strings.ToLower(path[0]), path[1:]
	if len(channels) == 0 {
		writeError(w, http.StatusBadRequest, fmt.Sprintf("ERR wrong number of arguments for '%s' command", verb))
		return
	}
	if c.readOnly {
		writeError(w, http.StatusBadRequest, fmt.Sprintf(textNoPermission, verb))
		return
	}
	s.count(path)
	ctx, cancel := context.WithCancel(c.request.Context())
	defer cancel()
	go func() {
		select {
		case <-ctx.Done():
		case <-s.closing:
			cancel()
		}
	}()
	conn, err := s.backend.dial(ctx)
	if err != nil {
		unreachable(w, fmt.Errorf("%w: %w", errBackend, err))
		return
	}
	defer conn.Close()
	pubsub := redis.PubSubConn{Conn: conn}
	if verb == "psubscribe" {
		err = pubsub.PSubscribe(anys(channels)...)
	} else {
		err = pubsub.Subscribe(anys(channels)...)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flush := http.NewResponseController(w).Flush
	for err == nil {
		m := pubsub.ReceiveContext(ctx)
		if line := event(m); line != "" {
			fmt.Fprintf(w, "data: %s\n\n", line)
			err = flush()
		} else {
			return
		}
	}
}

// event returns the line of a message, and "" for an error, which ends the stream.
func event(m any) string {
	switch m := m.(type) {
	case redis.Subscription:
		return fmt.Sprintf("%s,%s,%d", m.Kind, m.Channel, m.Count)
	case redis.Message:
		if m.Pattern != "" {
			return fmt.Sprintf("pmessage,%s,%s,%s", m.Pattern, m.Channel, m.Data)
		}
		return fmt.Sprintf("message,%s,%s", m.Channel, m.Data)
	default:
		return ""
	}
}
