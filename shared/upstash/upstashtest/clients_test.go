package upstashtest_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/internal/redistest"
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
		assertListed(t, exercise(t, node, "redis-server", redistest.Start(t).Addr))
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
