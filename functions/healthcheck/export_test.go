package healthcheck

import "time"

// NewHurried is New with a run's waits divided by factor.
func NewHurried(o Options, factor time.Duration) (*Function, error) {
	t := unhurried
	t.attempt /= factor
	for i := range t.pauses {
		t.pauses[i] /= factor
	}
	return newFunction(o, t)
}
