package healthcheck

import (
	"slices"
	"time"
)

// Statuses returns all statuses, the best first.
func Statuses() []Status { return slices.Clone(byBadness) }

// NewHurried is New with a run's waits divided by factor.
func NewHurried(o Options, factor time.Duration) (*Function, error) {
	t := unhurried
	t.attempt /= factor
	t.pauses = slices.Clone(t.pauses)
	for i := range t.pauses {
		t.pauses[i] /= factor
	}
	return newFunction(o, t)
}
