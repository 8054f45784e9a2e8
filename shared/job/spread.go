package job

import "time"

const (
	// pace is the time between the beginnings of two databases' work: TLS handshakes of
	// 500 databases at once would queue for one CPU, and the waiting would be measured
	// as latency. At this pace a core keeps up, and the last one is begun after 0.25 s.
	pace = 500 * time.Microsecond
	// debt is how far behind the pace is made up for: timers are only good for a
	// millisecond. Beyond that the CPU is behind, and more work at once would not help.
	debt = 4 * pace
)

// Spread calls start for 0 to n-1, which must not wait, at a pace that a CPU keeps up
// with. It returns after the last call.
func Spread(n int, start func(i int)) {
	next := time.Now()
	for i := range n {
		time.Sleep(time.Until(next))
		start(i)
		next = next.Add(pace)
		if earliest := time.Now().Add(-debt); next.Before(earliest) {
			next = earliest
		}
	}
}
