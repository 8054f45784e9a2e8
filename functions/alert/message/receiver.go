package message

import (
	"context"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
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
