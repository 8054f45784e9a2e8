package config

import (
	"strconv"
	"strings"
)

// cronFields are the bounds of the five fields and the names that stand for numbers.
var cronFields = []struct {
	name      string
	low, high int
	names     string
}{
	{"minute", 0, 59, ""},
	{"hour", 0, 23, ""},
	{"day of month", 1, 31, ""},
	{"month", 1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"},
	{"day of week", 0, 7, "SUN MON TUE WED THU FRI SAT"},
}

// checkCron says which field of a cron expression is wrong: each is *, numbers,
// names, ranges and lists of them, with or without a step.
func checkCron(text string, _ bool) string {
	fields := strings.Fields(text)
	for i, f := range cronFields {
		for part := range strings.SplitSeq(fields[i], ",") {
			if !cronPart(part, f.low, f.high, strings.Fields(f.names)) {
				return "has a wrong " + f.name + ": want *, or " + strconv.Itoa(f.low) + " to " + strconv.Itoa(f.high) +
					", with ranges (1-5), lists (1,3) and steps (*/15)"
			}
		}
	}
	return ""
}

func cronPart(part string, low, high int, names []string) bool {
	span, step, stepped := strings.Cut(part, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || n > high) {
		return false
	}
	if span == "*" {
		return true
	}
	from, to, ranged := strings.Cut(span, "-")
	a, ok := cronNumber(from, low, high, names)
	if !ok || !ranged {
		return ok
	}
	b, ok := cronNumber(to, low, high, names)
	return ok && a <= b
}

func cronNumber(text string, low, high int, names []string) (int, bool) {
	for i, n := range names {
		if strings.EqualFold(n, text) {
			return i + low, true
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= low && n <= high
}
