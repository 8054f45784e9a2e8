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

	"github.com/pongwatch/pongwatch/internal/porttest"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
)

// process is a child of this one.
type process struct {
	cmd    *exec.Cmd
	url    string // of one that serve started
	output bytes.Buffer
	// answered is how long it took from exec to the first answer.
	answered time.Duration
}

// start starts a program with this environment. It is killed at the end of the benchmark.
func (l *lab) start(ctx context.Context, env []string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	l.stops = append(l.stops, p.stop)
	return p, nil
}

// startChild starts this program as one of its children.
func (l *lab) startChild(ctx context.Context, env []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return l.start(ctx, append(env, "HOME="+os.TempDir()), self, append([]string{"child"}, args...)...)
}

// serve starts a program of a function and waits for its first answer, whatever the status.
func (l *lab) serve(ctx context.Context, program, target string, env ...string) (*process, error) {
	port := porttest.Free()
	began := time.Now()
	p, err := l.start(ctx, append([]string{"FUNCTION_TARGET=" + target, "PORT=" + port, "LOCAL_ONLY=true"}, env...), program)
	if err != nil {
		return nil, err
	}
	for !answers(ctx, "127.0.0.1:"+port) {
		if time.Since(began) > 30*time.Second || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: no answer within %v:\n%s", program, time.Since(began), p.tail())
		}
		time.Sleep(100 * time.Microsecond)
	}
	p.answered, p.url = time.Since(began), "http://127.0.0.1:"+port+"/"
	return p, nil
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

// stop may be called again.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	_ = p.cmd.Wait()         // it was killed
}

// post sends JSON as Scheduler and Pub/Sub do, and wants 2xx.
func (p *process) post(ctx context.Context, body []byte, scheduled time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+oidctest.Verified(invoker, audience))
	if !scheduled.IsZero() {
		req.Header.Set("X-CloudScheduler-ScheduleTime", scheduled.UTC().Format(time.RFC3339))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, p.tail())
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s\n%s", resp.Status, answer, p.tail())
	}
	return err
}

// schedule posts the run of a shard and returns how long it took.
func (p *process) schedule(ctx context.Context, shard string, at time.Time) (time.Duration, error) {
	began := time.Now()
	err := p.post(ctx, []byte(`{"shard":"`+shard+`"}`), at)
	return time.Since(began), err
}

// get asks for a path, whatever the status.
func (p *process) get(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return err
	}
	return discard(http.DefaultClient, req)
}

// discard sends a request and reads the answer, whatever it is.
func discard(c *http.Client, req *http.Request) error {
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// tail is the end of what the program printed.
func (p *process) tail() string {
	text := p.output.String()
	return text[max(0, len(text)-2000):]
}

// cpu is the processor time that the process has used, in seconds.
func (p *process) cpu() (float64, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, err
	}
	const userTime, ticks = 11, 100 // after the name in brackets; a second of Linux has a hundred
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < userTime+2 {
		return 0, fmt.Errorf("the kernel does not say how much processor time was used\n%s", p.tail())
	}
	user, err := strconv.ParseFloat(fields[userTime], 64)
	system, err2 := strconv.ParseFloat(fields[userTime+1], 64)
	return (user + system) / ticks, errors.Join(err, err2)
}

// resident is the process's resident memory now ("VmRSS") or at its peak ("VmHWM"), in MB.
func (p *process) resident(field string) (float64, error) {
	return memoryOf(strconv.Itoa(p.cmd.Process.Pid), field)
}

// memoryOf reads what the kernel says of a process's memory, in MB.
func memoryOf(pid, field string) (float64, error) {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("the kernel does not say %s of process %s", field, pid)
}

// watch measures a process that pings databases so many times a second: its processor time in ms for each ping that was
// answered meanwhile, and its resident memory at the peak in MB.
func (p *process) watch(db *databases, perSecond int, warmingUp, watched time.Duration) (ms, mb float64, err error) {
	time.Sleep(warmingUp)
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	seen := db.pings.Load()
	time.Sleep(watched)
	after, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	pings := float64(db.pings.Load() - seen)
	if want := float64(perSecond) * watched.Seconds(); pings < want*0.8 || pings > want*1.2 {
		return 0, 0, fmt.Errorf("%.0f pings were answered, want about %.0f\n%s", pings, want, p.tail())
	}
	mb, err = p.resident("VmHWM")
	return (after - before) * 1000 / pings, mb, err
}
