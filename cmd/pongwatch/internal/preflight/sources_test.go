package preflight_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/internal/goldentest"
)

// unpack writes an archive of files into a new folder. The repositories are kept in
// archives since tools of this one would act on their manifests.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var file string
	var content bytes.Buffer
	flush := func() {
		if file == "" {
			return
		}
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		content.Reset()
	}
	for line := range strings.Lines(string(data)) {
		if m := header.FindStringSubmatch(line); m != nil {
			flush()
			file = m[1]
			continue
		}
		if file != "" {
			content.WriteString(line)
		}
	}
	flush()
	return dir
}

var header = regexp.MustCompile(`^-- (\S+) --\s*$`)

// Each repository has what its first line says, found with file and line.
func TestRepositories(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/repositories/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no repositories: %v", err)
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := unpack(t, archive)
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
			var b strings.Builder
			for _, r := range record.Results {
				fmt.Fprintf(&b, "%-7s %-19s %s\n", r.Status, r.ID, strings.ReplaceAll(strings.Trim(r.Reason+": "+r.Evidence, ": "), dir+"/", ""))
			}
			if strings.Contains(strings.ToLower(b.String()), "canary") {
				t.Errorf("a value is shown:\n%s", b.String())
			}
			goldentest.Compare(t, strings.TrimSuffix(archive, ".txtar")+".golden", b.String())
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// What a file holds that cannot be decoded is not known: that is no pass, and no
// package is said to be missing.
func TestAFileThatIsNotReadIsNotAbsent(t *testing.T) {
	t.Parallel()
	large := strings.Repeat(" ", 8<<20) + "{}"
	for name, c := range map[string]struct{ file, content, id string }{
		"a package.json that is no JSON":       {"package.json", `{"dependencies": {"@upstash/redis": canary`, "packages.frontend"},
		"dependencies that are a list":         {"package.json", `{"dependencies": ["canary"]}`, "packages.frontend"},
		"a lock file that is cut off":          {"package-lock.json", `{"packages": {`, "packages.frontend"},
		"a lock file of pnpm that is no YAML":  {"pnpm-lock.yaml", "packages: [canary", "packages.frontend"},
		"a lock file that is too large":        {"package-lock.json", large, "packages.frontend"},
		"a pyproject.toml that is no TOML":     {"pyproject.toml", "[project\ncanary", "packages.backend"},
		"a lock file of Poetry that is cut":    {"poetry.lock", "[[package]]\nname = \"canary", "packages.backend"},
		"a second client may stand in it, too": {"uv.lock", "[[package", "packages.conflict"},
		"a bundle that is too large":           {"dist/main.js", large, "security.exposed"},
		"a source that is too large":           {"main.py", large, "security.exposed"},
		"an environment file that is too large": {
			".env", large, "packages.variables",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, filepath.FromSlash(c.file))
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			record, err := preflight.Run(t.Context(), preflight.Options{Backend: dir, Frontend: dir, Only: []string{c.id}})
			if err != nil {
				t.Fatal(err)
			}
			got := record.Results[0]
			if got.Status != preflight.Warn || !strings.Contains(got.Evidence, c.file) || strings.Contains(got.Evidence, "canary") {
				t.Errorf("%+v, want a warning that names %s and quotes nothing of it", got.Finding, c.file)
			}
		})
	}
}

func TestAFolderThatIsNotThereFails(t *testing.T) {
	t.Parallel()
	record, err := preflight.Run(t.Context(), preflight.Options{Backend: filepath.Join(t.TempDir(), "none"), Only: []string{"packages.backend"}})
	if err != nil || record.Results[0].Status != preflight.Fail || len(record.Results[0].Fix) == 0 {
		t.Errorf("got %+v, %v; want a fail with what to correct", record.Results, err)
	}
}

func FuzzRequirement(f *testing.F) {
	for _, seed := range []string{"==0.14.0", ">=0.15,<2", "^1.27.0 || ^2", "~=0.14", "*", "1.x", "", "v1", "<", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "requirements.txt"), []byte("upstash-redis"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		record, err := preflight.Run(t.Context(), preflight.Options{Backend: dir, Only: []string{"packages.backend"}})
		if err != nil || len(record.Results) != 1 || record.Results[0].Status == "" {
			t.Errorf("%q: got %+v, %v", text, record, err)
		}
	})
}
