package local

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// inside is the way of the process's own requests to its handler: without a connection, which
// would take as long as a check.
type inside struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (d *inside) RoundTrip(r *http.Request) (*http.Response, error) {
	a := answer{header: http.Header{}, status: http.StatusOK}
	if err := a.of(d.handler, r); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: a.status, Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}, nil
}

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

// of serves the request. A panic is an error, as a server of net/http makes it the end of a connection.
func (a *answer) of(handler http.Handler, r *http.Request) (err error) {
	defer func() {
		if recover() != nil { // its value may hold anything
			err = errors.New("the handler panicked")
		}
	}()
	handler.ServeHTTP(a, r)
	return r.Context().Err() // who waited no longer has no answer
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	if !a.begun {
		a.begun, a.status = true, status
	}
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
