package preflight

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

const (
	// maxFile is the largest file that is read: a bundle is one of the larger ones.
	maxFile  = 8 << 20
	maxFiles = 50_000
)

// passedOver are folders that hold other people's code.
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

// read returns the content of a file. An error says that nothing is known of it.
func (t *tree) read(name string) ([]byte, error) {
	info, err := fs.Stat(t.fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it is larger than %d MB", maxFile>>20)
	}
	data, err := fs.ReadFile(t.fsys, name)
	return bytes.TrimPrefix(data, []byte("\ufeff")), err
}

// each calls see with the files that want names, and returns those that cannot be read.
func (t *tree) each(want func(name string) bool, see func(name string, data []byte)) (unread []string) {
	for _, name := range t.files {
		if !want(name) {
			continue
		}
		if data, err := t.read(name); err != nil {
			unread = append(unread, t.unreadable(name, err))
		} else {
			see(name, data)
		}
	}
	return unread
}

// unreadable describes a file whose content is not known.
func (t *tree) unreadable(name string, err error) string {
	return path.Join(t.root, name) + ": " + err.Error()
}

// untold is the finding when files were not read: what they hold is not known.
func untold(unread []string) Finding {
	return warn("it cannot be told, because a file cannot be read", joined(unread), "Correct the file, or look into it yourself and sign.")
}

// reading makes an item of a func that reads sources of the app: the backend's, the
// frontend's, or whichever of both was named.
func reading(judge func(r *run, trees []*tree) Finding, parts ...string) func(context.Context, *run) Finding {
	return func(_ context.Context, r *run) Finding {
		var trees []*tree
		for _, part := range parts {
			dir := map[string]string{"backend": r.Backend, "frontend": r.Frontend}[part]
			if dir == "" {
				continue
			}
			t, err := plant(dir)
			if err != nil {
				return fail("the sources cannot be read", err.Error(), "Correct --"+part+".")
			}
			trees = append(trees, t)
		}
		switch {
		case len(trees) > 0:
			return judge(r, trees)
		case len(parts) == 1:
			return skip(fmt.Sprintf("it reads the %s's sources: name their folder with --%s", parts[0], parts[0]))
		}
		return skip("it reads the app's sources: name their folders with --backend and --frontend")
	}
}
