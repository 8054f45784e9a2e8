package preflight

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// maxFile is the largest file that is read: a bundle is one of the larger ones.
	maxFile  = 8 << 20
	maxFiles = 50_000
)

// passedOver are folders in which nothing is the app's own.
var passedOver = []string{".git", "node_modules", ".venv", "venv", "__pycache__", "site-packages", ".tox", ".mypy_cache"}

// place is a line of a file, by a path that begins with the folder as it was named.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// tree is the sources of one part of an app.
type tree struct {
	root  string
	fsys  fs.FS
	files []string
	dirs  []string
}

// plant lists a folder.
func plant(dir string) (*tree, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("reading sources: %s is no folder", dir)
	}
	t := &tree{root: filepath.ToSlash(filepath.Clean(dir)), fsys: os.DirFS(dir)}
	err = fs.WalkDir(t.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(passedOver, d.Name()):
			return fs.SkipDir
		case d.IsDir():
			t.dirs = append(t.dirs, name)
		case d.Type().IsRegular():
			t.files = append(t.files, name)
		}
		if len(t.files) > maxFiles {
			return fmt.Errorf("more than %d files: name the folder of the app itself", maxFiles)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	return t, nil
}

// at is a line of a file of the tree.
func (t *tree) at(name string, line int) place { return place{path.Join(t.root, name), line} }

// read returns a file, or nothing where it is too large or cannot be read.
func (t *tree) read(name string) []byte {
	info, err := fs.Stat(t.fsys, name)
	if err != nil || info.Size() > maxFile {
		return nil
	}
	data, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return nil
	}
	return data
}

func (t *tree) has(name string) bool { return slices.Contains(t.files, name) }

// named yields the files for whose base name ok says so.
func (t *tree) named(ok func(base string) bool) []string {
	var out []string
	for _, f := range t.files {
		if ok(path.Base(f)) {
			out = append(out, f)
		}
	}
	return out
}

// lines yields the lines of a file with their numbers, from 1.
func (t *tree) lines(name string) func(yield func(int, string) bool) {
	data := t.read(name)
	return func(yield func(int, string) bool) {
		n := 0
		for line := range bytes.Lines(data) {
			n++
			if !yield(n, strings.TrimRight(string(line), "\r\n")) {
				return
			}
		}
	}
}

// sources returns a folder's tree, or why there is none.
func sources(dir, flag, what string) (*tree, *Finding) {
	if dir == "" {
		f := skip(fmt.Sprintf("it reads the %s's sources: name their folder with %s", what, flag))
		return nil, &f
	}
	t, err := plant(dir)
	if err != nil {
		f := fail("the sources cannot be read", err.Error(), "Correct "+flag+".")
		return nil, &f
	}
	return t, nil
}

// both returns the trees that are named, with what to say before their paths.
func (r *run) both() (map[string]*tree, *Finding) {
	out := map[string]*tree{}
	for name, dir := range map[string]string{"backend": r.Backend, "frontend": r.Frontend} {
		if dir == "" {
			continue
		}
		t, problem := sources(dir, "--"+name, name)
		if problem != nil {
			return nil, problem
		}
		out[name] = t
	}
	if len(out) == 0 {
		f := skip("it reads the app's sources: name their folders with --backend and --frontend")
		return nil, &f
	}
	return out, nil
}
