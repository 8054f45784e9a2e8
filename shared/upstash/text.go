package upstash

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/text"
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
	case "loading", "masterdown", "clusterdown", "tryagain", "misconf":
		return cause.ProviderUnready
	case "noreplicas":
		return cause.WritePaused
	}
	return classifyErr(strings.TrimPrefix(text, "err "))
}

// classifyErr judges the texts that Upstash sends with Redis' generic code ERR.
func classifyErr(text string) cause.Cause {
	switch {
	case strings.HasPrefix(text, "command is not available"), strings.HasPrefix(text, "command ") && strings.Contains(text, "is not allowed in rest"):
		return cause.CommandBlocked
	case strings.HasPrefix(text, "wrong password or user"):
		return cause.AuthUserDisabled
	}
	if c := exceededCause(text); c != "" {
		return c
	}
	return stoppedCause(text)
}

// exceededCause names the limit that a text says is exceeded or reached: "max requests limit
// exceeded", "DB capacity quota exceeded", "max number of clients reached". What the limit is of
// decides, and not the sentence. It returns "" for any other text.
func exceededCause(text string) cause.Cause {
	subject, _, exceeded := strings.Cut(text, " exceeded")
	if !exceeded {
		subject, _, exceeded = strings.Cut(text, " reached")
	}
	words := strings.Fields(subject)
	// Quotes and other marks would be a command's arguments.
	if !exceeded || len(words) > 6 || strings.IndexFunc(subject, func(r rune) bool { return r != ' ' && (r < 'a' || r > 'z') }) >= 0 ||
		!slices.Contains([]string{"max", "maximum", "daily", "monthly", "db", "storage", "memory", "concurrent", "request", "requests", "command", "commands"}, words[0]) {
		return ""
	}
	for _, t := range []struct {
		words []string
		cause cause.Cause
	}{
		{[]string{"per second"}, cause.Throttled},
		{[]string{"bandwidth"}, cause.QuotaPlan},
		{[]string{"capacity", "storage", "memory", "data size", "database size"}, cause.StorageFull},
		{[]string{"connection", "clients"}, cause.ConnectionsFull},
		{[]string{"size"}, cause.RequestTooBig},
		{[]string{"daily"}, cause.QuotaDaily},
		{[]string{"request", "command"}, cause.QuotaMonthly},
	} {
		if slices.ContainsFunc(t.words, func(w string) bool { return strings.Contains(subject, w) }) {
			return t.cause
		}
	}
	return ""
}

// stoppedCause names why Upstash has stopped a database as a whole: "This database has been
// suspended for exceeding the defined budget limit", "This database has reached current Fixed
// plan limits", "Your database has been temporarily rate-limited". No documentation has these
// texts, and they change: what the text is about and its words decide, not its sentences.
func stoppedCause(text string) cause.Cause {
	words := strings.Fields(text)
	about := func(w string) bool {
		w = strings.TrimSuffix(w, "'s")
		return slices.Contains([]string{"database", "account", "plan", "budget", "bandwidth"}, w)
	}
	// Further on the text may quote a command's arguments.
	if !slices.ContainsFunc(words[:min(len(words), 3)], about) {
		return cause.RedisError
	}
	for _, t := range []struct {
		words []string
		cause cause.Cause
	}{
		{[]string{"budget", "suspend", "payment", "unpaid", "billing"}, cause.QuotaSuspended},
		{[]string{"rate-limit", "rate limit", "ratelimit", "throttl"}, cause.QuotaRateLimited},
		{[]string{"limit", "quota", "exceed", "bandwidth", "upgrade"}, cause.QuotaPlan},
		{[]string{"blocked", "disabled", "paused", "stopped"}, cause.QuotaSuspended},
	} {
		if slices.ContainsFunc(t.words, func(w string) bool { return strings.Contains(text, w) }) {
			return t.cause
		}
	}
	return cause.RedisError
}

// usage returns how much of a limit is used, as an error text such as "Limit: 500000,
// Usage: 500002" or "Threshold: 268435456 bytes, Actual: 274604636 bytes" says: "500,002
// of 500,000 commands", or "261.9 MB of 256.0 MB", a MB being 1,048,576 bytes as it is for
// Upstash. It returns "" for any other text.
func usage(said string) string {
	limit, ok := numberAfter(said, "Limit: ", "Threshold: ")
	used, found := numberAfter(said, "Usage: ", "Actual: ")
	if !ok || !found {
		return ""
	}
	if strings.Contains(said, " bytes") {
		const mb = 1 << 20
		return fmt.Sprintf("%.1f MB of %.1f MB", float64(used)/mb, float64(limit)/mb)
	}
	return text.Thousands(used) + " of " + text.Thousands(limit) + " commands"
}

// numberAfter returns the number behind the first of the labels that is there.
func numberAfter(said string, labels ...string) (int64, bool) {
	for _, label := range labels {
		if _, rest, ok := strings.Cut(said, label); ok {
			digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				return n, true
			}
		}
	}
	return 0, false
}
