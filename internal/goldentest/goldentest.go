// Package goldentest compares what a test made with a file that people read and
// review. One flag rewrites such files, in every package that has some:
//
//	go test ./the/package -update
package goldentest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files, and what tests generate")

// Update reports whether files are to be rewritten, for tests whose files hold more than
// what was made.
func Update() bool { return *update }

// Compare fails the test unless the file at path, which is relative to the package's
// folder, holds got. With -update it becomes got first.
func Compare[T string | []byte](t testing.TB, path string, got T) {
	t.Helper()
	if *update {
		Write(t, path, got)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (-update makes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what it was; -update rewrites it (-file +test):\n%s", path, diff)
	}
}

// Write makes the file, and its folder where that is missing.
func Write[T string | []byte](t testing.TB, path string, content T) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
