package access

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Tokens returns the tokens that are accepted now.
type Tokens func(ctx context.Context) ([]secrets.Value, error)

// FromConfig returns the configuration's tokens, with secrets from cache. A token that is
// too short is not accepted. It is an error only if no other is left, so that it can be
// replaced while the next one is already in use.
func FromConfig(c *config.Config, cache *secrets.Cache) Tokens {
	return func(ctx context.Context) ([]secrets.Value, error) {
		out := make([]secrets.Value, 0, len(c.Access.Tokens))
		var short error
		for i, s := range c.Access.Tokens {
			e, err := s.Get(ctx, cache)
			if err != nil {
				return nil, fmt.Errorf("reading access.tokens: %w", err)
			}
			if n := utf8.RuneCountInString(e.Value.Reveal()); n < config.MinToken {
				short = errors.Join(short, fmt.Errorf("reading access.tokens[%d]: it has %d characters, want at least %d, such as the output of `openssl rand -base64 24`", i, n, config.MinToken))
				continue
			}
			out = append(out, e.Value)
		}
		if len(out) == 0 && short != nil {
			return nil, short
		}
		return out, nil
	}
}
