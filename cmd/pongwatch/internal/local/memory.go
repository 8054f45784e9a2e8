package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
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

// recall reads what an earlier process saved. It sets a damaged file aside, as
// [boltstore.OpenFile] does.
func recall(path string, now time.Time) (*memory, *boltstore.Damage, error) {
	m := &memory{path: path}
	if path == "" {
		return m, nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the demonstration's memory: %w", err)
	}
	if err := json.Unmarshal(data, &m.saved); err != nil {
		d := boltstore.NewDamage(path, now, err)
		if err := os.Rename(path, d.Aside); err != nil {
			return nil, nil, fmt.Errorf("setting aside the demonstration's memory: %w", err)
		}
		return &memory{path: path}, d, nil
	}
	return m, nil, nil
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
