//go:build !race

// Package racetest lets tests of plain computation try fewer cases under the race detector,
// which makes them ten times slower and finds nothing in one goroutine. scripts/test runs
// every case without it as well; with --fast, which is go test -short, it runs as few.
package racetest

// Enabled reports whether the race detector watches this test.
const Enabled = false
