package healthcheck

import (
	"slices"
	"time"
)

// Statuses returns all statuses, the best first.
func Statuses() []Status { return slices.Clone(byBadness) }

// NewHurried is New with a run's waits divided by factor. With 20 an answer has 200 ms, which a busy machine
// may need: with 1,000 good databases failed now and then.
func NewHurried(o Options, factor time.Duration) (*Function, error) {
	t := unhurried
	t.attempt /= factor
	t.pauses = slices.Clone(t.pauses)
	for i := range t.pauses {
		t.pauses[i] /= factor
	}
	return newFunction(o, t)
}
