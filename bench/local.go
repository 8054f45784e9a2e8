package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// watchedFor is how long each program is measured, after warmingUp.
	watchedFor = 15 * time.Second
	warmingUp  = 4 * time.Second
)

// localCost measures the processor time of a check and the resident memory of `pongwatch local` in turn with those of its
// peers that are installed: the same databases over plain http, one check of each a second. Peers are programs of PATH:
//
//	go install github.com/cloudprober/cloudprober/cmd/cloudprober@v0.14.0
//	go install github.com/TwiN/gatus/v5@latest
func localCost(ctx context.Context, l *lab) error {
	program := filepath.Join(l.dir, "pongwatch")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", program, "./cmd/pongwatch")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building pongwatch: %w\n%s", err, out)
	}
	for _, targets := range []int{100, 1} {
		db, err := startDatabases(ctx, "", 0)
		if err != nil {
			return err
		}
		err = l.compareLocal(ctx, program, db.url, targets)
		db.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) compareLocal(ctx context.Context, program, address string, targets int) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	peers := []struct {
		name, program string
		args          []string
		file, text    string
	}{
		{"pongwatch local", program, []string{"local", "--addr", "127.0.0.1:0", "--data", filepath.Join(l.dir, fmt.Sprint("data-", targets)), "--every", "1s"}, "pongwatch.yaml", localDocument(address, targets)},
		{"Cloudprober", "cloudprober", []string{"--config_file", filepath.Join(l.dir, "cloudprober.cfg")}, "cloudprober.cfg", cloudproberDocument(u, targets)},
		{"Gatus", "gatus", nil, "gatus.yaml", gatusDocument(address, targets)},
	}
	var ours float64
	for _, p := range peers {
		if p.program, err = exec.LookPath(p.program); err != nil {
			fmt.Printf("%-46s is not installed\n", p.name)
			continue
		}
		file := filepath.Join(l.dir, p.file)
		if err := os.WriteFile(file, []byte(p.text), 0o600); err != nil {
			return err
		}
		ms, mb, err := watchProgram(ctx, address, targets, p.program, p.args, "PONGWATCH_CONFIG="+file, "GATUS_CONFIG_PATH="+file, "PORT=0", "HOME="+l.dir)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		r := result{what: fmt.Sprintf("%s, %d targets a second: CPU a check", p.name, targets), value: ms, unit: "ms"}
		if p.name == "pongwatch local" {
			ours = ms
			if targets == 1 {
				r.max = 3
			}
		} else {
			r.base, r.baseValue = "pongwatch local", ours
		}
		l.report(r)
		l.report(result{what: "  resident memory", value: mb, unit: "MB"})
	}
	return nil
}

// watchProgram runs a program and gives its processor time in ms for each ping that the databases answered meanwhile.
func watchProgram(ctx context.Context, address string, targets int, program string, args []string, env ...string) (ms, mb float64, err error) {
	s := &server{cmd: exec.CommandContext(ctx, program, args...)}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer s.stop()
	time.Sleep(warmingUp)
	before, err := s.cpu()
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, s.tail())
	}
	seen, err := count(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(watchedFor)
	after, err := s.cpu()
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, s.tail())
	}
	now, err := count(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	if checks, want := now-seen, int64(targets)*int64(watchedFor/time.Second); checks < want*8/10 || checks > want*12/10 {
		return 0, 0, fmt.Errorf("%d checks, want about %d\n%s", checks, want, s.tail())
	}
	_, mb, err = s.resident()
	return (after - before) * 1000 / float64(now-seen), mb, err
}

func localDocument(address string, n int) string {
	return "alerting: {canary: {enabled: false}}\nchecks: {write: {enabled: false}, round_trip: {enabled: false}, isolation: {enabled: false}, values: {enabled: false}}\n" +
		"schedule: {metrics: 1h}\ndatabases:\n" + databaseEntries("main", n, address, token)
}

func cloudproberDocument(u *url.URL, n int) string {
	var b strings.Builder
	b.WriteString("surfacer { type: PROMETHEUS }\nprobe { name: \"ping\" type: HTTP targets {\n")
	for i := range n {
		fmt.Fprintf(&b, "  endpoint { name: \"db-%03d\" url: \"%s/ping\" }\n", i, u)
	}
	return b.String() + "} interval: \"1s\" timeout: \"900ms\" validator { name: \"pong\" regex: \"PONG\" } " +
		"http_probe { latency_breakdown: [ALL_STAGES] header { key: \"Authorization\" value: \"Bearer " + token + "\" } } }\n"
}

func gatusDocument(address string, n int) string {
	var b strings.Builder
	b.WriteString("web: {port: 18099}\nconcurrency: 0\nendpoints:\n")
	for i := range n {
		fmt.Fprintf(&b, "- {name: ping-%03d, url: \"%s/ping\", interval: 1s, headers: {Authorization: \"Bearer %s\"}, conditions: [\"[STATUS] == 200\", \"[BODY].result == PONG\"]}\n", i, address, token)
	}
	return b.String()
}
