package config

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Secret is the value of a key that may be a secret: a reference into Secret Manager
// ("sm://projects/P/secrets/S", optionally "/versions/V"), which is read on first use,
// or the value itself. It prints its reference, and never a value.
type Secret struct {
	ref   secrets.Ref
	value secrets.Value
}

// Inline returns a Secret that holds the value itself, for tests and `local`.
func Inline(value string) Secret { return Secret{value: secrets.New(value)} }

// reference returns a Secret that is read from Secret Manager.
func reference(ref secrets.Ref) Secret { return Secret{ref: ref} }

// IsSet reports whether there is a reference or a value.
func (s Secret) IsSet() bool { return s.IsReference() || !s.value.IsZero() }

// IsReference reports whether the value lies in Secret Manager.
func (s Secret) IsReference() bool { return !s.ref.IsZero() }

// Resource returns the secret's name in Secret Manager, "projects/my-project/secrets/token",
// and "" for a value that does not lie there.
func (s Secret) Resource() string {
	if !s.IsReference() {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(s.ref.String(), "sm://"), "/versions/")
	return name
}

// Get returns the value, read through the cache where it lies in Secret Manager. The
// entry of an inline value has no version. A Secret that is not set gives an empty
// value and no error. The cache may be nil where nothing is a reference.
func (s Secret) Get(ctx context.Context, cache *secrets.Cache) (secrets.Entry, error) {
	return s.read(ctx, cache, false)
}

// Refresh is Get for a value that its service has just refused.
func (s Secret) Refresh(ctx context.Context, cache *secrets.Cache) (secrets.Entry, error) {
	return s.read(ctx, cache, true)
}

func (s Secret) read(ctx context.Context, cache *secrets.Cache, refused bool) (secrets.Entry, error) {
	switch {
	case !s.IsReference():
		return secrets.Entry{Value: s.value}, nil
	case cache == nil:
		return secrets.Entry{}, fmt.Errorf("reading secret %s: no secret source is set up: %w", s.ref, secrets.ErrUnavailable)
	case refused:
		return cache.Refresh(ctx, s.ref)
	}
	return cache.Get(ctx, s.ref)
}

// ParseText parses a reference into Secret Manager, or the value where it may stand in
// the document itself.
func (s *Secret) ParseText(text string, plain bool) (what, example string) {
	trimmed := strings.TrimSpace(text)
	switch ref, err := secrets.ParseRef(trimmed); {
	case !plain && unexpanded(trimmed) != "":
		return unexpanded(trimmed), "sm://projects/my-project/secrets/my-secret"
	case !secrets.IsRef(trimmed):
		if text != "" && !plain {
			return "holds a secret in plain text, want a reference into Secret Manager", "sm://projects/my-project/secrets/my-secret"
		}
		*s = Inline(text)
	case err != nil:
		return "is no reference into Secret Manager: " + err.Error(), ""
	default:
		*s = reference(ref)
	}
	return "", ""
}

// String returns the reference, "[redacted]" for a value, and "" for nothing.
func (s Secret) String() string {
	switch {
	case s.IsReference():
		return s.ref.String()
	case s.value.IsZero():
		return ""
	default:
		return s.value.String()
	}
}

// Format implements [fmt.Formatter], so that no verb shows more than String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText gives what String gives.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
