package preflight_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
)

// fixture is a small repository with what is to be said of it.
type fixture struct {
	name, why, rule string
	want            map[string]preflight.Status // by item
	files           map[string][]byte
}

var (
	fixtureName = regexp.MustCompile(`^== (.+)$`)
	fixtureFile = regexp.MustCompile(`^-- (\S+)((?: \w+)*) --$`)
	fixtureWant = regexp.MustCompile(`(\w+) (pass|warn|fail|skipped)`)
	fixtureItem = map[string]string{
		"backend": "packages.backend", "frontend": "packages.frontend", "conflict": "packages.conflict",
		"shadowing": "packages.shadowing", "variables": "packages.variables", "exposed": "security.exposed",
	}
)

// readFixtures reads one file of them: a name, why and by which rule, what is wanted, and
// the files, which may have a byte order mark, CRLF or UTF-16.
func readFixtures(t *testing.T, archive string) (all []fixture) {
	t.Helper()
	text, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var f *fixture
	var file string
	var forms []string
	for n, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		if m := fixtureName.FindStringSubmatch(line); m != nil {
			all = append(all, fixture{name: m[1], want: map[string]preflight.Status{}, files: map[string][]byte{}})
			f, file = &all[len(all)-1], ""
		} else if m := fixtureFile.FindStringSubmatch(line); m != nil && f != nil {
			file, forms = m[1], strings.Fields(m[2])
			f.files[file] = nil
		} else if file != "" {
			f.files[file] = append(f.files[file], encoded(line+"\n", forms, len(f.files[file]) == 0)...)
		} else if f != nil && key == "why" {
			f.why = value
		} else if f != nil && key == "rule" {
			f.rule = value
		} else if f != nil && key == "want" {
			for _, m := range fixtureWant.FindAllStringSubmatch(value, -1) {
				f.want[fixtureItem[m[1]]] = preflight.Status(m[2])
			}
		} else if f != nil && line != "" {
			t.Fatalf("%s:%d: %q belongs to nothing", archive, n+1, line)
		}
	}
	return all
}

// encoded is a line in a form that editors of Windows write.
func encoded(line string, forms []string, first bool) []byte {
	all := strings.Join(forms, " ")
	if strings.Contains(all, "crlf") {
		line = strings.ReplaceAll(line, "\n", "\r\n")
	}
	if first && (strings.Contains(all, "bom") || strings.Contains(all, "utf16")) {
		line = "\ufeff" + line
	}
	if !strings.Contains(all, "utf16") {
		return []byte(line)
	}
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(line))) // a Buffer takes everything
	return b.Bytes()
}

// plantFixture writes the files of a repository into a new folder.
func plantFixture(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Each repository gets the verdict that the rule of its format gives, whatever the code
// finds easy to read.
func TestFixtures(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/fixtures/*.txt")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	count := 0
	for _, archive := range archives {
		for _, f := range readFixtures(t, archive) {
			count++
			t.Run(strings.TrimSuffix(filepath.Base(archive), ".txt")+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				if f.why == "" || f.rule == "" || len(f.want) == 0 {
					t.Fatalf("want a why, a rule and a verdict: %+v", f)
				}
				dir := plantFixture(t, f.files)
				o := preflight.Options{Only: []string{"packages.*", "security.exposed"}}
				for folder, into := range map[string]*string{"backend": &o.Backend, "frontend": &o.Frontend} {
					if path := filepath.Join(dir, folder); exists(path) {
						*into = path
					}
				}
				record, err := preflight.Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range record.Results {
					if want, ok := f.want[r.ID]; ok && r.Status != want {
						t.Errorf("%s: got %s, want %s, because %s\n%s: %s", r.ID, r.Status, want, f.why, r.Reason, r.Evidence)
					}
					if strings.Contains(r.Reason+r.Evidence, "canary") {
						t.Errorf("%s shows a value: %s", r.ID, r.Evidence)
					}
				}
			})
		}
	}
	if count < 200 {
		t.Errorf("%d fixtures were read, want all 270 or so", count)
	}
}

// The project's own examples are what it asks of others.
func TestTheExamplesPass(t *testing.T) {
	t.Parallel()
	examples := sourcesOf(t, filepath.Join("..", "..", "..", "..", "examples"))
	for _, backend := range []string{"backend-node", "backend-python"} {
		record, err := preflight.Run(t.Context(), preflight.Options{
			Backend: filepath.Join(examples, backend), Frontend: filepath.Join(examples, "frontend-nextjs"), Only: []string{"packages.*", "security.exposed"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range record.Results {
			if r.Status != preflight.Pass {
				t.Errorf("%s: %s: %+v", backend, r.ID, r.Finding)
			}
		}
	}
}

// sourcesOf copies a folder without what a build of it puts there and takes away meanwhile.
func sourcesOf(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".next"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o750)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
