// Package sums has mutants whose fate is known.
package sums

import "errors"

// Limit is tested on both sides, exactly.
func Limit(n int) bool { return n > 3 }

// Loose is tested far from its boundary.
func Loose(n int) bool { return n > 3 }

// Double is tested.
func Double(n int) int { return n * 2 }

// Forgotten has no test.
func Forgotten(n int) int { return n - 1 }

// Point is made by At.
type Point struct {
	X, Y int
	Name string
}

// At is tested for X alone.
func At(x, y int) Point { return Point{X: x, Y: y, Name: "point"} }

// Parse is tested for its error.
func Parse(s string) (n int, err error) {
	if s == "" {
		return 0, errEmpty
	}
	n++
	return n, nil
}

var errEmpty = errors.New("parse: empty")

// Generic shows that mutants of functions with type parameters compile.
func Generic[T int | float64](a, b T) T {
	if a < b && a != 0 {
		return a + b
	}
	return a
}
