package boltstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockTimeout is how long to wait for another process to release the file.
const lockTimeout = time.Second

// ErrHeld says that another process holds the file.
var ErrHeld = errors.New("another process holds the file: stop the other pongwatch or give this one a folder of its own")

// Damage says that a file could not be read, and where it is kept now.
type Damage struct {
	// Path is where the file was, Aside where it is; empty where nothing was left to keep.
	Path, Aside string
	// Err is what is wrong with it.
	Err error
}

// NewDamage returns the damage of the file at path, with the name under which to keep it.
func NewDamage(path string, now time.Time, err error) *Damage {
	return &Damage{Path: path, Aside: path + ".damaged-" + now.UTC().Format("20060102T150405.000Z"), Err: err}
}

func (d *Damage) Error() string {
	said := filepath.Base(d.Path) + ": " + d.Err.Error()
	if d.Aside != "" {
		said += ", kept as " + filepath.Base(d.Aside)
	}
	return said
}

func (d *Damage) Unwrap() error { return d.Err }

// OpenFile opens or creates the bbolt file at path, whose folder must exist. A file that
// is damaged is renamed, so that a person can look into it, and a new one is begun; then
// the second result says so.
func OpenFile(path string, now time.Time) (*bbolt.DB, *Damage, error) {
	for {
		before, absent := os.Stat(path)
		db, err := openWhole(path)
		var damaged damagedError
		if !errors.As(err, &damaged) {
			if err == nil && absent == nil && before.Size() == 0 {
				return db, &Damage{Path: path, Err: errors.New("the file was empty")}, nil
			}
			return db, nil, err
		}
		// Another process that found the same damage may have begun a new file meanwhile.
		if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
			continue
		}
		d := NewDamage(path, now, damaged.error)
		if err := os.Rename(path, d.Aside); err != nil {
			return nil, nil, fmt.Errorf("setting aside a damaged file (%w): %w", damaged.error, err)
		}
		db, err = openWhole(path)
		return db, d, err
	}
}

// damagedError is what is wrong with a file, as opposed to with opening it.
type damagedError struct{ error }

// openWhole opens the file and reads all of it, because bbolt verifies two pages only and
// panics when it meets the others.
func openWhole(path string) (db *bbolt.DB, err error) {
	var file *os.File
	// A page beyond the end of a truncated file is a fault of memory.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, errors.Join(damagedError{fmt.Errorf("reading a page: %v", r)}, closeAfter(db, file))
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	})
	var errno syscall.Errno
	switch {
	case err == nil:
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrHeld
	case errors.As(err, &errno):
		return nil, err // of the disk, not of what is on it
	default:
		return nil, damagedError{err}
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := db.View(func(tx *bbolt.Tx) error { return verify(tx, info.Size()) }); err != nil {
		return nil, errors.Join(damagedError{err}, db.Close())
	}
	return db, nil
}

// closeAfter releases what a panic has left open.
func closeAfter(db *bbolt.DB, file *os.File) error {
	switch {
	case db != nil:
		return db.Close()
	case file != nil:
		return file.Close()
	}
	return nil
}

// verify reads every page. Only then bbolt's own check is safe: it runs in a goroutine of
// its own, where a fault of memory would end the process.
func verify(tx *bbolt.Tx, size int64) error {
	if size < tx.Size() {
		return fmt.Errorf("the file is truncated: %d bytes, want %d", size, tx.Size())
	}
	err := tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(_, _ []byte) error { return nil })
	})
	if err != nil {
		return err
	}
	for problem := range tx.Check() {
		if err == nil {
			err = problem // the channel must be drained
		}
	}
	return err
}
