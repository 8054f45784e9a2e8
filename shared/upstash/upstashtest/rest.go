package upstashtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxRequest is the free plan's limit of one command, and of its reply.
	maxRequest = 10 << 20
	// maxBody bounds the commands of a pipeline together, which Upstash does not limit.
	maxBody = 64 << 20
)

func (s *Server) handler() http.Handler {
	management := http.NewServeMux()
	s.handleManagement(management)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (strings.HasPrefix(r.URL.Path, "/v2/") || r.URL.Path == "/auditlogs") && s.upstream == nil {
			management.ServeHTTP(w, r)
			return
		}
		// Not through a ServeMux, which redirects paths such as "//pipeline".
		s.rest(w, r)
	})
}

// rest is the data plane: every path that is not a special one is a command.
func (s *Server) rest(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodHead, http.MethodGet, http.MethodPost, http.MethodPut:
	case http.MethodOptions:
		allowOrigin(w, r)
		return
	default:
		w.Header().Set("Allow", "HEAD, GET, POST, PUT")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if s.options.Observe != nil {
		s.options.Observe(r)
	}
	if s.interfere(w, r) {
		return
	}
	token, query := credentials(r)
	c := call{request: r, query: query}
	// A database behind this one knows its own tokens.
	if s.upstream == nil {
		switch {
		case same(token, s.Token()):
		case same(token, s.ReadOnlyToken()):
			c.readOnly = true
		default:
			writeError(w, http.StatusUnauthorized, textAuthInvalid)
			return
		}
	}
	var err error
	c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooBig := errors.AsType[*http.MaxBytesError](err); tooBig {
		writeTooBig(w, max(r.ContentLength, maxBody+1))
		return
	} else if err != nil {
		writeError(w, http.StatusBadRequest, "ERR the request's body cannot be read")
		return
	}
	encoding, format := r.Header.Get("Upstash-Encoding"), r.Header.Get("Upstash-Response-Format")
	c.resp2 = format == "resp2"
	switch {
	case s.upstream != nil:
		s.pass(w, c)
	case encoding != "" && encoding != "base64":
		writeError(w, http.StatusBadRequest, "ERR unsupported Upstash-Encoding")
	case format != "" && !c.resp2:
		writeError(w, http.StatusBadRequest, "ERR unsupported Upstash-Response-Format")
	case encoding != "" && c.resp2:
		writeError(w, http.StatusBadRequest, "ERR base64 and resp2 exclude each other")
	default:
		c.base64 = encoding != "" || s.Fault().Mode == Base64
		s.route(w, c)
	}
}

// call is a request that was let in.
type call struct {
	request  *http.Request
	readOnly bool
	query    []string // in its order: names and values, without the token
	body     []byte
	base64   bool // encode strings in replies
	resp2    bool // answer in RESP2
}

func (s *Server) route(w http.ResponseWriter, c call) {
	w.Header().Set("Upstash-Sync-Token", s.syncToken())
	path, err := segments(c.request.URL)
	if err != nil {
		writeError(w, http.StatusBadRequest, "ERR the path cannot be decoded")
		return
	}
	first := special(path)
	batch := first == "pipeline" || first == "multi-exec"
	switch {
	case !batch && len(c.body) > maxRequest:
		writeTooBig(w, int64(len(c.body)))
	case first == "pipeline":
		s.pipeline(w, c)
	case first == "multi-exec":
		s.multiExec(w, c)
	case first == "subscribe" || first == "psubscribe":
		s.subscribe(w, c, path)
	case first == "monitor" && len(path) == 1:
		s.monitor(w, c)
	default:
		args, refused := c.command(path)
		if refused != "" {
			writeError(w, http.StatusBadRequest, refused)
			return
		}
		reply, err := s.run(c, args)
		if err != nil {
			unreachable(w, err)
			return
		}
		c.write(w, reply)
	}
}

// special returns a path's first segment as the paths that are no command have it.
func special(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return strings.ToLower(path[0])
}

// command returns the one command of a request, or the text with which it is refused.
func (c call) command(path []string) (args []string, refused string) {
	if len(path) == 0 {
		return parseCommand(c.body)
	}
	args = path
	if method := c.request.Method; len(c.body) > 0 && method != http.MethodGet && method != http.MethodHead {
		args = append(args, string(c.body))
	}
	return append(args, c.query...), ""
}

