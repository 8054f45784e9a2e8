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

// answer is what a page says.
type answer struct {
	status      int
	contentType string
	headers     map[string]string // besides those of every answer
	encode      func(io.Writer) error
	// failed is the error that is answered instead of all that.
	failed string

	body       bytes.Buffer
	compressed bool
}

func failure(status int, text string) *answer { return &answer{status: status, failed: text} }

// whole is an answer that is there already.
func whole(status int, contentType string, body []byte) *answer {
	return &answer{status: status, contentType: contentType, encode: func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	}}
}

// asked reads the request's parameters and sends the answer that make makes of them. It may send
// what is wrong with them instead, or that the reader has the current answer, where it has a tag.
// Answers are made one at a time, because each holds what it is made from: the processor is the
// same, and the memory is that of one. No reader is waited for meanwhile.
func (f *Function) asked(tagged bool, make func(r *http.Request, q statistics.Query) *answer) http.HandlerFunc {
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
			failure(http.StatusServiceUnavailable, "too many pages are asked for at once").send(w)
			return
		}
		made := func() *answer {
			defer func() { <-f.turn }()
			return f.encoded(r, make(r, q))
		}()
		made.send(w)
	}
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

// answer encodes and sends an answer.
func (f *Function) answer(w http.ResponseWriter, r *http.Request, a *answer) { f.encoded(r, a).send(w) }

// encoded encodes the answer part by part, so that nothing holds all of it as text, and compresses it
// if the reader accepts that. Where that fails, the answer is that it failed.
func (f *Function) encoded(r *http.Request, a *answer) *answer {
	if a.failed != "" {
		return a
	}
	out, end := io.Writer(&a.body), func() error { return nil }
	if a.compressed = strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"); a.compressed {
		zw := gzip.NewWriter(&a.body)
		out, end = zw, zw.Close
	}
	if err := errors.Join(a.encode(out), end()); err != nil {
		f.log.ErrorContext(r.Context(), "answer not encoded", slog.String("event", "answer_failed"), slog.Any("error", err))
		return failure(http.StatusInternalServerError, "the answer could not be encoded")
	}
	return a
}

// send sends an answer that is encoded.
func (a *answer) send(w http.ResponseWriter) {
	h := w.Header()
	if a.status >= http.StatusBadRequest { // no reader keeps it
		h.Del("ETag")
	}
	if a.failed != "" {
		job.WriteError(w, a.status, a.failed)
		return
	}
	h.Set("Content-Type", a.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	for name, value := range a.headers {
		h.Set(name, value)
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	if a.compressed {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}

// statistics answers with all figures, or with those of one database.
func (f *Function) statistics(r *http.Request, q statistics.Query) *answer {
	s, err := f.reader.Read(r.Context(), q)
	return &answer{status: statusOf(err), contentType: "application/json; charset=utf-8", encode: s.Encode}
}

// statusOf is the status of an answer that says itself what could not be read.
func statusOf(err error) int {
	if err != nil {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

func (f *Function) schema(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300")
	f.answer(w, r, whole(http.StatusOK, "application/schema+json; charset=utf-8", statistics.Schema()))
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
