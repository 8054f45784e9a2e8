package document

import (
	"fmt"
	"strconv"
	"strings"
)

// Bytes is a size. In the document it is a whole number of bytes, or a number with a
// unit: KB, MB, GB or TB. A unit is 1024 of the one before, as Upstash counts:
// its "256 MB" are 268,435,456 bytes.
type Bytes int64

var byteUnits = []struct {
	suffix string
	size   Bytes
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// parseBytes parses a size.
func parseBytes(text string) (Bytes, error) {
	number, unit := strings.ToUpper(strings.ReplaceAll(text, " ", "")), Bytes(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = rest, u.size
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || n*float64(unit) > 1<<60 {
		return 0, fmt.Errorf("parsing size %q: want a number with a unit such as 256MB", text)
	}
	return Bytes(n * float64(unit)), nil
}

// String returns the size in the largest unit that gives a whole number.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.suffix
		}
	}
	return "0B"
}
