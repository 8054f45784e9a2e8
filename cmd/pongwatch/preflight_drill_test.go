package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/internal/porttest"
)

func needNode(t *testing.T) {
	t.Helper()
	if os.Getenv("PONGWATCH_TEST_NODE") != "1" {
		t.Skip("needs Node.js and npm: PONGWATCH_TEST_NODE=1 runs it")
	}
}

// startNodeExample runs the example's backend on Redis at that port, as a child that
// ends with the test.
func startNodeExample(t *testing.T, port, redis string, env ...string) {
	t.Helper()
	dir := filepath.Join("..", "..", "examples", "backend-node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatalf("run npm ci --ignore-scripts in examples/backend-node first: %v", err)
	}
	app := exec.Command("node", "--import", "tsx", "src/server.ts")
	app.Dir = dir
	app.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "HOST=127.0.0.1", "PORT=" + port,
		"UPSTASH_REDIS_URL=http://127.0.0.1:" + redis, "UPSTASH_REDIS_TOKEN=" + drillToken,
	}, env...)
	app.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	app.Stderr = t.Output()
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-app.Process.Pid, syscall.SIGKILL)
		_ = app.Wait()
	})
}

const drillToken = "the-token-of-the-drill"

// The Node example in staging, on the emulator that preflight serves and breaks: it
// falls back and returns by itself. One that waits for a restart is found out.
func TestPreflightDrillsTheNodeExample(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, retry, patience string
		code                  int
		says                  []string
	}{
		{"it returns by itself", "1", "60s", exitOK, []string{"PASS", "connected, in mock mode while Redis was gone, connected again"}},
		{"it waits for a restart", "0", "20s", exitNo, []string{"FAIL", "with Redis back the app stays in mock mode", "1. The app must keep serving"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			needNode(t)
			app, redis := porttest.Free(), porttest.Free()
			run := startPreflightIn(t, []string{"DRILL_TOKEN=" + drillToken}, "--only", "app.fallback",
				"--drill", "127.0.0.1:"+redis, "--drill-token-env", "DRILL_TOKEN", "--drill-patience", tt.patience,
				"--app-health-url", "http://127.0.0.1:"+app+"/api/v1/health/redis")
			eventually(t, time.Minute, "the emulator", func() bool {
				c, err := net.Dial("tcp", "127.0.0.1:"+redis)
				return err == nil && c.Close() == nil
			}, func(up bool) bool { return up })
			startNodeExample(t, app, redis, "REDIS_RETRY_SECONDS="+tt.retry)
			code, stdout, stderr := run.wait(t)
			if code != tt.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, tt.code, stdout, stderr)
			}
			for _, words := range tt.says {
				if !strings.Contains(stdout, words) {
					t.Errorf("it does not say %q:\n%s", words, stdout)
				}
			}
			if strings.Contains(stdout+stderr, drillToken) {
				t.Errorf("an output shows the token:\n%s%s", stdout, stderr)
			}
		})
	}
}

// Each receiver really takes the drill, once, and it is marked as one.
func TestPreflightDrillsTheReceivers(t *testing.T) {
	t.Parallel()
	p := startLocal(t, nil)
	code, stdout, stderr := startPreflight(t, "--url", p.url, "--only", "alerting.*").wait(t)
	if code != exitOK || !strings.Contains(stdout, "email-oncall/oncall@example.com delivered, slack-oncall delivered") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	in := readInbox(t, p.url)
	if len(in.Slack) != 1 || len(in.Mail) != 1 {
		t.Fatalf("%d Slack messages and %d mails, want one each", len(in.Slack), len(in.Mail))
	}
	for what, text := range map[string]string{"Slack message": in.Slack[0].Text, "mail": in.Mail[0].Subject} {
		if !strings.Contains(strings.ToLower(text), "drill") {
			t.Errorf("the %s is called %q, want it marked", what, text)
		}
	}
}
