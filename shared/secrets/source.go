package secrets

import (
	"context"
	"errors"
	"fmt"
)

// Source reads secrets from where they are kept. shared/gcp/secretmanager is one.
type Source interface {
	// Access reads the version with the resource name
	// projects/P/secrets/S/versions/V. Its errors hold nothing of the content and
	// match one of the sentinels below where it knows the reason.
	Access(ctx context.Context, name string) (Secret, error)
}

// SourceFunc makes a function a Source.
type SourceFunc func(ctx context.Context, name string) (Secret, error)

// Access implements [Source].
func (f SourceFunc) Access(ctx context.Context, name string) (Secret, error) { return f(ctx, name) }

// Why a secret could not be read; test with [errors.Is]. All but ErrUnavailable
// last until a person repairs the secret or its permissions.
var (
	ErrDenied      = errors.New("permission denied")
	ErrNotFound    = errors.New("secret or version not found")
	ErrDisabled    = errors.New("secret version is disabled or destroyed")
	ErrUnavailable = errors.New("secret source unavailable")
	ErrCorrupt     = errors.New("secret arrived damaged") // its checksum is wrong
	ErrEmpty       = errors.New("secret is empty")
)

// Secret is what a Source read. It prints as "[redacted]".
type Secret struct {
	Data    []byte
	Version string // the number behind "latest" or an alias, such as "7"
}

// Format implements [fmt.Formatter].
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText implements [encoding.TextMarshaler].
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
