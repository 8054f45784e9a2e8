package deploytest

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/buildpack"
)

// wrongWith says what in an unpacked archive the buildpack would refuse, or must not
// be deployed. entryPoints are those that Terraform starts.
func wrongWith(t *testing.T, dir string, entryPoints []string) []string {
	t.Helper()
	var wrong []string
	packages := map[string]string{} // of the root directory, with a file of each
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		wrong = append(wrong, undeployable(name)...)
		if path.Dir(name) == "." && path.Ext(name) == ".go" {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly)
			if err != nil {
				return err
			}
			packages[parsed.Name.Name] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) != 1 {
		wrong = append(wrong, fmt.Sprintf("the root directory holds %d packages, want one: %v", len(packages), packages))
	}
	if file, ok := packages["main"]; ok {
		wrong = append(wrong, file+" is a program in the root directory")
	}
	names := registered(t, dir)
	for _, entry := range entryPoints {
		if !slices.Contains(names, entry) {
			wrong = append(wrong, "entry point "+entry+" is not registered")
		}
	}
	return wrong
}

// undeployable says what is wrong with a file of this name in the archive.
func undeployable(name string) []string {
	var wrong []string
	if path.Base(name) != "LICENSE" && !slices.Contains([]string{".go", ".mod", ".sum", ".json", ".md", ".css", ".js", ".html", ".svg", ".tmpl"}, path.Ext(name)) {
		wrong = append(wrong, name+" is no source, and would lie in the image")
	}
	if strings.HasSuffix(name, "_test.go") {
		wrong = append(wrong, name+" is a test")
	}
	for segment := range strings.SplitSeq(path.Dir(name), "/") {
		if strings.HasSuffix(segment, "test") || segment == "testdata" || segment == "boltstore" {
			wrong = append(wrong, name+" belongs to tests or to one machine")
		}
	}
	return wrong
}

func TestTheArchiveCanBeBuiltAndHoldsNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := buildpack.Copy(repository, dir); err != nil {
		t.Fatal(err)
	}
	deployed := unique(found(t, "functions.tf", `entry_point = "(\w+)"`))
	if wrong := wrongWith(t, dir, deployed); len(wrong) > 0 {
		t.Errorf("the archive:\n%s", strings.Join(wrong, "\n"))
	}
}

func TestWhatIsWrongWithAnArchiveIsNoticed(t *testing.T) {
	t.Parallel()
	deployed := unique(found(t, "functions.tf", `entry_point = "(\w+)"`))
	tests := []struct {
		name, file, content string
		entryPoints         []string
		want                string
	}{
		{name: "an external test package in the root", file: "functions_test.go", content: "package pongwatch_test\n", want: "holds 2 packages"},
		{name: "a stray program in the root", file: "generate.go", content: "//go:build ignore\n\npackage main\n", want: "generate.go is a program"},
		{name: "variables with secrets", file: "terraform/terraform.tfvars", content: "oncall_email = 1\n", want: "terraform.tfvars is no source"},
		{name: "a state", file: "terraform.tfstate", content: "{}", want: "terraform.tfstate is no source"},
		{name: "a package for tests", file: "shared/upstash/upstashtest/server.go", content: "package upstashtest\n", want: "belongs to tests"},
		{name: "a test", file: "shared/report/report_test.go", content: "package report\n", want: "is a test"},
		{name: "the store of one machine", file: "shared/store/boltstore/store.go", content: "package boltstore\n", want: "belongs to tests or to one machine"},
		{name: "an entry point that is not registered", entryPoints: []string{"HealthCheque"}, want: "HealthCheque is not registered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := buildpack.Copy(repository, dir); err != nil {
				t.Fatal(err)
			}
			if tt.file != "" {
				target := filepath.Join(dir, filepath.FromSlash(tt.file))
				if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o750), os.WriteFile(target, []byte(tt.content), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			got := strings.Join(wrongWith(t, dir, slices.Concat(deployed, tt.entryPoints)), "\n")
			if !strings.Contains(got, tt.want) {
				t.Errorf("noticed %q, want %q", got, tt.want)
			}
		})
	}
}

// What lies beside the source stays at home.
func TestTerraformArchivesTheVeryFilesThatTheBuildpackTestBuilds(t *testing.T) {
	t.Parallel()
	want, err := buildpack.Files(repository)
	if err != nil {
		t.Fatal(err)
	}
	root := sourceWorkspace(t)
	top := filepath.Join(root, "..", "..", "..")
	for _, name := range []string{
		"secrets.tfvars", "terraform.tfstate", "functions/.env", "functions/alert/alert_test.go", "shared/report/reporttest/fake.go",
		"shared/store/testdata/x.go", "functions/alert/debug.log",
	} {
		target := filepath.Join(top, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o750), os.WriteFile(target, []byte("package canary\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	decodeOutput(t, terraformOutputs(t, root, "archive"), "files", &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-built by internal/buildpack +archived by Terraform):\n%s", diff)
	}
}
