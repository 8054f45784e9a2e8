package job

import (
	"net/http"
	"strings"
)

// Unmounted strips mount, such as "/Metrics", from paths: where one server has every
// function, each stands below its own name.
func Unmounted(mount string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, mount); ok && (rest == "" || rest[0] == '/') {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = "/"+strings.TrimPrefix(rest, "/"), ""
		}
		next.ServeHTTP(w, r)
	})
}

// NotFound answers 404 with the paths that there are.
func NotFound(paths ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusNotFound, struct {
			Error string   `json:"error"`
			Paths []string `json:"paths"`
		}{"nothing is here", paths})
	})
}
