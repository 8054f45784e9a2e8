package main

import (
	"encoding/json"
	"testing"

	"github.com/pongwatch/pongwatch/shared/version"
)

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	want := "pongwatch " + version.Read().String() + "\n"
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code, stdout, stderr := pongwatch(t, args...); code != exitOK || stdout != want {
			t.Errorf("%v: exit code %d, %q, want %q\n%s", args, code, stdout, want, stderr)
		}
	}
	var b version.Build
	if _, stdout, _ := pongwatch(t, "version", "--json"); json.Unmarshal([]byte(stdout), &b) != nil || b != version.Read() {
		t.Errorf("as JSON: %s", stdout)
	}
}

// The greeting names commands that its reader can run.
func TestTheGreetingNamesTheCommandThatWasRun(t *testing.T) {
	for given, want := range map[string]string{
		"pongwatch":               "pongwatch",
		"./pongwatch":             "./pongwatch",
		"/opt/my tools/pongwatch": "'/opt/my tools/pongwatch'",
		"/tmp/go-build1234567890/b001/exe/pongwatch": "go run ./cmd/pongwatch",
		"/var/cache/go-build/ab/abcdef-d/pongwatch":  "go run ./cmd/pongwatch",
	} {
		if got := invoked(given); got != want {
			t.Errorf("invoked(%q) = %q, want %q", given, got, want)
		}
	}
}
