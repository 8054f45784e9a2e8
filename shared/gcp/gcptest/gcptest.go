// Package gcptest helps to test deployed functions, which log to the process's stderr.
package gcptest

import (
	"io"
	"os"
	"testing"
)

// Stderr returns what is written to the process's stderr by what f starts. Tests that use
// it cannot run in parallel.
func Stderr(t testing.TB, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		text <- string(all)
	}()
	before := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = before }()
	f()
	_ = w.Close()
	return <-text
}
