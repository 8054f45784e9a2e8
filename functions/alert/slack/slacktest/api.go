package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody is far above what Slack takes, so that its own limits are what refuses.
const maxBody = 1 << 20

// serveAPI answers one Web API method. Like Slack it answers 200 even to an error.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	method := r.PathValue("method")
	form, err := readForm(r)
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	s.exchange(w, r, method, func() (int, any, string, string) {
		token := form.Get("token")
		if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			token = bearer
		}
		if token != s.options.Token {
			code := "invalid_auth"
			if token == "" {
				code = "not_authed"
			}
			return refused(code, "")
		}
		switch method {
		case "auth.test":
			return http.StatusOK, map[string]any{"ok": true, "team": "pongwatch", "team_id": "T0PONGWATCH", "user": "pongwatch", "user_id": "U0PONGWATCH", "bot_id": "B0PONGWATCH"}, "ok", ""
		case "chat.postMessage":
			return s.apiPost(form)
		case "chat.update":
			return s.apiUpdate(form)
		case "usergroups.users.list":
			return s.apiGroup(form)
		}
		return refused("unknown_method", method)
	})
}

func refused(code, problem string) (status int, body any, answer, why string) {
	b := map[string]any{"ok": false, "error": code}
	if problem != "" {
		b["response_metadata"] = map[string]any{"messages": []string{"[ERROR] " + problem}}
	}
	return http.StatusOK, b, code, problem
}

func (s *Server) apiPost(form url.Values) (status int, body any, answer, problem string) {
	c := Content{Text: form.Get("text"), Blocks: raw(form.Get("blocks"))}
	if form.Get("channel") == "" {
		return refused("channel_not_found", "channel is empty")
	}
	if code, problem := check(c); code != "" {
		return refused(code, problem)
	}
	m := s.post(Message{
		Channel: ChannelID(form.Get("channel")), ThreadTS: form.Get("thread_ts"),
		Broadcast: form.Get("reply_broadcast") == "true", Via: "bot", Content: c,
	})
	return http.StatusOK, map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS, "message": wire(m)}, "ok", ""
}

func (s *Server) apiUpdate(form url.Values) (status int, body any, answer, problem string) {
	channel, ts := form.Get("channel"), form.Get("ts")
	if !channelID.MatchString(channel) {
		return refused("channel_not_found", "chat.update wants a channel's id")
	}
	c := Content{Text: form.Get("text"), Blocks: raw(form.Get("blocks"))}
	if code, problem := check(c); code != "" {
		return refused(code, problem)
	}
	if code := s.update(channel, ts, c); code != "" {
		return refused(code, "")
	}
	return http.StatusOK, map[string]any{"ok": true, "channel": channel, "ts": ts, "text": c.Text}, "ok", ""
}

func (s *Server) apiGroup(form url.Values) (status int, body any, answer, problem string) {
	s.mu.Lock()
	users, ok := s.groups[form.Get("usergroup")]
	s.mu.Unlock()
	if !ok {
		return refused("no_such_subteam", "")
	}
	return http.StatusOK, map[string]any{"ok": true, "users": users}, "ok", ""
}

func wire(m Message) map[string]any {
	out := map[string]any{"type": "message", "text": m.Text, "ts": m.TS, "bot_id": "B0PONGWATCH"}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	return out
}

// serveWebhook answers an incoming webhook: "ok" in plain text, or a code.
func (s *Server) serveWebhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.exchange(w, r, "webhook", func() (int, any, string, string) {
		var payload struct {
			Text     string          `json:"text"`
			Blocks   json.RawMessage `json:"blocks"`
			ThreadTS string          `json:"thread_ts"`
		}
		if r.PathValue("secret") != "demonstration" {
			return http.StatusForbidden, "invalid_token", "invalid_token", ""
		}
		if err := json.Unmarshal(body, &payload); err != nil {
			return http.StatusBadRequest, "invalid_payload", "invalid_payload", err.Error()
		}
		c := Content{Text: payload.Text, Blocks: raw(string(payload.Blocks))}
		if code, problem := check(c); code != "" {
			return http.StatusBadRequest, code, code, problem
		}
		s.post(Message{Channel: "C" + strings.TrimPrefix(r.PathValue("bot"), "B"), ThreadTS: payload.ThreadTS, Via: "webhook", Content: c})
		return http.StatusOK, "ok", "ok", ""
	})
}

// exchange lets a scripted fault answer, or act; it records either.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, method string, act func() (status int, body any, answer, problem string)) {
	fault := s.nextFault(method)
	if fault != nil && !fault.Accept {
		s.record(method, fault.answer(), "")
		s.fail(w, r, *fault)
		return
	}
	status, body, answer, problem := act()
	if fault != nil {
		s.record(method, fault.answer(), problem)
		s.fail(w, r, *fault)
		return
	}
	s.record(method, fmt.Sprint(status, " ", answer), problem)
	if text, ok := body.(string); ok {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// readForm reads a form or, as the Web API also takes it, a JSON object.
func readForm(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return url.ParseQuery(string(body))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	form := url.Values{}
	for name, value := range fields {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		form.Set(name, text)
	}
	return form, nil
}

func raw(s string) json.RawMessage {
	if s == "" || s == "null" {
		return nil
	}
	return json.RawMessage(s)
}
