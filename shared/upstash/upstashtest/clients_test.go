package upstashtest_test

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// TestTheOfficialClients runs npm's @upstash/redis, old and current, and
// @upstash/ratelimit against the emulator. The commands that they sent are listed in
// clients/commands.txt.
func TestTheOfficialClients(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_NODE") != "1" {
		t.Skip("needs Node.js and npm: PONGWATCH_TEST_NODE=1 runs it")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("PONGWATCH_TEST_NODE=1, but Node.js is not installed: %v", err)
	}
	if _, err := os.Stat(filepath.Join("clients", "node_modules", "@upstash", "redis")); err != nil {
		t.Fatalf("run npm ci --ignore-scripts in %s/clients first: %v", "shared/upstash/upstashtest", err)
	}
	t.Run("over miniredis", func(t *testing.T) {
		assertListed(t, exercise(t, node, "miniredis", ""))
	})
	t.Run("over redis-server", func(t *testing.T) {
		assertListed(t, exercise(t, node, "redis-server", startRedis(t)))
	})
}

// exercise runs the suites and returns the commands that reached the emulator.
func exercise(t *testing.T, node, backend, redis string) []string {
	t.Helper()
	s := upstashtest.Start(t, upstashtest.Options{Redis: redis})
	suites, err := filepath.Glob("clients/suite/*.test.mjs")
	if err != nil || len(suites) == 0 {
		t.Fatalf("no suites: %v", err)
	}
	// One file after the other: they share the database.
	cmd := exec.CommandContext(t.Context(), node, append([]string{"--test", "--test-concurrency=1"}, suites...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NO_COLOR=1", "EMULATOR_BACKEND=" + backend,
		"EMULATOR_URL=" + s.URL(), "EMULATOR_TOKEN=" + s.Token(), "EMULATOR_READ_ONLY_TOKEN=" + s.ReadOnlyToken(),
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node --test: %v\n%s", err, failures(string(out)))
	}
	return slices.Sorted(maps.Keys(s.CommandCounts()))
}

// failures keeps what a reader of a failed run needs.
func failures(out string) string {
	if i := strings.Index(out, "failing tests"); i >= 0 {
		return out[i:]
	}
	return out
}

func assertListed(t *testing.T, commands []string) {
	t.Helper()
	goldentest.Compare(t, "clients/commands.txt", strings.Join(commands, "\n")+"\n")
}

// startRedis starts a redis-server and returns its address. It asks for
// PONGWATCH_TEST_REDIS=1.
func startRedis(t *testing.T) string {
	t.Helper()
	if os.Getenv("PONGWATCH_TEST_REDIS") != "1" {
		t.Skip("needs redis-server: PONGWATCH_TEST_REDIS=1 runs it")
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("PONGWATCH_TEST_REDIS=1, but redis-server is not installed: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command(program, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	t.Fatal("redis-server ended before it was ready")
	return ""
}
