package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
)

// built is the folder of the command, empty until a test needs it.
var built string

// binary builds the command once for all tests that need a process of its own.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pongwatch-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "pongwatch")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// process is a running `pongwatch local`.
type process struct {
	url   string
	cmd   *exec.Cmd
	log   *lockedBuffer
	ready time.Duration // from exec to the line that says where the pages are
	ended chan struct{}
}

// startLocal starts the binary with nothing in its environment but env, and waits for
// its greeting.
func startLocal(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{log: &lockedBuffer{}, ended: make(chan struct{})}
	p.cmd = exec.Command(path, append([]string{"local", "--addr", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append([]string{"TMPDIR=" + t.TempDir(), "TZ=UTC"}, env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stderr = p.log
	// It ends with the test, also when that panics or is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	greeted := make(chan string, 1)
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			fmt.Fprintln(p.log, lines.Text())
			if m := dashboardLine.FindStringSubmatch(lines.Text()); m != nil {
				greeted <- m[1]
			}
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("output of pongwatch local:\n%s", p.log)
		}
	})
	select {
	case p.url = <-greeted:
		p.ready = time.Since(began)
	case <-p.ended:
		t.Fatalf("pongwatch local ended: %v\n%s", p.cmd.ProcessState, p.log)
	case <-time.After(30 * time.Second):
		t.Fatalf("pongwatch local said nothing for 30 s\n%s", p.log)
	}
	return p
}

var dashboardLine = regexp.MustCompile(`^\s+dashboard\s+(http://\S+?)/$`)

// kill ends the process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// interrupt ends it as Ctrl-C does and returns its exit code.
func (p *process) interrupt(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		t.Fatal("pongwatch local did not stop within 15 s of an interrupt")
	}
	return p.cmd.ProcessState.ExitCode()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// ask makes one request and returns status code and body.
func ask(t *testing.T, method, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// eventually polls until ok says so, and fails the test with what was last seen.
func eventually[T any](t *testing.T, within time.Duration, what string, look func() T, ok func(T) bool) T {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		seen := look()
		if ok(seen) {
			return seen
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			pretty, _ := json.MarshalIndent(seen, "", "  ")
			t.Fatalf("not within %v: %s; last seen:\n%s", within, what, pretty)
		}
	}
}

func readInbox(t *testing.T, url string) inbox.Inbox {
	t.Helper()
	code, body := ask(t, http.MethodGet, url+"/inbox.json")
	var in inbox.Inbox
	if err := json.Unmarshal([]byte(body), &in); err != nil || code != http.StatusOK {
		t.Fatalf("inbox.json: %d, %v\n%s", code, err, body)
	}
	return in
}

func breakDemo(t *testing.T, url, mode string) {
	t.Helper()
	if code, body := ask(t, http.MethodPost, url+"/demo/break?mode="+mode); code != http.StatusOK {
		t.Fatalf("breaking: %d %s", code, body)
	}
}

// health returns the status that GET /api/v1/health/redis gives.
func health(t *testing.T, url string) string {
	t.Helper()
	code, body := ask(t, http.MethodGet, url+"/api/v1/health/redis")
	var answer struct{ Status string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("health: %d %s", code, body)
	}
	if good := answer.Status == "connected" || answer.Status == "degraded"; good != (code == http.StatusOK) {
		t.Errorf("health: status code %d for %s", code, answer.Status)
	}
	return answer.Status
}

func is(want string) func(string) bool { return func(got string) bool { return got == want } }
