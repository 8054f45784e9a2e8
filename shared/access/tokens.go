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

// FromConfig returns the configuration's read tokens, with secrets from cache. A token that is
// too short is not accepted. It is an error only if no other is left, so that it can be
// replaced while the next one is already in use.
func FromConfig(c *config.Config, cache *secrets.Cache) Tokens {
	return tokens("access.tokens", c.Access.Tokens, cache)
}

// ActFromConfig returns the tokens whose holders may act, as FromConfig returns read tokens.
func ActFromConfig(c *config.Config, cache *secrets.Cache) Tokens {
	return tokens("access.act_tokens", c.Access.ActTokens, cache)
}

func tokens(key string, from []config.Secret, cache *secrets.Cache) Tokens {
	return func(ctx context.Context) ([]secrets.Value, error) {
		out := make([]secrets.Value, 0, len(from))
		var short error
		for i, s := range from {
			e, err := s.Get(ctx, cache)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", key, err)
			}
			if n := utf8.RuneCountInString(e.Value.Reveal()); n < config.MinToken {
				short = errors.Join(short, fmt.Errorf("reading %s[%d]: it has %d characters, want at least %d, such as the output of `openssl rand -base64 24`", key, i, n, config.MinToken))
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
