package local

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestOwnRequestsNeedNoConnection(t *testing.T) {
	c := newCaller("http://127.0.0.1:8080")
	tests := []struct {
		name    string
		handler http.HandlerFunc
		says    string // the error, or "" for none
	}{
		{"an answer without a status is 200", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("done")) }, ""},
		{"no answer at all is 200", func(http.ResponseWriter, *http.Request) {}, ""},
		{"the first status counts", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); w.WriteHeader(200) }, "status code 503"},
		{"a redirect is no success", http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, "posting to /Alert: status code 302"},
		{"300 is no success", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMultipleChoices) }, "status code 300"},
		{"an error's text is kept", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the store is down", 500) }, "the store is down"},
		{"a panic is an error", func(http.ResponseWriter, *http.Request) { panic("secret") }, "the handler panicked"},
		{"the token is checked", c.only(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP, ""},
		{"the body arrives", func(w http.ResponseWriter, r *http.Request) {
			body := make([]byte, 4)
			if n, _ := r.Body.Read(body); string(body[:n]) != "body" {
				w.WriteHeader(http.StatusBadRequest)
			}
		}, ""},
	}
	for _, tt := range tests {
		c.handler = tt.handler
		err := c.post(t.Context(), "/Alert", nil, []byte("body"))
		if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) || err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), c.token)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() })
	if err := c.post(ctx, "/Alert", nil, nil); err == nil {
		t.Error("who left before the answer got it")
	}
}
