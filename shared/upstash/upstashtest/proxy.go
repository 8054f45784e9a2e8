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
	"time"

	"github.com/gomodule/redigo/redis"
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
func (s *Server) pass(w http.ResponseWriter, c call) {
	r := c.request
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
	if s.Fault().Mode == Base64 {
		r.Header.Set("Upstash-Encoding", "base64")
	}
	path, err := segments(r.URL)
	first := special(path)
	if err != nil || s.refusal(c, []string{"SET"}) == "" || first == "subscribe" || first == "psubscribe" {
		s.upstream.proxy.ServeHTTP(w, r)
		return
	}
	var list [][]string
	if first == "pipeline" || first == "multi-exec" {
		var ok bool
		if list, ok = c.commandList(w); !ok {
			return
		}
	} else {
		args, text := c.command(path)
		if text != "" {
			c.write(w, redis.Error(text))
			return
		}
		list = [][]string{args}
	}
	refused, passes := "", false
	for _, args := range list {
		text := s.refusal(c, args)
		refused, passes = cmp.Or(refused, text), passes || text == ""
	}
	switch {
	case refused == "":
		s.upstream.proxy.ServeHTTP(w, r)
	case first == "pipeline" && passes && c.resp2:
		writeError(w, http.StatusBadRequest, "ERR a proxy cannot refuse parts of a pipeline in RESP2")
	case first == "pipeline":
		s.pipeline(w, c)
	case first == "multi-exec":
		writeError(w, http.StatusBadRequest, refused)
	default:
		c.write(w, redis.Error(refused))
	}
}

// do sends one command of r's pipeline, and returns its item in the answer.
func (u *upstream) do(r *http.Request, args []string) (json.RawMessage, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	u.address(out)
	out.URL.Path, out.URL.RawPath = "/", ""
	out.RequestURI, out.Body, out.ContentLength = "", io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Del("Accept-Encoding") // so that the transport unpacks the answer
	resp, err := u.proxy.Transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
		return nil, fmt.Errorf("passing a command on: HTTP %d", resp.StatusCode)
	}
	var item json.RawMessage
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&item); err != nil {
		return nil, fmt.Errorf("passing a command on: HTTP %d: %w", resp.StatusCode, err)
	}
	return item, nil
}
