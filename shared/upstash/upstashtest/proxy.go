package upstashtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// upstream is the database in front of which a server stands. Requests pass as they came, with
// the tokens of their clients, unless the fault in force concerns them.
type upstream struct {
	url   *url.URL
	proxy *httputil.ReverseProxy
}

func newUpstream(address string) (*upstream, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the upstream: want a REST URL such as https://your-instance.upstash.io")
	}
	up := &upstream{url: u}
	up.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			up.address(r.Out)
			r.Out.URL.RawQuery = r.In.URL.RawQuery // arguments keep their order
		},
		Transport:    &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { unreachable(w, err) },
	}
	return up, nil
}

func (u *upstream) address(r *http.Request) {
	r.URL.Scheme, r.URL.Host, r.Host = u.url.Scheme, u.url.Host, u.url.Host
}

// pass sends a request on, without the commands that the fault in force refuses.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, c call) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
	fault := s.Fault()
	path, err := segments(r.URL)
	// An empty command is for the database to judge.
	refused := func(args []string) string {
		if len(args) == 0 {
			return ""
		}
		name := strings.ToUpper(args[0])
		return fault.refusal(name, commands[name])
	}
	switch first := special(path); {
	case err != nil || !fault.refusesCommands():
		if fault.Mode == Base64 {
			r.Header.Set("Upstash-Encoding", "base64")
		}
	case first == "pipeline":
		s.passPipeline(w, r, c, refused)
		return
	case first == "multi-exec":
		list, ok := s.commandList(w, c)
		if !ok {
			return
		}
		for _, args := range list {
			if text := refused(args); text != "" {
				writeError(w, http.StatusBadRequest, text)
				return
			}
		}
	case first == "subscribe" || first == "psubscribe":
	default:
		args, text := c.command(r, path)
		if text = cmp.Or(text, refused(args)); text != "" {
			c.encoding.write(w, http.StatusBadRequest, answer{err: text})
			return
		}
	}
	s.upstream.proxy.ServeHTTP(w, r)
}

// passPipeline answers refused commands itself, between the answers to those that it sends on.
func (s *Server) passPipeline(w http.ResponseWriter, r *http.Request, c call, refused func([]string) string) {
	list, ok := s.commandList(w, c)
	if !ok {
		return
	}
	var sent [][]string
	errs := make([]answer, len(list))
	for i, args := range list {
		if errs[i].err = refused(args); errs[i].err == "" {
			sent = append(sent, args)
		}
	}
	switch {
	case len(sent) == len(list):
		s.upstream.proxy.ServeHTTP(w, r)
		return
	case len(sent) == 0:
		c.encoding.writeAll(w, errs)
		return
	case c.encoding.resp2:
		writeError(w, http.StatusBadRequest, "ERR a proxy cannot refuse parts of a pipeline in RESP2")
		return
	}
	answers, err := s.upstream.pipeline(r, sent)
	if err != nil {
		unreachable(w, err)
		return
	}
	items := make([]any, len(list))
	for i, e := range errs {
		if items[i] = (errorItem{e.err}); e.err == "" {
			items[i], answers = answers[0], answers[1:]
		}
	}
	writeJSON(w, http.StatusOK, items)
}

// pipeline sends commands as r's own pipeline and returns the answer to each.
func (u *upstream) pipeline(r *http.Request, commands [][]string) ([]json.RawMessage, error) {
	body, err := json.Marshal(commands)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	u.address(out)
	out.RequestURI, out.Body, out.ContentLength = "", io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Del("Accept-Encoding") // so that the transport unpacks the answer
	resp, err := u.proxy.Transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answers []json.RawMessage
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&answers); err != nil || len(answers) != len(commands) {
		return nil, fmt.Errorf("passing %d commands on: HTTP %d with %d answers", len(commands), resp.StatusCode, len(answers))
	}
	return answers, nil
}
