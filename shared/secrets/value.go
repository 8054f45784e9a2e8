// Package secrets keeps secrets secret and fresh: Value redacts itself, Ref names
// a secret in Secret Manager, and Cache reads references through a Source, holds
// them for a while, serves them stale when the Source is down and reads them again
// at once when a service has refused one.
package secrets

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// redacted is what a Value looks like everywhere but in the result of Reveal.
const redacted = "[redacted]"

// Value is a secret text that cannot be printed by accident: through every fmt
// verb, JSON, text encodings and slog it appears as "[redacted]", and a struct
// that holds it does not show it either. Reveal is the only way to its content.
// Compare with Equal: == compares identity. The zero Value holds nothing.
//
// The text hangs on a pointer because fmt calls no method on an unexported field
// or for a verb that does not fit, and would print a string held directly.
type Value struct{ s *string }

// New wraps s as it is; trimming is the Cache's work.
func New(s string) Value { return Value{s: &s} }

// Reveal returns the secret itself. Call it only where the secret leaves the
// process towards the service it belongs to.
func (v Value) Reveal() string {
	if v.s == nil {
		return ""
	}
	return *v.s
}

// IsZero reports whether v holds nothing.
func (v Value) IsZero() bool { return v.Reveal() == "" }

// Equal reports whether both hold the same secret, in time that depends on
// neither's content nor on whether their lengths agree.
func (v Value) Equal(other Value) bool {
	a, b := sha256.Sum256([]byte(v.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String implements [fmt.Stringer].
func (Value) String() string { return redacted }

// Format implements [fmt.Formatter], so that verbs which bypass String, such as
// %x, %d and %#v, show nothing either.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText implements [encoding.TextMarshaler], by which JSON is written, too.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements [slog.LogValuer].
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// Secret is what a Source read. It prints as "[redacted]".
type Secret struct {
	Data    []byte
	Version string // the number behind "latest" or an alias, such as "7"
}

// Format implements [fmt.Formatter].
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText implements [encoding.TextMarshaler].
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
