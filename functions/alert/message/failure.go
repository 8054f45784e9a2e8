package message

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Failure is a delivery that did not succeed, and what that means. Its text holds no secret.
type Failure struct {
	Outcome
	// Doing is what was attempted: "sending a mail".
	Doing string
	// Detail is the other side's own explanation.
	Detail string
	// BadCredential says that the other side refused the credential.
	BadCredential bool
	Err           error
}

func (f *Failure) Error() string {
	said := f.Doing + ": " + f.Reason
	if f.Detail != "" {
		said += " (" + f.Detail + ")"
	}
	return said
}

// Unwrap implements the interface of [errors.Unwrap].
func (f *Failure) Unwrap() error { return f.Err }

// Fail returns a failure with a reason for people.
func Fail(result Result, doing, reason string) *Failure {
	return &Failure{Outcome: Outcome{Result: result, Reason: reason}, Doing: doing}
}

// FailCredential is a credential that was not available. The next try may find it.
func FailCredential(doing string, err error) *Failure {
	return &Failure{Outcome: Outcome{Result: Later, Reason: err.Error()}, Doing: doing, Err: err}
}

// FailTransport is an HTTP request without an answer: it may have arrived unless it
// had not left.
func FailTransport(doing string, err error, known ...secrets.Value) *Failure {
	clean := outbound.Error(err, known...)
	f := Fail(Unknown, doing, text.Clip(clean.Error(), 200))
	f.Err = clean
	switch {
	case errors.Is(err, outbound.ErrForbidden):
		f.Result = Refused
	case errors.Is(err, outbound.ErrNotSent):
		f.Result = Later
	}
	return f
}

// FailStatus is an HTTP answer that is no success: 408, 429 and 5xx pass by themselves,
// everything else lasts.
func FailStatus(doing string, resp *http.Response) *Failure {
	f := Fail(Refused, doing, "HTTP "+strconv.Itoa(resp.StatusCode))
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode >= 500 {
		f.Result = Later
		f.RetryAfter = retryAfter(resp.Header)
	}
	return f
}

// MaxRetryAfter bounds how long a receiver is left alone because it asks for it. A critical
// incident has gone to the fallback long before.
const MaxRetryAfter = 6 * time.Hour

// retryAfter reads a Retry-After header, which holds seconds or a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(MaxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date")) // by the clock that made the date
	if err != nil {
		now = time.Now()
	}
	return min(max(until.Sub(now), 0), MaxRetryAfter)
}

// BadCredential reports whether an error is a refused credential.
func BadCredential(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.BadCredential
}

// OutcomeOf returns the outcome of a delivery from its error.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Outcome{Result: Delivered}
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Outcome
	}
	return Outcome{Result: Later, Reason: err.Error()}
}
