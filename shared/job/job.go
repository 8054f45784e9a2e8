// Package job is what the scheduled functions have in common: a [Runner] reads the
// scheduler's request, has the databases looked at, publishes the report and keeps
// the record, in this order; and answers are JSON.
package job

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// WriteJSON answers with body as JSON on one line, as scripts look for it:
// {"status":"connected", …}. The answer is for now only: no cache keeps it.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, `{"error":"encoding the answer"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // a reader who has left is no failure
}

// WriteError answers {"error": reason}.
func WriteError(w http.ResponseWriter, status int, reason string) {
	WriteJSON(w, status, map[string]string{"error": reason})
}

// NotFound answers 404 with the paths that there are.
func NotFound(paths ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusNotFound, map[string]any{"error": "nothing is here", "paths": paths})
	})
}

const (
	// atOnce bounds how many databases are asked at the same time. Otherwise 500 TLS
	// handshakes would queue for one CPU, and their waiting would count as latency.
	atOnce = 128
	// slotTime is how long one database may occupy its slot. Otherwise an outage in
	// which every database hangs would outlast the run.
	slotTime = 200 * time.Millisecond
)

// Each calls do for 0 to n-1 concurrently and returns when all calls have returned. The
// calls begin in order, and a call counts against the bound for slotTime at most.
func Each(n int, do func(i int)) {
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		release := sync.OnceFunc(func() { <-slots })
		timer := time.AfterFunc(slotTime, release)
		wg.Go(func() {
			defer release()
			defer timer.Stop()
			do(i)
		})
	}
	wg.Wait()
}
