// Package access says who reaches what. A [Mux] takes no handler without a [Guard].
// [Readers] guard pages: a page is left to Google Cloud's IAM, asks for a token, or is
// public.
package access

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// tokenTimeout bounds the reading of the tokens.
const tokenTimeout = 5 * time.Second

// Readers guard pages.
type Readers struct {
	// Tokens are those of access.tokens. Nil accepts none.
	Tokens Tokens
	// Actor knows who may act; they may read as well. Optional.
	Actor Actor
	// Open says that IAM does not guard the service, and Why is the reason for readers.
	// Pages that are left to IAM are then closed, because nothing else would guard them.
	Open bool
	Why  string
	// Logger gets why tokens cannot be read. Optional.
	Logger *slog.Logger
}

// Guard lets requests through as surface says. With [config.AccessToken] a request must
// carry one of the tokens, as Bearer or as the password of HTTP Basic, so that a browser
// can ask for it.
func (rs Readers) Guard(surface config.Surface) Guard {
	name := "readers of " + string(surface)
	switch {
	case surface == config.AccessPublic, surface == config.AccessIAM && !rs.Open:
		return Guard{name, unchanged}
	case surface == config.AccessToken:
		return Guard{name, rs.asked}
	}
	return Guard{name, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			job.WriteError(w, http.StatusForbidden, "access says iam for this page, but "+cmp.Or(rs.Why, "IAM does not guard it")+"; set token or public for it")
		})
	}}
}

// asked wants one of the tokens.
func (rs Readers) asked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := rs.Actor.Of(r); ok {
			next.ServeHTTP(w, r)
			return
		}
		if given, ok := credential(r); ok {
			list, err := accepted(r.Context(), rs.Tokens)
			if err != nil || len(list) == 0 {
				if rs.Logger != nil {
					rs.Logger.WarnContext(r.Context(), "no read token can be accepted", "error", err)
				}
				job.WriteError(w, http.StatusServiceUnavailable, "access.tokens cannot be read, so no token can be accepted")
				return
			}
			if among(list, given) {
				next.ServeHTTP(w, r)
				return
			}
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="pongwatch", charset="UTF-8"`)
		job.WriteError(w, http.StatusUnauthorized, "want one of access.tokens as Bearer, or as the password of HTTP Basic")
	})
}

// among compares in constant time. Nothing equals an empty token.
func among(list []secrets.Value, given secrets.Value) bool {
	return slices.ContainsFunc(list, func(token secrets.Value) bool { return token.Equal(given) && !token.IsZero() })
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
