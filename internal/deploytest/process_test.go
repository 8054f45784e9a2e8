package deploytest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// freeAddress is an address of loopback on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// output is what a process has said.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// run starts a process that ends with the test, and waits until it listens.
func run(t *testing.T, address string, environment []string, name string, args ...string) *output {
	t.Helper()
	said := &output{}
	cmd := exec.Command(name, args...)
	cmd.Env = environment
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { defer close(exited); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
		if t.Failed() {
			text := said.String()
			t.Logf("%s said:\n%s", filepath.Base(name), text[max(0, len(text)-4000):])
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
			_ = conn.Close()
			return said
		}
		select {
		case <-exited:
			t.Fatalf("%s ended before it listened", name)
		case <-ctx.Done():
			t.Fatalf("%s does not listen", name)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// emulator starts an emulator of the Google Cloud SDK, unless one is running already.
func emulator(t *testing.T, variable, jar string, class ...string) (address string) {
	t.Helper()
	if running := os.Getenv(variable); running != "" {
		return running
	}
	gcloud, err := exec.LookPath("gcloud")
	if err == nil {
		gcloud, err = filepath.EvalSymlinks(gcloud)
	}
	if err != nil {
		t.Fatalf("PONGWATCH_TEST_CLOUD=1 asks for the Google Cloud SDK: %v", err)
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(gcloud)), filepath.FromSlash(jar)))
	if err != nil || len(found) == 0 {
		t.Fatalf("the Google Cloud SDK has no %s: gcloud components install", jar)
	}
	address = freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-Duser.language=en"}
	if len(class) == 0 {
		args = append(args, "-jar", found[0])
	} else {
		args = append(args, "-cp", found[0], class[0], "start")
	}
	run(t, address, os.Environ(), "java", append(args, "--host="+host, "--port="+port)...)
	return address
}

// variablesOf are the names in an environment, for failures.
func variablesOf(environment []string) string {
	var names []string
	for _, pair := range environment {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
