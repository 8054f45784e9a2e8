package top

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// finding is a settled row.
type finding struct {
	*row
	pattern string
	free    bool
}

// ends are the first and the last segment, "" without a key.
func (f finding) ends() (first, last string) {
	if len(f.segments) == 0 {
		return "", ""
	}
	return plain(f.segments[0]), plain(f.segments[len(f.segments)-1])
}

// What the habits are told by. A sample is at least 20 s long.
const (
	minPolls   = 3   // of an idle worker, which asks every 5 s by default
	idleShare  = 0.4 // BullMQ 6: 0.5 without a job, and 0.33 with a hundred a second
	minIncr    = 10
	asMany     = 0.8 // two counts are alike
	pairShare  = 0.35
	maxRate    = 100 // INCR a second above which neighbours are chance
	manyFields = 26  // places of 64, which about 33 fields fill
	minWhole   = 5
	minKEYS    = 2
	minSCAN    = 10
	minHealth  = 3
	healthRate = 0.1 // a second
	pingRate   = 0.5
)

// habits names what is known to waste commands, the most expensive first.
func habits(rows []finding, r *Result) []Habit {
	out := []Habit{}
	for _, find := range []func([]finding, float64) (Habit, []finding){idleQueue, limiter, wholeHash, walk, healthPoll} {
		h, spent := find(rows, r.Seconds)
		if h.Name == "" {
			continue
		}
		for _, f := range spent {
			h.add(r.spending(f.count, f.free))
		}
		out = append(out, h)
	}
	slices.SortStableFunc(out, func(a, b Habit) int { return cmp.Compare(b.Share, a.Share) })
	return out
}

func filter(rows []finding, keep func(finding) bool) []finding {
	var out []finding
	for _, f := range rows {
		if keep(f) {
			out = append(out, f)
		}
	}
	return out
}

func count(rows []finding) (n int64) {
	for _, f := range rows {
		n += f.count
	}
	return n
}

// rate says how often something happened.
func rate(n int64, seconds float64) string {
	switch perSecond := float64(n) / max(1, seconds); {
	case perSecond >= 1.5:
		return fmt.Sprintf("%.0f times a second", perSecond)
	case perSecond >= 0.75:
		return "once a second"
	}
	return fmt.Sprintf("%d times in %.0f s", n, seconds)
}

// ran says how often each of two things happened, of those that did.
func ran(seconds float64, a string, n int64, b string, m int64) string {
	var parts []string
	if n > 0 {
		parts = append(parts, a+" "+rate(n, seconds)+".")
	}
	if m > 0 {
		parts = append(parts, b+" "+rate(m, seconds)+".")
	}
	return strings.Join(parts, " ")
}

// idleQueue finds workers that mostly wait: of what an idle one sends every second command does, and
// of what a busy one sends, fewer. Queues of one prefix are judged together, because their names are
// not kept. What their scripts run belongs to the cost.
func idleQueue(rows []finding, seconds float64) (Habit, []finding) {
	var idle, sent, waiting []finding
	for _, prefix := range prefixes(rows) {
		queue := filter(rows, func(f finding) bool {
			first, last := f.ends()
			return first == prefix && (prefix == "bull" || last == "marker" || last == "wait")
		})
		own := filter(queue, func(f finding) bool { return f.client != clientScript })
		waits := filter(own, func(f finding) bool {
			return slices.Contains([]string{"BZPOPMIN", "BRPOPLPUSH", "BLMOVE", "BRPOP", "BLPOP"}, f.command)
		})
		if n := count(waits); n >= minPolls && float64(n) >= idleShare*float64(count(own)) {
			idle, sent, waiting = append(idle, queue...), append(sent, own...), append(waiting, waits...)
		}
	}
	if len(idle) == 0 {
		return Habit{}, nil
	}
	return Habit{
		Name: "idle_bullmq", Title: "Idle BullMQ workers",
		Evidence: fmt.Sprintf("Workers waited for a job %s, which is %.0f %% of what they sent.",
			rate(count(waiting), seconds), 100*float64(count(waiting))/float64(count(sent))),
		Advice: "Raise drainDelay (5 s by default) and stalledInterval (30 s) of each Worker, and run fewer workers. " +
			"A fixed plan does not bill commands.",
	}, idle
}

