package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthAsksWhetherPongwatchIsAtWork(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		code   int
		says   string
	}{
		"all on time": {
			http.StatusOK, `{"status":"ok","jobs":[{"job":"healthcheck","shard":"main","region":"local","state":"ok","last_run":"2026-11-22T20:00:00Z"}]}`,
			exitOK, "healthcheck of shard main in local: ok, last run 2026-11-22 20:00:00 UTC\n",
		},
		"one has never run": {
			http.StatusServiceUnavailable, `{"status":"late","jobs":[{"job":"metrics","shard":"main","state":"never"}]}`,
			exitNo, "metrics of shard main: never\n",
		},
		"history cannot be read": {
			http.StatusServiceUnavailable, `{"status":"unknown","jobs":[{"job":"metrics","shard":"main","state":"unknown","error":"reading history"}]}`,
			exitFailed, "metrics of shard main: unknown, reading history\n",
		},
		"a token is wanted":    {http.StatusUnauthorized, `{"error":"want a token"}`, exitFailed, "answers 401: reading is denied; name a variable that holds a token with --token-env"},
		"it is something else": {http.StatusOK, `<html>`, exitFailed, "want pongwatch's health"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != monitorHealthPath {
					t.Errorf("it asks for %s", r.URL.Path)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer s.Close()
			code, stdout, stderr := pongwatch(t, "health", "--url", s.URL)
			if code != tt.code || !strings.Contains(stdout+stderr, tt.says) {
				t.Errorf("exit code %d, want %d and %q\n%s%s", code, tt.code, tt.says, stdout, stderr)
			}
		})
	}
}
