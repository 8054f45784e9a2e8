// Package access guards pages. A page is left to Google Cloud's IAM, asks for a token, or
// is public.
package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Tokens returns the tokens that are accepted now.
type Tokens func(ctx context.Context) ([]secrets.Value, error)

// FromConfig returns the configuration's tokens, with secrets from cache.
func FromConfig(c *config.Config, cache *secrets.Cache) Tokens {
	return func(ctx context.Context) ([]secrets.Value, error) {
		out := make([]secrets.Value, 0, len(c.Access.Tokens))
		for _, s := range c.Access.Tokens {
			e, err := s.Get(ctx, cache)
			if err != nil {
				return nil, fmt.Errorf("reading access.tokens: %w", err)
			}
			out = append(out, e.Value)
		}
		return out, nil
	}
}

// Wrong tokens are checked at most this often, so that guessing takes time. A right token
// never waits for wrong ones.
const (
	guessesPerSecond = 1
	guessesAtOnce    = 20
	tokenTimeout     = 5 * time.Second
)

// Guard lets requests through to next as the surface says. With [config.AccessToken] a
// request must carry one of the tokens, as Bearer or as the password of HTTP Basic, so
// that a browser can ask for it. open says that IAM does not guard the service: a page
// that is left to IAM is then closed, because nothing else would guard it.
func Guard(surface config.Surface, open bool, tokens Tokens, next http.Handler) http.Handler {
	switch {
	case surface == config.AccessPublic, surface == config.AccessIAM && !open:
		return next
	case surface != config.AccessToken:
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			job.WriteError(w, http.StatusForbidden, "access says iam of this page, and another page of the same function is not iam, which opens the function to the internet; set token or public for this one, too")
		})
	}
	guesses := rate.NewLimiter(guessesPerSecond, guessesAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if given, ok := credential(r); ok {
			list, err := accepted(r.Context(), tokens)
			if err != nil || len(list) == 0 {
				job.WriteError(w, http.StatusServiceUnavailable, "access.tokens cannot be read, so no token can be accepted")
				return
			}
			for _, token := range list {
				if token.Equal(given) && !token.IsZero() {
					next.ServeHTTP(w, r)
					return
				}
			}
			if !guesses.Allow() {
				w.Header().Set("Retry-After", "10")
				job.WriteError(w, http.StatusTooManyRequests, "too many wrong tokens")
				return
			}
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="pongwatch", charset="UTF-8"`)
		job.WriteError(w, http.StatusUnauthorized, "want one of access.tokens as Bearer, or as the password of HTTP Basic")
	})
}

func accepted(ctx context.Context, tokens Tokens) ([]secrets.Value, error) {
	if tokens == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	return tokens(ctx)
}

// credential returns what the request carries.
func credential(r *http.Request) (secrets.Value, bool) {
	if _, password, ok := r.BasicAuth(); ok {
		return secrets.New(password), true
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return secrets.Value{}, false
	}
	return secrets.New(strings.TrimSpace(token)), true
}
