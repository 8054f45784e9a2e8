package upstashtest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/redis/go-redis/v9"
)

// subscribe streams a channel's messages as server-sent events, in the lines that
// Upstash's clients split at commas: "data: message,chat,hello".
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, c call, path []string) {
	verb, channels := strings.ToLower(path[0]), path[1:]
	if len(channels) == 0 {
		writeError(w, http.StatusBadRequest, fmt.Sprintf("ERR wrong number of arguments for '%s' command", verb))
		return
	}
	if c.who.readOnly {
		writeError(w, http.StatusBadRequest, fmt.Sprintf(textNoPermission, verb))
		return
	}
	s.figures.count(path)
	var pubsub *redis.PubSub
	if verb == "psubscribe" {
		pubsub = s.backend.client.PSubscribe(r.Context(), channels...)
	} else {
		pubsub = s.backend.client.Subscribe(r.Context(), channels...)
	}
	defer pubsub.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flush := http.NewResponseController(w).Flush
	messages := pubsub.ChannelWithSubscriptions()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		case m, ok := <-messages:
			if !ok {
				return
			}
			if line := event(m); line != "" {
				fmt.Fprintf(w, "data: %s\n\n", line)
			}
			if flush() != nil {
				return
			}
		}
	}
}

func event(m any) string {
	switch m := m.(type) {
	case *redis.Subscription:
		return fmt.Sprintf("%s,%s,%d", m.Kind, m.Channel, m.Count)
	case *redis.Message:
		if m.Pattern != "" {
			return fmt.Sprintf("pmessage,%s,%s,%s", m.Pattern, m.Channel, m.Payload)
		}
		return fmt.Sprintf("message,%s,%s", m.Channel, m.Payload)
	default:
		return ""
	}
}
