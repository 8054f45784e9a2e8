package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A caller stands in for Google's callers, Scheduler and Pub/Sub: it makes their
// requests to the process's own handler, without a connection, which would take as long as a
// check. In the cloud IAM admits only them. Here a token admits the caller, which the process
// makes at its start and tells no other.
type caller struct {
	handler http.Handler
	base    string // "http://127.0.0.1:8080"
	token   string
}

func newCaller(base string) *caller { return &caller{base: base, token: rand.Text()} }

// post sends body to path and wants a 2xx answer.
func (c *caller) post(ctx context.Context, path string, header http.Header, body []byte) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("posting to %s: %w", path, err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	defer func() {
		if recover() != nil { // its value may hold anything
			err = fmt.Errorf("posting to %s: the handler panicked", path)
		}
	}()
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, req)
	switch {
	case ctx.Err() != nil: // who waited no longer has no answer
		return fmt.Errorf("posting to %s: %w", path, ctx.Err())
	case w.Code/100 != 2:
		return fmt.Errorf("posting to %s: status code %d, want 2xx: %s", path, w.Code, bytes.TrimSpace(w.Body.Next(512)))
	}
	return nil
}

// only admits requests that this caller made.
func (c *caller) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(c.token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "only pongwatch's own scheduler and queue may call this", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
