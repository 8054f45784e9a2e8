package upstashtest

import (
	"crypto/subtle"
	"sync"
)

// identity is who a token belongs to.
type identity struct {
	user     string
	readOnly bool
}

// accounts knows the tokens.
type accounts struct {
	mu                 sync.Mutex
	standard, readonly string
}

// Token returns the standard token in force.
func (s *Server) Token() string {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	return s.accounts.standard
}

// ReadOnlyToken returns the read-only token in force.
func (s *Server) ReadOnlyToken() string {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	return s.accounts.readonly
}

// SetToken replaces the standard token, as a rotation does: the old one is refused
// from now on.
func (s *Server) SetToken(token string) {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	s.accounts.standard = token
}

// Rotate resets the password as Upstash's console does: it revokes both tokens and
// returns the new standard one.
func (s *Server) Rotate() string {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	s.accounts.standard, s.accounts.readonly = randomToken(), randomToken()
	return s.accounts.standard
}

// identify returns whose token it is, or the text with which it is refused.
func (a *accounts) identify(token string) (identity, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case same(token, a.standard):
		return identity{user: "default"}, ""
	case same(token, a.readonly):
		return identity{user: "default_ro", readOnly: true}, ""
	}
	return identity{}, textAuthInvalid
}

func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
