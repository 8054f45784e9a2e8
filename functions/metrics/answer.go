package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/job"
)

// answering bounds one answer, with waiting for its turn.
const answering = 30 * time.Second

// minCompressed is from how many bytes compression pays.
const minCompressed = 1 << 10

// asked reads the request's parameters and lets answer go on, or answers what is wrong with
// them, or that the reader has the current answer where it has a tag. Answers are made one
// at a time, because each holds what it is made from: the processor is the same, and the memory
// is that of one. No reader is waited for meanwhile.
func (f *Function) asked(tagged bool, answer func(w http.ResponseWriter, r *http.Request, q statistics.Query)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answering)
		defer cancel()
		q, err := statistics.Parse(r.URL.Query(), f.config)
		if err != nil {
			status := http.StatusBadRequest
			if wrong, ok := errors.AsType[*statistics.QueryError](err); ok && wrong.NotFound {
				status = http.StatusNotFound
			}
			f.say(w, r, status, "Not understood", err.Error())
			return
		}
		r = r.WithContext(ctx)
		if tagged && f.unchanged(w, r) {
			return
		}
		select {
		case f.turn <- struct{}{}:
		case <-ctx.Done():
			job.WriteError(w, unavailable(w), "too many pages are asked for at once")
			return
		}
		made := &made{ResponseWriter: w, status: http.StatusOK}
		func() {
			defer func() { <-f.turn }()
			answer(made, r, q)
		}()
		w.WriteHeader(made.status)
		_, _ = w.Write(made.body.Bytes())
	}
}

// made is an answer before it is sent.
type made struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (m *made) WriteHeader(status int) { m.status = status }

func (m *made) Write(p []byte) (int, error) { return m.body.Write(p) }

// statistics answers with all figures, or with those of one database.
func (f *Function) statistics(w http.ResponseWriter, r *http.Request, q statistics.Query) {
	s, err := f.reader.Read(r.Context(), q)
	status := http.StatusOK
	if err != nil {
		status = unavailable(w)
	}
	f.stream(w, r, status, "application/json; charset=utf-8", s.Encode)
}

func schema(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300")
	write(w, r, http.StatusOK, "application/schema+json; charset=utf-8", statistics.Schema())
}

// unchanged answers 304 if the reader has the current answer. Otherwise it sets the ETag of
// the answer that follows.
func (f *Function) unchanged(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	mark, err := f.reader.Mark(r.Context())
	if err != nil {
		// The answer itself says what is missing.
		f.log.WarnContext(r.Context(), "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
		return false
	}
	by, _ := f.actor(r) // who may act sees another page
	sum := sha256.Sum256([]byte(strings.Join([]string{f.options.Build.String(), by, f.hash, r.URL.Path, r.URL.RawQuery, mark}, "\n")))
	// Weak, because the compressed answer and the other share it.
	tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h.Set("ETag", tag)
	for candidate := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimSpace(candidate) == tag {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// unavailable is the status of an answer for which nothing could be read. Such an answer has
// no tag, so that no reader keeps it.
func unavailable(w http.ResponseWriter) int {
	w.Header().Del("ETag")
	return http.StatusServiceUnavailable
}

// stream answers with what encode writes part by part, so that nothing holds all of it as text.
func (f *Function) stream(w http.ResponseWriter, r *http.Request, status int, contentType string, encode func(io.Writer) error) {
	if err := send(w, r, status, contentType, true, encode); err != nil {
		f.log.ErrorContext(r.Context(), "answer not encoded", slog.String("event", "answer_failed"), slog.Any("error", err))
		job.WriteError(w, http.StatusInternalServerError, "encoding the answer")
	}
}

// write answers with body.
func write(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	_ = send(w, r, status, contentType, len(body) >= minCompressed, func(out io.Writer) error {
		_, err := out.Write(body)
		return err
	}) // into memory
}

// send answers with what encode writes, compressed if that pays and the reader accepts it. Where
// encode fails, nothing is answered.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, pays bool, encode func(io.Writer) error) error {
	var body bytes.Buffer
	out, end := io.Writer(&body), func() error { return nil }
	compressed := pays && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	if compressed {
		zw := gzip.NewWriter(&body)
		out, end = zw, zw.Close
	}
	if err := errors.Join(encode(out), end()); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	if compressed {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
	return nil
}

// shared lets the pages of the allowed origins read next in a browser.
func (f *Function) shared(next http.Handler) http.Handler {
	origins := f.config.Access.CORS
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); len(origins) > 0 {
			w.Header().Add("Vary", "Origin")
			if slices.Contains(origins, origin) {
				h := w.Header()
				h.Set("Access-Control-Allow-Origin", origin)
				h.Set("Access-Control-Allow-Headers", "Authorization, If-None-Match")
				h.Set("Access-Control-Expose-Headers", "ETag")
				h.Set("Access-Control-Max-Age", "600")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// allowed answers a browser that asks before it reads.
func allowed(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
