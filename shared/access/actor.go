package access

import (
	"cmp"
	"net/http"

	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Actor returns the name of the person who sent a request, if they may acknowledge and silence.
// Nil knows no one.
type Actor func(r *http.Request) (name string, ok bool)

// Of is the actor's answer.
func (a Actor) Of(r *http.Request) (name string, ok bool) {
	if a == nil {
		return "", false
	}
	return a(r)
}

// ByToken knows those who carry one of the tokens, as Bearer or as the password of HTTP Basic. The
// name is the one that they typed beside it.
func ByToken(tokens Tokens) Actor {
	return func(r *http.Request) (string, bool) {
		if held, err := tokens.held(r); err != nil || !held {
			return "", false
		}
		name, _, _ := r.BasicAuth()
		text.Outside(&name, report.MaxEvidence)
		return cmp.Or(name, "dashboard"), true
	}
}

// Actors lets those through whom actor knows. A browser sends a credential along with whatever
// a page elsewhere makes it send, so what comes from another origin is refused.
func Actors(actor Actor) Guard {
	protection := http.NewCrossOriginProtection()
	return Guard{"actors", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := protection.Check(r); err != nil {
				job.WriteError(w, http.StatusForbidden, "this was sent by a page of another origin; use the form of the dashboard itself")
				return
			}
			if _, ok := actor.Of(r); !ok {
				job.WriteError(w, http.StatusForbidden, "want one of access.act_tokens as the password of HTTP Basic; a read token may not act")
				return
			}
			next.ServeHTTP(w, r)
		})
	}}
}
