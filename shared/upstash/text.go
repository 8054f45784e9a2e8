package upstash

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// classifyText names the cause of an error text of Upstash or Redis. Texts are
// matched from their beginning, since further on they may quote the command's
// arguments.
func classifyText(text string) cause.Cause {
	text = strings.ToLower(strings.TrimSpace(text))
	code, _, _ := strings.Cut(text, " ")
	switch code {
	case "wrongpass":
		if strings.Contains(text, "user is disabled") {
			return cause.AuthUserDisabled
		}
		return cause.AuthInvalid
	case "noauth", "unauthorized":
		return cause.AuthInvalid
	case "noperm":
		return cause.ReadonlyToken
	case "readonly":
		return cause.WritePaused
	case "oom":
		return cause.StorageFull
	}
	return classifyErr(strings.TrimPrefix(text, "err "))
}

// classifyErr judges the texts that Upstash sends with Redis' generic code ERR.
func classifyErr(text string) cause.Cause {
	for _, t := range []struct {
		prefix string
		cause  cause.Cause
	}{
		{"max daily request limit exceeded", cause.QuotaDaily},
		{"max requests limit exceeded", cause.QuotaMonthly},
		{"max monthly request limit exceeded", cause.QuotaMonthly},
		{"db capacity quota exceeded", cause.StorageFull},
		{"max request size exceeded", cause.RequestTooBig},
		{"max single record size exceeded", cause.RequestTooBig},
		{"max key size exceeded", cause.RequestTooBig},
		{"max concurrent connections exceeded", cause.Throttled},
		{"max commands per second exceeded", cause.Throttled},
		{"command is not available", cause.CommandBlocked},
		{"wrong password or user", cause.AuthUserDisabled},
	} {
		if strings.HasPrefix(text, t.prefix) {
			return t.cause
		}
	}
	if strings.HasPrefix(text, "command ") && strings.Contains(text, "is not allowed in rest") {
		return cause.CommandBlocked
	}
	return cause.RedisError
}

// Usage is how much of a limit is used, as an error text of Upstash says. The zero
// value means that the text said nothing.
type Usage struct {
	Used  int64
	Limit int64
	Unit  Unit
}

// Unit is what a Usage counts.
type Unit string

// The units.
const (
	UnitCommands Unit = "commands"
	UnitBytes    Unit = "bytes"
)

// IsZero reports whether the text said nothing.
func (u Usage) IsZero() bool { return u == Usage{} }

// String returns "500,002 of 500,000 commands", or "261.9 MB of 256.0 MB", a MB being
// 1,048,576 bytes as it is for Upstash.
func (u Usage) String() string {
	if u.IsZero() {
		return ""
	}
	if u.Unit == UnitBytes {
		const mb = 1 << 20
		return fmt.Sprintf("%.1f MB of %.1f MB", float64(u.Used)/mb, float64(u.Limit)/mb)
	}
	return grouped(u.Used) + " of " + grouped(u.Limit) + " " + string(u.Unit)
}

// usageOf reads the numbers of texts such as "Limit: 500000, Usage: 500002" and
// "Threshold: 268435456 bytes, Usage: 274604636 bytes".
func usageOf(text string) Usage {
	limit, ok := numberAfter(text, "Limit: ")
	if !ok {
		limit, ok = numberAfter(text, "Threshold: ")
	}
	used, found := numberAfter(text, "Usage: ")
	if !found {
		used, found = numberAfter(text, "Actual: ")
	}
	if !ok || !found {
		return Usage{}
	}
	u := Usage{Used: used, Limit: limit, Unit: UnitCommands}
	if strings.Contains(text, " bytes") {
		u.Unit = UnitBytes
	}
	return u
}

func numberAfter(text, label string) (int64, bool) {
	_, rest, ok := strings.Cut(text, label)
	if !ok {
		return 0, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	n, err := strconv.ParseInt(rest[:end], 10, 64)
	return n, err == nil
}

// grouped returns 500002 as "500,002".
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
