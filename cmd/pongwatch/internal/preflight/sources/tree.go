// Package sources reads the sources of an app: what its manifests and lock files say of
// Redis clients, and its text without comments.
//
// What is not read is not absent: a file that cannot be decoded is named.
package sources

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"unicode/utf16"
)

const (
	// maxFile is the largest file that is read: a bundle is one of the larger ones.
	maxFile  = 8 << 20
	maxFiles = 50_000
)

// passedOver are folders that hold other people's code.
var passedOver = []string{".git", "node_modules", ".venv", "venv", "__pycache__", "site-packages", "dist-packages", "__pypackages__", ".tox", ".mypy_cache"}

// place is a line of a file.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// Why the content of a file is not known.
var (
	errUndecoded = errors.New("it cannot be decoded")
	errIncluded  = errors.New("it includes a file that is not in this folder")
)

// Tree is the sources of one part of an app.
type Tree struct {
	root string
	fsys fs.FS
	// Files and Dirs are relative to the folder, with slashes.
	Files, Dirs []string
	scans       map[string]*scan // by the name of the client
}

var (
	testFolder = regexp.MustCompile(`(?i)(?:^|/)(?:tests?|__tests__|__mocks__|specs?|e2e|cypress|fixtures|testdata)/`)
	testFile   = regexp.MustCompile(`(?:\.(?:test|spec)\.[a-z]+|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py)$`)
)

// OfTests reports whether a file is not deployed.
func OfTests(name string) bool { return testFolder.MatchString(name) || testFile.MatchString(name) }

// Open lists a folder.
func Open(dir string) (*Tree, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("reading sources: %s is not a folder", dir)
	}
	t := &Tree{root: filepath.ToSlash(filepath.Clean(dir)), fsys: os.DirFS(dir), scans: map[string]*scan{}}
	err = fs.WalkDir(t.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains(passedOver, d.Name()) || t.holds(name, "pyvenv.cfg")):
			return fs.SkipDir
		case d.IsDir():
			t.Dirs = append(t.Dirs, name)
		case d.Type().IsRegular():
			t.Files = append(t.Files, name)
		}
		if len(t.Files) > maxFiles {
			return fmt.Errorf("more than %d files: name the folder of the app itself", maxFiles)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	return t, nil
}

// At names a line of a file, by a path that begins with the folder as it was named.
func (t *Tree) At(name string, line int) string {
	return place{path.Join(t.root, name), line}.String()
}

// read returns the content of a file. An error says that nothing is known of it.
func (t *Tree) read(name string) ([]byte, error) {
	info, err := fs.Stat(t.fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it is larger than %d MB", maxFile>>20)
	}
	data, err := fs.ReadFile(t.fsys, name)
	for mark, order := range map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		if wide, ok := bytes.CutPrefix(data, []byte(mark)); ok {
			units := make([]uint16, len(wide)/2)
			_, _ = binary.Decode(wide, order, units) // every unit has its bytes
			data = []byte(string(utf16.Decode(units)))
		}
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), err
}

// holds reports whether a folder has a file of that name.
func (t *Tree) holds(dir, name string) bool {
	_, err := fs.Stat(t.fsys, path.Join(dir, name))
	return err == nil
}

// Each calls see with the files that want names, and returns those that cannot be read.
func (t *Tree) Each(want func(name string) bool, see func(name string, data []byte)) (unread []string) {
	for _, name := range t.Files {
		if OfTests(name) || !want(name) {
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
func (t *Tree) unreadable(name string, err error) string {
	return path.Join(t.root, name) + ": " + err.Error()
}

// hashed are the files whose comments begin with #.
var hashed = regexp.MustCompile(`(?:\.(?:py|toml|ya?ml)|(?:^|/)(?:Docker|Container)file[^/]*)$`)

// Code blanks the comments of a source, so that lines keep their numbers.
func Code(name string, data []byte) []byte {
	hash := hashed.MatchString(name)
	markup := slices.Contains([]string{".html", ".vue", ".svelte", ".astro"}, path.Ext(name))
	out := bytes.Clone(data)
	var quote byte
	for i := 0; i < len(out); i++ {
		rest, end := out[i:], ""
		switch c := out[i]; {
		case c == '\\':
			i++
			continue
		case quote != 0:
			if c == quote || c == '\n' && quote != '`' {
				quote = 0
			}
			continue
		case hash && c == '#', !hash && bytes.HasPrefix(rest, []byte("//")) && (i == 0 || out[i-1] != ':'):
			end = "\n"
		case !hash && bytes.HasPrefix(rest, []byte("/*")):
			end = "*/"
		case markup && bytes.HasPrefix(rest, []byte("<!--")):
			end = "-->"
		case c == '"' || c == '\'' || c == '`' && !hash:
			quote = c
			continue
		default:
			continue
		}
		n := len(rest)
		if at := bytes.Index(rest[1:], []byte(end)); at >= 0 {
			n = 1 + at + len(end)
		}
		for j := range rest[:n] {
			if rest[j] != '\n' {
				rest[j] = ' '
			}
		}
		i += n - 1
	}
	return out
}

var trailingComma = regexp.MustCompile(`,(\s*[}\]])`)

// jsonc makes JSON of JSON with comments and trailing commas.
func jsonc(data []byte) []byte {
	return trailingComma.ReplaceAll(Code(".js", data), []byte("$1"))
}

// LineAt returns the number of the line of an offset.
func LineAt(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte("\n")) }
