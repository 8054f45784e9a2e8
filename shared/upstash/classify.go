package upstash

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Outcome is what one request showed: all that [Classify] looks at.
type Outcome struct {
	// Err is the transport's error, nil when a complete answer came.
	Err error
	// Phase is the phase that the request was in when it ended.
	Phase Phase
	// Status is the HTTP status, 0 without an answer.
	Status int
	// ContentType is the answer's header of that name.
	ContentType string
	// Body is the answer's beginning; all of it for an answer that is to be understood.
	Body []byte
	// Ping says that the request was a PING, which only PONG answers.
	Ping bool
	// Proxy is the host and port of the proxy that the request goes through, "" without one.
	Proxy string
}

// errReplyTooBig ends the reading of an answer above the client's own bound.
var errReplyTooBig = errors.New("the answer is larger than the client reads")

// Classify names the reason of a failure, or returns "" for a good answer. It is pure
// and total: the same outcome has the same cause, and every outcome has one.
//
// An error text decides before the HTTP status, since Upstash's status for quota
// errors is not documented and gateways change it. The texts are collected from
// Upstash's documentation and from its users' reports.
func Classify(o Outcome) cause.Cause {
	if o.Err != nil {
		return classifyTransport(o)
	}
	if text, ok := errorText(o.Body); ok {
		if c := classifyText(text); c != cause.RedisError {
			return c
		}
		// Upstash answers neither of these with an error text of Redis.
		elsewhere := o.Status == http.StatusForbidden || o.Status == http.StatusNotFound
		if c := classifyStatus(o); c != "" && (c != cause.NotUpstash || elsewhere && !strings.HasPrefix(text, "ERR ")) {
			return c
		}
		return cause.RedisError
	}
	if c := classifyStatus(o); c != "" {
		return c
	}
	if !wellFormed(o) {
		return cause.NotUpstash
	}
	return ""
}

// classifyStatus judges an answer whose text says nothing. It returns "" for a status
// that is no failure by itself.
func classifyStatus(o Outcome) cause.Cause {
	switch {
	case o.Status >= 500:
		return cause.Provider5xx
	case o.Status == http.StatusTooManyRequests:
		return cause.Throttled
	case o.Status == http.StatusProxyAuthRequired:
		return cause.Proxy
	case o.Status == http.StatusUnauthorized && !isHTML(o):
		return cause.AuthInvalid
	case o.Status == http.StatusRequestEntityTooLarge && !isHTML(o):
		return cause.RequestTooBig
	case o.Status < 200 || o.Status > 299:
		// Upstash answers JSON whatever the status; a page or a redirect is a gateway's.
		return cause.NotUpstash
	default:
		return ""
	}
}

// wellFormed reports whether the body is what Upstash answers on success: an object
// with a result, or for a pipeline an array.
func wellFormed(o Outcome) bool {
	if o.Ping {
		var reply struct {
			Result string `json:"result"`
		}
		return json.Unmarshal(o.Body, &reply) == nil && reply.Result == "PONG"
	}
	if isArray(o.Body) {
		return json.Valid(o.Body)
	}
	var reply struct {
		Result json.RawMessage `json:"result"`
	}
	return json.Unmarshal(o.Body, &reply) == nil && reply.Result != nil
}

func isArray(body []byte) bool {
	return strings.HasPrefix(strings.TrimLeft(string(body[:min(len(body), 64)]), " \t\r\n"), "[")
}

// isHTML goes by the header, and by the first character where a header lies.
func isHTML(o Outcome) bool {
	mediaType, _, _ := mime.ParseMediaType(o.ContentType)
	start := strings.TrimLeft(string(o.Body[:min(len(o.Body), 64)]), " \t\r\n\ufeff")
	return mediaType == "text/html" || mediaType == "application/xhtml+xml" || strings.HasPrefix(start, "<")
}

// errorText returns the text of {"error": "text"}.
func errorText(body []byte) (string, bool) {
	if isArray(body) || len(body) == 0 {
		return "", false
	}
	var reply struct {
		Error *string `json:"error"`
	}
	if json.Unmarshal(body, &reply) != nil || reply.Error == nil {
		return "", false
	}
	return *reply.Error, true
}

