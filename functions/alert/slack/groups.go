package slack

import (
	"sync"
	"time"
)

// groupsFor is how long a group's members are remembered: a button must answer at
// once, and who leaves a team need not lose a button within the second.
const groupsFor = 5 * time.Minute

// groups remembers the members of user groups.
type groups struct {
	mu    sync.Mutex
	known map[string]members
}

type members struct {
	users []string
	read  time.Time
}

func (g *groups) get(group string, now time.Time) ([]string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m, ok := g.known[group]
	return m.users, ok && now.Sub(m.read) < groupsFor
}

func (g *groups) put(group string, users []string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		g.known = map[string]members{}
	}
	g.known[group] = members{users: users, read: now}
}