// credentials returns the token, from the header or from _token, and the query's
// other parts, which are arguments.
func credentials(r *http.Request) (token string, query []string) {
	unescaped := func(s string) string {
		if u, err := url.QueryUnescape(s); err == nil {
			return u
		}
		return s
	}
	token = strings.TrimSpace(r.Header.Get("Authorization"))
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if part == "" {
			continue
		}
		name, value, hasValue := strings.Cut(part, "=")
		name, value = unescaped(name), unescaped(value)
		switch {
		case name == "_token":
			token = value
		case hasValue && value != "":
			query = append(query, name, value)
		default:
			query = append(query, name)
		}
	}
	return token, query
}

// segments splits a path before decoding it: an argument may hold a slash.
func segments(u *url.URL) ([]string, error) {
	path := strings.TrimSuffix(strings.TrimLeft(u.EscapedPath(), "/"), "/")
	if path == "" {
		return nil, nil
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		decoded, err := url.PathUnescape(p)
		if err != nil {
			return nil, err
		}
		parts[i] = decoded
	}
	return parts, nil
}

// pipeline runs commands one by one.
func (s *Server) pipeline(w http.ResponseWriter, c call) {
	list, ok := c.commandList(w)
	if !ok {
		return
	}
	replies := make([]any, len(list))
	for i, args := range list {
		var err error
		if replies[i], err = s.run(c, args); err != nil {
			unreachable(w, err)
			return
		}
	}
	c.writeAll(w, replies)
}

// multiExec runs commands as a transaction: a discarded one is a 400.
func (s *Server) multiExec(w http.ResponseWriter, c call) {
	if c.resp2 {
		writeError(w, http.StatusBadRequest, "ERR resp2 is not supported for transactions")
		return
	}
	list, ok := c.commandList(w)
	if !ok {
		return
	}
	replies, discarded, err := s.runTransaction(c, list)
	switch {
	case err != nil:
		unreachable(w, err)
	case discarded != "":
		writeError(w, http.StatusBadRequest, discarded)
	default:
		c.writeAll(w, replies)
	}
}

// commandList reads the commands of a batch, or refuses them.
func (c call) commandList(w http.ResponseWriter) ([][]string, bool) {
	items, refused := parseArray(c.body)
	if refused != "" {
		writeError(w, http.StatusBadRequest, refused)
		return nil, false
	}
	list := make([][]string, len(items))
	for i, item := range items {
		if len(item) > maxRequest {
			writeTooBig(w, int64(len(item)))
			return nil, false
		}
		args, refused := parseCommand(item)
		if refused != "" {
			writeError(w, http.StatusBadRequest, refused)
			return nil, false
		}
		list[i] = args
	}
	return list, true
}

// parseArray returns the elements of a JSON array, or the text with which it is refused.
func parseArray(body []byte) (items []json.RawMessage, refused string) {
	body = bytes.TrimSpace(body)
	switch err := json.Unmarshal(body, &items); {
	case len(body) == 0:
		return nil, "EOF"
	case !json.Valid(body):
		return nil, "ERR the body is not JSON"
	case err != nil || items == nil:
		return nil, "expected JSON array"
	case len(items) == 0:
		return nil, "ERR empty command"
	}
	return items, ""
}

// parseCommand reads ["SET", "key", 1], or returns the text with which it is refused. Numbers
// and booleans keep their JSON text.
func parseCommand(body []byte) (args []string, refused string) {
	items, refused := parseArray(body)
	if refused != "" {
		return nil, refused
	}
	args = make([]string, len(items))
	for i, item := range items {
		switch item[0] {
		case '"':
			_ = json.Unmarshal(item, &args[i]) // a string of valid JSON
		case 'n':
			return nil, "ERR null args are not supported"
		case '[', '{':
			return nil, fmt.Sprintf("ERR unsupported arg type: %q: json.Delim", item[:1])
		default:
			args[i] = string(item)
		}
	}
	return args, ""
}

func writeTooBig(w http.ResponseWriter, actual int64) {
	writeError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf(textTooBig, maxRequest, actual))
}

// allowOrigin answers a browser's question before a request from another site.
func allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", cmp.Or(r.Header.Get("Origin"), "*"))
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Methods", "HEAD, GET, POST, PUT")
	h.Set("Access-Control-Allow-Headers", cmp.Or(r.Header.Get("Access-Control-Request-Headers"), "*"))
}

// unreachable answers what an edge answers when the server behind it is gone.
func unreachable(w http.ResponseWriter, err error) {
	if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler)
	}
	writePage(w, http.StatusBadGateway, "502 Bad Gateway")
}

func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