func classifyTransport(o Outcome) cause.Cause {
	var dns *net.DNSError
	switch {
	case errors.Is(o.Err, context.Canceled):
		return cause.Interrupted
	case isProxy(o):
		return cause.Proxy
	case errors.As(o.Err, &dns) && dns.IsNotFound:
		return cause.DNSNXDomain
	case dns != nil:
		return cause.DNSTemporary
	case errors.Is(o.Err, errReplyTooBig):
		if o.Ping {
			return cause.NotUpstash
		}
		return cause.RequestTooBig
	case isTimeout(o.Err) && o.Phase == PhaseDNS:
		return cause.DNSTemporary
	case isTimeout(o.Err) && slices.Contains([]Phase{PhaseNone, PhaseConnect, PhaseTLS}, o.Phase):
		return cause.TimeoutConnect
	case isTimeout(o.Err):
		return cause.TimeoutResponse
	case errors.Is(o.Err, syscall.ECONNREFUSED):
		return cause.TCPRefused
	case isUnreachable(o.Err):
		return cause.TimeoutConnect
	case isTLS(o.Err):
		return cause.TLS
	case isAny(o.Err, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED):
		return cause.ConnReset
	case o.Phase == PhaseTLS:
		return cause.TLS
	case o.Phase == PhaseRead:
		// Bytes came and the connection held, yet they were not HTTP.
		return cause.NotUpstash
	default:
		return cause.Unknown
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isUnreachable covers what routers and local firewalls answer in place of silence.
func isUnreachable(err error) bool {
	return isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EPERM, syscall.EACCES)
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// is reports whether an error of that type is in the chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTLS(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || is[tls.AlertError](err) ||
		is[x509.HostnameError](err) || is[x509.UnknownAuthorityError](err) || is[x509.CertificateInvalidError](err) ||
		errors.Is(err, http.ErrSchemeMismatch) || isAlert(err)
}

// isAlert reports a TLS alert, which also comes after the handshake: TLS 1.3 demands a client
// certificate only then. The alert's own type is not exported.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

// words names causes by words of a text, separated by |: the first row that has one decides.
type words []struct {
	any   string
	cause cause.Cause
}

func (rows words) in(text string) cause.Cause { return rows.find(text, strings.Contains) }

// find returns the cause of the first row of which a word is found so.
func (rows words) find(text string, found func(text, word string) bool) cause.Cause {
	for _, row := range rows {
		for word := range strings.SplitSeq(row.any, "|") {
			if found(text, word) {
				return row.cause
			}
		}
	}
	return ""
}

var (
	// codes are the first words of Redis' error texts.
	codes = map[string]cause.Cause{
		"wrongpass": cause.AuthInvalid, "noauth": cause.AuthInvalid, "unauthorized": cause.AuthInvalid,
		"noperm": cause.ReadonlyToken, "readonly": cause.WritePaused, "noreplicas": cause.WritePaused, "oom": cause.StorageFull,
		"loading": cause.ProviderUnready, "masterdown": cause.ProviderUnready, "clusterdown": cause.ProviderUnready,
		"tryagain": cause.ProviderUnready, "misconf": cause.ProviderUnready,
	}
	// begins are what texts without a code say first.
	begins = words{
		{"wrong password or user", cause.AuthUserDisabled},
		{"invalid password|client sent auth|auth <password> called", cause.AuthInvalid},
		{"this user has no permissions", cause.ReadonlyToken},
		{"writes are temporarily rejected", cause.WritePaused},
		{"command is not available|command is not supported|unsupported command", cause.CommandBlocked},
		{"too many requests", cause.Throttled},
		{"too many connections", cause.ConnectionsFull},
		{"request too large|payload too large", cause.RequestTooBig},
	}
	// limited tells what a limit that is exceeded or reached is of.
	limited = words{
		{"per second|rate limit", cause.Throttled},
		{"bandwidth|traffic", cause.QuotaPlan},
		{"capacity|storage|memory|data size|database size", cause.StorageFull},
		{"connection|clients", cause.ConnectionsFull},
		{"size", cause.RequestTooBig},
		{"daily", cause.QuotaDaily},
		{"request|command", cause.QuotaMonthly},
	}
	limitBegins = []string{"max", "maximum", "daily", "monthly", "db", "data", "storage", "memory", "concurrent", "rate", "request", "requests", "command", "commands", "traffic", "you"}
	// stopped tells why Upstash has stopped a database as a whole.
	stopped = words{
		{"not support|n't support|support disabled", cause.CommandBlocked},
		{"being upgraded", cause.ProviderUnready},
		{"budget|suspend|payment|unpaid|billing|subscription", cause.QuotaSuspended},
		{"rate-limit|rate limit|ratelimit|throttl", cause.QuotaRateLimited},
		{"limit|quota|exceed|bandwidth|upgrade", cause.QuotaPlan},
		{"blocked|disabled|deactivated|archived|paused|stopped", cause.QuotaSuspended},
		{"is full", cause.StorageFull},
		{"maintenance|migrat|temporarily unavailable", cause.ProviderUnready},
	}
	stopSubjects = []string{"database", "instance", "account", "plan", "tier", "subscription", "payment", "budget", "bandwidth"}
)

// classifyText names the cause of an error text of Upstash or Redis. Texts are
// matched from their beginning, since further on they may quote the command's
// arguments.
func classifyText(text string) cause.Cause {
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "err ") // Redis' generic code
	code, _, _ := strings.Cut(text, " ")
	code = strings.TrimRight(code, ".:,")
	if code == "wrongpass" && strings.Contains(text, "user is disabled") {
		return cause.AuthUserDisabled
	}
	if c := codes[code]; c != "" {
		return c
	}
	if code == "command" && (strings.Contains(text, "is not allowed in rest") || strings.HasSuffix(strings.TrimRight(text, "."), "is not available")) {
		return cause.CommandBlocked
	}
	return cmp.Or(begins.find(text, strings.HasPrefix), exceededCause(text), stoppedCause(text), cause.RedisError)
}

