package job_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/job"
)

func TestEachBoundsHowManyAreAskedAtOnce(t *testing.T) {
	const n = 500
	tests := []struct {
		name  string
		takes time.Duration
		// most is how many calls may run at the same time, took how long all of them take.
		most int
		took time.Duration
	}{
		{"pings of 150 ms come in four waves", 150 * time.Millisecond, 128, 600 * time.Millisecond},
		{"a call that outlasts its slot frees it once", 201 * time.Millisecond, 256, 801 * time.Millisecond},
		{"databases that hang keep no slot", 16 * time.Second, n, 16*time.Second + 600*time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var order []int
				running, most := 0, 0
				begun := time.Now()
				job.Each(n, func(i int) {
					mu.Lock()
					order = append(order, i)
					running++
					most = max(most, running)
					mu.Unlock()
					time.Sleep(tt.takes)
					mu.Lock()
					running--
					mu.Unlock()
				})
				if took := time.Since(begun); took != tt.took {
					t.Errorf("all calls took %v, want %v", took, tt.took)
				}
				if len(order) != n || running != 0 {
					t.Errorf("%d calls, %d still running when Each returned; want %d and none", len(order), running, n)
				}
				if most > tt.most {
					t.Errorf("%d calls ran at once, want at most %d", most, tt.most)
				}
				for _, i := range order[:128] {
					if i >= 128 {
						t.Errorf("call %d began in the first wave, want the calls in order", i)
					}
				}
			})
		})
	}
}
