package local

import (
	"errors"
	"net/http"
	"net/http/httptest"
)

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
