//go:build race

package racetest

// Enabled reports whether the race detector watches this test.
const Enabled = true
