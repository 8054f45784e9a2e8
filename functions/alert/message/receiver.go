package message

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Ref is a receiver's own reference to what it has sent.
type Ref = incident.Ref

// Result says what became of one attempt to deliver.
type Result string

// The results.
const (
	// Delivered: the other side has accepted it.
	Delivered Result = "delivered"
	// Refused for good: a repetition changes nothing until a person corrects something.
	Refused Result = "refused"
	// Later: it certainly did not arrive, and may when tried again.
	Later Result = "later"
	// Unknown: it may have arrived; the answer was lost.
	Unknown Result = "unknown"
)

// Outcome is what the caller records of one attempt.
type Outcome struct {
	Result Result
	// Unsent says of Delivered that nothing had to be sent, or could be: an edit that the
	// receiver cannot make.
	Unsent bool
	// RetryAfter is the least wait that the other side asked for, zero for none.
	RetryAfter time.Duration
	// Reason says in a few words why it was not delivered, without secrets:
	// "channel_not_found", "550 no such user". It may quote the other side and is
	// untrusted.
	Reason string
}

// Receiver delivers messages to one address. It is safe for concurrent use.
type Receiver interface {
	// Name is the address under which the outbox keeps it: "slack-oncall",
	// "email-oncall/alice@example.com".
	Name() string
	// Deliver brings the receiver up to date with m: by an edit, a reply, a new
	// message, or nothing at all where m is not loud and the receiver cannot edit.
	// prev is what an earlier Deliver for the same thread returned, zero for none;
	// the returned Ref replaces it, also after a failure, where it still holds what
	// did get through. Deliver keeps to ctx's deadline. The error explains every
	// outcome but Delivered and holds no secret.
	Deliver(ctx context.Context, m Message, prev Ref) (Ref, Outcome, error)
}

// Renewable is a receiver that can find out, without sending anything, whether a new attempt
// may go better than the one that was refused.
type Renewable interface {
	Renewed(ctx context.Context) bool
}

// Credential returns a receiver's secret at the moment of use. With refused set, because
// the service has refused the last one, it reads anew.
type Credential func(ctx context.Context, refused bool) (secrets.Value, error)

// Fixed returns a Credential that is always v.
func Fixed(v secrets.Value) Credential {
	return func(context.Context, bool) (secrets.Value, error) { return v, nil }
}

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

// failCredential is a credential that was not available. The next try may find it.
func failCredential(doing string, err error) *Failure {
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

// maxRetryAfter bounds how long a receiver is left alone because it asks for it. A critical
// incident has gone to the fallback long before.
const maxRetryAfter = 6 * time.Hour

// retryAfter reads a Retry-After header, which holds seconds or a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date")) // by the clock that made the date
	if err != nil {
		now = time.Now()
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
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

// Login makes attempts with a receiver's credentials. It is safe for concurrent use.
type Login struct {
	credentials []Credential
	mu          sync.Mutex
	// tried says that an attempt was made. refused are the values that the service has refused
	// last, nil while it takes them.
	tried   bool
	refused []secrets.Value
}

// NewLogin returns a Login. A nil credential is always empty.
func NewLogin(credentials ...Credential) *Login { return &Login{credentials: credentials} }

// Do makes an attempt. If the service refuses the credentials and reading them anew shows
// that they have changed, Do makes one more. The same ones are not tried twice.
func (l *Login) Do(ctx context.Context, doing string, attempt func([]secrets.Value) error) error {
	values, err := l.read(ctx, false)
	if err != nil {
		return failCredential(doing, err)
	}
	err = attempt(values)
	if BadCredential(err) {
		fresh, e := l.read(ctx, true)
		switch {
		case e != nil:
			l.note(values, err)
			return failCredential(doing, e)
		case !equal(fresh, values):
			values = fresh
			err = attempt(values)
		}
	}
	l.note(values, err)
	return err
}

// note keeps what became of an attempt with these values.
func (l *Login) note(values []secrets.Value, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried, l.refused = true, nil
	if BadCredential(err) {
		l.refused = values
	}
}

// Renewed reports whether an attempt may go better than the one that was refused: the
// credentials have changed since, or this process has not tried them yet.
func (l *Login) Renewed(ctx context.Context) bool {
	l.mu.Lock()
	refused, tried := l.refused, l.tried
	l.tried = true
	l.mu.Unlock()
	if refused == nil {
		return !tried
	}
	fresh, err := l.read(ctx, true)
	return err == nil && !equal(fresh, refused)
}

func (l *Login) read(ctx context.Context, refused bool) ([]secrets.Value, error) {
	values := make([]secrets.Value, len(l.credentials))
	for i, credential := range l.credentials {
		if credential == nil {
			continue
		}
		var err error
		if values[i], err = credential(ctx, refused); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func equal(a, b []secrets.Value) bool {
	return slices.EqualFunc(a, b, func(x, y secrets.Value) bool { return x.Equal(y) })
}
