package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A caller stands in for Google's callers, Scheduler and Pub/Sub: it makes their
// requests to the process's own handler. In the cloud IAM admits only them. Here a token
// admits the caller, which the process makes at its start and tells no other.
type caller struct {
	client *http.Client
	base   string // "http://127.0.0.1:8080"
	token  string
}

func newCaller(client *http.Client, base string) *caller {
	return &caller{client: client, base: base, token: rand.Text()}
}

// post sends body to path and wants a 2xx answer.
func (c *caller) post(ctx context.Context, path string, header http.Header, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("posting to %s: %w", path, err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("posting to %s: %w", path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 512))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("posting to %s: status code %d, want 2xx: %s", path, resp.StatusCode, bytes.TrimSpace(text))
	}
	if err != nil {
		return fmt.Errorf("posting to %s: reading the answer: %w", path, err)
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

// inside is the way of the process's own requests to its handler: without a connection, which
// would take as long as a check.
type inside struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper]. A panic is an error, as a server of net/http makes it
// the end of a connection.
func (d *inside) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	defer func() {
		if recover() != nil { // its value may hold anything
			err = errors.New("the handler panicked")
		}
	}()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, r.Context().Err() // who waited no longer has no answer
}
