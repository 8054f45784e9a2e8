package incident

// FlapWindow is how many results flap detection looks at, as in Nagios.
const FlapWindow = 21

// Never as FlapHigh switches flap detection off.
const Never = 1000

const historyMask = 1<<FlapWindow - 1

// flapPercent is the share of changes among the last FlapWindow results, in per
// cent, where newer changes weigh more: from 0.75 for the oldest to 1.25 for the
// newest (Nagios, base/flapping.c). What is not known counts as good.
func flapPercent(history uint32) float64 {
	const changes = FlapWindow - 1
	var sum float64
	for i := range changes { // i is the age of the change, 0 is the newest
		if (history>>i)&1 != (history>>(i+1))&1 {
			sum += 0.75 + float64(changes-1-i)*0.5/(changes-1)
		}
	}
	return sum * 100 / changes
}

// flapping says whether the series flaps, given whether it did: it starts at
// FlapHigh and stops at FlapLow, so that the detector itself cannot flap.
func (ss *SeriesState) flapping(was bool, p Policy) bool {
	var most float64
	for _, src := range ss.Sources {
		most = max(most, flapPercent(src.History))
	}
	if was {
		return most > p.FlapLow
	}
	return most >= p.FlapHigh
}
