package access_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func page(surface config.Surface, tokens access.Tokens) http.Handler {
	return access.Guard(surface, false, tokens, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

func two(context.Context) ([]secrets.Value, error) {
	return []secrets.Value{secrets.New("old"), secrets.New("new")}, nil
}

func get(h http.Handler, prepare func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if prepare != nil {
		prepare(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func TestGuard(t *testing.T) {
	down := func(context.Context) ([]secrets.Value, error) { return nil, errors.New("secret source unavailable") }
	none := func(context.Context) ([]secrets.Value, error) { return nil, nil }
	empty := func(context.Context) ([]secrets.Value, error) { return []secrets.Value{secrets.New("")}, nil }
	basic := func(r *http.Request) { r.SetBasicAuth("anybody", "new") }
	tests := []struct {
		name    string
		surface config.Surface
		tokens  access.Tokens
		prepare func(*http.Request)
		want    int
	}{
		{"IAM guards the service itself", config.AccessIAM, nil, nil, http.StatusNoContent},
		{"public is for anybody", config.AccessPublic, nil, nil, http.StatusNoContent},
		{"a token by Bearer", config.AccessToken, two, bearer("new"), http.StatusNoContent},
		{"the other one while they are exchanged", config.AccessToken, two, bearer("old"), http.StatusNoContent},
		{"a token as a browser sends it", config.AccessToken, two, basic, http.StatusNoContent},
		{"nothing", config.AccessToken, two, nil, http.StatusUnauthorized},
		{"a wrong one", config.AccessToken, two, bearer("newer"), http.StatusUnauthorized},
		{"an empty one never matches an empty secret", config.AccessToken, empty, bearer(""), http.StatusUnauthorized},
		{"the tokens cannot be read", config.AccessToken, down, bearer("new"), http.StatusServiceUnavailable},
		{"there are none", config.AccessToken, none, bearer("new"), http.StatusServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(page(tt.surface, tt.tokens), tt.prepare)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d: %s", w.Code, tt.want, w.Body)
			}
			if asks := strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic "); asks != (tt.want == http.StatusUnauthorized) {
				t.Errorf("asks a browser for the token: %v", asks)
			}
		})
	}
}

func TestGuessingIsSlowAndInNobodysWay(t *testing.T) {
	h := page(config.AccessToken, two)
	var last int
	for range 30 {
		last = get(h, bearer("guess")).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the thirtieth guess is answered %d, want 429", last)
	}
	if got := get(h, bearer("new")).Code; got != http.StatusNoContent {
		t.Errorf("the right token after guesses is answered %d, want 204", got)
	}
}
