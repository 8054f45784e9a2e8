package archtest

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The longest that a file may be to be read in one sitting; tables of cases read faster.
const (
	maxLines     = 400
	maxTestLines = 500
)

// unfinished and machinePath are put together here so that this file does not hold what it looks for.
var (
	unfinished  = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	machinePath = regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/(work|root|home)/`)
)

// readmeCommands are what a newcomer types first; each stands alone on a line of the README.
var readmeCommands = []string{"go run ./cmd/pongwatch local", "./scripts/test"}

// tracked gives the repository's text files by their slash-separated paths: what
// git tracks or, in an unpacked archive, what lies there.
func tracked(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := gitFiles()
	if err != nil {
		names, err = walkedFiles()
	}
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(root(), filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue // removed, and the removal not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.ContainsRune(content[:min(len(content), 8000)], 0) {
			files[name] = content
		}
	}
	return files
}

func gitFiles() ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root()
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}

func walkedFiles() ([]string, error) {
	leftBehind := []string{".git", ".terraform", "node_modules", "data"}
	var names []string
	err := filepath.WalkDir(root(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(leftBehind, d.Name()) {
			return filepath.SkipDir
		}
		if d.Type().IsRegular() {
			name, err := filepath.Rel(root(), path)
			if err != nil {
				return err
			}
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	return names, err
}

// eachMatch calls found with the place of every line of every file that the expression matches.
func eachMatch(files map[string][]byte, expr *regexp.Regexp, found func(name string, line int, text string)) {
	for _, name := range sorted(files) {
		if !expr.Match(files[name]) {
			continue
		}
		for i, line := range strings.Split(string(files[name]), "\n") {
			if expr.MatchString(line) {
				found(name, i+1, line)
			}
		}
	}
}

func TestNoFileNamesAPlaceOfOneMachine(t *testing.T) {
	t.Parallel()
	exprs := []*regexp.Regexp{machinePath}
	// Hosts of the registries that this machine uses; a lock file would pin others to them.
	out, err := exec.Command("go", "env", "GOPROXY", "GOSUMDB").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range regexp.MustCompile(`[a-z0-9-]+(\.[a-z0-9-]+)+`).FindAllString(string(out), -1) {
		exprs = append(exprs, regexp.MustCompile(regexp.QuoteMeta(host)))
	}
	files := tracked(t)
	for _, expr := range exprs {
		eachMatch(files, expr, func(name string, line int, text string) {
			t.Errorf("%s:%d names a place of one machine: %.120s", name, line, text)
		})
	}
}

func TestLockFilesNameNoRegistryAndEachPackageSaysSo(t *testing.T) {
	t.Parallel()
	files := tracked(t)
	for _, name := range sorted(files) {
		switch filepath.Base(name) {
		case "package-lock.json":
			if bytes.Contains(files[name], []byte(`"resolved"`)) {
				t.Errorf("%s names the registry that it was made with: run npm install beside an .npmrc with omit-lockfile-registry-resolved=true", name)
			}
		case "package.json":
			npmrc := strings.TrimSuffix(name, "package.json") + ".npmrc"
			if !bytes.Contains(files[npmrc], []byte("omit-lockfile-registry-resolved=true")) {
				t.Errorf("%s: %s must stand beside it with omit-lockfile-registry-resolved=true (npm reads no parent folder's)", name, npmrc)
			}
		}
	}
}

func TestNothingIsLeftUnfinished(t *testing.T) {
	t.Parallel()
	eachMatch(tracked(t), unfinished, func(name string, line int, text string) {
		if filepath.Ext(name) != ".sum" && !strings.HasSuffix(name, "-lock.json") {
			t.Errorf("%s:%d: finish it or file it: %.120s", name, line, text)
		}
	})
}

func TestFilesCanBeReadInOneSitting(t *testing.T) {
	t.Parallel()
	files := tracked(t)
	for _, name := range sorted(files) {
		if filepath.Ext(name) != ".go" {
			continue
		}
		limit := maxLines
		if strings.HasSuffix(name, "_test.go") {
			limit = maxTestLines
		}
		if n := bytes.Count(files[name], []byte("\n")); n > limit {
			t.Errorf("%s has %d lines: cut it below %d where a reader would", name, n, limit)
		}
	}
}

func TestNothingNameableOnlyByItsKind(t *testing.T) {
	t.Parallel()
	for _, name := range sorted(tracked(t)) {
		for segment := range strings.SplitSeq(strings.TrimSuffix(name, ".go"), "/") {
			if slices.Contains(vague, segment) {
				t.Errorf("%s: %q says nothing of what is in it", name, segment)
			}
		}
	}
}

func TestReadmeHasTheTwoCommandsOfANewcomer(t *testing.T) {
	t.Parallel()
	readme := string(tracked(t)["README.md"])
	for _, command := range readmeCommands {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(command) + `(\s+#.*)?$`).MatchString(readme) {
			t.Errorf("README.md: no line %q", command)
		}
	}
}
