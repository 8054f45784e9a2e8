package slacktest

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// maxBody is far above what Slack takes, so that its own limits are what refuses.
const maxBody = 1 << 20

// serveAPI answers one Web API method. Like Slack it answers 200 even to an error.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	method := r.PathValue("method")
	s.exchange(w, r, method, func() answer {
		if err := r.ParseForm(); err != nil {
			return answer{http.StatusBadRequest, "bad request", err.Error()}
		}
		form := r.PostForm
		switch cmp.Or(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), form.Get("token")) {
		case "":
			return refused("not_authed", "")
		case token:
		default:
			return refused("invalid_auth", "")
		}
		c := Content{Text: form.Get("text"), Blocks: raw(form.Get("blocks"))}
		channel := form.Get("channel")
		switch method {
		case "chat.postMessage":
			if channel == "" {
				return refused("channel_not_found", "channel is empty")
			}
			if code, problem := check(c); code != "" {
				return refused(code, problem)
			}
			m := s.post(Message{
				Channel: ChannelID(channel), ThreadTS: form.Get("thread_ts"),
				Broadcast: form.Get("reply_broadcast") == "true", Via: "bot", Content: c,
			})
			return taken(map[string]any{"channel": m.Channel, "ts": m.TS, "message": map[string]any{"type": "message", "text": m.Text, "ts": m.TS}})
		case "chat.update":
			if !channelID.MatchString(channel) {
				return refused("channel_not_found", "chat.update wants a channel's id")
			}
			if code, problem := check(c); code != "" {
				return refused(code, problem)
			}
			if code := s.update(channel, form.Get("ts"), c); code != "" {
				return refused(code, "")
			}
			return taken(map[string]any{"channel": channel, "ts": form.Get("ts"), "text": c.Text})
		case "usergroups.users.list":
			s.mu.Lock()
			users, ok := s.groups[form.Get("usergroup")]
			s.mu.Unlock()
			if !ok {
				return refused("no_such_subteam", "")
			}
			return taken(map[string]any{"users": users})
		}
		return refused("unknown_method", method)
	})
}

// answer is what a call is answered with.
type answer struct {
	status  int
	body    any    // a text is sent as such, all else as JSON
	problem string // why it was refused
}

func taken(body map[string]any) answer {
	body["ok"] = true
	return answer{http.StatusOK, body, ""}
}

func refused(code, problem string) answer {
	body := map[string]any{"ok": false, "error": code}
	if problem != "" {
		body["response_metadata"] = map[string]any{"messages": []string{"[ERROR] " + problem}}
	}
	return answer{http.StatusOK, body, reason(code, problem)}
}

func reason(code, problem string) string { return strings.TrimSpace(code + " " + problem) }

// serveWebhook answers an incoming webhook: "ok" in plain text, or a code.
func (s *Server) serveWebhook(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, problem string) answer { return answer{status, code, reason(code, problem)} }
	s.exchange(w, r, "webhook", func() answer {
		var payload struct {
			Text     string          `json:"text"`
			Blocks   json.RawMessage `json:"blocks"`
			ThreadTS string          `json:"thread_ts"`
		}
		if r.PathValue("secret") != "demonstration" {
			return refuse(http.StatusForbidden, "invalid_token", "")
		}
		if err := json.NewDecoder(r.Body).Decode(&payload); err != nil {
			return refuse(http.StatusBadRequest, "invalid_payload", err.Error())
		}
		c := Content{Text: payload.Text, Blocks: raw(string(payload.Blocks))}
		if code, problem := check(c); code != "" {
			return refuse(http.StatusBadRequest, code, problem)
		}
		s.post(Message{Channel: "C" + strings.TrimPrefix(r.PathValue("bot"), "B"), ThreadTS: payload.ThreadTS, Via: "webhook", Content: c})
		return answer{http.StatusOK, "ok", ""}
	})
}

// raw returns blocks as they are kept, nil for none.
func raw(blocks string) json.RawMessage {
	if blocks == "" || blocks == "null" {
		return nil
	}
	return json.RawMessage(blocks)
}

// exchange lets a scripted fault answer, or act; it records either.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, method string, act func() answer) {
	fault := s.nextFault(method)
	var a answer
	if fault == nil || fault.Accept {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		a = act()
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{Method: method, Problem: a.problem})
	s.mu.Unlock()
	if fault != nil {
		s.fail(w, r, *fault)
		return
	}
	if text, ok := a.body.(string); ok {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}
