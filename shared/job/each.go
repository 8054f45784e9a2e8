package job

import (
	"sync"
	"time"
)

const (
	// atOnce bounds how many databases are asked at the same time. Otherwise 500 TLS
	// handshakes would queue for one CPU, and their waiting would count as latency.
	atOnce = 128
	// slotTime is how long one database may occupy its slot. Otherwise an outage in
	// which every database hangs would outlast the run.
	slotTime = 200 * time.Millisecond
)

// Each calls do for 0 to n-1 concurrently and returns when all calls have returned. The
// calls begin in order, and a call counts against the bound for slotTime at most.
func Each(n int, do func(i int)) {
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		release := sync.OnceFunc(func() { <-slots })
		timer := time.AfterFunc(slotTime, release)
		wg.Go(func() {
			defer release()
			defer timer.Stop()
			do(i)
		})
	}
	wg.Wait()
}
