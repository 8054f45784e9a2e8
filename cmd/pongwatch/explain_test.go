package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/cause/symptom"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"a cause", []string{"auth_invalid"}, exitOK, "# Redis refuses the token", ""},
		{"where the page is served", []string{"auth_invalid"}, exitOK, "\n\nThis page: /playbooks/auth_invalid of your dashboard, ", ""},
		{"a cause in capitals", []string{"AUTH_INVALID"}, exitOK, "# Redis refuses the token", ""},
		{"help", []string{"--help"}, exitOK, "Usage:\n  pongwatch explain", ""},
		{"an error text", []string{"WRONGPASS invalid or missing auth token."}, exitOK, "# Redis refuses the token", ""},
		{"an error text without quotes", []string{"ERR", "max", "requests", "limit", "exceeded.", "Limit:", "500000"}, exitOK, "# This month's Redis commands", ""},
		{"the body that curl shows", []string{`{"error":"ERR DB capacity quota exceeded. Threshold: 1 bytes"}`}, exitOK, "# Redis is full", ""},
		{"a client's word for it", []string{"UpstashError: NOPERM this user has no permissions to run the 'set' command"}, exitOK, "# The token may read but not write", ""},
		{"a client's word in a log line", []string{"backend: upstash_redis.errors.UpstashError: ERR max daily request limit exceeded."}, exitOK, "# Today's Redis commands", ""},
		{"an error that Redis has for a command", []string{"ERR wrong number of arguments for 'get' command"}, exitOK, "# Redis answers with an error", ""},
		{"a text that quotes a known one", []string{"cannot render: 'WRONGPASS invalid' is not a colour"}, exitFailed, "", "unknown cause or error text"},
		{"a prefix before the text", []string{"[kv] get failed spot:overrides ERR This database has reached current Fixed plan limits."}, exitOK, "# The Redis plan has reached a limit", ""},
		{"a text that does not decide", []string{"TypeError: fetch failed"}, exitOK, "TypeError: fetch failed\n  This text alone does not decide. It is one of:\n  dns_nxdomain         The Redis host name does not exist\n                       if the error's", ""},
		{"what to do about it", []string{"TypeError: fetch failed"}, exitOK, "What to do: pongwatch explain dns_nxdomain\n", ""},
		{"several lines, one of which decides", []string{"TypeError: fetch failed\n  cause: getaddrinfo ENOTFOUND x.upstash.io"}, exitOK, "# The Redis host name does not exist", ""},
		{"several lines of different causes", []string{"socket hang up\nERR max requests limit exceeded"}, exitOK, "socket hang up\n  conn_reset           The connection to Redis breaks off\n\nERR max requests limit exceeded\n  quota_monthly", ""},
		{"several lines without a known one", []string{"one\ntwo"}, exitFailed, "", "none of the 2 lines is a known error text"},
		{"a typo in a cause", []string{"auth_invalit"}, exitFailed, "", "(did you mean auth_invalid?)"},
		{"a part of a cause", []string{"suspended"}, exitFailed, "", "(did you mean quota_suspended?)"},
		{"dashes in a cause", []string{"quota-plans"}, exitFailed, "", "(did you mean quota_plan?)"},
		{"no word of any cause", []string{"zebra"}, exitFailed, "", `unknown cause or error text "zebra"; "pongwatch explain" lists`},
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
			if strings.Contains(stdout.String(), "\x1b") {
				t.Errorf("colours where there is no terminal: %q", stdout.String())
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

func TestExplainReadsTheStandardInput(t *testing.T) {
	tests := []struct {
		name, stdin string
		args        []string
		code        int
		stdout      string
	}{
		{"a dash", "app | started\napp | ERR max daily request limit exceeded\n", []string{"-"}, exitOK, "# Today's Redis commands"},
		{"a pipe without arguments", "app | started\napp | ERR max daily request limit exceeded\n", nil, exitOK, "# Today's Redis commands"},
		{"a body over several lines", "{\n \"error\":\n  \"WRONGPASS invalid\"\n}\n", nil, exitOK, "# Redis refuses the token"},
		{"the name of a cause", "auth_invalid\n", []string{"-"}, exitOK, "# Redis refuses the token"},
		{"an empty pipe lists the causes", "", nil, exitOK, "  auth_invalid "},
		{"arguments come first", "ERR max daily request limit exceeded", []string{"tls"}, exitOK, "# No secure connection"},
		{"nothing known", "all is well\nindeed\n", nil, exitFailed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(file, []byte(tt.stdin), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			stdin := os.Stdin
			os.Stdin = f
			defer func() { os.Stdin = stdin }()
			var stdout, stderr strings.Builder
			if code := run(t.Context(), append([]string{"explain"}, tt.args...), &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, stderr.String())
			}
			if !strings.Contains(stdout.String(), tt.stdout) {
				t.Errorf("stdout %q", stdout.String())
			}
		})
	}
}

// TestExplainAgreesWithTheChecks: a text means the same in a log and in an answer.
func TestExplainAgreesWithTheChecks(t *testing.T) {
	n := 0
	for _, row := range symptom.Table {
		_, text, ok := strings.Cut(row.Example, "ERR ")
		if !ok || !row.Starts || len(row.Causes) > 1 {
			continue
		}
		text, _, _ = strings.Cut(text, ", command was")
		body, err := json.Marshal(map[string]string{"error": "ERR " + strings.TrimSuffix(text, `"}`)})
		if err != nil {
			t.Fatal(err)
		}
		n++
		if got := upstash.Classify(upstash.Outcome{Status: http.StatusBadRequest, Phase: upstash.PhaseRead, Body: body}); got != row.Causes[0].Cause {
			t.Errorf("%s: explain says %s, a check %s", body, row.Causes[0].Cause, got)
		}
	}
	if n < 10 {
		t.Errorf("only %d texts were compared", n)
	}
}
