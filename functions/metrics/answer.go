package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/job"
)

// reading bounds all look-ups in the store for one answer.
const reading = 10 * time.Second

// minCompressed is from how many bytes compression pays.
const minCompressed = 1 << 10

// statistics answers with everything that is known, or with what is known of one
// database.
func (f *Function) statistics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reading)
	defer cancel()
	q, ok := f.query(w, r)
	if !ok || f.unchanged(ctx, w, r) {
		return
	}
	s, err := f.reader.Read(ctx, q)
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
		w.Header().Del("ETag")
	}
	body, err := json.Marshal(s)
	if err != nil {
		job.WriteError(w, http.StatusInternalServerError, "encoding the answer")
		return
	}
	write(w, r, status, "application/json; charset=utf-8", append(body, '\n'))
}

// query reads the request's parameters; what is wrong with them is answered here.
func (f *Function) query(w http.ResponseWriter, r *http.Request) (statistics.Query, bool) {
	q, err := statistics.Parse(r.URL.Query(), f.config)
	if err == nil {
		return q, true
	}
	status := http.StatusBadRequest
	if wrong, ok := errors.AsType[*statistics.QueryError](err); ok && wrong.NotFound {
		status = http.StatusNotFound
	}
	job.WriteError(w, status, err.Error())
	return q, false
}

func schema(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300")
	write(w, r, http.StatusOK, "application/schema+json; charset=utf-8", statistics.Schema())
}

// unchanged answers 304 where the reader has what this request would be answered, and
// says in every answer what that is called.
func (f *Function) unchanged(ctx context.Context, w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	mark, err := f.reader.Mark(ctx)
	if err != nil {
		// The answer itself says what is missing.
		f.log.WarnContext(ctx, "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
		return false
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{f.options.Version, f.hash, r.URL.Path, r.URL.RawQuery, mark}, "\n")))
	// Weak: the compressed answer and the other have the same name.
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

// write answers with body, compressed where the reader takes that.
func write(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	if len(body) >= minCompressed && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed, err := compress(body); err == nil {
			h.Set("Content-Encoding", "gzip")
			body = packed
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // templates and encoders made it, and nosniff holds the type
}

func compress(body []byte) ([]byte, error) {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	if _, err := zw.Write(body); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// shared lets the pages of the allowed origins read next in a browser.
func shared(a config.Access, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); len(a.CORS) > 0 {
			w.Header().Add("Vary", "Origin")
			if slices.Contains(a.CORS, origin) {
				h := w.Header()
				h.Set("Access-Control-Allow-Origin", origin)
				h.Set("Access-Control-Allow-Headers", "Authorization, If-None-Match")
				h.Set("Access-Control-Expose-Headers", "ETag")
				h.Set("Access-Control-Max-Age", "600")
			}
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