// prefixes are the first segments that there are.
func prefixes(rows []finding) []string {
	var all []string
	for _, f := range rows {
		first, _ := f.ends()
		all = append(all, first)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// limiter finds rate limiters that send two commands for a request.
func limiter(rows []finding, seconds float64) (Habit, []finding) {
	mine := filter(rows, func(f finding) bool {
		first, _ := f.ends()
		return first != "bull" && f.client != clientScript && slices.ContainsFunc(f.segments, func(s string) bool {
			return slices.Contains([]string{"rl", "ratelimit", "rate-limit", "rate_limit", "rate", "limit", "limiter", "throttle"}, plain(s))
		})
	})
	by := map[string]int64{}     // INCR, by pattern
	expiry := map[string]int64{} // what sets an expiry, by pattern
	why, incremented := "", int64(0)
	for _, f := range mine {
		switch f.command {
		case "INCR", "INCRBY":
			by[f.pattern] += f.count
			incremented += f.count
			if float64(f.count)/max(1, seconds) <= maxRate && f.count >= minIncr && float64(f.pairs) >= pairShare*float64(f.count) {
				why = fmt.Sprintf("INCR of %s comes in pairs.", f.pattern)
			}
		case "EXPIRE", "PEXPIRE", "TTL", "PTTL":
			expiry[f.pattern] += f.count
		}
	}
	maps.DeleteFunc(by, func(_ string, n int64) bool { return n < minIncr })
	patterns := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), strings.Compare(a, b)) })
	for i, p := range patterns {
		if why == "" && float64(expiry[p]) >= asMany*float64(by[p]) {
			why = fmt.Sprintf("INCR of %s is followed by an EXPIRE or a TTL nearly each time.", p)
		}
		if i > 0 && float64(by[p]) >= asMany*float64(by[patterns[i-1]]) {
			why = fmt.Sprintf("INCR of %s and of %s are as many.", patterns[i-1], p)
		}
	}
	if why == "" {
		return Habit{}, nil
	}
	return Habit{
		Name: "limiter_two_commands", Title: "A rate limiter that sends two commands a request",
		Evidence: why + " It counted " + rate(incremented, seconds) + ".",
		Advice: "Keep one counter a request, set its expiry only where INCR answers 1, and refuse a blocked caller from memory, as ephemeralCache of @upstash/ratelimit does. " +
			"A script does not help, because Upstash counts the commands inside of it.",
	}, mine
}

// wholeHash finds hashes that are read whole although they have many fields, or again and again.
func wholeHash(rows []finding, seconds float64) (Habit, []finding) {
	fields := map[string]uint64{}
	for _, f := range rows {
		fields[f.pattern] |= f.fields
	}
	why := ""
	reads := filter(rows, func(f finding) bool {
		if f.command != "HGETALL" || f.count < minWhole {
			return false
		}
		large := several(fields[f.pattern]) >= manyFields
		same := several(f.keys) <= 3 && float64(f.count) >= seconds
		switch {
		case large:
			why = fmt.Sprintf("HGETALL of %s ran %s, and other commands name more than 30 fields of it.", f.pattern, rate(f.count, seconds))
		case same && why == "":
			why = fmt.Sprintf("HGETALL of %s reads the same %s %s.", f.pattern, plural(several(f.keys), "hash", "hashes"), rate(f.count, seconds))
		}
		return large || same
	})
	if why == "" {
		return Habit{}, nil
	}
	return Habit{
		Name: "large_hgetall", Title: "HGETALL of a large hash",
		Evidence: why,
		Advice:   "Read the fields that are needed with HMGET, or keep the hash in the app for some seconds. Each HGETALL moves the whole hash, which the plan's traffic counts; HLEN tells how large it is.",
	}, reads
}

// walk finds what looks for keys by walking through all of them.
func walk(rows []finding, seconds float64) (Habit, []finding) {
	all := filter(rows, func(f finding) bool { return f.command == "KEYS" || f.command == "SCAN" })
	keys := count(filter(all, func(f finding) bool { return f.command == "KEYS" }))
	scans := count(all) - keys
	if keys < minKEYS && scans < minSCAN {
		return Habit{}, nil
	}
	return Habit{
		Name: "keys_scan", Title: "KEYS or SCAN that polls",
		Evidence: ran(seconds, "KEYS ran", keys, "SCAN ran", scans),
		Advice: "Keep the names in a set or a sorted set where keys are written, and read that. Where a walk is needed, use SCAN with COUNT 1000. " +
			"Upstash's console walks too while its data browser is open.",
	}, all
}

// healthPoll finds health checks that ask often. PING costs nothing, so that only a fast loop of it
// is worth a word.
func healthPoll(rows []finding, seconds float64) (Habit, []finding) {
	often := func(perSecond float64, is func(finding) bool) []finding {
		found := filter(rows, is)
		if n := count(found); n < minHealth || float64(n) < perSecond*seconds {
			return nil
		}
		return found
	}
	paid := often(healthRate, func(f finding) bool { return f.health && !f.free && !strings.Contains(f.pattern, "_pongwatch") })
	pings := often(pingRate, func(f finding) bool { return f.command == "PING" })
	if len(paid)+len(pings) == 0 {
		return Habit{}, nil
	}
	return Habit{
		Name: "health_poll", Title: "A health check that polls",
		Evidence: ran(seconds, "Keys of health checks were used", count(paid), "PING ran", count(pings)),
		Advice:   "Answer the health check from the last request that worked, or ask once a minute. PING is not billed; GET, SET and EXISTS are.",
	}, append(paid, pings...)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf("%d %s", n, many)
}
