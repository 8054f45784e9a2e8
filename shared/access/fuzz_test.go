package access_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
)

// FuzzGuard asks a mux by whatever method, path and credential. Nothing but the token reaches a
// page, and nothing but the caller's a run.
func FuzzGuard(f *testing.F) {
	const token, caller = "a-read-token-of-24-chars", "a-caller-token-of-26-chars"
	for _, s := range [][3]string{
		{"GET", "/page", "Bearer " + token},
		{"GET", "/page", "bearer  " + token + " "},
		{"GET", "/page", "Basic eDphLXJlYWQtdG9rZW4tb2YtMjQtY2hhcnM="},
		{"GET", "/page", "Bearer " + caller},
		{"POST", "/page", "Bearer " + token},
		{"POST", "/", "Bearer " + caller},
		{"HEAD", "//page", ""},
		{"POST", "/Metrics/%2e%2e/page", "Bearer"},
		{"OPTIONS", "/Metrics", "Basic"},
		{"CONNECT", "/iam", "x"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	var reached string
	reach := func(name string) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = name })
	}
	mux := access.NewMux("/Metrics")
	readers := access.Readers{Tokens: accept(token), Open: true}
	mux.Handle("GET /page", readers.Guard(config.AccessToken), reach("page"))
	mux.Handle("GET /iam", readers.Guard(config.AccessIAM), reach("iam"))
	mux.Handle("PUT /", access.Guard{}, reach("none"))
	mux.Handle("DELETE /", access.Callers(nil), reach("none"))
	mux.Handle("POST /", access.Callers(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer "+caller {
				next.ServeHTTP(w, r)
			}
		})
	}), reach("run"))
	f.Fuzz(func(t *testing.T, method, path, authorization string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		reached = ""
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method, r.URL = method, u
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		_, password, _ := r.BasicAuth()
		holds := password == token || strings.HasSuffix(strings.TrimSpace(authorization), token)
		switch {
		case reached == "page" && !holds, reached == "run" && authorization != "Bearer "+caller, reached == "iam", reached == "none":
			t.Errorf("%q %q with %q reached %s", method, path, authorization, reached)
		case reached == "run" && method != http.MethodPost, reached == "page" && method != http.MethodGet && method != http.MethodHead:
			t.Errorf("%q %q reached %s", method, path, reached)
		}
	})
}
