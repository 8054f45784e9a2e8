package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/gameday"
	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/internal/porttest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// startApp runs a program that listens on that port, until the test ends, and waits until it does.
func startApp(t *testing.T, port string, app *exec.Cmd) {
	t.Helper()
	app.Stderr = t.Output()
	app.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-app.Process.Pid, syscall.SIGKILL)
		_ = app.Wait()
	})
	eventually(t, 2*time.Minute, "the app listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		return err == nil && c.Close() == nil
	}, func(up bool) bool { return up })
}

// playGameday plays with an app on port whose Redis is the proxy at redis, and returns the record.
func playGameday(t *testing.T, port, redis, health, page string, flags ...string) (gameday.Record, int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(flags, "--upstream") {
		flags = append(slices.Clone(flags), "--database-token-env", "TOKEN")
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{
		"gameday", "--json", "--listen", "127.0.0.1:" + redis,
		"--app-health-url", "http://127.0.0.1:" + port + health, "--app-url", "http://127.0.0.1:" + port + page,
	}, flags...)...)
	cmd.Env = []string{"TOKEN=" + drillToken}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = t.Output()
	out, _ := cmd.Output() // the exit code is judged by the caller
	var r gameday.Record
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("exit code %d: %v\n%s", cmd.ProcessState.ExitCode(), err, out)
	}
	if strings.Contains(string(out), drillToken) {
		t.Errorf("the record holds the token:\n%s", out)
	}
	return r, cmd.ProcessState.ExitCode()
}

// patiently lets a busy machine take its time. A game day ends as soon as everything is decided.
var patiently = []string{"--patience", "3m", "--timeout", "1m", "--alert-patience", "3m", "--every", "200ms"}

func scores100(t *testing.T, r gameday.Record, code int) {
	t.Helper()
	if r.Score != 100 || code != exitOK {
		var b strings.Builder
		_ = gameday.WriteTable(&b, r)
		t.Errorf("exit code %d:\n%s", code, &b)
	}
}

