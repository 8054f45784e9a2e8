package main

import (
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"a cause", []string{"auth_invalid"}, exitOK, "# Redis refuses the token", ""},
		{"a cause in capitals", []string{"AUTH_INVALID"}, exitOK, "# Redis refuses the token", ""},
		{"help", []string{"--help"}, exitOK, "Usage:\n  pongwatch explain", ""},
		{"an error text", []string{"WRONGPASS invalid or missing auth token."}, exitOK, "# Redis refuses the token", ""},
		{"an error text without quotes", []string{"ERR", "max", "requests", "limit", "exceeded.", "Limit:", "500000"}, exitOK, "# This month's Redis commands", ""},
		{"the body that curl shows", []string{`{"error":"ERR DB capacity quota exceeded. Threshold: 1 bytes"}`}, exitOK, "# Redis is full", ""},
		{"a client's word for it", []string{"UpstashError: NOPERM this user has no permissions to run the 'set' command"}, exitOK, "# The token may read but not write", ""},
		{"a client's word in a log line", []string{"backend: upstash_redis.errors.UpstashError: ERR max daily request limit exceeded."}, exitOK, "# Today's Redis commands", ""},
		{"an error that Redis has for a command", []string{"ERR wrong number of arguments for 'get' command"}, exitOK, "# Redis answers with an error", ""},
		{"a text that quotes a known one", []string{"cannot render: 'WRONGPASS invalid' is not a colour"}, exitFailed, "", "unknown cause or error text"},
		{"a page", []string{"<html>502</html>"}, exitFailed, "", "unknown cause or error text"},
		{"a cause that does not exist", []string{"auth"}, exitFailed, "", `unknown cause or error text "auth"`},
		{"an error text that holds a flag", []string{"ERR", "max", "requests", "limit", "exceeded.", "--limit", "-1"}, exitOK, "# This month's Redis commands", ""},
		{"two causes", []string{"slow", "tls"}, exitFailed, "", `unknown cause or error text "slow tls"`},
		{"a flag", []string{"--all"}, exitFailed, "", "unknown flag: --all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			if code := run(t.Context(), append([]string{"explain"}, tt.args...), &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
			}
		})
	}
}

func TestExplainListsEveryCause(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"explain"}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, c := range cause.All() {
		if !strings.Contains(stdout.String(), "  "+string(c)+" ") {
			t.Errorf("%s is not listed", c)
		}
		if n := strings.Count("\n"+stdout.String(), "\n"+string(c.Info().Class)+"\n"); n != 1 {
			t.Errorf("class %s is %d times a heading, want once", c.Info().Class, n)
		}
	}
}
