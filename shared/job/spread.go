package job

import "time"

const (
	// handful is how many begin together, pace the time between two handfuls: TLS
	// handshakes of 500 databases at once would queue for one CPU, and the waiting would
	// be measured as latency. At this pace a core keeps up, and the last one is begun
	// after 0.27 s. A handful shares one wake-up, a tenth of what a ping costs.
	handful = 8
	pace    = handful * 550 * time.Microsecond
	// debt is how far behind the pace is made up for: timers are only good for a
	// millisecond. Beyond that the CPU is behind, and more work at once would not help.
	debt = pace / 2
)

// Spread calls start for 0 to n-1, which must not wait, at a pace that a CPU keeps up
// with. It returns after the last call.
func Spread(n int, start func(i int)) {
	next := time.Now()
	for i := range n {
		if i%handful == 0 {
			if earliest := time.Now().Add(-debt); next.Before(earliest) {
				next = earliest
			}
			time.Sleep(time.Until(next))
			next = next.Add(pace)
		}
		start(i)
	}
}
