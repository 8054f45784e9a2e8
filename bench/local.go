package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	if err := goBuild(ctx, repository, program, "./cmd/pongwatch"); err != nil {
		return err
	}
	for _, targets := range []int{100, 1} {
		db, err := l.databases(ctx, false, 0)
		if err != nil {
			return err
		}
		if err := l.compareLocal(ctx, program, db, targets); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) compareLocal(ctx context.Context, program string, db *databases, targets int) error {
	file := filepath.Join(l.dir, "document")
	peers := []struct {
		name, program, document string
		args                    []string
	}{
		{"pongwatch local", program, localDocument(db, targets), []string{"local", "--addr", "127.0.0.1:0", "--data", filepath.Join(l.dir, fmt.Sprint("data-", targets)), "--every", "1s"}},
		{"Cloudprober", "cloudprober", cloudproberDocument(db.url, targets), []string{"--config_file", file + ".cfg"}},
		{"Gatus", "gatus", gatusDocument(db.url, targets), nil},
	}
	var ours float64
	for _, p := range peers {
		path, err := exec.LookPath(p.program)
		if err != nil {
			fmt.Printf("%-46s is not installed\n", p.name)
			continue
		}
		for _, extension := range []string{".cfg", ".yaml"} { // by which each tells its format
			if err := os.WriteFile(file+extension, []byte(p.document), 0o600); err != nil {
				return err
			}
		}
		env := append(os.Environ(), "PONGWATCH_CONFIG="+file+".yaml", "GATUS_CONFIG_PATH="+file+".yaml", "PORT=0", "HOME="+l.dir)
		watched, err := l.start(ctx, env, path, p.args...)
		if err != nil {
			return err
		}
		ms, mb, err := watched.watch(db, targets, warmingUp, watchedFor)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		watched.stop()
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

func localDocument(db *databases, n int) string {
	return "alerting: {canary: {enabled: false}}\nchecks: {write: {enabled: false}, round_trip: {enabled: false}, isolation: {enabled: false}, values: {enabled: false}}\n" +
		"schedule: {metrics: 1h}\ndatabases:\n" + db.entries("main", 0, n, token)
}

func cloudproberDocument(address string, n int) string {
	var b strings.Builder
	b.WriteString("surfacer { type: PROMETHEUS }\nprobe { name: \"ping\" type: HTTP targets {\n")
	for i := range n {
		fmt.Fprintf(&b, "  endpoint { name: \"db-%03d\" url: \"%s/ping\" }\n", i, address)
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
