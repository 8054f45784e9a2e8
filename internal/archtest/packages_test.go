package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/pongwatch/pongwatch"

// pkg is what `go list -json` says of a package, as far as the rules ask.
type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	Imports    []string // of non-test files
}

// path is the package's path below the module: "" for the root package.
func (p pkg) path() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// below reports whether path is dir or lies below it.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// local gives the path below the module of an import path of this module.
func local(importPath string) (path string, ok bool) {
	if !below(importPath, module) {
		return "", false
	}
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/"), true
}

// repositoryPackages are all packages of the module.
var repositoryPackages = sync.OnceValues(func() ([]pkg, error) { return list("./...") })

func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := repositoryPackages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func list(args ...string) ([]pkg, error) {
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Name,Imports"}, args...)...)
	cmd.Dir = root()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New("go list: " + err.Error() + "\n" + stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, p)
	}
}

// root is the repository's directory: tests run in their package's.
func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

func isTestPackage(name string) bool { return strings.HasSuffix(name, "test") }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
