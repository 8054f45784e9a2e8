package access_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

const actToken = "an-act-token-of-24-chars"

func TestWhoMayActAndUnderWhichName(t *testing.T) {
	down := func(context.Context) ([]secrets.Value, error) {
		return []secrets.Value{secrets.New(actToken)}, errors.New("secret source unavailable")
	}
	for _, tt := range []struct {
		name, authorization string
		actor               access.Actor
		by                  string
		ok                  bool
	}{
		{"the name is the one typed beside the token", basic("anna", actToken), access.ByToken(accept(actToken)), "anna", true},
		{"without a name it is the dashboard's", basic("", actToken), access.ByToken(accept(actToken)), "dashboard", true},
		{"so it is with Bearer", "Bearer " + actToken, access.ByToken(accept(actToken)), "dashboard", true},
		{"a name is one line", basic("an\nna\u202e", actToken), access.ByToken(accept(actToken)), "an na", true},
		{"a read token does not act", basic("anna", "a-read-token-of-24-chars"), access.ByToken(accept(actToken)), "", false},
		{"an empty password equals no empty secret", basic("anna", ""), access.ByToken(accept("")), "", false},
		{"nothing is no credential", "", access.ByToken(accept(actToken)), "", false},
		{"a token that cannot be read acts for no one", basic("anna", actToken), access.ByToken(down), "", false},
		{"without tokens no one acts", basic("anna", actToken), access.ByToken(nil), "", false},
		{"no actor knows no one", basic("anna", actToken), nil, "", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		if by, ok := tt.actor.Of(r); by != tt.by || ok != tt.ok {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, by, ok, tt.by, tt.ok)
		}
	}
}

// A browser sends a token that it remembers with a form of any page.
func TestAPageElsewhereCannotAct(t *testing.T) {
	mux := access.NewMux("")
	mux.Handle("POST /", access.Actors(access.ByToken(accept(actToken))), reached)
	for _, tt := range []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"the dashboard's own form", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "https://pongwatch.example.com"}, http.StatusNoContent},
		{"that of an older browser", map[string]string{"Origin": "https://example.com"}, http.StatusNoContent},
		{"a program, which no page makes ask", nil, http.StatusNoContent},
		{"a form of another site", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, http.StatusForbidden},
		{"a form of a neighbour", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "https://blog.example.com"}, http.StatusForbidden},
		{"another site in an older browser", map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		{"a sandboxed frame", map[string]string{"Origin": "null"}, http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodPost, "https://example.com/", nil)
		r.SetBasicAuth("anna", actToken)
		for name, value := range tt.header {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		assertAnswer(t, tt.name, w, tt.want)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	assertAnswer(t, "without a token", w, http.StatusForbidden)
}

func TestWhoMayActMayRead(t *testing.T) {
	mux := access.NewMux("")
	mux.Handle("GET /", access.Readers{Tokens: accept("a-read-token-of-24-chars"), Actor: access.ByToken(accept(actToken))}.Guard(config.AccessToken), reached)
	assertAnswer(t, "an act token", get(mux, "Bearer "+actToken), http.StatusNoContent)
	assertAnswer(t, "a read token", get(mux, "Bearer a-read-token-of-24-chars"), http.StatusNoContent)
	assertAnswer(t, "another", get(mux, "Bearer an-act-token-of-24-charx"), http.StatusUnauthorized)
}
