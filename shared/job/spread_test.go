package job_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/job"
)

func TestSpreadKeepsItsPaceAndForgivesDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var calls []time.Duration
		job.Spread(500, func(i int) {
			calls = append(calls, time.Since(begun))
			if i == 103 { // the last of a handful
				time.Sleep(100 * time.Millisecond) // the CPU was elsewhere
			}
		})
		if len(calls) != 500 || calls[0] != 0 {
			t.Fatalf("%d calls, the first after %v; want 500, the first at once", len(calls), calls[0])
		}
		if got := calls[499]; got > 375*time.Millisecond {
			t.Errorf("the last call came after %v, want 275 ms and the delay", got)
		}
		burst := 0
		for _, at := range calls[104:] {
			if at == calls[104] {
				burst++
			}
		}
		if burst > 8 {
			t.Errorf("%d calls at once after a delay, want a handful: what is behind must not become a crowd", burst)
		}
	})
}
