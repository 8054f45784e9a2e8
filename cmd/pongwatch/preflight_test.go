package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/internal/goldentest"
)

// faults are the demonstration's modes, each with what its health endpoint says once
// it has settled.
var faults = []struct{ mode, health string }{
	{"none", "connected"},
	{"auth", "unauthorized"},
	{"quota", "quota_exceeded"},
	{"full", "storage_full"},
	{"readonly", "read_only"},
	{"slow", "degraded"},
	{"hang", "timeout"},
	{"refuse", "unreachable"},
	{"5xx", "error"},
	{"mock", "mock"},
}

// Every item passes in the healthy demonstration, and each way to break it turns
// exactly its items, with its fix.
func TestPreflightFaultMatrix(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PROCESSES") == "" {
		t.Skip("set PONGWATCH_TEST_PROCESSES=1: real processes that wait in real time, a minute")
	}
	t.Parallel()
	running := make([]*process, len(faults))
	for i := range faults {
		running[i] = startLocal(t, nil)
	}
	for i, fault := range faults {
		eventually(t, time.Minute, "full statistics", func() string { return statisticsOf(t, running[i].url) },
			func(s string) bool { return strings.Contains(s, `"read_at"`) && strings.Contains(s, `"last"`) })
		breakDemo(t, running[i].url, fault.mode)
	}
	results := make([]preflightRun, len(faults))
	for i, fault := range faults {
		eventually(t, 3*time.Minute, fault.mode+" is "+fault.health, func() string { return health(t, running[i].url) }, is(fault.health))
		results[i] = startPreflight(t, "--url", running[i].url, "--quiet", "--json",
			"--backend", fixture(t, "backend"), "--frontend", fixture(t, "frontend"))
	}
	records := map[string]preflight.Record{}
	for i, fault := range faults {
		code, stdout, stderr := results[i].wait(t)
		var r preflight.Record
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("%s: %v\n%s%s", fault.mode, err, stdout, stderr)
		}
		if want := min(r.Count(preflight.Fail), 1); code != want {
			t.Errorf("%s: exit code %d with %d failures", fault.mode, code, r.Count(preflight.Fail))
		}
		records[fault.mode] = r
		running[i].kill()
	}
	got := matrix(records)
	if goldentest.Compare(t, "testdata/preflight_matrix.golden", got); t.Failed() {
		for mode, r := range records {
			var b bytes.Buffer
			_ = preflight.WriteTable(&b, r)
			t.Logf("%s:\n%s", mode, &b)
		}
	}
}

// matrix has a row for each item and a column for each fault; below, what did not pass
// with its cause and the first step of its fix.
func matrix(records map[string]preflight.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s", "item")
	for _, fault := range faults {
		fmt.Fprintf(&b, " %-8s", fault.mode)
	}
	b.WriteString("\n")
	for i, item := range preflight.Items() {
		fmt.Fprintf(&b, "%-24s", item.ID)
		for _, fault := range faults {
			fmt.Fprintf(&b, " %-8s", records[fault.mode].Results[i].Status)
		}
		b.WriteString("\n")
	}
	for _, fault := range faults {
		fmt.Fprintf(&b, "\n%s\n", fault.mode)
		for _, r := range records[fault.mode].Results {
			if r.Status == preflight.Fail || r.Status == preflight.Warn {
				fmt.Fprintf(&b, "  %s %s: %s: %s; 1. %s\n", r.Status, r.ID, r.Cause, r.Reason, slices.Concat(r.Fix, []string{"-"})[0])
			}
		}
	}
	return trailing.ReplaceAllString(b.String(), "")
}

// trailing is the space that columns leave at the end of lines.
var trailing = regexp.MustCompile(`(?m) +$`)

// fixture makes sources in which nothing is wrong.
func fixture(t *testing.T, part string) string {
	t.Helper()
	file, content := "requirements.txt", "upstash-redis==1.4.0\n"
	if part == "frontend" {
		file, content = "package.json", `{"dependencies": {"@upstash/redis": "1.39.0"}}`
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func statisticsOf(t *testing.T, url string) string {
	t.Helper()
	_, body := ask(t, http.MethodGet, url+statisticsPath)
	return body
}

// preflightRun is a running `pongwatch preflight`.
type preflightRun struct {
	cmd            *exec.Cmd
	stdout, stderr *bytes.Buffer
}

func startPreflight(t *testing.T, args ...string) preflightRun {
	t.Helper()
	return startPreflightIn(t, nil, args...)
}

// startPreflightIn starts it with that in its environment, and nothing else.
func startPreflightIn(t *testing.T, env []string, args ...string) preflightRun {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := preflightRun{exec.CommandContext(t.Context(), path, append([]string{"preflight"}, args...)...), &bytes.Buffer{}, &bytes.Buffer{}}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = append([]string{"TMPDIR=" + t.TempDir()}, env...), p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p preflightRun) wait(t *testing.T) (code int, stdout, stderr string) {
	t.Helper()
	err := p.cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()
}

// What could not be run is exit code 2, and says what is wanted.
func TestPreflightThatCannotRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing is configured":      {nil, "UPSTASH_REDIS_URL"},
		"there is no such item":      {[]string{"--backend", ".", "--only", "redis.fly"}, `no item is called "redis.fly"`},
		"nothing answers there":      {[]string{"--url", "http://127.0.0.1:1"}, "pongwatch local"},
		"no address":                 {[]string{"--url", "127.0.0.1"}, "want an address such as"},
		"a drill without an app":     {[]string{"--drill", "127.0.0.1:0"}, "--app-health-url"},
		"a variable that is empty":   {[]string{"--backend", ".", "--login-env", "NO_SUCH_VARIABLE"}, "--login-env NO_SUCH_VARIABLE"},
		"an unknown flag":            {[]string{"--bakend", "."}, "-bakend"},
		"a file cannot be written":   {[]string{"--backend", ".", "--only", "docs.archived", "--junit", "no/such/folder/x.xml"}, "no/such/folder"},
		"no database of that name":   {[]string{"--backend", ".", "--database", "other"}, `no database "other"`},
		"a token over plain http":    {[]string{"--url", "http://pongwatch.example.com"}, "https://"},
		"an app on no proper scheme": {[]string{"--backend", ".", "--app-token-env", "NO_SUCH_VARIABLE"}, "--app-token-env"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := startPreflight(t, c.args...).wait(t)
			if code != exitFailed || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, want 2 and %q:\n%s%s", code, c.want, stdout, stderr)
			}
		})
	}
}

// Without a terminal to watch, progress still goes to stderr only, and the record to
// files.
func TestPreflightWritesRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	junit, record := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "record.md")
	code, stdout, stderr := startPreflight(t, "--backend", fixture(t, "backend"), "--only", "packages.backend,docs.*",
		"--junit", junit, "--markdown", record).wait(t)
	if code != exitOK || !strings.Contains(stdout, "1 passed, 0 failed, 0 warnings, 1 manual, 0 skipped; 0 commands used") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if !strings.Contains(stderr, "packages.backend … pass") || strings.Contains(stdout, "…") {
		t.Errorf("progress belongs on stderr:\n%s\n%s", stderr, stdout)
	}
	for _, name := range []string{junit, record} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err != nil || !strings.Contains(string(data), "packages.backend") {
			t.Errorf("%s: %v\n%s", name, err, data)
		}
		f.Close()
	}
}
