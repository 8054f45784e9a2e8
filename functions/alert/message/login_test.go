package message_test

import (
	"context"
	"errors"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// vault returns one value until it is told of a refusal, then the other.
type vault struct {
	now, next string
	err       error
}

func (v *vault) read(_ context.Context, refused bool) (secrets.Value, error) {
	if refused {
		v.now = v.next
		return secrets.New(v.now), v.err
	}
	return secrets.New(v.now), nil
}

func TestACredentialIsNotTriedTwice(t *testing.T) {
	bad := message.Fail(message.Refused, "posting", "HTTP 401")
	bad.BadCredential = true
	for _, tt := range []struct {
		name     string
		vault    vault
		answer   error // to "old"
		attempts int
		want     message.Result
		renewed  bool
	}{
		{"it is taken", vault{now: "old", next: "new"}, nil, 1, message.Delivered, false},
		{"it is refused, and is what it was", vault{now: "old", next: "old"}, bad, 1, message.Refused, false},
		{"it is refused, and has changed", vault{now: "old", next: "new"}, bad, 2, message.Delivered, false},
		{"it is refused, and cannot be read anew", vault{now: "old", err: errors.New("down")}, bad, 1, message.Later, false},
		{"something else is wrong", vault{now: "old", next: "new"}, message.Fail(message.Later, "posting", "HTTP 503"), 1, message.Later, false},
	} {
		l, attempts := message.NewLogin(tt.vault.read, nil), 0
		err := l.Do(t.Context(), "posting", func(v []secrets.Value) error {
			attempts++
			if v[0].Reveal() == "old" {
				return tt.answer
			}
			return nil
		})
		if got := message.OutcomeOf(err).Result; got != tt.want || attempts != tt.attempts || l.Renewed(t.Context()) {
			t.Errorf("%s: %s after %d attempts, want %s after %d", tt.name, got, attempts, tt.want, tt.attempts)
		}
	}
}

func TestARefusedCredentialIsRenewedOnceItChanges(t *testing.T) {
	v := &vault{now: "old", next: "old"}
	l := message.NewLogin(v.read)
	if !l.Renewed(t.Context()) || l.Renewed(t.Context()) {
		t.Error("a new process makes one attempt, as it does not know what was refused")
	}
	bad := message.Fail(message.Refused, "posting", "HTTP 401")
	bad.BadCredential = true
	_ = l.Do(t.Context(), "posting", func([]secrets.Value) error { return bad })
	if l.Renewed(t.Context()) {
		t.Error("it has not changed")
	}
	v.next = "new"
	if !l.Renewed(t.Context()) {
		t.Error("it has changed")
	}
	if v.err = errors.New("down"); l.Renewed(t.Context()) {
		t.Error("it cannot be read")
	}
}
