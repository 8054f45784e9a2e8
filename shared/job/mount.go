package job

import "net/http"

// NotFound answers 404 with the paths that there are.
func NotFound(paths ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusNotFound, struct {
			Error string   `json:"error"`
			Paths []string `json:"paths"`
		}{"nothing is here", paths})
	})
}
