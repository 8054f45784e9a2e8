// Package job is what the scheduled functions have in common: a [Runner] reads the
// scheduler's request, has the databases looked at, publishes the report and keeps
// the record, in this order; and answers are JSON.
package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// HeaderScheduleTime is when Cloud Scheduler meant the run, in RFC 3339. It is the
// same in every retry, which makes runs comparable.
const HeaderScheduleTime = "X-CloudScheduler-ScheduleTime"

// A scheduled time decides which run of history is written, so that it must be about now.
// maxAhead is how far this clock may be behind the scheduler's. maxRetries is how long after
// the next run is due a run may still be tried again.
const (
	maxAhead   = 10 * time.Second
	maxRetries = 2 * time.Minute
)

// maxBody bounds a scheduler's request.
const maxBody = 4 << 10

// Request is what a scheduler asks for.
type Request struct {
	// Shard may be empty where there is only one.
	Shard string `json:"shard"`
	// Scheduled is in UTC.
	Scheduled time.Time `json:"-"`
}

// parse reads a scheduler's request: a body such as {"shard":"main"} and the header
// [HeaderScheduleTime]. Without the header, as when a person asks, the run belongs to
// the interval that has begun last.
func parse(r *http.Request, now time.Time, every time.Duration) (Request, error) {
	var q Request
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return q, fmt.Errorf("reading body: %w", err)
	case len(body) > maxBody:
		return q, fmt.Errorf("reading body: more than %d bytes", maxBody)
	}
	if text := strings.TrimSpace(string(body)); text != "" {
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			return q, errors.New(`reading body: want JSON such as {"shard":"main"}`)
		}
	}
	q.Scheduled = now.UTC().Truncate(every)
	if header := r.Header.Get(HeaderScheduleTime); header != "" {
		at, err := time.Parse(time.RFC3339, header)
		if err != nil {
			return q, fmt.Errorf("reading header %s: want a time such as 2026-01-02T15:04:00Z", HeaderScheduleTime)
		}
		switch late := now.Sub(at); {
		case -late > maxAhead:
			return q, fmt.Errorf("reading header %s: %s is more than %s in the future", HeaderScheduleTime, header, maxAhead)
		case late > every+maxRetries:
			return q, fmt.Errorf("reading header %s: %s is more than %s ago, which no retry explains", HeaderScheduleTime, header, every+maxRetries)
		}
		q.Scheduled = at.UTC()
	}
	return q, nil
}

// pickShard returns the shard of that name, or the only one there is.
func pickShard(name string, shards []string) (string, error) {
	switch {
	case name == "" && len(shards) == 1:
		return shards[0], nil
	case slices.Contains(shards, name):
		return name, nil
	}
	return "", fmt.Errorf(`shard %q is not in the configuration, want one of %s as {"shard":"…"}`, name, strings.Join(shards, ", "))
}

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
	WriteJSON(w, status, struct {
		Error string `json:"error"`
	}{reason})
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
