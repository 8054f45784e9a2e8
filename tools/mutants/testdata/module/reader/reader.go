// Package reader uses sums.
package reader

import "example.test/module/sums"

// Y is tested, and with it a field that the tests of sums do not look at.
func Y() int { return sums.At(1, 2).Y }
