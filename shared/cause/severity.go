package cause

import "slices"

// Severity says how urgent an incident is. The zero value is below every severity.
type Severity string

// The severities, from the most urgent to the least.
const (
	SeverityCritical Severity = "critical" // wake the on-call engineer
	SeverityWarning  Severity = "warning"  // look during the day
	SeverityInfo     Severity = "info"     // good to know
)

var severities = []Severity{SeverityInfo, SeverityWarning, SeverityCritical}

// Rank orders severities: critical 3, warning 2, info 1, anything else 0.
func (s Severity) Rank() int { return slices.Index(severities, s) + 1 }

// Compare is negative when s is less urgent than other, zero when they are equal.
func (s Severity) Compare(other Severity) int { return s.Rank() - other.Rank() }

// AtLeast reports whether s is as urgent as other, or more.
func (s Severity) AtLeast(other Severity) bool { return s.Rank() >= other.Rank() }

// Max returns the more urgent of the two.
func (s Severity) Max(other Severity) Severity {
	if s.AtLeast(other) {
		return s
	}
	return other
}

// Min returns the less urgent of the two; a limit of "" does not limit.
func (s Severity) Min(limit Severity) Severity {
	if limit != "" && !limit.AtLeast(s) {
		return limit
	}
	return s
}
