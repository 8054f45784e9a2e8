// Package access says who reaches what. A [Mux] takes no handler without a [Guard].
// [Readers] guard pages: a page is left to Google Cloud's IAM, asks for a token, or is
// public.
package access

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

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
		_, reads := rs.Actor.Of(r)
		if !reads {
			var err error
			if reads, err = rs.Tokens.held(r); err != nil {
				if rs.Logger != nil {
					rs.Logger.WarnContext(r.Context(), "no read token can be accepted", "error", err)
				}
				job.WriteError(w, http.StatusServiceUnavailable, "access.tokens cannot be read, so no token can be accepted")
				return
			}
		}
		if !reads {
			w.Header().Set("WWW-Authenticate", `Basic realm="pongwatch", charset="UTF-8"`)
			job.WriteError(w, http.StatusUnauthorized, "want one of access.tokens as Bearer, or as the password of HTTP Basic")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// errNoTokens says that no token is accepted.
var errNoTokens = errors.New("there are no tokens")

// tokenTimeout bounds the reading of the tokens.
const tokenTimeout = 5 * time.Second

// held reports whether a request carries one of the tokens, as Bearer or as the password of HTTP
// Basic. It is an error if it carries one and there is none to compare it with.
func (t Tokens) held(r *http.Request) (bool, error) {
	_, given, ok := r.BasicAuth()
	if !ok {
		scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
		if !found || !strings.EqualFold(scheme, "Bearer") {
			return false, nil
		}
		given = strings.TrimSpace(token)
	}
	if t == nil {
		return false, errNoTokens
	}
	ctx, cancel := context.WithTimeout(r.Context(), tokenTimeout)
	defer cancel()
	list, err := t(ctx)
	if err == nil && len(list) == 0 {
		err = errNoTokens
	}
	if err != nil {
		return false, err
	}
	// In constant time. Nothing equals an empty token.
	return slices.ContainsFunc(list, func(token secrets.Value) bool { return token.Equal(secrets.New(given)) && !token.IsZero() }), nil
}
