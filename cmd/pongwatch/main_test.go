package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"nothing asked: what there is", nil, exitFailed, "", "Usage: pongwatch <subcommand>"},
		{"help is an answer", []string{"--help"}, exitOK, "pongwatch local", ""},
		{"help of a subcommand", []string{"help", "local"}, exitOK, "-every", ""},
		{"help of a subcommand by flag", []string{"local", "--help"}, exitOK, "demonstration", ""},
		{"a subcommand that does not exist", []string{"lokal"}, exitFailed, "", `no subcommand "lokal"`},
		{"a flag that does not exist", []string{"local", "--adr", "x"}, exitFailed, "", "flag provided but not defined: -adr"},
		{"an argument where there are only flags", []string{"local", "8080"}, exitFailed, "", `unexpected argument "8080"`},
		{"an address that others can reach", []string{"local", "--addr", "0.0.0.0:0"}, exitFailed, "", "--expose"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			if code := run(t.Context(), tt.args, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, out := range []struct{ name, got, want string }{{"stdout", stdout.String(), tt.stdout}, {"stderr", stderr.String(), tt.stderr}} {
				if !strings.Contains(out.got, out.want) || out.want == "" && out.got != "" {
					t.Errorf("%s is %q, want it to hold %q", out.name, out.got, out.want)
				}
			}
		})
	}
}

// Each subcommand explains itself and lists its flags.
func TestHelp(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			if code := c.run(t.Context(), []string{"--help"}, &stdout, &stderr); code != exitOK {
				t.Errorf("exit code %d, want 0", code)
			}
			if out := stdout.String(); !strings.Contains(out, "Usage:") || !strings.Contains(out, "pongwatch "+c.name) || stderr.Len() > 0 {
				t.Errorf("stdout %q, stderr %q, want help on stdout alone", stdout.String(), stderr.String())
			}
			if c.summary == "" || strings.HasSuffix(c.summary, ".") {
				t.Errorf("summary %q, want a phrase without a full stop", c.summary)
			}
		})
	}
}
