package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// survivors runs the tester over the package sums of testdata/module.
func survivors(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(append(args, "--dir", "testdata/module", "--list-survivors", "./sums"), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestMutantsLiveOrDieAsTheTestsOfTheirPackageSay(t *testing.T) {
	t.Parallel()
	got := survivors(t, "--mode", "own")
	for _, want := range []string{
		"boundary: n > 3 -> n >= 3 (Loose; survives)",
		"boundary: n > 3 -> n > 3+1 (Loose; survives)",
		"arithmetic: n - 1 -> n + 1 (Forgotten; not reached)",
		"wiring: Y: y -> Y: zero (At; survives)",
		`content: Name: "point" -> Name: zero (At; survives)`,
		"condition: a < b && a != 0 -> a < b || a != 0 (Generic; not reached)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no survivor %q", want)
		}
	}
	for _, dead := range []string{"(Limit;", "(Double;", "(Parse;", "X: x"} {
		if strings.Contains(got, dead) {
			t.Errorf("a mutant with %q survives: its test fails with it", dead)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestOtherPackagesKillWhatThePackagesOwnTestsLetLive(t *testing.T) {
	t.Parallel()
	got := survivors(t, "--mode", "any")
	if want := "wiring: Y: y -> Y: zero (At; killed by other packages alone)"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestEquivalentMutantsAreNotCounted(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "equivalent.txt")
	line := "sums/sums.go Loose: n > 3 -> n >= 3 -> callers never pass 3\n"
	if err := os.WriteFile(list, []byte("# a comment\n\n"+line), 0o600); err != nil {
		t.Fatal(err)
	}
	got := survivors(t, "--mode", "own", "--equivalent", list)
	if strings.Contains(got, "n > 3 -> n >= 3") || !strings.Contains(got, "n > 3 -> n > 3+1 (Loose") {
		t.Errorf("want the listed mutant alone to be left out:\n%s", got)
	}
}

func TestASampleIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	first := survivors(t, "--mode", "own", "--sample", "8")
	if again := survivors(t, "--mode", "own", "--sample", "8"); again != first {
		t.Errorf("two runs differ:\n%s\n%s", first, again)
	}
}

func TestAnEquivalentWithoutAReasonIsRefused(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "equivalent.txt")
	if err := os.WriteFile(list, []byte("sums.go: a -> b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readEquivalent(list); err == nil {
		t.Error("want an error")
	}
}
