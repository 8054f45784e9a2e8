// Package buildpack builds the functions as Google's Go buildpack does, so that
// a test and the benchmarks run the very program that is deployed.
//
// It follows github.com/GoogleCloudPlatform/buildpacks at 21f28de8,
// cmd/go/functions_framework/lib/lib.go (createMainGoMod): parse the root
// directory, write functions.local/app/main.go, tidy the module, build.
package buildpack

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// frameworkPackage is what the root package itself must import: the buildpack
// takes that for entry points registered by name and does not look further.
const frameworkPackage = "github.com/GoogleCloudPlatform/functions-framework-go/functions"

// sourceDirs are the directories whose packages the functions link, with what they embed.
var sourceDirs = []string{"functions", "shared", "docs/playbooks"}

// main is the buildpack's template_declarative.go without its comments.
var mainTemplate = template.Must(template.New("main.go").Parse(`package main

import (
	"log"
	"net/http"
	"os"

	_ "{{.}}"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
)

func main() {
	http.HandleFunc("/robots.txt", http.NotFound)
	http.HandleFunc("/favicon.ico", http.NotFound)

	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	if err := funcframework.Start(port); err != nil {
		log.Fatalf("Function failed to start: %v\n", err)
	}
}
`))

// Files gives the slash-separated paths of what is deployed from a repository:
// the module's files, the root package and the packages that it links, without
// tests, packages for tests and the store of one machine.
func Files(repository string) ([]string, error) {
	files := []string{"go.mod", "go.sum"}
	inRoot, err := filepath.Glob(filepath.Join(repository, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range inRoot {
		if name := filepath.Base(file); !strings.HasSuffix(name, "_test.go") {
			files = append(files, name)
		}
	}
	for _, dir := range sourceDirs {
		err := fs.WalkDir(os.DirFS(repository), dir, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (undeployed(path.Base(name)) || apart(filepath.Join(repository, filepath.FromSlash(name)))):
				return fs.SkipDir
			case d.Type().IsRegular() && !strings.HasSuffix(name, "_test.go"):
				files = append(files, name)
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listing %s: %w", dir, err)
		}
	}
	slices.Sort(files)
	return files, nil
}

// undeployed reports whether a directory of this name stays at home.
func undeployed(dir string) bool {
	return strings.HasSuffix(dir, "test") || dir == "testdata" || dir == "node_modules" || dir == "boltstore"
}

// apart reports whether a directory is a module of its own, or holds npm packages:
// both serve tests.
func apart(dir string) bool {
	for _, name := range []string{"go.mod", "package.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Copy lays the deployed files of a repository out in dir, as the unpacked archive would.
func Copy(repository, dir string) error {
	files, err := Files(repository)
	if err != nil {
		return err
	}
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(target, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Build builds the source in dir, which it changes, into an executable at binary.
// The function that it serves is chosen by FUNCTION_TARGET when it starts.
func Build(ctx context.Context, dir, binary string) error {
	imports, err := rootImports(dir)
	if err != nil {
		return err
	}
	if !slices.Contains(imports, frameworkPackage) {
		return fmt.Errorf("the root package does not import %s: the buildpack would look for exported functions in it", frameworkPackage)
	}
	module, err := run(ctx, dir, "go", "list", "-m")
	if err != nil {
		return err
	}
	module = strings.TrimSpace(module)
	if first, _, _ := strings.Cut(module, "/"); !strings.Contains(first, ".") {
		return fmt.Errorf("module path %q must contain a dot before its first slash", module)
	}
	if err := writeMain(filepath.Join(dir, "functions.local", "app"), module); err != nil {
		return err
	}
	if _, err := run(ctx, dir, "go", "mod", "tidy"); err != nil {
		return err
	}
	// The flags are those that Terraform hands the build as GOOGLE_GOLDFLAGS.
	_, err = run(ctx, dir, "go", "build", "-ldflags", "-s -w", "-o", binary, "./functions.local/app")
	return err
}

// rootImports reads the one package of the directory as the buildpack does:
// test files and files that build tags leave out count too.
func rootImports(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var name string
	var imports []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return nil, fmt.Errorf("reading the root package: %w", err)
		}
		if name != "" && parsed.Name.Name != name {
			return nil, fmt.Errorf("multiple packages in the root directory: %s and %s", name, parsed.Name.Name)
		}
		name = parsed.Name.Name
		for _, spec := range parsed.Imports {
			imports = append(imports, strings.Trim(spec.Path.Value, `"`))
		}
	}
	switch name {
	case "":
		return nil, errors.New("no Go package in the root directory")
	case "main":
		return nil, errors.New("the root package is a program, which cannot be imported")
	}
	return imports, nil
}

func writeMain(dir, module string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "main.go"))
	if err != nil {
		return err
	}
	return errors.Join(mainTemplate.Execute(file, module), file.Close())
}

// run runs a command in dir, without a workspace or flags of the caller's.
func run(ctx context.Context, dir, name string, args ...string) (stdout string, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}