// sentence is what a text says in its own words: up to the end of its first sentence, or to the mark
// behind which it may quote a command's arguments.
func sentence(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" -,'+", r)
	})
	if at := strings.Index(" "+text, " '"); at >= 0 && (end < 0 || at < end) {
		end = at
	}
	if end < 0 {
		return text
	}
	return text[:end]
}

// exceededCause names the limit that a text says is exceeded or reached: "max requests limit
// exceeded", "DB capacity quota exceeded", "max number of clients reached". What the limit is of
// decides, and not the sentence.
func exceededCause(text string) cause.Cause {
	text = strings.TrimPrefix(strings.TrimPrefix(sentence(text), "the "), "your ")
	for _, verb := range []string{" exceeded", " reached", " exhausted"} {
		subject, object, found := strings.Cut(text, verb)
		fields := strings.Fields(subject)
		if !found || len(fields) == 0 || len(fields) > 8 || !slices.Contains(limitBegins, fields[0]) {
			continue
		}
		if fields[0] == "you" { // have exceeded the limit
			subject = object
		}
		return limited.in(subject)
	}
	return ""
}

// stoppedCause judges texts such as "This database has been suspended for exceeding the defined
// budget limit", "This database has reached current Fixed plan limits", "Your database has been
// temporarily rate-limited". No documentation has these texts, and they change: what the text is
// about and its words decide, not its sentences.
func stoppedCause(text string) cause.Cause {
	fields := strings.Fields(sentence(text))
	for len(fields) > 0 && slices.Contains([]string{"access", "to", "your", "this", "the", "upstash", "redis"}, fields[0]) {
		fields = fields[1:]
	}
	// Further on the text is about something else.
	if !slices.ContainsFunc(fields[:min(len(fields), 3)], func(w string) bool { return slices.Contains(stopSubjects, strings.TrimSuffix(w, "'s")) }) {
		return ""
	}
	return stopped.in(text)
}

// usage returns how much of a limit is used, as an error text such as "Limit: 500000,
// Usage: 500002" or "Threshold: 268435456 bytes, Actual: 274604636 bytes" says: "500,002
// of 500,000 commands", or "261.9 MB of 256.0 MB", a MB being 1,048,576 bytes as it is for
// Upstash. It returns "" for any other text.
func usage(said string) string {
	limit, unit := numberAfter(said, "Limit: ", "Threshold: ")
	used, same := numberAfter(said, "Usage: ", "Actual: ")
	counted := limited.in(sentence(strings.ToLower(said)))
	switch {
	case limit < 0 || used < 0 || unit != same:
	case unit == "bytes" && limit < 1<<20:
		return fmt.Sprintf("%.1f KB of %.1f KB", float64(used)/(1<<10), float64(limit)/(1<<10))
	case unit == "bytes":
		return fmt.Sprintf("%.1f MB of %.1f MB", float64(used)/(1<<20), float64(limit)/(1<<20))
	case unit == "" && (counted == cause.QuotaMonthly || counted == cause.QuotaDaily):
		return text.Thousands(used) + " of " + text.Thousands(limit) + " commands"
	}
	return ""
}

// numberAfter returns the number behind the first of the labels that is there, and its unit. It is
// negative where there is none.
func numberAfter(said string, labels ...string) (n int64, unit string) {
	for _, label := range labels {
		_, rest, _ := strings.Cut(said, label)
		after := strings.TrimLeft(rest, "0123456789,")
		digits, ended := strings.CutSuffix(rest[:len(rest)-len(after)], ",")
		if n, err := strconv.ParseInt(strings.ReplaceAll(digits, ",", ""), 10, 64); err == nil {
			if !ended {
				unit, _, _ = strings.Cut(strings.TrimPrefix(after, " "), " ")
			}
			return n, strings.TrimRight(unit, ".,")
		}
	}
	return -1, ""
}
