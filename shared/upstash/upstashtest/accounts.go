package upstashtest

import (
	"crypto/subtle"
	"slices"
	"strings"
	"sync"
)

// User is an ACL user, for whom ACL RESTTOKEN mints a token.
type User struct {
	Name     string
	Password string
	// Commands are the commands that the user may run, by name; nil means all.
	Commands []string
	// Disabled users are refused at the door.
	Disabled bool
}

func (u User) may(name string) bool {
	return u.Commands == nil || slices.ContainsFunc(u.Commands, func(c string) bool { return strings.EqualFold(c, name) })
}

// identity is who a token belongs to.
type identity struct {
	user     string
	readOnly bool
	acl      *User // nil for the two tokens of the database
}

// accounts knows the tokens.
type accounts struct {
	mu                 sync.Mutex
	standard, readonly string
	users              map[string]User
	minted             map[string]string // token → user
}

// AddUser adds or replaces an ACL user.
func (s *Server) AddUser(u User) {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	u.Commands = slices.Clone(u.Commands)
	s.accounts.users[u.Name] = u
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
	name, ok := a.minted[token]
	if !ok {
		return identity{}, textAuthInvalid
	}
	user, ok := a.users[name]
	if !ok || user.Disabled {
		return identity{}, textUserDisabled
	}
	return identity{user: name, acl: &user}, ""
}

// mint returns a token for an ACL user, as ACL RESTTOKEN does.
func (a *accounts) mint(name, password string) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	user, ok := a.users[name]
	if !ok || !same(user.Password, password) {
		return "", false
	}
	token := randomToken()
	a.minted[token] = name
	return token, true
}

func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
