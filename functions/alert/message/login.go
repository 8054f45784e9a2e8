package message

import (
	"context"
	"slices"
	"sync"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

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
		return FailCredential(doing, err)
	}
	err = attempt(values)
	if BadCredential(err) {
		fresh, e := l.read(ctx, true)
		switch {
		case e != nil:
			l.note(values, err)
			return FailCredential(doing, e)
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
