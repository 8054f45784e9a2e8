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
		{"help", []string{"--help"}, exitOK, "Usage: pongwatch explain", ""},
		{"a cause that does not exist", []string{"auth"}, exitFailed, "", `no cause "auth"`},
		{"two causes", []string{"slow", "tls"}, exitFailed, "", "want one cause"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			if code := explainCommand(t.Context(), tt.args, &stdout, &stderr); code != tt.code {
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
	if code := explainCommand(t.Context(), nil, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, c := range cause.All() {
		if !strings.Contains(stdout.String(), "  "+string(c)+" ") {
			t.Errorf("%s is not listed", c)
		}
	}
}
