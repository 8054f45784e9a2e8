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

// memory is what the demonstration itself keeps in the folder of --data: what is broken,
// and what on-call has received. Alert's state is in the store.
type memory struct {
	path string // empty keeps nothing

	mu    sync.Mutex
	saved saved
}

type saved struct {
	Mode  string      `json:"mode"`
	Inbox inbox.Inbox `json:"inbox"`
}

// recall reads what an earlier process saved.
func recall(path string) (*memory, error) {
	m := &memory{path: path}
	if path == "" {
		return m, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m.saved)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the demonstration's memory: %s: %w; remove the file to forget", path, err)
	}
	return m, nil
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
	if err == nil {
		err = os.WriteFile(m.path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(m.path+".new", m.path)
	}
	if err != nil {
		return fmt.Errorf("saving the demonstration's memory: %w", err)
	}
	return nil
}
