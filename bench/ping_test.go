package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The program that is measured does what it is measured for: a benchmark that no test
// starts is noticed only when it is needed.
func TestScheduledRunsPingEveryDatabase(t *testing.T) {
	pings := make(chan string, 3*pinged)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pings <- r.URL.Path
		_, _ = w.Write([]byte(`{"result":"PONG"}`))
	}))
	t.Cleanup(server.Close)
	run, err := scheduledRuns(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := run(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if got := len(pings); got != (i+1)*pinged {
			t.Errorf("after run %d: %d requests, want %d", i, got, (i+1)*pinged)
		}
	}
}
