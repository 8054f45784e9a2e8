package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pongwatch/pongwatch/internal/porttest"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
)

// server is a child that answers HTTP on loopback.
type server struct {
	cmd    *exec.Cmd
	url    string
	output bytes.Buffer
	// answered is how long it took from exec to the first answer.
	answered time.Duration
	// cpuBefore is the processor time in seconds from which on it is counted.
	cpuBefore float64
}

// startServer starts a function's program with nothing but env in its environment
// and waits for its first answer, whatever the status.
func startServer(ctx context.Context, binary string, env ...string) (*server, error) {
	port := porttest.Free()
	s := &server{url: "http://127.0.0.1:" + port + "/"}
	s.cmd = exec.CommandContext(ctx, binary)
	s.cmd.Env = append([]string{"FUNCTION_TARGET=HealthCheck", "PORT=" + port, "LOCAL_ONLY=true"}, env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for !answers(ctx, "127.0.0.1:"+port) {
		if time.Since(began) > 30*time.Second || ctx.Err() != nil {
			s.stop()
			return nil, fmt.Errorf("no answer within %v:\n%s", time.Since(began), s.output.String())
		}
		time.Sleep(100 * time.Microsecond)
	}
	s.answered = time.Since(began)
	return s, nil
}

// startPrinting starts a child that prints a line, its URL, once it serves. It ends with
// its standard input, and with this process.
func startPrinting(cmd *exec.Cmd) (stdin io.Closer, line string, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if stdin, err = cmd.StdinPipe(); err != nil {
		return nil, "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = stdin.Close()
		_ = cmd.Wait() // it ends with its standard input
		return nil, "", fmt.Errorf("reading its URL: %w", err)
	}
	return stdin, strings.TrimSpace(line), nil
}

// answers asks by hand: a client's own set-up would be measured too.
func answers(ctx context.Context, address string) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(20*time.Second)) != nil {
		return false
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "HTTP/1.1 ")
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	_ = s.cmd.Wait()         // it was killed
}

// schedule posts the run of a shard as Cloud Scheduler would and gives how long it took.
func (s *server) schedule(ctx context.Context, shard string, at time.Time) (time.Duration, error) {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(`{"shard":"`+shard+`"}`))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+oidctest.Verified(invoker, audience))
	req.Header.Set("X-CloudScheduler-ScheduleTime", at.UTC().Format(time.RFC3339))
	err = s.do(req)
	return time.Since(began), err
}

// get asks for a path, whatever the status.
func (s *server) get(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// do wants 2xx.
func (s *server) do(req *http.Request) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.tail())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s\n%s", resp.Status, body, s.tail())
	}
	return err
}

// tail is the end of what the program printed.
func (s *server) tail() string {
	text := s.output.String()
	return text[max(0, len(text)-2000):]
}

// cpu gives the processor time in seconds that the process has used, by the kernel's clock of the process,
// which counts nanoseconds: its page in /proc counts ticks of 10 ms.
func (s *server) cpu() (float64, error) {
	const allThreads = 2 // CPUCLOCK_SCHED of Linux' posix-timers.h; without its bit 4, of all threads
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^s.cmd.Process.Pid<<3|allThreads), &used); err != nil {
		return 0, fmt.Errorf("reading the processor time used: %w", err)
	}
	return time.Duration(used.Nano()).Seconds(), nil
}

// resident gives the process's resident memory and its peak, in MB.
func (s *server) resident() (now, peak float64, err error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kb, parseErr := strconv.ParseFloat(fields[1], 64)
		switch {
		case parseErr != nil:
		case fields[0] == "VmRSS:":
			now = kb / 1024
		case fields[0] == "VmHWM:":
			peak = kb / 1024
		}
	}
	if now == 0 {
		return 0, 0, errors.New("the kernel does not say how much memory is resident")
	}
	return now, peak, nil
}

// cpuTime is what this process has used so far, in user and kernel mode.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
