package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
)

// memory is what the demonstration itself remembers in a folder that was named: what
// is broken, and what on-call has received. Alert's state is in the store.
type memory struct {
	path string // empty remembers nothing

	mu    sync.Mutex
	saved saved
}

type saved struct {
	Mode  string      `json:"mode"`
	Inbox inbox.Inbox `json:"inbox"`
}

// recall reads what an earlier process saved.
func recall(path string) (*memory, saved, error) {
	m := &memory{path: path}
	if path == "" {
		return m, saved{}, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, saved{}, nil
	}
	if err != nil {
		return nil, saved{}, fmt.Errorf("reading the demonstration's memory: %w", err)
	}
	if err := json.Unmarshal(data, &m.saved); err != nil {
		return nil, saved{}, fmt.Errorf("reading the demonstration's memory: %s: %w; remove the file to forget", path, err)
	}
	return m, m.saved, nil
}

// save applies a change and writes the file as a whole, so that a kill leaves the
// earlier or the later one.
func (m *memory) save(change func(*saved)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.saved)
	if m.path == "" {
		return nil
	}
	data, err := json.Marshal(m.saved)
	if err != nil {
		return fmt.Errorf("saving the demonstration's memory: %w", err)
	}
	if err := os.WriteFile(m.path+".new", data, 0o600); err != nil {
		return fmt.Errorf("saving the demonstration's memory: %w", err)
	}
	if err := os.Rename(m.path+".new", m.path); err != nil {
		return fmt.Errorf("saving the demonstration's memory: %w", err)
	}
	return nil
}