// What docs/gameday.md tells a stranger to paste plays a game day in which the Node example, and
// the pongwatch that watches it, score 100.
func TestGamedayAsItsPageSays(t *testing.T) {
	needNode(t)
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/gameday.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- run:.*?```bash\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/gameday.md has no script to run")
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	changes := []string{"./pongwatch", path, "cd examples/", "cd " + examples + "/", "--causes", strings.Join(patiently, " ") + " --causes"}
	for _, port := range []string{"8079", "9000", "8080", "3000"} {
		changes = append(changes, port, porttest.Free())
	}
	script := strings.NewReplacer(changes...).Replace(string(block[1]))
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-c", script)
	bash.Dir, bash.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TZ=UTC"}
	bash.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	bash.Cancel = func() error { return syscall.Kill(-bash.Process.Pid, syscall.SIGKILL) }
	bash.WaitDelay = 10 * time.Second
	out, err := bash.CombinedOutput()
	_ = syscall.Kill(-bash.Process.Pid, syscall.SIGKILL)
	if err != nil || !strings.Contains(string(out), "score 100 of 100: 370 of 370 points in 4 causes") {
		log, _ := os.ReadFile(filepath.Join(dir, "pongwatch.txt"))
		t.Fatalf("%v\n%s\n%s\n%s", err, script, out, log)
	}
	for file, words := range map[string]string{
		"gameday.md": "370 of 370 points", "gameday.xml": `<testsuite name="quota_monthly" tests="7" failures="0"`, "alerts.txt": `"cause":"quota_monthly"`,
	} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(text), words) {
			t.Errorf("%s: %v, want %q in it:\n%s", file, err, words, text)
		}
	}
}

// The Python example scores 100 with a database behind the proxy, which stays well. A pongwatch
// that was not named does not count.
func TestGamedayOfThePythonExample(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PYTHON") != "1" {
		t.Skip("needs Debian's python3, python3-fastapi, python3-httpx and python3-uvicorn: PONGWATCH_TEST_PYTHON=1 runs it")
	}
	t.Parallel()
	port, redis := porttest.Free(), porttest.Free()
	database := upstashtest.Start(t, upstashtest.Options{Token: drillToken})
	// Debian's own, which has the packages; another python3 may come first in PATH.
	app := exec.Command("/usr/bin/python3", "-m", "uvicorn", "--port", port, "--log-level", "warning", "backend.main:app")
	app.Dir = "../../examples/backend-python"
	app.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=.:tests/standin",
		"UPSTASH_REDIS_URL=http://127.0.0.1:" + redis, "UPSTASH_REDIS_TOKEN=" + drillToken, "REDIS_RETRY_SECONDS=1",
	}
	startApp(t, port, app)
	r, code := playGameday(t, port, redis, "/api/v1/health/redis", "/api/v1/greeting", append(patiently, "--upstream", database.URL(), "--causes", "tcp_refused,timeout_response,auth_invalid,write_paused")...)
	if r.Database != database.URL() || database.Commands() == 0 {
		t.Errorf("%d commands have come to %s, behind which is %s", database.Commands(), r.Database, database.URL())
	}
	scores100(t, r, code)
	for _, row := range r.Rows {
		for _, c := range row.Cells[5:] {
			if c.Status != preflight.Skipped || c.Reason != "no running pongwatch was named" {
				t.Errorf("%s, %s: %s %s, want not asked", row.Cause, c.Question, c.Status, c.Reason)
			}
		}
	}
}

// The Next.js example scores 100.
func TestGamedayOfTheNextjsExample(t *testing.T) {
	needNode(t)
	t.Parallel()
	dir := buildFrontend(t)
	port, redis := porttest.Free(), porttest.Free()
	app := exec.Command("node", "node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1", "--port", port)
	app.Dir = dir
	app.Env = append(frontendEnv(t), "UPSTASH_REDIS_URL=http://127.0.0.1:"+redis, "UPSTASH_REDIS_TOKEN="+drillToken, "REDIS_RETRY_SECONDS=1")
	startApp(t, port, app)
	r, code := playGameday(t, port, redis, "/api/v1/health/redis", "/api/v1/greeting", append(patiently, "--every", "1s", "--causes", "tcp_refused,auth_invalid")...)
	scores100(t, r, code)
}

// Two bad apps are caught at each of their faults.
func TestGamedayCatchesBadApps(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PROCESSES") == "" {
		t.Skip("set PONGWATCH_TEST_PROCESSES=1: real processes that wait in real time")
	}
	t.Parallel()
	tests := []struct {
		app    string
		caught []string
	}{
		{"silent", []string{
			// It waits as long as Redis lets it, and never looks.
			"timeout_response users: users get errors: no answer within 2s",
			"timeout_response noticed: the app does not notice within 6 s: its health page says connected",
			"timeout_response fallback: users are not served: no answer within 2s",
			`timeout_response says: its health page never says "mock": its health page says connected`,
			"tcp_refused noticed: the app does not notice within 6 s: its health page says connected",
			`tcp_refused says: its health page never says "mock": its health page says connected`,
		}},
		{"stuck", []string{
			"tcp_refused users: users get errors: HTTP 500",
			"tcp_refused fallback: users are not served: HTTP 500",
			"tcp_refused recovery: the app does not come back within 6 s: HTTP 500",
			// Its later faults are lost, each of them.
			"auth_invalid users: the app has not come back from the cause before",
			"auth_invalid recovery: the app has not come back from the cause before",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.app, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(t.TempDir(), tt.app)
			if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/badapps/"+tt.app).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			port, redis := porttest.Free(), porttest.Free()
			app := exec.Command(program)
			app.Env = []string{"PORT=" + port, "UPSTASH_REDIS_URL=http://127.0.0.1:" + redis, "UPSTASH_REDIS_TOKEN=" + drillToken}
			startApp(t, port, app)
			causes := "tcp_refused,timeout_response"
			if tt.app == "stuck" {
				causes = "tcp_refused,auth_invalid"
			}
			r, code := playGameday(t, port, redis, "/health", "/page", "--patience", "6s", "--timeout", "2s", "--every", "200ms", "--causes", causes)
			if code != exitNo || r.Score > 60 {
				t.Errorf("exit code %d, score %d", code, r.Score)
			}
			var found strings.Builder
			for _, row := range r.Rows {
				for _, c := range row.Cells {
					if c.Status == preflight.Fail {
						fmt.Fprintf(&found, "%s %s: %s: %s\n", row.Cause, c.Question, c.Reason, c.Evidence)
					}
				}
			}
			for _, want := range tt.caught {
				if !hasLine(found.String(), want) {
					t.Errorf("it is not caught: %s; caught:\n%s", want, &found)
				}
			}
		})
	}
}

// hasLine reports whether a line begins with the reason and holds the evidence of want.
func hasLine(text, want string) bool {
	parts := strings.SplitN(want, ": ", 3)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), strings.Join(parts[:2], ": ")) && strings.Contains(lines.Text(), strings.Join(parts[2:], "")) {
			return true
		}
	}
	return false
}
