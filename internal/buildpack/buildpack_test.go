package buildpack_test

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/internal/buildpack"
	"github.com/pongwatch/pongwatch/internal/porttest"
)

const repository = "../.."

// entryPoints are the names that Terraform deploys, each with how its caller asks.
var entryPoints = []struct{ name, method string }{
	{"HealthCheck", http.MethodGet},
	{"HealthCheck", http.MethodPost},
	{"Metrics", http.MethodGet},
	{"Metrics", http.MethodPost},
	{"Alert", http.MethodPost},
	{"AlertWebhook", http.MethodPost},
}

// archive is where the deployed files were laid out, once for all tests.
var archive string

// built is the deployed program.
var built = sync.OnceValues(func() (string, error) {
	source, err := os.MkdirTemp("", "pongwatch-archive-")
	if err != nil {
		return "", err
	}
	archive = source
	if err := buildpack.Copy(repository, source); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	binary := filepath.Join(source, "main")
	return binary, buildpack.Build(ctx, source, binary)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if archive != "" {
		if err := os.RemoveAll(archive); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

func program(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func TestEachEntryPointAnswersWithoutNetworkOrCredentials(t *testing.T) {
	binary := program(t)
	for _, entry := range entryPoints {
		t.Run(entry.name+" "+entry.method, func(t *testing.T) {
			t.Parallel()
			url := start(t, binary, entry.name)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, entry.method, url, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
			if err != nil {
				t.Fatal(err)
			}
			switch resp.StatusCode {
			case http.StatusOK:
			case http.StatusServiceUnavailable:
				if !saysWhy(body) {
					t.Errorf("503 without a reason in JSON: %s", body)
				}
			default:
				t.Errorf("%s, want 200, or 503 with the reason: %s", resp.Status, body)
			}
		})
	}
}

// saysWhy reports whether a JSON answer has an error or a reason in it.
func saysWhy(body []byte) bool {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return false
	}
	for _, key := range []string{"error", "reason"} {
		if why, _ := answer[key].(string); why != "" {
			return true
		}
	}
	return false
}

func TestAnUnknownEntryPointFailsAtItsStart(t *testing.T) {
	cmd := command(t, program(t), "HealthCheque", porttest.Free())
	hung := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer hung.Stop()
	err := cmd.Run()
	if err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("started with an unregistered entry point: %v, want exit code 1", err)
	}
}

func TestTidyingTheArchiveChangesNoLinkedVersion(t *testing.T) {
	info, err := buildinfo.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "all")
	cmd.Dir = repository
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	tested := strings.Split(string(out), "\n")
	for _, dep := range info.Deps {
		if module := dep.Path + " " + dep.Version; !slices.Contains(tested, module) {
			t.Errorf("the deployed program links %s, which is not what the tests ran with", module)
		}
	}
}

func TestTheArchiveHoldsNeitherTestsNorFakes(t *testing.T) {
	t.Parallel()
	files, err := buildpack.Files(repository)
	if err != nil {
		t.Fatal(err)
	}
	extensions := map[string]bool{}
	for _, name := range files {
		if path.Base(name) != "LICENSE" { // of what is embedded
			extensions[path.Ext(name)] = true
		}
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "test/") || strings.Contains(name, "testdata/") {
			t.Errorf("%s is in the archive", name)
		}
	}
	for _, ext := range []string{".tf", ".tfvars", ".tfstate", ".env", ""} {
		if extensions[ext] {
			t.Errorf("the archive holds %q files: only sources and what they embed are deployed; it has %q", ext, slices.Sorted(maps.Keys(extensions)))
		}
	}
}

func TestWhatTheBuildpackRefuses(t *testing.T) {
	t.Parallel()
	const registers = "package pongwatch\n\nimport _ \"github.com/GoogleCloudPlatform/functions-framework-go/functions\"\n"
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no Go file in the root", nil, "no Go package"},
		{"an external test package in the root", map[string]string{"functions.go": registers, "functions_test.go": "package pongwatch_test\n"}, "multiple packages"},
		{"a program in the root that build tags leave out", map[string]string{"functions.go": registers, "generate.go": "//go:build ignore\n\npackage main\n"}, "multiple packages"},
		{"a program as the root", map[string]string{"main.go": "package main\n"}, "is a program"},
		{"entry points registered elsewhere only", map[string]string{"functions.go": "package pongwatch\n\nimport _ \"example.com/m/functions\"\n"}, "does not import"},
		{"a module path without a dot", map[string]string{"functions.go": registers, "go.mod": "module pongwatch\n"}, "must contain a dot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			files := map[string]string{"go.mod": "module example.com/m\n"}
			maps.Copy(files, tt.files)
			for name, content := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := buildpack.Build(t.Context(), dir, filepath.Join(dir, "main"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// start starts an entry point and gives its URL once it listens.
func start(t *testing.T, binary, target string) string {
	t.Helper()
	port := porttest.Free()
	cmd := command(t, binary, target, port)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	var ended error
	go func() { defer close(exited); ended = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("%s said:\n%s", target, output.String())
		}
	})
	address := net.JoinHostPort("127.0.0.1", port)
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !listens(deadline, address) {
		select {
		case <-exited:
			t.Fatalf("%s ended before it listened: %v", target, ended)
		case <-deadline.Done():
			t.Fatalf("%s does not listen", target)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return "http://" + address + "/"
}

func listens(ctx context.Context, address string) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// command gives a program that has nothing of the caller's environment, and to
// which the network is a place that accepts and never answers: the slowest way to have none.
func command(t *testing.T, binary, target, port string) *exec.Cmd {
	t.Helper()
	nowhere := blackHole(t)
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = []string{
		"FUNCTION_TARGET=" + target, "PORT=" + port, "LOCAL_ONLY=true", "HOME=" + t.TempDir(),
		"K_SERVICE=pongwatch", "K_REVISION=pongwatch-1",
		"GCE_METADATA_HOST=" + nowhere, "HTTPS_PROXY=http://" + nowhere,
	}
	return cmd
}

func blackHole(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
