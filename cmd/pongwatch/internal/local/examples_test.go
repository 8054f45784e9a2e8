package local

import (
	"os"
	"os/exec"
	"testing"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

const examples = "../../../../examples/"

// The examples' own tests: what they promise needs no pongwatch.
func TestTheNodeExample(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_NODE") != "1" {
		t.Skip("needs Node.js and npm: PONGWATCH_TEST_NODE=1 runs it")
	}
	for _, script := range []string{"check", "test"} {
		run(t, "backend-node", nil, "npm", "run", "--silent", script)
	}
}

func TestThePythonExample(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PYTHON") != "1" {
		t.Skip("needs Debian's python3, python3-fastapi, python3-httpx and python3-pytest: PONGWATCH_TEST_PYTHON=1 runs it")
	}
	redis := upstashtest.Start(t, upstashtest.Options{})
	env := []string{"EMULATOR_URL=" + redis.URL(), "EMULATOR_TOKEN=" + redis.Token(), "PYTHONDONTWRITEBYTECODE=1"}
	// Debian's own, which has the packages; another python3 may come first in PATH.
	run(t, "backend-python", env, "/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--stand-in")
}

func run(t *testing.T, example string, env []string, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = examples + example
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NO_COLOR=1"}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}
